"""Requests and responses of the routes, beside the models of the engine. Types are strict: "3" is not a number."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from langgraph_runner.engine import RunStatus, RunStep, RunSummary
from langgraph_runner.engine.checks import (
    MAX_AT_ONCE,
    MAX_PRIORITY,
    MAX_REASON,
    MAX_TAG_NAME,
    MAX_TAG_VALUE,
    MAX_TAGS,
)
from langgraph_runner.server.auth.audit import AuditEntry
from langgraph_runner.server.auth.keys import Role
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
    "StepPage",
    "UpdateRequest",
    "WorkflowMetrics",
]

SAFE: Final = r"^[^\x00]*$"
"""Text without NUL characters, which databases refuse."""
Name = Annotated[str, Field(min_length=1, max_length=128, pattern=SAFE)]
TagName = Annotated[str, Field(min_length=1, max_length=MAX_TAG_NAME, pattern=SAFE)]
TagValue = Annotated[str, Field(min_length=1, max_length=MAX_TAG_VALUE, pattern=SAFE)]
StepIds = Annotated[list[Name], Field(max_length=10_000)]


def _refuse_timestamp(value: Any) -> Any:
    """Refuse a bare number, which pydantic would read as seconds or as milliseconds, whichever is more likely."""
    if isinstance(value, str) and "T" not in value.upper():
        raise ValueError("must be a time with its zone, such as 2026-01-31T09:00:00Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_refuse_timestamp)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _RunOptions(_Request):
    """The options of `RunEngine.trigger()`. Without an option the engine's default holds, or that of the base run."""

    priority: Annotated[int, Field(ge=-MAX_PRIORITY, le=MAX_PRIORITY)] = 0
    """Pending runs of a tenant with a higher priority start first."""
    failure_mode: Literal["continue", "fail_fast"] = "continue"
    """After a step has failed: `continue` with the steps that do not depend on it, or `fail_fast`: stop the run."""
    max_concurrency: Annotated[int, Field(ge=1, le=MAX_AT_ONCE)] | None = None
    """How many steps of the run may run at the same time; null for no limit of its own."""
    run_timeout_ms: Annotated[float, Field(gt=0)] | None = None
    """How long the run may take from its start, in milliseconds; null for no limit."""
    force: StepIds = []
    """Ids of steps that run even if their results are known."""
    use_cache: bool = True
    """Whether steps may take their results from the cache."""
    tags: Annotated[dict[TagName, TagValue], Field(max_length=MAX_TAGS)] = {}
    """Names and values to find the run by, such as `{"customer": "acme"}`: up to 64 and 256 characters long."""
    metadata: dict[str, Any] = {}
    """JSON values for your own use; at most 16 KiB. Runs cannot be found by them."""

    def given(self) -> dict[str, Any]:
        """Return the options that the caller has sent."""
        return self.model_dump(include=self.model_fields_set & _RunOptions.model_fields.keys())


class RunRequest(_RunOptions):
    """A new run of a workflow."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"workflow": "shop.v1", "inputs": {"net": 10}, "tags": {"customer": "acme"}}]
        }
    )

    workflow: Name
    """The name of the workflow."""
    inputs: Any = None
    """The inputs as JSON; `GET /workflows/{name}` has their schema."""


class InputsRequest(_Request):
    """Inputs to check against the model of a workflow."""

    inputs: Any = None
    """The inputs as JSON; `GET /workflows/{name}` has their schema."""


class Change(_Request):
    """A change of a completed run."""

    type: Name
    """One of the change types of the workflow, such as `set`."""
    payload: dict[str, Any] = {}
    """What changes; `GET /workflows/{name}` has its schema."""

    def as_request(self) -> ChangeRequest:
        """Return the change in the form that the engine takes."""
        return ChangeRequest(self.type, self.payload)


class UpdateRequest(_RunOptions):
    """A new run that applies a change to a completed run."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"change": {"type": "set", "payload": {"net": 12}}}]}
    )

    change: Change
    """The change to apply."""


class PlanRequest(_Request):
    """An update to plan, without running anything."""

    change: Change
    """The change that the update would apply."""
    force: StepIds = []
    """Ids of steps that would run even if their results are known."""
    use_cache: bool = True
    """Whether steps could take their results from the cache."""


class RetryRequest(_RunOptions):
    """Options of a run that continues a failed or cancelled one."""


class CancelRequest(_Request):
    """The reason of a cancellation."""

    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON)] = "cancelled"
    """For the record of the run: who cancels it, or why."""


