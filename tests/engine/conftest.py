"""Engines on databases of their own: a SQLite file, and a database on a real PostgreSQL server."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from contextlib import asynccontextmanager
from itertools import count

import pgserver
import psycopg
import pytest

from langgraph_runner.engine import RunEngine
from langgraph_runner.engine.store import RunStore

ON_SQLITE = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
"""For tests of what only a file can do."""
ON_POSTGRESQL = pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
"""For tests of what only a server can do."""


async def until(condition):
    """Let others go on until `condition()` is true."""
    while not condition():  # noqa: ASYNC110 - it looks at plain values, which tell nobody
        await asyncio.sleep(0.001)


@pytest.fixture(scope="session")
def postgresql_server():
    """A real server, started for the tests of this process."""
    # Not below pytest's folder: a server that root starts runs as somebody else, who may not enter it.
    folder = tempfile.mkdtemp(prefix="lgr-pg-")
    server = pgserver.get_server(folder, cleanup_mode=None)
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")  # Nobody pulls the plug here.
        connection.execute("SELECT pg_reload_conf()")
    yield server
    # At once: its last checkpoint would write hundreds of databases that nobody needs any more.
    pgserver.pg_ctl(["stop", "-m", "immediate"], pgdata=server.pgdata, user=server.system_user)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def new_postgresql(postgresql_server):
    """Gives the URLs of new databases with the newest schema."""
    numbers = count()

    def new(template="template1"):
        name = f"runs{next(numbers)}"
        with psycopg.connect(postgresql_server.get_uri(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    migrated = new()
    RunStore(postgresql_server.get_uri(migrated), migrate=True).close()
    return lambda: postgresql_server.get_uri(new(migrated))


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request, tmp_path):
    """A database for one test, in both kinds."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'runs.db'}"
    return request.getfixturevalue("new_postgresql")()


@pytest.fixture
def engine_of(tmp_path, store_url):
    """Engines for `async with`; all of one test share a database."""

    @asynccontextmanager
    async def made(*workflows, **options):
        options = {"store": store_url, "artifacts": tmp_path / "files", **options}
        async with RunEngine(workflows, poll_ms=20, **options) as engine:
            yield engine

    return made
