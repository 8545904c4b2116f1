"""Values that LangGraph's serializer changes, texts that JSON merges, and nodes that change what is being stored."""

from __future__ import annotations

import dataclasses
import json
import math
import threading
from enum import Enum
from typing import Any

import orjson
import ormsgpack
import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from langgraph_runner.graph import CheckpointSerializationError
from langgraph_runner.graph.json_saver.documents import seal
from langgraph_runner.graph.json_saver.encoding import ValueCodec, plain_json
from tests.graph.json_saver.stores import checkpoint_of, config_of, put, values_of


@dataclasses.dataclass(frozen=True)
class Known:
    """A class that the serializer restores."""

    x: int = 1


class Outer:
    """Holds a class that the serializer cannot find again."""

    @dataclasses.dataclass(frozen=True)
    class Nested:
        """It comes back as a dict."""

        x: int = 1


class Tag(Enum):
    """An enum; if the class is blocked, its member comes back as a text."""

    RED = "red"


def as_others(value: Any) -> Any:
    """The value as LangGraph's in-memory saver returns it."""
    saver = InMemorySaver()
    config = saver.put(config_of(), checkpoint_of("1", value=value), {}, {"value": 1})
    found = saver.get_tuple(config)
    assert found is not None
    return found.checkpoint["channel_values"]["value"]


@pytest.mark.parametrize("value", [{Outer.Nested()}, frozenset({Outer.Nested(2), 7})])
def test_a_set_that_cannot_be_restored_comes_back_as_with_other_savers(saver, value):
    """As a list. The thread can be read and resumed."""
    put(saver, "1", value=value)
    found = values_of(saver)["value"]
    assert found == as_others(value)
    assert type(found) is list


@pytest.mark.parametrize("key", [Outer.Nested(), (1, Outer.Nested()), frozenset({Outer.Nested()})])
def test_a_dict_key_that_cannot_be_restored_is_refused(saver, key):
    """`put` raises an error that names the type of the key, and stores nothing."""
    with pytest.raises(CheckpointSerializationError, match=r"key of type .* cannot be a key\. Use a text"):
        put(saver, "1", value={key: 1})
    assert values_of(saver) is None


def test_a_dict_key_that_can_be_restored_is_kept(saver):
    """A frozen dataclass at the top of a module is such a key."""
    put(saver, "1", value={Known(): 1, (1, Known(2)): 2})
    assert values_of(saver) == {"value": {Known(): 1, (1, Known(2)): 2}}


@pytest.mark.parametrize(
    ("value", "left"),
    [
        ({Known(3)}, [{"x": 3}]),
        ({Known(3): "a"}, [[{"x": 3}, "a"]]),
        ({Tag.RED: 1, "red": 2}, [["red", 1], ["red", 2]]),
    ],
    ids=["set", "dict", "keys that become one"],
)
def test_a_class_that_is_blocked_later_does_not_hide_the_thread(files, value, left, caplog):
    """The data comes back as lists, with a warning."""
    put(files.saver(), "1", value=value, topic="tea")
    strict = files.saver(serde=JsonPlusSerializer(allowed_msgpack_modules=None))
    assert values_of(strict) == {"value": left, "topic": "tea"}
    assert "checkpoint.value_restored_as_list" in caplog.text


def test_keys_that_would_become_one_are_refused(files):
    """Here the serializer already returns a text for the member of the enum."""
    saver = files.saver(serde=JsonPlusSerializer(allowed_msgpack_modules=None))
    with pytest.raises(CheckpointSerializationError, match="come back as one"):
        put(saver, "1", value={Tag.RED: 1, "red": 2})


SPLIT = "\ud83d\ude00"
"""Two surrogates, which are not the one character U+1F600."""


