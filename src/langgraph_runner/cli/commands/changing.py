"""`cancel`, `prune`, `archive` and `restore`: commands that change what is kept, and run nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from langgraph_runner.cli.arguments import options
from langgraph_runner.cli.commands.asking import confirm
from langgraph_runner.cli.render.words import counted
from langgraph_runner.cli.session import DEFAULT_TENANT, Session
from langgraph_runner.engine.checks import MAX_REASON

if TYPE_CHECKING:
    from langgraph_runner.cli.session import Backend
    from langgraph_runner.engine import Run, RunArchive, RunEngine, RunStep

_ON_THE_SERVER = "Run it where the server runs."
__all__ = ["Archived", "Pruned", "Restored", "archive", "cancel", "prune", "restore"]


@dataclass(frozen=True)
class Archived:
    """What `archive` has done."""

    path: str | None
    """The file; None if there was no run to archive."""
    runs: int


@dataclass(frozen=True)
class Restored:
    """What `restore` has done."""

    restored: int
    """How many runs."""


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
    from langgraph_runner.cli.arguments.finding import found_run
    from langgraph_runner.cli.render.showing import show_run
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
    artifacts: options.Artifacts = None,
    tenant: options.Tenant = DEFAULT_TENANT,
    as_json: options.Json = False,
) -> None:
    """Delete old runs, with what they have put into the cache. Old files that no run refers to go, too."""
    from langgraph_runner.cli.arguments.reading import read_duration

    age = read_duration(older_than, "--older-than")
    whose = "all tenants" if all_tenants else f"tenant '{tenant}'"
    confirm(f"Delete the runs of {whose} that ended more than {older_than} ago?", yes=yes, as_json=as_json)
    session = Session(app, store, tenant, as_json)

    async def ask(engine: RunEngine) -> int:
        return await engine.prune(older_than=age, tenant=None if all_tenants else tenant)

    count = session.ask_database(ask, "prune", _ON_THE_SERVER, artifacts=artifacts)
    if as_json:
        session.out.json(Pruned(deleted=count))
    else:
        session.out.line(f"Deleted {counted(count, 'run')}.")


def archive(
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="DURATION", help="Runs that ended before that: 30d, 12h.")
    ],
    folder: Annotated[str, typer.Option("--to", metavar="FOLDER", help="Where the file goes.")],
    all_tenants: Annotated[bool, typer.Option("--all-tenants", help="Of all tenants.")] = False,
    app: options.App = None,
    store: options.Store = None,
    artifacts: options.Artifacts = None,
    tenant: options.Tenant = DEFAULT_TENANT,
    as_json: options.Json = False,
) -> None:
    """Move old runs to a file, with their outputs and files. `restore` puts them back."""
    from langgraph_runner.cli.arguments.reading import read_duration

    age = read_duration(older_than, "--older-than")
    session = Session(app, store, tenant, as_json)

    async def ask(engine: RunEngine) -> RunArchive | None:
        return await engine.archive(folder, older_than=age, tenant=None if all_tenants else tenant)

    made = session.ask_database(ask, "archive", _ON_THE_SERVER, artifacts=artifacts)
    if as_json:
        runs = 0 if made is None else made.runs
        session.out.json(Archived(path=None if made is None else str(made.path), runs=runs))
    elif made is None:
        session.out.line("There is no run to archive.")
    else:
        session.out.line(f"Moved {counted(made.runs, 'run')} to {made.path} ({made.size / 1e6:.1f} MB).")


def restore(
    file: Annotated[str, typer.Argument(help="A file that `archive` has made.")],
    all_tenants: Annotated[bool, typer.Option("--all-tenants", help="Of all tenants.")] = False,
    app: options.App = None,
    store: options.Store = None,
    artifacts: options.Artifacts = None,
    tenant: options.Tenant = DEFAULT_TENANT,
    as_json: options.Json = False,
) -> None:
    """Put the runs of an archive back. Those that are there stay as they are."""
    session = Session(app, store, tenant, as_json)

    async def ask(engine: RunEngine) -> int:
        return await engine.restore(file, tenant=None if all_tenants else tenant)

    count = session.ask_database(ask, "restore", _ON_THE_SERVER, artifacts=artifacts)
    if as_json:
        session.out.json(Restored(restored=count))
    else:
        session.out.line(f"Restored {counted(count, 'run')}.")
