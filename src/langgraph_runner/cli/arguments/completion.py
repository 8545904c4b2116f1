"""Shell completion of runs, steps and workflows. After an error it offers nothing: a shell cannot show messages."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, Any, Final

import typer  # noqa: TC002 - typer reads the annotations

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from langgraph_runner.cli.session import Backend

__all__ = ["complete_run", "complete_step", "complete_workflow"]

_MAX_RUNS: Final = 50


def complete_run(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Return the newest runs of the tenant, each with its workflow and status."""

    async def ask(engine: Backend) -> list[tuple[str, str]]:
        runs = await engine.list_runs(
            tenant=_tenant(ctx),
            id_prefix=None if "last".startswith(incomplete) else incomplete,
            limit=_MAX_RUNS,
        )
        if not runs:
            return []
        return [("last", "the newest run"), *((run.id, f"{run.workflow} {run.status}") for run in runs)]

    return _ask(ctx, ask, incomplete)


def complete_step(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Return the steps of the run that the command line names."""
    from langgraph_runner.cli.arguments.lookup import find_run

    async def ask(engine: Backend) -> list[tuple[str, str]]:
        run_id = await find_run(engine, str(ctx.params.get("run_id", "last")), _tenant(ctx))
        steps = await engine.get_run_steps(run_id, tenant=_tenant(ctx))
        return [(each.step, str(each.status)) for each in steps]

    return _ask(ctx, ask, incomplete)


def complete_workflow(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Return the workflows of the app."""

    async def ask(engine: Backend) -> list[tuple[str, str]]:
        return [(each.id, each.description) for each in await engine.describe_workflows()]

    return _ask(ctx, ask, incomplete)


def _tenant(ctx: typer.Context) -> str:
    from langgraph_runner.engine.checks import DEFAULT_TENANT

    return str(ctx.params.get("tenant") or DEFAULT_TENANT)


def _ask(
    ctx: typer.Context, question: Callable[[Backend], Awaitable[list[tuple[str, str]]]], incomplete: str
) -> list[tuple[str, str]]:
    """Ask the engine or the service of the options so far. Return those answers that begin with `incomplete`.

    What the app prints is discarded: the shell would read it.
    """
    from langgraph_runner.cli.session import Session, server_option

    options: dict[str, Any] = ctx.params
    discarded = io.StringIO()
    with (
        contextlib.redirect_stdout(discarded),
        contextlib.redirect_stderr(discarded),
        contextlib.suppress(Exception),
    ):
        server = server_option(ctx)
        if server is not None:
            server = server._replace(max_attempts=1)  # The user waits at the prompt.
        found = Session(options.get("app"), options.get("store"), server=server).ask(question)
        return [(value, help_) for value, help_ in found if value.startswith(incomplete)]
    return []
