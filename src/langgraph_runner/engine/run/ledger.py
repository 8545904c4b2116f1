"""`Ledger`: what has become of a run since its last commit, to be written in one go, logged and told."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.engine.logs import LOGGER
from langgraph_runner.engine.store.commands import AdvanceRun
from langgraph_runner.engine.store.records import StepChange, told_of
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
    """Collects, numbers and hands over. Belongs to one run.

    Args:
        host: Who runs it, and keeps its files.
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

    def ended(self, change: StepChange) -> None:
        """A step has ended."""
        self._steps.append(change)
        kind, data = change.event()
        self._event(kind, data)
        self.log_end(change)

    def retrying(self, step: str, retry: RetryAttempt) -> None:
        """An attempt has failed, and another one will follow. Its message may hold secrets, so its type is told."""
        data = {
            "step": step,
            "attempt": retry.attempt,
            "error_type": type(retry.error).__name__,
            "retry_in_ms": round(retry.delay_ms, 3),
        }
        self._event("step_retrying", data)
        self.log(logging.INFO, "step.retrying", **data)  # The node has given its warning.

    def decided(self, decisions: list[Decision]) -> None:
        """Steps that will never run."""
        for step, status, reason in decisions:
            self.ended(StepChange(step=step, status=status, reason=reason))

    def write(
        self,
        started: list[Start],
        status: str | None = None,
        error: str | None = None,
        duration_ms: float = 0.0,
        *,
        has_tasks: bool = False,
    ) -> AdvanceRun | None:
        """What has come together, as one write; None if there is nothing. It is handed over, and forgotten here.

        Args:
            started: Steps that run as soon as it is durable.
            status: How the run has ended; None if it has not.
            error: What ended it, as a record in JSON.
            duration_ms: How long it has run.
            has_tasks: Whether steps may have been left to the workers of a queue.
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
            is_whole=self._host.artifacts.has_lately,
        )
        self._steps, self._events = [], []
        return write

    def written(self, seq: int) -> None:
        """What was handed over is durable; `seq` is the number of its last event."""
        self._seq = seq

    def log_start(self, start: Start) -> None:
        """A step begins: what it would deliver is not known yet."""
        if not is_enabled(LOGGER, logging.INFO):
            return
        if start.cache_key is not None:
            self.log(logging.INFO, "cache.miss", step=start.step, cache_key=start.cache_key)
        self.log(logging.INFO, "step.started", step=start.step)

    def log_end(self, change: StepChange) -> None:
        """A step has ended."""
        level = _LEVELS.get(change.status, logging.INFO)
        if is_enabled(LOGGER, level):
            kind, data = change.event()
            self.log(level, "cache.hit" if change.cache_hit else kind.replace("_", "."), **data)

    def log_run_end(self, status: str, error: str | None, *, duration_ms: float) -> None:
        """The run has ended."""
        level = {"completed": logging.INFO, "cancelled": logging.WARNING}.get(status, logging.ERROR)
        fields = {} if error is None else told_of(error)
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
    """A step that was stopped, or never began."""
    return StepChange(
        step=step,
        status=StepStatus.CANCELLED,
        reason=reason,
        attempts=attempts,
        started_ago_ms=duration_ms,
        duration_ms=duration_ms,
    )
