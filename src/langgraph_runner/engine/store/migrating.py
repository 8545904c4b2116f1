"""Bringing the schema of a database up to date, by the numbered migrations in `migrations/versions`."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Column, MetaData, String, Table, inspect, select

from langgraph_runner.engine.errors import SchemaVersionError

if TYPE_CHECKING:
    from langgraph_runner.engine.store.databases import Database

__all__ = ["HEAD", "schema_version", "upgrade"]

HEAD: Final = "0001"
"""The newest migration, which this release works with. A test holds it to the files."""
_MIGRATING: Final = threading.Lock()
"""Alembic keeps what it works on in its modules, so two threads would migrate one another's databases."""
_FOLDER: Final = Path(__file__).parent / "migrations"
_VERSIONS: Final = Table("alembic_version", MetaData(), Column("version_num", String(32)))


def schema_version(database: Database) -> str | None:
    """The number of the last migration that was applied; None for an empty database."""
    with database.reading.connect() as connection:
        if not inspect(connection).has_table(_VERSIONS.name):
            return None
        version = connection.execute(select(_VERSIONS.c.version_num)).scalar()
        return None if version is None else str(version)


def upgrade(database: Database, *, migrate: bool) -> None:
    """Apply the migrations that a database lacks, in one transaction; nothing if there are none.

    Args:
        database: Which.
        migrate: Whether it may be changed.

    Raises:
        SchemaVersionError: It is of a later release, or it would have to be changed and may not.
    """
    found = schema_version(database)
    if found == HEAD:
        return
    if found is not None and found > HEAD:
        raise SchemaVersionError(
            found=found, known=HEAD, fix="It was made by a later release: update langgraph-runner."
        )
    if not migrate:
        raise SchemaVersionError(
            found=found or "none", known=HEAD, fix="Run: langgraph-runner db upgrade --store <url>"
        )
    # Alembic takes longer to import than a whole embedded run: only where it has something to do.
    with _MIGRATING:
        from alembic import command  # noqa: PLC0415
        from alembic.config import Config  # noqa: PLC0415

        config = Config()
        config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
        with database.writing.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, HEAD)
