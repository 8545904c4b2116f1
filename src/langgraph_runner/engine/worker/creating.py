"""`RunCreator`: creates runs. If there is room, the engine claims and starts the new run at once."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from langgraph_runner.engine.logs import cause, log_event
from langgraph_runner.engine.run.creation import NotCreatedError, RunCreation, create
from langgraph_runner.engine.run.slots import HELD_SLOT
from langgraph_runner.engine.store.commands import Claimed, Created, CreateRun
from langgraph_runner.engine.store.records import new_run

if TYPE_CHECKING:
    from langgraph_runner.engine.dispatch.dispatcher import Announcer
    from langgraph_runner.engine.run.execution import RunExecution
    from langgraph_runner.engine.run.host import Host
    from langgraph_runner.engine.store.records import NewRun, RunRow
    from langgraph_runner.engine.worker.workload import Workload
    from langgraph_runner.workflow import Blueprint

__all__ = ["RunCreator", "TriggeredRun"]

_MAX_BEGUN_FIRST: Final = 4
"""How many runs may begin before they are durable. Others begin after their commit, which spares the event loop."""
_NOT_BEGUN: Final = "The run may or may not have been created: the task that was to create it was cancelled."


class TriggeredRun(NamedTuple):
    """The run that a caller of `trigger()` gets."""

    run_id: str
    """The new run, or the existing run with the same idempotency key."""
    row: RunRow | None
    """None if it has to be read from the database."""


class RunCreator:
    """Creates the runs of one engine. Belongs to one event loop."""

    def __init__(self, host: Host, workload: Workload, announcer: Announcer) -> None:
        self._host = host
        self._workload = workload
        self._announcer = announcer
        self._begun_first: set[str] = set()
        """Runs that have begun and are not yet durable: their first commit creates them."""

    async def create(self, blueprint: Blueprint, run: NewRun) -> TriggeredRun:
        """Create a run. This engine claims it if there is room, or if one of its own steps may wait for the run.

        If the caller is cancelled, the run may still be created, and then it runs.

        Raises:
            sqlalchemy.exc.DBAPIError: The database refused.
        """
        if self._workload.takes_on == "none" or not (self._has_room_for_new() or self._is_waited_for()):
            return await self._create_for_any(run)
        run.owner, run.lease_ms = self._host.owner, self._host.options.lease_ms
        found: asyncio.Future[TriggeredRun] = asyncio.get_running_loop().create_future()
        # The time of this machine, until the database reports its own.
        expected = Created.of(run, round(self._host.runtime.now_utc().timestamp() * 1000))
        work = self._create_and_run(blueprint, expected, run, found)
        task = self._workload.spawn(_claimed(run, expected), work)

        def fail_if_not_begun(_: asyncio.Task[Any]) -> None:
            if not found.done():
                found.set_exception(RuntimeError(_NOT_BEGUN))

        task.add_done_callback(fail_if_not_begun)
        return await asyncio.shield(found)

    def _has_room_for_new(self) -> bool:
        """Return whether a new run may begin here at once.

        Claiming a waiting run costs more than starting a new one. So a new run may overtake runs that have waited for
        less than one poll.
        """
        options = self._host.options
        # With limits, only a claim counts the runs of the tenant.
        if options.has_tenant_limits or not self._workload.has_room():
            return False
        return not self._workload.has_kept_waiting(options.poll_ms / 1000)

    def _is_waited_for(self) -> bool:
        """Return whether a step of this engine creates the run. It may wait for the run, which then needs no room."""
        slot = HELD_SLOT.get()
        return slot is not None and slot.is_of(self._host.slots)

    async def _create_for_any(self, run: NewRun) -> TriggeredRun:
        """Create a run that any engine may claim, including this one."""
        workload = self._workload
        if workload.takes_on != "none":
            workload.note_full()
        try:
            created = await self._host.store.write(CreateRun(run))
        finally:
            workload.note_runs_may_wait()
        if created.is_new:
            self._announcer.announce(run.id)
            if workload.takes_on == "own":
                workload.to_take[run.id] = run.tenant
        return _triggered_run(run, created)

    async def _create_and_run(
        self, blueprint: Blueprint, expected: Created, new: NewRun, found: asyncio.Future[TriggeredRun]
    ) -> RunRow | None:
        """Create a run for this engine, resolve `found`, and run it. Where possible, this takes one commit."""
        workload = self._workload
        can_begin_first = len(self._begun_first) < _MAX_BEGUN_FIRST
        try:
            if can_begin_first and not _must_create_first(self._host, blueprint, new):
                self._begun_first.add(new.id)
                return await self._execution(blueprint, expected, new, found).run()
            created = await create(self._host.store, new)
            triggered = _triggered_run(new, created)
            found.set_result(triggered)
        except NotCreatedError as error:
            reason = error.__cause__ or error
            log_event(logging.WARNING, "run.not_created", run_id=new.id, **cause(reason))
            found.set_exception(reason)
            found.exception()  # Marks it as retrieved: it is logged, even if the caller no longer waits.
            workload.note_runs_may_wait()  # It may have been committed.
            return None
        finally:
            self._begun_first.discard(new.id)
        if not created.is_new:
            workload.note_runs_may_wait()  # This attempt took room for a moment.
            return None
        return await workload.run(blueprint, _claimed(new, created), triggered.row)

    def _execution(
        self, blueprint: Blueprint, expected: Created, new: NewRun, found: asyncio.Future[TriggeredRun]
    ) -> RunExecution:
        """Return the execution of a run that its own first commit creates."""
        from langgraph_runner.engine.run.execution import RunExecution  # noqa: PLC0415 - imports LangGraph

        def on_created(row: RunRow) -> None:
            self._begun_first.discard(row.id)
            self._workload.executions[row.id] = execution
            if self._workload.is_closed():
                execution.release()
            found.set_result(TriggeredRun(row.id, row))

        row = new_run(new, fence=expected.fence, at=expected.at)
        creation = RunCreation(new, on_created)
        execution = RunExecution(self._host, blueprint, row, None, _claimed(new, expected), creation=creation)
        return execution


def _claimed(run: NewRun, created: Created) -> Claimed:
    return Claimed(created.run_id, run.tenant, created.fence, created.seq)


def _triggered_run(run: NewRun, created: Created) -> TriggeredRun:
    """Return the run that a `CreateRun` made, with its row where no read is needed."""
    if not created.is_new or run.reused:
        return TriggeredRun(created.run_id, None)
    return TriggeredRun(created.run_id, new_run(run, fence=created.fence, at=created.at))


def _must_create_first(host: Host, blueprint: Blueprint, run: NewRun) -> bool:
    """Return whether a new run must be durable before it begins: it needs a look-up or the user's code first."""
    return (
        run.idempotency_key is not None
        or bool(run.reused)
        or not host.cache.is_in_process
        or not host.artifacts.is_local
        or any(step.selects for step in blueprint.steps.values())
    )
