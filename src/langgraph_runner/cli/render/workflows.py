"""Workflows as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langgraph_runner.cli.render.output import Cell

if TYPE_CHECKING:
    from langgraph_runner.cli.render.output import Output
    from langgraph_runner.workflow.description import WorkflowDescription

__all__ = ["show_workflow", "show_workflows"]


def show_workflows(out: Output, workflows: list[WorkflowDescription]) -> None:
    """Print a list of workflows."""
    if not workflows:
        out.line("No workflows.")
        return
    rows = [
        [each.id, each.version, str(len(each.steps)), str(len(each.changes)), each.description]
        for each in workflows
    ]
    out.table(["workflow", "version", "steps", "changes", "description"], rows, right="steps changes")


def show_workflow(out: Output, workflow: WorkflowDescription) -> None:
    """Print one workflow: its steps, its changes, its inputs."""
    out.line(Cell(workflow.id, "bold"), f" version {workflow.version}")
    if workflow.description:
        out.line(workflow.description)
    out.line("")
    steps = [
        [f"{each.id} (effects)" if each.effects else each.id, ", ".join(each.depends_on), each.description]
        for each in workflow.steps
    ]
    out.table(["step", "needs", "description"], steps, wraps="needs")
    if workflow.changes:
        out.line("")
        changes = [[each.type, ", ".join(each.reruns), each.description] for each in workflow.changes]
        out.table(["change", "reruns", "description"], changes, wraps="reruns")
    fields = workflow.inputs.get("properties", {})
    if fields:
        required = workflow.inputs.get("required", ())
        inputs = [
            [name, "required" if name in required else "", _type_of(schema)]
            for name, schema in fields.items()
        ]
        out.line("")
        out.table(["input", "", "type"], inputs)


def _type_of(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(_type_of(each) for each in schema["anyOf"])
    return str(schema.get("type", "any"))
