"""`prune`, `archive` and `restore`: delete old runs, or move them to a file and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from langgraph_runner.cli.arguments import options
from langgraph_runner.cli.arguments.values import read_duration
from langgraph_runner.cli.render.text import counted
from langgraph_runner.cli.session import Session
from langgraph_runner.engine.checks import DEFAULT_TENANT

if TYPE_CHECKING:
    from langgraph_runner.engine import RunArchive, RunEngine

__all__ = ["archive", "prune", "restore"]


def prune(
    older_than: options.OlderThan,
    all_tenants: options.AllTenants = False,
    yes: options.Yes = False,
    app: options.App = None,
    store: options.Store = None,
    artifacts: options.Artifacts = None,
    tenant: options.Tenant = DEFAULT_TENANT,
    as_json: options.Json = False,
) -> None:
    """Delete old runs with their cached results and their files."""
    age = read_duration(older_than, "--older-than")
    session = Session(app, store, tenant, as_json)
    session.refuse_server("prune")  # Before the question.
    owner = "all tenants" if all_tenants else f"tenant '{tenant}'"
    session.confirm(f"Delete the runs of {owner} that ended more than {older_than} ago?", yes=yes)

    async def ask(engine: RunEngine) -> int:
        return await engine.prune(older_than=age, tenant=None if all_tenants else tenant)

    count = session.ask_database(ask, "prune", artifacts=artifacts)
    if as_json:
        session.out.json({"deleted": count})
    else:
        session.out.line(f"Deleted {counted(count, 'run')}.")


def archive(
    older_than: options.OlderThan,
    folder: Annotated[str, typer.Option("--to", metavar="FOLDER", help="The folder of the archive file.")],
    all_tenants: options.AllTenants = False,
    app: options.App = None,
    store: options.Store = None,
    artifacts: options.Artifacts = None,
    tenant: options.Tenant = DEFAULT_TENANT,
    as_json: options.Json = False,
) -> None:
    """Move old runs to a file, with their outputs and artifacts. `restore` brings them back."""
    age = read_duration(older_than, "--older-than")
    session = Session(app, store, tenant, as_json)

    async def ask(engine: RunEngine) -> RunArchive | None:
        return await engine.archive(folder, older_than=age, tenant=None if all_tenants else tenant)

    made = session.ask_database(ask, "archive", artifacts=artifacts)
    if as_json:
        answer = {"path": None, "runs": 0} if made is None else {"path": str(made.path), "runs": made.runs}
        session.out.json(answer)
    elif made is None:
        session.out.line("There is no run to archive.")
    else:
        session.out.line(f"Moved {counted(made.runs, 'run')} to {made.path} ({made.size / 1e6:.1f} MB).")


def restore(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file that `archive` made.")],
    all_tenants: options.AllTenants = False,
    app: options.App = None,
    store: options.Store = None,
    artifacts: options.Artifacts = None,
    tenant: options.Tenant = DEFAULT_TENANT,
    as_json: options.Json = False,
) -> None:
    """Restore the runs of an archive. Runs that exist already stay as they are."""
    session = Session(app, store, tenant, as_json)

    async def ask(engine: RunEngine) -> int:
        return await engine.restore(file, tenant=None if all_tenants else tenant)

    count = session.ask_database(ask, "restore", artifacts=artifacts)
    if as_json:
        session.out.json({"restored": count})
    else:
        session.out.line(f"Restored {counted(count, 'run')}.")
