"""The jobs that producers of any language add to the queue of runs: to trigger, update, retry or cancel a run.

Each calls the method of `RunEngine` for its action, with the same options.
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

from langgraph_runner.engine.checks import DEFAULT_TENANT
from langgraph_runner.workflow import ChangeRequest

__all__ = ["Job", "read_job"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _RunJob(_Strict):
    """A job that creates a run. An option that it leaves out is that of the base run, or the engine's default."""

    tenant: str = DEFAULT_TENANT
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

    def options(self, job_id: str) -> dict[str, Any]:
        """Return the options that the job has, and the idempotency key."""
        options = self.model_dump(include=self.model_fields_set & _RunJob.model_fields.keys())
        options["idempotency_key"] = self.idempotency_key or f"job:{job_id}"
        return options


class TriggerJob(_RunJob):
    """Create a run."""

    action: Literal["trigger"] = "trigger"
    workflow: str
    inputs: Any = None

    def arguments(self) -> tuple[str, Any]:
        """Return the positional arguments of `trigger()`."""
        return self.workflow, self.inputs


class _Change(_Strict):
    type: str
    payload: dict[str, Any] = {}


class UpdateJob(_RunJob):
    """Create a run that applies a change to a completed run."""

    action: Literal["update"]
    run_id: str
    change: _Change

    def arguments(self) -> tuple[str, ChangeRequest]:
        """Return the positional arguments of `trigger_update()`."""
        return self.run_id, ChangeRequest(self.change.type, self.change.payload)


class RetryJob(_RunJob):
    """Create a run that continues a failed or cancelled run."""

    action: Literal["retry"]
    run_id: str

    def arguments(self) -> tuple[str]:
        """Return the positional argument of `trigger_retry()`."""
        return (self.run_id,)


class CancelJob(_Strict):
    """Cancel a run."""

    action: Literal["cancel"]
    run_id: str
    tenant: str = DEFAULT_TENANT
    reason: str = "cancelled"

    def arguments(self) -> tuple[str]:
        """Return the positional argument of `cancel()`."""
        return (self.run_id,)

    def options(self, _job_id: str) -> dict[str, Any]:
        """Return the options. A job that is delivered twice does no harm."""
        return {"tenant": self.tenant, "reason": self.reason}


Job: TypeAlias = TriggerJob | UpdateJob | RetryJob | CancelJob
_JOB_CLASSES: Final[dict[Any, type[Job]]] = {
    "trigger": TriggerJob,
    "update": UpdateJob,
    "retry": RetryJob,
    "cancel": CancelJob,
}


def read_job(data: Any) -> Job:
    """Validate the data of a job. The default action is `trigger`.

    Raises:
        ValueError: The data is not that of a job.
    """
    action = data.get("action", "trigger") if isinstance(data, dict) else "trigger"
    job_class = _JOB_CLASSES.get(action) if isinstance(action, str) else None
    if job_class is None:
        raise ValueError(
            f"The job is not valid: action: it must be one of {', '.join(_JOB_CLASSES)}, got {action!r:.80}."
        )
    try:
        return job_class.model_validate(data)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'data'}: {fault['msg']}" for fault in error.errors()
        )
        raise ValueError(f"The job is not valid: {faults}.") from error
