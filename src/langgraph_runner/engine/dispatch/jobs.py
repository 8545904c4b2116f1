"""The jobs that producers of any language add to the queue of runs: to trigger, update, retry or cancel a run.

Each calls the method of `RunEngine` of the same name, with the same options.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from langgraph_runner.engine.checks import DEFAULT_TENANT
from langgraph_runner.workflow import ChangeRequest

if TYPE_CHECKING:
    from langgraph_runner.engine.engine import RunEngine
    from langgraph_runner.engine.models import Run
    from langgraph_runner.engine.options import TriggerOptions

__all__ = ["Job", "read_job"]


class _Job(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    action: str
    tenant: str = DEFAULT_TENANT


class _RunJob(_Job):
    """A job that creates a run. What it leaves out is the default of the engine, or that of the base run."""

    idempotency_key: str | None = None
    """None: the id of the job is the key, so a job that is delivered twice creates one run."""
    priority: int = 0
    failure_mode: Literal["continue", "fail_fast"] = "continue"
    max_concurrency: int | None = None
    run_timeout_ms: float | None = None
    force: list[str] = []
    use_cache: bool = True
    tags: dict[str, str] = {}
    metadata: dict[str, Any] = {}

    def options(self, job_id: str) -> TriggerOptions:
        """Return the options that the job has, and the idempotency key."""
        options = self.model_dump(include=self.model_fields_set & _RunJob.model_fields.keys() - {"action"})
        options["idempotency_key"] = self.idempotency_key or f"job:{job_id}"
        return cast("TriggerOptions", options)


class TriggerJob(_RunJob):
    """Create a run."""

    action: Literal["trigger"] = "trigger"
    workflow: str
    inputs: Any = None

    async def perform(self, engine: RunEngine, job_id: str) -> Run:
        """Return the new run."""
        return await engine.trigger(self.workflow, self.inputs, **self.options(job_id))


class _Change(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    type: str
    payload: dict[str, Any] = {}


class UpdateJob(_RunJob):
    """Create a run that applies a change to a completed run."""

    action: Literal["update"]
    run_id: str
    change: _Change

    async def perform(self, engine: RunEngine, job_id: str) -> Run:
        """Return the new run."""
        change = ChangeRequest(self.change.type, self.change.payload)
        return await engine.trigger_update(self.run_id, change, **self.options(job_id))


class RetryJob(_RunJob):
    """Create a run that continues a failed or cancelled run."""

    action: Literal["retry"]
    run_id: str

    async def perform(self, engine: RunEngine, job_id: str) -> Run:
        """Return the new run."""
        return await engine.trigger_retry(self.run_id, **self.options(job_id))


class CancelJob(_Job):
    """Cancel a run."""

    action: Literal["cancel"]
    run_id: str
    reason: str = "cancelled"

    async def perform(self, engine: RunEngine, job_id: str) -> Run:  # noqa: ARG002 - to cancel twice is harmless
        """Return the cancelled run."""
        return await engine.cancel(self.run_id, tenant=self.tenant, reason=self.reason)


Job: TypeAlias = TriggerJob | UpdateJob | RetryJob | CancelJob
_KINDS: Final[dict[Any, type[Job]]] = {
    "trigger": TriggerJob,
    "update": UpdateJob,
    "retry": RetryJob,
    "cancel": CancelJob,
}


def read_job(data: Any) -> Job:
    """Validate the data of a job. Without an action, it is `trigger`.

    Raises:
        ValueError: The data is not that of a job.
    """
    action = data.get("action", "trigger") if isinstance(data, dict) else "trigger"
    kind = _KINDS.get(action) if isinstance(action, str) else None
    if kind is None:
        raise ValueError(
            f"The job is not valid: action: it must be one of {', '.join(_KINDS)}, got {action!r:.80}."
        )
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'data'}: {fault['msg']}" for fault in error.errors()
        )
        raise ValueError(f"The job is not valid: {faults}.") from error
