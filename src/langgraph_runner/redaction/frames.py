"""Frames of a traceback as lines: the user's own one by one, installed code folded.

No source lines: reading them is file access, which an event loop must not wait for, and a source line
can hold a literal secret. No values of variables either.
"""

from __future__ import annotations

import sysconfig
from collections import deque
from itertools import groupby
from pathlib import PurePath
from typing import TYPE_CHECKING, Final, NamedTuple

from langgraph_runner.redaction.paths import relative_path

if TYPE_CHECKING:
    from types import TracebackType

# All read once, at import: none of it may touch the disk later.
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


def frames_of(traceback: TracebackType | None) -> list[Frame]:
    """The frames from the outermost to the innermost; in a very deep stack the middle ones are left out."""
    outer: list[Frame] = []
    inner: deque[Frame] = deque(maxlen=_MOST_INNER)
    while traceback is not None:
        code = traceback.tb_frame.f_code
        frame = Frame(code.co_filename, traceback.tb_lineno or 0, code.co_qualname)
        (outer if len(outer) < _MOST_OUTER else inner).append(frame)
        traceback = traceback.tb_next
    return [*outer, *inner]


def frame_lines(frames: list[Frame], roots: tuple[str, ...]) -> list[str]:
    """One line a user's frame, one line a run of installed frames, one more for a repeated call."""
    lines: list[str] = []
    for is_user, run in groupby(frames, key=lambda frame: package_of(frame.file) is None):
        same = list(run)
        lines += _user_lines(same, roots) if is_user else [_folded(same)]
    return lines


def package_of(file: str) -> str | None:
    """The package or standard module that a file belongs to; None for the user's own files."""
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
        lines.append(f'  File "{_shown(frame.file, roots)}", line {frame.line}, in {frame.function}')
        if repeated := sum(1 for _ in same) - 1:
            lines.append(f"  ... the same call {repeated} more times")
    return lines


def _shown(file: str, roots: tuple[str, ...]) -> str:
    return file if file.startswith("<") else relative_path(file, roots)
