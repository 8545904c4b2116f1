"""Databases with runs that were made by every earlier schema. `tools/old_databases.py` makes them."""

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import inspect
from sqlalchemy.exc import IntegrityError

from langgraph_runner import ChangeRequest
from langgraph_runner.engine.artifacts.local import LocalArtifactStore
from langgraph_runner.engine.store import migrating as module
from langgraph_runner.engine.store.backends import open_database
from langgraph_runner.engine.store.migrating import check_tables, upgrade
from langgraph_runner.engine.store.schema import METADATA
from tests.engine.store.old_databases.orders import orders

FOLDER = Path(__file__).parent / "old_databases"
NAMES = sorted({file.name.split(".")[0] for file in FOLDER.glob("*.sql")})
"""A name without a suffix is the last state of a schema. Migrations were changed after the other states."""

pytestmark = pytest.mark.req("R-62")


@pytest.fixture
def load(store_url, tmp_path):
    """Puts an old database in the place of the new one, and returns its dump."""

    def load(name):
        if store_url.startswith("sqlite"):
            dump = (FOLDER / f"{name}.sqlite.sql").read_text()
            with closing(sqlite3.connect(tmp_path / "runs.db")) as connection:
                connection.executescript(dump)
        else:
            dump = (FOLDER / f"{name}.postgresql.sql").read_text()
            with psycopg.connect(store_url) as connection:
                connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
                connection.execute(dump)
        return dump

    return load


@pytest.fixture
def database(store_url):
    """The database of the test."""
    database = open_database(store_url)
    yield database
    database.dispose()


def test_every_earlier_schema_has_a_database():
    """After a new migration, make one of the schema before it."""
    assert {*NAMES} >= {*module._RELEASED[:-1]}


@pytest.mark.parametrize("name", NAMES)
def test_an_upgrade_makes_the_tables_that_the_code_uses(load, database, name):
    """With the same columns and indexes."""
    load(name)
    upgrade(database, migrate=True)
    with database.reading.connect() as connection:
        check_tables(connection)
        inspected = inspect(connection)
        for table in METADATA.tables.values():
            assert {column["name"] for column in inspected.get_columns(table.name)} == {*table.c.keys()}
            indexes = {index["name"] for index in inspected.get_indexes(table.name)}
            assert {index.name for index in table.indexes} <= indexes
        assert connection.exec_driver_sql("SELECT count(*) FROM store_info").scalar() == 1


@pytest.mark.req("R-32", "R-42", "R-44")
@pytest.mark.parametrize("name", NAMES)
async def test_runs_of_earlier_schemas_continue(engine_of, load, name, tmp_path):
    """The open run is resumed, the failed one retried, the finished one updated. Steps that have run are reused."""
    dump = load(name)
    LocalArtifactStore(tmp_path / "files").put(hashlib.sha256(b"paid").hexdigest(), b"paid")
    shipped = []

    def ship(receipt: str, address: str) -> str:
        shipped.append(address)
        return f"{receipt}, sent to {address}"

    async def outcome(run):
        steps = await engine.get_run_steps(run.id)
        return *[step.status.value for step in steps], await engine.get_result(run.id)

    async with engine_of(orders(ship), migrate=True) as engine:
        engine.take_on("own")
        runs = {run.status.value: run for run in await engine.list_runs()}
        has_tags = "'ada'" in dump
        assert len(await engine.list_runs(tags={"customer": "ada"})) == 3 * has_tags
        resumed = await engine.resume(runs["running"].id)
        assert await outcome(resumed) == ("completed", "completed", "paid 200, sent to Mordor")
        retried = await engine.retry(runs["failed"].id)
        assert await outcome(retried) == ("skipped", "completed", "paid 100, sent to Atlantis")
        updated = await engine.update(runs["completed"].id, ChangeRequest("address", {"address": "Rome"}))
        assert await outcome(updated) == ("skipped", "completed", "paid 100, sent to Rome")
        cached = await engine.run("orders.v1", {"net": 100, "address": "Oslo"})
        # The withdrawn schema had longer references to outputs, so the hashes of later inputs differ.
        ship_status = "completed" if name == "0002-withdrawn" else "skipped"
        assert await outcome(cached) == ("skipped", ship_status, "paid 100, sent to Oslo")
        for run in (*runs.values(), retried, updated, cached):
            (file,) = (await engine.get_run_artifacts(run.id))["receipt"]
            assert await engine.read_artifact(file) == b"paid"
    assert shipped[:3] == ["Mordor", "Atlantis", "Rome"]


@pytest.mark.parametrize("table", ["runs", "run_steps"])
def test_a_status_that_does_not_exist_is_refused_by_the_database(load, database, table):
    """For runs and for steps, also of a database that was made without this constraint."""
    load("0001")
    upgrade(database, migrate=True)
    with pytest.raises(IntegrityError), database.writing.begin() as connection:
        connection.exec_driver_sql(f"UPDATE {table} SET status = 'done'")  # noqa: S608 - a name of ours
