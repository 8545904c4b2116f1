"""`serve`: the service over HTTP."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from langgraph_runner.cli.arguments import options
from langgraph_runner.cli.problems import CliCode, CliError
from langgraph_runner.cli.session import Session
from langgraph_runner.cli.stopping import let_runs_end, read_grace
from langgraph_runner.engine.checks import DEFAULT_TENANT

if TYPE_CHECKING:
    from langgraph_runner.engine import RunEngine
    from langgraph_runner.engine.worker.workload import TakesOn

__all__ = ["serve"]


def serve(
    app: options.App = None,
    store: options.Store = None,
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65_535, help="The port to listen on; 0 picks a free one.")
    ] = 8_000,
    dev: Annotated[
        bool,
        typer.Option("--dev", help="Require no API key: every request from this machine acts as an admin."),
    ] = False,
    requests_per_s: Annotated[
        float,
        typer.Option("--requests-per-s", min=0.001, help="How many requests per second each key may send."),
    ] = 100.0,
    tenant: Annotated[str, options.tenant_option("The tenant of requests with --dev.")] = DEFAULT_TENANT,
    api_only: Annotated[bool, typer.Option("--api-only", help="Run no runs: leave them to workers.")] = False,
    dispatch: options.Dispatch = None,
    cache: options.Cache = None,
    artifacts: options.Artifacts = None,
    grace: options.Grace = "30s",
    log_level: options.LogLevel = "info",
    log_format: options.LogFormat = None,
) -> None:
    """Serve workflows over HTTP, and run them. `keys create` makes the API key of a caller.

    After a signal the service accepts no further requests, and its runs may continue for `--grace`. A second signal
    hands them back at once.
    """
    from langgraph_runner.server.serving import is_loopback, serve_app

    if dev and not is_loopback(host):
        raise CliError(
            CliCode.USAGE,
            f"--host must be a loopback address with --dev, which requires no API key, got {host!r}."
            " Leave out --host, or --dev.",
        )
    read_grace(grace)  # Refuses a wrong value now, not at the end.
    session = Session(app, store, tenant)

    def print_address(address: str) -> None:
        session.out.line(f"Serving at {address}")
        if dev:
            session.out.line(
                f"No API key is needed (--dev): every request acts as an admin of tenant '{tenant}'."
            )
        else:
            session.out.line(f"Create an API key: {session.hint('keys', 'create', 'NAME')}")

    async def work(engine: RunEngine) -> None:
        async def end_runs(stop: asyncio.Event) -> None:
            await let_runs_end(engine, grace, stop, session.out)

        await serve_app(
            engine,
            host=host,
            port=port,
            dev_tenant=tenant if dev else None,
            requests_per_s=requests_per_s,
            on_listening=print_address,
            on_stopping=None if api_only else end_runs,
        )

    takes_on: TakesOn = "none" if api_only else "all"
    session.serve(
        work,
        command="serve",
        log=(log_level, log_format),
        takes_on=takes_on,
        dispatch=dispatch,
        cache=cache,
        artifacts=artifacts,
    )
