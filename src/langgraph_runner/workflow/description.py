"""The description of a workflow as JSON values, for the command line and the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from langgraph_runner.runtime.timeouts import as_timeout_ms
from langgraph_runner.workflow.values.round_trip import type_adapter

if TYPE_CHECKING:
    from langgraph_runner.workflow.blueprint import Blueprint

__all__ = ["ChangeDescription", "StepDescription", "WorkflowDescription"]


class StepDescription(BaseModel):
    """One step of a workflow."""

    id: str
    """The id of the step."""
    depends_on: list[str]
    """The ids of the steps whose outputs it waits for."""
    description: str
    """The description of the step, or the first line of the docstring of its function."""
    version: str
    """The version that the author gave, or a fingerprint of the code."""
    cache: str
    """Which runs may reuse its results: `global` (every run of the tenant), `run_only` (retries and updates of the
    run), or `none`."""
    effects: bool
    """Whether the step acts on the outside world, such as sending a mail."""
    join: str
    """When it runs: if all dependencies have an output (`all_success`), if one has (`any_success`), or always
    (`all_done`)."""
    reads: list[str] = []
    """The fields of the inputs that it receives; `*` stands for the whole inputs."""
    retry: dict[str, float] | None = None
    """`max_attempts`, `backoff_ms`, `backoff_multiplier`, `max_backoff_ms` and `jitter`, without those that an object
    of tenacity replaces; None without a retry."""
    timeout_ms: float | None = None
    """The time limit of one attempt, in milliseconds."""
    total_timeout_ms: float | None = None
    """The time limit of all attempts and the waits between them, in milliseconds."""
    fallback: str | None = None
    """The name of the function that runs when the step has finally failed."""
    queue: str | None = None
    """The queue whose workers run it; None if the process that owns the run does."""
    output: dict[str, Any] | None = None
    """The JSON schema of its output; None if its type is not declared, or has no schema."""


class ChangeDescription(BaseModel):
    """One type of change that runs can be rebuilt with."""

    type: str
    """The name of the change, for update requests."""
    description: str
    """What the change does."""
    reruns: list[str]
    """The ids of steps that always run again."""
    payload: dict[str, Any] | None = None
    """The JSON schema of its payload; None if any object may be given."""


class WorkflowDescription(BaseModel):
    """A registered workflow."""

    id: str
    """The name of the workflow."""
    version: str
    """The version that the author gave."""
    description: str
    """What the workflow does."""
    steps: list[StepDescription]
    """The steps, each after its dependencies."""
    changes: list[ChangeDescription]
    """The changes that update requests can apply."""
    inputs: dict[str, Any]
    """The JSON schema of its inputs."""
    result: str | None = None
    """The step whose output is the result of a run; None if there are several final steps and `result` is not set."""

    @classmethod
    def of(cls, blueprint: Blueprint) -> WorkflowDescription:
        """Describe a checked workflow."""
        spec = blueprint.spec
        return cls(
            id=spec.id,
            version=spec.version,
            description=spec.description,
            steps=[
                StepDescription(
                    id=step.id,
                    depends_on=[*step.dependencies],
                    description=step.spec.description or _first_line(step.spec.run),
                    version=step.version,
                    cache=str(step.cache),
                    effects=step.has_effects,
                    join=str(step.spec.join),
                    reads=step.fields_read,
                    retry=step.described_retry,
                    timeout_ms=as_timeout_ms(step.spec.timeout_ms, field="timeout_ms"),
                    total_timeout_ms=as_timeout_ms(step.spec.total_timeout_ms, field="total_timeout_ms"),
                    fallback=step.fallback_name,
                    queue=step.spec.queue,
                    output=step.output.json_schema,
                )
                for step in blueprint.steps.values()
            ],
            changes=[
                ChangeDescription(
                    type=each.type,
                    description=each.description,
                    reruns=[*each.reruns],
                    payload=None if each.payload is None else type_adapter(each.payload).json_schema(),
                )
                for each in spec.changes.values()
            ],
            inputs=dict(blueprint.inputs.json_schema()),
            result=_result_step(blueprint),
        )


def _result_step(blueprint: Blueprint) -> str | None:
    try:
        return blueprint.result_step
    except LookupError:
        return None


def _first_line(function: Any) -> str:
    # An object without a name has only the docstring of its class, which does not describe the step.
    text = getattr(function, "__doc__", None) if hasattr(function, "__name__") else None
    return (text or "").strip().partition("\n")[0]
