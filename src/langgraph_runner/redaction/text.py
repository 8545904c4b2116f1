"""Text that any store and any terminal can take, and the parts of it that are replaced by a marker.

The first half removes control characters, keeps text valid UTF-8 and bounds its length; each function is
idempotent. The second half computes with spans: pairs of start and end. Rules report spans of the text as
it was, and all spans are replaced at once, so no rule sees the markers of another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from langgraph_runner.redaction.patterns import LazyPattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MARKER: Final = "[REDACTED]"
CUT: Final = "... [truncated]"
UNREADABLE: Final = "[unreadable]"

# Codes for colours and the cursor, and the operating-system commands that set titles and links.
_ANSI = LazyPattern(r"\x1b\[[0-?]{0,32}[ -/]{0,8}[@-~]|\x1b\][^\x07\x1b\n]{0,2000}(?:\x07|\x1b\\)")
# NUL and the information separators stand between entries (as in /proc/*/environ): they become spaces.
_SEPARATORS = LazyPattern(r"[\x00\x0b\x0c\x1c-\x1f]")
# The rest carries no meaning, and zero-width and bidirectional marks could hide a key from the patterns.
# Joiners and soft hyphens are removed beside ASCII only: emoji and several scripts need them.
_INVISIBLE = LazyPattern("[\x01-\x08\x0e-\x1b\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_JOINERS: Final = "\u00ad\u061c\u180e\u200c\u200d\U000e0000-\U000e007f"
_JOINED = LazyPattern(rf"(?<=[!-~])[{_JOINERS}]+|[{_JOINERS}]+(?=[!-~])")
_SUSPECT = LazyPattern(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff"
    + _JOINERS
    + "]"
)

# A cut goes back to the last blank within this many characters, so that no half word or half secret is left.
_BACK = 80


def printable(text: str) -> str:
    """Return the text without control characters and escape codes; newlines and tabs stay.

    Carriage returns become newlines, and lone surrogates become question marks, so the result encodes as UTF-8.
    """
    # `isprintable()` is several times faster than the pattern, and nothing that the pattern finds is printable.
    if text.replace("\n", "").replace("\t", "").isprintable() or _SUSPECT.search(text) is None:
        return text
    text = text.encode("utf-8", "replace").decode("utf-8")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _ANSI.sub("", text)
    return _JOINED.sub("", _INVISIBLE.sub("", _SEPARATORS.sub(" ", text)))


def bounded(text: str, max_chars: int, *, cut: bool = False) -> str:
    """Return the start of the text, at most `max_chars` characters, with a note when the rest was cut.

    The cut goes back to the last blank when one is near, and never leaves half a marker. With `cut`, the
    text is itself the start of a longer one, so the note is always added.
    """
    if len(text) <= max_chars and not cut:
        return text
    if max_chars <= len(CUT):
        return CUT[-max_chars:] if max_chars > 0 else ""
    return without_last_word(text, min(len(text), max_chars - len(CUT))) + CUT


def without_last_word(text: str, end: int) -> str:
    """Return `text[:end]` without the word that the cut falls in, unless that word is very long."""
    kept = text[:end]
    if end >= len(text) or text[end].isspace():
        return kept
    blank = _last_blank(kept, max(0, end - _BACK))
    return kept[: blank + 1] if blank >= 0 else _without_half_marker(text, end)


def without_tail(text: str, back: int) -> str:
    """Return the text without its last word, but drop at most `back` characters; a marker at the end stays."""
    if text.endswith(MARKER):
        return text
    start = max(0, len(text) - back)
    blank = _last_blank(text, start)
    return text[: blank + 1] if blank >= 0 else _without_half_marker(text, start)


def _last_blank(text: str, start: int) -> int:
    """Return where the last blank from `start` on stands, or -1."""
    return max(text.rfind(" ", start), text.rfind("\n", start), text.rfind("\t", start))


def _without_half_marker(text: str, end: int) -> str:
    marker = text.rfind(MARKER, max(0, end - len(MARKER) + 1), end + len(MARKER) - 1)
    return text[:marker] if 0 <= marker < end else text[:end]


def middle_cut(text: str, max_chars: int) -> str:
    """Return at most `max_chars` characters: whole lines from the start and the end, with a note between.

    A quarter of them comes from the start and the rest from the end, where a traceback names its error.
    """
    if len(text) <= max_chars:
        return text
    room = max_chars - len(CUT) - 1
    head_room = room // 4
    head = text[: text.rfind("\n", 0, head_room) + 1]
    tail = text[text.find("\n", len(text) - (room - head_room)) :]
    if len(tail) <= 1 or len(tail) > room:
        return bounded(text, max_chars)
    return f"{head}{CUT}{tail}"


Span: TypeAlias = tuple[int, int]
"""Where a part of a text that is to be hidden starts and ends."""


def merged(spans: Iterable[Span]) -> list[Span]:
    """Return the spans in order, with those that overlap or touch joined into one."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        elif start < end:
            joined.append((start, end))
    return joined


def without(spans: Iterable[Span], kept: Iterable[Span]) -> Iterator[Span]:
    """Yield what is left of `spans` without `kept`. Both are merged already."""
    holes = list(kept)
    index = 0
    for start, end in spans:
        at = start
        while index < len(holes) and holes[index][1] <= at:
            index += 1
        ahead = index
        while ahead < len(holes) and holes[ahead][0] < end:
            if at < holes[ahead][0]:
                yield at, holes[ahead][0]
            at = max(at, holes[ahead][1])
            ahead += 1
        if at < end:
            yield at, end


def redacted(text: str, spans: Iterable[Span]) -> str:
    """Return the text with the marker in place of each span. The spans are in order and do not overlap."""
    parts: list[str] = []
    at = 0
    for start, end in spans:
        parts += (text[at:start], MARKER)
        at = end
    parts.append(text[at:])
    return "".join(parts)
