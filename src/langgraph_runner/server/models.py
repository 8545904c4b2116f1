"""What the routes take and give, beside the models of the engine. Nothing is coerced: the text "3" is no number."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from langgraph_runner.engine import Run, RunStatus
from langgraph_runner.engine.checks import (
    MAX_AT_ONCE,
    MAX_PRIORITY,
    MAX_REASON,
    MAX_TAG_NAME,
    MAX_TAG_VALUE,
    MAX_TAGS,
)
from langgraph_runner.server.audit import AuditEntry
from langgraph_runner.server.keys import Role
from langgraph_runner.workflow import ChangeRequest

__all__ = [
    "SAFE",
    "ArtifactDescription",
    "AuditPage",
    "CallerDescription",
    "CancelRequest",
    "Change",
    "InputsRequest",
    "PlanRequest",
    "RetryRequest",
    "RunFilter",
    "RunPage",
    "RunRequest",
    "StepMetrics",
    "UpdateRequest",
    "WorkflowMetrics",
]

SAFE: Final = r"^[^\x00]*$"
"""Text that a database can keep."""
Word = Annotated[str, Field(min_length=1, max_length=128, pattern=SAFE)]
TagName = Annotated[str, Field(min_length=1, max_length=MAX_TAG_NAME, pattern=SAFE)]
TagValue = Annotated[str, Field(min_length=1, max_length=MAX_TAG_VALUE, pattern=SAFE)]
StepIds = Annotated[list[Word], Field(max_length=10_000)]


def _is_written_out(value: Any) -> Any:
    """Refuse a number, which pydantic would take for seconds or for milliseconds, whichever is likelier."""
    if isinstance(value, str) and "T" not in value.upper():
        raise ValueError("give a time with its zone, such as 2026-01-31T09:00:00Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_is_written_out)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _RunOptions(_Request):
    """The options of `RunEngine.trigger()`; one that is not given is the engine's default, or the base run's."""

    priority: Annotated[int, Field(ge=-MAX_PRIORITY, le=MAX_PRIORITY)] = 0
    failure_mode: Literal["continue", "fail_fast"] = "continue"
    max_concurrency: Annotated[int, Field(ge=1, le=MAX_AT_ONCE)] | None = None
    run_timeout_ms: Annotated[float, Field(gt=0)] | None = None
    force: StepIds = []
    use_cache: bool = True
    tags: Annotated[dict[TagName, TagValue], Field(max_length=MAX_TAGS)] = {}
    metadata: dict[str, Any] = {}

    def given(self) -> dict[str, Any]:
        """Those that the caller has given."""
        return self.model_dump(include=self.model_fields_set & _RunOptions.model_fields.keys())


class RunRequest(_RunOptions):
    """A run to be made."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"workflow": "shop.v1", "inputs": {"net": 10}, "tags": {"customer": "acme"}}]
        }
    )

    workflow: Word
    inputs: Any = None
    """As JSON values; `GET /workflows/{name}` has their schema."""


class InputsRequest(_Request):
    """Inputs to be checked."""

    inputs: Any = None
    """As JSON values."""


class Change(_Request):
    """What is to be different from a run that was completed."""

    type: Word
    payload: dict[str, Any] = {}

    def as_request(self) -> ChangeRequest:
        """For the engine."""
        return ChangeRequest(self.type, self.payload)


class UpdateRequest(_RunOptions):
    """A run to be made that differs from a completed one by a change."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"change": {"type": "set", "payload": {"net": 12}}}]}
    )

    change: Change


class PlanRequest(_Request):
    """An update to be planned."""

    change: Change
    force: StepIds = []
    use_cache: bool = True


class RetryRequest(_RunOptions):
    """A failed or cancelled run to be gone on with."""


class CancelRequest(_Request):
    """A run to be cancelled."""

    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON)] = "cancelled"


class RunFilter(BaseModel):
    """Which runs to list; of several conditions, runs that fulfil all."""

    model_config = ConfigDict(extra="forbid")

    workflow: Word | None = None
    status: list[RunStatus] | None = None
    tag: Annotated[list[str] | None, Field(description="`name:value`, such as `customer:acme`.")] = None
    id_prefix: Word | None = None
    base_run_id: Annotated[Word | None, Field(description="Runs that update or retry this one.")] = None
    failed_step: Word | None = None
    error_contains: Annotated[str | None, Field(min_length=1, max_length=MAX_REASON, pattern=SAFE)] = None
    created_after: Moment | None = None
    created_before: Moment | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 20
    cursor: Annotated[str | None, Field(max_length=200, description="`next_cursor` of the page before.")] = (
        None
    )

    def tags(self) -> dict[str, str] | None:
        """Those to look for; None for any.

        Raises:
            ValueError: One is no name and value.
        """
        if self.tag is None:
            return None
        tags = {name: value for name, _, value in (each.partition(":") for each in self.tag)}
        if not all(tags.values()):
            raise ValueError("query:tag: give `name:value`, such as `tag=customer:acme`.")
        return tags


class RunPage(BaseModel):
    """Runs, the newest first."""

    items: list[Run]
    next_cursor: str | None = None
    """For the page behind this one, as `cursor`; None on the last page."""


class AuditPage(BaseModel):
    """Entries of the audit log, the newest first."""

    items: list[AuditEntry]
    next_cursor: str | None = None


class CallerDescription(BaseModel):
    """Who sends a request."""

    actor: str
    """`key:<id of the API key>`, `jwt:<subject>`, or `dev`."""
    tenant: str
    """The only tenant whose runs the caller sees and changes."""
    role: Role


class ArtifactDescription(BaseModel):
    """A file that a step has saved."""

    step: str
    name: str
    media_type: str
    size: int
    """In bytes."""
    sha256: str
    """Of its content."""
    href: str
    """Where its content is."""


class StepMetrics(BaseModel):
    """How one step did in recent runs. Durations are of the times it ran, in milliseconds; None if it never did."""

    step: str
    completed: int
    """How often it ran and delivered."""
    failed: int
    reused: int
    """How often its output came from the cache or from the base run."""
    retried: int
    """How often it needed more than one attempt."""
    attempts: int
    p50_ms: int | None
    p99_ms: int | None
    max_ms: int | None


class WorkflowMetrics(BaseModel):
    """How a workflow did in recent runs."""

    workflow: str
    runs: int
    """How many runs were counted: the newest ones of the tenant."""
    by_status: dict[str, int]
    steps: list[StepMetrics]
    """In the workflow's order."""
