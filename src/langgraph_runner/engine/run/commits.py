"""`RunCommits`: writes what has become of one run, and tells those that wait for it."""

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
        ledger: What has happened since the last commit.
        fence: The token of the claim.
        creation: Makes the run with its first commit; None if it has been made.
        may_have_tasks: Whether steps may have been left to the workers of a queue, now or by an earlier owner.
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
        """The run as it has ended; None until then."""

    def next(self) -> asyncio.Future[None]:
        """Return a future that is done when more of the run is durable."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        return self._next

    async def commit(
        self, started: list[Start], status: str | None, error: NodeErrorRecord | None, age_ms: float
    ) -> tuple[Advanced, Sequence[StepChange]]:
        """Write everything that has come together in the ledger.

        Args:
            started: Steps that run once this is durable.
            status: How the run has ended; None if it has not.
            error: The first error of the run, if there is one.
            age_ms: How long the run has run.

        Returns:
            What the database answered, and the steps whose end was written.

        Raises:
            NotCreatedError: The run was to be made, and could not be.
            LeaseLostError: Another process has taken over the run. Nothing was written.
        """
        error_json = None if error is None or status in {None, "completed"} else json.dumps(error)
        has_tasks = status is not None and self._may_have_tasks
        write = self._ledger.write(started, status, error_json, age_ms, has_tasks=has_tasks)
        creation, self._creation = self._creation, None
        if creation is not None:
            advanced = await creation.with_first(self._host.store, write)
        elif write is not None:
            advanced = await self._host.store.write(write)
        else:
            advanced = Advanced(is_accepted=True)
        if write is None:
            return advanced, []
        if not advanced.is_accepted:
            raise LeaseLostError(run_id=self._run.id, fence=self._fence)
        self._ledger.written(advanced.seq)
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
        """Tell the hot tier of the cache what is durable now, and what the database knew."""
        entries = [*advanced.related, *advanced.known.values()]
        entries += [entry for change in steps if (entry := change.entry(self._run.id)) is not None]
        if entries:
            await self._host.cache.remember(self._run.tenant, entries)
