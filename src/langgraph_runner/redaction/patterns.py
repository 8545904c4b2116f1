"""Regular expressions that are compiled when they are first used, and the spans that they find.

The sanitizer has some 150 patterns, and a program needs few: a text contains few of the marks that select a
pattern, and a program without failures needs none.

A span is a pair of start and end. Rules report spans of the text as it was, and all spans are replaced at
once, so no rule sees the markers of another.
"""

from __future__ import annotations

import re
from collections import deque
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MARKER: Final = "[REDACTED]"

Span: TypeAlias = tuple[int, int]
"""Where a part of a text that is to be hidden starts and ends."""


def _method(name: str) -> Any:
    """Return a method of the compiled pattern, stored in the instance by its first use."""
    return cached_property(lambda lazy: getattr(lazy._compiled, name))  # noqa: SLF001 - a part of LazyPattern


class LazyPattern:
    """A regular expression with the methods of `re.Pattern`, compiled by the first call of any of them.

    When several threads use a pattern first at the same time, `re.compile` gives all of them the same one.
    """

    match: Callable[..., re.Match[str] | None] = _method("match")
    fullmatch: Callable[..., re.Match[str] | None] = _method("fullmatch")
    search: Callable[..., re.Match[str] | None] = _method("search")
    finditer: Callable[..., Iterator[re.Match[str]]] = _method("finditer")
    findall: Callable[[str], list[str]] = _method("findall")
    sub: Callable[[str | Callable[[re.Match[str]], str], str], str] = _method("sub")

    def __init__(self, source: str, flags: int = 0) -> None:
        self.source = source
        self._flags = flags

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.source, self._flags)


def found_spans(found: Iterable[re.Match[str]], check: Callable[[str], bool] | None = None) -> Iterator[Span]:
    """Yield the part of each match to hide: its group `secret`, or all of it; none where the check refuses it."""
    for match in found:
        group = "secret" if "secret" in match.re.groupindex else 0
        if match[group] and (check is None or check(match[group])):
            yield match.span(group)


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
    holes = deque(kept)
    for start, end in spans:
        at = start
        while holes and holes[0][0] < end:
            hole_start, hole_end = holes[0]
            if at < hole_start:
                yield at, hole_start
            at = max(at, hole_end)
            if hole_end > end:
                break  # It may reach into the next span.
            holes.popleft()
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
