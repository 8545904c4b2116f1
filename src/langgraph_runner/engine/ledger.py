"""`Ledger`: what has become of a run since its last commit, to be written in one go, logged and told."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from langgraph_runner.engine.cache import LOGGER
from langgraph_runner.engine.store.records import StepChange
from langgraph_runner.engine.store.writes import AdvanceRun
from langgraph_runner.errors.logs import emit
from langgraph_runner.workflow import Reason, StepStatus

if TYPE_CHECKING:
    from langgraph_runner.engine.store.records import RunRow
    from langgraph_runner.workflow.scheduler import Decision

__all__ = ["Ledger", "Start"]

_LEVELS: Final = {StepStatus.FAILED: logging.ERROR, StepStatus.CANCELLED: logging.WARNING}


class Start(NamedTuple):
    """A step that is about to run."""

    step: str
    input_hash: str
    cache_key: str | None
    """None if its result is not to be kept."""


class Ledger:
    """Collects, numbers and hands over. Belongs to one run.

    Args:
        run: The run.
        fence: The token of the claim.
        seq: Number of its last event.
    """

    def __init__(self, run: RunRow, fence: int, seq: int) -> None:
        self._run = run
        self._fence = fence
        self._seq = seq
        self._steps: list[StepChange] = []
        self._events: list[tuple[int, str, dict[str, Any]]] = []
        self._hits: list[str] = []

    def ended(self, change: StepChange) -> None:
        """A step has ended."""
        self._steps.append(change)
        fields: dict[str, Any] = {"step": change.step}
        for name in ("reason", "cache_key"):
            if (value := getattr(change, name)) is not None:
                fields[name] = str(value)
        if change.duration_ms is not None:
            fields.update(attempts=change.attempts, duration_ms=round(change.duration_ms, 3))
        self._event(f"step_{change.status}", fields)
        event = "cache.hit" if change.cache_hit else f"step.{change.status}"
        if change.cache_hit and change.cache_key is not None:
            self._hits.append(change.cache_key)
        self.log(_LEVELS.get(StepStatus(change.status), logging.INFO), event, **fields)

    def decided(self, decisions: list[Decision]) -> None:
        """Steps that will never run."""
        for step, status, reason in decisions:
            self.ended(StepChange(step=step, status=status, reason=reason))

    def missed(self, step: str, cache_key: str) -> None:
        """The cache does not know what a step would deliver."""
        self.log(logging.DEBUG, "cache.miss", step=step, cache_key=cache_key)

    def write(
        self, started: list[Start], owner: str, status: str | None = None, error: str | None = None
    ) -> AdvanceRun | None:
        """What has come together, as one write; None if there is nothing. It is handed over, and forgotten here.

        Args:
            started: Steps that run as soon as it is durable.
            owner: Who runs them.
            status: How the run has ended; None if it has not.
            error: What ended it, as a record in JSON.
        """
        for step, _, cache_key in started:
            fields = {"step": step} if cache_key is None else {"step": step, "cache_key": cache_key}
            self._event("step_started", fields)
            self.log(logging.DEBUG, "step.started", **fields)
        if status is not None:
            self._event(f"run_{status}", {})
        if not (self._steps or started or self._events):
            return None
        write = AdvanceRun(
            self._run.id,
            self._run.tenant,
            self._fence,
            steps=self._steps,
            started=started,
            owner=owner,
            events=self._events,
            hits=self._hits,
            status=status,
            error=error,
        )
        self._steps, self._events, self._hits = [], [], []
        return write

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
        self._seq += 1
        self._events.append((self._seq, kind, data))


def cancelled(step: str, reason: Reason) -> StepChange:
    """A step that was stopped, or never began."""
    return StepChange(step=step, status=StepStatus.CANCELLED, reason=reason)
