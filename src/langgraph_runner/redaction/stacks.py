"""The stack of an exception as text: reading the exception, its frames as lines, all of it in bounds.

An exception may be anything: cyclic, 500 groups deep, or with attributes that raise. Its links are read from
the slots that the interpreter fills, past any property of a subclass, so reading them runs no code of the
exception. Only `str()` and `__notes__` do, each behind its own guard.

A frame is shown without its source line: reading it is file access, which an event loop must not wait for,
and it can contain a literal secret. Values of variables are not shown either.

The parts stand in the order in which Python prints them: the first failure at the top, the exception itself
at the end. When there is too much, outer frames go first, then the middle. The start of the first failure
and the innermost frames and message of the last one stay longest.
"""

from __future__ import annotations

import sysconfig
from collections import deque
from itertools import groupby
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from langgraph_runner.redaction.text import middle_cut, relative_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

_SLOTS: Final = vars(BaseException)
_MOST_NOTES: Final = 10
_MOST_WALKED: Final = 100


def type_name(exc: BaseException) -> str:
    """Return the name of the class, without its module."""
    name: object = type.__getattribute__(type(exc), "__name__")
    return name if isinstance(name, str) else "BaseException"


def full_type_name(exc: BaseException) -> str:
    """Return the name of the class as a traceback prints it: with its module, unless it is a builtin."""
    try:
        module, name = type(exc).__module__, type(exc).__qualname__
    except Exception:  # A metaclass can raise here.
        return type_name(exc)
    return name if module in ("builtins", "__main__") else f"{module}.{name}"


def raw_message(exc: BaseException) -> str:
    """Return `str(exc)`, or the name of the class when that is empty or raises."""
    try:
        text = str(exc)
        # A subclass of str could override any method; this is its plain content.
        return str.__str__(text) or type_name(exc)
    except KeyboardInterrupt:
        raise
    except BaseException:  # SystemExit, too: the message raised it, so it does not end the program.
        return type_name(exc)


def raw_notes(exc: BaseException) -> list[str]:
    """Return the notes of the exception that are strings, at most ten."""
    try:
        notes = getattr(exc, "__notes__", None)
        if not isinstance(notes, list | tuple):
            return []
        return [str.__str__(note) for note in notes[:_MOST_NOTES] if isinstance(note, str)]
    except KeyboardInterrupt:
        raise
    except BaseException:
        return []


def _slot(exc: BaseException, name: str) -> Any:
    return _SLOTS[name].__get__(exc)


def cause_of(exc: BaseException) -> BaseException | None:
    """Return the exception that it was raised from, or else the one being handled, unless `from None` hides that."""
    cause: BaseException | None = _slot(exc, "__cause__")
    if cause is None and not _slot(exc, "__suppress_context__"):
        cause = _slot(exc, "__context__")
    return cause


def members_of(exc: BaseException) -> tuple[BaseException, ...]:
    """Return the exceptions in a group; an empty tuple for any other exception."""
    if not isinstance(exc, BaseExceptionGroup):
        return ()
    found: tuple[BaseException, ...] = vars(BaseExceptionGroup)["exceptions"].__get__(exc)
    return found


def causes_of(exc: BaseException) -> Iterator[BaseException]:
    """Yield what led to the exception, each once: nearest first, causes before the members of groups."""
    seen = {id(exc)}
    waiting = deque([exc])
    for _ in range(_MOST_WALKED):
        if not waiting:
            return
        current = waiting.popleft()
        cause = cause_of(current)
        nearest = () if cause is None else (cause,)
        for found in (*nearest, *members_of(current)[:_MOST_WALKED]):
            if id(found) not in seen:
                seen.add(id(found))
                waiting.append(found)
                yield found


# Read once, at import: nothing here may touch the disk later.
_STDLIB: Final = tuple(
    {sysconfig.get_path(name).replace("\\", "/").rstrip("/") + "/" for name in ("stdlib", "platstdlib")}
)
_INSTALLED: Final = ("/site-packages/", "/dist-packages/")
_OWN_PACKAGE: Final = __name__.partition(".")[0]
_OWN_ROOT: Final = str(PurePath(__file__).parents[1]).replace("\\", "/") + "/"
_MOST_NAMED: Final = 4
_MOST_OUTER: Final = 100
_MOST_INNER: Final = 200


class Frame(NamedTuple):
    """One call: the file as the interpreter names it, the line from 1, and the function."""

    file: str
    line: int
    function: str


def frames_of(exc: BaseException) -> list[Frame]:
    """Return the frames from the outermost to the innermost, without the middle ones of a very deep stack."""
    outer: list[Frame] = []
    inner: deque[Frame] = deque(maxlen=_MOST_INNER)
    traceback: TracebackType | None = _slot(exc, "__traceback__")
    while traceback is not None:
        code = traceback.tb_frame.f_code
        frame = Frame(code.co_filename, traceback.tb_lineno or 0, code.co_qualname)
        (outer if len(outer) < _MOST_OUTER else inner).append(frame)
        traceback = traceback.tb_next
    return [*outer, *inner]


