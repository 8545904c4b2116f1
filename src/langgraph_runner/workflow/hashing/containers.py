"""The encodings of Python's own containers: for each exact type, a function that makes its `Frame`."""

from __future__ import annotations

import datetime as dt
import re
from collections import OrderedDict, defaultdict, deque
from fractions import Fraction
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.workflow.hashing.scalars import quote
from langgraph_runner.workflow.hashing.unhashable import UnhashablePart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = ["CONTAINERS", "Frame", "class_text", "parts_frame", "plain_keys"]

_TEXT_ONLY: Final = frozenset({str})
_SHOWN_CHARS: Final = 40
_SHOWN_BITS: Final = 64


def _join_items(frame: Frame) -> str:
    return ",".join(frame.texts)


def _join_sorted_items(frame: Frame) -> str:
    """Join the items in the order of their texts. A set has no order of its own."""
    return ",".join(sorted(frame.texts))


def _join_members(frame: Frame) -> str:
    """Join the members of an object. `names` has the keys, sorted already."""
    return ",".join([f"{quote(key)}:{text}" for key, text in zip(frame.names, frame.texts, strict=True)])


def _join_pairs(frame: Frame) -> str:
    """Join alternating keys and values as `[key,value]` pairs, in their own order."""
    return ",".join(_pairs(frame.texts))


def _join_sorted_pairs(frame: Frame) -> str:
    """Join alternating keys and values as `[key,value]` pairs, in the order of the texts of the pairs."""
    return ",".join(sorted(_pairs(frame.texts)))


def _pairs(texts: list[str]) -> list[str]:
    return [f"[{key},{text}]" for key, text in zip(texts[::2], texts[1::2], strict=True)]


def _index_label(_frame: Frame, index: int) -> str:
    return f"[{index}]"


def _set_label(_frame: Frame, _index: int) -> str:
    """Name an item of a set, which has no position."""
    return "{item}"


def _key_label(frame: Frame, index: int) -> str:
    """Name a value of a dict with text keys."""
    return _below(frame.names[index])


def _pair_label(frame: Frame, index: int) -> str:
    """Name a key or a value of a dict whose children are its keys and values in turn."""
    pair, is_value = divmod(index, 2)
    key = frame.names[pair]
    return _below(key) if is_value else f"{{key {_display_key(key)}}}"


def _name_label(frame: Frame, index: int) -> str:
    """Name a part of an object. `names` has the steps of the path as they are."""
    return str(frame.names[index])


def _below(key: Any) -> str:
    return f".{key}" if type(key) is str and key.isidentifier() else f"[{_display_key(key)}]"


def _display_key(key: Any) -> str:
    """Return a key as short text. Calls no method of a user's class, which could raise."""
    kind = type(key)
    if kind is int:
        return str(key) if key.bit_length() <= _SHOWN_BITS else "<int>"
    if kind in {str, bytes}:
        return repr(key) if len(key) <= _SHOWN_CHARS else f"{key[:_SHOWN_CHARS]!r}..."
    if kind in {bool, float, type(None)}:
        return repr(key)
    return f"<{kind.__name__}>"


class Frame:
    """A container, or an object with parts, while its items are being encoded.

    Args:
        value: The container. The frame keeps a reference, so that no new object gets its `id` meanwhile.
        children: Its items, in the order in which to encode them.
        join: Makes one text of the encodings in `texts`; one of the `_join_...` functions above.
        label: Names an item in the path of an error; one of the `_..._label` functions above.
        begin: Text before the joined items.
        end: Text after them.
        names: The keys or field names of the children, if they have any.

    Attributes:
        children: The items that are not encoded yet.
        texts: The encodings of the items so far.
    """

    __slots__ = ("_begin", "_end", "_join", "_label", "children", "names", "texts", "value")

    def __init__(
        self,
        value: Any,
        children: Iterable[Any],
        join: Callable[[Frame], str] = _join_items,
        label: Callable[[Frame, int], str] = _name_label,
        *,
        begin: str = "",
        end: str = "",
        names: Sequence[Any] = (),
    ) -> None:
        self.value = value
        self.children: Iterator[Any] = iter(children)
        self.texts: list[str] = []
        self.names = names
        self._join = join
        self._label = label
        self._begin = begin
        self._end = end

    def text(self) -> str:
        """Return the encoding of the container. All items must be encoded."""
        return f"{self._begin}{self._join(self)}{self._end}"

    def label(self) -> str:
        """Return the step of a path that leads to the item which is encoded next."""
        return self._label(self, len(self.texts))


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
    return Frame(value, children, begin=f"{begin}," if head else begin, end="]}", names=names)


