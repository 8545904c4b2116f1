"""Values come back equal and with the same types, for each way of storing them."""

from __future__ import annotations

import base64
import dataclasses
import json
import math
from collections import OrderedDict, deque
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.types import Interrupt, Send
from pydantic import BaseModel

from langgraph_runner.graph import CheckpointSerializationError, JsonFileSaver
from langgraph_runner.graph.json_saver.documents import merged_writes, seal, unseal
from langgraph_runner.graph.json_saver.encoding import ValueCodec
from langgraph_runner.graph.json_saver.layout import Where
from tests.graph.json_saver.stores import config_of, put, values_of

CODEC = ValueCodec(JsonPlusSerializer())

TEXT = st.text(st.characters(exclude_categories=()), max_size=8) | st.sampled_from(
    ["$tuple", "$", "\ud800", ""]
)
SCALAR = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**200), 2**200)
    | st.floats()
    | TEXT
    | st.binary(max_size=8)
    | st.datetimes(timezones=st.none() | st.just(UTC))
    | st.dates()
    | st.timedeltas()
    | st.uuids()
    | st.decimals(allow_nan=False)
)
KEY = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT | st.binary(max_size=4),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=2),
    max_leaves=4,
)
VALUE = st.recursive(
    SCALAR | st.sets(KEY, max_size=3) | st.frozensets(KEY, max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(KEY, inner, max_size=4)
        | st.dictionaries(TEXT, inner, max_size=4)
    ),
    max_leaves=20,
)


def round_trip(value: Any, codec: ValueCodec = CODEC) -> Any:
    """Write a value into a document, and read it from there."""
    path = Path("x.json")
    return unseal(
        path, seal("checkpoint", {"state": codec.encode(value)}), "checkpoint", codec.decode_object
    )["state"]


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal in all their parts and types; NaN is NaN, and -0.0 is not 0.0."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return (left == right and math.copysign(1, left) == math.copysign(1, right)) or (
            math.isnan(left) and math.isnan(right)
        )
    if isinstance(left, dict):
        return len(left) == len(right) and all(
            same(a, b) and same(left[a], right[b]) for a, b in zip(left, right, strict=True)
        )
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


@given(VALUE)
def test_any_value_comes_back_as_it_was(value):
    """Also nested values, and dicts with keys of any type, in their order."""
    assert same(round_trip(value), value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text('aü€😀\n"\\', max_size=5),
        lambda inner: st.lists(inner) | st.dictionaries(st.text("abc"), inner),
        max_leaves=10,
    )
)
def test_what_json_has_stays_plain(value):
    """Any JSON parser reads the same value."""
    assert json.loads(seal("checkpoint", {"state": CODEC.encode(value)}))["state"] == value


def written_in(container: list[Any]) -> Any:
    """The text of the first item of a list."""
    return json.loads(seal("checkpoint", {"items": CODEC.encode(container)}))["items"][0]


@given(VALUE)
def test_a_value_is_written_the_same_in_a_long_list_and_in_a_short_one(value):
    """The shortcut checks long lists as a whole; it must notice everything that the walk notices."""
    assert written_in([value, *range(40)]) == written_in([value])


@pytest.mark.parametrize(
    "odd", [(), 2**63, -(2**63) - 1, float("nan"), "\ud800", b"", {1: 2}, {"$a": 1}, {"\ud800": 1}]
)
def test_one_odd_value_far_down_in_a_long_list_comes_back(odd):
    """Although all items before it are plain JSON."""
    value = [*({"a": [number]} for number in range(100)), {"a": [[{"b": odd}]]}]
    assert same(round_trip(value), value)


@pytest.mark.parametrize("depth", range(97, 103))
def test_the_limit_of_depth_is_the_same_in_a_long_list(depth):
    """Deeper values go to the serializer there, too."""
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    assert written_in([value, *range(40)]) == written_in([value])


def test_writes_are_taken_as_they_were_when_they_were_given(tmp_path):
    """A change of a value while the saver waits for the lock does not change what is stored."""
    value = list(range(40))
    update = merged_writes(CODEC, Where("t", "", "1"), [("topic", value)], "task", "")
    value.append((1, 2))
    path = tmp_path / "task.json"
    stored = update(path, None)
    assert stored is not None
    assert unseal(path, stored, "writes")["writes"][0]["value"] == list(range(40))


class Colour(Enum):
    """An enum that a state may hold."""

    RED = "red"


@dataclasses.dataclass
class Point:
    """A dataclass that a state may hold."""

    x: int
    y: float


class Brand(BaseModel):
    """A pydantic model that a state may hold."""

    name: str
    hue: int = 0


