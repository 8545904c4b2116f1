"""`Workload`: the runs that one engine holds, and whether it takes more."""

from __future__ import annotations

import asyncio
import logging
from enum import IntEnum
from typing import TYPE_CHECKING, Literal

from langgraph_runner.engine.errors import LeaseLostError
from langgraph_runner.engine.logs import LOGGER
from langgraph_runner.engine.store import queries
from langgraph_runner.engine.store.commands import SUSPECT_FROM, Created
from langgraph_runner.engine.store.records import StepRow, new_run
from langgraph_runner.errors.logs import emit

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from langgraph_runner.engine.dispatch.dispatcher import Announcer
    from langgraph_runner.engine.errors import RecoveryExhaustedError
    from langgraph_runner.engine.run.execution import RunExecution
    from langgraph_runner.engine.run.host import Host
    from langgraph_runner.engine.store.commands import Claimed
    from langgraph_runner.engine.store.records import NewRun, RunRow
    from langgraph_runner.engine.worker.health import StoreHealth
    from langgraph_runner.workflow import Blueprint

__all__ = ["TakesOn", "WorkerPhase", "Workload"]

TakesOn = Literal["all", "own", "none"]
"""Which runs an engine takes: all that wait and those of dead processes, only the ones it made, or none."""


class WorkerPhase(IntEnum):
    """How far the life of a worker has come. It only goes forward."""

    SERVING = 1
    """It takes runs."""
    DRAINING = 2
    """It takes no further run and finishes those that it holds."""
    CLOSED = 3
    """It has stopped, or is about to."""


