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
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.exc import InterfaceError, OperationalError

from langgraph_runner.engine.errors import LeaseLostError
from langgraph_runner.engine.host import RunOptions
from langgraph_runner.engine.run.creation import NotCreatedError
from langgraph_runner.engine.run.flights import Flights
from langgraph_runner.engine.run.ledger import Ledger, cancelled
from langgraph_runner.engine.run.results import Results
from langgraph_runner.engine.run.stepping import StepRunner
from langgraph_runner.engine.store.databases import is_permanent
from langgraph_runner.engine.store.records import Start
from langgraph_runner.engine.store.writes import Advanced
from langgraph_runner.errors import RunTimeoutError
from langgraph_runner.node import AbortController
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES
from langgraph_runner.workflow import Reason, Scheduler, StepStatus
from langgraph_runner.workflow.scheduler import ENDED
from langgraph_runner.workflow.values.off_loop import read_json

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from langgraph_runner.engine.errors import RecoveryExhaustedError
    from langgraph_runner.engine.host import Host
    from langgraph_runner.engine.run.creation import RunCreation
    from langgraph_runner.engine.store.records import CacheEntry, RunRow, StepChange, StepRow
    from langgraph_runner.errors import NodeErrorRecord
    from langgraph_runner.node import RetryAttempt
    from langgraph_runner.workflow import Blueprint
    from langgraph_runner.workflow.scheduler import Decision

__all__ = ["RunExecution"]

_clock: Final = REAL_RUNTIMES.awaiting


