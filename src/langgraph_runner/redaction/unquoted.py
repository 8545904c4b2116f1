"""Where a value without quotes ends.

In a line of its own (`password: a b;c` in YAML, an environment dump) it ends with the line; in the
middle of a text it ends at a blank, a closing bracket, or a separator with another name behind it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from langgraph_runner.redaction.patterns import LazyPattern
from langgraph_runner.redaction.text import MARKER

_LINE_START = LazyPattern(
    r"[\s>+|*#-]{0,40}(?:(?:export|set|setx|ENV|ARG|env|declare -x|-e|--env)[ \t]{1,4}|\$env:|[\w-]{1,20}: ?)?"
    r"[\"']?"
)
_LINE_START_REACH: Final = 48
# A separator ends the value when a blank, an end, or another name follows it; a quote when no letter does.
_PIECE: Final = (
    r"(?:[^\s\"'`<>&,;\\%|]"
    r"|[&,;|](?!\s|$|[\"'{\[(<]|[\w.\- ]{1,40}[=:])"
    r"|\\(?![nrt\"'\\]|$)"
    r"|%(?!22|7[dD])"
    r"|[\"'`](?=\w))"
)
# Enough to judge by. Only a value that is to be hidden is read to its end, and then passed over: a
# value that is judged harmless is read again for each name in it.
_HEAD = LazyPattern(_PIECE + "{1,256}")
_REST = LazyPattern(_PIECE + "*")
_NEXT_NAME = LazyPattern(r"[;&,|][\w.-]{1,40}=")
_CLOSERS: Final = ".,;:!?)]}"


class Unquoted(NamedTuple):
    """Where a value starts, where as much of it ends as judging needs, and whether it is alone in its line."""

    start: int
    end: int
    alone: bool


def unquoted_value(text: str, name_at: int, at: int, *, whole_line: bool = True) -> Unquoted | None:
    """The value that starts at `at`, for the name that starts at `name_at`; None when there is none."""
    run = _HEAD.match(text, at)
    if run is None:
        return None
    if whole_line and _starts_line(text, name_at):
        line_end = text.find("\n", at)
        line_end = len(text) if line_end < 0 else line_end
        rest = text[at:line_end].rstrip()
        if (
            "\\n" not in rest
            and not any(blank in rest for blank in " \t")
            and not _NEXT_NAME.match(text, run.end())
        ):
            return Unquoted(at, at + len(rest), alone=True)
        return Unquoted(at, _without_closers(text, at, run.end()), alone=False)
    return Unquoted(at, _without_closers(text, at, run.end()), alone=False)


def whole_span(text: str, value: Unquoted) -> tuple[int, int]:
    """Where the value starts and ends, for one that is to be hidden."""
    rest = None if value.alone else _REST.match(text, value.end)
    if rest is None or rest.end() == value.end:
        return value.start, value.end
    return value.start, _without_closers(text, value.start, rest.end())


def _starts_line(text: str, name_at: int) -> bool:
    line_start = text.rfind("\n", max(0, name_at - _LINE_START_REACH), name_at) + 1
    if line_start == 0 and name_at > _LINE_START_REACH:
        return False
    return _LINE_START.fullmatch(text, line_start, name_at) is not None


def _without_closers(text: str, start: int, end: int) -> int:
    while end > start + 1 and text[end - 1] in _CLOSERS and not text.endswith(MARKER, start, end):
        end -= 1
    return end
