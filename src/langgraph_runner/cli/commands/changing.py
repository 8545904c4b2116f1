"""`cancel` and `prune`: commands that change what is kept, and run nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from langgraph_runner.cli import options
from langgraph_runner.cli.commands.asking import confirm
from langgraph_runner.cli.session import DEFAULT_TENANT, Session
from langgraph_runner.cli.words import counted
from langgraph_runner.engine.checks import MAX_REASON

if TYPE_CHECKING:
    from langgraph_runner.cli.session import Backend
    from langgraph_runner.engine import Run, RunEngine, RunStep

_ON_THE_SERVER = "Run it where the server runs."
__all__ = ["Pruned", "cancel", "prune"]


@dataclass(frozen=True)
class Pruned:
    """What `prune` has done."""

    deleted: int
    """How many runs."""


def cancel(
    run_id: options.RunId,
    reason: Annotated[
        str,
        typer.Option("--reason", callback=options.text_up_to(MAX_REASON), help="Why; kept with the run."),
    ] = "cancelled",
    app: options.App = None,
    store: options.Store = None,
    tenant: options.Tenant = DEFAULT_TENANT,
    as_json: options.Json = False,
) -> None:
    """Cancel a run, for good. The process that runs it stops it."""
    from langgraph_runner.cli.finding import found_run
    from langgraph_runner.cli.showing import show_run
    from langgraph_runner.engine import RunStateError, RunStatus

    session = Session(app, store, tenant, as_json)

    async def ask(engine: Backend) -> tuple[Run, list[RunStep]]:
        found = await found_run(engine, run_id, tenant)
        run = await engine.cancel(found, tenant=tenant, reason=reason)
        if run.status in {RunStatus.COMPLETED, RunStatus.FAILED}:
            raise RunStateError(run_id=found, status=run.status, problem="it is over, and stays as it is.")
        return run, await engine.get_run_steps(found, tenant=tenant)

    run, steps = session.ask(ask)
    if as_json:
        session.out.json(run)
    elif run.status is RunStatus.CANCELLED:
        show_run(session, run, steps)
    else:
        session.out.line(f"Asked run {run.id} to stop; `{session.hint('status', run.id)}` says when it has.")


def prune(
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="DURATION", help="Runs that ended before that: 30d, 12h.")
    ],
    all_tenants: Annotated[bool, typer.Option("--all-tenants", help="Of all tenants.")] = False,
    yes: options.Yes = False,
    app: options.App = None,
    store: options.Store = None,
    tenant: options.Tenant = DEFAULT_TENANT,
    as_json: options.Json = False,
) -> None:
    """Delete old runs, with what they have put into the cache. Files are left, as other runs may share them."""
    from langgraph_runner.cli.reading import read_duration

    age = read_duration(older_than, "--older-than")
    whose = "all tenants" if all_tenants else f"tenant '{tenant}'"
    confirm(f"Delete the runs of {whose} that ended more than {older_than} ago?", yes=yes, as_json=as_json)
    session = Session(app, store, tenant, as_json)

    async def ask(engine: RunEngine) -> int:
        return await engine.prune(older_than=age, tenant=None if all_tenants else tenant)

    count = session.ask_database(ask, "prune", _ON_THE_SERVER)
    if as_json:
        session.out.json(Pruned(deleted=count))
    else:
        session.out.line(f"Deleted {counted(count, 'run')}.")
