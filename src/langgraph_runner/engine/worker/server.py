"""`Server`: takes on runs, keeps their leases, and finds those that nobody runs."""

from __future__ import annotations

import asyncio
import logging
from contextvars import Context
from typing import TYPE_CHECKING, Any, Final, Literal

from langgraph_runner.engine.errors import LeaseLostError, RecoveryExhaustedError
from langgraph_runner.engine.logs import LOGGER
from langgraph_runner.engine.models import RunStatus
from langgraph_runner.engine.run.creation import (
    Found,
    NotCreatedError,
    RunCreation,
    as_found,
    create,
    must_exist_first,
)
from langgraph_runner.engine.run.slots import HELD_SLOT
from langgraph_runner.engine.store import reads
from langgraph_runner.engine.store.records import StepRow, new_run
from langgraph_runner.engine.store.writes import SUSPECT_FROM, ClaimRun, Created, CreateRun, ReleaseRuns
from langgraph_runner.engine.worker.health import StoreHealth
from langgraph_runner.engine.worker.lease_clock import LeaseClock
from langgraph_runner.engine.worker.leases import LeaseKeeper
from langgraph_runner.engine.worker.presence import WorkerPresence
from langgraph_runner.engine.worker.recovery import likely_causes
from langgraph_runner.engine.worker.run_watch import WATCH_S, RunWatch
from langgraph_runner.errors.logs import emit
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from langgraph_runner.engine.dispatch.dispatcher import Announcers, JobHandler
    from langgraph_runner.engine.host import Host
    from langgraph_runner.engine.run.execution import RunExecution
    from langgraph_runner.engine.store.records import NewRun, RunRow
    from langgraph_runner.engine.store.writes import Claimed
    from langgraph_runner.engine.worker.step_pool import StepPool
    from langgraph_runner.workflow import Blueprint, WorkflowRegistry

__all__ = ["Server", "TakesOn"]

TakesOn = Literal["all", "own", "none"]
"""Which runs an engine runs: all that wait and those of dead processes, those that it was asked for, or none."""

_OTHER_LOOP: Final = (
    "The engine belongs to another event loop. Make one for each loop, or use RunEngine.sync."
)
_CLAIMS_AT_ONCE: Final = 16
_BEGIN_UNCREATED: Final = 4
"""How many runs begin before they are made, at a time: the others as the writer wakes them, which spares the loop."""
_NOT_BEGUN: Final = (
    "It is not known whether the run was made: the task that was about to do it was cancelled."
)


