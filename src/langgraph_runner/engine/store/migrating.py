"""Brings the schema of a database up to date, with the numbered migrations in `migrations/versions`."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Column, MetaData, String, Table, inspect, select
from sqlalchemy.exc import DBAPIError

from langgraph_runner.engine.errors import SchemaVersionError
from langgraph_runner.engine.store.call_limits import call_deadline, moment_in
from langgraph_runner.engine.store.schema import METADATA

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from langgraph_runner.engine.store.backends import StoreBackend

__all__ = ["HEAD", "VERSION_TABLE", "check_tables", "downgrade", "schema_version", "upgrade"]

_RELEASED: Final = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008")
"""The migrations of this release. A test compares them with the files."""
HEAD: Final = _RELEASED[-1]
"""The newest migration, whose schema this release needs."""
_MIGRATING: Final = threading.Lock()
"""Alembic keeps its state in modules, so two threads would migrate each other's databases."""
_MIGRATIONS: Final = 7_205_759_403_792_796
"""The key of the lock that lets one process migrate at a time: any constant that other programs hardly choose."""
_FOLDER: Final = Path(__file__).parent / "migrations"
VERSION_TABLE: Final = "langgraph_runner_version"
"""Not Alembic's default name: another program in the same database may use Alembic, too."""
_VERSIONS: Final = Table(VERSION_TABLE, MetaData(), Column("version_num", String(32)))
_FIRST_TABLES: Final = {"artifacts", "outputs", "run_events", "run_steps", "runs", "step_cache"}
"""The tables of the first days, when the version was in Alembic's own table and an index was missing."""
_ADOPT: Final = (
    f"ALTER TABLE alembic_version RENAME TO {VERSION_TABLE}",
    "CREATE INDEX IF NOT EXISTS ix_run_steps_running ON run_steps (tenant_id, cache_key) WHERE status = 'running'",
)
_UNDO_WITHDRAWN: Final = (
    "ALTER TABLE run_steps RENAME COLUMN output_ref TO output_sha256",
    "ALTER TABLE step_cache RENAME COLUMN output_ref TO output_sha256",
    "ALTER TABLE outputs RENAME COLUMN ref TO sha256",
    f"UPDATE {VERSION_TABLE} SET version_num = '0001'",  # noqa: S608
)
"""Undoes a migration 0002 that was withdrawn after an hour."""


def schema_version(database: StoreBackend) -> str | None:
    """Return the number of the last applied migration; None for a database without our schema."""
    with call_deadline(moment_in(database.call_limit_s)), database.reading.connect() as connection:
        return _version_in(connection)


def _version_in(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    version = connection.execute(select(_VERSIONS.c.version_num)).scalar()
    return None if version is None else str(version)


def upgrade(database: StoreBackend, *, migrate: bool) -> None:
    """Apply the missing migrations of a database in one transaction.

    Args:
        database: The database.
        migrate: Whether the schema may be changed.

    Raises:
        SchemaVersionError: The schema is of a later release, must be changed and may not, belongs to another
            program, or is not what its version says.
    """
    found = schema_version(database)
    if found == HEAD:
        _refuse_other_tables(database)
        return
    if found is not None and found not in _RELEASED:
        fix = "It was made by a later release: update langgraph-runner."
        if not (found.isdigit() and found > HEAD):
            fix = f"No release has such a schema. Restore a backup, or correct the row in {VERSION_TABLE}."
        raise SchemaVersionError(found=found, known=HEAD, fix=fix)
    if not migrate:
        raise SchemaVersionError(
            found=found, known=HEAD, fix="Run: langgraph-runner db upgrade --store <url>"
        )
    _migrate(database, HEAD)


def check_tables(connection: Connection) -> None:
    """Ask each table for no row of all its columns.

    Raises:
        sqlalchemy.exc.DBAPIError: A table or a column does not exist, or cannot be read.
    """
    for table in METADATA.sorted_tables:
        connection.execute(select(*table.columns).limit(0))


def downgrade(database: StoreBackend, to: str) -> int:
    """Undo the migrations after number `to` in one transaction; return how many.

    Raises:
        ValueError: There is no such migration, or the database does not have it.
    """
    found = schema_version(database)
    if to not in _RELEASED or found not in _RELEASED or to > found:
        known = ", ".join(_RELEASED[: _RELEASED.index(found) + 1]) if found in _RELEASED else "none"
        raise ValueError(
            f"to must be a schema that this database ({found or 'empty'}) has had: {known}; got {to!r:.80}."
        )
    _migrate(database, to)
    return _RELEASED.index(found) - _RELEASED.index(to)


def _migrate(database: StoreBackend, to: str) -> None:
    with _MIGRATING, database.writing.begin() as connection:
        _migrate_in(connection, database, to)


def _migrate_in(connection: Connection, database: StoreBackend, to: str) -> None:
    """Migrate in the transaction of a connection. It does nothing if another process has done so meanwhile."""
    # Imported only when there is something to migrate: the import takes longer than a whole embedded run.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    database.set_statement_timeout(connection, 0)  # A large table takes its time.
    if not database.has_one_writer:
        database.lock(connection, [_MIGRATIONS])
    _correct_first_schemas(connection)
    _refuse_foreign(connection)
    config.attributes["connection"] = connection
    if (_version_in(connection) or "") > to:
        command.downgrade(config, to)
        return
    has_limits = database.has_row_security(connection)
    command.upgrade(config, to)
    if has_limits:  # New tables get their policies, too.
        database.set_row_security(connection, is_on=True)


def _refuse_other_tables(database: StoreBackend) -> None:
    """Refuse a database of this version whose tables are others than the migrations make."""
    try:
        with call_deadline(moment_in(database.call_limit_s)), database.reading.connect() as connection:
            check_tables(connection)
    except DBAPIError as error:
        if not database.is_permanent(error):
            return  # For example a role that may not read all tables: what it does decides.
        fix = f"Its tables are not those of this schema ({error.orig}). Restore a backup of the database."
        raise SchemaVersionError(found=HEAD, known=HEAD, fix=fix) from error


def _correct_first_schemas(connection: Connection) -> None:
    """Turn a database of the first two days, which no migration expects, into one of schema 0001."""
    database = inspect(connection)
    tables = {*database.get_table_names()}
    statements: tuple[str, ...] = ()
    if tables >= {VERSION_TABLE, "outputs"}:
        is_withdrawn = "ref" in {column["name"] for column in database.get_columns("outputs")}
        statements = _UNDO_WITHDRAWN if is_withdrawn else ()
    elif "alembic_version" in tables and tables.intersection(METADATA.tables) == _FIRST_TABLES:
        version = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        statements = _ADOPT if version == "0001" else ()
    for statement in statements:
        connection.exec_driver_sql(statement)


def _refuse_foreign(connection: Connection) -> None:
    """Refuse tables with our names that were not made by our migrations."""
    found = inspect(connection)
    names = (*found.get_table_names(), *found.get_view_names())
    taken = {name for name in names if name.casefold() in METADATA.tables}
    if taken and _version_in(connection) is None:
        fix = f"It has tables of another program ({', '.join(sorted(taken))}): give the runs a database of their own."
        raise SchemaVersionError(found=None, known=HEAD, fix=fix)
