"""A second look at percent-encoded text, as it reads once decoded.

The rules run over the decoded text, and the spans they find are told in places of the original.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from langgraph_runner.errors.sanitizing.spans import Span

_CODE = re.compile(r"%([0-7][0-9A-Fa-f])")
# The codes that stand for what the rules look at: quotes, separators, slashes, newlines.
_TELLING = re.compile(r"%(?:22|27|2[fF]|3[aAdD]|0[aA]|26|40)")
_WIDTH: Final = 3


class DecodedView:
    """The decoded text, and where each of its characters stood. Immutable once made."""

    __slots__ = ("_codes", "text")

    def __init__(self, text: str) -> None:
        parts: list[str] = []
        codes: list[int] = []
        at = decoded = 0
        for found in _CODE.finditer(text):
            parts += (text[at : found.start()], chr(int(found[1], 16)))
            decoded += found.start() - at
            codes.append(decoded)
            decoded += 1
            at = found.end()
        parts.append(text[at:])
        self.text = "".join(parts)
        self._codes = codes

    def original(self, spans: Iterable[Span]) -> Iterator[Span]:
        """The spans of the decoded text, merged and in order, as spans of the original."""
        seen = 0
        for start, end in spans:
            places = []
            for place in (start, end):
                while seen < len(self._codes) and self._codes[seen] < place:
                    seen += 1
                places.append(place + seen * (_WIDTH - 1))
            yield places[0], places[1]


def decoded_view(text: str) -> DecodedView | None:
    """The text as it reads once decoded, or None when nothing in it is worth decoding."""
    return DecodedView(text) if "%" in text and _TELLING.search(text) else None