class RunExecution:
    """One claimed run. Belongs to one event loop.

    Args:
        host: What it shares with other runs.
        blueprint: Its workflow.
        run: Its row.
        steps: Those of its steps; None if it has just been made, and none has ended.
        fence: The token of the claim.
        seq: Number of its last event.
        creation: Makes the run with its first commit; None if it has been made.
        is_suspected: Whether it may be what killed its last owners.
        exhausted: Why the run is not run any more but fails, naming the steps to blame; None to run it.
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
        self._creation = creation
        self._is_suspected = is_suspected
        self._exhausted = exhausted
        self._spent_ms = spent_ms
        self._begun_at = _clock.monotonic()
        self.has_progressed = False
        """Whether a step has ended since the claim."""
        self._options, self._unknown_options = RunOptions.read(run.options)
        self._recorded = None if steps is None else {row.step: row for row in steps}
        self._ledger = Ledger(host, run, fence, seq)
        self._scheduler: Scheduler
        self._results: Results
        self._unclassified: deque[str] = deque()
        """Ready, but it is not known whether the cache knows them."""
        self._queue: deque[Start] = deque()
        """To be run as soon as there is room."""
        self._tasks: dict[asyncio.Task[StepChange], str] = {}
        self._flights: dict[asyncio.Task[None], str] = {}
        """Steps whose result another run is computing."""
        self._done: deque[asyncio.Task[Any]] = deque()
        self._own_flights = Flights(host, run.tenant)
        self._has_waited: set[str] = set()
        """Steps of which was told that another process computes the same."""
        self._progress: asyncio.Future[None] | None = None
        self._error: NodeErrorRecord | None = None
        self._ended_as: RunRow | None = None
        self._abort = AbortController()
        self._steps = StepRunner(
            host,
            blueprint,
            run,
            fence=fence,
            signal=self._abort.signal,
            stop_reason=self._stop_reason,
            on_retry=self._retrying,
        )
        self._wake = asyncio.Event()
        self._cancel_reason: str | None = None
        self._timed_out = False
        self._has_stopped = False
        self._is_lost = False
        self._is_released = False

    # What others ask for.

    def cancel(self, reason: str) -> None:
        """End the run: nothing further starts, and what runs is told to stop."""
        if self._cancel_reason is None:
            self._cancel_reason = reason
            self._wake.set()

    def lose(self) -> None:
        """Somebody else has the run: stop, and write nothing."""
        self._is_lost = True
        self._halt("the lease was lost")

    def release(self) -> None:
        """Stop here and leave the rest to somebody else: this process goes."""
        self._is_released = True
        self._halt("the engine closes")

    def age_ms(self) -> float:
        """How long the run has been running, here and before; a wait for a new owner does not count."""
        return self._spent_ms + (_clock.monotonic() - self._begun_at) * 1000

    def next_commit(self) -> asyncio.Future[None]:
        """Done when something more of the run is durable."""
        if self._progress is None:
            self._progress = asyncio.get_running_loop().create_future()
        return self._progress

    # The run.

    async def run(self) -> RunRow | None:
        """Run to the end, or until it is released; gives the run as it has ended, None if it has not.

        Raises:
            NotCreatedError: It was to be made, and could not be.
            LeaseLostError: Somebody else has taken it over; what came late was not written.
        """
        timer = self._timer()
        try:
            self._ledger.log(logging.INFO, "run.started", fence=self.fence)
            if await self._has_begun():
                while not await self._turn():
                    await self._wake.wait()
        except (NotCreatedError, LeaseLostError):
            raise
        except Exception as error:
            if isinstance(error, (OperationalError, InterfaceError)) or is_permanent(error):
                raise  # The database is away, which is no fault of the run.
            # Nothing that should happen; but left as it is, the run would be taken up and end here again for ever.
            await self._give_up(error)
        finally:
            if timer is not None:
                timer.cancel()
            tasks: list[asyncio.Task[Any]] = [*self._tasks, *self._flights]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._own_flights.land_all()
            # They refer to each other: without this, what the steps have delivered would wait for the collector.
            self._tasks.clear()
            del self._steps
        return self._ended_as

    async def _has_begun(self) -> bool:
        """Take up the run where it was; False if that is not possible, and it has failed therefore."""
        try:
            if self._exhausted is not None:
                for step in self._exhausted.steps:
                    self._ledger.ended(self._steps.failed(step, self._exhausted, attempts=0))
                raise self._exhausted  # noqa: TRY301 - it is recorded below, as any reason is
            if self._unknown_options:
                raise RuntimeError(  # noqa: TRY301 - it is recorded below, as any reason is
                    f"A later release has made the run, with {', '.join(sorted(self._unknown_options))}."
                )
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
                self._decided(self._scheduler.resume(self._facts(recorded)))
        except Exception as error:
            await self._give_up(error)
            return False
        return True

    def _facts(self, recorded: dict[str, StepRow]) -> dict[str, tuple[StepStatus, Reason | None]]:
        """How steps have ended before this process took up the run."""
        facts: dict[str, tuple[StepStatus, Reason | None]] = {}
        for step in self._blueprint.dag.order:
            row = recorded[step]
            if StepStatus(row.status) in ENDED:
                facts[step] = (StepStatus(row.status), None if row.reason is None else Reason(row.reason))
                if row.error is not None and row.status == StepStatus.FAILED and self._error is None:
                    self._error = json.loads(row.error)
        return facts

    async def _give_up(self, error: Exception) -> None:
        self._error = self._steps.record_of(error)
        self._halt(type(error).__name__)
        await self._commit([], "failed")

    async def _turn(self) -> bool:
        """Take in what has happened, decide, commit, start; True at the end of the run."""
        self._wake.clear()
        self._collect()
        if self._is_lost:
            raise LeaseLostError(run_id=self.run_id, fence=self.fence)
        if self._is_released:
            await self._commit([], None)
            return True
        self._heed_stop()
        if (
            self._is_suspected
        ):  # An input selector may kill this process: what has ended is not to be blamed for it.
            await self._commit([], None)
        await self._classify()
        started = self._take_room()
        status = self._final_status()
        advanced = await self._commit(started, status)
        for start in started:
            if start.step in advanced.known:
                self._known(start, advanced.known[start.step])
            elif start.step in advanced.held:
                self._has_waited.add(start.step)
                self._own_flights.land(start.step)
                self._flights[self._spawn(Flights.elsewhere())] = start.step
            else:
                self._ledger.log_start(start)
                self._tasks[self._spawn(self._run_step(start))] = start.step
        return status is not None

    def _run_step(self, start: Start) -> Coroutine[Any, Any, StepChange]:
        """Run a step here, or leave it to the workers of its queue."""
        queue = self._blueprint.steps[start.step].spec.queue
        if queue is None or self._host.router is None or queue in self._host.step_queues:
            return self._steps.run(start, self._results)
        return self._host.router.run(self._run, queue, start)

    def _collect(self) -> None:
        while self._done:
            task = self._done.popleft()
            if task in self._flights:
                # Whether it has landed or crashed, the cache knows.
                self._unclassified.append(self._flights.pop(task))
            elif task in self._tasks:
                change = self._change_of(task, self._tasks.pop(task))
                # What this process stops because it goes, or has lost the run, is for the next one to run.
                if change.status != StepStatus.CANCELLED or not (self._is_released or self._is_lost):
                    self._ended(change)

    def _change_of(self, task: asyncio.Task[StepChange], step: str) -> StepChange:
        if not task.cancelled():
            return task.result()
        if self._abort.signal.aborted:
            return cancelled(step, self._stop_reason())
        error = RuntimeError("The step was cancelled from inside: nobody has asked the run to stop.")
        return self._steps.failed(step, error, attempts=1)

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(self._note_done)
        return task

    def _note_done(self, task: asyncio.Task[Any]) -> None:
        self._done.append(task)
        self._wake.set()

    def _heed_stop(self) -> None:
        """If the run is to stop, end all that has not begun, and tell what runs."""
        if self._has_stopped or not (self._cancel_reason or self._timed_out or self._scheduler.is_stopping):
            return
        self._has_stopped = True
        reason = self._stop_reason()
        for step in (*self._unclassified, *(start.step for start in self._queue), *self._flights.values()):
            self._ended(cancelled(step, reason))
        for flight in self._flights:
            flight.cancel()
        self._unclassified.clear()
        self._queue.clear()
        self._flights.clear()
        self._decided(self._scheduler.stop(reason))
        self._halt(self._cancel_reason or reason.value)

    def _stop_reason(self) -> Reason:
        if self._cancel_reason is None and self._timed_out:
            return Reason.RUN_TIMEOUT
        return (
            Reason.FAIL_FAST
            if self._cancel_reason is None and self._scheduler.is_stopping
            else Reason.CANCELLED
        )

    async def _classify(self) -> None:
        """Sort what is ready into what is known here and what is to start. A hit may make further steps ready.

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
                    self._ended(self._steps.failed(step.id, error, attempts=0))
                    continue
                key = self._results.cache_key(step, input_hash)
                is_forced = self._options.runs_anyway(step.id)
                has_waited = step.id in self._has_waited
                keyed.append(Start(step.id, input_hash, key, step.version, has_waited, is_forced))
            found = await self._host.cache.find_hot(
                self._run.tenant,
                [start.cache_key for start in keyed if start.cache_key is not None and not start.is_forced],
            )
            for start in keyed:
                entry = None if start.is_forced else found.get(start.cache_key or "")
                if entry is not None and await self._host.artifacts.has_all(entry.artifacts):
                    self._ended(start.hit(entry))
                else:
                    self._queue.append(start)

    def _take_room(self) -> list[Start]:
        """What may start now. What another run is computing is waited for, and takes no room."""
        limit = self._options.max_concurrency
        started: list[Start] = []
        while self._queue and (limit is None or len(self._tasks) + len(started) < limit):
            start = self._queue.popleft()
            key = start.cache_key
            under_way = None if key is None else self._own_flights.begin(start.step, key)
            if under_way is not None and not start.is_forced:
                self._flights[self._spawn(Flights.landing(under_way))] = start.step
            else:
                started.append(start)
        return started

    def _final_status(self) -> str | None:
        if not self._scheduler.is_over or self._tasks:
            return None
        if self._timed_out or (self._scheduler.failed and not self._cancel_reason):
            return "failed"
        return "cancelled" if self._cancel_reason else "completed"

    def _has_queues(self) -> bool:
        """Whether steps of it may have been left to the workers of a queue, by this owner or an earlier one."""
        return any(step.spec.queue is not None for step in self._blueprint.steps.values())

    async def _commit(self, started: list[Start], status: str | None) -> Advanced:
        """Write what has come together."""
        error = None if self._error is None or status in {None, "completed"} else json.dumps(self._error)
        write = self._ledger.write(
            started, status, error, self.age_ms(), has_tasks=status is not None and self._has_queues()
        )
        creation, self._creation = self._creation, None
        if creation is not None:
            advanced = await creation.with_first(self._host.store, write)
        else:
            advanced = Advanced(is_accepted=True) if write is None else await self._host.store.write(write)
        if write is None:
            return advanced
        if not advanced.is_accepted:
            self._is_lost = True
            self._halt("the lease was lost")
            raise LeaseLostError(run_id=self.run_id, fence=self.fence)
        self._ledger.written(advanced.seq)
        self.has_progressed = self.has_progressed or bool(write.steps)
        if self._progress is not None:
            self._progress.set_result(None)
            self._progress = None
        await self._remember(write.steps, advanced)
        for change in write.steps:
            self._own_flights.land(change.step)
        if advanced.cancel_reason is not None and status is None:
            self.cancel(advanced.cancel_reason)
        if advanced.ended is not None:
            self._ended_as = advanced.ended
            self._ledger.log_run_end(advanced.ended.status, error, duration_ms=round(self.age_ms(), 3))
        return advanced

    async def _remember(self, steps: Iterable[StepChange], advanced: Advanced) -> None:
        """Tell the hot tier what is durable now, and what the database knew."""
        entries = [*advanced.related, *advanced.known.values()]
        entries += [entry for change in steps if (entry := change.entry(self.run_id)) is not None]
        if entries:
            await self._host.cache.remember(self._run.tenant, entries)

    # What it notes.

    def _ended(self, change: StepChange) -> None:
        if change.output_ref is not None:
            self._results.note(change.step, change.output_ref, change.output)
        self._results.ended(change.step)
        if change.error is not None and self._error is None:
            self._error = json.loads(change.error)
        self._ledger.ended(change)
        self._decided(self._scheduler.ended(change.step, change.status, change.reason))

    def _retrying(self, step: str, retry: RetryAttempt) -> None:
        self._ledger.retrying(step, retry)
        self._wake.set()

    def _known(self, start: Start, entry: CacheEntry) -> None:
        """The database knows what a step would deliver, and has written that it is a hit."""
        self._own_flights.land(start.step)
        self._results.note(start.step, entry.output_ref)
        self._results.ended(start.step)
        self._ledger.log_end(start.hit(entry))
        self._decided(self._scheduler.ended(start.step, StepStatus.SKIPPED, Reason.CACHE_HIT))
        self._wake.set()

    def _decided(self, decisions: list[Decision]) -> None:
        for step, _, _ in decisions:
            self._results.ended(step)
        self._ledger.decided(decisions)

    # Time and ends.

    def _timer(self) -> asyncio.TimerHandle | None:
        timeout_ms = self._options.run_timeout_ms
        if timeout_ms is None:
            return None
        left_ms = max(0.0, timeout_ms - self.age_ms())
        return asyncio.get_running_loop().call_later(left_ms / 1000, self._time_out)

    def _time_out(self) -> None:
        if self._cancel_reason is None and not self._timed_out:
            self._timed_out = True
            limit = self._options.run_timeout_ms or 0.0
            self._error = self._steps.record_of(RunTimeoutError(timeout_ms=limit, elapsed_ms=self.age_ms()))
            self._wake.set()

    def _halt(self, reason: str) -> None:
        self._abort.abort(reason)
        for task, step in self._tasks.items():
            if step not in self._steps.begun:
                task.cancel()
        self._wake.set()
