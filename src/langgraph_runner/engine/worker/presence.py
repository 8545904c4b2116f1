"""`WorkerPresence`: lets others see that an engine is there to run runs."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import socket
from contextvars import Context
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from langgraph_runner.engine.logs import LOGGER
from langgraph_runner.engine.store.commands.workers import ForgetWorker, SeeWorker
from langgraph_runner.errors.logs import emit

if TYPE_CHECKING:
    from langgraph_runner.engine.run.host import Host
    from langgraph_runner.workflow import WorkflowRegistry

__all__ = ["WorkerPresence"]

_FIRST_S: Final = 1.0
"""An engine that ends sooner is not worth a row."""
_EVERY_S: Final = 5.0
_version: Final = functools.cache(version)
"""It reads a file."""


class WorkerPresence:
    """Writes a row of the engine now and then. Belongs to one event loop.

    Args:
        host: Its id and its database.
        workflows: What it can run.
        max_active_runs: How many runs it takes on at once.
        queues: The step queues that it serves.
    """

    def __init__(
        self, host: Host, workflows: WorkflowRegistry, max_active_runs: int, queues: tuple[str, ...] = ()
    ) -> None:
        self._host = host
        self._workflows = workflows
        self._max_active_runs = max_active_runs
        self._queues = queues
        self._is_draining = False
        self._keeping: asyncio.Task[None] | None = None
        self._is_seen = False

    def start(self) -> None:
        """Begin to write it."""
        self._keeping = asyncio.get_running_loop().create_task(self._keep(), context=Context())

    async def drain(self) -> None:
        """Say that the engine takes on nothing more."""
        self._is_draining = True
        if self._keeping is not None:
            await self.tell()

    async def _keep(self) -> None:
        await self._host.runtime.sleep(_FIRST_S, None)
        while True:
            await self.tell()
            await self._host.runtime.sleep(_EVERY_S, None)

    async def tell(self) -> None:
        """Write the row, if the database lets us."""
        self._is_seen = True
        try:
            await self._host.store.write(
                SeeWorker(
                    id=self._host.owner,
                    host=socket.gethostname(),
                    pid=os.getpid(),
                    version=_version("langgraph-runner"),
                    workflows=tuple(each.id for each in self._workflows.list_workflows()),
                    max_active_runs=self._max_active_runs,
                    queues=self._queues,
                    is_draining=self._is_draining,
                )
            )
        except Exception as error:  # The next one may do better.
            emit(LOGGER, logging.DEBUG, "worker.not_seen", error_type=type(error).__name__)

    async def end(self) -> None:
        """Stop, and delete the row."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        if not self._is_seen:
            return
        try:
            await self._host.store.write(ForgetWorker(self._host.owner))
        except Exception as error:  # Then it is shown as lost for a day.
            emit(LOGGER, logging.DEBUG, "worker.not_forgotten", error_type=type(error).__name__)
