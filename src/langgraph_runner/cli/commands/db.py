"""`db`: the schema of the database, and row-level security."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from langgraph_runner.cli.arguments import options
from langgraph_runner.cli.commands.confirm import confirm
from langgraph_runner.cli.problems import CliCode, CliError, first_line
from langgraph_runner.cli.remote import SERVER, refuse_server
from langgraph_runner.cli.render.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langgraph_runner.engine.store.backends import StoreBackend

__all__ = ["RowSecurity", "SchemaState", "current", "downgrade", "row_security", "upgrade"]


@dataclass(frozen=True)
class SchemaState:
    """The JSON answer about the schema of a database."""

    found: str | None
    """The version of the database's schema; None for an empty database."""
    known: str
    """The version that this release uses."""


@dataclass(frozen=True)
class RowSecurity:
    """The JSON answer of `row-security`."""

    is_on: bool


def upgrade(store: options.Store = None, as_json: options.Json = False) -> None:
    """Upgrade the schema of a database to this release. An empty database gets the schema, too."""
    from langgraph_runner.cli.render.output import Output
    from langgraph_runner.engine.store.migrating import HEAD, schema_version
    from langgraph_runner.engine.store.migrating import upgrade as upgrade_database

    with _database(store, "db upgrade") as database:
        before = schema_version(database)
        upgrade_database(database, migrate=True)
    out = Output(as_json=as_json)
    if as_json:
        out.json(SchemaState(found=HEAD, known=HEAD))
    elif before == HEAD:
        out.line(f"The schema is already at version {HEAD}.")
    else:
        out.line(f"Upgraded the schema from version {before or 'none'} to {HEAD}.")


def current(store: options.Store = None, as_json: options.Json = False) -> None:
    """Show the schema version of a database, and that of this release."""
    from langgraph_runner.cli.render.output import Output
    from langgraph_runner.engine.store.migrating import HEAD, schema_version

    with _database(store, "db current") as database:
        state = SchemaState(found=schema_version(database), known=HEAD)
    out = Output(as_json=as_json)
    if as_json:
        out.json(state)
    else:
        out.fields([("database", state.found or "none"), ("release", state.known)])


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
    from langgraph_runner.cli.render.output import Output
    from langgraph_runner.engine.store.migrating import HEAD, schema_version
    from langgraph_runner.engine.store.migrating import downgrade as downgrade_database

    with _database(store, "db downgrade") as database:
        before = schema_version(database)
        confirm(f"Downgrade the schema from version {before or 'none'} to {to}?", yes=yes, as_json=as_json)
        undone = downgrade_database(database, to)
    out = Output(as_json=as_json)
    if as_json:
        out.json(SchemaState(found=to, known=HEAD))
    else:
        out.line(f"Reverted {counted(undone, 'migration')}. The schema is now at version {to}.")


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
    from langgraph_runner.cli.render.output import Output

    with _database(store, "db row-security") as database, database.writing.begin() as connection:
        if state != "show":
            database.set_row_security(connection, is_on=state == "on")
        is_on = database.has_row_security(connection)
    out = Output(as_json=as_json)
    if as_json:
        out.json(RowSecurity(is_on=is_on))
    else:
        out.line(f"Row-level security is {'on' if is_on else 'off'}.")


@contextmanager
def _database(store: str | None, command: str) -> Iterator[StoreBackend]:
    from langgraph_runner.cli.arguments.app_loader import store_url
    from langgraph_runner.cli.database_errors import database_errors, opening_errors
    from langgraph_runner.engine.store.backends import open_database
    from langgraph_runner.errors import NodeRunnerError

    refuse_server(SERVER.get(), command)
    url = store_url(store)
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
