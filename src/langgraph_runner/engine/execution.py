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
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.exc import InterfaceError, OperationalError

from langgraph_runner.engine.artifacts import StepArtifacts
from langgraph_runner.engine.errors import LeaseLostError
from langgraph_runner.engine.ledger import Ledger, Start, cancelled
from langgraph_runner.engine.results import Results
from langgraph_runner.engine.store.records import CacheEntry, StepChange
from langgraph_runner.errors import ErrorCode, RunTimeoutError, build_error_record
from langgraph_runner.node import AbortController, Success, runner_config
from langgraph_runner.node.runtime import REAL_RUNTIMES
from langgraph_runner.workflow import Reason, Scheduler, StepContext, StepStatus
from langgraph_runner.workflow.scheduler import ENDED

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from langchain_core.runnables import RunnableConfig

    from langgraph_runner.engine.host import Host, RunOptions
    from langgraph_runner.engine.store.records import RunRow, StepRow
    from langgraph_runner.errors import NodeErrorRecord
    from langgraph_runner.node import Failure
    from langgraph_runner.workflow import Blueprint
    from langgraph_runner.workflow.scheduler import Decision
    from langgraph_runner.workflow.steps import Delivered

__all__ = ["RunExecution"]

_clock: Final = REAL_RUNTIMES.awaiting
_ELSEWHERE_S: Final = 0.05
"""How often to look for a result that another process is computing."""


