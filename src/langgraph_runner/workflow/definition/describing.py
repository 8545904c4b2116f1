"""A workflow described as plain values, for the command line and the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from langgraph_runner.workflow.values.output_type import adapter_of

if TYPE_CHECKING:
    from langgraph_runner.workflow.definition.blueprint import Blueprint

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
    """The fields of the inputs that it receives; `*` stands for the inputs as a whole."""


class ChangeDescription(BaseModel):
    """One kind of change that runs can be rebuilt for."""

    type: str
    """The name of the change, for update requests."""
    description: str
    """What the change does."""
    reruns: list[str]
    """The ids of steps that always run again."""
    payload: dict[str, Any] | None = None
    """The JSON schema of its payload; None if it is a merge patch (RFC 7396) of the inputs, or any object."""


class WorkflowDescription(BaseModel):
    """A workflow that can be run."""

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
    """The step whose output is the result of a run; None if there are several final steps and none is named."""

    @classmethod
    def of(cls, blueprint: Blueprint) -> WorkflowDescription:
        """A checked workflow."""
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
                )
                for step in blueprint.steps.values()
            ],
            changes=[
                ChangeDescription(
                    type=each.type,
                    description=each.description,
                    reruns=[*each.reruns],
                    payload=None if each.payload is None else adapter_of(each.payload).json_schema(),
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
    # An instance has the docstring of its class, which says nothing of the step.
    text = getattr(function, "__doc__", None) if hasattr(function, "__name__") else None
    return (text or "").strip().partition("\n")[0]
