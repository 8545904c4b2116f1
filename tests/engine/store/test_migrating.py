"""Databases of other releases, and databases that are created at the same time."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import inspect
from sqlalchemy.exc import IntegrityError

from langgraph_runner.engine import RunEngine, SchemaVersionError
from langgraph_runner.engine.store import RunStore
from langgraph_runner.engine.store import migrating as module
from langgraph_runner.engine.store.backends import SQLiteBackend, open_database
from langgraph_runner.engine.store.migrating import HEAD, schema_version, upgrade
from langgraph_runner.engine.store.schema import METADATA


@pytest.fixture
def database(tmp_path):
    """A file without a schema."""
    database = open_database(f"sqlite:///{tmp_path / 'runs.db'}")
    yield database
    database.dispose()


def numbered(database, number):
    """Set the schema version of the database to that of another release."""
    with database.writing.begin() as connection:
        connection.exec_driver_sql("UPDATE langgraph_runner_version SET version_num = ?", (number,))


@pytest.mark.req("R-62")
def test_the_newest_migration_is_the_one_that_this_release_knows():
    """A new file in `versions` increases the version."""
    files = (Path(module.__file__).parent / "migrations" / "versions").glob("[0-9]*.py")
    assert max(file.name.split("_")[0] for file in files) == HEAD


@pytest.mark.req("R-62")
def test_migrations_make_the_tables_that_the_code_uses(database):
    """With the same columns and indexes."""
    upgrade(database, migrate=True)
    with database.reading.connect() as connection:
        found = inspect(connection)
        for table in METADATA.tables.values():
            assert {each["name"] for each in found.get_columns(table.name)} == {*table.c.keys()}
            indexes = {each["name"] for each in found.get_indexes(table.name)}
            assert {index.name for index in table.indexes} <= indexes
    assert schema_version(database) == HEAD


@pytest.mark.req("R-62")
@pytest.mark.parametrize("migrate", [True, False])
def test_a_later_schema_is_left_alone(database, migrate):
    """Because this release could break it."""
    upgrade(database, migrate=True)
    numbered(database, "9999")
    with pytest.raises(SchemaVersionError, match=r"has schema 9999; .* update langgraph-runner") as refused:
        upgrade(database, migrate=migrate)
    assert (refused.value.found, refused.value.known) == ("9999", HEAD)
    assert schema_version(database) == "9999"


@pytest.mark.req("R-62")
def test_an_empty_database_that_may_not_be_changed_is_refused(database):
    """The message says what to do."""
    with pytest.raises(SchemaVersionError, match=r"has no schema .* Run: langgraph-runner db upgrade"):
        upgrade(database, migrate=False)
    assert schema_version(database) is None


@pytest.mark.req("R-62")
def test_an_earlier_schema_that_may_not_be_changed_is_refused(database):
    """For example on PostgreSQL, which several processes may use."""
    upgrade(database, migrate=True)
    numbered(database, "0001")
    with pytest.raises(SchemaVersionError, match=r"has schema 0001; .* Run: langgraph-runner db upgrade"):
        upgrade(database, migrate=False)


@pytest.mark.req("R-62")
def test_a_schema_that_is_there_is_not_made_again(database):
    """The second time costs one query."""
    upgrade(database, migrate=True)
    upgrade(database, migrate=False)
    assert schema_version(database) == HEAD


def test_an_engine_of_this_release_refuses_a_later_database(database):
    """Before it serves any run."""
    upgrade(database, migrate=True)
    numbered(database, "9999")
    with pytest.raises(SchemaVersionError):
        RunEngine(store=database.url)


@pytest.mark.req("R-62")
def test_tables_of_another_program_are_left_alone(database):
    """Even if they have the same names. Migrations of another program do not matter."""
    with database.writing.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num TEXT)")
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('beef')")
    upgrade(database, migrate=True)
    with database.writing.begin() as connection:
        connection.exec_driver_sql("DROP TABLE langgraph_runner_version")
    with pytest.raises(
        SchemaVersionError, match=r"another program \(api_keys, artifacts, .*a database of their own"
    ):
        upgrade(database, migrate=True)


def test_an_engine_may_leave_the_schema_to_others(database):
    """For example in a program that only reads."""
    with pytest.raises(SchemaVersionError, match="no schema of langgraph-runner"):
        RunEngine(store=database.url, migrate=False)
    assert schema_version(database) is None


@pytest.mark.parametrize("is_shared", [True, False], ids=["one_file", "a_file_each"])
def test_threads_may_make_databases_at_once(tmp_path, is_shared):
    """Alembic handles one database at a time."""
    failed, start = [], threading.Barrier(6)

    def make(number):
        start.wait(10)
        try:
            RunStore(f"sqlite:///{tmp_path / f'{0 if is_shared else number}.db'}").close()
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=make, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


@pytest.mark.parametrize("migrate", [True, False])
@pytest.mark.parametrize("version", ["0000", "beef", "0001x", ""])
def test_a_schema_of_no_release_is_refused_with_the_way_out(database, version, migrate):
    """For example after an edit of the version, or a partial restore of a backup."""
    upgrade(database, migrate=True)
    numbered(database, version)
    with pytest.raises(SchemaVersionError, match=r"No release has such a schema\. Restore a backup"):
        upgrade(database, migrate=migrate)


@pytest.fixture
def of_the_first_schema(store_url, new_postgresql, monkeypatch):
    """A database of each kind from the first release, with a run."""
    database = open_database(store_url)
    if not isinstance(database, SQLiteBackend):
        with database.writing.begin() as connection:
            for table in (*METADATA.tables, module.VERSION_TABLE):
                connection.exec_driver_sql(f"DROP TABLE {table}")
    with monkeypatch.context() as patched:
        patched.setattr(module, "HEAD", "0001")
        upgrade(database, migrate=True)
    with database.writing.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO runs (id, tenant_id, workflow_name, workflow_version, status, trigger_type, root_run_id,"
            " inputs, options, priority, fence, created_at) VALUES"
            " ('r', 't', 'w', '1', 'running', 'manual', 'r', '{}', '{}', 0, 1, 1)"
        )
        connection.exec_driver_sql(
            "INSERT INTO run_steps (run_id, step_id, tenant_id, position, status, cache_hit, attempts, fence) VALUES"
            " ('r', 's', 't', 0, 'running', 0, 0, 1)"
        )
    yield database
    database.dispose()


@pytest.mark.req("R-62")
def test_what_is_there_survives_an_upgrade(of_the_first_schema):
    """New columns have their defaults."""
    upgrade(of_the_first_schema, migrate=True)
    with of_the_first_schema.reading.connect() as connection:
        query = (
            "SELECT r.id, r.status, r.recoveries, s.step_id FROM runs r JOIN run_steps s ON s.run_id = r.id"
        )
        assert [tuple(row) for row in connection.exec_driver_sql(query)] == [("r", "running", 0, "s")]


@pytest.mark.parametrize("table", ["runs", "run_steps"])
def test_a_status_that_does_not_exist_is_refused_by_the_database(of_the_first_schema, table):
    """For runs and for steps."""
    upgrade(of_the_first_schema, migrate=True)
    with pytest.raises(IntegrityError), of_the_first_schema.writing.begin() as connection:
        connection.exec_driver_sql(f"UPDATE {table} SET status = 'done'")  # noqa: S608 - a name of ours
