"""Databases that fail permanently while a caller waits for a run, and damaged files."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from langgraph_runner.engine import RunStatus, StoreUnavailableError
from langgraph_runner.engine.store import queries
from langgraph_runner.engine.store.backends import PostgreSQLBackend, SQLiteBackend
from langgraph_runner.engine.store.commands import ReleaseRuns
from langgraph_runner.engine.worker import health
from langgraph_runner.workflow import Workflow
from tests.engine.conftest import ON_SQLITE, edited
from tests.waiting import Observed


@pytest.fixture
def held():
    """A workflow whose second step waits for `go`."""
    workflow, begun, go = Workflow("w"), Observed(), asyncio.Event()

    @workflow.step
    def first(inputs) -> int:
        return 1

    @workflow.step
    async def second(first: int) -> int:
        begun.append(1)
        await go.wait()
        return first + 1

    return workflow, begun, go


async def refused(engine, run_id):
    """Return the error that `wait()` raises within a bounded time."""
    async with asyncio.timeout(20):
        with pytest.raises(StoreUnavailableError) as raised:
            await engine.wait(run_id)
    return raised.value


def removed(path, *, replaced):
    """Delete a file, or put another one in its place."""
    path.unlink()
    if replaced:
        path.touch()


@ON_SQLITE
@pytest.mark.parametrize("replaced", [False, True], ids=["deleted", "replaced"])
async def test_who_waits_hears_that_the_file_is_gone(engine_of, held, replaced):
    """Otherwise the caller would wait forever, because SQLite continues with a file without a name."""
    workflow, begun, go = held
    async with engine_of(workflow, lease_ms=200) as engine:
        run = await engine.trigger("w")
        await begun.reach()
        removed(Path(engine._store.database.url.database), replaced=replaced)
        go.set()
        error = await refused(engine, run.id)
    assert "deleted or replaced" in str(error)
    assert (error.run_id, error.code) == (run.id, "STORE_UNAVAILABLE")


async def test_who_waits_hears_that_a_table_is_missing(engine_of, held):
    """No commit is possible until the table is back."""
    workflow, begun, go = held
    async with engine_of(workflow, lease_ms=200) as engine:
        run = await engine.trigger("w")
        await begun.reach()
        with edited(engine) as connection:
            connection.exec_driver_sql("ALTER TABLE outputs RENAME TO hidden")
        go.set()
        assert "outputs" in str(await refused(engine, run.id))
        with edited(engine) as connection:
            connection.exec_driver_sql("ALTER TABLE hidden RENAME TO outputs")
        ended = await engine.wait(run.id, timeout_ms=20_000)
    assert ended.status is RunStatus.COMPLETED


async def test_who_waits_for_a_run_of_others_hears_that_it_cannot_be_read(engine_of, held):
    """The table of runs is gone. When it is back, the run is found again."""
    workflow, _, go = held
    async with engine_of(workflow) as engine:
        engine.take_on("none")
        run = await engine.trigger("w")
        with edited(engine) as connection:
            connection.exec_driver_sql("ALTER TABLE runs RENAME TO hidden")
        assert "runs" in str(await refused(engine, run.id))
        with edited(engine) as connection:
            connection.exec_driver_sql("ALTER TABLE hidden RENAME TO runs")
        engine.take_on("all")
        go.set()
        assert (await engine.wait(run.id, timeout_ms=20_000)).status is RunStatus.COMPLETED


@pytest.fixture
def away(monkeypatch):
    """Lets the database refuse all writes while the list is not empty."""
    is_away = []

    def refused_by(begin):
        def beginning(backend, connection):
            if is_away:
                raise OperationalError("BEGIN", None, Exception("database is locked"))
            return begin(backend, connection)

        return beginning

    for kind in (SQLiteBackend, PostgreSQLBackend):
        monkeypatch.setattr(kind, "begin_writing", refused_by(kind.begin_writing))
    return is_away


async def test_who_waits_hears_of_a_database_that_is_away_for_long(engine_of, held, away, monkeypatch):
    """Not at once, because the database may come back."""
    workflow, begun, go = held
    async with engine_of(workflow, lease_ms=200) as engine:
        run = await engine.trigger("w")
        await begun.reach()
        away.append(1)
        go.set()
        with pytest.raises(TimeoutError):
            await engine.wait(run.id, timeout_ms=300)
        monkeypatch.setattr(health, "_PATIENCE_S", 0)
        assert "database is locked" in str(await refused(engine, run.id))
        away.clear()
        assert (await engine.wait(run.id, timeout_ms=20_000)).status is RunStatus.COMPLETED


def destroyed(path):
    """Overwrite a file in place, like a program with a wrong file name."""
    with path.open("r+b") as file:
        file.write(b"garbage" * 20_000)
        file.truncate(50_000)
    path.with_name(f"{path.name}-wal").unlink(missing_ok=True)


@ON_SQLITE
@pytest.mark.parametrize("every_s", [0.0, 3_600.0], ids=["now_and_then", "at_the_end"])
async def test_a_file_that_was_destroyed_is_logged(engine_of, monkeypatch, caplog, every_s):
    """SQLite itself continues with its memory, and reports completed runs."""
    monkeypatch.setattr(health, "_READ_BACK_EVERY_S", every_s)
    workflow = Workflow("w")
    workflow.step(lambda inputs: 1, id="s", output=int)
    async with engine_of(workflow) as engine:
        await engine.run("w", {"number": 1})
        destroyed(Path(engine._store.database.url.database))
        await engine._worker.health.read_back()
        engine._worker.health.note_end("default", "unknown")
    assert "store.damaged" in caplog.text
    assert "restore a backup" in caplog.text


@ON_SQLITE
async def test_a_run_that_was_pruned_is_no_damage(engine_of, caplog):
    """Its row was deleted on purpose before it was read back."""
    workflow = Workflow("w")
    workflow.step(lambda inputs: 1, id="s", output=int)
    async with engine_of(workflow) as engine, engine_of(workflow) as other:
        await engine.run("w", {"number": 1})
        await other.prune(older_than=timedelta())
        await engine._worker.health.read_back()
    assert "store.damaged" not in caplog.text


def vacuumed(connection, path):
    """Let SQLite shorten the file itself."""
    connection.execute("DELETE FROM outputs")
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def cut(connection, path):
    """Cut off the second half, like an interrupted copy."""
    os.truncate(path, path.stat().st_size // 2)


@ON_SQLITE
@pytest.mark.parametrize(("change", "is_damaged"), [(cut, True), (vacuumed, False)])
async def test_a_file_that_has_become_shorter_is_checked_as_a_whole(engine_of, caplog, change, is_damaged):
    """Other rows than the one that is read back may be missing. VACUUM is harmless."""
    workflow = Workflow("w", cache="none")
    workflow.step(lambda inputs: f"{inputs['number']}" * 200_000, id="s", output=str)
    async with engine_of(workflow) as engine:
        for number in range(3):
            run = await engine.run("w", {"number": number})
        path = Path(engine._store.database.url.database)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            await engine._store.write(ReleaseRuns({}))  # Each write checks the file.
            change(connection, path)
        engine._worker.health.note_end("default", run.id)
        await engine._worker.health.read_back()
    assert ("store.damaged" in caplog.text) is is_damaged


@pytest.mark.req("R-42")
@pytest.mark.parametrize(
    "selector",
    [None, lambda sources: {"first": sources.outputs["first"]}],
    ids=["received", "selected"],
)
async def test_a_database_that_is_away_when_a_step_reads_its_input_fails_no_step(
    engine_of, monkeypatch, selector
):
    """The run is interrupted, and continues when its lease has expired."""
    workflow, calls = Workflow("w"), []

    @workflow.step
    def first(inputs) -> int:
        return 1

    @workflow.step(cache="none", input_selector=selector, depends_on=["first"] if selector else ())
    def second(first: int) -> int:
        calls.append(first)
        return first + 1

    async with engine_of(workflow, lease_ms=200) as engine:
        await engine.run("w")
        read, refused = engine._store.read, []

        async def away(query, *arguments, **keywords):
            if query is queries.output_data and not refused:
                refused.append(1)
                raise OperationalError("SELECT", None, Exception("server closed the connection"))
            return await read(query, *arguments, **keywords)

        monkeypatch.setattr(engine._store, "read", away)
        run = await engine.run("w")  # The first step is a cache hit, so its output has to be read.
        events = [event.type async for event in engine.events(run.id)]
    assert (run.status, calls, refused) == (RunStatus.COMPLETED, [1, 1], [1])
    assert "run_recovered" in events
