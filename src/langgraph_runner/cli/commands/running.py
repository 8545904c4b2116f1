"""`run`, `update`, `retry`, `resume`: commands that have a run run, and follow it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from langgraph_runner.cli.arguments import options
from langgraph_runner.cli.commands.asking import confirm
from langgraph_runner.cli.exits import exit_of_run
from langgraph_runner.cli.problems import CliCode, CliError
from langgraph_runner.cli.remote import refuse_server
from langgraph_runner.cli.session import DEFAULT_TENANT, Interrupts, Session

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from langgraph_runner.cli.arguments.assigning import Assigned
    from langgraph_runner.cli.following import Display
    from langgraph_runner.cli.session import Backend
    from langgraph_runner.engine import Run, RunPlan, RunStep
    from langgraph_runner.workflow import ChangeRequest

__all__ = ["resume", "retry", "run", "update"]

_MAX_PRIORITY = 2**31 - 1


def run(
    workflow: options.WorkflowName,
    inputs: Annotated[
        str | None, typer.Option("--input", metavar="JSON|FILE|-", help="The inputs, as a JSON object.")
    ] = None,
    assignments: options.SetValues = None,
    idempotency_key: options.IdempotencyKey = None,
    priority: options.Priority = None,
    failure_mode: options.FailureModeOption = None,
    max_concurrency: options.MaxConcurrency = None,
    timeout: options.Timeout = None,
    force: options.Force = None,
    no_cache: options.NoCache = False,
    tags: options.Tags = None,
    detach: options.Detach = False,
    app: options.App = None,
    store: options.Store = None,
    tenant: options.Tenant = DEFAULT_TENANT,
    as_json: options.Json = False,
) -> None:
    """Run a workflow and follow it to its end.

    Ctrl-C cancels the run, a second one leaves it.
    """
    from langgraph_runner.cli.arguments.assigning import asked_with, with_assignments
    from langgraph_runner.cli.arguments.reading import read_json, read_tags

    assigned = with_assignments(read_json(inputs, "--input"), assignments or [])
    how = _how(idempotency_key, priority, failure_mode, max_concurrency, timeout, force, no_cache=no_cache)
    asked_tags = read_tags(tags)
    session = Session(app, store, tenant, as_json)

    async def trigger(engine: Backend) -> Run:
        async def with_inputs(given: Any) -> Run:
            await engine.check_inputs(workflow, given)
            return await engine.trigger(workflow, given, tenant=tenant, tags=asked_tags, **how)

        return await asked_with(assigned, with_inputs)

    _have_run(session, trigger, detach=detach)


def update(
    run_id: options.RunId,
    change: options.ChangeType,
    payload: options.Payload = None,
    assignments: options.SetValues = None,
    yes: options.Yes = False,
    idempotency_key: options.IdempotencyKey = None,
    priority: options.Priority = None,
    failure_mode: options.FailureModeOption = None,
    max_concurrency: options.MaxConcurrency = None,
    timeout: options.Timeout = None,
    force: options.Force = None,
    no_cache: options.NoCache = False,
    detach: options.Detach = False,
    app: options.App = None,
    store: options.Store = None,
    tenant: options.Tenant = DEFAULT_TENANT,
    as_json: options.Json = False,
) -> None:
    """Rebuild a completed run for a change. Shows what would run, then runs only that."""
    from langgraph_runner.cli.arguments.finding import found_run
    from langgraph_runner.cli.render.showing import show_plan

    assigned = read_payload(payload, assignments)
    how = _how(idempotency_key, priority, failure_mode, max_concurrency, timeout, force, no_cache=no_cache)
    session = Session(app, store, tenant, as_json)

    async def trigger(engine: Backend) -> Run:
        base = await found_run(engine, run_id, tenant)
        planned, request = await plan_for(
            engine, base, change, assigned, tenant=tenant, force=force, no_cache=no_cache
        )
        if not as_json:
            show_plan(session.out, planned)
        confirm("Run this?", yes=yes, as_json=as_json)
        return await engine.trigger_update(planned.base_run_id, request, tenant=tenant, **how)

    _have_run(session, trigger, detach=detach)


def retry(
    run_id: options.RunId,
    idempotency_key: options.IdempotencyKey = None,
    priority: options.Priority = None,
    failure_mode: options.FailureModeOption = None,
    max_concurrency: options.MaxConcurrency = None,
    timeout: options.Timeout = None,
    force: options.Force = None,
    no_cache: options.NoCache = False,
    detach: options.Detach = False,
    app: options.App = None,
    store: options.Store = None,
    tenant: options.Tenant = DEFAULT_TENANT,
    as_json: options.Json = False,
) -> None:
    """Go on with a failed or cancelled run from where it stopped. That is a new run."""
    from langgraph_runner.cli.arguments.finding import found_run

    how = _how(idempotency_key, priority, failure_mode, max_concurrency, timeout, force, no_cache=no_cache)

    async def trigger(engine: Backend) -> Run:
        return await engine.trigger_retry(await found_run(engine, run_id, tenant), tenant=tenant, **how)

    _have_run(Session(app, store, tenant, as_json), trigger, detach=detach)


def resume(
    run_id: options.RunId,
    wait: Annotated[
        bool,
        typer.Option("--wait", help="If a process may still run it: follow it until it is free or over."),
    ] = False,
    app: options.App = None,
    store: options.Store = None,
    tenant: options.Tenant = DEFAULT_TENANT,
    as_json: options.Json = False,
) -> None:
    """Resume an orphaned run. It was detached, or its process has died."""
    from langgraph_runner.cli.arguments.finding import found_run
    from langgraph_runner.engine import RunEngine

    seen = 0
    session = Session(app, store, tenant, as_json)
    refuse_server(
        session.server,
        "resume",
        f"A service resumes its runs itself: `{session.hint('events', run_id, '--follow')}`.",
    )

    async def trigger(engine: Backend) -> Run:
        nonlocal seen
        assert isinstance(engine, RunEngine)  # noqa: S101 - see above
        found = await found_run(engine, run_id, tenant)
        async for event in engine.events(found, tenant=tenant, follow=False):
            seen = event.seq
        return await engine.trigger_resume(found, tenant=tenant, wait=wait)

    _have_run(session, trigger, detach=False, after=lambda: seen)


def read_payload(payload: str | None, assignments: list[str] | None) -> Assigned:
    """The payload of `plan` and `update`."""
    from langgraph_runner.cli.arguments.assigning import with_assignments
    from langgraph_runner.cli.arguments.reading import read_json

    return with_assignments(read_json(payload, "--payload"), assignments or [])


async def plan_for(
    engine: Backend,
    run_id: str,
    change: str,
    assigned: Assigned,
    *,
    tenant: str,
    force: list[str] | None,
    no_cache: bool,
) -> tuple[RunPlan, ChangeRequest]:
    """The plan of a change, and the request that it is the plan of.

    Raises:
        ChangeRequestError: The workflow does not know the change, or the payload does not fit.
    """
    from langgraph_runner.cli.arguments.assigning import asked_with
    from langgraph_runner.workflow import ChangeRequest

    async def with_payload(given: Any) -> tuple[RunPlan, ChangeRequest]:
        request = ChangeRequest(change, given)
        plan = await engine.plan(run_id, request, tenant=tenant, force=force or (), use_cache=not no_cache)
        return plan, request

    return await asked_with(assigned, with_payload)


def _have_run(
    session: Session,
    trigger: Callable[[Backend], Awaitable[Run]],
    *,
    detach: bool,
    after: Callable[[], int] = int,
) -> None:
    """Run a run, follow it, show its result, and exit with the code of that.

    Args:
        session: The options of the command.
        trigger: Makes or takes on the run.
        detach: Whether to leave the run to another process.
        after: Asked after `trigger`: the number of the last event that is not news.
    """
    from langgraph_runner.cli.following import RunView, follow
    from langgraph_runner.cli.render.showing import show_next, show_result
    from langgraph_runner.engine import RunEngine, RunStateError

    out, tenant = session.out, session.tenant

    async def followed(engine: Backend) -> tuple[Run, list[RunStep]]:
        begun = await trigger(engine)
        if isinstance(engine, RunEngine) and not begun.status.is_over:
            # It is ours, or somebody else's; one of an earlier call may be nobody's, at once or after a while.
            with suppress(RunStateError):
                begun = await engine.trigger_resume(begun.id, tenant=tenant, wait=True)
        view = RunView(begun, await engine.get_run_steps(begun.id, tenant=tenant))
        display = _display(session)
        async with Interrupts(engine, view, display, session):
            ended = await follow(engine, view, display, tenant=tenant, after=after())
        return ended, await engine.get_run_steps(ended.id, tenant=tenant)

    if detach:
        waiting = session.ask(trigger, needs_app=True)
        if out.as_json:
            out.json(waiting)
        else:
            out.line(waiting.id)
            show_next(session, waiting)
        return
    ended, steps = session.work(followed)
    if out.as_json:
        out.json(ended)
    else:
        show_result(session, ended, steps)
    raise typer.Exit(exit_of_run(ended))


def _display(session: Session) -> Display:
    from langgraph_runner.cli.following import SilentDisplay
    from langgraph_runner.cli.render.displays import LineDisplay, LiveDisplay

    if session.as_json:
        return SilentDisplay()
    return LiveDisplay(session.out) if session.out.is_terminal else LineDisplay(session.out)


def _how(
    idempotency_key: str | None,
    priority: int | None,
    failure_mode: options.FailureModeChoice | None,
    max_concurrency: int | None,
    timeout: str | None,
    force: list[str] | None,
    *,
    no_cache: bool,
) -> dict[str, Any]:
    """The options that were given; for the others the engine knows better, as a retry runs as its run did."""
    from langgraph_runner.cli.arguments.reading import read_duration

    if priority is not None and abs(priority) > _MAX_PRIORITY:
        raise CliError(CliCode.USAGE, f"--priority: {priority} is not between ±{_MAX_PRIORITY}.")
    limit = None if timeout is None else read_duration(timeout, "--timeout")
    if limit is not None and not limit:
        raise CliError(CliCode.USAGE, "--timeout: a run needs more time than none.")
    given = {
        "idempotency_key": idempotency_key,
        "priority": priority,
        "failure_mode": None if failure_mode is None else failure_mode.value,
        "max_concurrency": max_concurrency,
        "run_timeout_ms": limit,
        "force": force or None,
        "use_cache": False if no_cache else None,
    }
    return {name: value for name, value in given.items() if value is not None}
