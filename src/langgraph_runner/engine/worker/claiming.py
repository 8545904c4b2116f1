"""`RunClaimer`: finds waiting and orphaned runs, and claims them while there is room."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from langgraph_runner.engine.errors import RecoveryExhaustedError
from langgraph_runner.engine.logs import cause, log_event
from langgraph_runner.engine.status import RunStatus
from langgraph_runner.engine.store import queries
from langgraph_runner.engine.store.commands import SUSPECT_FROM, ClaimRun, ReleaseRuns
from langgraph_runner.engine.store.lease_clock import LeaseClock
from langgraph_runner.engine.store.schema import LIVE
from langgraph_runner.engine.worker.workload import WorkerPhase
from langgraph_runner.runtime.waiting import wait_for_event

if TYPE_CHECKING:
    from collections.abc import Iterable

    from langgraph_runner.engine.dispatch.dispatcher import Announcer
    from langgraph_runner.engine.run.host import Host
    from langgraph_runner.engine.store.commands import Claimed
    from langgraph_runner.engine.store.records import StepRow
    from langgraph_runner.engine.worker.health import StoreHealth
    from langgraph_runner.engine.worker.workload import Workload
    from langgraph_runner.workflow import Blueprint

__all__ = ["RunClaimer"]

_MAX_CLAIMS_AT_ONCE: Final = 16


class RunClaimer:
    """Claims runs for one engine. Belongs to one event loop."""

    def __init__(self, host: Host, workload: Workload, announcer: Announcer, health: StoreHealth) -> None:
        self._host = host
        self._workload = workload
        self._announcer = announcer
        self._health = health
        self._clock = LeaseClock()
        host.store.database.clock.lease_ms = host.options.lease_ms
        self._claims_at_once = 1
        """How many claims to make together. It doubles while all of them find a run."""
        self._last_tenant = ""
        """The tenant of the last waiting run that was claimed. The next turn is that of the tenant after it."""
        self._claims: set[asyncio.Task[bool]] = set()

    async def poll(self) -> None:
        """Look for runs at each poll until the worker is closed."""
        workload, poll_s = self._workload, self._host.options.poll_ms / 1000
        while not workload.is_closed():
            workload.may_take.clear()
            workload.runs_may_wait = False
            try:
                await self._claim_stuck()
                await self._claim_waiting()
                await self._claim_own()
                self._health.note_poll(None)
            except Exception as error:  # The database is away; the next poll tries again.
                self._health.note_poll(error)
                workload.runs_may_wait = True
                log_event(logging.WARNING, "poll.failed", **cause(error))
            if not workload.has_room():
                workload.runs_may_wait = True
            if await wait_for_event(workload.may_take, poll_s, self._host.runtime):
                continue
            # Back-pressure: if runs wait for room here, new runs of this process no longer overtake them.
            if workload.has_room():
                workload.note_nothing_waits()
            else:
                workload.note_full()

    async def _claim_stuck(self) -> None:
        """Claim orphaned runs whose leases end in the far future because the database's clock was set back."""
        names = [*self._host.workflow_ids()]
        now_ms, leases = await self._host.store.read(queries.clock_and_leases, names)
        workload = self._workload
        set_back_ms = self._host.store.database.clock.set_back_ms
        for lease in self._clock.look(now_ms, leases, self._host.runtime.monotonic(), set_back_ms):
            is_own = workload.takes_on == "own" and lease.key in workload.to_take and workload.has_room()
            if (is_own or workload.takes_any()) and lease.key not in workload.tasks:
                await self.claim(lease.key, stuck_at=lease.expires_at)

    async def _claim_waiting(self) -> None:
        """Claim waiting and orphaned runs while there is room: several at once, which may share one commit."""
        while self._workload.takes_any():
            count = min(self._workload.room, self._claims_at_once)
            found = await asyncio.gather(*(self.claim() for _ in range(count)))
            if not all(found):
                self._claims_at_once = 1
                self._workload.note_nothing_waits()
                return
            self._claims_at_once = min(2 * self._claims_at_once, _MAX_CLAIMS_AT_ONCE)

    async def _claim_own(self) -> None:
        """Claim the runs of `to_take`, in an engine that takes only its own runs."""
        workload = self._workload
        if workload.takes_on != "own":
            return
        for run_id, tenant in [*workload.to_take.items()]:
            if not workload.has_room():
                return
            status = await self._host.store.read(queries.status_of, tenant, run_id)
            if status is None or RunStatus(status).is_over or await self.claim(run_id):
                del workload.to_take[run_id]
        workload.note_nothing_waits()

    async def claim(self, run_id: str | None = None, *, stuck_at: int | None = None) -> bool:
        """Claim a waiting or orphaned run, and run it. If the caller is cancelled, the run is claimed nevertheless.

        Args:
            run_id: The run; None for the next run in turn.
            stuck_at: When the lease ends, if it ends in the future although its owner is dead.

        Returns:
            Whether a run was claimed.
        """
        # A task of its own: the claim may be committed when the caller is cancelled, and then the run must run here.
        task = asyncio.get_running_loop().create_task(self._claim(run_id, stuck_at))
        self._claims.add(task)
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

    def _forget(self, task: asyncio.Task[bool]) -> None:
        self._claims.discard(task)
        if not task.cancelled():
            task.exception()  # Marks it as retrieved: the caller may have been cancelled.

    async def finish(self) -> None:
        """Wait for the claims that are under way."""
        await asyncio.gather(*self._claims, return_exceptions=True)

    async def _claim(self, run_id: str | None, stuck_at: int | None) -> bool:
        workload = self._workload
        claim = self.claim_write(run_id)
        claim.stuck_at = stuck_at
        if not claim.workflows:
            return False
        workload.reserved += 1
        claimed: Claimed | None = None
        try:
            claimed = await self._host.store.write(claim)
            if claimed is None:
                return False
            if workload.phase is WorkerPhase.DRAINING:  # It began to drain during the claim.
                await self._host.store.write(ReleaseRuns({claimed.run_id: claimed.fence}))
                self._announcer.announce(claimed.run_id)
                return False
            run, steps = await self._host.store.read(queries.claimed_run, claimed.tenant, claimed.run_id)
            blueprint = self._host.workflows.get_workflow(run.workflow)
            if run_id is None:
                self._last_tenant = run.tenant
            exhausted = self._exhausted(claimed, blueprint, steps)
            if exhausted is None and claimed.recoveries >= SUSPECT_FROM:
                workload.suspect = claimed.run_id
                log_event(
                    logging.WARNING,
                    "run.suspected",
                    run_id=claimed.run_id,
                    deaths=claimed.recoveries,
                    steps=_likely_causes(claimed, blueprint, steps),
                )
            workload.spawn(claimed, workload.run(blueprint, claimed, exhausted=exhausted))
        except Exception:
            if claimed is not None:
                # An engine that takes only its own runs claims it again when the lease expires.
                workload.to_take[claimed.run_id] = claimed.tenant
            raise
        finally:
            workload.reserved -= 1
            workload.update_room()  # The claim took room itself, so a run may have had to wait meanwhile.
        return True

    def claim_write(self, run_id: str | None = None) -> ClaimRun:
        """Return the write that claims a run: this one, or the next in turn."""
        options = self._host.options
        # A lease of our own may have expired because a step blocked the loop. The next heartbeat renews it.
        ours = tuple(self._workload.tasks)
        return ClaimRun(
            self._host.owner,
            options.lease_ms,
            self._host.workflow_ids(),
            run_id,
            after=self._last_tenant,
            ours=ours,
            limits=options.max_active_runs_per_tenant,
        )

    def _exhausted(
        self, claimed: Claimed, blueprint: Blueprint, steps: list[StepRow]
    ) -> RecoveryExhaustedError | None:
        """Return the error of a run that was recovered too often; None if it may run."""
        if claimed.recoveries <= self._host.options.max_recovery_attempts:
            return None
        causes = _likely_causes(claimed, blueprint, steps)
        return RecoveryExhaustedError(run_id=claimed.run_id, deaths=claimed.recoveries, steps=causes)


def _likely_causes(claimed: Claimed, blueprint: Blueprint, steps: Iterable[StepRow]) -> list[str]:
    """Return the steps that may have killed the last owner: those that ran, and those whose inputs were prepared.

    Input selectors, validators and the hashing of inputs run before their step is marked as running.
    """
    open_steps = {row.step for row in steps if row.status in LIVE}
    ready = [
        step
        for step in open_steps & blueprint.steps.keys()
        if not open_steps.intersection(blueprint.dag.dependencies[step])
    ]
    causes = [step for step in ready if not claimed.running or blueprint.steps[step].selects]
    return sorted({*claimed.running, *causes})
