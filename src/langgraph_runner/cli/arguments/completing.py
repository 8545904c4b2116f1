"""Shell completion of runs, steps and workflows. An error completes nothing: a shell has no place for messages."""

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
    """The newest runs of the tenant, each with its workflow and status."""

    async def ask(engine: Backend) -> list[tuple[str, str]]:
        runs = await engine.list_runs(
            tenant=_tenant(ctx),
            id_prefix=None if "last".startswith(incomplete) else incomplete,
            limit=_MAX_RUNS,
        )
        found = [(run.id, f"{run.workflow} {run.status}") for run in runs]
        return [("last", "the newest run"), *found] if found else []

    return _matching(_asked(ctx, ask), incomplete)


def complete_step(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The steps of the run that was named before."""
    from langgraph_runner.cli.arguments.finding import found_run

    async def ask(engine: Backend) -> list[tuple[str, str]]:
        run = await found_run(engine, str(ctx.params.get("run_id", "last")), _tenant(ctx))
        return [
            (each.step, str(each.status)) for each in await engine.get_run_steps(run, tenant=_tenant(ctx))
        ]

    return _matching(_asked(ctx, ask), incomplete)


def complete_workflow(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The workflows of the app."""

    async def ask(engine: Backend) -> list[tuple[str, str]]:
        return [(each.id, each.description) for each in await engine.describe_workflows()]

    return _matching(_asked(ctx, ask), incomplete)


def _matching(found: list[tuple[str, str]], incomplete: str) -> list[tuple[str, str]]:
    return [(value, words) for value, words in found if value.startswith(incomplete)]


def _tenant(ctx: typer.Context) -> str:
    from langgraph_runner.cli.session import DEFAULT_TENANT

    return str(ctx.params.get("tenant") or DEFAULT_TENANT)


def _asked(
    ctx: typer.Context, question: Callable[[Backend], Awaitable[list[tuple[str, str]]]]
) -> list[tuple[str, str]]:
    """Ask the engine or the service that the options so far name. What the app prints is not for the shell."""
    from langgraph_runner.cli.remote import server_of
    from langgraph_runner.cli.session import Session

    options: dict[str, Any] = ctx.params
    silent = io.StringIO()
    with (
        contextlib.redirect_stdout(silent),
        contextlib.redirect_stderr(silent),
        contextlib.suppress(Exception),
    ):
        server = server_of(ctx)
        if server is not None:
            server = server._replace(max_attempts=1)  # A shell waits for the answer.
        return Session(options.get("app"), options.get("store"), server=server).ask(question)
    return []
