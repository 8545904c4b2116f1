"""`StepPool`: runs steps that runs of any engine have handed to a queue."""

from __future__ import annotations

import asyncio
import logging
from contextvars import Context
from typing import TYPE_CHECKING

from langgraph_runner.engine.errors import RecoveryExhaustedError
from langgraph_runner.engine.logs import LOGGER, cause, log_event
from langgraph_runner.engine.store import queries
from langgraph_runner.engine.store.commands.workers import (
    ClaimTask,
    EndTask,
    GiveBackTasks,
    KeepTasks,
)
from langgraph_runner.engine.store.lease_clock import LeaseClock
from langgraph_runner.engine.store.store import WATCH_S
from langgraph_runner.engine.worker.workload import BEATS_PER_LEASE
from langgraph_runner.runtime.abort import AbortController
from langgraph_runner.runtime.waiting import wait_for_event

if TYPE_CHECKING:
    from typing import Any

    from langgraph_runner.engine.dispatch.dispatcher import Announcer
    from langgraph_runner.engine.run.host import Host
    from langgraph_runner.engine.store.commands.workers import ClaimedTask
    from langgraph_runner.engine.store.lease_clock import FutureLease
    from langgraph_runner.engine.store.queries import TaskKey
    from langgraph_runner.engine.store.records import StepChange
    from langgraph_runner.workflow import Blueprint

__all__ = ["StepPool"]


