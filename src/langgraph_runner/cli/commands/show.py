"""`status`, `steps`, `artifacts`, `events`, `runs` and `workflows`: commands that only read."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from langgraph_runner.cli.arguments import options
from langgraph_runner.cli.arguments.completion import complete_run
from langgraph_runner.cli.arguments.lookup import check_step, find_run
from langgraph_runner.cli.arguments.values import read_duration, read_tags
from langgraph_runner.cli.problems import CliCode, CliError
from langgraph_runner.cli.render.text import clock, in_one_line, status_style
from langgraph_runner.cli.session import Session
from langgraph_runner.engine.checks import DEFAULT_TENANT, MAX_KEY
from langgraph_runner.engine.status import RunStatus

if TYPE_CHECKING:
    from langgraph_runner.cli.session import Backend
    from langgraph_runner.engine import Run, RunEvent, RunStep, RunSummary
    from langgraph_runner.workflow import ArtifactRef
    from langgraph_runner.workflow.description import WorkflowDescription

__all__ = ["artifacts", "events", "runs", "status", "steps", "workflows"]


class StepState(StrEnum):
    """The states of steps, by their labels. `skipped` includes blocked, cached and reused steps."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    BLOCKED = "blocked"
    CACHED = "cached"
    REUSED = "reused"


def status(
    run_id: options.RunId,
    app: options.App = None,
    store: options.Store = None,
    tenant: options.Tenant = DEFAULT_TENANT,
    as_json: options.Json = False,
) -> None:
    """Show a run: its status, its duration, its inputs and its error."""
    from langgraph_runner.cli.render.tables import show_run

    session = Session(app, store, tenant, as_json)

    async def ask(engine: Backend) -> tuple[Run, list[RunStep]]:
        found = await find_run(engine, run_id, tenant)
        return await engine.get_run(found, tenant=tenant), await engine.get_run_steps(found, tenant=tenant)

    run, steps_of_run = session.ask(ask)
    if as_json:
        session.out.json(run)
    else:
        show_run(session, run, steps_of_run)


def steps(
    run_id: options.RunId,
    step: options.StepName = None,
    status_: Annotated[
        list[StepState] | None,
        typer.Option("--status", help="Only steps in this state. May be repeated."),
    ] = None,
    app: options.App = None,
    store: options.Store = None,
    tenant: options.Tenant = DEFAULT_TENANT,
    as_json: options.Json = False,
) -> None:
    """List the steps of a run, or show one step with its output."""
    from langgraph_runner.cli.render.tables import show_step, show_steps

    session = Session(app, store, tenant, as_json)
    out = session.out

    async def ask(engine: Backend) -> tuple[list[RunStep], bytes | None]:
        found = await find_run(engine, run_id, tenant)
        every = await engine.get_run_steps(found, tenant=tenant)
        if step is None:
            return [each for each in every if not status_ or _is_in(each, status_)], None
        by_name = {each.step: each for each in every}
        check_step(step, by_name)
        try:
            return [by_name[step]], await engine.get_output_json(found, step, tenant=tenant)
        except LookupError:  # The step has no output.
            return [by_name[step]], None

    listed, data = session.ask(ask)
    output = None if data is None else json.loads(data)
    if step is not None:
        if as_json:
            out.json({**listed[0].model_dump(mode="json"), "output": output})
        else:
            show_step(out, listed[0], output, has_output=data is not None)
    elif as_json:
        out.json(listed)
    else:
        show_steps(out, listed)


def artifacts(
    run_id: options.RunId,
    folder: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="Copy the files to this folder, as STEP/NAME."),
    ] = None,
    app: options.App = None,
    store: options.Store = None,
    place: options.Artifacts = None,
    tenant: options.Tenant = DEFAULT_TENANT,
    as_json: options.Json = False,
) -> None:
    """List the files that a run saved, or copy them to a folder."""
    from langgraph_runner.cli.render.tables import show_files

    session = Session(app, store, tenant, as_json)
    if folder is not None and folder.exists() and not folder.is_dir():
        raise CliError(CliCode.FILE_FAILED, f"--out must be a folder, got the file {folder}.")

    async def ask(engine: Backend) -> dict[str, list[ArtifactRef]]:
        found = await engine.get_run_artifacts(await find_run(engine, run_id, tenant), tenant=tenant)
        if folder is not None:
            for step, files in found.items():
                for each in files:
                    contents[f"{step}/{each.name}"] = await engine.read_artifact(each, tenant=tenant)
        return found

    contents: dict[str, bytes] = {}
    files = session.ask(ask, artifacts=place)
    for name, content in contents.items():
        path = Path(folder or "", name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError as error:
            raise CliError(CliCode.FILE_FAILED, f"--out cannot be written: {error}") from error
    if as_json:
        session.out.json(files)
    else:
        show_files(session.out, files, folder)


def events(
    run_id: options.RunId,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Wait for further events until the run ends.")
    ] = False,
    after: Annotated[int, typer.Option("--after", min=0, help="Only events with a higher number.")] = 0,
    app: options.App = None,
    store: options.Store = None,
    tenant: options.Tenant = DEFAULT_TENANT,
    as_json: options.Json = False,
) -> None:
    """List the events of a run, one per line."""
    session = Session(app, store, tenant, as_json)

    async def ask(engine: Backend) -> None:
        found = await find_run(engine, run_id, tenant)
        async for event in engine.events(found, tenant=tenant, after=after, follow=follow):
            if as_json:
                session.out.json(event, one_line=True)
            else:
                session.out.line(_event_line(event))
            if not session.out.has_reader:
                return  # A closed pipe does not fail. Without this, the command would go on unseen.

    session.ask(ask)


