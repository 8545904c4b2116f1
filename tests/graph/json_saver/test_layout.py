"""Ids as file names: no two ids share a name, on any file system."""

from __future__ import annotations

import itertools
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_runner.graph.json_saver.layout import decode_name, encode_name
from tests.graph.json_saver.stores import config_of, put, values_of

ID = st.text(st.characters(exclude_categories=()), max_size=30)
ALIKE = [
    "team/a_1",
    "team_a_1",
    "Team/a_1",
    "TEAM_A_1",
    "team/A_1",
    "team a 1",
    "team%2fa_1",
    "team.a_1",
    "é",
    "e\u0301",
]
ODD = [
    "",
    ".",
    "..",
    "@root",
    "~",
    "a/../../b",
    "\x00",
    "\ud800",
    "con",
    "a" * 500,
    "A" * 500,
    "a" * 501,
    " ",
    "a ",
    "a.",
]


@given(ID)
def test_a_name_gives_its_id_back(text):
    """The id can be computed from the name, so names are unique."""
    assert decode_name(encode_name(text)) in {text, None}
    assert decode_name(encode_name(text[:10])) == text[:10]


@given(ID, ID)
def test_names_differ_without_regard_to_case(left, right):
    """And after any Unicode normalization."""
    if left != right:
        assert encode_name(left).casefold() != encode_name(right).casefold()
        assert unicodedata.normalize("NFKD", encode_name(left)) == encode_name(left)


@given(ID)
def test_a_name_is_one_plain_component(text):
    """No separator, no dot, not too long for a suffix."""
    name = encode_name(text)
    assert name.isascii()
    assert not set(name) & set("/\\.: ")
    assert 0 < len(name) <= 170


@pytest.mark.parametrize("name", ["A", "a.b", "%5G", "%A0", "a/b", ""])
def test_a_name_that_no_store_makes_is_refused(name):
    """It is not a file of the store."""
    with pytest.raises(ValueError, match="not a name"):
        decode_name(name)


def test_threads_that_look_alike_do_not_meet(saver):
    """Each keeps its own state."""
    threads = [*ALIKE, *ODD]
    for number, thread_id in enumerate(threads):
        put(saver, "1", config_of(thread_id), number=number)
    assert [values_of(saver, config_of(t))["number"] for t in threads] == list(range(len(threads)))
    assert sorted(item.config["configurable"]["thread_id"] for item in saver.list(None)) == sorted(threads)


def test_namespaces_that_look_alike_do_not_meet(saver):
    """The same holds for checkpoint ids, which also keep their order."""
    for number, (namespace, checkpoint_id) in enumerate(
        itertools.product(ALIKE, ["a" * 300, "B" * 300, "b"])
    ):
        put(saver, checkpoint_id, config_of(checkpoint_ns=namespace), number=number)
    found = [item.checkpoint["channel_values"]["number"] for item in saver.list(config_of(checkpoint_ns="é"))]
    assert found == [26, 24, 25]
    assert values_of(saver, config_of(checkpoint_ns="é")) == {"number": 26}


def test_tasks_that_look_alike_do_not_meet(saver):
    """Each task keeps its own writes."""
    config = put(saver, "1")
    for task_id in [*ALIKE, *ODD]:
        saver.put_writes(config, [("a", task_id)], task_id)
    assert sorted(write[2] for write in saver.get_tuple(config).pending_writes) == sorted([*ALIKE, *ODD])


def test_a_thread_id_may_be_a_number(saver):
    """It is converted to text."""
    config = put(saver, "1", config_of(7), x=1)  # type: ignore[arg-type]
    assert values_of(saver, config_of("7")) == {"x": 1}
    saver.delete_thread(7)
    assert values_of(saver, config) is None
