"""The encodings of Python's own containers: for each exact type, a function that makes its `Frame`."""

from __future__ import annotations

import datetime as dt
import re
from collections import OrderedDict, defaultdict, deque
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.workflow.hashing.frame import (
    Frame,
    index_label,
    join_items,
    join_members,
    join_pairs,
    join_sorted_items,
    join_sorted_pairs,
    key_label,
    name_label,
    pair_label,
    set_label,
)
from langgraph_runner.workflow.hashing.scalars import quote
from langgraph_runner.workflow.hashing.unhashable import UnhashablePart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["CONTAINERS", "class_text", "parts_frame", "plain_keys"]

_TEXT_ONLY: Final = frozenset({str})


def class_text(cls: type) -> str:
    """Return module and qualified name as two JSON texts. One text could not tell `a.b` + `c` from `a` + `b.c`."""
    return f"{quote(cls.__module__)},{quote(cls.__qualname__)}"


def parts_frame(
    value: Any, tag: str, children: Sequence[Any], names: Sequence[str], *, head: str = ""
) -> Frame:
    """Return the frame of an object that is encoded as a list of its parts under a tag.

    Args:
        value: The object.
        tag: Its tag, without the `$`.
        children: The parts.
        names: For each part, the step that leads to it in a path; may be empty.
        head: JSON to write before the parts.
    """
    begin = f'{{"${tag}":[{head}'
    return Frame(
        value, children, join_items, name_label, begin=f"{begin}," if head else begin, end="]}", names=names
    )


def plain_keys(value: dict[Any, Any]) -> list[str] | None:
    """Return the keys of a dict in canonical order; None if the dict cannot be written as a JSON object."""
    if not _TEXT_ONLY.issuperset(map(type, value)):
        return None
    joined = "".join(value)
    if "$" in joined and any(key.startswith("$") for key in value):
        return None
    return sorted(value) if joined.isascii() else sorted(value, key=_utf16)


def _dict(value: dict[Any, Any]) -> Frame:
    keys = plain_keys(value)
    if keys is None:
        return _pairs(value, "$dict", join_sorted_pairs)
    children = [value[key] for key in keys]
    return Frame(value, children, join_members, key_label, begin="{", end="}", names=keys)


def _utf16(key: str) -> bytes:
    """Return the sort key of RFC 8785. Beyond the BMP its order differs from that of code points."""
    try:
        return key.encode("utf-16-be")
    except UnicodeEncodeError:
        raise UnhashablePart("a key with a lone surrogate", "Decode it with errors='replace'.") from None


def _pairs(value: dict[Any, Any], tag: str, join: Callable[[Frame], str]) -> Frame:
    items = [*value.items()]
    names = [key for key, _ in items]
    return Frame(
        value, chain.from_iterable(items), join, pair_label, begin=f'{{"{tag}":[', end="]}", names=names
    )


def _sequence(tag: str) -> Callable[[Any], Frame]:
    begin, end = (f'{{"${tag}":[', "]}") if tag else ("[", "]")

    def open_frame(value: Iterable[Any]) -> Frame:
        return Frame(value, value, join_items, index_label, begin=begin, end=end)

    return open_frame


def _set(tag: str) -> Callable[[Any], Frame]:
    begin = f'{{"${tag}":['

    def open_frame(value: Iterable[Any]) -> Frame:
        return Frame(value, value, join_sorted_items, set_label, begin=begin, end="]}")

    return open_frame


def _ordered_dict(value: OrderedDict[Any, Any]) -> Frame:
    return _pairs(value, "$ordereddict", join_pairs)


def _default_dict(value: defaultdict[Any, Any]) -> Frame:
    factory = value.default_factory
    if factory is not None and not isinstance(factory, type):
        raise UnhashablePart(
            "a function", "Use a class as the factory, or pass dict(...).", where=".default_factory"
        )
    head = "null" if factory is None else f"[{class_text(factory)}]"
    return parts_frame(value, "defaultdict", (dict(value),), ("",), head=head)


def _deque(value: deque[Any]) -> Frame:
    return parts_frame(value, "deque", ([*value], value.maxlen), ("", ".maxlen"))


def _range(value: range) -> Frame:
    return parts_frame(value, "range", (value.start, value.stop, value.step), (".start", ".stop", ".step"))


def _fraction(value: Fraction) -> Frame:
    return parts_frame(
        value, "fraction", (value.numerator, value.denominator), (".numerator", ".denominator")
    )


def _pattern(value: re.Pattern[Any]) -> Frame:
    return parts_frame(value, "pattern", (value.pattern, value.flags), (".pattern", ".flags"))


def _moment(tag: str) -> Callable[[Any], Frame]:
    """Encode a datetime or time with its zone: the same offset may belong to zones that differ on the next day."""

    def open_frame(value: dt.datetime | dt.time) -> Frame:
        return parts_frame(
            value, tag, (value.isoformat(), value.fold, value.tzinfo), ("", ".fold", ".tzinfo")
        )

    return open_frame


CONTAINERS: Final[dict[type, Callable[[Any], Frame]]] = {
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
"""The function for each exact type."""
