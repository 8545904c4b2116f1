"""Text that any store and any terminal can take: no control characters, valid UTF-8, bounded.

Pure functions; each one is idempotent.
"""

from __future__ import annotations

from typing import Final

from langgraph_runner.redaction.patterns import LazyPattern

MARKER: Final = "[REDACTED]"
CUT: Final = "... [truncated]"
UNREADABLE: Final = "[unreadable]"

# Colour and cursor codes, and the operating-system commands that set titles and links.
_ANSI = LazyPattern(r"\x1b\[[0-?]{0,32}[ -/]{0,8}[@-~]|\x1b\][^\x07\x1b\n]{0,2000}(?:\x07|\x1b\\)")
# NUL and the information separators stand between entries (as in /proc/*/environ), so a space it is.
_SEPARATORS = LazyPattern(r"[\x00\x0b\x0c\x1c-\x1f]")
# The rest says nothing; zero-width and bidirectional marks could hide a key from the patterns. Joiners and
# soft hyphens go only beside ASCII: emoji and several scripts are written with them.
_INVISIBLE = LazyPattern("[\x01-\x08\x0e-\x1b\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_JOINERS: Final = "\u00ad\u061c\u180e\u200c\u200d\U000e0000-\U000e007f"
_JOINED = LazyPattern(rf"(?<=[!-~])[{_JOINERS}]+|[{_JOINERS}]+(?=[!-~])")
_SUSPECT = LazyPattern(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff"
    + _JOINERS
    + "]"
)

# A cut goes back to a blank at most this far, so that no half word or half secret is left.
_BACK = 80


def printable(text: str) -> str:
    """The text without control characters and escape codes; newlines and tabs stay.

    Carriage returns become newlines and lone surrogates question marks, so the result encodes as UTF-8.
    """
    # Several times faster than the pattern, and nothing that the pattern finds is printable.
    if text.replace("\n", "").replace("\t", "").isprintable() or _SUSPECT.search(text) is None:
        return text
    text = text.encode("utf-8", "replace").decode("utf-8")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _ANSI.sub("", text)
    return _JOINED.sub("", _INVISIBLE.sub("", _SEPARATORS.sub(" ", text)))


def bounded(text: str, max_chars: int, *, cut: bool = False) -> str:
    """At most `max_chars` characters: the start of the text, and a note when the rest was cut.

    The cut goes back to the last blank when one is near, and never leaves half a marker. `cut` says
    that the text is itself the start of a longer one, so that the note is due in any case.
    """
    if len(text) <= max_chars and not cut:
        return text
    if max_chars <= len(CUT):
        return CUT[-max_chars:] if max_chars > 0 else ""
    return without_last_word(text, min(len(text), max_chars - len(CUT))) + CUT


def without_last_word(text: str, end: int, back: int = _BACK) -> str:
    """`text[:end]` without the word that the cut falls in, unless that word began over `back` ago."""
    kept = text[:end]
    if end >= len(text) or text[end].isspace():
        return kept
    start = max(0, end - back)
    blank = max(kept.rfind(" ", start), kept.rfind("\n", start), kept.rfind("\t", start))
    return kept[: blank + 1] if blank >= 0 else _without_half_marker(text, end)


def without_tail(text: str, back: int) -> str:
    """The text without its last word, of which at most `back` characters are dropped; a marker stays."""
    if text.endswith(MARKER):
        return text
    start = max(0, len(text) - back)
    blank = max(text.rfind(" ", start), text.rfind("\n", start), text.rfind("\t", start))
    return text[: blank + 1] if blank >= 0 else _without_half_marker(text, start)


def _without_half_marker(text: str, end: int) -> str:
    marker = text.rfind(MARKER, max(0, end - len(MARKER) + 1), end + len(MARKER) - 1)
    return text[:marker] if 0 <= marker < end else text[:end]


def middle_cut(text: str, max_chars: int) -> str:
    """At most `max_chars` characters: whole lines from the start and from the end, with a note between.

    A quarter goes to the start and the rest to the end, where a traceback names its error.
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
