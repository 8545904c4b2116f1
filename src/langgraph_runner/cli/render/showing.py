"""Runs, steps, files, plans and workflows, shown to people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.cli.render.output import Cell
from langgraph_runner.cli.render.words import Face, ago, clock, counted, duration, face, size
from langgraph_runner.engine import PlanAction, RunStatus
from langgraph_runner.errors import ErrorCode
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES

if TYPE_CHECKING:
    from pathlib import Path

    from langgraph_runner.cli.render.output import Output
    from langgraph_runner.cli.session import Session
    from langgraph_runner.engine import Run, RunPlan, RunStep
    from langgraph_runner.errors import NodeErrorRecord
    from langgraph_runner.workflow import ArtifactRef

__all__ = [
    "show_files",
    "show_next",
    "show_plan",
    "show_result",
    "show_run",
    "show_runs",
    "show_step",
    "show_steps",
]

_ACTIONS: Final = {
    PlanAction.RUN: (Face("+", "+", "green", "", "runs"), "to run"),
    PlanAction.MAYBE: (Face("~", "~", "yellow", "", "maybe"), "may run if what it gets changes"),
    PlanAction.REUSE: (face("skipped", "reused_from_base"), "reused"),
    PlanAction.CACHED: (face("skipped", "cache_hit"), "cached"),
}
"""How each action looks: the last two are states of steps, and look as they do everywhere."""
_MAX_STEPS: Final = 40
"""How many steps of a run that is over are listed; of more, those that did not deliver."""
_MAX_VALUE: Final = 300
"""How much of the inputs is shown."""
_MAX_ERRORS: Final = 5


def show_run(session: Session, run: Run, steps: list[RunStep]) -> None:
    """All about one run, with the counts of its steps."""
    out, looks = session.out, face(run.status)
    out.line(out.mark(looks), f" {run.workflow} ", Cell(looks.words, looks.style))
    change = "" if run.change is None else f"{run.change['type']} {_compact(run.change.get('payload'))}"
    out.fields(
        [
            ("run", run.id),
            ("tenant", run.tenant if run.tenant != "default" else ""),
            ("trigger", run.trigger),
            ("base run", run.base_run_id or ""),
            ("change", _shortened(change)),
            ("steps", _counts_of(steps)),
            ("created", clock(run.created_at)),
            ("started", clock(run.started_at)),
            ("ended", clock(run.completed_at)),
            ("took", duration(run.duration_ms)),
            ("cancelled", run.cancel_reason or ""),
            ("inputs", _shortened(_compact(run.inputs))),
        ]
    )
    _show_error_of(out, run)
    show_next(session, run)


def show_result(session: Session, run: Run, steps: list[RunStep]) -> None:
    """What became of a run that was waited for: its steps, its error, how to go on."""
    out, looks = session.out, face(run.status)
    failures = [each for each in steps if each.error is not None]
    if out.is_terminal:
        shown = steps if len(steps) <= _MAX_STEPS else [each for each in steps if _is_odd(each)][:_MAX_STEPS]
        if shown:
            show_steps(out, shown, has_errors=False)
        if 0 < len(shown) < len(steps):
            out.line(Cell(f"and {counted(len(steps) - len(shown), 'more step')}", "dim"))
    took = duration(run.duration_ms)
    words = f"{looks.words}{f' in {took}' if took and run.status.is_over else ''}"
    out.line(out.mark(looks), f" {run.workflow} ", Cell(words, looks.style), f": {_counts_of(steps)}")
    if out.is_terminal:
        out.line(Cell(f"  run {run.id}", "dim"))
    for each in failures[:_MAX_ERRORS]:
        _show_error(out, each.error)
    if run.error is not None and run.error not in [each.error for each in failures]:
        _show_error_of(out, run)
    if len(failures) > _MAX_ERRORS:
        more = session.hint("steps", run.id, "--status", "failed")
        out.hint(f"and {counted(len(failures) - _MAX_ERRORS, 'more failed step')}:", more)
    show_next(session, run)


def show_runs(out: Output, runs: list[Run]) -> None:
    """A list of runs."""
    now = REAL_RUNTIMES.awaiting.now_utc()
    rows = []
    for run in runs:
        looks = face(run.status)
        when = ago(run.created_at, now) if out.is_terminal else clock(run.created_at)
        what = run.change["type"] if run.change is not None else run.trigger
        cells: list[Cell | str] = [
            out.mark(looks),
            run.id,
            run.workflow,
            Cell(looks.words, looks.style),
            when,
        ]
        rows.append([*cells, duration(run.duration_ms), what])
    titles = ["", "run", "workflow", "status", "created", "took", "trigger"]
    out.table(titles, rows, right="took", whole="run", first_to_go="trigger took created status workflow")


def show_steps(out: Output, steps: list[RunStep], *, has_errors: bool = True) -> None:
    """A list of steps, with their errors if there are any: beside them, or below where there is little room."""
    errors = [each.error for each in steps if each.error is not None] if has_errors else []
    is_beside = bool(errors) and not out.is_narrow
    rows: list[list[Cell | str]] = []
    for each in steps:
        looks = face(each.status, each.reason)
        words = looks.brief if is_beside and out.is_terminal else looks.words
        more = Cell("" if each.error is None else each.error["message"], "red")
        attempts = str(each.attempts) if each.attempts else ""
        took = duration(each.duration_ms)
        rows.append([out.mark(looks), each.step, Cell(words, looks.style), took, attempts, more])
    titles = ["", "step", "status", "took", "tries", "error"]
    if not is_beside:
        titles, rows = titles[:-1], [row[:-1] for row in rows]
    out.table(titles, rows, right="took tries", wraps="status", first_to_go="tries took")
    for error in [] if is_beside else errors:
        _show_error(out, error)


def show_step(out: Output, step: RunStep, output: Any, *, has_output: bool) -> None:
    """All about one step."""
    looks = face(step.status, step.reason)
    out.line(out.mark(looks), f" {step.step} ", Cell(looks.words, looks.style))
    out.fields(
        [
            ("started", clock(step.started_at)),
            ("ended", clock(step.completed_at)),
            ("took", duration(step.duration_ms)),
            ("tries", str(step.attempts or "")),
            ("input hash", step.input_hash or ""),
            ("cache key", step.cache_key or ""),
        ]
    )
    _show_error(out, step.error)
    if step.error is not None and step.error.get("stack"):
        out.block(step.error["stack"])
    if has_output:
        out.line(json.dumps(output, indent=2, ensure_ascii=False))


def show_files(out: Output, files: dict[str, list[ArtifactRef]], folder: Path | None) -> None:
    """The files of a run; `folder` is where they were copied to, by step and name."""
    rows = [
        [
            step,
            each.name,
            size(each.size),
            each.media_type,
            str(folder / step / each.name) if folder else each.uri,
        ]
        for step, of_step in files.items()
        for each in of_step
    ]
    titles = ["step", "name", "size", "type", "place"]
    if not rows:
        out.line("The run has saved no files.")
    elif out.has_room_for(titles, rows):
        out.table(titles, rows, right="size")
    else:
        for step, name, *more, place in rows:
            out.line(f"{step}/{name}", Cell(f"  {'  '.join(more)}", "dim"))
            out.whole(f"  {place}")


def show_plan(out: Output, plan: RunPlan) -> None:
    """What a change would do, like a diff."""
    fields = ", ".join(plan.changed_fields) or "nothing"
    out.line(f"{plan.workflow}, {plan.change['type']}: changes {fields} of the inputs")
    rows = []
    for each in plan.steps:
        looks, _ = _ACTIONS[each.action]
        step, words = Cell(each.step, looks.style), Cell(looks.words, looks.style)
        rows.append([out.mark(looks), step, words, Cell(each.why, "dim")])
    out.table(["", "step", "", "why"], rows)
    counts = [f"{len(plan.of(action))} {words}" for action, (_, words) in _ACTIONS.items() if plan.of(action)]
    out.line(", ".join(counts))


def _show_error(out: Output, error: NodeErrorRecord | None) -> None:
    if error is not None:
        out.line(Cell(f"{error['code']} at {error['node_id']}: ", "bold red"), error["message"])


def _show_error_of(out: Output, run: Run) -> None:
    """What a run has failed with: the error of a step, or one of its own, which bears the workflow's name."""
    error = run.error
    if error is None:
        return
    has_failed_steps = run.steps.get("failed") and error["code"] != ErrorCode.RUN_TIMEOUT
    if error["node_id"] != run.workflow or has_failed_steps:
        _show_error(out, error)
    else:
        out.line(Cell(f"{error['code']} of the run: ", "bold red"), error["message"])


