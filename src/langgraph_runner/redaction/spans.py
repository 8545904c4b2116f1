"""Parts of a text that are to be hidden, as pairs of start and end.

Rules report spans of the text as it was, and all are replaced at once: no rule sees another's marks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from langgraph_runner.redaction.text import MARKER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Span: TypeAlias = tuple[int, int]


def merged(spans: Iterable[Span]) -> list[Span]:
    """The spans in order, with those that overlap or touch joined into one."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        elif start < end:
            joined.append((start, end))
    return joined


def without(spans: Iterable[Span], kept: Iterable[Span]) -> Iterator[Span]:
    """What is left of merged `spans` once the merged `kept` ones are taken out."""
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
    """The text with the marker in place of each span; spans are in order and do not overlap."""
    parts: list[str] = []
    at = 0
    for start, end in spans:
        parts += (text[at:start], MARKER)
        at = end
    parts.append(text[at:])
    return "".join(parts)
