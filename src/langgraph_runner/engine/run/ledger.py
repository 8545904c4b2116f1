"""`Ledger`: the changes of a run since its last commit, which it commits together and logs."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.engine.errors import LeaseLostError
from langgraph_runner.engine.logs import LOGGER, log_event
from langgraph_runner.engine.store.commands import Advanced, AdvanceRun
from langgraph_runner.engine.store.records import StepChange, error_summary
from langgraph_runner.errors.logs import is_enabled
from langgraph_runner.redaction import sanitize_text
from langgraph_runner.workflow import Reason, StepStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from langgraph_runner.engine.run.creation import RunCreation
    from langgraph_runner.engine.run.host import Host
    from langgraph_runner.engine.store.commands import Claimed
    from langgraph_runner.engine.store.records import RunRow, Start
    from langgraph_runner.errors import NodeErrorRecord
    from langgraph_runner.node import RetryAttempt
    from langgraph_runner.workflow.scheduler import Decision

__all__ = ["Ledger", "cancelled"]

_LEVELS: Final[dict[str, int]] = {StepStatus.FAILED: logging.ERROR, StepStatus.CANCELLED: logging.WARNING}


class Ledger:
    """Collects the changes of one claimed run, commits and logs them. Belongs to one event loop.

    Args:
        host: What runs share.
        run: The run.
        claimed: The claim.
        creation: Creates the run with its first commit; None if the run exists.
        may_have_tasks: Whether steps may have been handed to the workers of a queue, now or by an earlier owner.
    """

    def __init__(
        self,
        host: Host,
        run: RunRow,
        claimed: Claimed,
        *,
        creation: RunCreation | None,
        may_have_tasks: bool,
    ) -> None:
        self._host = host
        self._run = run
        self._fence = claimed.fence
        self._seq = claimed.seq
        self._creation = creation
        self._may_have_tasks = may_have_tasks
        self._steps: list[StepChange] = []
        self._events: list[tuple[str, dict[str, Any]]] = []
        self._next_commit: asyncio.Future[None] | None = None
        self.has_progressed = False
        """Whether a step has ended since the claim."""
        self.ended_as: RunRow | None = None
        """The row of the ended run; None until then."""

    # Recording changes.

    def record_end(self, change: StepChange) -> None:
        """Record that a step has ended."""
        self._steps.append(change)
        self._events.append(change.event())
        self.log_end(change)

    def record_retry(self, step: str, retry: RetryAttempt) -> None:
        """Record that a step is tried again. The error's message may hold secrets, so only its type is recorded."""
        data = {
            "step": step,
            "attempt": retry.attempt,
            "error_type": type(retry.error).__name__,
            "retry_in_ms": round(retry.delay_ms, 3),
        }
        self._events.append(("step_retrying", data))
        self.log(logging.INFO, "step.retrying", **data)  # The node has logged a warning.

    def record_decisions(self, decisions: list[Decision]) -> None:
        """Record steps that will never run."""
        for step, status, reason in decisions:
            self.record_end(StepChange(step=step, status=status, reason=reason))

    # Committing them.

    def next_commit(self) -> asyncio.Future[None]:
        """Return a future that is done after the next commit."""
        if self._next_commit is None:
            self._next_commit = asyncio.get_running_loop().create_future()
        return self._next_commit

    async def commit(
        self, started: list[Start], status: str | None, error: NodeErrorRecord | None, age_ms: float
    ) -> tuple[Advanced, Sequence[StepChange]]:
        """Write all changes in one transaction.

        Args:
            started: Steps that start after this commit.
            status: The final status of the run; None if it has not ended.
            error: The first error of the run; None if it has no error.
            age_ms: How long the run has run.

        Returns:
            The answer of the database, and the steps whose end was written.

        Raises:
            NotCreatedError: The run could not be created.
            LeaseLostError: Another process has claimed the run. Nothing was written.
        """
        error_json = None if error is None or status in {None, "completed"} else json.dumps(error)
        write = self._take_write(started, status, error_json, age_ms)
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
        self._seq = advanced.seq
        self.has_progressed = self.has_progressed or bool(write.steps)
        if self._next_commit is not None:
            self._next_commit.set_result(None)
            self._next_commit = None
        await self._remember(write.steps, advanced)
        if advanced.ended is not None:
            self.ended_as = advanced.ended
            self._log_run_end(advanced.ended, error_json, duration_ms=round(age_ms, 3))
        return advanced, write.steps

    def _take_write(
        self, started: list[Start], status: str | None, error: str | None, age_ms: float
    ) -> AdvanceRun | None:
        """Return all changes as one write, and forget them; None if nothing has changed."""
        if not (self._steps or started or self._events or status):
            return None
        write = AdvanceRun(
            self._run.id,
            self._run.tenant,
            self._fence,
            steps=self._steps,
            started=started,
            owner=self._host.owner,
            seq=self._seq,
            events=self._events,
            status=status,
            error=error,
            duration_ms=None if status is None else round(age_ms),
            has_tasks=self._may_have_tasks,
            is_intact=self._host.artifacts.has_recently,
        )
        self._steps, self._events = [], []
        return write

    async def _remember(self, steps: Iterable[StepChange], advanced: Advanced) -> None:
        """Add durable results to the hot cache: those of this commit, and those that the database found."""
        entries = [*advanced.related, *advanced.known.values()]
        for change in steps:
            entry = change.entry(self._run.id)
            if entry is not None:
                entries.append(entry)
        if entries:
            await self._host.cache.remember(self._run.tenant, entries)

    # The log.

    def log_start(self, start: Start) -> None:
        """Log that a step starts, because the cache has no result for it."""
        if not is_enabled(LOGGER, logging.INFO):
            return
        if start.cache_key is not None:
            self.log(logging.INFO, "cache.miss", step=start.step, cache_key=start.cache_key)
        self.log(logging.INFO, "step.started", step=start.step)

    def log_end(self, change: StepChange) -> None:
        """Log the end of a step."""
        level = _LEVELS.get(change.status, logging.INFO)
        if is_enabled(LOGGER, level):
            kind, data = change.event()
            self.log(level, "cache.hit" if change.cache_hit else kind.replace("_", "."), **data)

    def _log_run_end(self, row: RunRow, error: str | None, *, duration_ms: float) -> None:
        """Log the end of the run."""
        level = {"completed": logging.INFO, "cancelled": logging.WARNING}.get(row.status, logging.ERROR)
        fields = {} if error is None else error_summary(error)
        if row.status == "cancelled" and row.cancel_reason is not None:
            fields = {**fields, "reason": sanitize_text(row.cancel_reason)}
        self.log(level, f"run.{row.status}", duration_ms=duration_ms, **fields)

    def log(self, level: int, event: str, **fields: Any) -> None:
        """Log an event of the run."""
        log_event(
            level,
            event,
            run_id=self._run.id,
            tenant=self._run.tenant,
            workflow=self._run.workflow,
            **fields,
        )


def cancelled(
    step: str, reason: Reason, *, attempts: int = 0, duration_ms: float | None = None
) -> StepChange:
    """Return the change of a step that was stopped or never began."""
    return StepChange(
        step=step,
        status=StepStatus.CANCELLED,
        reason=reason,
        attempts=attempts,
        started_ago_ms=duration_ms,
        duration_ms=duration_ms,
    )
