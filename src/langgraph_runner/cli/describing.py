"""A workflow described: as values for `--json`, and for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from langgraph_runner.cli.output import Cell

if TYPE_CHECKING:
    from langgraph_runner.cli.output import Output
    from langgraph_runner.workflow import Blueprint

__all__ = ["ChangeDescription", "StepDescription", "WorkflowDescription", "show_workflow", "show_workflows"]


class StepDescription(BaseModel):
    """One step of a workflow."""

    id: str
    depends_on: list[str]
    description: str
    version: str
    cache: str
    effects: bool
    join: str


class ChangeDescription(BaseModel):
    """One kind of change that runs can be rebuilt for."""

    type: str
    description: str
    reruns: list[str]


class WorkflowDescription(BaseModel):
    """A workflow that can be run."""

    id: str
    version: str
    description: str
    steps: list[StepDescription]
    changes: list[ChangeDescription]
    inputs: dict[str, Any]
    """The JSON schema of its inputs."""

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
                )
                for step in blueprint.steps.values()
            ],
            changes=[
                ChangeDescription(type=each.type, description=each.description, reruns=[*each.reruns])
                for each in spec.changes.values()
            ],
            inputs=dict(blueprint.inputs.json_schema()),
        )


def show_workflows(out: Output, workflows: list[WorkflowDescription]) -> None:
    """A list of workflows."""
    if not workflows:
        out.line("No workflows.")
        return
    rows = [
        [each.id, each.version, str(len(each.steps)), str(len(each.changes)), each.description]
        for each in workflows
    ]
    out.table(["workflow", "version", "steps", "changes", "description"], rows, right="steps changes")


def show_workflow(out: Output, workflow: WorkflowDescription) -> None:
    """All about one workflow."""
    out.line(Cell(workflow.id, "bold"), f" version {workflow.version}")
    if workflow.description:
        out.line(workflow.description)
    out.line("")
    rows = [
        [f"{each.id} (effects)" if each.effects else each.id, ", ".join(each.depends_on), each.description]
        for each in workflow.steps
    ]
    out.table(["step", "needs", "description"], rows, wraps="needs")
    if workflow.changes:
        out.line("")
        changes = [[each.type, ", ".join(each.reruns), each.description] for each in workflow.changes]
        out.table(["change", "reruns", "description"], changes, wraps="reruns")
    fields = workflow.inputs.get("properties", {})
    if fields:
        needed = set(workflow.inputs.get("required", ()))
        out.line("")
        out.table(
            ["input", "", "type"],
            [
                [name, "required" if name in needed else "", _type_of(schema)]
                for name, schema in fields.items()
            ],
        )


def _type_of(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(_type_of(each) for each in schema["anyOf"])
    return str(schema.get("type", "any"))


def _first_line(function: Any) -> str:
    # An instance has the docstring of its class, which says nothing of the step.
    text = getattr(function, "__doc__", None) if hasattr(function, "__name__") else None
    return (text or "").strip().partition("\n")[0]
