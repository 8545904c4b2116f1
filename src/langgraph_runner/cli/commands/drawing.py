"""`graph` and `timeline`: commands that draw."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from langgraph_runner.cli.arguments import options
from langgraph_runner.cli.problems import CliCode, CliError
from langgraph_runner.cli.render.words import duration, face
from langgraph_runner.cli.session import DEFAULT_TENANT, Session
from langgraph_runner.engine.checks import MAX_KEY

if TYPE_CHECKING:
    from pathlib import Path

    from langgraph_runner.cli.drawing.timeline import Timeline
    from langgraph_runner.cli.render.output import Cell, Output
    from langgraph_runner.cli.render.words import Face
    from langgraph_runner.cli.session import Backend
    from langgraph_runner.engine import RunStep
    from langgraph_runner.workflow import Dag
    from langgraph_runner.workflow.description import WorkflowDescription

__all__ = ["graph", "timeline"]

_PIPE_WIDTH = 120


class GraphFormat(StrEnum):
    """How a graph is drawn."""

    ASCII = "ascii"
    MERMAID = "mermaid"
    SVG = "svg"


class TimelineFormat(StrEnum):
    """How a timeline is drawn."""

    TERMINAL = "terminal"
    SVG = "svg"


def graph(
    workflow: options.WorkflowName,
    format_: Annotated[GraphFormat | None, typer.Option("--format", help="How; ascii if not said.")] = None,
    run_id: Annotated[
        str | None,
        typer.Option(
            "--run",
            metavar="RUN",
            callback=options.text_up_to(MAX_KEY),
            help="Mark the steps as they are in this run.",
        ),
    ] = None,
    out_file: options.OutFile = None,
    app: options.App = None,
    store: options.Store = None,
    tenant: options.Tenant = DEFAULT_TENANT,
    as_json: options.Json = False,
) -> None:
    """Draw the steps of a workflow, each after what it needs."""
    from langgraph_runner.cli.arguments.finding import found_run
    from langgraph_runner.cli.drawing.graph_svg import graph_svg
    from langgraph_runner.cli.drawing.graph_text import mermaid
    from langgraph_runner.engine import RunStateError
    from langgraph_runner.workflow import Dag

    _refuse_both(out_file, format_, as_json=as_json)
    session = Session(app, store, tenant, as_json)

    async def ask(engine: Backend) -> tuple[WorkflowDescription, list[RunStep]]:
        described = await engine.describe_workflow(workflow)
        if run_id is None:
            return described, []
        found = await engine.get_run(await found_run(engine, run_id, tenant), tenant=tenant)
        if found.workflow != described.id:
            raise RunStateError(
                run_id=found.id, status=found.status, problem=f"it is of {found.workflow}, not of {workflow}."
            )
        return described, await engine.get_run_steps(found.id, tenant=tenant)

    described, steps = session.ask(ask, needs_app=True)
    dag = Dag({each.id: each.depends_on for each in described.steps})
    effects = {each.id for each in described.steps if each.effects}
    # A step that was added since the run was made has no face in it.
    of_run = {each.step: face(each.status, each.reason) for each in steps}
    faces = None if run_id is None else {step: of_run[step] for step in dag.dependencies if step in of_run}
    labels = {step: f"{step} (effects)" for step in effects}
    if as_json:
        session.out.json(_as_values(described.id, dag, effects, steps))
    elif format_ in {None, GraphFormat.ASCII}:
        _ascii(session.out, dag, effects, faces, out_file)
    else:
        drawn = (
            mermaid(dag, faces, labels)
            if format_ is GraphFormat.MERMAID
            else graph_svg(described.id, dag, faces, labels)
        )
        _write(session.out, drawn, out_file)


def timeline(
    run_id: options.RunId,
    format_: Annotated[
        TimelineFormat | None, typer.Option("--format", help="How; terminal if not said.")
    ] = None,
    out_file: options.OutFile = None,
    app: options.App = None,
    store: options.Store = None,
    tenant: options.Tenant = DEFAULT_TENANT,
    as_json: options.Json = False,
) -> None:
    """Draw when the steps of a run waited and ran. With an app, also what waited for what, and the critical path."""
    from langgraph_runner.cli.arguments.finding import found_run
    from langgraph_runner.cli.drawing.timeline import timeline_of
    from langgraph_runner.cli.drawing.timeline_svg import timeline_svg
    from langgraph_runner.runtime.runtimes import REAL_RUNTIMES

    _refuse_both(out_file, format_, as_json=as_json)
    session = Session(app, store, tenant, as_json)

    async def ask(engine: Backend) -> Timeline:
        run = await engine.get_run(await found_run(engine, run_id, tenant), tenant=tenant)
        steps = await engine.get_run_steps(run.id, tenant=tenant)
        # Without an app the database does not know which step waits for which; a service does.
        needs = None
        if app is not None or session.server is not None:
            described = await engine.describe_workflow(run.workflow)
            needs = {each.id: tuple(each.depends_on) for each in described.steps}
        return timeline_of(run, steps, needs, REAL_RUNTIMES.awaiting.now_utc())

    drawn = session.ask(ask, needs_app=app is not None)
    if as_json:
        session.out.json(drawn)
    elif format_ is TimelineFormat.SVG:
        _write(session.out, timeline_svg(drawn), out_file)
    else:
        _terminal(session.out, drawn, out_file)


def _refuse_both(out_file: Path | None, format_: StrEnum | None, *, as_json: bool) -> None:
    if out_file is not None and as_json:
        raise CliError(
            CliCode.USAGE, "--json is an answer on stdout, --out a drawing in a file: give one of them."
        )
    if format_ is not None and as_json:
        raise CliError(CliCode.USAGE, "--json is values, --format a kind of drawing: give one of them.")


def _as_values(workflow: str, dag: Dag, effects: set[str], steps: list[RunStep]) -> dict[str, Any]:
    of_run = {each.step: each for each in steps}
    waves = {step: index for index, wave in enumerate(dag.waves()) for step in wave}
    return {
        "workflow": workflow,
        "steps": [
            {
                "id": step,
                "depends_on": dag.dependencies[step],
                "wave": waves[step],
                "effects": step in effects,
                "status": of_run[step].status if step in of_run else None,
                "reason": of_run[step].reason if step in of_run else None,
            }
            for step in dag.order
        ],
    }


def _ascii(
    out: Output, dag: Dag, effects: set[str], faces: dict[str, Face] | None, file: Path | None
) -> None:
    from langgraph_runner.cli.drawing.graph_text import rails
    from langgraph_runner.cli.render.output import Cell

    is_unicode = out.has_unicode or file is not None
    marks = (
        None
        if faces is None
        else {step: each.mark if is_unicode else each.ascii_mark for step, each in faces.items()}
    )
    lines: list[tuple[Cell | str, ...]] = []
    for row in rails(dag, is_unicode=is_unicode, marks=marks):
        looks = None if faces is None else faces.get(row.step)
        style = "cyan" if looks is None else looks.style
        needs = f"  needs {row.needs}" if row.needs else ""
        words = "" if looks is None else f"  {looks.words}"
        lines.append(
            (
                Cell(row.before, "dim"),
                Cell(row.mark, style),
                Cell(row.after, "dim"),
                f"  {row.step}",
                Cell(" (effects)" if row.step in effects else "", "yellow"),
                Cell(needs + words, "dim"),
            )
        )
    _lines(out, lines, file)


def _terminal(out: Output, drawn: Timeline, file: Path | None) -> None:
    from langgraph_runner.cli.drawing.timeline_text import bar_lines, summary
    from langgraph_runner.cli.render.output import Cell

    is_unicode = out.has_unicode or file is not None
    width = out.console.width if out.is_terminal and file is None else _PIPE_WIDTH
    looks = face(drawn.status)
    lines: list[tuple[Cell | str, ...]] = [
        (f"{drawn.workflow} ", Cell(looks.words, looks.style), f" in {duration(drawn.duration_ms)}")
    ]
    for each in bar_lines(drawn, width=width, is_unicode=is_unicode):
        style = face(each.bar.status, each.bar.reason).style
        is_critical = each.bar.is_critical
        work = "bold red" if is_critical and each.bar.status == "completed" else style
        lines.append(
            (
                Cell("*" if is_critical else " ", "bold red"),
                Cell(each.name, "bold" if is_critical else ""),
                f" {each.lead}",
                Cell(each.wait, "dim"),
                Cell(each.work, work),
                f"{each.rest} {each.took}",
            )
        )
    lines.append((Cell(summary(drawn, is_unicode=is_unicode), "bold"),))
    _lines(out, lines, file)


def _lines(out: Output, lines: list[tuple[Cell | str, ...]], file: Path | None) -> None:
    if file is None:
        for line in lines:
            out.line(*line)
        return
    texts = ["".join(cell if isinstance(cell, str) else cell.text for cell in line) for line in lines]
    _write(out, "".join(f"{text.rstrip()}\n" for text in texts), file)


def _write(out: Output, drawn: str, file: Path | None) -> None:
    if file is None:
        out.raw(drawn)
        return
    try:
        file.write_text(drawn, encoding="utf-8")
    except OSError as error:
        raise CliError(CliCode.FILE_FAILED, f"--out: {error}") from error
    out.line(f"Wrote {file}.")