class RunExecution:
    """One claimed run. Belongs to one event loop.

    Args:
        host: What it shares with other runs.
        blueprint: Its workflow.
        run: Its row.
        steps: Those of its steps.
        options: How to run it.
        fence: The token of the claim.
        seq: Number of its last event.
    """

    def __init__(
        self,
        host: Host,
        blueprint: Blueprint,
        run: RunRow,
        steps: Iterable[StepRow],
        options: RunOptions,
        *,
        fence: int,
        seq: int,
    ) -> None:
        self.run_id = run.id
        self.fence = fence
        self._host = host
        self._blueprint = blueprint
        self._run = run
        self._options = options
        self._rows = {row.step: row for row in steps}
        self._ledger = Ledger(run, fence, seq)
        self._scheduler = Scheduler(blueprint.dag, blueprint.joins, options.failure_mode)
        self._results: Results
        self._unclassified: deque[str] = deque()
        """Ready, but it is not known whether the cache knows them."""
        self._queue: deque[Start] = deque()
        """To be run as soon as there is room."""
        self._tasks: dict[asyncio.Task[StepChange], str] = {}
        self._flights: dict[asyncio.Task[None], str] = {}
        """Steps whose result another run is computing."""
        self._done: deque[asyncio.Task[Any]] = deque()
        self._own_flights: dict[str, tuple[str, str]] = {}
        self._begun: set[str] = set()
        self._progress: asyncio.Future[None] | None = None
        self._error: NodeErrorRecord | None = None
        self._abort = AbortController()
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

    def next_commit(self) -> asyncio.Future[None]:
        """Done when something more of the run is durable."""
        if self._progress is None:
            self._progress = asyncio.get_running_loop().create_future()
        return self._progress

    # The run.

    async def run(self) -> None:
        """Run to the end, or until it is lost or released.

        Raises:
            LeaseLostError: Somebody else has taken it over; what came late was not written.
        """
        timer = self._timer()
        try:
            self._ledger.log(logging.INFO, "run.started", fence=self.fence)
            if await self._has_begun():
                while not await self._turn():
                    await self._wake.wait()
        except (LeaseLostError, OperationalError, InterfaceError):  # The database is away.
            raise
        except Exception as error:
            # Nothing that should happen; but left as it is, the run would be taken up and end here again for ever.
            await self._give_up(error)
        finally:
            if timer is not None:
                timer.cancel()
            tasks: list[asyncio.Task[Any]] = [*self._tasks, *self._flights]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for key in (*self._own_flights.values(),):
                self._land(key)

    async def _has_begun(self) -> bool:
        """Take up the run where it was; False if that is not possible, and it has failed therefore."""
        try:
            inputs = self._blueprint.inputs.load(self._run.inputs)
            self._results = Results(self._host.store, self._blueprint, self._run, inputs)
            if self._rows.keys() != self._blueprint.steps.keys():
                raise RuntimeError(  # noqa: TRY301 - it is recorded below, as any reason is
                    "The workflow has other steps now than when the run was made; run it again."
                )
        except Exception as error:
            await self._give_up(error)
            return False
        facts: dict[str, tuple[StepStatus, Reason | None]] = {}
        for step in self._blueprint.dag.order:
            row = self._rows[step]
            if StepStatus(row.status) in ENDED:
                facts[step] = (StepStatus(row.status), None if row.reason is None else Reason(row.reason))
                self._results.note(step, row.output_sha256)
                if row.error is not None and row.status == StepStatus.FAILED and self._error is None:
                    self._error = json.loads(row.error)
        self._decided(self._scheduler.resume(facts))
        return True

    async def _give_up(self, error: Exception) -> None:
        self._error = self._record_of(error)
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
        await self._classify()
        started = self._take_room()
        status = self._final_status()
        held = await self._commit(started, status)
        for start in started:
            if start.step in held:
                self._land(self._own_flights.pop(start.step))
                self._flights[self._spawn(_computed_elsewhere())] = start.step
            else:
                self._tasks[self._spawn(self._step(start))] = start.step
        return status is not None

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
        return self._failed(step, self._record_of(error, step), attempts=1)

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
        if self._cancel_reason or self._timed_out or not self._scheduler.is_stopping:
            return Reason.CANCELLED
        return Reason.FAIL_FAST

    async def _classify(self) -> None:
        """Sort what is ready into what the cache knows and what has to run. A hit may make further steps ready."""
        while True:
            self._unclassified.extend(self._scheduler.take_ready())
            if not self._unclassified:
                return
            steps = [self._blueprint.steps[step] for step in self._unclassified]
            self._unclassified.clear()
            keyed: list[Start] = []
            for step in steps:
                try:
                    input_hash = await self._results.input_hash(step)
                except Exception as error:  # It has no canonical encoding, or a selector has failed.
                    self._ended(self._failed(step.id, self._record_of(error, step.id), attempts=0))
                    continue
                keyed.append(Start(step.id, input_hash, self._results.cache_key(step, input_hash)))
            found = await self._host.cache.find(
                self._run.tenant, [start.cache_key for start in keyed if start.cache_key is not None]
            )
            for start in keyed:
                entry = None if start.cache_key is None else found.get(start.cache_key)
                if entry is not None and all(map(self._host.artifacts.has, entry.artifacts)):
                    self._hit(start, entry)
                else:
                    if start.cache_key is not None:
                        self._ledger.missed(start.step, start.cache_key)
                    self._queue.append(start)

    def _hit(self, start: Start, entry: CacheEntry) -> None:
        step, input_hash, key = start
        self._ended(
            StepChange(
                step=step,
                status=StepStatus.SKIPPED,
                reason=Reason.CACHE_HIT,
                input_hash=input_hash,
                cache_key=key,
                cache_hit=True,
                output_sha256=entry.output_sha256,
                artifacts=entry.artifacts,
            )
        )

    def _take_room(self) -> list[Start]:
        """What may start now. What another run is computing is waited for, and takes no room."""
        limit = self._options.max_concurrency
        started: list[Start] = []
        while self._queue and (limit is None or len(self._tasks) + len(started) < limit):
            start = self._queue.popleft()
            if start.cache_key is not None:
                flight = (self._run.tenant, start.cache_key)
                under_way = self._host.flights.get(flight)
                if under_way is not None:
                    self._flights[self._spawn(_landing(under_way))] = start.step
                    continue
                self._host.flights[flight] = asyncio.get_running_loop().create_future()
                self._own_flights[start.step] = flight
            started.append(start)
        return started

    def _final_status(self) -> str | None:
        if not self._scheduler.is_over or self._tasks:
            return None
        if self._timed_out or (self._scheduler.failed and not self._cancel_reason):
            return "failed"
        return "cancelled" if self._cancel_reason else "completed"

    async def _commit(self, started: list[Start], status: str | None) -> frozenset[str]:
        """Write what has come together; gives the steps that may not start yet."""
        error = None if self._error is None or status in {None, "completed"} else json.dumps(self._error)
        write = self._ledger.write(started, self._host.owner, status, error)
        if write is None:
            return frozenset()
        advanced = await self._host.store.write(write)
        if not advanced.is_accepted:
            self._is_lost = True
            self._halt("the lease was lost")
            raise LeaseLostError(run_id=self.run_id, fence=self.fence)
        if self._progress is not None:
            self._progress.set_result(None)
            self._progress = None
        await self._host.cache.remember(
            self._run.tenant,
            [
                CacheEntry(
                    key=change.cache_key,
                    run_id=self.run_id,
                    step=change.step,
                    output_sha256=change.output_sha256,
                    artifacts=change.artifacts,
                )
                for change in write.steps
                if change.cache_scope is not None
                and change.cache_key is not None
                and change.output_sha256 is not None
                and change.cache_ttl_ms is None
            ],
        )
        for change in write.steps:
            if (flight := self._own_flights.pop(change.step, None)) is not None:
                self._land(flight)
        if advanced.cancel_reason is not None and status is None:
            self.cancel(advanced.cancel_reason)
        if status is not None:
            level = logging.INFO if status == "completed" else logging.ERROR
            self._ledger.log(level, f"run.{status}", duration_ms=round(self._age_ms(), 3))
        return advanced.held

    def _land(self, key: tuple[str, str]) -> None:
        future = self._host.flights.pop(key, None)
        if future is not None and not future.done():
            future.set_result(None)

    # One step.

    async def _step(self, start: Start) -> StepChange:
        name, input_hash, key = start
        step = self._blueprint.steps[name]
        async with self._host.slots:
            self._begun.add(name)
            artifacts = StepArtifacts(self._host.artifacts)
            context = StepContext(
                run_id=self.run_id,
                workflow=self._blueprint.id,
                step=name,
                tenant=self._run.tenant,
                sink=artifacts,
                fencing_token=self.fence,
            )
            try:
                received = await self._results.received(step)
                outcome = await step.run(received, context, self._config)
            except (
                Exception
            ) as error:  # An interrupt has no meaning here, and stored outputs may not fit any more.
                return self._failed(name, self._record_of(error, name), attempts=1)
        if not isinstance(outcome, Success):
            return self._of_failure(name, outcome)
        delivered: Delivered = outcome.value["output"]
        # What a fallback has delivered stands in for the step this once, and is not served again.
        is_kept = key is not None and not outcome.fallback_used
        ttl_s = step.spec.cache_ttl_s
        return StepChange(
            step=name,
            status=StepStatus.COMPLETED,
            input_hash=input_hash,
            cache_key=key,
            attempts=outcome.attempts,
            output=delivered.data,
            output_sha256=delivered.sha256,
            started_ago_ms=outcome.duration_ms,
            duration_ms=outcome.duration_ms,
            artifacts=artifacts.of(outcome),
            cache_scope=str(step.spec.cache) if is_kept else None,
            cache_ttl_ms=None if ttl_s is None else round(ttl_s * 1000),
        )

    def _of_failure(self, step: str, failure: Failure) -> StepChange:
        if failure.record["code"] == ErrorCode.NODE_CANCELLED and self._abort.signal.aborted:
            return cancelled(step, self._stop_reason())
        return self._failed(step, failure.record, attempts=failure.attempts, duration_ms=failure.duration_ms)

    def _failed(
        self, step: str, record: NodeErrorRecord, *, attempts: int, duration_ms: float | None = None
    ) -> StepChange:
        return StepChange(
            step=step,
            status=StepStatus.FAILED,
            attempts=attempts,
            error=json.dumps(record),
            started_ago_ms=duration_ms,
            duration_ms=duration_ms,
        )

    @cached_property
    def _config(self) -> RunnableConfig:
        """The same for each step of the run."""
        return runner_config(
            abort_signal=self._abort.signal,
            metrics_collector=self._host.collector,
            spans=self._host.spans,
            story_id=self.run_id,
            graph_execution_id=self.run_id,
        )

    # What it notes.

    def _ended(self, change: StepChange) -> None:
        if change.output_sha256 is not None:
            self._results.note(change.step, change.output_sha256, change.output)
        if change.error is not None and self._error is None:
            self._error = json.loads(change.error)
        self._ledger.ended(change)
        reason = None if change.reason is None else Reason(change.reason)
        self._decided(self._scheduler.ended(change.step, StepStatus(change.status), reason))

    def _decided(self, decisions: list[Decision]) -> None:
        self._ledger.decided(decisions)

    def _record_of(self, error: BaseException, step: str | None = None) -> NodeErrorRecord:
        return build_error_record(
            error,
            node_id=step or self._blueprint.id,
            attempts=1,
            trace_id=_clock.token_hex(16),
            timestamp=_clock.now_utc(),
            error_id=_clock.token_hex(8),
            story_id=self.run_id,
        )

    # Time and ends.

    def _timer(self) -> asyncio.TimerHandle | None:
        timeout_ms = self._options.run_timeout_ms
        if timeout_ms is None:
            return None
        spent_ms = self._age_ms() if self.fence > 1 else 0.0
        return asyncio.get_running_loop().call_later(max(0.0, timeout_ms - spent_ms) / 1000, self._time_out)

    def _time_out(self) -> None:
        if self._cancel_reason is None and not self._timed_out:
            self._timed_out = True
            limit = self._options.run_timeout_ms or 0.0
            self._error = self._record_of(RunTimeoutError(timeout_ms=limit, elapsed_ms=self._age_ms()))
            self._wake.set()

    def _age_ms(self) -> float:
        """Since the run was first started, by this machine's clock, which may differ a little from the database's."""
        started = self._run.started_at or self._run.created_at
        return max(0.0, _clock.now_utc().timestamp() * 1000 - started)

    def _halt(self, reason: str) -> None:
        self._abort.abort(reason)
        for task, step in self._tasks.items():
            if step not in self._begun:
                task.cancel()
        self._wake.set()


async def _computed_elsewhere() -> None:
    # Another process tells nobody; the cache will know, or the next try to start.
    await _clock.sleep(_ELSEWHERE_S, None)


async def _landing(flight: asyncio.Future[None]) -> None:
    # Shielded: whoever stops waiting does not end it for others.
    await asyncio.shield(flight)
