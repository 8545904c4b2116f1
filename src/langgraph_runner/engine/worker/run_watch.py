"""`RunWatch`: notifies the followers of runs of new events, with one query for all runs."""

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
    """Watches the last events of all followed runs, in whatever process they run. Belongs to one event loop."""

    def __init__(self, store: RunStore, runtime: Runtime) -> None:
        self._store = store
        self._runtime = runtime
        self._waiting: dict[asyncio.Future[None], tuple[str, str, int]] = {}
        self._looking: asyncio.Task[None] | None = None

    def event_after(self, tenant: str, run_id: str, seq: int) -> asyncio.Future[None]:
        """Return a future that is done when a run has an event after number `seq`, was deleted, or cannot be read.

        Cancel the future to stop waiting.
        """
        loop = asyncio.get_running_loop()
        notified: asyncio.Future[None] = loop.create_future()
        self._waiting[notified] = tenant, run_id, seq
        notified.add_done_callback(lambda done: self._waiting.pop(done, None))
        if self._looking is None or self._looking.done():
            # In an empty context: it serves all followers, not only the first.
            self._looking = loop.create_task(self._look(), context=Context())
        return notified

    async def _look(self) -> None:
        while self._waiting:
            await self._runtime.sleep(WATCH_S, None)
            ids = {run_id for _, run_id, _ in self._waiting.values()}
            tenants = {tenant for tenant, _, _ in self._waiting.values()}
            try:
                last = await self._store.read(queries.last_events, [*tenants], [*ids]) if ids else {}
            except Exception:  # Each follower reads for itself, and gets the error.
                last = {}
            for notified, (_, run_id, seq) in [*self._waiting.items()]:
                # A run without events was deleted: its followers are notified, too.
                has_news = run_id in ids and last.get(run_id, seq + 1) > seq
                if has_news and not notified.done():
                    notified.set_result(None)
