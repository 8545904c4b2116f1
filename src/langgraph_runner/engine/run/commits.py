"""`RunCommits`: commits the progress of one run, and notifies its followers."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from langgraph_runner.engine.errors import LeaseLostError
from langgraph_runner.engine.store.commands import Advanced

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from langgraph_runner.engine.run.creation import RunCreation
    from langgraph_runner.engine.run.host import Host
    from langgraph_runner.engine.run.ledger import Ledger
    from langgraph_runner.engine.store.records import RunRow, Start, StepChange
    from langgraph_runner.errors import NodeErrorRecord

__all__ = ["RunCommits"]


class RunCommits:
    """The commits of one claimed run. Belongs to one event loop.

    Args:
        host: What runs share.
        run: The run.
        ledger: The changes since the last commit.
        fence: The token of the claim.
        creation: Creates the run with its first commit; None if the run exists.
        may_have_tasks: Whether steps may have been handed to the workers of a queue, now or by an earlier owner.
    """

    def __init__(
        self,
        host: Host,
        run: RunRow,
        ledger: Ledger,
        *,
        fence: int,
        creation: RunCreation | None,
        may_have_tasks: bool,
    ) -> None:
        self._host = host
        self._run = run
        self._ledger = ledger
        self._fence = fence
        self._creation = creation
        self._may_have_tasks = may_have_tasks
        self._next: asyncio.Future[None] | None = None
        self.has_progressed = False
        """Whether a step has ended since the claim."""
        self.ended_as: RunRow | None = None
        """The row of the ended run; None until then."""

    def next(self) -> asyncio.Future[None]:
        """Return a future that is done after the next commit."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        return self._next

    async def commit(
        self, started: list[Start], status: str | None, error: NodeErrorRecord | None, age_ms: float
    ) -> tuple[Advanced, Sequence[StepChange]]:
        """Write all changes of the ledger in one transaction.

        Args:
            started: Steps that start after this commit.
            status: The final status of the run; None if it has not ended.
            error: The first error of the run, if there is one.
            age_ms: How long the run has run.

        Returns:
            The answer of the database, and the steps whose end was written.

        Raises:
            NotCreatedError: The run could not be created.
            LeaseLostError: Another process has claimed the run. Nothing was written.
        """
        error_json = None if error is None or status in {None, "completed"} else json.dumps(error)
        has_tasks = status is not None and self._may_have_tasks
        write = self._ledger.take_write(started, status, error_json, age_ms, has_tasks=has_tasks)
        creation, self._creation = self._creation, None
        if creation is not None:
            advanced = await creation.create_with(self._host.store, write)
        elif write is not None:
            advanced = await self._host.store.write(write)
        else:
            advanced = Advanced(is_accepted=True)
        if write is None:
            return advanced, []
        if not advanced.is_accepted:
            raise LeaseLostError(run_id=self._run.id, fence=self._fence)
        self._ledger.note_committed(advanced.seq)
        self.has_progressed = self.has_progressed or bool(write.steps)
        if self._next is not None:
            self._next.set_result(None)
            self._next = None
        await self._remember(write.steps, advanced)
        if advanced.ended is not None:
            self.ended_as = advanced.ended
            self._ledger.log_run_end(advanced.ended.status, error_json, duration_ms=round(age_ms, 3))
        return advanced, write.steps

    async def _remember(self, steps: Iterable[StepChange], advanced: Advanced) -> None:
        """Add durable results to the hot cache: those of this commit, and those that the database found."""
        entries = [*advanced.related, *advanced.known.values()]
        for change in steps:
            entry = change.entry(self._run.id)
            if entry is not None:
                entries.append(entry)
        if entries:
            await self._host.cache.remember(self._run.tenant, entries)
