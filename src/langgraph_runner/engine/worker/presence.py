"""`WorkerPresence`: reports to the database that an engine is alive, for `get_workers()`."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import socket
from contextvars import Context
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from langgraph_runner.engine.logs import cause, log_event
from langgraph_runner.engine.store.commands.workers import RemoveWorker, ReportWorker

if TYPE_CHECKING:
    from langgraph_runner.engine.run.host import Host

__all__ = ["WorkerPresence"]

_FIRST_S: Final = 1.0
"""A short-lived engine writes no row."""
_EVERY_S: Final = 5.0
_version: Final = functools.cache(version)
"""Cached, because it reads a file."""


class WorkerPresence:
    """Writes the row of the engine every 5 seconds. Belongs to one event loop."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._is_draining = False
        self._keeping: asyncio.Task[None] | None = None
        self._is_seen = False

    def start(self) -> None:
        """Start the reports."""
        self._keeping = asyncio.get_running_loop().create_task(self._keep(), context=Context())

    async def drain(self) -> None:
        """Report that the engine claims nothing more."""
        self._is_draining = True
        if self._keeping is not None:
            await self.report()

    async def _keep(self) -> None:
        await self._host.runtime.sleep(_FIRST_S, None)
        while True:
            await self.report()
            await self._host.runtime.sleep(_EVERY_S, None)

    async def report(self) -> None:
        """Write the row now; a failure is logged."""
        self._is_seen = True
        try:
            await self._host.store.write(
                ReportWorker(
                    id=self._host.owner,
                    host=socket.gethostname(),
                    pid=os.getpid(),
                    version=_version("langgraph-runner"),
                    workflows=self._host.workflow_ids(),
                    max_active_runs=self._host.options.max_active_runs,
                    queues=self._host.step_queues,
                    is_draining=self._is_draining,
                )
            )
        except Exception as error:  # The next report tries again.
            log_event(logging.DEBUG, "worker.report_failed", **cause(error))

    async def end(self) -> None:
        """Stop the reports, and delete the row."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        if not self._is_seen:
            return
        try:
            await self._host.store.write(RemoveWorker(self._host.owner))
        except Exception as error:  # Then the engine is shown as lost for a day.
            log_event(logging.DEBUG, "worker.removal_failed", **cause(error))