class Server:
    """The runs of one engine. Belongs to the event loop in which it is started.

    Args:
        host: What they share.
        workflows: What can be run.
        max_active_runs: How many at once.
        lease_ms: How long a lease holds without a heartbeat.
        poll_ms: How often to look for runs that wait or were left.
        max_recovery_attempts: How often a run is taken over in a row without progress before it fails.
        limits: How many runs of a tenant may run at once, on all engines; None for any number.
        announcers: The queues that tell workers at once what waits.
        on_request: Is called with the id and the data of a job that asks for a run.
        pool: Runs steps that others have left to queues of this engine; None if it serves none.
    """

    def __init__(
        self,
        host: Host,
        workflows: WorkflowRegistry,
        *,
        max_active_runs: int,
        lease_ms: int,
        poll_ms: int,
        max_recovery_attempts: int,
        announcers: Announcers,
        limits: int | Mapping[str, int] | None = None,
        on_request: JobHandler | None = None,
        pool: StepPool | None = None,
    ) -> None:
        self._host = host
        self._workflows = workflows
        self._max_active = max_active_runs
        self._lease_ms = lease_ms
        self._poll_s = poll_ms / 1000
        self._max_recoveries = max_recovery_attempts
        self._limits = limits
        self._suspect: str | None = None
        """A run that may kill its process: until it makes progress, no other is taken on."""
        self._at_once = 1
        """How many claims to make at once: more, the more of them find a run."""
        self._turn = ""
        """The tenant that was last in turn when a waiting run was taken on."""
        self.takes_on: TakesOn = "all"
        self._owed: dict[str, str] = {}
        """Ours, by id with the tenant, but they do not run: there was no room, or an error has ended the work."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._active: dict[str, RunExecution] = {}
        self._tasks: dict[str, asyncio.Task[RunRow | None]] = {}
        self._tenants: dict[str, str] = {}
        self._fences: dict[str, int] = {}
        """Of the runs that are ours, from their claim on; when the engine closes, also of those that have ended."""
        self._uncreated: set[str] = set()
        """Runs that have begun, and are made with their first commit."""
        self._reserved = 0
        self.health = StoreHealth(host.store)
        self._watch = RunWatch(host.store)
        self._clock = LeaseClock(lease_ms)
        self._leases = LeaseKeeper(host, lease_ms, self._active)
        queues = () if pool is None else pool.queues
        self.presence = WorkerPresence(host, workflows, max_active_runs, queues)
        self._services: list[asyncio.Task[None]] = []
        self._has_room = asyncio.Event()
        self._others_wait = False
        """Whether runs may wait for room here: else the end of one is no reason to look for others."""
        self._queueing_since: float | None = None
        """Since when runs wait for a place here; None if none does."""
        self._on_request = on_request
        self._announcers = announcers
        self._announcer = announcers.of_runs
        self._pool = pool
        self._is_draining = False
        self._is_closed = False
        self._has_closed = asyncio.Event()

    def start(self) -> None:
        """Begin to serve, if that has not happened.

        Raises:
            RuntimeError: It is used from another event loop, or was closed.
        """
        loop = asyncio.get_running_loop()
        if self._is_closed:
            raise RuntimeError("The engine is closed.")
        if self._loop is None:
            self._loop = loop
            # In a context of their own: what they take on is none of the one's who happens to call first.
            self._services = [
                loop.create_task(service, context=Context())
                for service in (self._keep_leases(), self._poll())
            ]
            if self._pool is not None:
                self._pool.start()
            if self.takes_on == "all" or self._pool is not None:
                self.presence.start()
            if self.takes_on == "all":
                listening = self._announcer.listen(self._on_job)
                self._services.append(loop.create_task(listening, context=Context()))
        elif self._loop is not loop:
            raise RuntimeError(_OTHER_LOOP)

    async def drain(self, timeout_s: float | None) -> bool:
        """Take on nothing more, and wait until what runs here is over; False if it still runs after the time."""
        self._is_draining = True
        self._pause_without_room()
        await self.presence.drain()
        try:
            async with asyncio.timeout(timeout_s):
                if self._pool is not None:
                    await self._pool.drain()
                while self._tasks or self._reserved:
                    await self._something_ended()
        except TimeoutError:
            return False
        return True

    async def _something_ended(self) -> None:
        """Wait for one of the runs here, or for a claim that is under way."""
        if self._tasks:
            await asyncio.wait({*self._tasks.values()}, return_when=asyncio.FIRST_COMPLETED)
        else:
            await self.pause()

    async def close(self) -> None:
        """Stop what runs, and give up its leases. Called again, it waits for the first call.

        Raises:
            RuntimeError: It is used from another event loop, and its own is still there.
        """
        if self._is_closed:
            await self._has_closed.wait()
            return
        is_ours = self._loop is None or self._loop is asyncio.get_running_loop()
        if self._loop is not None and not is_ours and not self._loop.is_closed():
            raise RuntimeError(_OTHER_LOOP)
        self._is_closed = True
        try:
            if is_ours:  # What ran on a loop that is closed has ended with it.
                await self._stop()
        finally:
            self._has_closed.set()

    async def _stop(self) -> None:
        self._has_room.set()
        if self._services:
            # The other one ends by itself: cancelled in the middle of a claim, it would take a run along.
            self._services[0].cancel()
        await asyncio.gather(*self._services, return_exceptions=True)
        self._announcer.set_paused(True)
        if self._pool is not None:
            await self._pool.close()
        active = {**self._active}
        for execution in active.values():
            execution.release()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await self.health.read_back()
        await self.presence.end()
        if self._fences:
            ran_ms = {run_id: execution.age_ms() for run_id, execution in active.items()}
            await self._release(ran_ms)
        await self._announcers.close()

    async def _release(self, ran_ms: dict[str, float]) -> None:
        try:
            await self._host.store.write(ReleaseRuns(self._fences, ran_ms))
        except Exception as error:  # Then they run out by themselves; whoever closes can do nothing about it.
            emit(LOGGER, logging.WARNING, "lease.release_failed", error_type=type(error).__name__)
            return
        for run_id in ran_ms:
            self._announcer.announce(run_id)

    # Dispatching.

    async def _on_job(self, job_id: str, data: dict[str, Any]) -> dict[str, Any] | None:
        """A run waits, or is asked for. The database decides which one is taken next, so that tenants have turns."""
        if self._on_request is None or (isinstance(data, dict) and "run_id" in data):
            self._others_may_wait()
            return None
        return await self._on_request(job_id, data)

    def _pause_without_room(self) -> None:
        """Leave jobs to other workers while there is no room here."""
        self._announcer.set_paused(self._is_closed or not self._has_room_for_more())

    # Taking on.

    async def create(self, blueprint: Blueprint, run: NewRun) -> Found:
        """Make a run. It is ours from the start if there is room, or if a step of ours may wait for it.

        Cancelled, the run may still be made, and then runs.

        Raises:
            sqlalchemy.exc.DBAPIError: The database refused.
        """
        slot = HELD_SLOT.get()
        is_waited_for = slot is not None and slot.is_of(self._host.slots)
        # Where tenants have limits, a claim counts their runs.
        has_room = self._limits is None and self._has_room_for_more() and not self._others_are_overdue()
        if self.takes_on == "none" or not (has_room or is_waited_for):
            return await self._create_for_others(run)
        run.owner, run.lease_ms = self._host.owner, self._lease_ms
        found: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        # By this machine's clock, until the database has told the time.
        expected = Created.of(run, round(REAL_RUNTIMES.awaiting.now_utc().timestamp() * 1000))
        work = self._create_and_run(blueprint, expected, run, found)
        task = self._spawn(expected, run.tenant, work)

        def tell_at_last(_: asyncio.Task[Any]) -> None:
            if not found.done():
                found.set_exception(RuntimeError(_NOT_BEGUN))

        task.add_done_callback(tell_at_last)
        return await asyncio.shield(found)

    async def _create_for_others(self, run: NewRun) -> Found:
        """Or for us, when there is room."""
        if self.takes_on != "none":
            self._queueing_since = self._queued_since()
        try:
            created = await self._host.store.write(CreateRun(run))
        finally:
            self._others_may_wait()
        if created.is_new:
            self._announcer.announce(run.id)
            if self.takes_on == "own":
                self._owed[run.id] = run.tenant
        return as_found(run, created)

    async def _create_and_run(
        self,
        blueprint: Blueprint,
        expected: Created,
        new: NewRun,
        found: asyncio.Future[Found],
    ) -> RunRow | None:
        """Make a run of ours, tell whoever wants it, and run it: with one commit for the beginning, if possible."""
        try:
            if len(self._uncreated) < _BEGIN_UNCREATED and not must_exist_first(self._host, blueprint, new):
                self._uncreated.add(new.id)
                return await self._begun(blueprint, expected, new, found).run()
            created = await create(self._host.store, new)
            found.set_result(as_found(new, created))
        except NotCreatedError as error:
            reason = error.__cause__ or error
            emit(LOGGER, logging.WARNING, "run.not_created", run_id=new.id, error_type=type(reason).__name__)
            found.set_exception(reason)
            found.exception()  # The log has it, if nobody waits any more.
            self._others_may_wait()  # It may have been written all the same.
            return None
        finally:
            self._uncreated.discard(new.id)
        if not created.is_new:
            self._others_may_wait()  # This one has taken room.
            return None
        return await self._run(blueprint, created, new)

    def _begun(
        self,
        blueprint: Blueprint,
        expected: Created,
        new: NewRun,
        found: asyncio.Future[Found],
    ) -> RunExecution:
        """What runs a run that it makes with its first commit."""
        from langgraph_runner.engine.run.execution import RunExecution  # noqa: PLC0415 - imports LangGraph

        def on_created(row: RunRow) -> None:
            self._uncreated.discard(row.id)
            self._active[row.id] = execution
            if self._is_closed:
                execution.release()
            found.set_result(Found(row.id, row))

        execution = RunExecution(
            self._host,
            blueprint,
            new_run(new, fence=expected.fence, at=expected.at),
            None,
            fence=expected.fence,
            seq=expected.seq,
            creation=RunCreation(new, on_created),
        )
        return execution

    def _spawn(
        self, claimed: Claimed | Created, tenant: str, work: Coroutine[Any, Any, RunRow | None]
    ) -> asyncio.Task[RunRow | None]:
        task = asyncio.get_running_loop().create_task(self._guarded(claimed, work))
        self._tasks[claimed.run_id] = task
        self._tenants[claimed.run_id] = tenant
        self._fences[claimed.run_id] = claimed.fence
        self._pause_without_room()
        task.add_done_callback(lambda task: self._gone(claimed.run_id, task))
        return task

    def _gone(self, run_id: str, task: asyncio.Task[Any]) -> None:
        if self._tasks.get(run_id) is task:  # Else it was claimed again, and belongs to the later task.
            del self._tasks[run_id]
            del self._tenants[run_id]
            self._active.pop(run_id, None)
            if not self._is_closed:
                del self._fences[run_id]
        if self._limits is not None:  # Others of the tenant may have waited for this one.
            self._others_wait = True
        self._tell_of_room()

    def _queued_since(self) -> float:
        return REAL_RUNTIMES.awaiting.monotonic() if self._queueing_since is None else self._queueing_since

    def _others_are_overdue(self) -> bool:
        """Whether runs have waited for longer than one poll. Until then a new run may overtake them.

        A claim costs more than to start a run at once, so an engine that is just full is faster this way.
        """
        since = self._queueing_since
        return since is not None and REAL_RUNTIMES.awaiting.monotonic() - since > self._poll_s

    def _others_may_wait(self) -> None:
        self._others_wait = True
        self._tell_of_room()

    def _tell_of_room(self) -> None:
        self._pause_without_room()
        if self._others_wait and self._has_room_for_more():
            self._has_room.set()

    async def _run(
        self,
        blueprint: Blueprint,
        claimed: Claimed | Created,
        new: NewRun | None = None,
        *,
        exhausted: RecoveryExhaustedError | None = None,
    ) -> RunRow | None:
        steps: list[StepRow] | None = None
        if new is None or new.reused or not isinstance(claimed, Created):
            run, steps = await self._host.store.read(
                reads.claimed_run, self._tenants[claimed.run_id], claimed.run_id
            )
        else:
            run = new_run(new, fence=claimed.fence, at=claimed.at)
        if self._is_closed:  # It was ours already when that began, but there was nothing to stop yet.
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
        self._active[run.id] = execution
        return await execution.run()

    async def _guarded(
        self, claimed: Claimed | Created, work: Coroutine[Any, Any, RunRow | None]
    ) -> RunRow | None:
        run_id = claimed.run_id
        try:
            ended = await work
            if ended is not None:
                self.health.ended(ended.tenant, run_id)
            return ended
        except LeaseLostError as error:
            emit(LOGGER, logging.WARNING, "run.lease_lost", run_id=run_id, fence=error.fence)
        except Exception as error:
            # The database is away, say. The lease runs out, and somebody goes on from what is committed.
            self._owed[run_id] = self._tenants[run_id]
            self.health.interrupted(run_id, error)
            emit(LOGGER, logging.ERROR, "run.interrupted", run_id=run_id, error_type=type(error).__name__)
            logging.getLogger(LOGGER).debug("run.interrupted", exc_info=True)
        return None

    # Following.

    def cancel(self, run_id: str, reason: str) -> None:
        """Tell a run, if it is ours."""
        if (execution := self._active.get(run_id)) is not None:
            execution.cancel(reason or "cancelled")

    async def ended(self, run_id: str, tenant: str) -> RunRow | None:
        """Wait until a run is over, if it is ours; gives it as it has ended, None if that is not known here."""
        task = self._tasks.get(run_id)
        if task is None or self._tenants[run_id] != tenant:
            return None
        await asyncio.wait({task})
        return None if task.cancelled() or task.exception() is not None else task.result()

    async def changed(self, tenant: str, run_id: str, seq: int) -> None:
        """Wait until a run has an event behind number `seq`, or may have one."""
        told = self._watch.event_after(tenant, run_id, seq)
        signs = {told}
        if (execution := self._active.get(run_id)) is not None:
            signs.add(execution.next_commit())  # Sooner than the next look at the database.
        try:
            await asyncio.wait(signs, return_when=asyncio.FIRST_COMPLETED)
        finally:
            told.cancel()

    @staticmethod
    async def pause() -> None:
        """Wait a little, for what happens elsewhere."""
        await REAL_RUNTIMES.awaiting.sleep(WATCH_S, None)

    # Services.

    async def _keep_leases(self) -> None:
        try:
            await self._leases.keep()
        except asyncio.CancelledError:
            if self._tasks and not self._is_closed:  # The loop ends: asyncio.run() cancels what is left.
                emit(LOGGER, logging.WARNING, "engine.not_closed", run_ids=[*self._tasks])
            raise

    async def _poll(self) -> None:
        while self._is_serving():
            self._has_room.clear()
            self._others_wait = False
            try:
                await self._look_at_clock()
                await self._claim_waiting()
                await self._claim_owed()
            except Exception as error:  # As above.
                self._others_wait = True
                emit(LOGGER, logging.WARNING, "poll.failed", error_type=type(error).__name__)
            if not self._is_serving():
                return
            if not self._has_room_for_more():
                self._others_wait = True
            try:
                async with asyncio.timeout(self._poll_s):
                    await self._has_room.wait()
            except TimeoutError:
                # Runs of other processes may wait, too: let them have the next place.
                self._queueing_since = None if self._has_room_for_more() else self._queued_since()

    async def _claim_waiting(self) -> None:
        """Take on runs of all while there is room: several at once, for which one commit may do."""
        while self._has_use_for_more():
            room = self._max_active - len(self._tasks) - self._reserved
            found = await asyncio.gather(*(self.claim() for _ in range(min(room, self._at_once))))
            self._at_once = min(2 * self._at_once, _CLAIMS_AT_ONCE) if all(found) else 1
            if not all(found):
                self._queueing_since = None
                return

    async def _look_at_clock(self) -> None:
        """Take over runs whose leases end in the far future, because the clock was set back, if they are dead."""
        names = [blueprint.id for blueprint in self._workflows.list_workflows()]
        now_ms, leases = await self._host.store.read(reads.clock_and_leases, names)
        monotonic = REAL_RUNTIMES.awaiting.monotonic()
        for lease in self._clock.look(now_ms, leases, monotonic):
            is_owed = self.takes_on == "own" and lease.run_id in self._owed and self._has_room_for_more()
            if (is_owed or self._has_use_for_more()) and lease.run_id not in self._tasks:
                await self.claim(lease.run_id, stuck_at=lease.expires_at)

    def owe(self, run_id: str, tenant: str) -> None:
        """Take on a run of somebody else's as soon as its lease runs out; with `takes_on` "none", not at all."""
        if run_id not in self._tasks:
            self._owed[run_id] = tenant

    async def _claim_owed(self) -> None:
        """Who takes on only its own runs does so as soon as there is room, and their lease has run out."""
        if self.takes_on != "own":
            return
        for run_id, tenant in [*self._owed.items()]:
            if not (self._is_serving() and self._has_room_for_more()):
                return
            status = await self._host.store.read(reads.status_of, tenant, run_id)
            if status is None or RunStatus(status).is_over or await self.claim(run_id):
                del self._owed[run_id]
        self._queueing_since = None

    def _is_serving(self) -> bool:
        return not self._is_closed

    def _has_use_for_more(self) -> bool:
        return self._has_room_for_more() and self._is_serving() and self.takes_on == "all"

    def _has_room_for_more(self) -> bool:
        is_full = len(self._tasks) + self._reserved >= self._max_active
        return not (is_full or self._is_draining or self._runs_suspect())

    def _runs_suspect(self) -> bool:
        """Whether a run that may kill this process runs here, and has not made progress yet."""
        if self._suspect is None:
            return False
        execution = self._active.get(self._suspect)
        if self._suspect not in self._tasks or (execution is not None and execution.has_progressed):
            self._suspect = None
        return self._suspect is not None

    def _exhausted(
        self, claimed: Claimed, blueprint: Blueprint, steps: list[StepRow]
    ) -> RecoveryExhaustedError | None:
        """Why a run that was taken over is not to run again; None if it is."""
        if claimed.recoveries <= self._max_recoveries:
            return None
        causes = likely_causes(claimed, blueprint, steps)
        return RecoveryExhaustedError(run_id=claimed.run_id, deaths=claimed.recoveries, steps=causes)

    async def claim(self, run_id: str | None = None, *, stuck_at: int | None = None) -> bool:
        """Take on a run that nobody runs: this one, or whichever comes first; False if there is none."""
        claim = self.claim_write(run_id)
        claim.stuck_at = stuck_at
        claim.only_waiting = not self._clock.trusts_ends(REAL_RUNTIMES.awaiting.monotonic())
        if not claim.workflows:
            return False
        self._reserved += 1
        try:
            claimed = await self._host.store.write(claim)
            if claimed is None:
                return False
            if self._is_draining:  # It was asked for before.
                await self._give_back(claimed)
                return False
            run, steps = await self._host.store.read(reads.claimed_run, claimed.tenant, claimed.run_id)
            blueprint = self._workflows.get_workflow(run.workflow)
            if run_id is None:
                self._turn = run.tenant
            exhausted = self._exhausted(claimed, blueprint, steps)
            if exhausted is None and claimed.recoveries >= SUSPECT_FROM:
                self._suspect = claimed.run_id
                emit(
                    LOGGER,
                    logging.WARNING,
                    "run.suspected",
                    run_id=claimed.run_id,
                    deaths=claimed.recoveries,
                    steps=likely_causes(claimed, blueprint, steps),
                )
            self._spawn(claimed, run.tenant, self._run(blueprint, claimed, exhausted=exhausted))
        finally:
            self._reserved -= 1
            self._tell_of_room()  # To look takes up room itself, for which a run may have had to wait just now.
        return True

    async def _give_back(self, claimed: Claimed) -> None:
        """Leave a run that was claimed to others."""
        await self._host.store.write(ReleaseRuns({claimed.run_id: claimed.fence}))
        self._announcer.announce(claimed.run_id)

    def claim_write(self, run_id: str | None = None) -> ClaimRun:
        """The write that claims a run for this engine: this one, or whichever comes first."""
        names = tuple(blueprint.id for blueprint in self._workflows.list_workflows())
        # A lease of ours may have run out too, when a step has blocked the loop: the next beat renews it.
        ours = tuple(self._tasks)
        return ClaimRun(
            self._host.owner,
            self._lease_ms,
            names,
            run_id,
            after=self._turn,
            ours=ours,
            limits=self._limits,
        )
