"""The traceback of an exception with all that led to it, short enough to store.

The parts stand in the order Python prints them in: the first failure at the top, the exception itself
at the end. When there is too much, outer frames go first, then what is in the middle; what stays
longest is how the first failure began, and the innermost frames and message of the last one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from langgraph_runner.redaction.chains import (
    cause_of,
    explicit_cause,
    full_type_name,
    members_of,
    raw_notes,
    traceback_of,
)
from langgraph_runner.redaction.frames import frame_lines, frames_of
from langgraph_runner.redaction.text import middle_cut

if TYPE_CHECKING:
    from collections.abc import Callable

_TITLE: Final = "Traceback (most recent call last):"
_FROM: Final = "The above exception was the direct cause of the following exception:"
_DURING: Final = "During handling of the above exception, another exception occurred:"
_DEEPEST: Final = 6
_MOST_LINKS: Final = 20
_MOST_MEMBERS: Final = 10
_MOST_BLOCKS: Final = 60
# How many innermost frames to show of each exception, tried in turn until all fits.
_FRAME_LIMITS: Final = (100, 30, 10, 4, 2)


class Block(NamedTuple):
    """One exception of a stack: how deep in groups, what is said before it, its frames and its end."""

    depth: int
    lead: str
    frames: list[str]
    ending: list[str]


class Reader(NamedTuple):
    """How the parts of an exception are read: directories to name files from, and what makes texts safe."""

    roots: tuple[str, ...]
    message: Callable[[BaseException], str]
    part: Callable[[str], str]
    whole: Callable[[str], str]

    def block(self, exc: BaseException, depth: int, lead: str) -> Block:
        """The exception without what led to it."""
        name, message = full_type_name(exc), self.message(exc)
        first = name if message == name.rpartition(".")[2] else f"{name}: {message}"
        notes = [self.part(note) for note in raw_notes(exc)]
        return Block(depth, lead, frame_lines(frames_of(traceback_of(exc)), self.roots), [first, *notes])


def stack_text(exc: BaseException, max_chars: int, reader: Reader) -> str:
    """The whole stack in at most `max_chars` characters."""
    blocks: list[Block] = []
    _collect(exc, 0, set(), blocks, reader)
    text = ""
    for limit in _FRAME_LIMITS:
        text = "\n".join(line for block in blocks for line in _lines(block, limit))
        if len(text) <= max_chars and len(text := reader.whole(text)) <= max_chars:
            return text
    # Messages and notes are safe already; the rest may hold a strange name of a file or a function.
    return middle_cut(reader.whole(middle_cut(text, 2 * max_chars)), max_chars)


def _chain(exc: BaseException, seen: set[int]) -> list[BaseException]:
    """The exception and what led to it, the first failure first."""
    chain: list[BaseException] = []
    current: BaseException | None = exc
    while current is not None and id(current) not in seen and len(chain) < _MOST_LINKS:
        seen.add(id(current))
        chain.append(current)
        current = cause_of(current)
    return chain[::-1]


def _collect(exc: BaseException, depth: int, seen: set[int], blocks: list[Block], reader: Reader) -> None:
    lead = ""
    for link in _chain(exc, seen):
        if len(blocks) >= _MOST_BLOCKS:
            return
        if lead:
            lead = _FROM if explicit_cause(link) is not None else _DURING
        blocks.append(reader.block(link, depth, lead))
        lead = _FROM
        _collect_members(link, depth + 1, seen, blocks, reader)


def _collect_members(
    group: BaseException, depth: int, seen: set[int], blocks: list[Block], reader: Reader
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
