"""`Slot`: the place that a running step has among those of its engine, which it lends while it waits for others."""

from __future__ import annotations

from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator
    from types import TracebackType

__all__ = ["HELD_SLOT", "Slot", "lent"]


class Slot:
    """One of `slots`, for the time of an `async with`. Belongs to one step.

    Args:
        slots: Of the engine.
    """

    def __init__(self, slots: asyncio.Semaphore) -> None:
        self._slots = slots
        self._is_held = False
        self._waits = 0

    def is_of(self, slots: asyncio.Semaphore) -> bool:
        """Whether it is one of these."""
        return self._slots is slots

    async def __aenter__(self) -> Self:
        await self._slots.acquire()
        self._is_held = True
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._give()

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[None]:
        """Let others have it; taken back when nothing in the step waits any more."""
        self._waits += 1
        self._give()
        try:
            yield
        finally:
            self._waits -= 1
            if not self._waits and not self._is_held:
                await self._slots.acquire()
                self._is_held = True

    def _give(self) -> None:
        if self._is_held:
            self._is_held = False
            self._slots.release()


HELD_SLOT: Final[ContextVar[Slot | None]] = ContextVar("HELD_SLOT", default=None)
"""That of the step that is running."""


@asynccontextmanager
async def lent(slots: asyncio.Semaphore) -> AsyncIterator[None]:
    """In a step that waits for other steps: give them its slot meanwhile, or all might wait for ever."""
    slot = HELD_SLOT.get()
    if slot is None or not slot.is_of(slots):
        yield
        return
    async with slot.lent():
        yield
