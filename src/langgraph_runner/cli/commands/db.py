"""`db`: the schema of the database, and row-level security."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from langgraph_runner.cli.arguments import options
from langgraph_runner.cli.problems import CliCode, CliError, first_line
from langgraph_runner.cli.render.text import counted
from langgraph_runner.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langgraph_runner.engine.store.backends import StoreBackend

__all__ = ["current", "downgrade", "row_security", "upgrade"]


def upgrade(store: options.Store = None, as_json: options.Json = False) -> None:
    """Upgrade the schema of a database to this release. An empty database gets the schema, too."""
    from langgraph_runner.engine.store import migrating

    session = Session(None, store, as_json=as_json)
    with _database(session, "db upgrade") as database:
        before = migrating.schema_version(database)
        migrating.upgrade(database, migrate=True)
    known = migrating.HEAD
    done = f"Upgraded the schema from version {before or 'none'} to {known}."
    if before == known:
        done = f"The schema is already at version {known}."
    session.out.answer({"found": known, "known": known}, done)


def current(store: options.Store = None, as_json: options.Json = False) -> None:
    """Show the schema version of a database, and that of this release."""
    from langgraph_runner.engine.store.migrating import HEAD, schema_version

    session = Session(None, store, as_json=as_json)
    with _database(session, "db current") as database:
        found = schema_version(database)
    if as_json:
        session.out.json({"found": found, "known": HEAD})
    else:
        session.out.fields([("database", found or "none"), ("release", HEAD)])


def downgrade(
    to: Annotated[
        str, typer.Argument(metavar="VERSION", help="The schema version of an earlier release, such as 0005.")
    ],
    store: options.Store = None,
    yes: options.Yes = False,
    as_json: options.Json = False,
) -> None:
    """Downgrade the schema of a database to an earlier release. Data that only later schemas hold is lost.

    Stop every engine first. Install the earlier release afterwards.
    """
    from langgraph_runner.engine.store import migrating

    session = Session(None, store, as_json=as_json)
    with _database(session, "db downgrade") as database:
        before = migrating.schema_version(database)
        session.confirm(f"Downgrade the schema from version {before or 'none'} to {to}?", yes=yes)
        undone = migrating.downgrade(database, to)
    done = f"Reverted {counted(undone, 'migration')}. The schema is now at version {to}."
    session.out.answer({"found": to, "known": migrating.HEAD}, done)


def row_security(
    state: Annotated[
        Literal["on", "off", "show"],
        typer.Argument(metavar="STATE", help="Turn it on or off, or show its state."),
    ] = "show",
    store: options.Store = None,
    as_json: options.Json = False,
) -> None:
    """Turn row-level security of PostgreSQL on or off. It keeps the tenants apart inside the database.

    Run it as the owner of the tables. Then restart the engines as a role that does not own the tables.
    """
    session = Session(None, store, as_json=as_json)
    with _database(session, "db row-security") as database, database.writing.begin() as connection:
        if state != "show":
            database.set_row_security(connection, is_on=state == "on")
        is_on = database.has_row_security(connection)
    session.out.answer({"is_on": is_on}, f"Row-level security is {'on' if is_on else 'off'}.")


@contextmanager
def _database(session: Session, command: str) -> Iterator[StoreBackend]:
    from langgraph_runner.cli.arguments.app_loader import store_url
    from langgraph_runner.cli.database_errors import database_errors, opening_errors
    from langgraph_runner.engine.store.backends import open_database
    from langgraph_runner.errors import NodeRunnerError

    session.refuse_server(command)
    url = store_url(session.store)
    with opening_errors(url):
        database = open_database(url)
    try:
        with database_errors(url):
            yield database
    except ValueError as error:
        if isinstance(error, NodeRunnerError):
            raise
        raise CliError(CliCode.USAGE, first_line(error)) from error
    finally:
        database.dispose()
