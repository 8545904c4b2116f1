"""Databases of other releases, and databases that are created at the same time."""

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from langgraph_runner import Workflow
from langgraph_runner.engine import RunEngine, SchemaVersionError, StoreUnavailableError
from langgraph_runner.engine.store import RunStore
from langgraph_runner.engine.store import migrating as module
from langgraph_runner.engine.store.backends import open_database
from langgraph_runner.engine.store.migrating import HEAD, downgrade, schema_version, upgrade
from tests.engine.conftest import ON_POSTGRESQL
from tests.waiting import eventually_blocking


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


FROZEN = {
    "0001_first_schema.py": "5246ea5e298e7f52981ad85239cd07b12315d6eb97020bb5f15b5cc4dd8ec97e",
    "0002_recovery_and_search.py": "1231fae13383abf29d3ee71dbceea0f482f5581c8f951120729d5e76401409d5",
    "0003_service.py": "2ac0a2da6e430f36a464795304e75989ba8a1c243fb86d9b1d00c7f71defead0",
    "0004_tenants_in_turn.py": "e4fe3872d29c9ac9591cb269a4041af9fbdb7355ca5a9dd340cba7a45d7b65b7",
    "0005_workers.py": "327ea6fdcc115404e2c74ddd3930005fead64832ec98acca9849ac6c76212db9",
    "0006_step_tasks.py": "2b9ea3d06c4fa84d500b173f0726692f27f207fdf3fd2e5a286087e2666dd2cc",
    "0007_missing_columns.py": "1349f5cf84bfb53209788d58e9f47e8186d26dc916304aa1de1d00273071d728",
    "0008_long_durations.py": "f387967548077d91f86827d18fa49d29d1e9ec8b0cd19256dd63c0892fd3fa1d",
}
"""SHA-256 of each migration. Databases have been made with them: what a migration lacks, a new one adds."""


@pytest.mark.req("R-62")
def test_landed_migrations_are_never_changed():
    """Add a migration, and its hash here."""
    folder = Path(module.__file__).parent / "migrations" / "versions"
    hashes = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.glob("[0-9]*.py"))
    }
    assert hashes == FROZEN


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
@pytest.mark.parametrize("version", ["beef", "0001"])
def test_tables_of_another_program_are_left_alone(database, version):
    """Even if they have the same names. Migrations of another program do not matter."""
    with database.writing.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num TEXT)")
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES (?)", (version,))
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


@pytest.mark.req("R-62")
@pytest.mark.parametrize("change", ["ALTER TABLE run_steps DROP COLUMN code_version", "DROP TABLE run_tags"])
def test_a_database_whose_tables_are_not_those_of_its_version_is_refused(database, change):
    """When it is opened, and not at the first claim."""
    upgrade(database, migrate=True)
    with database.writing.begin() as connection:
        connection.exec_driver_sql(change)
    with pytest.raises(SchemaVersionError, match=r"not those of this schema \(no such .*Restore a backup"):
        RunEngine(store=database.url)


@pytest.mark.req("R-62")
async def test_a_permanent_error_of_the_database_reaches_the_caller_that_waits(store_url):
    """For example, if a column is dropped while an engine is open: no claim can succeed."""
    flow = Workflow("flow")

    @flow.step
    def work() -> int:
        return 1

    async with RunEngine([flow], store=store_url, max_active_runs=1, poll_ms=20) as engine:
        database = engine._store.database
        statement = "ALTER TABLE run_steps RENAME COLUMN code_version TO other"
        with database.writing.begin() as connection:
            connection.exec_driver_sql(statement)
        with pytest.raises((StoreUnavailableError, DBAPIError), match="code_version"):
            await engine.run("flow")


@ON_POSTGRESQL
@pytest.mark.req("R-62")
def test_processes_may_upgrade_one_database_at_once(store_url):
    """The second one waits, and finds the new schema."""
    database, other = open_database(store_url), open_database(store_url)
    downgrade(database, "0001")

    def waits():
        with database.reading.connect() as connection:
            return connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar()

    with ThreadPoolExecutor() as threads:
        with database.writing.begin() as connection:
            module._migrate_in(connection, database, HEAD)
            upgrading = threads.submit(upgrade, other, migrate=True)
            eventually_blocking(waits)
        upgrading.result()
    assert schema_version(other) == HEAD
    for each in (database, other):
        each.dispose()