def runs(
    workflow: Annotated[
        str | None,
        typer.Option("--workflow", callback=options.text_up_to(MAX_KEY), help="Only runs of this workflow."),
    ] = None,
    status_: Annotated[
        list[RunStatus] | None,
        typer.Option("--status", help="Only runs with this status. May be repeated."),
    ] = None,
    tags: Annotated[
        list[str] | None,
        typer.Option("--tag", metavar="NAME=VALUE", help="Only runs with this tag. May be repeated."),
    ] = None,
    failed_step: Annotated[
        str | None,
        typer.Option(
            "--failed-step",
            metavar="STEP",
            callback=options.text_up_to(MAX_KEY),
            help="Only runs in which this step failed.",
        ),
    ] = None,
    error: Annotated[
        str | None,
        typer.Option(
            "--error",
            metavar="TEXT",
            callback=options.text_up_to(MAX_KEY),
            help="Only runs whose error contains this text.",
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="DURATION",
            help="Only runs created in this last period, such as 30m, 2h or 7d.",
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=1000, help="The maximum number of runs.")
    ] = 20,
    before: Annotated[
        str | None,
        typer.Option(
            "--before",
            metavar="RUN",
            callback=options.text_up_to(MAX_KEY),
            autocompletion=complete_run,
            help="Only runs older than this one, for the next page.",
        ),
    ] = None,
    app: options.App = None,
    store: options.Store = None,
    tenant: options.Tenant = DEFAULT_TENANT,
    as_json: options.Json = False,
) -> None:
    """List runs, the newest first."""
    from langgraph_runner.cli.render.tables import show_runs
    from langgraph_runner.runtime.runtimes import REAL_RUNTIMES

    wanted_tags = read_tags(tags)
    created_after = None
    if since is not None:
        created_after = REAL_RUNTIMES.blocking.now_utc() - read_duration(since, "--since")
    session = Session(app, store, tenant, as_json)

    async def ask(engine: Backend) -> list[RunSummary]:
        before_run = None
        if before is not None:
            before_run = await engine.get_run(await find_run(engine, before, tenant), tenant=tenant)
        return await engine.list_runs(
            tenant=tenant,
            workflow=workflow,
            status=status_,
            tags=wanted_tags,
            created_after=created_after,
            failed_step=failed_step,
            error_contains=error,
            limit=limit,
            before=before_run,
        )

    listed = session.ask(ask)
    if as_json:
        session.out.json(listed)
    elif listed:
        show_runs(session.out, listed)
    else:
        session.out.line("No runs.")


def workflows(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="WORKFLOW", help="Show only this workflow, with its steps, changes and inputs."
        ),
    ] = None,
    app: options.App = None,
    store: options.Store = None,
    as_json: options.Json = False,
) -> None:
    """List the workflows of an app, or show one workflow."""
    from langgraph_runner.cli.render.tables import show_workflow, show_workflows

    session = Session(app, store, DEFAULT_TENANT, as_json)

    async def ask(engine: Backend) -> list[WorkflowDescription]:
        return await engine.describe_workflows() if name is None else [await engine.describe_workflow(name)]

    found = session.ask(ask, needs_app=True)
    if as_json:
        session.out.json(found if name is None else found[0])
    elif name is None:
        show_workflows(session.out, found)
    else:
        show_workflow(session.out, found[0])


def _is_in(step: RunStep, states: list[StepState]) -> bool:
    """Return whether the status of a step, or its label, is one of these states."""
    return str(step.status) in states or status_style(step.status, step.reason).short_label in states


def _event_line(event: RunEvent) -> str:
    data: dict[str, Any] = {name: value for name, value in event.data.items() if name != "cache_key"}
    step = data.pop("step", "")
    details = in_one_line(" ".join(f"{name}={value}" for name, value in data.items()))
    gap = "  " if step and details else ""
    return f"{event.seq:>5}  {clock(event.at)}  {event.type:15}  {step}{gap}{details}"