@pytest.mark.parametrize("text", [SPLIT, f"a{SPLIT}b{SPLIT}", f"\ude00{SPLIT}\ud83d", f"{SPLIT}\U0001f600"])
def test_two_surrogates_stay_two(saver, text):
    """As a value, and as a key beside the single character that JSON would decode them to."""
    value = {text: text, text.replace(SPLIT, "\U0001f600"): 1}
    put(saver, "1", value=value)
    assert values_of(saver) == {"value": value}
    assert len(values_of(saver)["value"]) == 2


def test_ids_of_surrogates_name_what_they_should(files):
    """The ids of a thread, a checkpoint and a task, and the name of a channel."""
    saver = files.saver()
    config = put(saver, SPLIT, config_of(SPLIT), topic="two")
    put(saver, "\U0001f600", config_of("\U0001f600"), topic="one")
    saver.put_writes(config, [(SPLIT, 1)], SPLIT, SPLIT)
    found = files.saver().get_tuple(config_of(SPLIT))
    assert found.config == config
    assert found.pending_writes == [(SPLIT, SPLIT, 1)]
    assert values_of(files.saver(), config_of("\U0001f600")) == {"topic": "one"}


def written(value: Any, level: int = 1) -> bytes:
    """A value as a document holds it."""
    return seal("checkpoint", {"state": ValueCodec(JsonPlusSerializer()).encode(value, level)})


def test_plain_values_are_indented_like_others():
    """The shortcut for plain JSON writes the same text as the walk over the value."""
    value = {"a": [1, {"b": [], "c": {}}, [[2]]], "d": "ü\n", "e": None, "f": -0.5}
    walked = seal("checkpoint", {"state": value})
    assert written(value) == walked
    nested = orjson.dumps([[plain_json(value, 2, 100)]], option=orjson.OPT_INDENT_2)
    assert nested == orjson.dumps([[value]], option=orjson.OPT_INDENT_2)


@pytest.mark.parametrize(
    "odd",
    [(), {1}, b"", bytearray(), 2**64, math.nan, -math.inf, "\ud800", {1: 2}, {"$a": 1}, Known(), Tag.RED],
)
def test_what_is_more_than_json_is_never_taken_for_plain(odd):
    """Native encoders would write a tuple as a list, and NaN as null."""
    assert plain_json([1.5, {"a": odd}], 1, 100) is None


@pytest.mark.parametrize("changes", [1, 100])
def test_a_value_that_changes_while_it_is_stored_is_stored_as_of_one_moment(monkeypatch, changes):
    """After one change it is read again. If it keeps changing, each list and dict is copied in one call."""
    value: dict[str, Any] = {str(number): number for number in range(40)}
    packb, left = ormsgpack.packb, changes

    def packed_then_changed(given: Any, **options: Any) -> bytes:
        nonlocal left
        packed = packb(given, **options)
        if left > 0:  # As another thread would do.
            left -= 1
            value[f"new {left}"] = ()
        return packed

    monkeypatch.setattr(ormsgpack, "packb", packed_then_changed)
    found = json.loads(written(value))["state"]
    assert list(found)[:40] == [str(number) for number in range(40)]
    assert {json.dumps(found[key]) for key in list(found)[40:]} == {'{"$tuple": []}'}


def test_a_dict_that_grows_while_it_is_walked_does_not_fail(saver):
    """LangGraph stores in the background while a node adds to the same dict."""
    value: dict[Any, Any] = {(number,): {"n": (number,)} for number in range(2_000)}
    is_over = threading.Event()

    def grow() -> None:
        number = 2_000
        while not is_over.is_set():
            value[(number,)] = {"n": (number,)}
            number += 1
            if number > 4_000:
                for key in [key for key in value if key[0] >= 2_000]:
                    del value[key]
                number = 2_000

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        for checkpoint_id in "12345":
            put(saver, checkpoint_id, value=value)
    finally:
        is_over.set()
        thread.join()
    found = values_of(saver)["value"]
    assert all(found[(number,)] == {"n": (number,)} for number in range(2_000))
