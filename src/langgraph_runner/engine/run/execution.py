"""`RunExecution`: one run, from its claim to its end. Runs what is ready, commits what has ended, and goes on.

One coroutine decides and commits; the steps run beside it, as tasks. Each commit holds all steps that have ended
since the last one, together with the steps that they make ready. So a step's output is durable before a dependent
starts, and a run of many parallel steps needs few commits.
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
from langgraph_runner.engine.run.creation import NotCreatedError
from langgraph_runner.engine.run.ledger import Ledger, cancelled
from langgraph_runner.engine.run.results import Results
from langgraph_runner.engine.run.single_flight import SingleFlight
from langgraph_runner.engine.run.step_tasks import StepTasks
from langgraph_runner.engine.run.stepping import StepRunner
from langgraph_runner.engine.store.commands import SUSPECT_FROM
from langgraph_runner.engine.store.commands.workers import TakeBackTask
from langgraph_runner.engine.store.queries import TaskKey
from langgraph_runner.engine.store.records import Start
from langgraph_runner.errors import RunTimeoutError
from langgraph_runner.node import AbortController
from langgraph_runner.workflow import Reason, Scheduler, StepStatus
from langgraph_runner.workflow.scheduler import ENDED
from langgraph_runner.workflow.values.off_loop import read_json

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from langgraph_runner.engine.errors import RecoveryExhaustedError
    from langgraph_runner.engine.run.creation import RunCreation
    from langgraph_runner.engine.run.host import Host
    from langgraph_runner.engine.store.commands import Advanced, Claimed
    from langgraph_runner.engine.store.records import CacheEntry, RunRow, StepChange, StepRow
    from langgraph_runner.errors import NodeErrorRecord
    from langgraph_runner.node import RetryAttempt
    from langgraph_runner.workflow import Blueprint
    from langgraph_runner.workflow.scheduler import Decision
    from langgraph_runner.workflow.steps import BoundStep

__all__ = ["RunExecution"]


class _Phase(Enum):
    """What the execution of a run is doing. Why a run stops is `_stop_reason`."""

    RUNNING = auto()
    """Steps start as they become ready."""
    STOPPING = auto()
    """No further step starts. Running steps get the abort signal, and their ends are recorded."""
    RELEASED = auto()
    """This process closes. Running steps get the abort signal, and run again in another process."""
    LOST = auto()
    """Another process has the run: nothing more is written."""


class RunExecution:
    """One claimed run. Belongs to one event loop.

    Args:
        host: What runs share.
        blueprint: The workflow.
        run: The row of the run.
        steps: The rows of its steps; None if it has just been made, and none has ended.
        claimed: The claim.
        creation: Makes the run with its first commit; None if it has been made.
        exhausted: Fails the run at once, and names the steps that may have killed its owners; None to run it.
    """

    def __init__(
        self,
        host: Host,
        blueprint: Blueprint,
        run: RunRow,
        steps: Iterable[StepRow] | None,
        claimed: Claimed,
        *,
        creation: RunCreation | None = None,
        exhausted: RecoveryExhaustedError | None = None,
    ) -> None:
        self.run_id = run.id
        self.fence = claimed.fence
        self._host = host
        self._blueprint = blueprint
        self._run = run
        self._is_suspected = claimed.recoveries >= SUSPECT_FROM
        self._exhausted = exhausted
        self._left_to_workers = claimed.tasks
        self._spent_ms = claimed.spent_ms
        self._begun_at = host.runtime.monotonic()
        self._options, self._unknown_options = RunOptions.read(run.options)
        self._recorded = None if steps is None else {row.step: row for row in steps}
        self._phase = _Phase.RUNNING
        self._stop_reason: Reason | None = None
        """Why the run stops; None while it runs on."""
        self._cancel_reason = ""
        """The reason that the caller of `cancel()` gave."""
        self._error: NodeErrorRecord | None = None
        """The first error of the run."""
        self._abort = AbortController()
        self._ledger = Ledger(
            host,
            run,
            claimed,
            creation=creation,
            may_have_tasks=bool(claimed.tasks) or any(step.spec.queue for step in blueprint.steps.values()),
        )
        self._tasks = StepTasks()
        self._single_flight = SingleFlight(host, run.tenant)
        self._steps = StepRunner(
            host,
            blueprint,
            run,
            fence=claimed.fence,
            signal=self._abort.signal,
            stop_reason=self._reason_of_cancelled_step,
            on_retry=self._note_retry,
        )
        self._begun = self._steps.begun
        self._scheduler: Scheduler
        self._results: Results
        self._unclassified: deque[str] = deque()
        """Steps that are ready, before their input hash is known."""
        self._queue: deque[Start] = deque()
        """Steps that start as soon as `max_concurrency` allows."""
        self._has_waited: set[str] = set()
        """Steps that have waited for a result that another process computed."""

    # Requests of other parts of the engine.

    def cancel(self, reason: str) -> None:
        """End the run: no further step starts, and running steps get the abort signal."""
        if self._stop_reason in {None, Reason.FAIL_FAST}:
            self._stop_reason = Reason.CANCELLED
            self._cancel_reason = reason
            self._tasks.wake()

    def lose(self) -> None:
        """Stop, and write nothing more: another process has claimed the run."""
        self._phase = _Phase.LOST
        self._halt("the lease was lost")

    def release(self) -> None:
        """Stop here, and hand the run back to other processes."""
        if self._phase is not _Phase.LOST:
            self._phase = _Phase.RELEASED
        self._halt("the engine closes")

    @property
    def has_progressed(self) -> bool:
        """Whether a step has ended since the claim."""
        return self._ledger.has_progressed

    def age_ms(self) -> float:
        """Return how long the run has run in ms, with earlier owners; waits for a new owner do not count."""
        return self._spent_ms + (self._host.runtime.monotonic() - self._begun_at) * 1000

    def next_commit(self) -> asyncio.Future[None]:
        """Return a future that is done after the next commit."""
        return self._ledger.next_commit()

    # The run.

    async def run(self) -> RunRow | None:
        """Run to the end, or until it is released.

        Returns:
            The row of the ended run; None if it has not ended.

        Raises:
            NotCreatedError: The run could not be created.
            LeaseLostError: Another process has claimed the run. Later changes were not written.
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
                raise  # The database is away: the run itself did not fail.
            # A defect of this package. If the run did not fail here, each new owner would end here again.
            await self._fail(error)
        finally:
            if timer is not None:
                timer.cancel()
            await self._tasks.cancel_all()
            self._single_flight.finish_all()
            del self._steps  # It refers to this object: outputs would stay until the garbage collector runs.
        return self._ledger.ended_as

    async def _begin(self) -> bool:
        """Continue the run from its recorded steps; return False if that is impossible and the run has failed."""
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
                self._note_decisions(self._scheduler.resume(self._recorded_outcomes(recorded)))
        except Exception as error:
            await self._fail(error)
            return False
        return True

    def _check_runnable(self) -> None:
        if self._exhausted is not None:
            for step in self._exhausted.steps:
                self._ledger.record_end(self._steps.failed(step, self._exhausted, attempts=0))
            raise self._exhausted
        if self._unknown_options:
            names = ", ".join(sorted(self._unknown_options))
            raise RuntimeError(f"The run has options of a later release: {names}. Update langgraph-runner.")

    def _recorded_outcomes(self, recorded: dict[str, StepRow]) -> dict[str, tuple[StepStatus, Reason | None]]:
        """Return how steps ended before this process claimed the run."""
        facts: dict[str, tuple[StepStatus, Reason | None]] = {}
        for step in self._blueprint.dag.order:
            row = recorded[step]
            if StepStatus(row.status) in ENDED:
                facts[step] = (StepStatus(row.status), None if row.reason is None else Reason(row.reason))
                if row.error is not None and row.status == StepStatus.FAILED and self._error is None:
                    self._error = json.loads(row.error)
        return facts

    async def _fail(self, error: Exception) -> None:
        """Fail the run with an error that no step raised."""
        self._error = self._steps.record_of(error)
        self._halt(type(error).__name__)
        await self._commit([], "failed")

    async def _turn(self) -> bool:
        """Collect what has ended, decide, commit and start; return True at the end of the run."""
        self._tasks.begin_turn()
        self._collect_done()
        if self._phase is _Phase.LOST:
            raise LeaseLostError(run_id=self.run_id, fence=self.fence)
        if self._phase is _Phase.RELEASED:
            await self._commit([], None)
            return True
        self._stop_if_asked()
        if self._is_suspected:
            # An input selector may kill this process. Ended steps are committed first, so that none is blamed.
            await self._commit([], None)
        await self._classify()
        started = self._take_startable()
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
            self._single_flight.finish(step)
            self._tasks.wait_for_result(step, self._single_flight.wait_for_other_process())
        else:
            self._ledger.log_start(start)
            self._tasks.start(step, self._run_step(start))

    def _run_step(self, start: Start) -> Coroutine[object, object, StepChange]:
        """Run a step here, or hand it to the workers of its queue."""
        queue, router = self._blueprint.steps[start.step].spec.queue, self._host.router
        is_left = start.step in self._left_to_workers
        if queue is None or router is None or (queue in self._host.step_queues and not is_left):
            return self._take_back(start) if is_left else self._steps.run(start, self._results)
        return router.run(self._run, queue, start, self.fence)

    async def _take_back(self, start: Start) -> StepChange:
        """Run a step that an earlier owner has left to a queue, and that this engine runs itself."""
        key = TaskKey(self._run.tenant, self.run_id, start.step)
        task = await self._host.store.write(TakeBackTask(key))
        if task.change is not None:
            return task.change
        return await self._steps.run(start, self._results, fence=self.fence + task.fence)

    def _collect_done(self) -> None:
        is_leaving = self._phase in {_Phase.RELEASED, _Phase.LOST}
        for step, task in self._tasks.take_done():
            if task is None:  # It only waited. The cache says whether the other run computed the result.
                self._unclassified.append(step)
                continue
            change = self._change_of(task, step)
            # The next owner runs the steps again that were stopped because this process closes.
            if not (is_leaving and change.status == StepStatus.CANCELLED):
                self._note_end(change)

    def _change_of(self, task: asyncio.Task[StepChange], step: str) -> StepChange:
        if not task.cancelled():
            return task.result()
        if self._abort.signal.aborted:
            return cancelled(step, self._reason_of_cancelled_step())
        error = RuntimeError("The step cancelled its own task although the run did not stop.")
        return self._steps.failed(step, error, attempts=1)

    async def _classify(self) -> None:
        """Serve ready steps from the hot cache and queue the others. A hit may make further steps ready.

        The database's cache is asked later, by the transaction that starts a step.
        """
        while True:
            self._unclassified.extend(self._scheduler.take_ready())
            if not self._unclassified:
                return
            steps = [self._blueprint.steps[step] for step in self._unclassified]
            self._unclassified.clear()
            keyed: list[Start] = []
            for step in steps:
                start = await self._hashed(step)
                if start is not None:
                    keyed.append(start)
            # The transaction that starts steps asks the database's cache and checks that files are intact. Files on
            # another machine are checked here, so that no transaction waits for a network.
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

    async def _hashed(self, step: BoundStep) -> Start | None:
        """Return a ready step with the hash of its input and its cache key; None if that failed, which ends it."""
        if step.selects:
            await self._results.fetch(step)
        try:
            input_hash = await self._results.input_hash(step)
        except Exception as error:  # The input has no canonical encoding, or a selector has failed.
            self._note_end(self._steps.failed(step.id, error, attempts=0))
            return None
        key = self._results.cache_key(step, input_hash)
        is_forced = self._options.runs_anyway(step.id)
        return Start(step.id, input_hash, key, step.version, step.id in self._has_waited, is_forced)

    def _take_startable(self) -> list[Start]:
        """Take the steps that may start now. A step that waits for another run does not count."""
        limit = self._options.max_concurrency
        started: list[Start] = []
        while self._queue and (limit is None or len(self._tasks) + len(started) < limit):
            start = self._queue.popleft()
            key = start.cache_key
            under_way = None if key is None else self._single_flight.start(start.step, key)
            if under_way is not None and not start.is_forced:
                self._tasks.wait_for_result(start.step, SingleFlight.wait_for(under_way))
            else:
                started.append(start)
        return started

    async def _commit(self, started: list[Start], status: str | None) -> Advanced:
        try:
            advanced, ended = await self._ledger.commit(started, status, self._error, self.age_ms())
        except LeaseLostError:
            self.lose()
            raise
        for change in ended:
            self._single_flight.finish(change.step)
        if advanced.cancel_reason is not None and status is None:
            self.cancel(advanced.cancel_reason)
        return advanced

    # Bookkeeping.

    def _note_end(self, change: StepChange) -> None:
        """Record that a step has ended."""
        if change.output_ref is not None:
            self._results.note(change.step, change.output_ref, change.output)
        self._results.note_end(change.step)
        if change.error is not None and change.status == StepStatus.FAILED and self._error is None:
            self._error = json.loads(change.error)
        self._ledger.record_end(change)
        self._note_decisions(self._scheduler.ended(change.step, change.status, change.reason))

    def _note_known(self, start: Start, entry: CacheEntry) -> None:
        """Record that a step was served from the database's cache, which has written the hit."""
        self._single_flight.finish(start.step)
        self._results.note(start.step, entry.output_ref)
        self._results.note_end(start.step)
        self._ledger.log_end(start.hit(entry))
        self._note_decisions(self._scheduler.ended(start.step, StepStatus.SKIPPED, Reason.CACHE_HIT))
        self._tasks.wake()

    def _note_decisions(self, decisions: list[Decision]) -> None:
        """Record the steps that the scheduler has decided never to run."""
        for step, _, _ in decisions:
            self._results.note_end(step)
        self._ledger.record_decisions(decisions)

    def _note_retry(self, step: str, retry: RetryAttempt) -> None:
        self._ledger.record_retry(step, retry)
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
        """If the run stops, end every step that has not begun, and send the others the abort signal."""
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
        """Return the final status of the run; None if it has not ended."""
        if not self._scheduler.is_over or len(self._tasks):
            return None
        if self._stop_reason is Reason.CANCELLED:
            return "cancelled"
        if self._stop_reason is Reason.RUN_TIMEOUT or self._scheduler.failed:
            return "failed"
        return "completed"
