"""`RunExecution`: one run, from its claim to its end. Runs what is ready, commits what has ended, and goes on.

One coroutine decides and commits; the steps run beside it, as tasks. Whatever has ended since the last commit goes
into the next one, together with what that makes ready: a step's output is durable before a dependent starts, and a
run of many steps side by side needs few commits.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from enum import Enum, auto
from typing import TYPE_CHECKING

from sqlalchemy.exc import InterfaceError, OperationalError

from langgraph_runner.engine.errors import LeaseLostError, StoreUnavailableError
from langgraph_runner.engine.options import RunOptions
from langgraph_runner.engine.run.commits import RunCommits
from langgraph_runner.engine.run.creation import NotCreatedError
from langgraph_runner.engine.run.flights import Flights
from langgraph_runner.engine.run.ledger import Ledger, cancelled
from langgraph_runner.engine.run.results import Results
from langgraph_runner.engine.run.step_tasks import StepTasks
from langgraph_runner.engine.run.stepping import StepRunner
from langgraph_runner.engine.store.records import Start
from langgraph_runner.errors import RunTimeoutError
from langgraph_runner.node import AbortController
from langgraph_runner.workflow import Reason, Scheduler, StepStatus
from langgraph_runner.workflow.scheduler import ENDED
from langgraph_runner.workflow.values.heavy import read_json

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from langgraph_runner.engine.errors import RecoveryExhaustedError
    from langgraph_runner.engine.run.creation import RunCreation
    from langgraph_runner.engine.run.host import Host
    from langgraph_runner.engine.store.commands import Advanced
    from langgraph_runner.engine.store.records import CacheEntry, RunRow, StepChange, StepRow
    from langgraph_runner.errors import NodeErrorRecord
    from langgraph_runner.node import RetryAttempt
    from langgraph_runner.workflow import Blueprint
    from langgraph_runner.workflow.scheduler import Decision

__all__ = ["RunExecution"]


class _Phase(Enum):
    """What the execution of a run is doing. Why a run stops is `_stop_reason`."""

    RUNNING = auto()
    """Steps start as they become ready."""
    STOPPING = auto()
    """No further step starts; those that run are told to stop, and their ends are recorded."""
    RELEASED = auto()
    """This process ends: steps are told to stop, and what they had not finished runs again elsewhere."""
    LOST = auto()
    """Another process has the run: nothing more is written."""


class RunExecution:
    """One claimed run. Belongs to one event loop.

    Args:
        host: What it shares with other runs.
        blueprint: Its workflow.
        run: Its row.
        steps: The rows of its steps; None if it has just been made, and none has ended.
        fence: The token of the claim.
        seq: Number of its last event.
        creation: Makes the run with its first commit; None if it has been made.
        is_suspected: Whether it may be what killed its last owners.
        exhausted: Why the run fails instead of running, naming the steps to blame; None to run it.
        spent_ms: How long it has run before.
    """

    def __init__(
        self,
        host: Host,
        blueprint: Blueprint,
        run: RunRow,
        steps: Iterable[StepRow] | None,
        *,
        fence: int,
        seq: int,
        creation: RunCreation | None = None,
        is_suspected: bool = False,
        exhausted: RecoveryExhaustedError | None = None,
        spent_ms: int = 0,
    ) -> None:
        self.run_id = run.id
        self.fence = fence
        self._host = host
        self._blueprint = blueprint
        self._run = run
        self._is_suspected = is_suspected
        self._exhausted = exhausted
        self._spent_ms = spent_ms
        self._begun_at = host.runtime.monotonic()
        self._options, self._unknown_options = RunOptions.read(run.options)
        self._recorded = None if steps is None else {row.step: row for row in steps}
        self._phase = _Phase.RUNNING
        self._stop_reason: Reason | None = None
        """Why the run is to stop; None as long as it is not."""
        self._cancel_reason = ""
        """What the caller of `cancel()` said."""
        self._error: NodeErrorRecord | None = None
        """The first error of the run."""
        self._abort = AbortController()
        self._ledger = Ledger(host, run, fence, seq)
        self._commits = RunCommits(
            host,
            run,
            self._ledger,
            fence=fence,
            creation=creation,
            may_have_tasks=any(step.spec.queue is not None for step in blueprint.steps.values()),
        )
        self._tasks = StepTasks()
        self._begun: set[str] = set()
        """Steps that have a slot: their abort signal stops them. Others are cancelled."""
        self._flights = Flights(host, run.tenant)
        self._steps = StepRunner(
            host,
            blueprint,
            run,
            fence=fence,
            signal=self._abort.signal,
            stop_reason=self._reason_of_cancelled_step,
            on_retry=self._note_retry,
            begun=self._begun,
        )
        self._scheduler: Scheduler
        self._results: Results
        self._unclassified: deque[str] = deque()
        """Steps that are ready, before their input hash is known."""
        self._queue: deque[Start] = deque()
        """Steps that start as soon as there is room."""
        self._has_waited: set[str] = set()
        """Steps whose result another process was computing."""

    # What others ask for.

    def cancel(self, reason: str) -> None:
        """End the run: nothing further starts, and what runs is told to stop."""
        if self._stop_reason in {None, Reason.FAIL_FAST}:
            self._stop_reason = Reason.CANCELLED
            self._cancel_reason = reason
            self._tasks.wake()

    def lose(self) -> None:
        """Stop, and write nothing: another process has the run."""
        self._phase = _Phase.LOST
        self._halt("the lease was lost")

    def release(self) -> None:
        """Stop here, and leave the rest to another process."""
        if self._phase is not _Phase.LOST:
            self._phase = _Phase.RELEASED
        self._halt("the engine closes")

    @property
    def has_progressed(self) -> bool:
        """Whether a step has ended since the claim."""
        return self._commits.has_progressed

    def age_ms(self) -> float:
        """Return how long the run has run, here and before; waits for a new owner do not count."""
        return self._spent_ms + (self._host.runtime.monotonic() - self._begun_at) * 1000

    def next_commit(self) -> asyncio.Future[None]:
        """Return a future that is done when more of the run is durable."""
        return self._commits.next()

    # The run.

    async def run(self) -> RunRow | None:
        """Run to the end, or until it is released.

        Returns:
            The run as it has ended; None if it has not.

        Raises:
            NotCreatedError: The run was to be made, and could not be.
            LeaseLostError: Another process has taken over the run. What came late was not written.
        """
        timer = self._start_timer()
        try:
            self._ledger.log(logging.INFO, "run.started", fence=self.fence)
            if await self._begin():
                while not await self._turn():
                    await self._tasks.wait()
        except (NotCreatedError, LeaseLostError):
            raise
        except Exception as error:
            is_away = isinstance(error, (OperationalError, InterfaceError, StoreUnavailableError))
            if is_away or self._host.store.database.is_permanent(error):
                raise  # The database is away, which is no fault of the run.
            # A defect of this package. If the run did not fail, it would be taken up and end here again for ever.
            await self._fail(error)
        finally:
            if timer is not None:
                timer.cancel()
            await self._tasks.cancel_all()
            self._flights.land_all()
            del self._steps  # It refers to this object: outputs would stay until the garbage collector runs.
        return self._commits.ended_as

    async def _begin(self) -> bool:
        """Take up the run where it was; False if that is not possible, and the run has failed."""
        try:
            self._check_runnable()
            recorded = self._recorded
            if recorded is None:
                inputs = await read_json(self._blueprint.inputs.load, self._run.inputs)
                self._results = Results(self._host.store, self._blueprint, self._run, inputs)
            else:
                self._blueprint, self._results = await Results.of(
                    self._host.store, self._blueprint, self._run, recorded.values()
                )
            blueprint = self._blueprint
            self._scheduler = Scheduler(blueprint.dag, blueprint.joins, self._options.failure_mode)
            if recorded is not None:
                self._note_decisions(self._scheduler.resume(self._facts(recorded)))
        except Exception as error:
            await self._fail(error)
            return False
        return True

    def _check_runnable(self) -> None:
        if self._exhausted is not None:
            for step in self._exhausted.steps:
                self._ledger.ended(self._steps.failed(step, self._exhausted, attempts=0))
            raise self._exhausted
        if self._unknown_options:
            names = ", ".join(sorted(self._unknown_options))
            raise RuntimeError(f"A later release made the run, with options that this one lacks: {names}.")

    def _facts(self, recorded: dict[str, StepRow]) -> dict[str, tuple[StepStatus, Reason | None]]:
        """Return how steps have ended before this process took up the run."""
        facts: dict[str, tuple[StepStatus, Reason | None]] = {}
        for step in self._blueprint.dag.order:
            row = recorded[step]
            if StepStatus(row.status) in ENDED:
                facts[step] = (StepStatus(row.status), None if row.reason is None else Reason(row.reason))
                if row.error is not None and row.status == StepStatus.FAILED and self._error is None:
                    self._error = json.loads(row.error)
        return facts

    async def _fail(self, error: Exception) -> None:
        """End the run with an error of its own."""
        self._error = self._steps.record_of(error)
        self._halt(type(error).__name__)
        await self._commit([], "failed")

    async def _turn(self) -> bool:
        """Take in what has happened, decide, commit, start; return True at the end of the run."""
        self._tasks.begin_turn()
        self._take_in_done()
        if self._phase is _Phase.LOST:
            raise LeaseLostError(run_id=self.run_id, fence=self.fence)
        if self._phase is _Phase.RELEASED:
            await self._commit([], None)
            return True
        self._stop_if_asked()
        if self._is_suspected:
            # An input selector may kill this process: steps that have ended must not be blamed for it.
            await self._commit([], None)
        await self._classify()
        started = self._take_room()
        status = self._final_status()
        advanced = await self._commit(started, status)
        for start in started:
            self._start(start, advanced)
        return status is not None

    def _start(self, start: Start, advanced: Advanced) -> None:
        """Start a step, unless the transaction found its result or another process that computes it."""
        step = start.step
        if step in advanced.known:
            self._note_known(start, advanced.known[step])
        elif step in advanced.held:
            self._has_waited.add(step)
            self._flights.land(step)
            self._tasks.wait_for_result(step, self._flights.elsewhere())
        else:
            self._ledger.log_start(start)
            self._tasks.start(step, self._run_step(start))

    def _run_step(self, start: Start) -> Coroutine[object, object, StepChange]:
        """Run a step here, or leave it to the workers of its queue."""
        queue = self._blueprint.steps[start.step].spec.queue
        if queue is None or self._host.router is None or queue in self._host.step_queues:
            return self._steps.run(start, self._results)
        return self._host.router.run(self._run, queue, start)

    def _take_in_done(self) -> None:
        is_leaving = self._phase in {_Phase.RELEASED, _Phase.LOST}
        for step, task in self._tasks.take_done():
            if task is None:  # Whether the other run has computed the result or failed, the cache knows.
                self._unclassified.append(step)
                continue
            change = self._change_of(task, step)
            # A step that is stopped because this process leaves is run by the next owner.
            if not (is_leaving and change.status == StepStatus.CANCELLED):
                self._note_end(change)

    def _change_of(self, task: asyncio.Task[StepChange], step: str) -> StepChange:
        if not task.cancelled():
            return task.result()
        if self._abort.signal.aborted:
            return cancelled(step, self._reason_of_cancelled_step())
        error = RuntimeError("The step was cancelled from inside, although the run was not to stop.")
        return self._steps.failed(step, error, attempts=1)

    async def _classify(self) -> None:
        """Sort ready steps into those whose result is known here and those to start. A hit may make more ready.

        Whether the database knows more is found out in the transaction that starts a step.
        """
        while True:
            self._unclassified.extend(self._scheduler.take_ready())
            if not self._unclassified:
                return
            steps = [self._blueprint.steps[step] for step in self._unclassified]
            self._unclassified.clear()
            keyed: list[Start] = []
            for step in steps:
                if step.selects:
                    await self._results.fetch(step)
                try:
                    input_hash = await self._results.input_hash(step)
                except Exception as error:  # It has no canonical encoding, or a selector has failed.
                    self._note_end(self._steps.failed(step.id, error, attempts=0))
                    continue
                key = self._results.cache_key(step, input_hash)
                is_forced = self._options.runs_anyway(step.id)
                has_waited = step.id in self._has_waited
                keyed.append(Start(step.id, input_hash, key, step.version, has_waited, is_forced))
            # The transaction that starts steps asks the database's cache, and looks whether files are whole. Files on
            # another machine are looked for here, so that no transaction waits for a network.
            cache, is_local = self._host.cache, self._host.artifacts.is_local
            find = cache.find_hot if is_local else cache.find
            found = await find(
                self._run.tenant,
                [start.cache_key for start in keyed if start.cache_key is not None and not start.is_forced],
            )
            for start in keyed:
                entry = None if start.is_forced else found.get(start.cache_key or "")
                if entry is not None and await self._host.artifacts.has_all(entry.artifacts):
                    self._note_end(start.hit(entry))
                else:
                    self._queue.append(start)

    def _take_room(self) -> list[Start]:
        """Take what may start now. A step that waits for the result of another run takes no room."""
        limit = self._options.max_concurrency
        started: list[Start] = []
        while self._queue and (limit is None or len(self._tasks) + len(started) < limit):
            start = self._queue.popleft()
            key = start.cache_key
            flight = None if key is None else self._flights.begin(start.step, key)
            if flight is not None and not start.is_forced:
                self._tasks.wait_for_result(start.step, Flights.landing(flight))
            else:
                started.append(start)
        return started

    async def _commit(self, started: list[Start], status: str | None) -> Advanced:
        try:
            advanced, ended = await self._commits.commit(started, status, self._error, self.age_ms())
        except LeaseLostError:
            self.lose()
            raise
        for change in ended:
            self._flights.land(change.step)
        if advanced.cancel_reason is not None and status is None:
            self.cancel(advanced.cancel_reason)
        return advanced

    # What it notes.

    def _note_end(self, change: StepChange) -> None:
        """A step has ended."""
        if change.output_ref is not None:
            self._results.note(change.step, change.output_ref, change.output)
        self._results.ended(change.step)
        if change.error is not None and self._error is None:
            self._error = json.loads(change.error)
        self._ledger.ended(change)
        self._note_decisions(self._scheduler.ended(change.step, change.status, change.reason))

    def _note_known(self, start: Start, entry: CacheEntry) -> None:
        """The database knew the result of a step, and has recorded the hit."""
        self._flights.land(start.step)
        self._results.note(start.step, entry.output_ref)
        self._results.ended(start.step)
        self._ledger.log_end(start.hit(entry))
        self._note_decisions(self._scheduler.ended(start.step, StepStatus.SKIPPED, Reason.CACHE_HIT))
        self._tasks.wake()

    def _note_decisions(self, decisions: list[Decision]) -> None:
        """The scheduler has decided that steps never run."""
        for step, _, _ in decisions:
            self._results.ended(step)
        self._ledger.decided(decisions)

    def _note_retry(self, step: str, retry: RetryAttempt) -> None:
        self._ledger.retrying(step, retry)
        self._tasks.wake()

    # Stopping.

    def _start_timer(self) -> asyncio.Task[None] | None:
        timeout_ms = self._options.run_timeout_ms
        if timeout_ms is None:
            return None
        return asyncio.get_running_loop().create_task(self._time_out(timeout_ms))

    async def _time_out(self, timeout_ms: float) -> None:
        await self._host.runtime.sleep(max(0.0, timeout_ms - self.age_ms()) / 1000, None)
        if self._stop_reason in {None, Reason.FAIL_FAST}:
            self._stop_reason = Reason.RUN_TIMEOUT
            error = RunTimeoutError(timeout_ms=timeout_ms, elapsed_ms=self.age_ms())
            self._error = self._steps.record_of(error)
            self._tasks.wake()

    def _stop_if_asked(self) -> None:
        """If the run is to stop, end every step that has not begun, and tell the others to stop."""
        if self._stop_reason is None and self._scheduler.is_stopping:
            self._stop_reason = Reason.FAIL_FAST
        if self._stop_reason is None or self._phase is not _Phase.RUNNING:
            return
        self._phase = _Phase.STOPPING
        reason = self._stop_reason
        waiting = [*self._unclassified, *(start.step for start in self._queue), *self._tasks.cancel_waits()]
        self._unclassified.clear()
        self._queue.clear()
        for step in waiting:
            self._note_end(cancelled(step, reason))
        self._note_decisions(self._scheduler.stop(reason))
        self._halt(self._cancel_reason if reason is Reason.CANCELLED else reason.value)

    def _reason_of_cancelled_step(self) -> Reason:
        return self._stop_reason or Reason.CANCELLED

    def _halt(self, reason: str) -> None:
        self._abort.abort(reason)
        self._tasks.cancel_not_begun(self._begun)
        self._tasks.wake()

    def _final_status(self) -> str | None:
        """Return how the run has ended; None if it has not."""
        if not self._scheduler.is_over or len(self._tasks):
            return None
        if self._stop_reason is Reason.CANCELLED:
            return "cancelled"
        if self._stop_reason is Reason.RUN_TIMEOUT or self._scheduler.failed:
            return "failed"
        return "completed"
