"""`TenantSlots` and `Slot`: how many steps of an engine run at once, and which tenant's step is next.

A running step holds one slot, and lends it while it waits for other steps. When a slot becomes free, the tenants that
wait for one get it in turn: a tenant with few steps does not wait behind the hundreds of another one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

__all__ = ["HELD_SLOT", "Slot", "TenantSlots", "lent"]


class TenantSlots:
    """The slots of one engine. Belongs to one event loop.

    A free slot goes to the next tenant in turn, and within a tenant to the step that has waited longest.

    Args:
        count: How many there are: at least 1.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        """By tenant, in the order of their turns. While a slot is free, nobody waits."""

    async def acquire(self, tenant: str) -> None:
        """Wait for a slot. Cancelled, the caller has none."""
        if self._free:
            self._free -= 1
            return
        handed = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tenant, deque()).append(handed)
        try:
            await handed
        except asyncio.CancelledError:
            if handed.done() and not handed.cancelled():  # It was handed over just before.
                self.release()
            raise

    def release(self) -> None:
        """Give a slot back, or rather to the next in turn."""
        while self._waiting:
            tenant, queue = next(iter(self._waiting.items()))
            del self._waiting[tenant]
            handed = queue.popleft()
            if queue:
                self._waiting[tenant] = queue  # Its next turn comes after those of the others.
            if not handed.done():
                handed.set_result(None)
                return
        self._free += 1


class Slot:
    """One of `slots`, for the time of an `async with`. Belongs to one step.

    Args:
        slots: Of the engine.
        tenant: Whose step it is.
    """

    def __init__(self, slots: TenantSlots, tenant: str) -> None:
        self._slots = slots
        self._tenant = tenant
        self._is_held = False
        self._waits = 0

    def is_of(self, slots: TenantSlots) -> bool:
        """Whether it is one of these."""
        return self._slots is slots

    async def __aenter__(self) -> Self:
        await self._take()
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
                await self._take()

    async def _take(self) -> None:
        await self._slots.acquire(self._tenant)
        self._is_held = True

    def _give(self) -> None:
        if self._is_held:
            self._is_held = False
            self._slots.release()


HELD_SLOT: Final[ContextVar[Slot | None]] = ContextVar("HELD_SLOT", default=None)
"""That of the step that is running."""


@asynccontextmanager
async def lent(slots: TenantSlots) -> AsyncIterator[None]:
    """In a step that waits for other steps: give them its slot meanwhile, or all might wait for ever."""
    slot = HELD_SLOT.get()
    if slot is None or not slot.is_of(slots):
        yield
        return
    async with slot.lent():
        yield
