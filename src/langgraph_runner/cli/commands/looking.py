"""`status`, `steps`, `artifacts`, `events`, `runs`, `workflows`, `plan`: commands that only look."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from langgraph_runner.cli.arguments import options
from langgraph_runner.cli.arguments.completing import complete_run
from langgraph_runner.cli.exits import ExitCode
from langgraph_runner.cli.problems import CliCode, CliError
from langgraph_runner.cli.render.words import clock, face, in_one_line
from langgraph_runner.cli.session import DEFAULT_TENANT, Session
from langgraph_runner.engine.checks import MAX_KEY
from langgraph_runner.engine.status import RunStatus

if TYPE_CHECKING:
    from langgraph_runner.cli.session import Backend
    from langgraph_runner.engine import Run, RunEvent, RunPlan, RunStep
    from langgraph_runner.workflow import ArtifactRef
    from langgraph_runner.workflow.definition.describing import WorkflowDescription

__all__ = ["artifacts", "events", "plan", "runs", "status", "steps", "workflows"]


class StepState(StrEnum):
    """The states of steps, by the words that are shown. Blocked, cached and reused ones are skipped, too."""

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
    """Show a run: where it is, how long it took, why it failed."""
    from langgraph_runner.cli.arguments.finding import found_run
    from langgraph_runner.cli.render.showing import show_run

    session = Session(app, store, tenant, as_json)

    async def ask(engine: Backend) -> tuple[Run, list[RunStep]]:
        found = await found_run(engine, run_id, tenant)
        return await engine.get_run(found, tenant=tenant), await engine.get_run_steps(found, tenant=tenant)

    run, its_steps = session.ask(ask)
    if as_json:
        session.out.json(run)
    else:
        show_run(session, run, its_steps)


def steps(
    run_id: options.RunId,
    step: options.StepName = None,
    status_: Annotated[
        list[StepState] | None, typer.Option("--status", help="Only steps in this state.")
    ] = None,
    app: options.App = None,
    store: options.Store = None,
    tenant: options.Tenant = DEFAULT_TENANT,
    as_json: options.Json = False,
) -> None:
    """List the steps of a run, or show one with its output."""
    from langgraph_runner.cli.arguments.finding import check_step, found_run
    from langgraph_runner.cli.render.showing import show_step, show_steps

    session = Session(app, store, tenant, as_json)
    out = session.out

    async def ask(engine: Backend) -> tuple[list[RunStep], bytes | None]:
        found = await found_run(engine, run_id, tenant)
        every = await engine.get_run_steps(found, tenant=tenant)
        if step is None:
            return [each for each in every if not status_ or _is_in(each, status_)], None
        by_name = {each.step: each for each in every}
        check_step(step, by_name)
        try:
            return [by_name[step]], await engine.get_output_json(found, step, tenant=tenant)
        except LookupError:  # It has delivered nothing.
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
        Path | None, typer.Option("--out", metavar="FOLDER", help="Copy them there, by step and name.")
    ] = None,
    app: options.App = None,
    store: options.Store = None,
    place: options.Artifacts = None,
    tenant: options.Tenant = DEFAULT_TENANT,
    as_json: options.Json = False,
) -> None:
    """List the files that a run has saved, or copy them out."""
    from langgraph_runner.cli.arguments.finding import found_run
    from langgraph_runner.cli.render.showing import show_files

    session = Session(app, store, tenant, as_json)
    if folder is not None and folder.exists() and not folder.is_dir():
        raise CliError(CliCode.FILE_FAILED, f"--out: {folder} is a file; give a folder.")

    async def ask(engine: Backend) -> dict[str, list[ArtifactRef]]:
        found = await engine.get_run_artifacts(await found_run(engine, run_id, tenant), tenant=tenant)
        for step, files in found.items() if folder is not None else ():
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
            raise CliError(CliCode.FILE_FAILED, f"--out: {error}") from error
    if as_json:
        session.out.json(files)
    else:
        show_files(session.out, files, folder)


def events(
    run_id: options.RunId,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Wait for more until the run is over.")
    ] = False,
    after: Annotated[int, typer.Option("--after", min=0, help="Only events with a greater number.")] = 0,
    app: options.App = None,
    store: options.Store = None,
    tenant: options.Tenant = DEFAULT_TENANT,
    as_json: options.Json = False,
) -> None:
    """List what has happened in a run, one event on a line."""
    from langgraph_runner.cli.arguments.finding import found_run

    session = Session(app, store, tenant, as_json)

    async def ask(engine: Backend) -> None:
        found = await found_run(engine, run_id, tenant)
        async for event in engine.events(found, tenant=tenant, after=after, follow=follow):
            if as_json:
                session.out.json_line(event)
            else:
                session.out.line(_event_line(event))
            if not session.out.has_reader:
                return  # Nobody would know the end of it.

    session.ask(ask)


def runs(
    workflow: Annotated[
        str | None,
        typer.Option("--workflow", callback=options.text_up_to(MAX_KEY), help="Only of this workflow."),
    ] = None,
    status_: Annotated[
        list[RunStatus] | None, typer.Option("--status", help="Only runs with this status.")
    ] = None,
    tags: options.Tags = None,
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
            help="Only runs whose error has this text.",
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="DURATION", help="Only runs made in the last 30m, 2h, 7d."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="At most so many.")] = 20,
    before: Annotated[
        str | None,
        typer.Option(
            "--before",
            metavar="RUN",
            callback=options.text_up_to(MAX_KEY),
            autocompletion=complete_run,
            help="Only those before this one: the next page.",
        ),
    ] = None,
    app: options.App = None,
    store: options.Store = None,
    tenant: options.Tenant = DEFAULT_TENANT,
    as_json: options.Json = False,
) -> None:
    """List runs, the newest first."""
    from langgraph_runner.cli.arguments.finding import found_run
    from langgraph_runner.cli.arguments.reading import read_duration, read_tags
    from langgraph_runner.cli.render.showing import show_runs
    from langgraph_runner.runtime.runtimes import REAL_RUNTIMES

    asked_tags = read_tags(tags)
    age = None if since is None else read_duration(since, "--since")
    after = None if age is None else REAL_RUNTIMES.blocking.now_utc() - age
    session = Session(app, store, tenant, as_json)

    async def ask(engine: Backend) -> list[Run]:
        last = None
        if before is not None:
            last = await engine.get_run(await found_run(engine, before, tenant), tenant=tenant)
        return await engine.list_runs(
            tenant=tenant,
            workflow=workflow,
            status=status_,
            tags=asked_tags,
            created_after=after,
            failed_step=failed_step,
            error_contains=error,
            limit=limit,
            before=last,
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
        str | None, typer.Argument(metavar="[WORKFLOW]", help="Only this one, with its steps.")
    ] = None,
    app: options.App = None,
    store: options.Store = None,
    as_json: options.Json = False,
) -> None:
    """List the workflows of an app, or show one. Of one its steps, its changes and its inputs."""
    from langgraph_runner.cli.render.describing import show_workflow, show_workflows

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


def plan(
    run_id: options.RunId,
    change: options.ChangeType,
    payload: options.Payload = None,
    assignments: options.SetValues = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="End with 9 if something would run, or might.")
    ] = False,
    force: options.Force = None,
    no_cache: options.NoCache = False,
    app: options.App = None,
    store: options.Store = None,
    tenant: options.Tenant = DEFAULT_TENANT,
    as_json: options.Json = False,
) -> None:
    """Show what an update would do with each step, and why. Nothing runs."""
    from langgraph_runner.cli.arguments.finding import found_run
    from langgraph_runner.cli.commands.running import plan_for, read_payload
    from langgraph_runner.cli.render.showing import show_plan
    from langgraph_runner.engine import PlanAction

    session = Session(app, store, tenant, as_json)
    assigned = read_payload(payload, assignments)

    async def ask(engine: Backend) -> RunPlan:
        base = await found_run(engine, run_id, tenant)
        planned, _ = await plan_for(
            engine, base, change, assigned, tenant=tenant, force=force, no_cache=no_cache
        )
        return planned

    planned = session.ask(ask, needs_app=True)
    if as_json:
        session.out.json(planned)
    else:
        show_plan(session.out, planned)
    if exit_code and (planned.of(PlanAction.RUN) or planned.of(PlanAction.MAYBE)):
        raise typer.Exit(ExitCode.WOULD_RUN)


def _is_in(step: RunStep, states: list[StepState]) -> bool:
    """Whether a step is in one of these states, by its status or by the word that is shown for it."""
    return not {str(step.status), face(step.status, step.reason).brief}.isdisjoint(states)


def _event_line(event: RunEvent) -> str:
    data: dict[str, Any] = dict(event.data)
    step = data.pop("step", "")
    more = in_one_line(" ".join(f"{name}={value}" for name, value in data.items() if name != "cache_key"))
    return f"{event.seq:>5}  {clock(event.at)}  {event.type:15}  {step}{'  ' if step and more else ''}{more}"
