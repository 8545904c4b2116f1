"""`SingleFlight`: a process computes equal work once, however many runs need it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from langgraph_runner.engine.run.host import Host

__all__ = ["SingleFlight"]

_OTHER_PROCESS_S: Final = 0.05
"""How long to wait before the cache is asked again for a result that another process computes."""


class SingleFlight:
    """The results that one run computes for all runs of this process. Belongs to one event loop."""

    def __init__(self, host: Host, tenant: str) -> None:
        self._in_flight = host.in_flight
        self._runtime = host.runtime
        self._tenant = tenant
        self._own: dict[str, tuple[str, str]] = {}
        """The keys of the steps that this run computes."""

    def start(self, step: str, cache_key: str) -> asyncio.Future[None] | None:
        """Announce that `step` computes the result of a cache key.

        Returns:
            None if it may start; else a future that is done when the run that computes the result has finished.
        """
        key = (self._tenant, cache_key)
        under_way = self._in_flight.get(key)
        if under_way is None:
            self._in_flight[key] = asyncio.get_running_loop().create_future()
            self._own[step] = key
        return under_way

    def finish(self, step: str) -> None:
        """Let the runs that wait for `step` look for its result in the cache."""
        key = self._own.pop(step, None)
        if key is None:
            return
        future = self._in_flight.pop(key)
        if not future.done():
            future.set_result(None)

    def finish_all(self) -> None:
        """Finish all steps of this run: it computes nothing more."""
        for step in [*self._own]:
            self.finish(step)

    @staticmethod
    async def wait_for(under_way: asyncio.Future[None]) -> None:
        """Wait until another run has finished. Cancelling one wait does not end the waits of other runs."""
        await asyncio.shield(under_way)

    async def wait_for_other_process(self) -> None:
        """Wait a moment: another process does not notify this one, so the next try to start asks the cache."""
        await self._runtime.sleep(_OTHER_PROCESS_S, None)
