"""`UserCode`: calls of a user's function that may fail, but must not end the process."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["UserCode", "may_be_ctrl_c"]


class UserCode:
    """A context manager that turns a `BaseException`, such as SystemExit, into a RuntimeError. Reusable.

    Otherwise a `sys.exit()` in a validator would end the process that runs the step, and then each process that takes
    over the run. An `Exception` passes unchanged, and so does a `KeyboardInterrupt` in the main thread: that is the
    user's Ctrl-C.

    Args:
        what: What runs inside, for the message.

    Raises:
        RuntimeError: The code raised something that is not an `Exception`.
    """

    __slots__ = ("_what",)

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Convert the exception."""
        if error is None or isinstance(error, Exception) or may_be_ctrl_c(error):
            return
        message = f"{self._what} has raised {type(error).__name__}, which is not an Exception."
        raise RuntimeError(message) from error


def may_be_ctrl_c(error: BaseException) -> bool:
    """Return whether an exception may come from Ctrl-C, which Python raises in the main thread only."""
    return isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread()