class Workload:
    """The runs that one engine holds a lease of, and the room for more. Belongs to one event loop.

    Args:
        host: What the runs share.
        announcer: The queue that tells workers which runs wait. It is paused while there is no room.
        health: Is told which runs the database has interrupted.
        max_active_runs: How many runs it holds at most.
        has_tenant_limits: Whether a run may wait for another run of its tenant to end.
    """

    def __init__(
        self,
        host: Host,
        announcer: Announcer,
        health: StoreHealth,
        *,
        max_active_runs: int,
        has_tenant_limits: bool,
    ) -> None:
        self._host = host
        self._announcer = announcer
        self._health = health
        self._max_active = max_active_runs
        self._has_tenant_limits = has_tenant_limits
        self.takes_on: TakesOn = "all"
        self.phase = WorkerPhase.SERVING
        self.executions: dict[str, RunExecution] = {}
        """What runs the runs, by id. A run that is being read is not here yet."""
        self.tasks: dict[str, asyncio.Task[RunRow | None]] = {}
        self.tenants: dict[str, str] = {}
        self.fences: dict[str, int] = {}
        """The tokens of all claims. A closed worker keeps those of runs that have ended, to release them together."""
        self.owed: dict[str, str] = {}
        """Runs to take soon, by id with their tenant: there was no room, or an error ended the work."""
        self.reserved = 0
        """Claims that are under way: each may bring a run."""
        self.suspect: str | None = None
        """A run that may kill this process. Until it makes progress, no other run is taken."""
        self.may_take = asyncio.Event()
        """Set when there is room, and runs may wait for it."""
        self.others_wait = False
        """Whether runs may wait for room here. Otherwise the end of a run is no reason to look for more."""
        self._waiting_since: float | None = None

    # Room.

    def is_closed(self) -> bool:
        """Whether the worker has stopped, or is about to."""
        return self.phase is WorkerPhase.CLOSED

    @property
    def room(self) -> int:
        """How many more runs it may hold, whether or not it takes any now."""
        return self._max_active - len(self.tasks) - self.reserved

    def has_room(self) -> bool:
        """Whether it may take another run now."""
        return self.room > 0 and self.phase is WorkerPhase.SERVING and not self._runs_suspect()

    def takes_any(self) -> bool:
        """Whether it may take another run now, whichever it is."""
        return self.has_room() and self.takes_on == "all"

    def _runs_suspect(self) -> bool:
        if self.suspect is None:
            return False
        execution = self.executions.get(self.suspect)
        if self.suspect not in self.tasks or (execution is not None and execution.has_progressed):
            self.suspect = None
        return self.suspect is not None

    def update_room(self) -> None:
        """Take jobs of the queue while there is room, and look for more runs if some may wait."""
        has_room = self.has_room()
        self._announcer.set_paused(not has_room)
        if self.others_wait and has_room:
            self.may_take.set()

    def note_others_wait(self) -> None:
        """Look for more runs as soon as there is room."""
        self.others_wait = True
        self.update_room()

    # How long runs have waited for room here.

    def note_full(self) -> None:
        """Runs have to wait from now on, unless they do already."""
        if self._waiting_since is None:
            self._waiting_since = self._host.runtime.monotonic()

    def note_none_waits(self) -> None:
        """No run waits for room here any more."""
        self._waiting_since = None

    def has_kept_waiting(self, seconds: float) -> bool:
        """Whether runs have waited for room here for longer than `seconds`."""
        since = self._waiting_since
        return since is not None and self._host.runtime.monotonic() - since > seconds

    # Runs.

    def spawn(
        self, claimed: Claimed | Created, tenant: str, work: Coroutine[object, object, RunRow | None]
    ) -> asyncio.Task[RunRow | None]:
        """Hold a run from now on, and run it in a task."""
        run_id = claimed.run_id
        task = asyncio.get_running_loop().create_task(self._run_and_log(claimed, work))
        self.tasks[run_id] = task
        self.tenants[run_id] = tenant
        self.fences[run_id] = claimed.fence
        self.update_room()
        task.add_done_callback(lambda task: self._remove(run_id, task))
        return task

    def _remove(self, run_id: str, task: asyncio.Task[RunRow | None]) -> None:
        if self.tasks.get(run_id) is task:  # Otherwise it was claimed again, and belongs to the later task.
            del self.tasks[run_id]
            del self.tenants[run_id]
            self.executions.pop(run_id, None)
            if not self.is_closed():
                del self.fences[run_id]
        if self._has_tenant_limits:  # Another run of the tenant may have waited for this one.
            self.others_wait = True
        self.update_room()

    async def _run_and_log(
        self, claimed: Claimed | Created, work: Coroutine[object, object, RunRow | None]
    ) -> RunRow | None:
        run_id = claimed.run_id
        try:
            ended = await work
            if ended is not None:
                self._health.ended(ended.tenant, run_id)
            return ended
        except LeaseLostError as error:
            emit(LOGGER, logging.WARNING, "run.lease_lost", run_id=run_id, fence=error.fence)
        except Exception as error:
            # Most likely the database is away. The lease expires, and a worker resumes from what is committed.
            self.owed[run_id] = self.tenants[run_id]
            self._health.interrupted(run_id, error)
            emit(LOGGER, logging.ERROR, "run.interrupted", run_id=run_id, error_type=type(error).__name__)
            logging.getLogger(LOGGER).debug("run.interrupted", exc_info=True)
        return None

    async def run(
        self,
        blueprint: Blueprint,
        claimed: Claimed | Created,
        new: NewRun | None = None,
        *,
        exhausted: RecoveryExhaustedError | None = None,
    ) -> RunRow | None:
        """Run a run that was claimed, or that was made for this engine. The work of `spawn()`.

        Args:
            blueprint: Its workflow.
            claimed: The claim.
            new: What it was made of; None to read it.
            exhausted: Why it fails at once; None to run it.
        """
        steps: list[StepRow] | None = None
        if new is None or new.reused or not isinstance(claimed, Created):
            tenant = self.tenants[claimed.run_id]
            run, steps = await self._host.store.read(queries.claimed_run, tenant, claimed.run_id)
        else:
            run = new_run(new, fence=claimed.fence, at=claimed.at)
        if (
            self.is_closed()
        ):  # The worker was closed while the run was read, when there was nothing to stop yet.
            return None
        from langgraph_runner.engine.run.execution import RunExecution  # noqa: PLC0415 - imports LangGraph

        execution = RunExecution(
            self._host,
            blueprint,
            run,
            steps,
            fence=claimed.fence,
            seq=claimed.seq,
            is_suspected=not isinstance(claimed, Created) and claimed.recoveries >= SUSPECT_FROM,
            exhausted=exhausted,
            spent_ms=0 if isinstance(claimed, Created) else claimed.spent_ms,
        )
        self.executions[run.id] = execution
        return await execution.run()
