"""Stdout as a pipe whose reader may go away, as `head` does: what is under way goes on to its end, in silence."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import TextIO

__all__ = ["has_reader", "keep_stdout"]


class _Pipe(io.FileIO):
    """What is written when the reader has gone is lost, and does not fail: neither here nor in a step that prints."""

    has_reader = True

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())  # For those who write there without us.
            os.close(nowhere)
            self.has_reader = False
            return len(data)


def keep_stdout() -> None:
    """Make stdout one that does not fail when its reader goes away."""
    if sys.stdout is None:  # Closed before we began, as by `>&-`.
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until we end
        return
    stream = sys.stdout
    try:
        number = stream.fileno()
    except (OSError, ValueError):
        return  # Somebody's own, and no file.
    if not stream.isatty():
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(_Pipe(number, "w", closefd=False)),
            encoding=stream.encoding,
            errors=stream.errors,
            line_buffering=bool(stream.line_buffering),
            write_through=getattr(stream, "write_through", False),
        )


def has_reader(stream: TextIO) -> bool:
    """Whether somebody may still read what is written to a stream."""
    pipe = getattr(getattr(stream, "buffer", None), "raw", None)
    return not isinstance(pipe, _Pipe) or pipe.has_reader
