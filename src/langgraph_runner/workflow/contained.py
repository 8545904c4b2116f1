"""`Contained`: code of the user's that may fail, but may not end the program of whoever runs the workflow."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Contained", "may_be_a_signal"]


class Contained:
    """A context in which what is no `Exception` (SystemExit, CancelledError) becomes one. May be entered many times.

    It would end the process that runs the step, and then each that takes the run over. Only a `KeyboardInterrupt` in
    the main thread goes through: there it is the user's Ctrl-C.

    Args:
        what: What runs in it, for the message.

    Raises:
        RuntimeError: From that which is no `Exception`.
    """

    __slots__ = ("_what",)

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        """Nothing is to be done yet."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Turn it into an `Exception`."""
        if error is None or isinstance(error, Exception) or may_be_a_signal(error):
            return
        words = f"{self._what} has raised {type(error).__name__}, which is no Exception."
        raise RuntimeError(words) from error


def may_be_a_signal(error: BaseException) -> bool:
    """Whether it may be Ctrl-C: Python raises that in the main thread only."""
    return isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread()
