"""Opening a database by its URL."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import URL
from sqlalchemy.exc import DatabaseError, OperationalError

from langgraph_runner.engine import RunEngine, RunStatus
from langgraph_runner.engine.store.backends import open_database, sqlite
from langgraph_runner.engine.store.commands import AdvanceRun
from langgraph_runner.engine.store.migrating import upgrade
from langgraph_runner.engine.store.writer import Write
from langgraph_runner.workflow import Workflow
from tests.engine.conftest import ON_POSTGRESQL, ON_SQLITE
from tests.waiting import Observed, eventually


def test_a_path_that_would_be_cut_off_is_refused(tmp_path):
    """SQLAlchemy reads the part after a question mark as options, and would open another file."""
    with pytest.raises(ValueError, match=r"URL\.create"):
        RunEngine(store=f"sqlite:///{tmp_path}/what?.db")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.req("R-60")
async def test_any_path_can_be_given_as_a_url(tmp_path):
    """The database and the artifacts are at this path."""
    flow = Workflow("w")

    @flow.step
    def note(ctx) -> None:
        ctx.save_artifact("note.txt", "x")

    path = tmp_path / "what?=1#ü %20.db"
    async with RunEngine([flow], store=URL.create("sqlite", database=str(path))) as engine:
        await engine.run("w")
    assert {each.name for each in tmp_path.iterdir()} == {path.name, f"{path.name}.artifacts"}


@pytest.mark.parametrize("replaced", [False, True], ids=["deleted", "replaced"])
def test_no_connection_is_opened_to_another_file_of_that_name(tmp_path, replaced):
    """SQLite would truncate the shared memory of the open connections, and the process would die with SIGBUS."""
    path = tmp_path / "runs.db"
    database = open_database(f"sqlite:///{path}")
    upgrade(database, migrate=True)
    with database.reading.connect() as first:
        assert first.exec_driver_sql("SELECT count(*) FROM runs").scalar() == 0
        path.unlink()
        if replaced:
            path.touch()
        with pytest.raises(OperationalError, match="deleted or replaced"), database.reading.connect():
            pass
        with pytest.raises(sqlite3.OperationalError, match="deleted or replaced"):
            database.read_back("r")
        assert first.exec_driver_sql("SELECT count(*) FROM runs").scalar() == 0
    assert path.exists() is replaced
    database.dispose()


async def test_a_database_in_memory_serves_many_runs_at_once():
    """Each engine has its own database. Concurrent transactions do not share a connection."""
    flow = Workflow("w")

    @flow.step
    def one(inputs) -> int:
        return inputs["x"]

    @flow.step
    def two(one: int) -> int:
        return one + 1

    async with RunEngine([flow], store="sqlite://") as engine, RunEngine([flow], store="sqlite://") as other:
        runs = await asyncio.gather(*(engine.run("w", {"x": n}) for n in range(40)))
        assert [await engine.get_output(run.id, "two") for run in runs] == [*range(1, 41)]
        assert await other.list_runs() == []


@pytest.fixture
def steps():
    """A workflow of two steps, whose first one waits for `go`, and the steps that have run."""
    flow, ran, go = Workflow("w"), Observed(), asyncio.Event()

    @flow.step(cache="none")
    async def first(inputs) -> str:
        ran.append("first")
        await go.wait()
        return "x" * inputs.get("size", 1)

    @flow.step(cache="none")
    def second(first: str) -> int:
        ran.append("second")
        return len(first)

    return flow, ran, go


def interrupted(caplog):
    """Whether the log says that a run was interrupted."""
    return any(record.getMessage().startswith("run.interrupted") for record in caplog.records)


@ON_SQLITE
@pytest.mark.req("R-42")
async def test_a_run_outlives_a_database_that_is_locked_for_too_long(engine_of, steps, monkeypatch, caplog):
    """Another process holds the lock for a long time. The run does not fail, and continues afterwards."""
    monkeypatch.setattr(sqlite, "_BUSY_MS", 20)
    flow, ran, go = steps
    async with engine_of(flow, lease_ms=200) as engine:
        write = engine._store.write

        async def until_it_fails(each):
            try:
                return await write(each)
            finally:
                if isinstance(each, AdvanceRun):
                    other.rollback()

        run = await engine.trigger("w")
        await ran.reach()
        with closing(sqlite3.connect(engine._store.database.url.database)) as other:
            other.execute("BEGIN IMMEDIATE")
            monkeypatch.setattr(engine._store, "write", until_it_fails)
            go.set()
            await eventually(lambda: interrupted(caplog) or not engine._worker.workload.tasks)
            monkeypatch.setattr(engine._store, "write", write)
        ended = await engine.wait(run.id, timeout_ms=10_000)
    assert (ended.status, ran) == (RunStatus.COMPLETED, ["first", "first", "second"])


def taken_away(file):
    """Rename a file. Return a function that moves it back, unless another file is in its place."""
    away = file.rename(file.with_name("away.db"))

    def put_back():
        assert not file.exists()
        away.rename(file)

    return put_back


@ON_SQLITE
@pytest.mark.req("R-42")
async def test_nothing_is_written_to_a_file_that_was_taken_away(engine_of, steps, caplog):
    """SQLite would continue to write to the file without a name. The run continues when the file is back."""
    flow, ran, go = steps
    async with engine_of(flow, lease_ms=200) as engine:
        run = await engine.trigger("w")
        await ran.reach()
        put_back = taken_away(Path(engine._store.database.url.database))
        go.set()
        await eventually(lambda: interrupted(caplog))
        with pytest.raises(OperationalError, match=r"runs\.db was deleted or replaced"):
            await engine.trigger("w")
        put_back()
        assert (await engine.wait(run.id, timeout_ms=10_000)).status is RunStatus.COMPLETED
    async with engine_of(flow) as engine:
        assert [each.id for each in await engine.list_runs()] == [run.id]


@ON_POSTGRESQL
@pytest.mark.req("R-42")
async def test_a_run_outlives_a_server_that_ends_its_connections(engine_of, steps):
    """As in a restart or a failover. The writer gets another connection, and the run continues."""
    flow, ran, go = steps
    async with engine_of(flow, lease_ms=200) as engine:
        run = await engine.trigger("w")
        await ran.reach()
        with engine._store.database.reading.connect() as connection:
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        go.set()
        ended = await engine.wait(run.id, timeout_ms=10_000)
    assert ended.status is RunStatus.COMPLETED


class Limit(Write[int]):
    """Limits the pages of the file. Beyond the limit, SQLite reports a full disk."""

    def __init__(self, more):
        self.more = more

    @classmethod
    def apply(cls, connection, writes):
        """Allow this many more pages than the file has."""

        def pragma(text):
            return connection.exec_driver_sql(f"PRAGMA {text}").scalar()

        return [pragma(f"max_page_count = {pragma('page_count') + write.more}") for write in writes]


@ON_SQLITE
@pytest.mark.req("R-42")
async def test_a_run_outlives_a_full_disk(engine_of, steps, caplog):
    """Commits stay. A new run is refused with the error, and the old one continues when there is room."""
    flow, ran, go = steps
    async with engine_of(flow, lease_ms=200) as engine:
        run = await engine.trigger("w", {"size": 3_000_000})
        await ran.reach()
        await engine._store.write(Limit(3))
        go.set()
        await eventually(lambda: interrupted(caplog))
        with pytest.raises(Exception, match="database or disk is full"):
            await engine.trigger("w", {"padding": "x" * 3_000_000})
        assert (await engine.get_run(run.id)).status is RunStatus.RUNNING
        await engine._store.write(Limit(1_000_000))
        ended = await engine.wait(run.id, timeout_ms=10_000)
        assert await engine.get_output(run.id, "second") == 3_000_000
    assert ended.status is RunStatus.COMPLETED


async def test_a_database_that_cannot_be_written_is_said_at_once(tmp_path, monkeypatch):
    """No engine is created without a writable database."""
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OSError, match="file"):
        RunEngine(store=f"sqlite:///{tmp_path}/file/runs.db")
    (tmp_path / "text.db").write_text("no database at all, however long one looks at it")
    with pytest.raises(DatabaseError, match="file is not a database") as refused:
        RunEngine(store=f"sqlite:///{tmp_path}/text.db")
    assert refused.value.__notes__ == [f"The database is sqlite:///{tmp_path}/text.db"]


@pytest.mark.parametrize(
    ("url", "message"),
    [("runs.db", "must be a URL"), ("mysql://localhost/runs", "got 'mysql'")],
)
def test_an_address_of_no_known_database_is_refused(url, message):
    """The message shows a valid address."""
    with pytest.raises(ValueError, match=f"{message}.*sqlite:///runs.db"):
        RunEngine(store=url)
