"""The traceback of an exception with all that led to it, short enough to store.

The parts stand in the order Python prints them in: the first failure at the top, the exception itself
at the end. When there is too much, outer frames go first, then what is in the middle; what stays
longest is how the first failure began, and the innermost frames and message of the last one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from langgraph_runner.errors.sanitizing.chains import (
    cause_of,
    explicit_cause,
    full_type_name,
    members_of,
    raw_notes,
    traceback_of,
)
from langgraph_runner.errors.sanitizing.frames import frame_lines, frames_of
from langgraph_runner.errors.sanitizing.text import middle_cut

if TYPE_CHECKING:
    from collections.abc import Callable

_TITLE: Final = "Traceback (most recent call last):"
_FROM: Final = "The above exception was the direct cause of the following exception:"
_DURING: Final = "During handling of the above exception, another exception occurred:"
_DEEPEST: Final = 6
_MOST_LINKS: Final = 20
_MOST_MEMBERS: Final = 10
# How many innermost frames to show of each exception, tried in turn until all fits.
_FRAME_LIMITS: Final = (100, 30, 10, 4, 2)


class Block(NamedTuple):
    """One exception of a stack: how deep in groups, what is said before it, its frames and its end."""

    depth: int
    lead: str
    frames: list[str]
    ending: list[str]


def stack_text(
    exc: BaseException,
    roots: tuple[str, ...],
    max_chars: int,
    safe: Callable[[str], str],
    message: Callable[[BaseException], str],
) -> str:
    """The whole stack in at most `max_chars` characters.

    Args:
        exc: The exception to tell about.
        roots: Directories that user files are named relative to.
        max_chars: The bound, in characters.
        safe: Makes a text free of secrets; applied to notes and to the finished stack.
        message: The bounded, safe message of an exception.
    """
    blocks: list[Block] = []
    _collect(exc, 0, set(), blocks, _Reader(roots, safe, message))
    text = ""
    for limit in _FRAME_LIMITS:
        text = safe("\n".join(line for block in blocks for line in _lines(block, limit)))
        if len(text) <= max_chars:
            return text
    return middle_cut(text, max_chars)


class _Reader(NamedTuple):
    roots: tuple[str, ...]
    safe: Callable[[str], str]
    message: Callable[[BaseException], str]

    def block(self, exc: BaseException, depth: int, lead: str) -> Block:
        name, message = full_type_name(exc), self.message(exc)
        first = name if message == name.rpartition(".")[2] else f"{name}: {message}"
        notes = [self.safe(note) for note in raw_notes(exc)]
        return Block(depth, lead, frame_lines(frames_of(traceback_of(exc)), self.roots), [first, *notes])


def _chain(exc: BaseException, seen: set[int]) -> list[BaseException]:
    """The exception and what led to it, the first failure first."""
    chain: list[BaseException] = []
    current: BaseException | None = exc
    while current is not None and id(current) not in seen and len(chain) < _MOST_LINKS:
        seen.add(id(current))
        chain.append(current)
        current = cause_of(current)
    return chain[::-1]


def _collect(exc: BaseException, depth: int, seen: set[int], blocks: list[Block], reader: _Reader) -> None:
    lead = ""
    for link in _chain(exc, seen):
        if lead:
            lead = _FROM if explicit_cause(link) is not None else _DURING
        blocks.append(reader.block(link, depth, lead))
        lead = _FROM
        _collect_members(link, depth + 1, seen, blocks, reader)


def _collect_members(
    group: BaseException, depth: int, seen: set[int], blocks: list[Block], reader: _Reader
) -> None:
    members = members_of(group)
    if members and depth > _DEEPEST:
        blocks.append(Block(depth, "", [], ["... deeper groups left out"]))
        return
    for number, member in enumerate(members[:_MOST_MEMBERS], 1):
        if id(member) not in seen:
            blocks.append(Block(depth, "", [], [f"---- {number} of {len(members)} ----"]))
            _collect(member, depth, seen, blocks, reader)
    if len(members) > _MOST_MEMBERS:
        blocks.append(Block(depth, "", [], [f"... {len(members) - _MOST_MEMBERS} more"]))


def _lines(block: Block, limit: int) -> list[str]:
    lines = ["", block.lead, ""] if block.lead else []
    if block.frames:
        cut = len(block.frames) - limit
        shown = [f"  ... {cut} outer lines left out", *block.frames[-limit:]] if cut > 0 else block.frames
        lines += [_TITLE, *shown]
    lines += block.ending
    bar = "  " * block.depth + "| " if block.depth else ""
    return [f"{bar}{part}" for line in lines for part in line.split("\n")]
