"""`Workload`: the runs that one engine holds, and its room for more."""

from __future__ import annotations

import asyncio
import logging
from enum import IntEnum
from typing import TYPE_CHECKING, Final, Literal

from langgraph_runner.engine.errors import LeaseLostError
from langgraph_runner.engine.logs import LOGGER, cause, log_event
from langgraph_runner.engine.store import queries
from langgraph_runner.engine.store.commands import Heartbeat

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from langgraph_runner.engine.dispatch.dispatcher import Announcer
    from langgraph_runner.engine.errors import RecoveryExhaustedError
    from langgraph_runner.engine.run.execution import RunExecution
    from langgraph_runner.engine.run.host import Host
    from langgraph_runner.engine.store.commands import Claimed
    from langgraph_runner.engine.store.records import RunRow, StepRow
    from langgraph_runner.engine.worker.health import StoreHealth
    from langgraph_runner.workflow import Blueprint

__all__ = ["BEATS_PER_LEASE", "TakesOn", "WorkerPhase", "Workload"]

BEATS_PER_LEASE: Final = 3
"""How many heartbeats an engine sends while a lease holds."""
TakesOn = Literal["all", "own", "none"]
"""Which runs an engine takes: all waiting and orphaned ones, only those that it triggers or resumes, or none."""


class WorkerPhase(IntEnum):
    """The phases of a worker, in their order."""

    SERVING = 1
    """It claims runs."""
    DRAINING = 2
    """It claims no further run, and finishes the held ones."""
    CLOSED = 3
    """It is closed, or is closing."""


