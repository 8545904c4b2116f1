"""`TenantSlots` and `Slot`: how many steps of an engine run at once, and which tenant's step is next.

A running step holds one slot, and lends it while it waits for other steps. Tenants that wait for a slot get one in
turn, so a tenant with few steps does not wait behind the hundreds of another tenant.
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

__all__ = ["HELD_SLOT", "Slot", "TenantSlots", "lend_slot"]


class TenantSlots:
    """The slots of one engine. Belongs to one event loop.

    A free slot goes to the next tenant in turn, and within a tenant to the step that has waited longest.

    Args:
        count: How many there are: at least 1.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        """Steps that wait, by tenant, in the order of the tenants' turns. It is empty while a slot is free."""

    async def acquire(self, tenant: str) -> None:
        """Wait for a slot. A cancelled caller holds none."""
        if self._free:
            self._free -= 1
            return
        granted = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tenant, deque()).append(granted)
        try:
            await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():  # The slot was granted just before.
                self.release()
            raise

    def release(self) -> None:
        """Return a slot; the next tenant in turn gets it."""
        while self._waiting:
            tenant, queue = next(iter(self._waiting.items()))
            del self._waiting[tenant]
            granted = queue.popleft()
            if queue:
                self._waiting[tenant] = queue  # Its next turn comes after those of the others.
            if not granted.done():
                granted.set_result(None)
                return
        self._free += 1


class Slot:
    """Holds one of `slots` during an `async with`. Belongs to one step."""

    def __init__(self, slots: TenantSlots, tenant: str) -> None:
        self._slots = slots
        self._tenant = tenant
        self._is_held = False
        self._waits = 0

    def is_of(self, slots: TenantSlots) -> bool:
        """Return whether it is one of these slots."""
        return self._slots is slots

    async def __aenter__(self) -> Self:
        await self._take()
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._give()

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[None]:
        """Lend the slot to other steps, and take it back when nothing in this step waits any more."""
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
"""The slot of the running step."""


@asynccontextmanager
async def lend_slot(slots: TenantSlots) -> AsyncIterator[None]:
    """Lend the slot of a step that waits for other steps. Otherwise all slots might be held by waiting steps."""
    slot = HELD_SLOT.get()
    if slot is None or not slot.is_of(slots):
        yield
        return
    async with slot.lend():
        yield
