"""Runs, steps, events and plans as immutable values, for programs, the command line and the API."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Self

from pydantic import BaseModel, ConfigDict, PrivateAttr, computed_field
from pydantic_core import from_json

from langgraph_runner.engine.errors import RunFailedError, RunStateError
from langgraph_runner.engine.outputs import OutputSource, RunOutputs
from langgraph_runner.engine.status import RunStatus
from langgraph_runner.errors import NodeErrorRecord
from langgraph_runner.workflow import Reason, StepStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langgraph_runner.engine.store.records import RunRow, StepRow, SummaryRow

__all__ = [
    "PlanAction",
    "PlannedStep",
    "Run",
    "RunEvent",
    "RunPlan",
    "RunStatus",
    "RunStep",
    "RunSummary",
    "summary_of",
]


_LONG_PARTS: Final = frozenset({"stack", "causes"})
"""The parts of an error record that a list of runs leaves out."""
_CHANGE_START: Final = re.compile(r'\{"type": ("(?:[^"\\]|\\.)*")')


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")  # Rows of the store have further fields.


class RunSummary(_Value):
    """A run in a list of runs: `Run` without its inputs, change, metadata, and the stack of its error."""

    id: str
    """The id of the run."""
    tenant: str
    """The tenant that the run belongs to."""
    workflow: str
    """The name of the workflow."""
    workflow_version: str
    """The version of the workflow when the run was created."""
    status: RunStatus
    trigger: str
    """`manual`, `update` or `retry`."""
    base_run_id: str | None = None
    """The run that this run updates or retries."""
    change_type: str | None = None
    """The type of the change request of an update."""
    error: NodeErrorRecord | None = None
    """The error of the first step that failed, or of the run itself. A list leaves out its `stack` and `causes`."""
    idempotency_key: str | None = None
    """The `Idempotency-Key` of the request that created it."""
    priority: int = 0
    """Pending runs of a tenant with a higher priority start first."""
    cancel_reason: str | None = None
    """The reason that was given with the cancellation."""
    tags: dict[str, str] = {}
    """For searches: `list_runs(tags=...)`."""
    steps: dict[str, int] = {}
    """How many steps have each status, without those that no step has."""
    created_at: datetime
    """When the run was created."""
    started_at: datetime | None = None
    """When an engine first started it."""
    completed_at: datetime | None = None
    """When it completed, failed or was cancelled."""
    measured_ms: int | None = None
    """How long it ran, by the monotonic clock. None until the run has ended, and if it never began."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def step_summary(self) -> dict[str, int]:
        """How many steps have each status, all statuses included, and how many steps there are: `total`."""
        counts = {status.value: self.steps.get(status, 0) for status in StepStatus}
        return {**counts, "total": sum(counts.values())}

    @property
    def duration_ms(self) -> float | None:
        """How long it ran, without waits for a new owner; None until it has ended."""
        if self.measured_ms is not None:
            return float(self.measured_ms)
        if self.started_at is None or self.completed_at is None:
            return None
        return max(0.0, (self.completed_at - self.started_at).total_seconds() * 1000)


class Run(RunSummary):
    """One execution of a workflow."""

    change: dict[str, Any] | None = None
    """The change request of an update."""
    inputs: Any = None
    """As JSON values."""
    metadata: dict[str, Any] = {}
    """JSON values of the caller."""
    _source: OutputSource = PrivateAttr(default_factory=OutputSource)

    def output(self, step: str) -> Any:
        """Return the output of a step, as its type. Reads the database in this thread.

        In a coroutine, use `await engine.get_output(run.id, step)`, which does not block the event loop.

        Raises:
            LookupError: The run has no such step, or the step has no output.
            UnknownWorkflowError: The engine does not have the workflow of the run.
            RuntimeError: The engine is closed, or the run was pickled.
        """
        return self._source.output(self.tenant, self.id, step)

    @property
    def outputs(self) -> Mapping[str, Any]:
        """The outputs so far, by step. An output is read when it is accessed."""
        return RunOutputs(self._source, self.tenant, self.id)

    @property
    def result(self) -> Any:
        """The output of the workflow's `result` step, or of its only final step. Reads the database in this thread.

        Raises:
            RunFailedError: The run failed or was cancelled.
            RunStateError: The run has not ended.
            LookupError: The workflow has several final steps and names none as its `result`, or the step was skipped.
            UnknownWorkflowError: The engine does not have the workflow of the run.
            RuntimeError: The engine is closed, or the run was pickled.
        """
        self.raise_for_status()
        return self.output(self._source.result_step(self.workflow))

    def raise_for_status(self) -> Self:
        """Raise an exception if the run has not completed.

        Returns:
            The run itself, so that calls can be chained.

        Raises:
            RunFailedError: The run failed or was cancelled; `error.record` is the record of the failed step.
            RunStateError: The run has not ended.
        """
        if self.status is RunStatus.COMPLETED:
            return self
        if not self.status.is_over:
            raise RunStateError(run_id=self.id, status=self.status, problem="it is not over; wait for it.")
        if self.error is not None:
            detail = f"step '{self.error['node_id']}': {self.error['message']}"
        else:
            detail = self.cancel_reason or "it was cancelled."
        raise RunFailedError(
            run_id=self.id, workflow=self.workflow, status=self.status, detail=detail, record=self.error
        )

    def reading(self, source: OutputSource) -> Self:
        """Set the source of the outputs; return the run. For code that gives runs to users."""
        self._source = source
        return self

    @classmethod
    def of(cls, row: RunRow, source: OutputSource) -> Run:
        """Return the run of a row; its outputs are read from `source`."""
        change = None if row.change_request is None else json.loads(row.change_request)
        own = {
            "change": change,
            "change_type": None if change is None else change["type"],
            "inputs": from_json(row.inputs),
            "error": None if row.error is None else json.loads(row.error),
            "metadata": {} if row.metadata is None else json.loads(row.metadata),
        }
        return cls(**{**row._asdict(), **_converted(row), **own}).reading(source)


