"""Waiting in tests. This is the only module of the tests that may sleep; `tests/test_no_sleeps.py` checks that.

Most tests need no sleep: they move a fake clock, or wait for an event, a future or a line of output. `Observed` and
`Gate` let a test wait for its own steps. `eventually()` polls what sends no notification: a file, a port or a row
of another process, and the internal state of an engine.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from contextlib import suppress

_FIRST_PAUSE_S = 0.001
_LONGEST_PAUSE_S = 0.02
LIMIT_S = 200.0
"""The default limit of a wait, below pytest's timeout. Only a failing test reaches it, or an overloaded machine."""


async def eventually(ask, condition=bool, *, within_s=LIMIT_S):
    """Call `ask` until `condition` holds for its result, and return this result.

    It polls, so use it only for what sends no notification: the state of another process, or of the engine.

    Args:
        ask: A function, or a coroutine function.
        condition: Checks the result. By default the result has to be true.
        within_s: The limit, in seconds.

    Raises:
        AssertionError: The condition did not hold within the limit.
    """
    for pause_s in _pauses(within_s):
        found = ask()
        if inspect.isawaitable(found):
            found = await found
        if condition(found):
            return found
        await asyncio.sleep(pause_s)
    raise AssertionError(f"It did not happen within {within_s:g} s: the last result was {found!r}.")


def eventually_blocking(ask, condition=bool, *, within_s=LIMIT_S):
    """Do as `eventually()`, without an event loop."""
    for pause_s in _pauses(within_s):
        found = ask()
        if condition(found):
            return found
        time.sleep(pause_s)
    raise AssertionError(f"It did not happen within {within_s:g} s: the last result was {found!r}.")


def _pauses(within_s):
    """Yield the pauses until the limit, at least one. They get longer: short ones react fast, long ones cost less."""
    ends_at, pause_s = time.monotonic() + within_s, _FIRST_PAUSE_S
    while True:
        yield pause_s
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        if time.monotonic() > ends_at:
            return


async def pause(seconds):
    """Let real time pass: between two injected faults, during a fault, or in the work that a fault interrupts.

    Only tests that inject faults into real processes need it. Their schedule is random, or depends on a lease.
    """
    await asyncio.sleep(seconds)


def pause_blocking(seconds):
    """Do as `pause()`, without an event loop."""
    time.sleep(seconds)


class _Notifier:
    """Lets coroutines of any event loop wait for a condition. Code that changes it calls `notify()`. Thread-safe."""

    def __init__(self):
        self._lock = threading.Lock()
        self._waiting = []

    def notify(self):
        """Let all waiting coroutines check their conditions."""
        with self._lock:
            waiting = [*self._waiting]
        for loop, changed in waiting:
            with suppress(RuntimeError):  # The loop has been closed.
                loop.call_soon_threadsafe(changed.set)

    async def until(self, condition, within_s=None):
        """Wait until `condition()` is true."""
        changed = asyncio.Event()
        waiter = (asyncio.get_running_loop(), changed)
        with self._lock:
            self._waiting.append(waiter)
        try:
            async with asyncio.timeout(within_s):
                while not condition():
                    await changed.wait()
                    changed.clear()
        finally:
            with self._lock:
                self._waiting.remove(waiter)


class Observed(list):
    """A list of what a test has observed. Coroutines can wait for its items; any thread may append one."""

    def __init__(self):
        super().__init__()
        self._notifier = _Notifier()

    def append(self, item):
        """Add an item, and let waiting coroutines check their conditions."""
        super().append(item)
        self._notifier.notify()

    async def reach(self, count=1):
        """Wait until the list has at least `count` items."""
        await self.until(lambda: len(self) >= count)

    async def until(self, condition):
        """Wait until `condition()` is true. It is checked when an item is appended."""
        await self._notifier.until(condition, LIMIT_S)


class Gate:
    """A `threading.Event` that coroutines can wait for too, in any event loop and for as long as it takes."""

    def __init__(self):
        self._event = threading.Event()
        self._notifier = _Notifier()

    def set(self):
        """Open the gate."""
        self._event.set()
        self._notifier.notify()

    def clear(self):
        """Close the gate."""
        self._event.clear()

    def is_set(self):
        """Whether the gate is open."""
        return self._event.is_set()

    async def wait(self):
        """Wait until the gate is open."""
        await self._notifier.until(self._event.is_set)
