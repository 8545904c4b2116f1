"""Concurrent transactions of several processes on PostgreSQL, and a COMMIT whose answer is lost."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from types import SimpleNamespace

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from langgraph_runner.engine import RunStatus
from langgraph_runner.engine.store import RunStore, backends, queries, writer
from langgraph_runner.engine.store.backends import sqlite
from langgraph_runner.engine.store.commands import (
    AdvanceRun,
    CancelRun,
    ClaimRun,
    CreateRun,
    DeleteRuns,
    DeleteUnusedOutputs,
    Heartbeat,
    ReleaseRuns,
    base,
)
from langgraph_runner.engine.store.commands.workers import (
    AddTask,
    ClaimTask,
    EndTask,
    GiveBackTasks,
    KeepTasks,
    TakeBackTask,
)
from langgraph_runner.engine.store.queries import TaskKey
from langgraph_runner.engine.store.records import NewRun, Start, StepChange
from langgraph_runner.engine.store.writer import GroupWriter, Write
from langgraph_runner.workflow import StepStatus, Workflow
from tests.engine.conftest import ON_POSTGRESQL
from tests.waiting import eventually

KEY = "w:s:same"


@pytest.fixture
def store(store_url):
    """The store of one process."""
    store = RunStore(store_url, migrate=False)
    yield store
    store.close()


def new(run_id, owner=None, **values):
    """A run with one step, claimed by `owner`."""
    values = {"tenant": "t", **values}
    return NewRun(
        id=run_id,
        root_run_id=run_id,
        workflow="w",
        version="1",
        trigger="manual",
        inputs=b"{}",
        options="{}",
        steps=("s",),
        owner=owner,
        lease_ms=3_600_000,
        **values,
    )


async def made(store, run_id, owner):
    """Create a run with one step, claimed by `owner`."""
    return await store.write(CreateRun(new(run_id, owner)))


def starting(created, owner):
    """The write that starts the step."""
    start = Start("s", "0" * 64, KEY, "1")
    return AdvanceRun(created.run_id, "t", created.fence, started=[start], owner=owner, seq=created.seq)


def ending(created, owner):
    """The write that ends the step, with an output that others may also have."""
    change = StepChange(step="s", status=StepStatus.COMPLETED, output=b"7", output_ref="f" * 64)
    return AdvanceRun(created.run_id, "t", created.fence, steps=[change], owner=owner, seq=created.seq)


@contextlib.contextmanager
def uncommitted(store, *writes):
    """A transaction of another process, which has made its writes and commits at the end of the block."""
    with store.database.reading.connect() as connection, connection.begin():
        for write in writes:
            type(write).apply(connection, [write])
        yield


def waiting(store):
    """Return the number of sessions that wait for a lock."""
    with store.database.reading.connect() as connection:
        return connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar()


@ON_POSTGRESQL
async def test_a_step_may_take_longer_than_25_days(store):
    """Its duration in ms needs more than 32 bits."""
    run = await made(store, "run", "a")
    change = StepChange(step="s", status=StepStatus.FAILED, duration_ms=2.0**31, error="{}")
    write = AdvanceRun("run", "t", run.fence, steps=[change], seq=run.seq)
    assert (await store.write(write)).is_accepted
    (step,) = await store.read(queries.steps_of, "t", "run")
    assert step.duration_ms == 2**31


@ON_POSTGRESQL
@pytest.mark.req("R-24")
async def test_equal_work_that_begins_at_once_is_begun_by_one(store):
    """The second transaction waits for the first one, and then sees its step."""
    first, second = await made(store, "first", "a"), await made(store, "second", "b")
    with uncommitted(store, starting(first, "a")):
        late = asyncio.ensure_future(store.write(starting(second, "b")))
        await eventually(lambda: waiting(store))
    assert (await late).held == {"s"}


@ON_POSTGRESQL
@pytest.mark.req("R-24")
async def test_more_keys_than_can_be_locked_one_by_one_are_locked_together(store, monkeypatch):
    """This also excludes transactions that lock a few keys."""
    monkeypatch.setattr(base, "_MAX_KEYS", 0)
    first, second = await made(store, "first", "a"), await made(store, "second", "b")
    with uncommitted(store, starting(first, "a")):
        late = asyncio.ensure_future(store.write(starting(second, "b")))
        await eventually(lambda: waiting(store))
    assert (await late).held == {"s"}


@ON_POSTGRESQL
async def test_an_output_to_which_a_commit_is_about_to_refer_stays(store):
    """The deletion of unused outputs waits for transactions that add references."""
    run = await made(store, "run", "a")
    with store.database.writing.begin() as connection:
        connection.execute(text("INSERT INTO outputs VALUES ('t', :sha, '7')"), {"sha": "f" * 64})
    with uncommitted(store, ending(run, "a")):
        deleting = asyncio.ensure_future(store.write(DeleteUnusedOutputs()))
        await eventually(lambda: waiting(store))
    assert await deleting == 0


@ON_POSTGRESQL
async def test_a_base_run_stays_until_the_run_that_reads_it_is_created(store):
    """Its deletion waits, so the new run copies all the steps that it reuses."""
    base_run = await made(store, "base", "a")
    await store.write(AdvanceRun("base", "t", base_run.fence, status="completed", seq=base_run.seq))
    derived = new("derived", base_run_id="base", reused_from="base", reused=frozenset("s"))
    with uncommitted(store, CreateRun(derived)):
        deleting = asyncio.ensure_future(store.write(DeleteRuns(["base"])))
        await eventually(lambda: waiting(store))
    assert await deleting == 1


@contextlib.contextmanager
def impatient(store):
    """A transaction of another process, in which a statement that waits for a lock fails."""
    with store.database.reading.connect() as connection, connection.begin():
        connection.execute(text("SET LOCAL lock_timeout = 500"))
        yield connection


@ON_POSTGRESQL
@pytest.mark.req("R-60")
async def test_claims_with_limits_do_not_wait_for_each_other(store):
    """Two engines search the tenants from different places. Each skips a tenant whose runs the other is counting."""
    for tenant in "ab":
        for number in "12":
            await store.write(CreateRun(new(tenant + number, tenant=tenant)))

    def claimed(connection, owner, after):
        claim = ClaimRun(owner, 60_000, ("w",), limits=2, after=after)
        (run,) = ClaimRun.apply(connection, [claim])
        return run and run.run_id

    with impatient(store) as first, impatient(store) as second:
        assert [claimed(first, "1", ""), claimed(second, "2", "a")] == ["a1", "b1"]
        assert [claimed(first, "1", "a"), claimed(second, "2", "b")] == ["a2", "b2"]


def written_together(store, *writes):
    """Write a group in one transaction, in another thread."""
    loop = asyncio.get_running_loop()
    group = [writer._Submitted(write, loop.create_future(), loop) for write in writes]

    def write():
        with store.database.writing.connect() as connection:
            return writer._write_group(connection, group)

    return asyncio.ensure_future(asyncio.to_thread(write))


@ON_POSTGRESQL
@pytest.mark.parametrize("kind", [CancelRun, Heartbeat])
async def test_a_group_locks_its_runs_before_anything_else(store, kind):
    """It waits for a run without holding the cache keys for which the owner of that run may wait."""
    first, second = await made(store, "first", "a"), await made(store, "second", "b")
    on_first = CancelRun("first", "t", "x") if kind is CancelRun else Heartbeat("a", 60_000, {"first": 1})
    with impatient(store) as connection:
        AdvanceRun.apply(connection, [AdvanceRun("first", "t", first.fence, seq=first.seq)])
        writing = written_together(store, starting(second, "b"), on_first)
        await eventually(lambda: waiting(store))
        (started,) = AdvanceRun.apply(connection, [starting(first, "a")])
        connection.commit()
        (advanced, _) = await writing
    assert (started.held, advanced.held) == (frozenset(), {"s"})


async def claimed_task(store, run_id, owner="a", worker="b"):
    """Create a run, and return its task, which a worker has claimed."""
    created = await made(store, run_id, owner)
    key = TaskKey("t", run_id, "s")
    await store.write(AddTask(key, "w", worker, Start("s", "0" * 64, None, "1"), created.fence))
    return await store.write(ClaimTask(worker, 3_600_000, (worker,), ("w",)))


def failing(task):
    """The write that ends the run of a task, and so deletes the task."""
    error = '{"code": "X", "error_type": "X"}'
    return AdvanceRun(task.key.run_id, "t", 1, status="failed", error=error, seq=2, has_tasks=True)


def keeping(*tasks):
    """The heartbeat of a worker with these tasks."""
    return KeepTasks(60_000, {task.key: task.fence for task in tasks})


@ON_POSTGRESQL
@pytest.mark.parametrize(
    "writes_of",
    [
        lambda first, second: [failing(second), keeping(first)],
        lambda first, second: [failing(second), TakeBackTask(first.key)],
        lambda first, second: [TakeBackTask(second.key), TakeBackTask(first.key)],
        lambda first, second: [GiveBackTasks({second.key: 1}), GiveBackTasks({first.key: 1})],
    ],
)
async def test_a_group_locks_its_tasks_in_one_order(store, writes_of):
    """It waits for the first task without holding the second one, which a worker of both may want next."""
    first, second = await claimed_task(store, "first"), await claimed_task(store, "second")
    with impatient(store) as connection:
        keeping(first).apply(connection, [keeping(first)])
        writing = written_together(store, *writes_of(first, second))
        await eventually(lambda: waiting(store))
        keeping(second).apply(connection, [keeping(second)])
        connection.commit()
        assert await writing is not None


@ON_POSTGRESQL
async def test_a_group_of_cancellations_locks_its_runs_in_one_order(store):
    """It waits for the first run without holding the second one, which the next heartbeat of both wants."""
    for run_id in ("first", "second"):
        await made(store, run_id, "a")
    with impatient(store) as connection:
        Heartbeat.apply(connection, [Heartbeat("a", 60_000, {"first": 1})])
        writing = written_together(store, CancelRun("second", "t", "x"), CancelRun("first", "t", "x"))
        await eventually(lambda: waiting(store))
        Heartbeat.apply(connection, [Heartbeat("a", 60_000, {"second": 1})])
        connection.commit()
        assert await writing is not None


@ON_POSTGRESQL
async def test_two_processes_with_each_others_tasks_do_not_deadlock(store, store_url):
    """Each owns runs whose steps the other one runs. Runs end while their tasks are renewed, done and taken back."""
    other = RunStore(store_url)

    def work(store, own, borrowed):
        change = StepChange(step="s", status=StepStatus.COMPLETED, output=b"7", output_ref="f" * 64)
        for index, (task, lent) in enumerate(zip(own, borrowed, strict=True)):
            end = failing(task) if index % 2 else TakeBackTask(task.key)
            yield store.write(end)
            yield store.write(keeping(*borrowed))
            yield store.write(EndTask(lent.key, lent.fence, change))

    for number in range(5):
        ids = [f"{number}-{index}" for index in range(10)]
        first = await asyncio.gather(*(claimed_task(store, f"{run_id}-a", "a", "b") for run_id in ids))
        second = await asyncio.gather(*(claimed_task(other, f"{run_id}-b", "b", "a") for run_id in ids))
        await asyncio.gather(*work(store, first, second), *work(other, second, first))
    store.close()
    other.close()
    with psycopg.connect(store_url) as connection:

        def ask(query):
            return connection.execute(f"SELECT {query} WHERE datname = current_database()").fetchone()[0]

        # A session reports its deadlocks when it ends.
        await eventually(lambda: ask("count(*) = 1 FROM pg_stat_activity"))
        assert ask("deadlocks FROM pg_stat_database") == 0


class Conflicting(Write[int]):
    """A write whose transaction PostgreSQL aborts a few times in favour of another one."""

    def __init__(self, sqlstate, times):
        self.sqlstate = sqlstate
        self.left = times

    @classmethod
    def apply(cls, connection, writes):
        """Return how often it was aborted."""
        for write in writes:
            write.left -= 1
            if write.left >= 0:
                raise OperationalError("", None, SimpleNamespace(sqlstate=write.sqlstate))
        return [write.left for write in writes]


@pytest.mark.parametrize("sqlstate", ["40P01", "40001"], ids=["deadlock", "serialization_failure"])
async def test_a_transaction_that_lost_to_another_is_tried_again(tmp_path, sqlstate):
    """At once, without an error for the caller."""
    database = backends.open_database(f"sqlite:///{tmp_path / 'w.db'}")
    handing = GroupWriter(database.writing)
    assert await handing.submit(Conflicting(sqlstate, times=3)) == -1
    handing.close()
    database.dispose()


async def test_a_transaction_that_always_loses_is_given_up(tmp_path):
    """The caller gets the error of the database."""
    database = backends.open_database(f"sqlite:///{tmp_path / 'w.db'}")
    handing = GroupWriter(database.writing)
    with pytest.raises(OperationalError):
        await handing.submit(Conflicting("40P01", times=3 * writer._MAX_CONFLICTS))
    handing.close()
    database.dispose()


def is_writer():
    """Whether this is the writer thread of the store."""
    return threading.current_thread().name == "langgraph-runner-writer"


@pytest.fixture
def losing_answer(monkeypatch):
    """Lose the server's answer to the next COMMIT of the writer. Return a function that enables this."""
    commit, lost = psycopg.Connection.commit, []

    def failing(connection):
        commit(connection)
        if lost and is_writer():
            lost.pop()
            connection.close()
            raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(psycopg.Connection, "commit", failing)
    return lambda: lost.append(1)