class StepPool:
    """The tasks that one engine has claimed from its queues. Belongs to one event loop."""

    def __init__(self, host: Host, announcers: list[Announcer]) -> None:
        self._host = host
        self._announcers = announcers
        self._lease_ms = host.options.lease_ms
        self._active: dict[TaskKey, tuple[ClaimedTask, AbortController]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._services: list[asyncio.Task[None]] = []
        self._clock = LeaseClock()
        self._may_have_more = asyncio.Event()
        self._is_claiming = False
        self._is_draining = False
        self._is_closed = False

    def start(self) -> None:
        """Start to claim tasks."""
        loop = asyncio.get_running_loop()
        services = [
            self._poll(),
            self._renew_leases(),
            *(each.listen(self._on_job) for each in self._announcers),
        ]
        # In an empty context: they serve all callers, not only the first.
        self._services = [loop.create_task(service, context=Context()) for service in services]

    def stop_claiming(self) -> None:
        """Claim no further task."""
        self._is_draining = True
        self._pause_without_room()

    async def drain(self) -> None:
        """Claim no further task, and wait until the running ones have ended."""
        self.stop_claiming()
        while self._tasks or self._is_claiming:
            if self._tasks:
                await asyncio.wait({*self._tasks}, return_when=asyncio.FIRST_COMPLETED)
            else:
                await self._host.runtime.sleep(WATCH_S, None)

    async def close(self) -> None:
        """Stop the running tasks, and hand them back to other workers."""
        self._is_draining = self._is_closed = True
        self._pause_without_room()
        self._may_have_more.set()
        # The first service ends by itself. Cancelled during a claim, it would leave its task until the lease expires.
        for service in self._services[1:]:
            service.cancel()
        await asyncio.gather(*self._services, return_exceptions=True)
        left = {key: claimed.fence for key, (claimed, _) in self._active.items()}
        for _, abort in self._active.values():
            abort.abort("the engine closes")
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if not left:
            return
        try:
            await self._host.store.write(GiveBackTasks(left))
        except Exception as error:  # Then the leases expire.
            log_event(logging.WARNING, "lease.release_failed", **cause(error))

    async def _on_job(self, _job_id: str, _data: dict[str, Any]) -> None:
        self._may_have_more.set()

    def _pause_without_room(self) -> None:
        for announcer in self._announcers:
            announcer.set_paused(not self._has_room())

    def _has_room(self) -> bool:
        return len(self._tasks) < self._host.options.max_concurrency and not self._is_draining

    async def _poll(self) -> None:
        while not self._is_closed:
            self._may_have_more.clear()
            try:
                await self._claim_stuck()
                while self._has_room() and await self._claim():
                    pass
            except Exception as error:
                log_event(logging.WARNING, "poll.failed", **cause(error))
            await wait_for_event(self._may_have_more, self._host.options.poll_ms / 1000, self._host.runtime)

    async def _claim_stuck(self) -> None:
        """Claim tasks of dead workers whose leases end in the far future because the clock was set back."""
        store, queues, names = self._host.store, [*self._host.step_queues], [*self._host.workflow_ids()]
        now_ms, leases = await store.read(queries.clock_and_task_leases, queues, names, self._lease_ms)
        monotonic = self._host.runtime.monotonic()
        for lease in self._clock.look(now_ms, leases, monotonic, store.database.clock.set_back_ms):
            if self._has_room() and lease.key not in self._active:
                await self._claim(lease)

    async def _claim(self, stuck: FutureLease[TaskKey] | None = None) -> bool:
        host = self._host
        claim = ClaimTask(host.owner, self._lease_ms, host.step_queues, host.workflow_ids(), stuck)
        self._is_claiming = True
        try:
            claimed = await self._host.store.write(claim)
        finally:
            self._is_claiming = False
        if claimed is None:
            return False
        if self._is_draining:  # It began to drain while the claim was under way.
            await self._host.store.write(GiveBackTasks({claimed.key: claimed.fence}))
            return False
        abort = AbortController()
        if claimed.key in self._active:
            # Its lease has expired here, for example because the process was stopped.
            earlier_claim, earlier_abort = self._active[claimed.key]
            self._log(logging.WARNING, "step.lease_lost", earlier_claim)
            earlier_abort.abort("the worker has claimed the step again")
        self._active[claimed.key] = claimed, abort
        work = asyncio.get_running_loop().create_task(self._run(claimed, abort), context=Context())
        self._tasks.add(work)
        work.add_done_callback(self._remove)
        self._pause_without_room()
        return True

    def _remove(self, work: asyncio.Task[None]) -> None:
        self._tasks.discard(work)
        self._pause_without_room()
        self._may_have_more.set()

    async def _run(self, claimed: ClaimedTask, abort: AbortController) -> None:
        key = claimed.key
        try:
            change = await self._run_step(claimed, abort)
            if abort.signal.aborted:  # Another worker runs it again, or the run has ended.
                return
            if not await self._host.store.write(EndTask(key, claimed.fence, change)):
                self._log(logging.WARNING, "step.lease_lost", claimed)
        except Exception as error:
            # The database may be away. The lease expires, and another worker claims the task.
            self._log(logging.ERROR, "step.interrupted", claimed, **cause(error))
            logging.getLogger(LOGGER).debug("step.interrupted", exc_info=True)
        finally:
            # A later claim of the same task may have replaced this one, and may have ended.
            if self._active.get(key) == (claimed, abort):
                del self._active[key]

    async def _run_step(self, claimed: ClaimedTask, abort: AbortController) -> StepChange:
        """Run the step of a task, and return its outcome."""
        from langgraph_runner.engine.run.results import Results  # noqa: PLC0415 - imports LangGraph
        from langgraph_runner.engine.run.stepping import StepRunner  # noqa: PLC0415 - imports LangGraph
        from langgraph_runner.workflow import Reason  # noqa: PLC0415 - imports LangGraph

        key, start = claimed.key, claimed.start
        run, rows = await self._host.store.read(queries.claimed_run, key.tenant, key.run_id)
        current = self._host.workflows.get_workflow(run.workflow)

        def runner_of(blueprint: Blueprint) -> StepRunner:
            return StepRunner(
                self._host,
                blueprint,
                run,
                # It grows with each owner of the run, and with each worker that claims the task.
                fence=run.fence + claimed.fence - 1,
                signal=abort.signal,
                stop_reason=lambda: Reason.CANCELLED,
                on_retry=lambda *_: None,
            )

        if claimed.recoveries > self._host.options.max_recovery_attempts:
            exhausted = RecoveryExhaustedError(run_id=run.id, deaths=claimed.recoveries, steps=[start.step])
            return runner_of(current).failed(start.step, exhausted, attempts=0)
        self._log(logging.INFO, "step.taken", claimed)
        try:
            blueprint, results = await Results.of(self._host.store, current, run, rows)
            blueprint.steps[start.step]
        except Exception as error:  # The code here is of another release and cannot run this step.
            return runner_of(current).failed(start.step, error, attempts=0)
        change = await runner_of(blueprint).run(start, results)
        if blueprint.steps[start.step].version != start.code_version:
            # Another release of the code has computed the cache key, so the result must not be stored under it.
            change.cache_scope, change.code_version = None, blueprint.steps[start.step].version
        return change

    async def _renew_leases(self) -> None:
        while True:
            await self._host.runtime.sleep(self._lease_ms / 1000 / BEATS_PER_LEASE, None)
            fences = {key: claimed.fence for key, (claimed, _) in self._active.items()}
            if not fences:
                continue
            try:
                kept = await self._host.store.write(KeepTasks(self._lease_ms, fences))
            except Exception as error:  # The database is away; the next heartbeat tries again.
                log_event(logging.WARNING, "lease.heartbeat_failed", **cause(error))
                continue
            for key in fences.keys() - kept:
                found = self._active.get(key)
                if found is not None and found[0].fence == fences[key]:
                    found[1].abort("the run has ended, or another worker has claimed the step")

    def _log(self, level: int, event: str, claimed: ClaimedTask, **values: Any) -> None:
        run_id, step = claimed.key.run_id, claimed.key.step
        log_event(level, event, run_id=run_id, tenant=claimed.key.tenant, step=step, **values)
