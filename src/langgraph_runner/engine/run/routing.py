"""`StepRouter`: hands steps that name a queue to the workers of that queue, and waits for their results."""

from __future__ import annotations

import asyncio
from contextvars import Context
from typing import TYPE_CHECKING

from langgraph_runner.engine.errors import LeaseLostError
from langgraph_runner.engine.store import queries
from langgraph_runner.engine.store.commands.workers import AddTask
from langgraph_runner.engine.store.queries import TaskKey
from langgraph_runner.engine.store.store import WATCH_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from langgraph_runner.engine.dispatch.dispatcher import Announcer
    from langgraph_runner.engine.store import RunStore
    from langgraph_runner.engine.store.records import RunRow, Start, StepChange
    from langgraph_runner.runtime.runtimes import Runtime

__all__ = ["StepRouter"]


class StepRouter:
    """The steps that this engine's runs have handed to workers. Belongs to one event loop.

    The database keeps each task and its result, so the next owner of a run finds both.

    Args:
        store: The database.
        announcer: Returns the announcer of a queue by name.
        runtime: The clock by which it looks for results.
    """

    def __init__(self, store: RunStore, announcer: Callable[[str], Announcer], runtime: Runtime) -> None:
        self._store = store
        self._runtime = runtime
        self._announcer = announcer
        self._waiting: dict[TaskKey, asyncio.Future[None]] = {}
        self._looking: asyncio.Task[None] | None = None

    async def run(self, run: RunRow, queue: str, start: Start, fence: int) -> StepChange:
        """Hand a step to the workers of a queue, and wait for its result. A cancelled wait does not stop the worker.

        Raises:
            LeaseLostError: The run was claimed by another process, or has ended.
            sqlalchemy.exc.DBAPIError: The database refused.
        """
        key = TaskKey(run.tenant, run.id, start.step)
        done = asyncio.get_running_loop().create_future()
        if not await self._store.write(AddTask(key, run.workflow, queue, start, fence)):
            raise LeaseLostError(run_id=run.id, fence=fence)
        self._waiting[key] = done
        self._announcer(queue).announce(f"{run.id}-{start.step}")
        if self._looking is None or self._looking.done():
            # In an empty context: it serves all runs, not only the first.
            self._looking = asyncio.get_running_loop().create_task(self._look(), context=Context())
        try:
            while True:
                await done
                change = await self._store.read(queries.task_result, run.tenant, key)
                if change is not None:
                    return change
                done = self._waiting[key] = asyncio.get_running_loop().create_future()
        finally:
            del self._waiting[key]

    async def _look(self) -> None:
        while self._waiting:
            await self._runtime.sleep(WATCH_S, None)
            tenants, runs = {key.tenant for key in self._waiting}, {key.run_id for key in self._waiting}
            try:
                finished = (
                    await self._store.read(queries.finished_tasks, [*tenants], [*runs]) if runs else set()
                )
            except Exception:  # Each waiting run reads for itself, and gets the error.
                finished = {*self._waiting}
            for key in finished & self._waiting.keys():
                if not self._waiting[key].done():
                    self._waiting[key].set_result(None)