def flow(calls):
    """A chain of two steps. The first one saves a file."""
    workflow = Workflow("w")

    @workflow.step(cache="none")
    def first(inputs, ctx) -> int:
        calls.append("first")
        ctx.save_artifact("a.txt", b"x", "text/plain")
        return 1

    @workflow.step
    def second(first: int) -> int:
        calls.append("second")
        return first + 1

    return workflow


@ON_POSTGRESQL
@pytest.mark.req("R-10")
async def test_a_run_whose_commit_was_not_answered_is_made(engine_of, losing_answer):
    """The run exists, so `trigger()` returns it, and it runs once."""
    calls = []
    async with engine_of(flow(calls)) as engine:
        losing_answer()
        run = await engine.trigger("w")
        ended = await engine.wait(run.id, timeout_ms=10_000)
        assert [each.id for each in await engine.list_runs()] == [run.id]
    assert (ended.status, calls) == (RunStatus.COMPLETED, ["first", "second"])


@ON_POSTGRESQL
@pytest.mark.req("R-43")
@pytest.mark.parametrize("cached", [False, True], ids=["runs", "hits"])
async def test_an_advance_whose_commit_was_not_answered_is_not_repeated(engine_of, losing_answer, cached):
    """The writes of the transaction are read back, and the run continues from there."""
    calls = []
    workflow = flow(calls)
    async with engine_of(workflow, lease_ms=3_600_000) as engine:  # No other claim may continue the run.
        if cached:
            await engine.run("w")
            await engine._host.cache.clear_hot()
        calls.clear()
        write, seen = engine._store.write, []

        async def losing(each):
            if isinstance(each, AdvanceRun) and any(change.step == "first" for change in each.steps):
                seen.append(each)
                losing_answer()
            return await write(each)

        engine._store.write = losing
        run = await engine.trigger("w")
        run = await engine.wait(run.id, timeout_ms=10_000)
        events = [event.seq async for event in engine.events(run.id)]
    assert len(seen) == 1
    assert run.status is RunStatus.COMPLETED
    assert events == list(range(1, len(events) + 1))
    assert calls == (["first"] if cached else ["first", "second"])