@pytest.mark.parametrize(
    "value",
    [
        HumanMessage("hi", id="1"),
        AIMessage("", tool_calls=[{"name": "f", "args": {"x": 1}, "id": "c", "type": "tool_call"}]),
        ToolMessage("done", tool_call_id="c"),
        Document("text", metadata={"page": 1}),
        Send("node", {"x": (1, 2)}),
        Interrupt("which?", id="i"),
        Brand(name="acme"),
        Point(1, 2.5),
        Colour.RED,
        datetime(2026, 1, 1, tzinfo=UTC),
        date(2026, 1, 1),
        timedelta(days=1),
        Decimal("1.10"),
        UUID(int=7),
        Path("a/b"),
        deque([1, 2]),
        bytearray(b"\x00"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_objects_come_back_as_langgraph_keeps_them(value):
    """They pass through its serializer, so every saver returns the same."""
    serde = JsonPlusSerializer(allowed_msgpack_modules=[Brand, Point, Colour])
    codec = ValueCodec(serde)
    assert same(round_trip([value], codec)[0], serde.loads_typed(serde.dumps_typed(value)))
    assert same(round_trip(value, codec), value) or isinstance(value, Send)


def test_what_the_serializer_changes_is_changed():
    """LangGraph does not preserve an ordered dict or an exception either."""
    serde = JsonPlusSerializer()
    for value in (OrderedDict(a=1), KeyError("x")):
        assert round_trip(value) == serde.loads_typed(serde.dumps_typed(value))


def test_an_object_tells_a_reader_what_it_is():
    """The document shows its type and a short form beside the bytes."""
    written = CODEC.encode(HumanMessage("hello there", id="1"))
    assert written["type"] == "langchain_core.messages.human.HumanMessage"
    assert "hello there" in written["text"]
    assert len(CODEC.encode(HumanMessage("x" * 10_000))["text"]) < 300


def test_an_object_that_cannot_show_itself_is_kept():
    """The short form is only a hint."""

    class Shy(deque[int]):
        def __repr__(self) -> str:
            raise RuntimeError("no")

    assert CODEC.encode(Shy())["text"] == ""


@pytest.mark.parametrize("depth", [90, 150, 300])
def test_deep_values_come_back(saver, depth):
    """JSON parsers limit the depth. From 100 levels on, the serializer stores the value."""
    value: Any = "bottom"
    for _ in range(depth):
        value = [value]
    put(saver, "1", value=value)
    assert values_of(saver) == {"value": value}


def test_a_cycle_is_a_typed_error(saver):
    """Nothing was stored."""
    value: list[Any] = []
    value.append(value)
    with pytest.raises(CheckpointSerializationError, match="cannot be stored"):
        put(saver, "1", value=value)
    assert values_of(saver) is None


def test_a_value_that_cannot_be_stored_is_a_typed_error(saver):
    """The error of the serializer is its cause."""
    with pytest.raises(CheckpointSerializationError, match="a object cannot be stored") as caught:
        put(saver, "1", value=object())
    assert isinstance(caught.value.__cause__, TypeError)


def encrypted() -> EncryptedSerializer:
    """LangGraph's encrypting serializer, with a cipher that anyone could break."""

    class Mirror:
        def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
            return "mirror", plaintext[::-1]

        def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
            assert ciphername == "mirror"
            return ciphertext[::-1]

    return EncryptedSerializer(Mirror())


def test_an_encrypting_serializer_leaves_nothing_readable(files):
    """State, metadata and writes are unreadable, as plain text and as base64."""
    saver = files.saver(serde=encrypted())
    config = put(saver, "1", topic="secret")
    saver.put_writes(config, [("topic", "secret")], "task")
    for path in [files.head, *files.checkpoints(), *files.writes()]:
        assert b"secret" not in path.read_bytes()
        assert base64.b64encode(b"secret")[:6] not in path.read_bytes()
    assert values_of(files.saver(serde=encrypted())) == {"topic": "secret"}
    assert saver.get_tuple(config).pending_writes == [("task", "topic", "secret")]


def test_without_the_key_it_is_a_typed_error(files):
    """The error names the file."""
    put(files.saver(serde=encrypted()), "1", topic="secret")
    with pytest.raises(CheckpointSerializationError, match="cannot be restored") as caught:
        files.saver().get_tuple(config_of())
    assert caught.value.path.endswith("1.json")


def test_allowlist_is_that_of_the_copy(files):
    """LangGraph copies a saver to let it restore the types of a graph's state."""
    saver = files.saver(serde=JsonPlusSerializer(allowed_msgpack_modules=None))
    put(saver, "1", brand=Brand(name="acme"))
    assert values_of(saver) == {"brand": {"name": "acme", "hue": 0}}
    allowing = saver.with_allowlist([(Brand.__module__, "Brand")])
    assert isinstance(allowing, JsonFileSaver)
    assert values_of(allowing)["brand"].name == "acme"
