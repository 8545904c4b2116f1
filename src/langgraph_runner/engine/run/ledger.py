"""`Ledger`: the changes of a run since its last commit, to be written together and logged."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.engine.logs import LOGGER
from langgraph_runner.engine.store.commands import AdvanceRun
from langgraph_runner.engine.store.records import StepChange, error_summary
from langgraph_runner.errors.logs import emit, is_enabled
from langgraph_runner.workflow import Reason, StepStatus

if TYPE_CHECKING:
    from langgraph_runner.engine.run.host import Host
    from langgraph_runner.engine.store.records import RunRow, Start
    from langgraph_runner.node import RetryAttempt
    from langgraph_runner.workflow.scheduler import Decision

__all__ = ["Ledger", "cancelled"]

_LEVELS: Final[dict[str, int]] = {StepStatus.FAILED: logging.ERROR, StepStatus.CANCELLED: logging.WARNING}


class Ledger:
    """Collects the changes of one run for the next commit, and logs them.

    Args:
        host: What runs share.
        run: The run.
        fence: The token of the claim.
        seq: Number of its last event.
    """

    def __init__(self, host: Host, run: RunRow, fence: int, seq: int) -> None:
        self._host = host
        self._run = run
        self._fence = fence
        self._seq = seq
        self._steps: list[StepChange] = []
        self._events: list[tuple[str, dict[str, Any]]] = []

    def record_end(self, change: StepChange) -> None:
        """Record that a step has ended."""
        self._steps.append(change)
        kind, data = change.event()
        self._event(kind, data)
        self.log_end(change)

    def record_retry(self, step: str, retry: RetryAttempt) -> None:
        """Record that a step is tried again. The error's message may hold secrets, so only its type is recorded."""
        data = {
            "step": step,
            "attempt": retry.attempt,
            "error_type": type(retry.error).__name__,
            "retry_in_ms": round(retry.delay_ms, 3),
        }
        self._event("step_retrying", data)
        self.log(logging.INFO, "step.retrying", **data)  # The node has logged a warning.

    def record_decisions(self, decisions: list[Decision]) -> None:
        """Record steps that will never run."""
        for step, status, reason in decisions:
            self.record_end(StepChange(step=step, status=status, reason=reason))

    def take_write(
        self,
        started: list[Start],
        status: str | None = None,
        error: str | None = None,
        duration_ms: float = 0.0,
        *,
        has_tasks: bool = False,
    ) -> AdvanceRun | None:
        """Return all changes as one write, and forget them; None if there are none.

        Args:
            started: Steps that start after the commit.
            status: The final status of the run; None if it has not ended.
            error: The error record of the run as JSON.
            duration_ms: How long the run has run.
            has_tasks: Whether steps may have been handed to the workers of a queue.
        """
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
            duration_ms=None if status is None else round(duration_ms),
            has_tasks=has_tasks,
            is_intact=self._host.artifacts.has_recently,
        )
        self._steps, self._events = [], []
        return write

    def note_committed(self, seq: int) -> None:
        """Note that the last write is durable. `seq` is the number of its last event."""
        self._seq = seq

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

    def log_run_end(self, status: str, error: str | None, *, duration_ms: float) -> None:
        """Log the end of the run."""
        level = {"completed": logging.INFO, "cancelled": logging.WARNING}.get(status, logging.ERROR)
        fields = {} if error is None else error_summary(error)
        self.log(level, f"run.{status}", duration_ms=duration_ms, **fields)

    def log(self, level: int, event: str, **fields: Any) -> None:
        """Log an event of the run."""
        emit(
            LOGGER,
            level,
            event,
            run_id=self._run.id,
            tenant=self._run.tenant,
            workflow=self._run.workflow,
            **fields,
        )

    def _event(self, kind: str, data: dict[str, Any]) -> None:
        self._events.append((kind, data))


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