def frame_lines(frames: list[Frame], roots: tuple[str, ...]) -> list[str]:
    """Return a line per frame of the user, a line per run of installed frames, and one more per repeated call."""
    lines: list[str] = []
    for is_user, run in groupby(frames, key=lambda frame: package_of(frame.file) is None):
        same = list(run)
        lines += _user_lines(same, roots) if is_user else [_folded(same)]
    return lines


def package_of(file: str) -> str | None:
    """Return the package or standard module that a file belongs to; None for files of the user."""
    slashed = file.replace("\\", "/")
    if slashed.startswith("<frozen "):
        return slashed[8:].partition(">")[0].partition(".")[0]
    if slashed.startswith(_OWN_ROOT):
        return _OWN_PACKAGE
    for mark in _INSTALLED:
        if mark in slashed:
            return _first_part(slashed.rpartition(mark)[2])
    for root in _STDLIB:
        if slashed.startswith(root):
            return _first_part(slashed[len(root) :])
    return None


def _first_part(path: str) -> str:
    return path.partition("/")[0].removesuffix(".py")


def _folded(run: list[Frame]) -> str:
    names = list(dict.fromkeys(package_of(frame.file) or "" for frame in run))
    more = ", ..." if len(names) > _MOST_NAMED else ""
    count = "1 frame" if len(run) == 1 else f"{len(run)} frames"
    return f"  ... {count} in {', '.join(names[:_MOST_NAMED])}{more}"


def _user_lines(run: list[Frame], roots: tuple[str, ...]) -> list[str]:
    lines: list[str] = []
    for frame, same in groupby(run):
        file = frame.file if frame.file.startswith("<") else relative_path(frame.file, roots)
        lines.append(f'  File "{file}", line {frame.line}, in {frame.function}')
        if repeated := sum(1 for _ in same) - 1:
            lines.append(f"  ... the same call {repeated} more times")
    return lines


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
    """One exception of a stack: its depth in groups, the line before it, its frames, its message and notes."""

    depth: int
    lead: str
    frames: list[str]
    ending: list[str]


def stack_text(
    exc: BaseException,
    *,
    max_chars: int,
    roots: tuple[str, ...],
    part: Callable[[str], str],
    whole: Callable[[str], str],
) -> str:
    """Return the whole stack in at most `max_chars` characters; its paths are relative to `roots`.

    `part` makes a message or a note safe to store, and bounds it; `whole` makes the stack safe to store.
    """
    reader = _StackReader(roots, part)
    reader.read(exc)
    text = ""
    for limit in _FRAME_LIMITS:
        text = "\n".join(line for block in reader.blocks for line in _lines(block, limit))
        if len(text) <= max_chars and len(text := whole(text)) <= max_chars:
            return text
    # Messages and notes are safe already. The names of files and functions may still contain anything.
    return middle_cut(whole(middle_cut(text, 2 * max_chars)), max_chars)


class _StackReader:
    """Reads an exception and what led to it into blocks, the first failure first."""

    def __init__(self, roots: tuple[str, ...], part: Callable[[str], str]) -> None:
        self.blocks: list[Block] = []
        self._roots = roots
        self._part = part
        self._seen: set[int] = set()

    def read(self, exc: BaseException, depth: int = 0) -> None:
        lead = ""
        for link in self._chain(exc):
            if len(self.blocks) >= _MOST_BLOCKS:
                return
            if lead:
                lead = _DURING if _slot(link, "__cause__") is None else _FROM
            name, message = full_type_name(link), self._part(raw_message(link))
            first = name if message == name.rpartition(".")[2] else f"{name}: {message}"
            notes = [self._part(note) for note in raw_notes(link)]
            self.blocks.append(Block(depth, lead, frame_lines(frames_of(link), self._roots), [first, *notes]))
            lead = _FROM
            self._read_members(link, depth + 1)

    def _chain(self, exc: BaseException) -> list[BaseException]:
        """Return the exception and what led to it, the first failure first."""
        chain: list[BaseException] = []
        current: BaseException | None = exc
        while current is not None and id(current) not in self._seen and len(chain) < _MOST_LINKS:
            self._seen.add(id(current))
            chain.append(current)
            current = cause_of(current)
        return chain[::-1]

    def _read_members(self, group: BaseException, depth: int) -> None:
        members = members_of(group)
        if members and depth > _DEEPEST:
            self._add_line(depth, "... deeper groups left out")
            return
        for number, member in enumerate(members[:_MOST_MEMBERS], 1):
            if id(member) not in self._seen:
                self._add_line(depth, f"---- {number} of {len(members)} ----")
                self.read(member, depth)
        if len(members) > _MOST_MEMBERS:
            self._add_line(depth, f"... {len(members) - _MOST_MEMBERS} more")

    def _add_line(self, depth: int, line: str) -> None:
        self.blocks.append(Block(depth, "", [], [line]))


def _lines(block: Block, limit: int) -> list[str]:
    """Return the lines of a block with at most `limit` innermost frames, indented by its depth."""
    lines = ["", block.lead, ""] if block.lead else []
    if block.frames:
        cut = len(block.frames) - limit
        shown = [f"  ... {cut} outer lines left out", *block.frames[-limit:]] if cut > 0 else block.frames
        lines += [_TITLE, *shown]
    lines += block.ending
    bar = "  " * block.depth + "| " if block.depth else ""
    return [f"{bar}{part}" for line in lines for part in line.split("\n")]
