"""Encoded text and what it says once decoded: percent codes, Unicode escapes and base64.

The rules run over the decoded text; the spans that they find are translated back to the original.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final

from langgraph_runner.redaction.patterns import LazyPattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from langgraph_runner.redaction.text import Span

_CODE = LazyPattern(r"(%[0-7][0-9A-Fa-f]|\\u00[0-7][0-9A-Fa-f]|\\u200[b-f]|\\ufeff|\\x[2-7][0-9A-Fa-f])")
# The codes of characters that the rules look at: quotes, separators, slashes, newlines; and zero-width marks.
# Each pattern alone begins with a fixed character, which makes it many times faster than both in one.
_PERCENT = LazyPattern(r"%(?:22|27|2[fF]|3[aAdD]|0[aA]|26|40)")
_ESCAPE = LazyPattern(r"\\(?:(?:u00|x)(?:22|27|3[aAdD]|26|40|3[cC])|u200[b-f]|ufeff)")
_TELLING = LazyPattern(f"{_PERCENT.source}|{_ESCAPE.source}")
# Each piece costs a search of its own, so a text with more encoded lines than this is one piece.
_MOST_LINES: Final = 2


class DecodedView:
    """A piece of a text, decoded, and the original place of each of its characters. Immutable."""

    __slots__ = ("_at", "_plain", "_widths", "text")

    def __init__(self, text: str, at: int = 0) -> None:
        parts = _CODE.split(text)  # Plain text and codes alternate.
        self._plain = parts[::2]
        self._widths = [len(code) for code in parts[1::2]]
        parts[1::2] = [_decoded(code) for code in parts[1::2]]
        self.text = "".join(parts)
        self._at = at

    def original(self, spans: Iterable[Span]) -> Iterator[Span]:
        """Translate spans of the decoded piece, merged and in order, to spans of the whole original text."""
        codes = next_code = -1
        extra = 0
        for span in spans:
            places = []
            for place in span:
                while next_code < place:  # After the last code comes the end of the text.
                    if codes >= 0:
                        extra += self._widths[codes] - 1
                    codes += 1
                    next_code += len(self._plain[codes]) + 1
                places.append(self._at + place + extra)
            yield places[0], places[1]


def _decoded(code: str) -> str:
    """Return the character of a code; a blank for a zero-width mark, so that each code is one character."""
    if code.startswith(("\\u2", "\\uf")):
        return " "
    return chr(int(code[-2:], 16))


def decoded_views(text: str) -> list[DecodedView]:
    """Return the lines that contain codes, decoded; the whole text as one piece when there are many."""
    if _PERCENT.search(text) is None and _ESCAPE.search(text) is None:
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


# Every third byte of readable text is below 0x80 and above 0x1f, which leaves 24 characters for every fourth.
_BASE64_RUN = LazyPattern(
    r"(?<![A-Za-z0-9+/_=-])(?:[I-Za-f][A-Za-z0-9+/_-]{3}){5,}[A-Za-z0-9+/_-]{0,3}={0,2}"
)
# Decoding starts with this many characters as a test: twelve random bytes are never all printable.
_TESTED: Final = 16


def has_base64(text: str) -> bool:
    """Return whether a part of the text could be readable text in base64."""
    return _BASE64_RUN.search(text) is not None


def base64_texts(text: str) -> Iterator[tuple[Span, str]]:
    """Yield the runs that are readable text in base64, each with its decoded text."""
    for found in _BASE64_RUN.finditer(text):
        run = found[0]
        if _plain_text(run[:_TESTED]) and (plain := _plain_text(run)):
            yield found.span(), plain


def _plain_text(run: str) -> str:
    padded = run.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        plain = base64.b64decode(padded + "=" * (-len(padded) % 4)).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return plain if all(char.isprintable() or char in "\n\t" for char in plain) else ""
