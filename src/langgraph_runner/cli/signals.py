"""Signal handlers of the event loop, installed and restored."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["add_handler", "handlers_restored"]


@contextlib.contextmanager
def handlers_restored() -> Iterator[None]:
    """Restore the signal handlers at the end: an event loop would leave Python's default handlers instead."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)


def add_handler(number: signal.Signals, handler: Callable[[], None]) -> bool:
    """Let the running event loop handle a signal.

    Returns:
        Whether the handler was added. It is not where the process ignores the signal, as under `nohup` or in the
        background of a shell, and not on Windows, where Ctrl-C ends the process at once.
    """
    if signal.getsignal(number) is signal.SIG_IGN:
        return False
    try:
        asyncio.get_running_loop().add_signal_handler(number, handler)
    except NotImplementedError:  # Windows
        return False
    return True
