"""A value with others in it, while these are being encoded: how its text is put together, and how a path goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.workflow.hashing.scalars import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = [
    "Branch",
    "by_index",
    "by_key",
    "by_name",
    "by_pair",
    "in_pairs",
    "in_sequence",
    "in_sorted_pairs",
    "in_sorted_sequence",
    "of_the_set",
    "under_keys",
]

_SHOWN_CHARS: Final = 40
_SHOWN_BITS: Final = 64


class Branch:
    """One level of the walk.

    Attributes:
        value: What is encoded. It is held, so that nothing else gets its `id` meanwhile.
        children: What is in it and not yet encoded.
        texts: The encodings of the children so far.
        names: The keys or field names of the children, if they have any.
    """

    __slots__ = ("_begin", "_body", "_end", "_label", "children", "names", "texts", "value")

    def __init__(
        self,
        value: Any,
        children: Iterable[Any],
        body: Callable[[Branch], str],
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
        self._body = body
        self._label = label
        self._begin = begin
        self._end = end

    def text(self) -> str:
        """The encoding, once all children have theirs."""
        return f"{self._begin}{self._body(self)}{self._end}"

    def step(self) -> str:
        """What a path has for the child whose turn it is."""
        return self._label(self, len(self.texts))


if TYPE_CHECKING:
    Label = Callable[[Branch, int], str]


def in_sequence(branch: Branch) -> str:
    """The children in their order."""
    return ",".join(branch.texts)


def in_sorted_sequence(branch: Branch) -> str:
    """The children in the order of their texts, since they have none of their own."""
    return ",".join(sorted(branch.texts))


def under_keys(branch: Branch) -> str:
    """The children as the members of an object, which are in order already."""
    return ",".join([f"{quoted(key)}:{text}" for key, text in zip(branch.names, branch.texts, strict=True)])


def in_pairs(branch: Branch) -> str:
    """Keys and values, which take turns, in their order."""
    return ",".join(_pairs(branch.texts))


def in_sorted_pairs(branch: Branch) -> str:
    """The same in the order of the text of each pair."""
    return ",".join(sorted(_pairs(branch.texts)))


def _pairs(texts: list[str]) -> list[str]:
    return [f"[{key},{text}]" for key, text in zip(texts[::2], texts[1::2], strict=True)]


def by_index(_branch: Branch, index: int) -> str:
    """Item of a sequence."""
    return f"[{index}]"


def of_the_set(_branch: Branch, _index: int) -> str:
    """Item of a set, which has no place."""
    return "{item}"


def by_key(branch: Branch, index: int) -> str:
    """Value of a dict with text keys."""
    return _under(branch.names[index])


def by_pair(branch: Branch, index: int) -> str:
    """Key or value of a dict whose children are its keys and values in turn."""
    pair, is_value = divmod(index, 2)
    return _under(branch.names[pair]) if is_value else f"{{key {_shown(branch.names[pair])}}}"


def by_name(branch: Branch, index: int) -> str:
    """Part of an object; the name is a step of a path already."""
    return str(branch.names[index])


def _under(key: Any) -> str:
    return f".{key}" if type(key) is str and key.isidentifier() else f"[{_shown(key)}]"


def _shown(key: Any) -> str:
    """A key for a person to read; no code of a stranger's class runs for it."""
    kind = type(key)
    if kind is int:
        return str(key) if key.bit_length() <= _SHOWN_BITS else "<int>"
    if kind in {str, bytes}:
        return repr(key) if len(key) <= _SHOWN_CHARS else f"{key[:_SHOWN_CHARS]!r}..."
    if kind in {bool, float, type(None)}:
        return repr(key)
    return f"<{kind.__name__}>"
