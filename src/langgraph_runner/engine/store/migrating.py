"""Bringing the schema of a database up to date, by the numbered migrations in `migrations/versions`."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Column, MetaData, String, Table, inspect, select

from langgraph_runner.engine.errors import SchemaVersionError
from langgraph_runner.engine.store.call_limits import ending_by
from langgraph_runner.engine.store.schema import METADATA
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from langgraph_runner.engine.store.backends import StoreBackend

__all__ = ["HEAD", "VERSION_TABLE", "downgrade", "schema_version", "upgrade"]

_RELEASED: Final = ("0001", "0002", "0003", "0004", "0005", "0006")
"""The migrations of this release. A test holds them to the files."""
HEAD: Final = _RELEASED[-1]
"""The newest one, which this release works with."""
_MIGRATING: Final = threading.Lock()
"""Alembic keeps what it works on in its modules, so two threads would migrate one another's databases."""
_FOLDER: Final = Path(__file__).parent / "migrations"
VERSION_TABLE: Final = "langgraph_runner_version"
"""Not Alembic's own name: whoever shares the database may have migrations as well."""
_VERSIONS: Final = Table(VERSION_TABLE, MetaData(), Column("version_num", String(32)))


def schema_version(database: StoreBackend) -> str | None:
    """The number of the last migration that was applied; None for a database without our schema."""
    limit_s = database.call_limit_s
    limit = None if limit_s is None else REAL_RUNTIMES.blocking.monotonic() + limit_s
    with ending_by(limit), database.reading.connect() as connection:
        return _version_in(connection)


def _version_in(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    version = connection.execute(select(_VERSIONS.c.version_num)).scalar()
    return None if version is None else str(version)


def upgrade(database: StoreBackend, *, migrate: bool) -> None:
    """Apply the migrations that a database lacks, in one transaction; nothing if there are none.

    Args:
        database: Which.
        migrate: Whether it may be changed.

    Raises:
        SchemaVersionError: It is of a later release, it would have to be changed and may not, or its tables are
            somebody else's.
    """
    found = schema_version(database)
    if found == HEAD:
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


def downgrade(database: StoreBackend, to: str) -> int:
    """Undo the migrations behind number `to`, in one transaction; gives how many.

    Raises:
        ValueError: There is no such migration, or the database has not got that far.
    """
    found = schema_version(database)
    if to not in _RELEASED or found not in _RELEASED or to > found:
        known = ", ".join(_RELEASED[: _RELEASED.index(found) + 1]) if found in _RELEASED else "none"
        raise ValueError(
            f"to: {to!r:.80} is no schema that this database ({found or 'empty'}) has had: {known}."
        )
    _migrate(database, to)
    return _RELEASED.index(found) - _RELEASED.index(to)


def _migrate(database: StoreBackend, to: str) -> None:
    # Alembic takes longer to import than a whole embedded run: only where it has something to do.
    with _MIGRATING:
        from alembic import command  # noqa: PLC0415
        from alembic.config import Config  # noqa: PLC0415

        config = Config()
        config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
        with database.writing.begin() as connection:
            database.set_statement_timeout(connection, 0)  # As long as a large table takes.
            _refuse_foreign(connection)
            config.attributes["connection"] = connection
            if (_version_in(connection) or "") > to:
                command.downgrade(config, to)
                return
            has_limits = database.has_row_security(connection)
            command.upgrade(config, to)
            if has_limits:  # Tables that are new get their policies, too.
                database.set_row_security(connection, is_on=True)


def _refuse_foreign(connection: Connection) -> None:
    """Refuse tables with our names that no migration of ours has made. Another process may just have made them."""
    found = inspect(connection)
    names = (*found.get_table_names(), *found.get_view_names())
    taken = {name for name in names if name.casefold() in METADATA.tables}
    if taken and _version_in(connection) is None:
        fix = f"It has tables of somebody else ({', '.join(sorted(taken))}): give the runs a database of their own."
        raise SchemaVersionError(found=None, known=HEAD, fix=fix)