class RunFilter(BaseModel):
    """Which runs to list: those that match every given condition."""

    model_config = ConfigDict(extra="forbid")

    workflow: Annotated[Name | None, Field(description="Only runs of this workflow.")] = None
    status: Annotated[
        list[RunStatus] | None,
        Field(description="Only runs with this status; give it several times for one of several."),
    ] = None
    tag: Annotated[
        list[str] | None,
        Field(
            description="Only runs with this tag: `name:value`, such as `customer:acme`; give it several times for"
            " runs with all of these tags."
        ),
    ] = None
    id_prefix: Annotated[Name | None, Field(description="Only runs whose id starts with this text.")] = None
    base_run_id: Annotated[Name | None, Field(description="Only runs that update or retry this run.")] = None
    failed_step: Annotated[Name | None, Field(description="Only runs in which this step failed.")] = None
    error_contains: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=MAX_REASON,
            pattern=SAFE,
            description="Only runs whose error has this text in its code, type, message or stack.",
        ),
    ] = None
    created_after: Annotated[
        Moment | None,
        Field(description="Only runs created at this time or later, such as 2026-01-31T09:00:00Z."),
    ] = None
    created_before: Annotated[Moment | None, Field(description="Only runs created before this time.")] = None
    limit: Annotated[int, Field(ge=1, le=200, description="How many runs a page has at most.")] = 20
    cursor: Annotated[
        str | None,
        Field(max_length=200, description="The `next_cursor` of the page before; none for the first."),
    ] = None

    def tags(self) -> dict[str, str] | None:
        """Return the tags by name; None if the query has none.

        Raises:
            ValueError: One of them is not `name:value`, or a name has two values.
        """
        if self.tag is None:
            return None
        tags: dict[str, str] = {}
        for each in self.tag:
            name, _, value = each.partition(":")
            if not value:
                raise ValueError(f"query:tag must be name:value, such as customer:acme, got {each!r:.80}.")
            if tags.setdefault(name, value) != value:
                raise ValueError(
                    f"query:tag must have one value for {name!r:.80}: a run has one value of a tag."
                )
        return tags


class RunPage(BaseModel):
    """A page of runs, newest first."""

    items: list[RunSummary]
    next_cursor: str | None = None
    """The `cursor` of the next page; null on the last page."""


class StepPage(BaseModel):
    """A page of the steps of a run, in the order of the workflow."""

    items: list[RunStep]
    next_cursor: str | None = None
    """The `cursor` of the next page; null on the last page."""


class AuditPage(BaseModel):
    """A page of the audit log, newest entries first."""

    items: list[AuditEntry]
    next_cursor: str | None = None
    """The `cursor` of the next page; null on the last page."""


class CallerDescription(BaseModel):
    """The caller of a request."""

    actor: str
    """The name in the audit log: `key:<id of the API key>`, `jwt:<subject>`, or `dev`."""
    tenant: str
    """The only tenant whose runs the caller sees and changes."""
    role: Role


class ArtifactDescription(BaseModel):
    """A file that a step has saved."""

    step: str
    """The id of the step."""
    name: str
    """The name that the step gave, such as `images/hero.svg`."""
    media_type: str
    """Such as `image/svg+xml`."""
    size: int
    """In bytes."""
    sha256: str
    """The SHA-256 of the content, as 64 hex digits."""
    href: str
    """The path of the route that serves the content."""


class StepMetrics(BaseModel):
    """Outcomes of one step in recent runs. Durations count only completed executions; null if there are none."""

    step: str
    """The id of the step."""
    completed: int
    """How often it ran and completed."""
    failed: int
    """How often it failed."""
    reused: int
    """How often its output came from the cache or from the base run."""
    retried: int
    """How often it needed more than one attempt."""
    attempts: int
    """How many attempts it made in total."""
    p50_ms: int | None
    """The median duration, in milliseconds."""
    p99_ms: int | None
    """The 99th percentile of the durations, in milliseconds."""
    max_ms: int | None
    """The longest duration, in milliseconds."""


class WorkflowMetrics(BaseModel):
    """Outcomes of the steps of a workflow in recent runs of the tenant."""

    workflow: str
    """The name of the workflow."""
    runs: int
    """How many runs were counted: the newest ones."""
    by_status: dict[str, int]
    """How many of them have which status."""
    steps: list[StepMetrics]
    """In the order of the workflow."""
