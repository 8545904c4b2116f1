"""Databases for tests: a SQLite file, and databases on a real PostgreSQL server. A conftest imports the fixtures."""

import shutil
import tempfile
from itertools import count

import pgserver
import psycopg
import pytest

from langgraph_runner.engine.store import RunStore


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
