"""`Worker`: runs the runs of one engine, from its start until it is closed."""

from __future__ import annotations

import asyncio
import logging
from contextvars import Context
from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.engine.logs import cause, log_event
from langgraph_runner.engine.store.commands import ReleaseRuns
from langgraph_runner.engine.store.store import WATCH_S
from langgraph_runner.engine.worker.claiming import RunClaimer
from langgraph_runner.engine.worker.creating import RunCreator
from langgraph_runner.engine.worker.health import StoreHealth
from langgraph_runner.engine.worker.presence import WorkerPresence
from langgraph_runner.engine.worker.run_watch import RunWatch
from langgraph_runner.engine.worker.step_pool import StepPool
from langgraph_runner.engine.worker.workload import WorkerPhase, Workload
from langgraph_runner.runtime.waiting import timeout

if TYPE_CHECKING:
    from langgraph_runner.engine.dispatch.dispatcher import Announcers, JobHandler
    from langgraph_runner.engine.run.host import Host
    from langgraph_runner.engine.store.records import RunRow

__all__ = ["Worker"]

_OTHER_LOOP: Final = (
    "The engine belongs to another event loop. Make one for each loop, or use RunEngine.sync."
)


class Worker:
    """Runs the runs of one engine. Belongs to the event loop in which it is started.

    Its parts own their state: `workload` has the runs that the engine holds, `claimer` claims more runs, and
    `creator` creates new ones.

    Args:
        host: What runs share.
        announcers: The queues that notify workers.
        on_request: Called with the id and the data of the job of a producer.
    """

    def __init__(self, host: Host, announcers: Announcers, on_request: JobHandler) -> None:
        self._host = host
        self._announcers = announcers
        self._announcer = announcers.of_runs
        self._on_request = on_request
        self._pool: StepPool | None = None
        if host.step_queues:
            self._pool = StepPool(host, [announcers.of_steps(queue) for queue in host.step_queues])
        self.health = StoreHealth(host.store, host.runtime)
        self.workload = Workload(host, self._announcer, self.health)
        self.claimer = RunClaimer(host, self.workload, self._announcer, self.health)
        self.creator = RunCreator(host, self.workload, self._announcer)
        self._watch = RunWatch(host.store, host.runtime)
        self.presence = WorkerPresence(host)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._services: list[asyncio.Task[None]] = []
        self._has_closed = asyncio.Event()

    # From start to end.

    def start(self) -> None:
        """Start the worker; later calls do nothing.

        Raises:
            RuntimeError: The engine belongs to another event loop or process, or is closed.
        """
        self._host.store.process.check()
        loop = asyncio.get_running_loop()
        if self.workload.is_closed():
            raise RuntimeError("The engine is closed.")
        if self._loop is not None:
            if self._loop is not loop:
                raise RuntimeError(_OTHER_LOOP)
            return
        self._loop = loop
        # In an empty context: they serve all callers, not only the first.
        self._services = [
            loop.create_task(service, context=Context())
            for service in (self.workload.keep_leases(), self.claimer.poll())
        ]
        takes_all = self.workload.takes_on == "all"
        if self._pool is not None:
            self._pool.start()
        if takes_all or self._pool is not None:
            self.presence.start()
        if takes_all:
            listening = self._announcer.listen(self._on_job)
            self._services.append(loop.create_task(listening, context=Context()))

    async def drain(self, timeout_s: float | None) -> bool:
        """Claim no further run, and wait until the held runs have ended.

        Returns:
            Whether they have ended in time.
        """
        workload = self.workload
        workload.phase = max(workload.phase, WorkerPhase.DRAINING)
        workload.update_room()
        if self._pool is not None:
            self._pool.stop_claiming()  # Before the first await: the pool may be about to claim a step.
        await self.presence.drain()
        try:
            async with timeout(timeout_s, self._host.runtime):
                if self._pool is not None:
                    await self._pool.drain()
                while workload.tasks or workload.reserved:
                    if workload.tasks:
                        await asyncio.wait({*workload.tasks.values()}, return_when=asyncio.FIRST_COMPLETED)
                    else:
                        await self.pause()
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """Stop the runs, and release their leases. A second call waits for the first.

        Raises:
            RuntimeError: The engine belongs to another event loop that is not closed.
        """
        if self.workload.is_closed():
            await self._has_closed.wait()
            return
        is_own_loop = self._loop is None or self._loop is asyncio.get_running_loop()
        if self._loop is not None and not is_own_loop and not self._loop.is_closed():
            raise RuntimeError(_OTHER_LOOP)
        self.workload.phase = WorkerPhase.CLOSED
        try:
            if is_own_loop:  # Runs on a closed loop have ended with it.
                await self._stop()
        finally:
            self._has_closed.set()

    async def _stop(self) -> None:
        workload = self.workload
        workload.may_take.set()
        if self._services:
            # The second service, `poll()`, ends by itself. Cancelled during a claim, it would keep the run's lease.
            self._services[0].cancel()
        await asyncio.gather(*self._services, return_exceptions=True)
        await self.claimer.finish()
        workload.update_room()
        if self._pool is not None:
            await self._pool.close()
        executions = {**workload.executions}
        for execution in executions.values():
            execution.release()
        await asyncio.gather(*workload.tasks.values(), return_exceptions=True)
        await self.health.read_back()
        await self.presence.end()
        if workload.fences:
            ran_ms = {run_id: execution.age_ms() for run_id, execution in executions.items()}
            await self._release(ran_ms)
        await self._announcers.close()

    async def _release(self, ran_ms: dict[str, float]) -> None:
        try:
            await self._host.store.write(ReleaseRuns(self.workload.fences, ran_ms))
        except Exception as error:  # Then the leases expire; the caller of close() cannot help it.
            log_event(logging.WARNING, "lease.release_failed", **cause(error))
            return
        for run_id in ran_ms:
            self._announcer.announce(run_id)

    async def _on_job(self, job_id: str, data: dict[str, Any]) -> dict[str, Any] | None:
        """Handle a job: the announcement of a waiting run, or the request of a producer.

        The database decides which run is claimed, not the job, so that tenants get their turns.
        """
        if isinstance(data, dict) and data.keys() == {"run_id"}:
            self.workload.note_runs_may_wait()
            return None
        return await self._on_request(job_id, data)

    # Following runs.

    def take_when_free(self, run_id: str, tenant: str) -> None:
        """Claim a run of another engine once its lease expires, unless this engine takes no runs."""
        if run_id not in self.workload.tasks:
            self.workload.to_take[run_id] = tenant

    def cancel(self, run_id: str, reason: str) -> None:
        """Cancel a run if this engine holds it."""
        execution = self.workload.executions.get(run_id)
        if execution is not None:
            execution.cancel(reason or "cancelled")

    async def ended(self, run_id: str, tenant: str) -> RunRow | None:
        """Wait until a run that this engine holds has ended.

        Returns:
            The row of the run; None if this engine does not hold it, or does not know how it ended.
        """
        task = self.workload.tasks.get(run_id)
        if task is None or self.workload.tenants[run_id] != tenant:
            return None
        await asyncio.wait({task})
        return None if task.cancelled() or task.exception() is not None else task.result()

    async def changed(self, tenant: str, run_id: str, seq: int) -> None:
        """Wait until a run has, or may have, an event after number `seq`."""
        event = self._watch.event_after(tenant, run_id, seq)
        signs = {event}
        execution = self.workload.executions.get(run_id)
        if execution is not None:
            signs.add(execution.next_commit())  # It comes before the next poll of the database.
        try:
            await asyncio.wait(signs, return_when=asyncio.FIRST_COMPLETED)
        finally:
            event.cancel()

    async def pause(self) -> None:
        """Wait a moment before the database is asked again what other processes have done."""
        await self._host.runtime.sleep(WATCH_S, None)
