"""`graph` and `timeline`: draw a workflow, and the time that the steps of a run took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from langgraph_runner.cli.arguments import options
from langgraph_runner.cli.arguments.lookup import find_run
from langgraph_runner.cli.problems import CliCode, CliError
from langgraph_runner.cli.render.text import duration, status_style
from langgraph_runner.cli.session import Session
from langgraph_runner.engine.checks import DEFAULT_TENANT, MAX_KEY
from langgraph_runner.engine.errors import RunStateError

if TYPE_CHECKING:
    from pathlib import Path

    from langgraph_runner.cli.drawing.timeline import Timeline
    from langgraph_runner.cli.render.output import Cell, Output
    from langgraph_runner.cli.render.text import StatusStyle
    from langgraph_runner.cli.session import Backend
    from langgraph_runner.engine import RunStep
    from langgraph_runner.workflow import Dag
    from langgraph_runner.workflow.description import WorkflowDescription

__all__ = ["graph", "timeline"]

_PIPE_WIDTH: Final = 120


def graph(
    workflow: options.WorkflowName,
    format_: Annotated[
        Literal["ascii", "mermaid", "svg"] | None,
        typer.Option("--format", help="The format. Default: ascii."),
    ] = None,
    run_id: Annotated[
        str | None,
        typer.Option(
            "--run",
            metavar="RUN",
            callback=options.text_up_to(MAX_KEY),
            help="Mark each step with its state in this run.",
        ),
    ] = None,
    out_file: options.OutFile = None,
    app: options.App = None,
    store: options.Store = None,
    tenant: options.Tenant = DEFAULT_TENANT,
    as_json: options.Json = False,
) -> None:
    """Draw the steps of a workflow, each after its dependencies."""
    from langgraph_runner.cli.drawing.graph_svg import graph_svg
    from langgraph_runner.cli.drawing.graph_text import mermaid
    from langgraph_runner.workflow import Dag

    _refuse_with_json(out_file, format_, as_json=as_json)
    session = Session(app, store, tenant, as_json)

    async def ask(engine: Backend) -> tuple[WorkflowDescription, list[RunStep]]:
        described = await engine.describe_workflow(workflow)
        if run_id is None:
            return described, []
        found = await engine.get_run(await find_run(engine, run_id, tenant), tenant=tenant)
        if found.workflow != described.id:
            raise RunStateError(
                run_id=found.id,
                status=found.status,
                problem=f"it is a run of {found.workflow}, not of {workflow}.",
            )
        return described, await engine.get_run_steps(found.id, tenant=tenant)

    described, steps = session.ask(ask, needs_app=True)
    dag = Dag({each.id: each.depends_on for each in described.steps})
    effects = {each.id for each in described.steps if each.effects}
    styles = None
    if run_id is not None:
        # A step that was added to the workflow after the run was created has no state in the run, and no style.
        of_run = {each.step: status_style(each.status, each.reason) for each in steps}
        styles = {step: of_run[step] for step in dag.dependencies if step in of_run}
    labels = {step: f"{step} (effects)" for step in effects}
    if as_json:
        session.out.json(_as_json_values(described.id, dag, effects, steps))
    elif format_ in {None, "ascii"}:
        _print_graph(session.out, dag, effects, styles, out_file)
    elif format_ == "mermaid":
        _write(session.out, mermaid(dag, styles, labels), out_file)
    else:
        _write(session.out, graph_svg(described.id, dag, styles, labels), out_file)


def timeline(
    run_id: options.RunId,
    format_: Annotated[
        Literal["terminal", "svg"] | None, typer.Option("--format", help="The format. Default: terminal.")
    ] = None,
    out_file: options.OutFile = None,
    app: options.App = None,
    store: options.Store = None,
    tenant: options.Tenant = DEFAULT_TENANT,
    as_json: options.Json = False,
) -> None:
    """Draw when each step of a run waited and ran.

    With an app or a service, the drawing also has the critical path, and which step waited for which.
    """
    from langgraph_runner.cli.drawing.timeline import timeline_of
    from langgraph_runner.cli.drawing.timeline_svg import timeline_svg
    from langgraph_runner.runtime.runtimes import REAL_RUNTIMES

    _refuse_with_json(out_file, format_, as_json=as_json)
    session = Session(app, store, tenant, as_json)

    async def ask(engine: Backend) -> Timeline:
        run = await engine.get_run(await find_run(engine, run_id, tenant), tenant=tenant)
        steps = await engine.get_run_steps(run.id, tenant=tenant)
        # The database does not hold the dependencies of steps. They come from the app or the service.
        needs = None
        if app is not None or session.server is not None:
            described = await engine.describe_workflow(run.workflow)
            needs = {each.id: tuple(each.depends_on) for each in described.steps}
        return timeline_of(run, steps, needs, REAL_RUNTIMES.awaiting.now_utc())

    found = session.ask(ask, needs_app=app is not None)
    if as_json:
        session.out.json(found)
    elif format_ == "svg":
        _write(session.out, timeline_svg(found), out_file)
    else:
        _print_timeline(session.out, found, out_file)


def _refuse_with_json(out_file: Path | None, format_: str | None, *, as_json: bool) -> None:
    if out_file is not None and as_json:
        raise CliError(CliCode.USAGE, "--out cannot be used with --json, which prints to stdout.")
    if format_ is not None and as_json:
        raise CliError(CliCode.USAGE, "--format cannot be used with --json, which draws nothing.")


def _as_json_values(workflow: str, dag: Dag, effects: set[str], steps: list[RunStep]) -> dict[str, Any]:
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


def _print_graph(
    out: Output, dag: Dag, effects: set[str], styles: dict[str, StatusStyle] | None, file: Path | None
) -> None:
    from langgraph_runner.cli.drawing.graph_text import rails
    from langgraph_runner.cli.render.output import Cell

    is_unicode = out.has_unicode or file is not None
    styles = styles or {}
    marks = {step: style.mark if is_unicode else style.ascii_mark for step, style in styles.items()}
    lines: list[tuple[Cell | str, ...]] = []
    for row in rails(dag, is_unicode=is_unicode, marks=marks):
        style = styles.get(row.step)
        details = f"  needs {row.needs}" if row.needs else ""
        if style is not None:
            details += f"  {style.label}"
        lines.append(
            (
                Cell(row.before, "dim"),
                Cell(row.mark, "cyan" if style is None else style.rich_style),
                Cell(row.after, "dim"),
                f"  {row.step}",
                Cell(" (effects)" if row.step in effects else "", "yellow"),
                Cell(details, "dim"),
            )
        )
    _print_lines(out, lines, file)


def _print_timeline(out: Output, timeline: Timeline, file: Path | None) -> None:
    from langgraph_runner.cli.drawing.timeline import bar_lines, summary
    from langgraph_runner.cli.render.output import Cell

    is_unicode = out.has_unicode or file is not None
    width = out.console.width if out.is_terminal and file is None else _PIPE_WIDTH
    style = status_style(timeline.status)
    lines: list[tuple[Cell | str, ...]] = [
        (
            f"{timeline.workflow} ",
            Cell(style.label, style.rich_style),
            f" in {duration(timeline.duration_ms)}",
        )
    ]
    for each in bar_lines(timeline, width=width, is_unicode=is_unicode):
        is_critical = each.bar.is_critical
        bar_style = "bold red" if each.bar.is_accented else each.bar.style.rich_style
        lines.append(
            (
                Cell("*" if is_critical else " ", "bold red"),
                Cell(each.name, "bold" if is_critical else ""),
                f" {each.lead}",
                Cell(each.wait, "dim"),
                Cell(each.work, bar_style),
                f"{each.rest} {each.took}",
            )
        )
    lines.append((Cell(summary(timeline, is_unicode=is_unicode), "bold"),))
    _print_lines(out, lines, file)


def _print_lines(out: Output, lines: list[tuple[Cell | str, ...]], file: Path | None) -> None:
    if file is None:
        for line in lines:
            out.line(*line)
        return
    texts = ["".join(cell if isinstance(cell, str) else cell.text for cell in line) for line in lines]
    _write(out, "".join(f"{text.rstrip()}\n" for text in texts), file)


def _write(out: Output, drawing: str, file: Path | None) -> None:
    if file is None:
        out.raw(drawing)
        return
    try:
        file.write_text(drawing, encoding="utf-8")
    except OSError as error:
        raise CliError(CliCode.FILE_FAILED, f"--out cannot be written: {error}") from error
    out.line(f"Wrote {file}.")
