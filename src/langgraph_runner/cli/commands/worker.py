"""`worker`: run what other processes trigger, until a signal ends the process."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Annotated

import typer

from langgraph_runner.cli.arguments import options
from langgraph_runner.cli.session import Session, add_handlers, remove_handlers
from langgraph_runner.cli.stopping import let_runs_end, read_grace
from langgraph_runner.engine.checks import MAX_AT_ONCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from langgraph_runner.engine import RunEngine

__all__ = ["worker"]


def worker(
    app: options.App = None,
    store: options.Store = None,
    dispatch: options.Dispatch = None,
    cache: options.Cache = None,
    artifacts: options.Artifacts = None,
    queue: Annotated[
        list[str] | None,
        typer.Option(
            "--queue",
            metavar="NAME",
            help="Run only steps that name this queue, and no runs. May be repeated.",
        ),
    ] = None,
    max_runs: Annotated[
        int | None,
        typer.Option("--max-runs", min=1, max=MAX_AT_ONCE, help="How many runs at once. Default: 100."),
    ] = None,
    max_runs_per_tenant: Annotated[
        int | None,
        typer.Option(
            "--max-runs-per-tenant",
            min=1,
            max=MAX_AT_ONCE,
            help="How many runs of one tenant at once, on all workers together. Default: no limit.",
        ),
    ] = None,
    max_steps: Annotated[
        int | None,
        typer.Option(
            "--max-steps",
            min=1,
            max=MAX_AT_ONCE,
            help="How many steps at once, of all runs together. Default: 64.",
        ),
    ] = None,
    grace: options.Grace = "30s",
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            min=0,
            max=65_535,
            help="Serve /healthz, /readyz and /metrics on this port, without API keys; 0 picks a free port.",
        ),
    ] = None,
    host: Annotated[str, typer.Option("--host", help="The address of --port.")] = "127.0.0.1",
    log_level: options.LogLevel = "info",
    log_format: options.LogFormat = None,
) -> None:
    """Run what other processes trigger.

    After a signal the worker starts no further run, and its runs may continue for `--grace`. A second signal hands
    them back at once. A worker without `--queue` leaves steps that name a queue to workers with `--queue`.
    """
    read_grace(grace)  # Refuses a wrong value now, not at the end.
    session = Session(app, store)

    async def work(engine: RunEngine) -> None:
        async with _stop_signals() as (first, second), _health_server(engine, host, port, session):
            names = ", ".join(each.id for each in engine.workflows.list_workflows())
            subject = f"steps of queue {', '.join(queue)} in {names}" if queue else names
            session.out.line(f"Working on {subject}.")
            await first.wait()
            await let_runs_end(engine, grace, second, session.out)

    session.serve(
        work,
        command="worker",
        log=(log_level, log_format),
        takes_on="none" if queue else "all",
        step_queues=queue or None,
        defaults={"step_queues": ()},
        dispatch=dispatch,
        cache=cache,
        artifacts=artifacts,
        max_active_runs=max_runs,
        max_active_runs_per_tenant=max_runs_per_tenant,
        max_concurrency=max_steps,
    )


@contextlib.asynccontextmanager
async def _stop_signals() -> AsyncIterator[tuple[asyncio.Event, asyncio.Event]]:
    """Set one event at the first Ctrl-C or termination signal, and another one at the second."""
    first, second = asyncio.Event(), asyncio.Event()

    def handle() -> None:
        if first.is_set():
            second.set()
        first.set()

    add_handlers(handle, handle)
    try:
        yield first, second
    finally:
        remove_handlers()


@contextlib.asynccontextmanager
async def _health_server(
    engine: RunEngine, host: str, port: int | None, session: Session
) -> AsyncIterator[None]:
    if port is None:
        yield
        return
    from langgraph_runner.server.serving import serve_health

    async with serve_health(engine, host=host, port=port) as address:
        session.out.line(f"Health and metrics at {address}/healthz, /readyz and /metrics.")
        yield
