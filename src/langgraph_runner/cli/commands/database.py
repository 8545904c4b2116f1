"""`db`: the schema of the database, and which rows a role sees."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from langgraph_runner.cli.arguments import options
from langgraph_runner.cli.commands.asking import confirm
from langgraph_runner.cli.problems import CliCode, CliError, one_line
from langgraph_runner.cli.remote import SERVER, refuse_server
from langgraph_runner.cli.render.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langgraph_runner.engine.store.backends import StoreBackend

__all__ = ["RowSecurity", "SchemaState", "current", "downgrade", "row_security", "upgrade"]

_ON_THE_SERVER = "Run it where the server runs."


@dataclass(frozen=True)
class SchemaState:
    """The schema of a database."""

    found: str | None
    """The number of its last migration; None for an empty database."""
    known: str
    """That of this release."""


@dataclass(frozen=True)
class RowSecurity:
    """Whether PostgreSQL limits rows to tenants."""

    is_on: bool


def upgrade(store: options.Store = None, as_json: options.Json = False) -> None:
    """Bring the schema of a database up to date; an empty one gets it."""
    from langgraph_runner.cli.render.output import Output
    from langgraph_runner.engine.store.migrating import HEAD, schema_version
    from langgraph_runner.engine.store.migrating import upgrade as upgrade_database

    with _opened(store, "db upgrade") as database:
        before = schema_version(database)
        upgrade_database(database, migrate=True)
    out = Output(as_json=as_json)
    if as_json:
        out.json(SchemaState(found=HEAD, known=HEAD))
    elif before == HEAD:
        out.line(f"The schema is {HEAD} already.")
    else:
        out.line(f"The schema was {before or 'none'}, and is {HEAD} now.")


def current(store: options.Store = None, as_json: options.Json = False) -> None:
    """Show the number of a database's schema, and that of this release."""
    from langgraph_runner.cli.render.output import Output
    from langgraph_runner.engine.store.migrating import HEAD, schema_version

    with _opened(store, "db current") as database:
        state = SchemaState(found=schema_version(database), known=HEAD)
    out = Output(as_json=as_json)
    if as_json:
        out.json(state)
    else:
        out.fields([("database", state.found or "none"), ("release", state.known)])


def downgrade(
    to: Annotated[
        str, typer.Argument(help="The number of a schema, such as 0005: that of an earlier release.")
    ],
    store: options.Store = None,
    yes: options.Yes = False,
    as_json: options.Json = False,
) -> None:
    """Take a database back to the schema of an earlier release. What only later schemas keep is lost.

    Stop every engine first, and install the earlier release afterwards.
    """
    from langgraph_runner.cli.render.output import Output
    from langgraph_runner.engine.store.migrating import HEAD, schema_version
    from langgraph_runner.engine.store.migrating import downgrade as downgrade_database

    with _opened(store, "db downgrade") as database:
        before = schema_version(database)
        confirm(f"Take the schema from {before or 'none'} back to {to}?", yes=yes, as_json=as_json)
        undone = downgrade_database(database, to)
    out = Output(as_json=as_json)
    if as_json:
        out.json(SchemaState(found=to, known=HEAD))
    else:
        out.line(f"Undid {counted(undone, 'migration')}: the schema is {to} now.")


def row_security(
    state: Annotated[
        Literal["on", "off", "show"], typer.Argument(help="Turn it on or off, or show whether it is on.")
    ] = "show",
    store: options.Store = None,
    as_json: options.Json = False,
) -> None:
    """Have PostgreSQL itself keep tenants apart. Engines then connect as a role that does not own the tables.

    Run it as the owner of the tables, and restart the engines.
    """
    from langgraph_runner.cli.render.output import Output

    with _opened(store, "db row-security") as database, database.writing.begin() as connection:
        if state != "show":
            database.set_row_security(connection, is_on=state == "on")
        is_on = database.has_row_security(connection)
    out = Output(as_json=as_json)
    if as_json:
        out.json(RowSecurity(is_on=is_on))
    else:
        out.line(f"Row-level security is {'on' if is_on else 'off'}.")


@contextmanager
def _opened(store: str | None, command: str) -> Iterator[StoreBackend]:
    from langgraph_runner.cli.arguments.loading import store_url
    from langgraph_runner.cli.databases import opening, told_of
    from langgraph_runner.engine.store.backends import open_database
    from langgraph_runner.errors import NodeRunnerError

    refuse_server(SERVER.get(), command, _ON_THE_SERVER)
    url = store_url(store)
    with opening(url):
        database = open_database(url)
    try:
        with told_of(url):
            yield database
    except ValueError as error:
        if isinstance(error, NodeRunnerError):
            raise
        raise CliError(CliCode.USAGE, one_line(error)) from error
    finally:
        database.dispose()
