"""Engines with a database for each test: a SQLite file, and a database on a real PostgreSQL server."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager

import pytest

from langgraph_runner.engine import RunEngine
from langgraph_runner.engine.store.backends import open_database
from tests.databases import new_postgresql, postgresql_server, store_url

__all__ = ["new_postgresql", "postgresql_server", "store_url"]

ON_SQLITE = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
"""For tests of features that only a file has."""
ON_POSTGRESQL = pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
"""For tests of features that only a server has."""


@contextmanager
def edited(engine):
    """Change the database of an engine from outside, in a transaction. On SQLite it first takes the write lock."""
    database = open_database(engine._store.database.url)
    try:
        with database.writing.begin() as connection:
            yield connection
    finally:
        database.dispose()


@pytest.fixture
def engine_of(tmp_path, store_url):
    """Creates engines for `async with`. All engines of a test share a database."""

    @asynccontextmanager
    async def made(*workflows, **options):
        options = {"store": store_url, "artifacts": tmp_path / "files", "poll_ms": 20, **options}
        async with RunEngine(workflows, **options) as engine:
            yield engine

    return made
