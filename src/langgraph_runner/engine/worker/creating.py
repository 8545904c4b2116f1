"""`RunCreator`: makes runs. A run for which there is room is made, claimed and begun at once."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.engine.logs import LOGGER
from langgraph_runner.engine.run.creation import (
    Found,
    NotCreatedError,
    RunCreation,
    as_found,
    create,
    must_exist_first,
)
from langgraph_runner.engine.run.slots import HELD_SLOT
from langgraph_runner.engine.store.commands import Created, CreateRun
from langgraph_runner.engine.store.records import new_run
from langgraph_runner.errors.logs import emit

if TYPE_CHECKING:
    from langgraph_runner.engine.dispatch.dispatcher import Announcer
    from langgraph_runner.engine.run.execution import RunExecution
    from langgraph_runner.engine.run.host import Host
    from langgraph_runner.engine.store.records import NewRun, RunRow
    from langgraph_runner.engine.worker.workload import Workload
    from langgraph_runner.workflow import Blueprint

__all__ = ["RunCreator"]

_MAX_BEGUN_FIRST: Final = 4
"""How many runs may begin before they are made. The others begin as the writer wakes them, which spares the loop."""
_NOT_BEGUN: Final = (
    "It is not known whether the run was made: the task that was about to make it was cancelled."
)


class RunCreator:
    """Makes the runs of one engine. Belongs to one event loop.

    Args:
        host: What the runs share.
        workload: The runs that the engine holds.
        announcer: The queue that tells workers which runs wait.
        lease_ms: How long a lease holds without a heartbeat.
        poll_s: After so many seconds a run that waits for room comes before a new one.
        has_tenant_limits: Whether a claim has to count the runs of the tenant.
    """

    def __init__(
        self,
        host: Host,
        workload: Workload,
        announcer: Announcer,
        *,
        lease_ms: int,
        poll_s: float,
        has_tenant_limits: bool,
    ) -> None:
        self._host = host
        self._workload = workload
        self._announcer = announcer
        self._lease_ms = lease_ms
        self._poll_s = poll_s
        self._has_tenant_limits = has_tenant_limits
        self._begun_first: set[str] = set()
        """Runs that have begun and are made with their first commit."""

    async def create(self, blueprint: Blueprint, run: NewRun) -> Found:
        """Make a run. This engine holds it from the start if there is room, or if a step of its own may wait for it.

        When the caller is cancelled, the run may still be made, and then it runs.

        Raises:
            sqlalchemy.exc.DBAPIError: The database refused.
        """
        if self._workload.takes_on == "none" or not (self._has_room_for_new() or self._is_waited_for()):
            return await self._create_for_any(run)
        run.owner, run.lease_ms = self._host.owner, self._lease_ms
        found: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        # By this machine's clock, until the database has said what time it is.
        expected = Created.of(run, round(self._host.runtime.now_utc().timestamp() * 1000))
        work = self._create_and_run(blueprint, expected, run, found)
        task = self._workload.spawn(expected, run.tenant, work)

        def fail_if_not_begun(_: asyncio.Task[Any]) -> None:
            if not found.done():
                found.set_exception(RuntimeError(_NOT_BEGUN))

        task.add_done_callback(fail_if_not_begun)
        return await asyncio.shield(found)

    def _has_room_for_new(self) -> bool:
        """Whether a new run may begin here at once.

        Claiming a waiting run costs more than beginning a new one, so a new run may overtake those that have waited
        for less than one poll.
        """
        if self._has_tenant_limits or not self._workload.has_room():
            return False
        return not self._workload.has_kept_waiting(self._poll_s)

    def _is_waited_for(self) -> bool:
        """Whether a step of this engine makes the run: it may wait for it, and must not wait for room."""
        slot = HELD_SLOT.get()
        return slot is not None and slot.is_of(self._host.slots)

    async def _create_for_any(self, run: NewRun) -> Found:
        """Make a run that any engine may take, this one included."""
        workload = self._workload
        if workload.takes_on != "none":
            workload.note_full()
        try:
            created = await self._host.store.write(CreateRun(run))
        finally:
            workload.note_others_wait()
        if created.is_new:
            self._announcer.announce(run.id)
            if workload.takes_on == "own":
                workload.owed[run.id] = run.tenant
        return as_found(run, created)

    async def _create_and_run(
        self, blueprint: Blueprint, expected: Created, new: NewRun, found: asyncio.Future[Found]
    ) -> RunRow | None:
        """Make a run for this engine, resolve `found`, and run it. If possible, one commit makes it and begins it."""
        workload = self._workload
        can_begin_first = len(self._begun_first) < _MAX_BEGUN_FIRST
        try:
            if can_begin_first and not must_exist_first(self._host, blueprint, new):
                self._begun_first.add(new.id)
                return await self._begun(blueprint, expected, new, found).run()
            created = await create(self._host.store, new)
            found.set_result(as_found(new, created))
        except NotCreatedError as error:
            reason = error.__cause__ or error
            emit(LOGGER, logging.WARNING, "run.not_created", run_id=new.id, error_type=type(reason).__name__)
            found.set_exception(reason)
            found.exception()  # Marks it as retrieved: the log has it, even if the caller waits no more.
            workload.note_others_wait()  # It may have been written all the same.
            return None
        finally:
            self._begun_first.discard(new.id)
        if not created.is_new:
            workload.note_others_wait()  # The attempt has taken room.
            return None
        return await workload.run(blueprint, created, new)

    def _begun(
        self, blueprint: Blueprint, expected: Created, new: NewRun, found: asyncio.Future[Found]
    ) -> RunExecution:
        """Make the execution of a run that its own first commit makes."""
        from langgraph_runner.engine.run.execution import RunExecution  # noqa: PLC0415 - imports LangGraph

        def on_created(row: RunRow) -> None:
            self._begun_first.discard(row.id)
            self._workload.executions[row.id] = execution
            if self._workload.is_closed():
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
