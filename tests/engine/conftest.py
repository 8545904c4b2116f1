"""Engines on databases of their own: a SQLite file, and a database on a real PostgreSQL server."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager

import pytest

from langgraph_runner.engine import RunEngine
from langgraph_runner.engine.store.backends import open_database
from tests.databases import new_postgresql, postgresql_server, store_url

__all__ = ["new_postgresql", "postgresql_server", "store_url"]

ON_SQLITE = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
"""For tests of what only a file can do."""
ON_POSTGRESQL = pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
"""For tests of what only a server can do."""


@contextmanager
def edited(engine):
    """A transaction that changes an engine's database beside it; it takes the lock of SQLite before it reads."""
    database = open_database(engine._store.database.url)
    try:
        with database.writing.begin() as connection:
            yield connection
    finally:
        database.dispose()


@pytest.fixture
def engine_of(tmp_path, store_url):
    """Engines for `async with`; all of one test share a database."""

    @asynccontextmanager
    async def made(*workflows, **options):
        options = {"store": store_url, "artifacts": tmp_path / "files", "poll_ms": 20, **options}
        async with RunEngine(workflows, **options) as engine:
            yield engine

    return made