def show_next(session: Session, run: Run) -> None:
    """How to go on with a run that is not completed."""
    if run.error is not None and run.error["code"] == ErrorCode.RUN_TIMEOUT:
        again = session.hint("retry", run.id, "--timeout", "DURATION")
        session.out.hint("Go on from where it stopped, with more time:", again)
    elif run.status in {RunStatus.FAILED, RunStatus.CANCELLED}:
        session.out.hint("Go on from where it stopped:", session.hint("retry", run.id))
    elif session.server is not None:
        if not run.status.is_over:
            session.out.hint("Follow it:", session.hint("events", run.id, "--follow"))
    elif run.status is RunStatus.PENDING:
        session.out.hint("It waits. Run it here:", session.hint("resume", run.id))
    elif run.status is RunStatus.RUNNING:
        session.out.hint("If its process has died:", session.hint("resume", run.id, "--wait"))


def _counts_of(steps: list[RunStep]) -> str:
    counts: dict[str, int] = {}
    for each in steps:
        words = face(each.status, each.reason).brief
        counts[words] = counts.get(words, 0) + 1
    return ", ".join(f"{count} {words}" for words, count in counts.items())


def _is_odd(step: RunStep) -> bool:
    return step.status not in {"completed", "skipped"} or step.reason == "upstream_failed"


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_VALUE else f"{text[:_MAX_VALUE].rstrip()} ... (all of it: --json)"


def _compact(value: Any) -> str:
    return "" if value in ({}, None) else json.dumps(value, ensure_ascii=False)