@pytest.fixture
def refusing(monkeypatch):
    """Let the next connection attempts of the writer fail, as in a restart. Return a function that sets how many."""
    connect, left = Engine.connect, []

    def failing(engine):
        if left and is_writer():
            left.pop()
            raise OperationalError("connect", None, Exception("connection refused"))
        return connect(engine)

    monkeypatch.setattr(Engine, "connect", failing)
    return lambda times: left.extend([1] * times)


@ON_POSTGRESQL
@pytest.mark.req("R-10")
async def test_an_unanswered_commit_is_looked_up_when_the_server_is_back(engine_of, losing_answer, refusing):
    """The server refuses connections for a while, as in a restart or a failover."""
    calls = []
    async with engine_of(flow(calls)) as engine:
        await engine._store.write(ReleaseRuns({}))  # The writer is connected now.
        losing_answer()
        refusing(3)
        run = await engine.trigger("w")
        ended = await engine.wait(run.id, timeout_ms=10_000)
        assert [each.id for each in await engine.list_runs()] == [run.id]
    assert (ended.status, calls) == (RunStatus.COMPLETED, ["first", "second"])


@ON_POSTGRESQL
@pytest.mark.req("R-10")
async def test_a_commit_whose_answer_is_lost_twice_is_looked_up_again(engine_of, losing_answer):
    """The second connection is lost as well."""
    calls = []
    async with engine_of(flow(calls)) as engine:
        losing_answer()
        losing_answer()
        run = await engine.trigger("w")
        ended = await engine.wait(run.id, timeout_ms=10_000)
    assert (ended.status, calls) == (RunStatus.COMPLETED, ["first", "second"])


