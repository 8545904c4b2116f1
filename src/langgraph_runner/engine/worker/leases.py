"""`LeaseKeeper`: the heartbeats of an engine's runs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from langgraph_runner.engine.logs import LOGGER
from langgraph_runner.engine.store.commands import Heartbeat
from langgraph_runner.errors.logs import emit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langgraph_runner.engine.run.execution import RunExecution
    from langgraph_runner.engine.run.host import Host

__all__ = ["BEATS_PER_LEASE", "LeaseKeeper"]

BEATS_PER_LEASE: Final = 3


class LeaseKeeper:
    """Renews the leases of runs, stops runs whose lease is lost, and cancels runs on request.

    Args:
        host: What runs share.
        lease_ms: How long a lease holds without a heartbeat.
        active: The running executions by id. The caller changes it.
    """

    def __init__(self, host: Host, lease_ms: int, active: Mapping[str, RunExecution]) -> None:
        self._host = host
        self._lease_ms = lease_ms
        self._active = active

    async def keep(self) -> None:
        """Renew leases until this is cancelled."""
        while True:
            await self._host.runtime.sleep(self._lease_ms / 1000 / BEATS_PER_LEASE, None)
            fences = {run_id: execution.fence for run_id, execution in self._active.items()}
            if fences:
                await self._beat(fences)

    async def _beat(self, fences: dict[str, int]) -> None:
        try:
            ran_ms = {run_id: self._active[run_id].age_ms() for run_id in fences}
            kept = await self._host.store.write(Heartbeat(self._host.owner, self._lease_ms, fences, ran_ms))
        except Exception as error:  # The database is away; the next heartbeat tries again.
            emit(LOGGER, logging.WARNING, "lease.heartbeat_failed", error_type=type(error).__name__)
            return
        for run_id, fence in fences.items():
            execution = self._active.get(run_id)
            if execution is None or execution.fence != fence:
                continue
            if run_id not in kept:
                execution.lose()
                continue
            reason = kept[run_id]
            if reason is not None:
                execution.cancel(reason)
