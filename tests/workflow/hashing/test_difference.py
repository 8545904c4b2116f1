"""Two values have the same encoding if and only if they are indistinguishable."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from langgraph_runner.workflow.hashing import canonical_json, content_hash
from tests.workflow.hashing.samples import Pair, Point, Text, Theme, Tone

SCALARS: list[Any] = [
    *(None, False, True, 0, 1, -1, 2**53, 0.0, -0.0, 1.0, 1 + 0j, Decimal(1), Decimal("1.0")),
    *("", "1", "a", "$int", "$tuple", "warm", b"", b"a", Text("a"), Tone.WARM, "0" * 64),
    *(dt.date(2024, 1, 1), "2024-01-01", dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, tzinfo=dt.UTC)),  # noqa: DTZ001
]
ITEM = st.sampled_from(SCALARS)
KEY = st.sampled_from(["a", "b", "$int", "$tuple", "$dict", 1, 2.5, None, (1,), ("a",), Tone.WARM])
VALUE = st.recursive(
    ITEM,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.lists(inner, max_size=2).map(tuple)
        | st.dictionaries(KEY, inner, max_size=2)
        | st.sets(ITEM, max_size=2)
        | st.frozensets(ITEM, max_size=2)
        | st.builds(Pair, inner, inner)
        | st.builds(Point, inner)
        | st.builds(lambda name: Theme.model_construct(name=name), inner)
    ),
    max_leaves=6,
)


def same(one: Any, other: Any) -> bool:
    """Return whether two values have the same types and the same content in every part."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return len(one) == len(other) and _match(list(one.items()), list(other.items()))
    if isinstance(one, set | frozenset):
        return len(one) == len(other) and _match(list(one), list(other))
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, Point | Theme):
        return same(one.__dict__, other.__dict__)
    return repr(one) == repr(other)


def _match(ones: list[Any], others: list[Any]) -> bool:
    for one in ones:
        twin = next((index for index, other in enumerate(others) if same(one, other)), None)
        if twin is None:
            return False
        del others[twin]
    return True


@pytest.mark.req("R-4")
@given(VALUE, VALUE)
@example({1: "a"}, {True: "a"})
@example([1], [True])
@example({"a": 1}, {"a": 1.0})
@example({"$tuple": [1]}, (1,))
@example({("a",): 1}, {"a": 1})
def test_only_the_same_values_have_the_same_encoding(one: Any, other: Any) -> None:
    """The order of keys and of sets does not count."""
    assert (canonical_json(one) == canonical_json(other)) is same(one, other)


@pytest.mark.req("R-4")
@given(VALUE)
def test_the_json_value_of_an_encoding_is_another_value(value: Any) -> None:
    """The exception is a JSON value without a tag, which is its own encoding."""
    lookalike = json.loads(canonical_json(value))
    assert (canonical_json(lookalike) == canonical_json(value)) is same(lookalike, value)


@pytest.mark.req("R-4")
@given(st.dictionaries(KEY, VALUE, max_size=6), st.randoms())
def test_the_order_of_keys_does_not_count(value: dict[Any, Any], chance: Any) -> None:
    """The keys may have any type."""
    items = list(value.items())
    chance.shuffle(items)
    assert content_hash(dict(items)) == content_hash(value)


@pytest.mark.req("R-4")
@given(st.sets(ITEM), st.randoms())
def test_the_order_of_a_set_does_not_count(value: set[Any], chance: Any) -> None:
    """The order depends on how the set was built."""
    items = list(value)
    chance.shuffle(items)
    assert content_hash(set(items)) == content_hash(value)
