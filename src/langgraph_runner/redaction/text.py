"""Text that any store and any terminal can take: printable, valid UTF-8, without absolute paths, bounded.

Each function is idempotent and reads the text only, not the disk. The working directory is read once, when
this module is imported: later a node may run on an event loop, where `os.getcwd` is a blocking call.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from langgraph_runner.redaction.patterns import MARKER, LazyPattern

if TYPE_CHECKING:
    import re

CUT: Final = "... [truncated]"

# Codes for colours and the cursor, and the operating-system commands that set titles and links.
_ANSI = LazyPattern(r"\x1b\[[0-?]{0,32}[ -/]{0,8}[@-~]|\x1b\][^\x07\x1b\n]{0,2000}(?:\x07|\x1b\\)")
# NUL and the information separators stand between entries (as in /proc/*/environ): they become spaces.
_SEPARATORS = LazyPattern(r"[\x00\x0b\x0c\x1c-\x1f]")
# The rest carries no meaning, and zero-width and bidirectional marks could hide a key from the patterns.
# Joiners and soft hyphens are removed beside ASCII only: emoji and several scripts need them.
_INVISIBLE = LazyPattern("[\x01-\x08\x0e-\x1b\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_JOINERS: Final = "\u00ad\u061c\u180e\u200c\u200d\U000e0000-\U000e007f"
_JOINED = LazyPattern(rf"[{_JOINERS}]+")
# Any character that the patterns above or an encoding as UTF-8 would change.
_SUSPECT = LazyPattern(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff"
    + _JOINERS
    + "]"
)


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
    return _JOINED.sub(_without_joiners, _INVISIBLE.sub("", _SEPARATORS.sub(" ", text)))


def _without_joiners(joiners: re.Match[str]) -> str:
    start, end = joiners.span()
    around = joiners.string[max(0, start - 1) : start] + joiners.string[end : end + 1]
    return "" if any("!" <= char <= "~" for char in around) else joiners[0]


_PARTS_KEPT: Final = 3
_HOME = LazyPattern(r"^(?:[A-Za-z]:)?/+(?:home|Users|Documents and Settings)/+[^/]+(?:/+|$)|^/root(?:/+|$)")
_INSTALLED = LazyPattern(r"^.*/(?:site|dist)-packages/")

_ROOTS = (
    "home|Users|root|usr|opt|var|tmp|etc|srv|mnt|media|app|apps|workspace|workspaces|work|code|src|data|builds?"
    "|private|Library|Applications|Volumes|nix|proc|dev|run|snap|deps|project|repo|github|lambda|layers|lib|bin"
)
# The paths of HTTP request lines and of URLs stay. The pattern begins with the slash, so that the search jumps
# from slash to slash.
_STARTS_PATH = (
    r"/(?<![\w.~/\\:@%)\]}$<*?=&#-]/)(?<!GET /)(?<!POST /)(?<!PUT /)(?<!HEAD /)(?<!PATCH /)(?<!DELETE /)"
)
_PART = r"[^\s/\\\"'`<>|:;,()\[\]{}*?=&]"
# A path is below a known root of file systems, or ends in a file name.
_ABSOLUTE = LazyPattern(rf"{_STARTS_PATH}(?:(?:{_ROOTS})(?:/{_PART}+)+/?|{_PART}+(?:/{_PART}+)+)")
_WINDOWS = LazyPattern(rf"(?<![\w/\\])[A-Za-z]:(?:\\{{1,2}}|/(?!/))(?:{_PART}+(?:\\{{1,2}}|/))*{_PART}+")
_DRIVE = LazyPattern(r":[\\/](?!/)")
_FILE_NAME = LazyPattern(r"\.[A-Za-z][A-Za-z0-9]{0,9}$")
_KNOWN_ROOT = LazyPattern(rf"/(?:{_ROOTS})/")


def _slashed(path: str) -> str:
    return path.replace("\\\\", "\\").replace("\\", "/")


def _working_directories() -> tuple[str, ...]:
    try:
        here = os.getcwd()  # noqa: PTH109 - text is all that is needed
    except OSError:  # The directory may have been deleted.
        return ()
    return tuple(dict.fromkeys(map(_slashed, (here, os.path.realpath(here)))))


_WORKING_DIRECTORIES: Final = _working_directories()


def roots_of(project_root: str | None) -> tuple[str, ...]:
    """Return the directories that paths become relative to, in order of precedence; each ends in a slash."""
    wanted = list(_WORKING_DIRECTORIES)
    if project_root is not None:
        base = wanted[0] if wanted else ""
        # normpath and join read the text only, not the disk.
        wanted.insert(0, _slashed(os.path.normpath(os.path.join(base, project_root))))  # noqa: PTH118
    return tuple(path.rstrip("/") + "/" for path in wanted if path.strip("/"))


def relative_path(path: str, roots: tuple[str, ...]) -> str:
    """Return the path below the first root that contains it, else its last three parts.

    The path of an installed package starts below `site-packages`. The owner of a home directory is not shown.
    """
    slashed = _slashed(path)
    installed = _INSTALLED.sub("", slashed)
    if installed != slashed:
        return installed or "site-packages"
    for root in roots:
        if slashed.startswith(root) and len(slashed) > len(root):
            return slashed[len(root) :].lstrip("/") or "."
        if slashed + "/" == root:
            return "."
    below_home = _HOME.sub("", slashed)
    if not below_home.strip("/"):
        return "~"
    parts = [part for part in below_home.split("/") if part]
    return "/".join(parts[-_PARTS_KEPT:])


def relative_paths(text: str, roots: tuple[str, ...]) -> str:
    """Return the text with each absolute path of a file system made relative; URLs and routes stay."""

    def shorter(match: re.Match[str]) -> str:
        path = match[0]
        known = path.startswith(roots) or _KNOWN_ROOT.match(path) or _FILE_NAME.search(path)
        return relative_path(path, roots) if known else path

    if _DRIVE.search(text):
        text = _WINDOWS.sub(lambda match: relative_path(match[0], roots), text)
    return _ABSOLUTE.sub(shorter, text) if "/" in text else text


# A cut goes back to the last blank within this many characters, so that no half word or half secret is left.
_BACK: Final = 80


def bounded(text: str, max_chars: int, *, cut: bool = False) -> str:
    """Return the start of the text, at most `max_chars` characters, with a note when the rest was cut.

    The cut goes back to the last blank when one is near, and never leaves half a marker. With `cut`, the
    text is itself the start of a longer one, so the note is always added.
    """
    if len(text) <= max_chars and not cut:
        return text
    if max_chars <= len(CUT):
        return CUT[-max_chars:] if max_chars > 0 else ""
    end = min(len(text), max_chars - len(CUT))
    if end < len(text) and not text[end].isspace():
        blank = _last_blank(text, max(0, end - _BACK), end)
        end = blank + 1 if blank >= 0 else _before_marker(text, end)
    return text[:end] + CUT


def without_tail(text: str, back: int) -> str:
    """Return the text without its last word, but drop at most `back` characters; a marker at the end stays."""
    if text.endswith(MARKER):
        return text
    start = max(0, len(text) - back)
    blank = _last_blank(text, start, len(text))
    return text[: blank + 1 if blank >= 0 else _before_marker(text, start)]


def _last_blank(text: str, start: int, end: int) -> int:
    """Return where the last blank between `start` and `end` is, or -1."""
    return max(text.rfind(blank, start, end) for blank in " \n\t")


def _before_marker(text: str, end: int) -> int:
    """Return `end`, or the start of the marker that a cut at `end` would leave half of."""
    marker = text.rfind(MARKER, max(0, end - len(MARKER) + 1), end + len(MARKER) - 1)
    return marker if 0 <= marker < end else end


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
