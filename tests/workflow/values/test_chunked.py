"""Large values, handled in chunks."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationError

from langgraph_runner.workflow.errors import StepOutputError
from langgraph_runner.workflow.values import chunked
from langgraph_runner.workflow.values import output_type as values
from langgraph_runner.workflow.values.chunked import CHUNKED_CHARS, ChunkedCodec
from langgraph_runner.workflow.values.output_type import OutputType
from langgraph_runner.workflow.values.round_trip import find_difference


class Row(BaseModel):
    """A row of a table."""

    number: int = Field(alias="no", ge=0)
    name: str = ""
    more: list[float] = []


texts = st.text(max_size=6) | st.sampled_from(
    ['"', "\\", '\\"', "[", "},{", '":', "é", "\U0001f600", "$a", ""]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(texts, inner, max_size=8),
    max_leaves=60,
)
rows = st.builds(
    Row, no=st.integers(0, 9), name=texts, more=st.lists(st.integers() | st.floats(), max_size=3)
)
mixed = st.recursive(
    scalars | rows | st.sampled_from([float("nan"), b"x", (1, 2), {3}, "\ud800", 10**400]),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(texts | st.integers(0, 3), inner, max_size=8),
    max_leaves=40,
)
ANNOTATED = [
    (Any, json_values),
    (list, st.lists(json_values)),
    (dict, st.dictionaries(texts, json_values)),
    (list[int], st.lists(st.integers())),
    (list[int | str], st.lists(st.integers() | texts)),
    (list[list[str]], st.lists(st.lists(texts))),
    (list[Row], st.lists(rows)),
    (list[dict], st.lists(st.dictionaries(texts, json_values))),
    (dict[str, Any], st.dictionaries(texts, json_values)),
    (dict[str, float], st.dictionaries(texts, st.integers() | st.floats(allow_nan=False))),
    (dict[str, list[Row]], st.dictionaries(texts, st.lists(rows))),
    (list[Row | None] | None, st.none() | st.lists(st.none() | rows)),
    (dict[int, str], st.dictionaries(st.integers(), texts)),
    (tuple[int, ...], st.lists(st.integers()).map(tuple)),
]


def tiny():
    """Make chunks of a few items."""
    return patch.multiple(chunked, CHUNKED_PARTS=7, CHUNK_PARTS=7, CHUNK_CHARS=16, _FIRST_CHUNK_ITEMS=2)


def outcome_of(output, value):
    """Return the JSON of a value, its hash and what comes back; or the message of the refusal."""
    try:
        data, digest = output.dump_with_hash(value)
        return data, digest, repr(output.load(data))
    except StepOutputError as error:
        return str(error)


@pytest.mark.no_cover
@settings(max_examples=150)
@given(data=st.data())
def test_chunks_give_the_same_as_one_call_for_the_whole(data):
    """JSON, hash, value and message are the same for any type and any size of chunks."""
    annotation, suitable = data.draw(st.sampled_from(ANNOTATED))
    value = data.draw(suitable | mixed)
    output = OutputType("s", annotation)
    with patch.multiple(values, CHUNKED_CHARS=10**9), patch.multiple(chunked, CHUNKED_PARTS=10**9):
        whole = outcome_of(output, value)
    with tiny(), patch.multiple(values, CHUNKED_CHARS=16):
        assert outcome_of(output, value) == whole


@pytest.mark.no_cover
@given(json_values.filter(lambda value: isinstance(value, (list, dict))))
def test_json_values_need_no_call_for_the_whole(value):
    """Such a call would hide an error of the chunks."""
    output = OutputType("s", Any)
    data = output.dump(value)
    assume("$" not in data.decode())  # A dict with such a key is hashed otherwise, as a whole.
    with tiny():
        assert output.chunked.dump_with_hash(value) == output.dump_with_hash(value)
        assert output.chunked.dump_with_hash(value)[0] == data
        assert find_difference(value, output.chunked.load(data)) is None


@pytest.mark.no_cover
@pytest.mark.no_cover
@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Any, {"rows": [{"id": n, "name": "x" * 20} for n in range(30_000)], "total": 30_000}),
        (list, [["x" * 20_000] * 10] * 10),
        (dict[str, Any], {"a": {str(n): n for n in range(120_000)}, "b": [[0] * 3_000] * 9}),
        (dict[str, list[Row]], {"rows": [Row(no=n, name="x" * 60) for n in range(12_000)]}),
    ],
)
def test_each_call_handles_one_chunk(annotation, value, monkeypatch):
    """The event loop runs between two calls, so each must be short."""
    output = OutputType("s", annotation)
    whole = output.dump(value)
    assert output.chunked is not None
    output._write = output._read = None  # The call for the whole.
    load_chunk, lengths = ChunkedCodec._load_chunk, []

    def recorded(self, text, depth):
        lengths.append(len(text))
        return load_chunk(self, text, depth)

    monkeypatch.setattr(ChunkedCodec, "_load_chunk", recorded)
    data, _ = output.dump_with_hash(value)
    assert data == whole
    assert find_difference(value, output.load(data)) is None
    assert max(lengths) < CHUNKED_CHARS / 2


def test_other_threads_run_between_two_chunks(monkeypatch):
    """Python alone does not ensure it: a thread that waits for the interpreter's lock may wait until the end."""
    pauses = []
    monkeypatch.setattr(chunked, "_let_event_loop_run", lambda: pauses.append(1))
    numbers = [*range(300_000)]
    codec = OutputType("s", list[int]).chunked
    assert codec is not None
    data, _ = codec.dump_with_hash(numbers)
    kept = len(pauses)
    assert codec.load(data) == numbers
    assert min(kept, len(pauses) - kept) >= len(data) / CHUNKED_CHARS * 2


@pytest.mark.parametrize(
    "text",
    [
        "[1,{},]",
        "[{}1,2]",
        '["a":[1,2,3,4,5,6,7,8,9]]',
        "{[1,2,3,4,5,6,7,8,9,10]}",
        "[1]]",
        "[[1,2,3,4,5,6,7,8,9,10}",
        "[1",
    ],
)
def test_text_that_is_not_json_is_refused(text):
    """The call for the whole text then gives the message."""
    with tiny(), pytest.raises((ValueError, LookupError, ValidationError)):
        OutputType("s", Any).chunked.load(text.encode())


@pytest.mark.parametrize("levels", [150, 250])
def test_deep_values_are_accepted_or_refused_as_by_one_call(levels):
    """Only 200 levels can be read, and a chunk alone does not show how deeply it is nested."""
    value: Any = list(range(40))
    for _ in range(levels):
        value = [value, *range(3)]
    for annotation in (Any, list, list[Any]):
        output = OutputType("s", annotation)
        whole = outcome_of(output, value)
        with tiny(), patch.multiple(values, CHUNKED_CHARS=16):
            assert outcome_of(output, value) == whole
