"""`RunWatch`: tells those who follow runs when something was committed, with one query for all of them."""

from __future__ import annotations

import asyncio
from contextvars import Context
from typing import TYPE_CHECKING

from langgraph_runner.engine.store import queries
from langgraph_runner.engine.store.store import WATCH_S

if TYPE_CHECKING:
    from langgraph_runner.engine.store import RunStore
    from langgraph_runner.runtime.runtimes import Runtime

__all__ = ["RunWatch"]


class RunWatch:
    """Looks at the last events of all runs that are followed, wherever they run. Belongs to one event loop.

    Args:
        store: Where the events are.
        runtime: The clock by which it looks.
    """

    def __init__(self, store: RunStore, runtime: Runtime) -> None:
        self._store = store
        self._runtime = runtime
        self._waiting: dict[asyncio.Future[None], tuple[str, str, int]] = {}
        self._looking: asyncio.Task[None] | None = None

    def event_after(self, tenant: str, run_id: str, seq: int) -> asyncio.Future[None]:
        """Done when a run has an event behind number `seq`, is gone, or cannot be read. Cancel it to stop waiting."""
        loop = asyncio.get_running_loop()
        told: asyncio.Future[None] = loop.create_future()
        self._waiting[told] = tenant, run_id, seq
        told.add_done_callback(lambda told: self._waiting.pop(told, None))
        if self._looking is None or self._looking.done():
            # In a context of its own: it is none of the one's who happens to follow first.
            self._looking = loop.create_task(self._look(), context=Context())
        return told

    async def _look(self) -> None:
        while self._waiting:
            await self._runtime.sleep(WATCH_S, None)
            ids = {run_id for _, run_id, _ in self._waiting.values()}
            tenants = {tenant for tenant, _, _ in self._waiting.values()}
            try:
                last = await self._store.read(queries.last_events, [*tenants], [*ids]) if ids else {}
            except Exception:  # Those who follow read for themselves, and meet the error.
                last = {}
            for told, (_, run_id, seq) in [*self._waiting.items()]:
                if run_id in ids and last.get(run_id, seq + 1) > seq and not told.done():
                    told.set_result(None)
