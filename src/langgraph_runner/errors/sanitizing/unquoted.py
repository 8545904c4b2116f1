"""Where a value without quotes ends.

In a line of its own (`password: a b;c` in YAML, an environment dump) it ends with the line; in the
middle of a text it ends at a blank, a closing bracket, or a separator with another name behind it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from langgraph_runner.errors.sanitizing.text import MARKER

_LINE_START = re.compile(
    r"[\s>+|*#-]{0,40}(?:(?:export|set|setx|ENV|ARG|env|declare -x|-e|--env)[ \t]{1,4}|\$env:|[\w-]{1,20}: ?)?"
    r"[\"']?"
)
_LINE_START_REACH: Final = 48
# A separator ends the value when a blank, an end, or another name follows it; a quote when no letter does.
_RUN = re.compile(
    r"(?:[^\s\"'`<>&,;\\%|]"
    r"|[&,;|](?!\s|$|[\"'{\[(<]|[\w.\- ]{1,40}[=:])"
    r"|\\(?![nrt\"'\\]|$)"
    r"|%(?!22|7[dD])"
    r"|[\"'`](?=\w))+"
)
_NEXT_NAME = re.compile(r"[;&,|][\w.-]{1,40}=")
_CLOSERS: Final = ".,;:!?)]}"


@dataclass(frozen=True, slots=True)
class Unquoted:
    """Where a value starts and ends, and whether it is alone in its line with its name."""

    start: int
    end: int
    alone: bool


def unquoted_value(text: str, name_at: int, at: int, *, whole_line: bool = True) -> Unquoted | None:
    """The value that starts at `at`, for the name that starts at `name_at`; None when there is none."""
    run = _RUN.match(text, at)
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


def _starts_line(text: str, name_at: int) -> bool:
    line_start = text.rfind("\n", max(0, name_at - _LINE_START_REACH), name_at) + 1
    if line_start == 0 and name_at > _LINE_START_REACH:
        return False
    return _LINE_START.fullmatch(text, line_start, name_at) is not None


def _without_closers(text: str, start: int, end: int) -> int:
    while end > start + 1 and text[end - 1] in _CLOSERS and not text.endswith(MARKER, start, end):
        end -= 1
    return end
