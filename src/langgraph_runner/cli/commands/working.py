"""`worker`: runs what other processes trigger, until a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING, Annotated, Self

import typer

from langgraph_runner.cli.arguments import options
from langgraph_runner.cli.session import Session, handle_signal
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
            help="Run no runs, but steps that name this queue. Several: give it several times.",
        ),
    ] = None,
    max_runs: Annotated[
        int | None,
        typer.Option("--max-runs", min=1, max=MAX_AT_ONCE, help="Runs at once. Default: 100."),
    ] = None,
    max_runs_per_tenant: Annotated[
        int | None,
        typer.Option(
            "--max-runs-per-tenant",
            min=1,
            max=MAX_AT_ONCE,
            help="Runs of a tenant at once, on all workers. Default: any number.",
        ),
    ] = None,
    max_steps: Annotated[
        int | None,
        typer.Option("--max-steps", min=1, max=MAX_AT_ONCE, help="Steps at once, of all runs. Default: 64."),
    ] = None,
    grace: Annotated[
        str,
        typer.Option("--grace", metavar="DURATION", help="How long runs may go on after a signal."),
    ] = "30s",
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            min=0,
            max=65_535,
            help="Serve /healthz, /readyz and /metrics there, without keys. 0 picks a free port.",
        ),
    ] = None,
    host: Annotated[str, typer.Option("--host", help="The address of --port.")] = "127.0.0.1",
) -> None:
    """Run what other processes trigger. A signal lets it end its runs; a second one hands them back at once.

    Steps that name a queue are left to workers with --queue.
    """
    from langgraph_runner.cli.arguments.reading import read_duration

    grace_ms = read_duration(grace, "--grace").total_seconds() * 1_000
    session = Session(app, store)

    async def work(engine: RunEngine) -> None:
        async with _Signals() as signals, _health(engine, host, port, session):
            names = ", ".join(each.id for each in engine.workflows.list_workflows())
            what = f"steps of {', '.join(queue)} in {names}" if queue else names
            session.out.line(f"Working on {what}.")
            await signals.first.wait()
            session.out.line(f"Ending: runs may go on for {grace}. A second signal hands them back at once.")
            draining = asyncio.create_task(engine.drain(grace_ms))
            hurrying = asyncio.create_task(signals.second.wait())
            await asyncio.wait({draining, hurrying}, return_when=asyncio.FIRST_COMPLETED)
            is_drained = draining.done() and draining.result()
            for task in (draining, hurrying):
                task.cancel()
        session.out.line("All runs are over." if is_drained else "The runs that are left are handed back.")

    session.serve(
        work,
        command="worker",
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


class _Signals:
    """Ctrl-C and termination signals, unless the process ignores them, as in the background."""

    def __init__(self) -> None:
        self.first = asyncio.Event()
        self.second = asyncio.Event()
        self._handled: list[signal.Signals] = []

    async def __aenter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            if handle_signal(number, self._heard):
                self._handled.append(number)
        return self

    async def __aexit__(self, *_: object) -> None:
        for number in self._handled:
            asyncio.get_running_loop().remove_signal_handler(number)

    def _heard(self) -> None:
        (self.second if self.first.is_set() else self.first).set()


@contextlib.asynccontextmanager
async def _health(engine: RunEngine, host: str, port: int | None, session: Session) -> AsyncIterator[None]:
    if port is None:
        yield
        return
    from langgraph_runner.server.serving import serve_health

    listening = asyncio.Event()

    def tell(address: str) -> None:
        session.out.line(f"Health and metrics at {address}/healthz, /readyz and /metrics.")
        listening.set()

    serving = asyncio.create_task(serve_health(engine, host=host, port=port, on_listening=tell))
    waiting = asyncio.create_task(listening.wait())
    try:
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            await serving  # Which says why it cannot listen.
        yield
    finally:
        for task in (serving, waiting):
            task.cancel()
        await asyncio.gather(serving, waiting, return_exceptions=True)
