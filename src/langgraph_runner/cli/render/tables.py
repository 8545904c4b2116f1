"""Runs and workflows as text: one, a list of them, their steps; files and plans of runs."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.cli.render.output import Cell
from langgraph_runner.cli.render.text import StatusStyle, ago, clock, counted, duration, size, status_style
from langgraph_runner.engine import PlanAction, RunStatus
from langgraph_runner.engine.checks import DEFAULT_TENANT
from langgraph_runner.errors import ErrorCode
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES
from langgraph_runner.workflow import StepStatus

if TYPE_CHECKING:
    from pathlib import Path

    from langgraph_runner.cli.render.output import Output
    from langgraph_runner.cli.session import Session
    from langgraph_runner.engine import Run, RunPlan, RunStep, RunSummary
    from langgraph_runner.errors import NodeErrorRecord
    from langgraph_runner.workflow import ArtifactRef
    from langgraph_runner.workflow.description import StepDescription, WorkflowDescription

__all__ = [
    "show_files",
    "show_next_command",
    "show_plan",
    "show_result",
    "show_run",
    "show_runs",
    "show_step",
    "show_steps",
    "show_workflow",
    "show_workflows",
]

_ACTIONS: Final = {
    PlanAction.RUN: (StatusStyle("+", "+", "green", "", "runs"), "to run"),
    PlanAction.MAYBE: (StatusStyle("~", "~", "yellow", "", "maybe"), "may run"),
    PlanAction.REUSE: (status_style("skipped", "reused_from_base"), "reused"),
    PlanAction.CACHED: (status_style("skipped", "cache_hit"), "cached"),
}
"""The style of each action, and its name after a count."""
_MAX_STEPS: Final = 40
"""How many steps of an ended run are listed. Of a longer run, only steps without an output are listed."""
_MAX_VALUE: Final = 300
"""How many characters of the inputs, or of a change, are shown."""
_MAX_ERRORS: Final = 5


def show_run(session: Session, run: Run, steps: list[RunStep]) -> None:
    """Print one run, with the counts of its steps."""
    out, style = session.out, status_style(run.status)
    out.line(out.mark(style), f" {run.workflow} ", Cell(style.label, style.rich_style))
    change = "" if run.change is None else f"{run.change['type']} {_compact(run.change.get('payload'))}"
    out.fields(
        [
            ("run", run.id),
            ("tenant", run.tenant if run.tenant != DEFAULT_TENANT else ""),
            ("trigger", run.trigger),
            ("base run", run.base_run_id or ""),
            ("change", _shorten(change)),
            ("steps", _counts(steps)),
            ("created", clock(run.created_at)),
            ("started", clock(run.started_at)),
            ("ended", clock(run.completed_at)),
            ("took", duration(run.duration_ms)),
            ("cancelled", run.cancel_reason or ""),
            ("inputs", _shorten(_compact(run.inputs))),
        ]
    )
    _show_run_error(out, run)
    show_next_command(session, run)


def show_result(session: Session, run: Run, steps: list[RunStep]) -> None:
    """Print the result of a run that the command followed: its steps, its errors, the next command."""
    out, style = session.out, status_style(run.status)
    failures = [step for step in steps if step.status is StepStatus.FAILED and step.error is not None]
    if out.is_terminal:
        shown = steps
        if len(steps) > _MAX_STEPS:
            shown = [each for each in steps if _has_no_output(each)][:_MAX_STEPS]
        if shown:
            show_steps(out, shown, has_errors=False)
        if 0 < len(shown) < len(steps):
            out.line(Cell(f"and {counted(len(steps) - len(shown), 'more step')}", "dim"))
    label = style.label
    if run.duration_ms is not None and run.status.is_over:
        label += f" in {duration(run.duration_ms)}"
    out.line(out.mark(style), f" {run.workflow} ", Cell(label, style.rich_style), f": {_counts(steps)}")
    if out.is_terminal:
        out.line(Cell(f"  run {run.id}", "dim"))
    for each in failures[:_MAX_ERRORS]:
        _show_error(out, each.error)
    if run.error is not None and run.error not in [each.error for each in failures]:
        _show_run_error(out, run)
    if len(failures) > _MAX_ERRORS:
        more = session.hint("steps", run.id, "--status", "failed")
        out.hint(f"and {counted(len(failures) - _MAX_ERRORS, 'more failed step')}:", more)
    show_next_command(session, run)


def show_runs(out: Output, runs: list[RunSummary]) -> None:
    """Print a list of runs."""
    now = REAL_RUNTIMES.awaiting.now_utc()
    rows: list[list[Cell | str]] = []
    for run in runs:
        style = status_style(run.status)
        when = ago(run.created_at, now) if out.is_terminal else clock(run.created_at)
        trigger = run.change_type or run.trigger
        status = Cell(style.label, style.rich_style)
        took = duration(run.duration_ms)
        rows.append([out.mark(style), run.id, run.workflow, status, when, took, trigger])
    titles = ["", "run", "workflow", "status", "created", "took", "trigger"]
    out.table(titles, rows, right="took", whole="run", drop_order="trigger took created status workflow")


def show_steps(out: Output, steps: list[RunStep], *, has_errors: bool = True) -> None:
    """Print a list of steps, with their errors: in a column, or below the table if the terminal is narrow."""
    errors = [each.error for each in steps if each.error is not None] if has_errors else []
    is_beside = bool(errors) and not out.is_narrow
    rows: list[list[Cell | str]] = []
    for each in steps:
        style = status_style(each.status, each.reason)
        label = style.short_label if is_beside and out.is_terminal else style.label
        error_message = Cell("" if each.error is None else each.error["message"], "red")
        attempts = str(each.attempts) if each.attempts else ""
        took = duration(each.duration_ms)
        rows.append(
            [out.mark(style), each.step, Cell(label, style.rich_style), took, attempts, error_message]
        )
    titles = ["", "step", "status", "took", "attempts", "error"]
    if not is_beside:
        titles, rows = titles[:-1], [row[:-1] for row in rows]
    out.table(titles, rows, right="took attempts", wraps="status", drop_order="attempts took")
    if not is_beside:
        for error in errors:
            _show_error(out, error)


def show_step(out: Output, step: RunStep, output: Any, *, has_output: bool) -> None:
    """Print one step, with its error and stack, or with its output."""
    style = status_style(step.status, step.reason)
    out.line(out.mark(style), f" {step.step} ", Cell(style.label, style.rich_style))
    out.fields(
        [
            ("started", clock(step.started_at)),
            ("ended", clock(step.completed_at)),
            ("took", duration(step.duration_ms)),
            ("attempts", str(step.attempts or "")),
            ("input hash", step.input_hash or ""),
            ("cache key", step.cache_key or ""),
        ]
    )
    _show_error(out, step.error)
    stack = "" if step.error is None else step.error.get("stack", "")
    for line in stack.splitlines():
        out.unwrapped(Cell(line, "dim"))
    if has_output:
        out.line(json.dumps(output, indent=2, ensure_ascii=False))


def show_files(out: Output, files: dict[str, list[ArtifactRef]], folder: Path | None) -> None:
    """Print the files of a run.

    Args:
        out: Where to print.
        files: The files by step.
        folder: The folder that the files were copied to, as STEP/NAME; None if they were not copied.
    """
    rows = []
    for step, files_of_step in files.items():
        for each in files_of_step:
            location = str(folder / step / each.name) if folder else each.uri
            rows.append([step, each.name, size(each.size), each.media_type, location])
    titles = ["step", "name", "size", "type", "location"]
    if not rows:
        out.line("The run saved no files.")
    elif out.has_room_for(titles, rows):
        out.table(titles, rows, right="size")
    else:
        for step, name, size_, type_, location in rows:
            out.line(f"{step}/{name}", Cell(f"  {size_}  {type_}", "dim"))
            out.unwrapped(f"  {location}")


def show_plan(out: Output, plan: RunPlan) -> None:
    """Print what a change would do with each step, like a diff."""
    fields = ", ".join(plan.changed_fields) or "none"
    out.line(f"{plan.workflow}, {plan.change['type']}: changed inputs: {fields}")
    rows = []
    for each in plan.steps:
        style, _ = _ACTIONS[each.action]
        step, label = Cell(each.step, style.rich_style), Cell(style.label, style.rich_style)
        rows.append([out.mark(style), step, label, Cell(each.why, "dim")])
    out.table(["", "step", "", "why"], rows)
    counts = [f"{len(plan.of(action))} {name}" for action, (_, name) in _ACTIONS.items() if plan.of(action)]
    out.line(", ".join(counts))


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
    options = [[step.id, ", ".join(_options_of(step))] for step in workflow.steps]
    if any(text for _, text in options):
        out.line("")
        out.table(["step", "options"], [row for row in options if row[1]])
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


def _options_of(step: StepDescription) -> list[str]:
    """Return what changes how a step runs, in words such as `3 attempts`."""
    options = []
    if step.retry is not None:
        attempts = step.retry.get("max_attempts")
        options.append("retry" if attempts is None else counted(int(attempts), "attempt"))
    if step.timeout_ms is not None:
        options.append(f"timeout {duration(step.timeout_ms)}")
    if step.total_timeout_ms is not None:
        options.append(f"total timeout {duration(step.total_timeout_ms)}")
    if step.fallback is not None:
        options.append(f"fallback {step.fallback}")
    if step.queue is not None:
        options.append(f"queue {step.queue}")
    return options


def _show_error(out: Output, error: NodeErrorRecord | None) -> None:
    if error is not None:
        out.line(Cell(f"{error['code']} at {error['node_id']}: ", "bold red"), error["message"])


def _show_run_error(out: Output, run: Run) -> None:
    """Print why a run failed: the error of a step, or an error of the run, whose `node_id` is the workflow's name."""
    error = run.error
    if error is None:
        return
    has_failed_steps = run.steps.get("failed") and error["code"] != ErrorCode.RUN_TIMEOUT
    if error["node_id"] != run.workflow or has_failed_steps:
        _show_error(out, error)
    else:
        out.line(Cell(f"{error['code']} of the run: ", "bold red"), error["message"])


