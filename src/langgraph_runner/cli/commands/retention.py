"""`prune`, `archive` and `restore`: delete old runs, or move them to a file and back."""

from __future__ import annotations

from typing import Annotated

import typer

from langgraph_runner.cli.arguments import options
from langgraph_runner.cli.arguments.values import read_duration
from langgraph_runner.cli.render.text import counted
from langgraph_runner.cli.session import Session
from langgraph_runner.engine.checks import DEFAULT_TENANT

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
    count = session.ask_database(
        lambda engine: engine.prune(older_than=age, tenant=None if all_tenants else tenant),
        "prune",
        artifacts=artifacts,
    )
    session.out.answer({"deleted": count}, f"Deleted {counted(count, 'run')}.")


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
    made = session.ask_database(
        lambda engine: engine.archive(folder, older_than=age, tenant=None if all_tenants else tenant),
        "archive",
        artifacts=artifacts,
    )
    if made is None:
        session.out.answer({"path": None, "runs": 0}, "There is no run to archive.")
    else:
        moved = f"Moved {counted(made.runs, 'run')} to {made.path} ({made.size / 1e6:.1f} MB)."
        session.out.answer({"path": str(made.path), "runs": made.runs}, moved)


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
    count = session.ask_database(
        lambda engine: engine.restore(file, tenant=None if all_tenants else tenant),
        "restore",
        artifacts=artifacts,
    )
    session.out.answer({"restored": count}, f"Restored {counted(count, 'run')}.")
