r"""Where a quoted value ends, also when the quotes are escaped because the text was quoted again.

JSON inside a JSON string writes its quotes as `\"`, one level deeper as `\\\"`, and web pages write
`&quot;`. The end of a value is the same quote at the same depth.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from langgraph_runner.redaction.patterns import LazyPattern

_OPENER = LazyPattern(
    r"""(?:[bBrRuUfF]{1,2}(?=["']))?(?:(\\{0,31})(["'`])|(&(?:quot|apos|\#34|\#39|\#x27);)|([“„‘‚«‹「『]))"""
)
# Quotation marks of prose, and the ones that close them in some language.
_CLOSING: Final = {"“": "”“", "„": "“”", "‘": "’", "‚": "‘’", "«": "»", "‹": "›", "「": "」", "『": "』"}
_QUOTES: Final = {quote: LazyPattern(rf"(\\*){quote}") for quote in "\"'`"}


class Quoted(NamedTuple):
    """Where a quoted value's content starts and ends, and where its closing quote ends."""

    start: int
    end: int
    after: int
    closed: bool


def quoted_at(text: str, at: int) -> Quoted | None:
    """The quoted value that opens at `at`, or None. An unclosed one goes on to the end of its line."""
    opener = _OPENER.match(text, at)
    if opener is None:
        return None
    start = opener.end()
    if opener[3]:
        end = text.find(opener[3], start)
        return Quoted(start, end, end + len(opener[3]), closed=True) if end >= 0 else _unclosed(text, start)
    if opener[4]:
        line_end = text.find("\n", start)
        ends = [
            text.find(mark, start, line_end if line_end >= 0 else len(text)) for mark in _CLOSING[opener[4]]
        ]
        end = min((end for end in ends if end >= 0), default=-1)
        return Quoted(start, end, end + 1, closed=True) if end >= 0 else None
    depth = len(opener[1])
    for found in _QUOTES[opener[2]].finditer(text, start):
        if _closes(len(found[1]), depth):
            # An enclosing string's escapes belong to the quote; a deeper one's to the content.
            return Quoted(start, found.end() - 1 - min(depth, len(found[1])), found.end(), closed=True)
    return _unclosed(text, start)


def _closes(backslashes: int, depth: int) -> bool:
    """Whether a quote after so many backslashes closes one that was opened after `depth` of them."""
    if backslashes <= depth:
        return True
    if depth and backslashes % 2 == 0:  # A quote of the enclosing string, after a backslash.
        return True
    return (backslashes - depth) % (2 * (depth + 1)) == 0


def _unclosed(text: str, start: int) -> Quoted:
    end = text.find("\n", start)
    end = len(text) if end < 0 else end
    return Quoted(start, end, end, closed=False)
