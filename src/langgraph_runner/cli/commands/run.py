"""`run`, `update`, `plan`, `retry`, `resume` and `cancel`: start runs, follow them, and end them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from langgraph_runner.cli.arguments import options
from langgraph_runner.cli.arguments.lookup import find_run
from langgraph_runner.cli.arguments.values import call_with, read_duration, read_object, read_tags
from langgraph_runner.cli.follow import follow
from langgraph_runner.cli.problems import CliCode, CliError
from langgraph_runner.cli.session import Session
from langgraph_runner.engine.checks import DEFAULT_TENANT, MAX_PRIORITY, MAX_REASON
from langgraph_runner.engine.errors import RunStateError
from langgraph_runner.engine.status import RunStatus
from langgraph_runner.errors import ErrorCode
from langgraph_runner.errors.codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from langgraph_runner.cli.arguments.values import JsonObject
    from langgraph_runner.cli.render.displays import Display
    from langgraph_runner.cli.session import Backend
    from langgraph_runner.engine import Run, RunPlan, RunStep
    from langgraph_runner.workflow import ChangeRequest

__all__ = ["cancel", "plan", "resume", "retry", "run", "update"]


def run(
    workflow: options.WorkflowName,
    inputs: Annotated[
        str | None, typer.Option("--input", metavar="JSON|FILE|-", help="The inputs, as a JSON object.")
    ] = None,
    assignments: options.SetValues = None,
    idempotency_key: options.IdempotencyKey = None,
    priority: options.Priority = None,
    failure_mode: options.FailureMode = None,
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
    """Run a workflow and follow the run until it ends.

    Ctrl-C cancels the run. A second Ctrl-C leaves it.
    """
    given_inputs = read_object(inputs, "--input", assignments)
    run_options = _run_options(
        idempotency_key, priority, failure_mode, max_concurrency, timeout, force, no_cache=no_cache
    )
    given_tags = read_tags(tags)
    session = Session(app, store, tenant, as_json)

    async def trigger(engine: Backend) -> Run:
        async def with_inputs(given: Any) -> Run:
            await engine.check_inputs(workflow, given)
            return await engine.trigger(workflow, given, tenant=tenant, tags=given_tags, **run_options)

        return await call_with(given_inputs, with_inputs)

    _run_and_follow(session, trigger, detach=detach)


def update(
    run_id: options.RunId,
    change: options.ChangeType,
    payload: options.Payload = None,
    assignments: options.SetValues = None,
    yes: options.Yes = False,
    idempotency_key: options.IdempotencyKey = None,
    priority: options.Priority = None,
    failure_mode: options.FailureMode = None,
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
    """Rebuild a completed run for a change. Shows the plan, then runs only the steps that the change affects."""
    from langgraph_runner.cli.render.tables import show_plan

    given_payload = read_object(payload, "--payload", assignments)
    run_options = _run_options(
        idempotency_key, priority, failure_mode, max_concurrency, timeout, force, no_cache=no_cache
    )
    session = Session(app, store, tenant, as_json)

    async def trigger(engine: Backend) -> Run:
        planned, request = await _make_plan(
            engine, run_id, change, given_payload, tenant=tenant, force=force, no_cache=no_cache
        )
        if not as_json:
            show_plan(session.out, planned)
        session.confirm("Run this plan?", yes=yes)
        return await engine.trigger_update(planned.base_run_id, request, tenant=tenant, **run_options)

    _run_and_follow(session, trigger, detach=detach)


def plan(
    run_id: options.RunId,
    change: options.ChangeType,
    payload: options.Payload = None,
    assignments: options.SetValues = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 9 if a step would run, or may run.")
    ] = False,
    force: options.Force = None,
    no_cache: options.NoCache = False,
    app: options.App = None,
    store: options.Store = None,
    tenant: options.Tenant = DEFAULT_TENANT,
    as_json: options.Json = False,
) -> None:
    """Show what an update would do with each step, and why. Nothing runs."""
    from langgraph_runner.cli.render.tables import show_plan
    from langgraph_runner.engine import PlanAction

    session = Session(app, store, tenant, as_json)
    given_payload = read_object(payload, "--payload", assignments)

    async def ask(engine: Backend) -> RunPlan:
        planned, _ = await _make_plan(
            engine, run_id, change, given_payload, tenant=tenant, force=force, no_cache=no_cache
        )
        return planned

    planned = session.ask(ask, needs_app=True)
    if as_json:
        session.out.json(planned)
    else:
        show_plan(session.out, planned)
    if exit_code and (planned.of(PlanAction.RUN) or planned.of(PlanAction.MAYBE)):
        raise typer.Exit(ExitCode.WOULD_RUN)


def retry(
    run_id: options.RunId,
    idempotency_key: options.IdempotencyKey = None,
    priority: options.Priority = None,
    failure_mode: options.FailureMode = None,
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
    """Continue a failed or cancelled run from where it stopped.

    The continuation is a new run, which reuses the finished steps.
    """
    run_options = _run_options(
        idempotency_key, priority, failure_mode, max_concurrency, timeout, force, no_cache=no_cache
    )

    async def trigger(engine: Backend) -> Run:
        found = await find_run(engine, run_id, tenant)
        return await engine.trigger_retry(found, tenant=tenant, **run_options)

    _run_and_follow(Session(app, store, tenant, as_json), trigger, detach=detach)


def resume(
    run_id: options.RunId,
    wait: Annotated[
        bool,
        typer.Option(
            "--wait", help="If another process may have the run, follow it until it ends or can be resumed."
        ),
    ] = False,
    app: options.App = None,
    store: options.Store = None,
    tenant: options.Tenant = DEFAULT_TENANT,
    as_json: options.Json = False,
) -> None:
    """Resume an orphaned run. Such a run was detached, or its process died."""
    from langgraph_runner.engine import RunEngine

    last_event = 0
    session = Session(app, store, tenant, as_json)
    follow_command = session.hint("events", run_id, "--follow")
    session.refuse_server(
        "resume",
        fix=f"The service resumes its runs itself. Follow the run: `{follow_command}`.",
    )

    async def trigger(engine: Backend) -> Run:
        nonlocal last_event
        assert isinstance(engine, RunEngine)  # noqa: S101 - `--server` was refused above
        found = await find_run(engine, run_id, tenant)
        async for event in engine.events(found, tenant=tenant, follow=False):
            last_event = event.seq
        return await engine.trigger_resume(found, tenant=tenant, wait=wait)

    _run_and_follow(session, trigger, detach=False, after=lambda: last_event)


def cancel(
    run_id: options.RunId,
    reason: Annotated[
        str,
        typer.Option("--reason", callback=options.text_up_to(MAX_REASON), help="Stored with the run."),
    ] = "cancelled",
    app: options.App = None,
    store: options.Store = None,
    tenant: options.Tenant = DEFAULT_TENANT,
    as_json: options.Json = False,
) -> None:
    """Cancel a run for good. The process that runs it stops its steps."""
    from langgraph_runner.cli.render.tables import show_run

    session = Session(app, store, tenant, as_json)

    async def ask(engine: Backend) -> tuple[Run, list[RunStep]]:
        found = await find_run(engine, run_id, tenant)
        run = await engine.cancel(found, tenant=tenant, reason=reason)
        if run.status in {RunStatus.COMPLETED, RunStatus.FAILED}:
            raise RunStateError(run_id=found, status=run.status, problem="it cannot be cancelled any more.")
        return run, await engine.get_run_steps(found, tenant=tenant)

    run, steps = session.ask(ask)
    if as_json:
        session.out.json(run)
    elif run.status is RunStatus.CANCELLED:
        show_run(session, run, steps)
    else:
        command = session.hint("status", run.id)
        session.out.line(f"Asked run {run.id} to stop. To see whether it has stopped: {command}")


async def _make_plan(
    engine: Backend,
    run_id: str,
    change: str,
    payload: JsonObject,
    *,
    tenant: str,
    force: list[str] | None,
    no_cache: bool,
) -> tuple[RunPlan, ChangeRequest]:
    from langgraph_runner.workflow import ChangeRequest

    base = await find_run(engine, run_id, tenant)

    async def with_payload(given: Any) -> tuple[RunPlan, ChangeRequest]:
        request = ChangeRequest(change, given)
        planned = await engine.plan(base, request, tenant=tenant, force=force or (), use_cache=not no_cache)
        return planned, request

    return await call_with(payload, with_payload)


def _run_and_follow(
    session: Session,
    trigger: Callable[[Backend], Awaitable[Run]],
    *,
    detach: bool,
    after: Callable[[], int] = lambda: 0,
) -> None:
    """Trigger a run, follow it to its end, show its result, and exit with the code of that result.

    `detach` leaves the run to another process. `after`, called after `trigger`, returns the number of the last event
    that is not displayed.
    """
    from langgraph_runner.cli.render.displays import RunView
    from langgraph_runner.cli.render.tables import show_next_command, show_result
    from langgraph_runner.engine import RunEngine

    out, tenant = session.out, session.tenant

    async def run_to_end(engine: Backend) -> tuple[Run, list[RunStep]]:
        run = await trigger(engine)
        if isinstance(engine, RunEngine) and not run.status.is_over:
            # An idempotency key may give a run of an earlier call, which no process runs any more, or will not
            # once its lease has expired. If this engine or another process has the run, there is nothing to resume.
            with suppress(RunStateError):
                run = await engine.trigger_resume(run.id, tenant=tenant, wait=True)
        view = RunView(run, await engine.get_run_steps(run.id, tenant=tenant))
        ended = await follow(engine, view, _display(session), session, after=after())
        return ended, await engine.get_run_steps(ended.id, tenant=tenant)

    if detach:
        waiting = session.ask(trigger, needs_app=True)
        if out.as_json:
            out.json(waiting)
        else:
            out.line(waiting.id)
            show_next_command(session, waiting)
        return
    ended, steps = session.work(run_to_end)
    if out.as_json:
        out.json(ended)
    else:
        show_result(session, ended, steps)
    raise typer.Exit(_exit_code_of(ended))


def _exit_code_of(run: Run) -> ExitCode:
    if run.status is RunStatus.COMPLETED:
        return ExitCode.OK
    if run.status is RunStatus.CANCELLED:
        return ExitCode.CANCELLED
    if run.error is not None and run.error["code"] == ErrorCode.RUN_TIMEOUT:
        return ExitCode.TIMEOUT
    return ExitCode.RUN_FAILED


def _display(session: Session) -> Display:
    from langgraph_runner.cli.render.displays import Display, LineDisplay, LiveDisplay

    if session.as_json:
        return Display(session.out)
    return LiveDisplay(session.out) if session.out.is_terminal else LineDisplay(session.out)


def _run_options(
    idempotency_key: str | None,
    priority: int | None,
    failure_mode: str | None,
    max_concurrency: int | None,
    timeout: str | None,
    force: list[str] | None,
    *,
    no_cache: bool,
) -> dict[str, Any]:
    """Return the options that were given. The engine has the defaults: a retry keeps the options of its run."""
    if priority is not None and abs(priority) > MAX_PRIORITY:
        raise CliError(
            CliCode.USAGE, f"--priority must be from -{MAX_PRIORITY:,} to {MAX_PRIORITY:,}, got {priority:,}."
        )
    limit = None if timeout is None else read_duration(timeout, "--timeout")
    if limit is not None and not limit:
        raise CliError(CliCode.USAGE, f"--timeout must be more than 0, got {timeout!r}.")
    given = {
        "idempotency_key": idempotency_key,
        "priority": priority,
        "failure_mode": failure_mode,
        "max_concurrency": max_concurrency,
        "run_timeout_ms": limit,
        "force": force or None,
        "use_cache": False if no_cache else None,
    }
    return {name: value for name, value in given.items() if value is not None}
