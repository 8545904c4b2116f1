"""`JobRequest`: a run that a producer requests, as the data of a job in a queue."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from langgraph_runner.engine.checks import DEFAULT_TENANT

__all__ = ["JobRequest"]


class JobRequest(BaseModel):
    """The data of a job that a producer of any language adds. It has the options of `RunEngine.trigger()`."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    workflow: str
    inputs: Any = None
    tenant: str = DEFAULT_TENANT
    idempotency_key: str | None = None
    """None: the id of the job is the key, so a job that is delivered twice creates one run."""
    priority: int = 0
    tags: dict[str, str] = {}
    metadata: dict[str, Any] = {}

    @classmethod
    def of(cls, data: Any) -> JobRequest:
        """Validate the data of a job.

        Raises:
            ValueError: The data does not request a run.
        """
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            faults = "; ".join(
                f"{'.'.join(map(str, fault['loc'])) or 'data'}: {fault['msg']}" for fault in error.errors()
            )
            raise ValueError(f"The job does not request a run: {faults}.") from error
