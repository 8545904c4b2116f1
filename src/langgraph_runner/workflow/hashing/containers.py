"""The encodings of Python's own types whose values hold others: how each of them is opened."""

from __future__ import annotations

import datetime as dt
import re
from collections import OrderedDict, defaultdict, deque
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.workflow.hashing.branch import (
    Branch,
    by_index,
    by_key,
    by_name,
    by_pair,
    in_pairs,
    in_sequence,
    in_sorted_pairs,
    in_sorted_sequence,
    of_the_set,
    under_keys,
)
from langgraph_runner.workflow.hashing.refusal import Refusal
from langgraph_runner.workflow.hashing.scalars import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["CONTAINERS", "class_text", "parts", "plain_keys"]

_TEXT_ONLY: Final = frozenset({str})


def class_text(cls: type) -> str:
    """What a class is known by, as two JSON texts: one could not tell `a.b` + `c` from `a` + `b.c`."""
    return f"{quoted(cls.__module__)},{quoted(cls.__qualname__)}"


def parts(value: Any, tag: str, children: Sequence[Any], names: Sequence[str], *, head: str = "") -> Branch:
    """An object as the list of its parts under a tag.

    Args:
        value: The object.
        tag: Its tag, without the `$`.
        children: The parts.
        names: For each, its step in a path; it may be empty.
        head: JSON that stands before the parts.
    """
    begin = f'{{"${tag}":[{head}'
    return Branch(
        value, children, in_sequence, by_name, begin=f"{begin}," if head else begin, end="]}", names=names
    )


def plain_keys(value: dict[Any, Any]) -> list[str] | None:
    """The keys of a dict in order, or None if it cannot be written as an object of JSON."""
    if not _TEXT_ONLY.issuperset(map(type, value)):
        return None
    joined = "".join(value)
    if "$" in joined and any(key.startswith("$") for key in value):
        return None
    return sorted(value) if joined.isascii() else sorted(value, key=_utf16)


def _dict(value: dict[Any, Any]) -> Branch:
    keys = plain_keys(value)
    if keys is None:
        return _pairs(value, "$dict", in_sorted_pairs)
    children = [value[key] for key in keys]
    return Branch(value, children, under_keys, by_key, begin="{", end="}", names=keys)


def _utf16(key: str) -> bytes:
    """The order of RFC 8785, which is not that of code points for what lies beyond the BMP."""
    try:
        return key.encode("utf-16-be")
    except UnicodeEncodeError:
        raise Refusal("a key with a lone surrogate", "Decode it with errors='replace'.") from None


def _pairs(value: dict[Any, Any], tag: str, body: Callable[[Branch], str]) -> Branch:
    items = [*value.items()]
    names = [key for key, _ in items]
    return Branch(
        value, chain.from_iterable(items), body, by_pair, begin=f'{{"{tag}":[', end="]}", names=names
    )


def _sequence(tag: str) -> Callable[[Any], Branch]:
    begin, end = (f'{{"${tag}":[', "]}") if tag else ("[", "]")

    def opened(value: Iterable[Any]) -> Branch:
        return Branch(value, value, in_sequence, by_index, begin=begin, end=end)

    return opened


def _set(tag: str) -> Callable[[Any], Branch]:
    begin = f'{{"${tag}":['

    def opened(value: Iterable[Any]) -> Branch:
        return Branch(value, value, in_sorted_sequence, of_the_set, begin=begin, end="]}")

    return opened


def _ordered_dict(value: OrderedDict[Any, Any]) -> Branch:
    return _pairs(value, "$ordereddict", in_pairs)


def _default_dict(value: defaultdict[Any, Any]) -> Branch:
    factory = value.default_factory
    if factory is not None and not isinstance(factory, type):
        raise Refusal(
            "a function", "Use a class as the factory, or pass dict(...).", where=".default_factory"
        )
    head = "null" if factory is None else f"[{class_text(factory)}]"
    return parts(value, "defaultdict", (dict(value),), ("",), head=head)


def _deque(value: deque[Any]) -> Branch:
    return parts(value, "deque", ([*value], value.maxlen), ("", ".maxlen"))


def _range(value: range) -> Branch:
    return parts(value, "range", (value.start, value.stop, value.step), (".start", ".stop", ".step"))


def _fraction(value: Fraction) -> Branch:
    return parts(value, "fraction", (value.numerator, value.denominator), (".numerator", ".denominator"))


def _pattern(value: re.Pattern[Any]) -> Branch:
    return parts(value, "pattern", (value.pattern, value.flags), (".pattern", ".flags"))


def _moment(tag: str) -> Callable[[Any], Branch]:
    """A datetime or time. The offset alone does not tell what the zone says of the next day."""

    def opened(value: dt.datetime | dt.time) -> Branch:
        return parts(value, tag, (value.isoformat(), value.fold, value.tzinfo), ("", ".fold", ".tzinfo"))

    return opened


CONTAINERS: Final[dict[type, Callable[[Any], Branch]]] = {
    dict: _dict,
    list: _sequence(""),
    tuple: _sequence("tuple"),
    set: _set("set"),
    frozenset: _set("frozenset"),
    OrderedDict: _ordered_dict,
    defaultdict: _default_dict,
    deque: _deque,
    range: _range,
    Fraction: _fraction,
    re.Pattern: _pattern,
    dt.datetime: _moment("datetime"),
    dt.time: _moment("time"),
}
"""By exact type."""