def plain_keys(value: dict[Any, Any]) -> list[str] | None:
    """Return the keys of a dict in canonical order; None if the dict cannot be written as a JSON object."""
    if not _TEXT_ONLY.issuperset(map(type, value)):
        return None
    joined = "".join(value)
    if "$" in joined and any(key.startswith("$") for key in value):
        return None
    return sorted(value) if joined.isascii() else sorted(value, key=_utf16)


def _utf16(key: str) -> bytes:
    """Return the sort key of RFC 8785. Beyond the BMP its order differs from that of code points."""
    try:
        return key.encode("utf-16-be")
    except UnicodeEncodeError:
        raise UnhashablePart("a key with a lone surrogate", "Decode it with errors='replace'.") from None


def _dict(value: dict[Any, Any]) -> Frame:
    keys = plain_keys(value)
    if keys is None:
        return _pairs_frame(value, "dict", _join_sorted_pairs)
    children = [value[key] for key in keys]
    return Frame(value, children, _join_members, _key_label, begin="{", end="}", names=keys)


def _pairs_frame(value: dict[Any, Any], tag: str, join: Callable[[Frame], str]) -> Frame:
    items = [*value.items()]
    names = [key for key, _ in items]
    children = chain.from_iterable(items)
    return Frame(value, children, join, _pair_label, begin=f'{{"${tag}":[', end="]}", names=names)


def _default_dict(value: defaultdict[Any, Any]) -> Frame:
    factory = value.default_factory
    if factory is not None and not isinstance(factory, type):
        raise UnhashablePart(
            "a function", "Use a class as the factory, or pass dict(...).", where=".default_factory"
        )
    head = "null" if factory is None else f"[{class_text(factory)}]"
    return parts_frame(value, "defaultdict", (dict(value),), ("",), head=head)


def _items(
    tag: str,
    join: Callable[[Frame], str] = _join_items,
    label: Callable[[Frame, int], str] = _index_label,
) -> Callable[[Any], Frame]:
    """Encode a container without keys as a list under a tag; without a tag, as a list."""
    begin, end = (f'{{"${tag}":[', "]}") if tag else ("[", "]")
    return lambda value: Frame(value, value, join, label, begin=begin, end=end)


def _attributes(tag: str, *names: str) -> Callable[[Any], Frame]:
    """Encode an object as a list of these attributes under a tag."""
    values, steps = attrgetter(*names), [f".{name}" for name in names]
    return lambda value: parts_frame(value, tag, values(value), steps)


def _moment(tag: str) -> Callable[[Any], Frame]:
    """Encode a datetime or time with its zone: the same offset may belong to zones that differ on the next day."""
    steps = ("", ".fold", ".tzinfo")
    return lambda value: parts_frame(value, tag, (value.isoformat(), value.fold, value.tzinfo), steps)


CONTAINERS: Final[dict[type, Callable[[Any], Frame]]] = {
    dict: _dict,
    list: _items(""),
    tuple: _items("tuple"),
    set: _items("set", _join_sorted_items, _set_label),
    frozenset: _items("frozenset", _join_sorted_items, _set_label),
    OrderedDict: lambda value: _pairs_frame(value, "ordereddict", _join_pairs),
    defaultdict: _default_dict,
    deque: lambda value: parts_frame(value, "deque", ([*value], value.maxlen), ("", ".maxlen")),
    range: _attributes("range", "start", "stop", "step"),
    Fraction: _attributes("fraction", "numerator", "denominator"),
    re.Pattern: _attributes("pattern", "pattern", "flags"),
    dt.datetime: _moment("datetime"),
    dt.time: _moment("time"),
}
"""The function for each exact type."""