class RunStep(_Value):
    """One step of a run."""

    run_id: str
    """The id of the run."""
    step: str
    """The id of the step."""
    status: StepStatus
    reason: Reason | None = None
    """Why it was skipped or cancelled."""
    cache_hit: bool = False
    """Whether the output came from the cache."""
    cache_key: str | None = None
    """The key under which the output is cached; None for a step that is not cached."""
    input_hash: str | None = None
    """The hash of everything that the step received."""
    attempts: int = 0
    """How many attempts it made; 0 if it did not run."""
    error: NodeErrorRecord | None = None
    """Why it failed. With the reason `fallback`: why its function failed."""
    queued_at: datetime | None = None
    """When the engine decided to run it."""
    started_at: datetime | None = None
    """When its first attempt started."""
    completed_at: datetime | None = None
    """When it ended."""
    duration_ms: int | None = None
    """How long it ran, with all attempts and the waits between them, in milliseconds."""

    @classmethod
    def of(cls, row: StepRow) -> RunStep:
        """Return the step of a row."""
        converted = {
            "error": None if row.error is None else json.loads(row.error),
            "queued_at": maybe_at(row.queued_at),
            "started_at": maybe_at(row.started_at),
            "completed_at": maybe_at(row.completed_at),
        }
        return cls(**{**row._asdict(), **converted})


class RunEvent(_Value):
    """An event of a run."""

    run_id: str
    """The id of the run."""
    seq: int
    """From 1, without gaps."""
    type: str
    """`run_created`, `run_started`, `run_recovered`, `run_completed`, `run_failed`, `run_cancelled`; `step_started`,
    `step_waiting` (for the same result in another process), `step_retrying`, `step_completed`, `step_skipped`,
    `step_failed`, `step_cancelled`."""
    data: dict[str, Any]
    """Details; which ones depends on the type."""
    at: datetime
    """When it happened."""


class PlanAction(StrEnum):
    """What an update would do with a step."""

    RUN = "run"
    """The step would run."""
    REUSE = "reuse"
    """The output of the base run would be reused."""
    CACHED = "cached"
    """The step is affected, but the cache has the result for its new input."""
    MAYBE = "maybe"
    """The step runs if a step before it returns another output; otherwise the cache has the result."""


class PlannedStep(_Value):
    """What an update would do with one step, and why."""

    step: str
    """The id of the step."""
    action: PlanAction
    why: str
    """The reason, for a person."""


class RunPlan(_Value):
    """What an update would do, before anything runs."""

    base_run_id: str
    """The run that the update would start from."""
    workflow: str
    """The name of the workflow."""
    change: dict[str, Any]
    """The change request."""
    changed_fields: tuple[str, ...]
    """The fields of the inputs that would differ."""
    steps: tuple[PlannedStep, ...]
    """In the workflow's order."""

    def of(self, action: PlanAction) -> list[str]:
        """Return the ids of the steps with an action."""
        return [each.step for each in self.steps if each.action is action]


def summary_of(row: SummaryRow) -> RunSummary:
    """Return the summary of a run for its row."""
    error = None
    if row.error is not None:
        error = {name: value for name, value in json.loads(row.error).items() if name not in _LONG_PARTS}
    start = _CHANGE_START.match(row.change_start or "")
    change_type = None if start is None else json.loads(start[1])
    return RunSummary(**{**row._asdict(), **_converted(row), "error": error, "change_type": change_type})


def _converted(row: RunRow | SummaryRow) -> dict[str, Any]:
    """Return the fields of a run that its row has in another form."""
    return {
        "workflow_version": row.version,
        "tags": {} if row.tags is None else json.loads(row.tags),
        "steps": dict(row.counts),
        "created_at": at(row.created_at),
        "started_at": maybe_at(row.started_at),
        "completed_at": maybe_at(row.completed_at),
        "measured_ms": row.duration_ms,
    }


def at(ms: int) -> datetime:
    """Return a time of the store as a datetime."""
    return datetime.fromtimestamp(ms / 1000, tz=UTC)


def maybe_at(ms: int | None) -> datetime | None:
    """Return a time of the store as a datetime; None for None."""
    return None if ms is None else at(ms)
