"""A container on the stack while its items are encoded: how its text is joined, and how a path names an item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.workflow.hashing.scalars import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = [
    "Frame",
    "index_label",
    "join_items",
    "join_members",
    "join_pairs",
    "join_sorted_items",
    "join_sorted_pairs",
    "key_label",
    "name_label",
    "pair_label",
    "set_label",
]

_SHOWN_CHARS: Final = 40
_SHOWN_BITS: Final = 64


class Frame:
    """One container whose items are being encoded.

    Args:
        value: The container. The frame keeps a reference, so that no new object gets its `id` meanwhile.
        children: Its items, in the order in which to encode them.
        join: Makes one text of the encodings in `texts`; one of the `join_...` functions below.
        label: Names an item in the path of an error; one of the `..._label` functions below.
        begin: Text before the joined items.
        end: Text after them.
        names: The keys or field names of the children, if they have any.

    Attributes:
        value: The container.
        children: The items that are not encoded yet.
        texts: The encodings of the items so far.
        names: As given.
    """

    __slots__ = ("_begin", "_end", "_join", "_label", "children", "names", "texts", "value")

    def __init__(
        self,
        value: Any,
        children: Iterable[Any],
        join: Callable[[Frame], str],
        label: Label,
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


if TYPE_CHECKING:
    Label = Callable[[Frame, int], str]


def join_items(frame: Frame) -> str:
    """Join the items in their own order."""
    return ",".join(frame.texts)


def join_sorted_items(frame: Frame) -> str:
    """Join the items in the order of their texts. A set has no order of its own."""
    return ",".join(sorted(frame.texts))


def join_members(frame: Frame) -> str:
    """Join the members of an object. `names` has the keys, sorted already."""
    return ",".join([f"{quote(key)}:{text}" for key, text in zip(frame.names, frame.texts, strict=True)])


def join_pairs(frame: Frame) -> str:
    """Join alternating keys and values as `[key,value]` pairs, in their own order."""
    return ",".join(_pairs(frame.texts))


def join_sorted_pairs(frame: Frame) -> str:
    """Join alternating keys and values as `[key,value]` pairs, in the order of the texts of the pairs."""
    return ",".join(sorted(_pairs(frame.texts)))


def _pairs(texts: list[str]) -> list[str]:
    return [f"[{key},{text}]" for key, text in zip(texts[::2], texts[1::2], strict=True)]


def index_label(_frame: Frame, index: int) -> str:
    """Name an item of a sequence."""
    return f"[{index}]"


def set_label(_frame: Frame, _index: int) -> str:
    """Name an item of a set, which has no position."""
    return "{item}"


def key_label(frame: Frame, index: int) -> str:
    """Name a value of a dict with text keys."""
    return _below(frame.names[index])


def pair_label(frame: Frame, index: int) -> str:
    """Name a key or a value of a dict whose children are its keys and values in turn."""
    pair, is_value = divmod(index, 2)
    key = frame.names[pair]
    return _below(key) if is_value else f"{{key {_display_key(key)}}}"


def name_label(frame: Frame, index: int) -> str:
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