class Workload:
    """The runs whose leases one engine holds, and the room for more. Belongs to one event loop."""

    def __init__(self, host: Host, announcer: Announcer, health: StoreHealth) -> None:
        self._host = host
        self._announcer = announcer
        self._health = health
        self.takes_on: TakesOn = "all"
        self.phase = WorkerPhase.SERVING
        self.executions: dict[str, RunExecution] = {}
        """The executions of the runs, by id. A run that is still being read has none."""
        self.tasks: dict[str, asyncio.Task[RunRow | None]] = {}
        self.tenants: dict[str, str] = {}
        self.fences: dict[str, int] = {}
        """The fencing tokens of all claims. A closing worker keeps those of ended runs, to release all at once."""
        self.to_take: dict[str, str] = {}
        """Runs to claim soon, by id with their tenant: there was no room for them, or an error interrupted them."""
        self.reserved = 0
        """Claims that are under way: each reserves room for one run."""
        self.suspect: str | None = None
        """A run that may kill this process. Until it makes progress, no other run is claimed."""
        self.may_take = asyncio.Event()
        """Set when there is room, and runs may be waiting for it."""
        self.runs_may_wait = False
        """Whether runs may be waiting for room here. If not, the end of a run triggers no search for more."""
        self._waiting_since: float | None = None

    # Room.

    def is_closed(self) -> bool:
        """Return whether the worker is closed, or is closing."""
        return self.phase is WorkerPhase.CLOSED

    @property
    def room(self) -> int:
        """How many more runs fit, whatever the phase of the worker is."""
        return self._host.options.max_active_runs - len(self.tasks) - self.reserved

    def has_room(self) -> bool:
        """Return whether the engine may hold another run now."""
        return self.room > 0 and self.phase is WorkerPhase.SERVING and not self._runs_suspect()

    def takes_any(self) -> bool:
        """Return whether the engine may claim any waiting or orphaned run now."""
        return self.has_room() and self.takes_on == "all"

    def _runs_suspect(self) -> bool:
        if self.suspect is None:
            return False
        execution = self.executions.get(self.suspect)
        if self.suspect not in self.tasks or (execution is not None and execution.has_progressed):
            self.suspect = None
        return self.suspect is not None

    def update_room(self) -> None:
        """Pause or resume the queue as the room demands, and look for runs if some may be waiting."""
        has_room = self.has_room()
        self._announcer.set_paused(not has_room)
        if self.runs_may_wait and has_room:
            self.may_take.set()

    def note_runs_may_wait(self) -> None:
        """Note that runs may be waiting: the worker looks for them as soon as there is room."""
        self.runs_may_wait = True
        self.update_room()

    # Back-pressure: how long runs have waited for room here.

    def note_full(self) -> None:
        """Note that runs wait for room from now on, unless they wait already."""
        if self._waiting_since is None:
            self._waiting_since = self._host.runtime.monotonic()

    def note_nothing_waits(self) -> None:
        """Note that no run waits for room here."""
        self._waiting_since = None

    def has_kept_waiting(self, seconds: float) -> bool:
        """Return whether runs have waited for room here for longer than `seconds`."""
        since = self._waiting_since
        return since is not None and self._host.runtime.monotonic() - since > seconds

    # Leases.

    async def keep_leases(self) -> None:
        """Renew the leases of all runs until this is cancelled."""
        try:
            while True:
                await self._host.runtime.sleep(self._host.options.lease_ms / 1000 / BEATS_PER_LEASE, None)
                await self._renew_leases()
        except asyncio.CancelledError:
            if self.tasks and not self.is_closed():
                # The loop ends: asyncio.run() cancels the remaining tasks.
                log_event(logging.WARNING, "engine.not_closed", run_ids=[*self.tasks])
            raise

    async def _renew_leases(self) -> None:
        """Renew the leases once. Stop runs whose lease is lost, and cancel runs whose cancellation was requested."""
        held = {**self.executions}
        if not held:
            return
        fences = {run_id: execution.fence for run_id, execution in held.items()}
        ran_ms = {run_id: execution.age_ms() for run_id, execution in held.items()}
        options = self._host.options
        try:
            kept = await self._host.store.write(Heartbeat(self._host.owner, options.lease_ms, fences, ran_ms))
        except Exception as error:  # The database is away; the next heartbeat tries again.
            log_event(logging.WARNING, "lease.heartbeat_failed", **cause(error))
            return
        for run_id, execution in held.items():
            if self.executions.get(run_id) is not execution:  # It has ended, or was claimed again.
                continue
            if run_id not in kept:
                execution.lose()
                continue
            reason = kept[run_id]
            if reason is not None:
                execution.cancel(reason)

    # Runs.

    def spawn(
        self, claimed: Claimed, work: Coroutine[object, object, RunRow | None]
    ) -> asyncio.Task[RunRow | None]:
        """Hold a claimed run, and run it in a task."""
        run_id = claimed.run_id
        task = asyncio.get_running_loop().create_task(self._run_and_log(claimed, work))
        self.tasks[run_id] = task
        self.tenants[run_id] = claimed.tenant
        self.fences[run_id] = claimed.fence
        self.update_room()
        task.add_done_callback(lambda task: self._remove(run_id, task))
        return task

    def _remove(self, run_id: str, task: asyncio.Task[RunRow | None]) -> None:
        if self.tasks.get(run_id) is task:  # Otherwise it was claimed again, and a later task runs it.
            del self.tasks[run_id]
            del self.tenants[run_id]
            self.executions.pop(run_id, None)
            if not self.is_closed():
                del self.fences[run_id]
        if self._host.options.has_tenant_limits:  # Another run of the tenant may have waited for this one.
            self.runs_may_wait = True
        self.update_room()

    async def _run_and_log(
        self, claimed: Claimed, work: Coroutine[object, object, RunRow | None]
    ) -> RunRow | None:
        run_id = claimed.run_id
        try:
            ended = await work
            if ended is not None:
                self._health.note_end(ended.tenant, run_id)
            return ended
        except LeaseLostError as error:
            log_event(logging.WARNING, "run.lease_lost", run_id=run_id, fence=error.fence)
        except Exception as error:
            # Most likely the database is away. The lease expires, and a worker resumes the run from its last commit.
            self.to_take[run_id] = claimed.tenant
            self._health.note_interruption(run_id, error)
            log_event(logging.ERROR, "run.interrupted", run_id=run_id, **cause(error))
            logging.getLogger(LOGGER).debug("run.interrupted", exc_info=True)
        return None

    async def run(
        self,
        blueprint: Blueprint,
        claimed: Claimed,
        row: RunRow | None = None,
        *,
        exhausted: RecoveryExhaustedError | None = None,
    ) -> RunRow | None:
        """Run a run that was claimed or created for this engine: the coroutine for `spawn()`.

        Args:
            blueprint: The workflow.
            claimed: The claim.
            row: The row of a new run that reuses no steps; None to read the run and its steps.
            exhausted: Fails the run at once; None to run it.
        """
        steps: list[StepRow] | None = None
        if row is None:
            run, steps = await self._host.store.read(queries.claimed_run, claimed.tenant, claimed.run_id)
        else:
            run = row
        if self.is_closed():  # It closed while the run was read, when there was no execution to release yet.
            return None
        from langgraph_runner.engine.run.execution import RunExecution  # noqa: PLC0415 - imports LangGraph

        execution = RunExecution(self._host, blueprint, run, steps, claimed, exhausted=exhausted)
        self.executions[run.id] = execution
        return await execution.run()
