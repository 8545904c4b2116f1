"""A stdout whose reader may close it, as `head` does: the command goes on to its end and prints no error."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import TextIO

__all__ = ["has_reader", "tolerate_closed_stdout"]


class _Pipe(io.FileIO):
    """Discards what is written after the reader closed the pipe, instead of raising."""

    has_reader = True

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            # Also discard what others, such as a step that prints, write to the file descriptor itself.
            devnull = os.open(os.devnull, os.O_WRONLY)
            os.dup2(devnull, self.fileno())
            os.close(devnull)
            self.has_reader = False
            return len(data)


def tolerate_closed_stdout() -> None:
    """Replace stdout by a stream that does not fail when its reader closes it."""
    if sys.stdout is None:  # The process was started with a closed stdout, as by `>&-`.
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - open until the process ends
        return
    stream = sys.stdout
    try:
        number = stream.fileno()
    except (OSError, ValueError):
        return  # A stream of another program in this process, without a file.
    if not stream.isatty():
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(_Pipe(number, "w", closefd=False)),
            encoding=stream.encoding,
            errors=stream.errors,
            line_buffering=bool(stream.line_buffering),
            write_through=getattr(stream, "write_through", False),
        )


def has_reader(stream: TextIO) -> bool:
    """Return whether a stream still has a reader. A stream that is not a pipe always has one."""
    pipe = getattr(getattr(stream, "buffer", None), "raw", None)
    return not isinstance(pipe, _Pipe) or pipe.has_reader
