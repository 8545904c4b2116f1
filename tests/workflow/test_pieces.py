"""Large values, handled in pieces."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationError

from langgraph_runner.workflow.errors import StepOutputError
from langgraph_runner.workflow.values import output_type as values
from langgraph_runner.workflow.values import pieces
from langgraph_runner.workflow.values.chunked import CHUNKED_CHARS, ChunkedCodec
from langgraph_runner.workflow.values.output_type import OutputType
from langgraph_runner.workflow.values.round_trip import difference


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
    """Makes pieces of a few items."""
    return patch.multiple(pieces, CHUNKED_PARTS=7, CHUNK_PARTS=7, CHUNK_CHARS=16, _FIRST_SLICE=2)


def kept(output, value):
    """What becomes of a value: its JSON, its hash and what comes back; or the words of the refusal."""
    try:
        data, digest = output.keep(value)
        return data, digest, repr(output.load(data))
    except StepOutputError as error:
        return str(error)


@pytest.mark.no_cover
@settings(max_examples=150)
@given(data=st.data())
def test_pieces_give_what_one_call_for_the_whole_gives(data):
    """The same JSON, hash, value and refusal, whatever the type, in however small pieces."""
    annotation, suitable = data.draw(st.sampled_from(ANNOTATED))
    value = data.draw(suitable | mixed)
    output = OutputType("s", annotation)
    with patch.multiple(values, CHUNKED_CHARS=10**9), patch.multiple(pieces, CHUNKED_PARTS=10**9):
        whole = kept(output, value)
    with tiny(), patch.multiple(values, CHUNKED_CHARS=16):
        assert kept(output, value) == whole


@pytest.mark.no_cover
@given(json_values.filter(lambda value: isinstance(value, (list, dict))))
def test_json_values_are_kept_and_read_without_the_call_for_the_whole(value):
    """That call would hide any error of the pieces."""
    output = OutputType("s", Any)
    data = output.dump(value)
    assume("$" not in data.decode())  # A dict with such a key is hashed otherwise, as a whole.
    with tiny():
        assert output.pieces.keep(value) == output.keep(value)
        assert output.pieces.keep(value)[0] == data
        assert difference(value, output.pieces.read(data)) is None


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
def test_no_call_has_more_than_a_piece(annotation, value, monkeypatch):
    """The event loop has its turn between two calls, so each must be short."""
    output = OutputType("s", annotation)
    whole = output.dump(value)
    assert output.pieces is not None
    output._write = output._read = None  # The call for the whole.
    load_slice, lengths = ChunkedCodec._load_slice, []

    def recorded(self, text, depth):
        lengths.append(len(text))
        return load_slice(self, text, depth)

    monkeypatch.setattr(ChunkedCodec, "_load_slice", recorded)
    data, _ = output.keep(value)
    assert data == whole
    assert difference(value, output.load(data)) is None
    assert max(lengths) < CHUNKED_CHARS / 2


def test_others_run_between_two_pieces(monkeypatch):
    """Python alone does not see to it: threads that wait for the interpreter's lock may wait until the end."""
    pauses = []
    monkeypatch.setattr(pieces, "_let_others_run", lambda: pauses.append(1))
    numbers = [*range(300_000)]
    found = OutputType("s", list[int]).pieces
    assert found is not None
    data, _ = found.keep(numbers)
    kept = len(pauses)
    assert found.read(data) == numbers
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
def test_text_that_is_no_json_is_refused(text):
    """The call for the whole then says what is wrong."""
    with tiny(), pytest.raises((ValueError, LookupError, ValidationError)):
        OutputType("s", Any).pieces.read(text.encode())


@pytest.mark.parametrize("levels", [150, 250])
def test_deep_values_are_accepted_or_refused_as_by_one_call(levels):
    """Only 200 levels can be read, and a piece does not know by itself how deep it is."""
    value: Any = list(range(40))
    for _ in range(levels):
        value = [value, *range(3)]
    for annotation in (Any, list, list[Any]):
        output = OutputType("s", annotation)
        whole = kept(output, value)
        with tiny(), patch.multiple(values, CHUNKED_CHARS=16):
            assert kept(output, value) == whole
