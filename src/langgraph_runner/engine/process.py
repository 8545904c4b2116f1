"""`OwnProcess`: refuses the use of an engine in a process that was forked after the engine was made."""

from __future__ import annotations

import os
from typing import Final

__all__ = ["OwnProcess"]

_FORKED: Final = (
    "The engine was made before this process was forked: its threads and connections belong to the parent process."
    " Make the engine in the child, for example in a start hook of the worker processes."
)


class OwnProcess:
    """The process that made an object whose threads and connections do not survive a fork."""

    def __init__(self) -> None:
        self._pid = os.getpid()

    def is_this(self) -> bool:
        """Return whether this is the process that made it."""
        return os.getpid() == self._pid

    def check(self) -> None:
        """Raise in a child process, where a call would wait forever.

        Raises:
            RuntimeError: This process was forked after the object was made.
        """
        if not self.is_this():
            raise RuntimeError(_FORKED)
