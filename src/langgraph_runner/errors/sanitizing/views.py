"""A second look at percent-encoded text, as it reads once decoded.

The rules run over the decoded text, and the spans they find are told in places of the original.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from langgraph_runner.errors.sanitizing.patterns import LazyPattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from langgraph_runner.errors.sanitizing.spans import Span

_CODE = LazyPattern(r"%([0-7][0-9A-Fa-f])")
# The codes that stand for what the rules look at: quotes, separators, slashes, newlines.
_TELLING = LazyPattern(r"%(?:22|27|2[fF]|3[aAdD]|0[aA]|26|40)")
_WIDTH: Final = 3
# Each piece costs a pass of its own, so in a text with many encoded lines all of it is one piece.
_MOST_LINES: Final = 2


class DecodedView:
    """A piece of a text, decoded, and where each of its characters stood. Immutable once made."""

    __slots__ = ("_at", "_plain", "text")

    def __init__(self, text: str, at: int = 0) -> None:
        parts = _CODE.split(text)  # Plain text and codes in turns.
        self._plain = parts[::2]
        parts[1::2] = [chr(int(code, 16)) for code in parts[1::2]]
        self.text = "".join(parts)
        self._at = at

    def original(self, spans: Iterable[Span]) -> Iterator[Span]:
        """The spans of the decoded piece, merged and in order, as spans of the whole original text."""
        codes = next_code = -1
        for span in spans:
            places = []
            for place in span:
                while next_code < place:  # Behind the last code comes the end of the text.
                    codes += 1
                    next_code += len(self._plain[codes]) + 1
                places.append(self._at + place + codes * (_WIDTH - 1))
            yield places[0], places[1]


def decoded_views(text: str) -> list[DecodedView]:
    """The lines worth decoding, as they read then; the text as one piece when there are many."""
    if "%" not in text or _TELLING.search(text) is None:
        return []
    views: list[DecodedView] = []
    at = 0
    while found := _TELLING.search(text, at):
        if len(views) == _MOST_LINES:
            return [DecodedView(text)]
        start = text.rfind("\n", 0, found.start()) + 1
        end = text.find("\n", found.end())
        end = len(text) if end < 0 else end
        views.append(DecodedView(text[start:end], start))
        at = end
    return views