@ON_POSTGRESQL
@pytest.mark.req("R-42")
async def test_a_claim_whose_commit_was_not_answered_is_not_repeated(engine_of, losing_answer):
    """A repeated claim would take another run, and leave the first one until its lease expires."""
    async with engine_of(flow([])) as engine:
        engine.take_on("none")
        first, second = [await engine.trigger("w", {"number": number}) for number in range(2)]
        losing_answer()
        claimed = await engine._store.write(engine._worker.claimer.claim_write())
        assert (claimed.run_id, claimed.fence, claimed.recoveries) == (first.id, 1, 0)
        assert (await engine.get_run(second.id)).status is RunStatus.PENDING


@ON_POSTGRESQL
@pytest.mark.req("R-43")
async def test_two_claims_whose_commit_was_undone_never_get_the_same_run(engine_of, monkeypatch):
    """Another process takes the first run meanwhile, so one claim gets the run that the other claim had before."""
    commit = psycopg.Connection.commit

    async with engine_of(flow([])) as engine:
        engine.take_on("none")
        first, second = [await engine.trigger("w", {"number": number}) for number in range(2)]
        database = backends.open_database(engine._store.database.url)
        stolen = []

        def failing(connection):
            if stolen or not is_writer():
                commit(connection)
                return
            stolen.append(1)
            connection.close()  # The writes were rolled back.
            with database.writing.begin() as other:
                theirs = ClaimRun("somebody else", 60_000, ("w",))
                assert ClaimRun.apply(other, [theirs])[0].run_id == first.id
            raise psycopg.OperationalError("server closed the connection unexpectedly")

        monkeypatch.setattr(psycopg.Connection, "commit", failing)
        ours = [engine._worker.claimer.claim_write() for _ in range(2)]
        handed = [writer._Submitted(each, asyncio.get_running_loop().create_future(), None) for each in ours]
        connection = database.writing.connect()
        assert await asyncio.to_thread(_written_by_a_writer, connection, database.writing, handed) == [
            second.id,
            None,
        ]
        monkeypatch.undo()
        database.dispose()


