"""`Flights`: equal work is done once in a process, however many runs need it (single flight)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from langgraph_runner.engine.run.host import Host

__all__ = ["Flights"]

_ELSEWHERE_S: Final = 0.05
"""How often to look for a result that another process is computing."""


class Flights:
    """What one run is computing for all runs of this process. Belongs to one event loop.

    Args:
        host: What runs share.
        tenant: Whose run it is.
    """

    def __init__(self, host: Host, tenant: str) -> None:
        self._shared = host.flights
        self._runtime = host.runtime
        self._tenant = tenant
        self._own: dict[str, tuple[str, str]] = {}

    def begin(self, step: str, cache_key: str) -> asyncio.Future[None] | None:
        """Say that `step` is about to compute what goes under a key; gives what to wait for if another run is."""
        key = (self._tenant, cache_key)
        under_way = self._shared.get(key)
        if under_way is None:
            self._shared[key] = asyncio.get_running_loop().create_future()
            self._own[step] = key
        return under_way

    def land(self, step: str) -> None:
        """Whoever waits for `step` may look again: the cache knows what came of it."""
        if (key := self._own.pop(step, None)) is not None:
            future = self._shared.pop(key)
            if not future.done():
                future.set_result(None)

    def land_all(self) -> None:
        """Nothing more is to be expected of this run."""
        for step in [*self._own]:
            self.land(step)

    @staticmethod
    async def landing(flight: asyncio.Future[None]) -> None:
        """Wait until another run has landed. Whoever stops waiting does not end it for others."""
        await asyncio.shield(flight)

    async def elsewhere(self) -> None:
        """Wait a little: another process tells nobody; the cache will know, or the next try to start."""
        await self._runtime.sleep(_ELSEWHERE_S, None)