def show_next_command(session: Session, run: Run) -> None:
    """Print the command that continues a run which is not completed."""
    if run.error is not None and run.error["code"] == ErrorCode.RUN_TIMEOUT:
        command = session.hint("retry", run.id, "--timeout", "DURATION")
        session.out.hint("Continue from where it stopped, with more time:", command)
    elif run.status in {RunStatus.FAILED, RunStatus.CANCELLED}:
        session.out.hint("Continue from where it stopped:", session.hint("retry", run.id))
    elif session.server is not None:
        if not run.status.is_over:
            session.out.hint("Follow the run:", session.hint("events", run.id, "--follow"))
    elif run.status is RunStatus.PENDING:
        session.out.hint("The run is waiting. Run it here:", session.hint("resume", run.id))
    elif run.status is RunStatus.RUNNING:
        session.out.hint("If its process died:", session.hint("resume", run.id, "--wait"))


def _counts(steps: list[RunStep]) -> str:
    counts = Counter(status_style(each.status, each.reason).short_label for each in steps)
    return ", ".join(f"{count} {label}" for label, count in counts.items())


def _has_no_output(step: RunStep) -> bool:
    return step.status not in {"completed", "skipped"} or step.reason == "upstream_failed"


def _shorten(text: str) -> str:
    return text if len(text) <= _MAX_VALUE else f"{text[:_MAX_VALUE].rstrip()} ... (use --json for all of it)"


def _compact(value: Any) -> str:
    return "" if value in ({}, None) else json.dumps(value, ensure_ascii=False)


def _type_of(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(_type_of(each) for each in schema["anyOf"])
    return str(schema.get("type", "any"))