def _written_by_a_writer(connection, pool, group):
    """Apply claims as in a writer thread, and return the ids of the claimed runs."""
    threading.current_thread().name = "langgraph-runner-writer"
    results = writer._write_group(connection, group)
    if results is None:
        connection, results = writer._write_one_by_one(connection, pool, group)
    connection.close()
    return [None if each is None else each.run_id for each in results]


@ON_POSTGRESQL
@pytest.mark.req("R-10")
async def test_a_server_that_does_not_come_back_is_not_waited_for_without_end(
    engine_of, losing_answer, refusing, monkeypatch
):
    """The caller gets the error."""
    monkeypatch.setattr("langgraph_runner.engine.store.writer._RECONNECT_S", 0.05)
    async with engine_of(flow([])) as engine:
        await engine._store.write(ReleaseRuns({}))  # The writer is connected now.
        losing_answer()
        refusing(1_000)
        with pytest.raises(OperationalError, match="connection refused"):
            await engine.trigger("w")
        monkeypatch.undo()


class BusyCursor:
    """A cursor that is refused at first, as when two connections switch a new file at the same time."""

    def __init__(self, *codes):
        self.codes = [*codes]

    def execute(self, _statement):
        """Fail with the next code."""
        if self.codes:
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = self.codes.pop(0)
            raise error


@pytest.mark.parametrize("code", [sqlite3.SQLITE_BUSY, sqlite3.SQLITE_BUSY_RECOVERY, sqlite3.SQLITE_LOCKED])
def test_a_new_file_that_others_open_as_well_is_waited_for(code):
    """The busy timeout does not apply to the switch to write-ahead logging."""
    cursor = BusyCursor(code, code)
    sqlite._use_wal(cursor)
    assert cursor.codes == []


def test_a_file_that_cannot_be_switched_is_refused_at_once():
    """For example, because of a full disk."""
    cursor = BusyCursor(sqlite3.SQLITE_FULL, sqlite3.SQLITE_FULL)
    with pytest.raises(sqlite3.OperationalError):
        sqlite._use_wal(cursor)
    assert len(cursor.codes) == 1
