"""The writer thread: failing writes in a group, unavailable databases, and closing."""

import asyncio
import contextlib
import sqlite3
import threading
from dataclasses import dataclass

import pytest
from sqlalchemy.exc import OperationalError

from langgraph_runner.engine.store import writer
from langgraph_runner.engine.store.backends import open_database, sqlite
from langgraph_runner.engine.store.writer import GroupWriter, Write


@dataclass
class Add(Write[int]):
    """Add a number; 13 cannot be written."""

    number: int

    @classmethod
    def apply(cls, connection, writes):
        """Apply the writes one by one, so some are done when a later one fails."""
        for write in writes:
            connection.exec_driver_sql("INSERT INTO numbers VALUES (?)", (write.number,))
            if write.number == 13:
                raise ValueError("unlucky")
        return [write.number for write in writes]


@dataclass
class Held(Write[None]):
    """Keeps the writer busy until the test releases it, so later writes form one group."""

    begun: threading.Event
    go: threading.Event

    @classmethod
    def apply(cls, connection, writes):
        """Wait for the test."""
        for write in writes:
            write.begun.set()
            write.go.wait(10)
        return [None] * len(writes)


@pytest.fixture
def database(tmp_path):
    """A database file with one table."""
    database = open_database(f"sqlite:///{tmp_path / 'numbers.db'}")
    with database.writing.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE numbers (number INTEGER PRIMARY KEY)")
    yield database
    database.dispose()


@pytest.fixture
def handing(database):
    """A writer, which is closed at the end of the block."""
    group_writer = GroupWriter(database.writing)
    yield group_writer
    group_writer.close()


def numbers(database):
    """Return the committed numbers."""
    with database.reading.connect() as connection:
        return [*connection.exec_driver_sql("SELECT number FROM numbers ORDER BY number").scalars()]


async def as_one_group(handing, writes):
    """Submit writes as one group. Return the outcomes."""
    begun, go = threading.Event(), threading.Event()
    held = handing.submit(Held(begun, go))
    await asyncio.to_thread(begun.wait)
    futures = [handing.submit(write) for write in writes]
    go.set()
    await held
    return await asyncio.gather(*futures, return_exceptions=True)


async def test_what_comes_together_is_one_transaction(handing, database, monkeypatch):
    """Each write gets its own result."""
    groups, commit = [], writer._write_group

    def counted(connection, group):
        groups.append(len(group))
        return commit(connection, group)

    monkeypatch.setattr(writer, "_write_group", counted)
    assert await as_one_group(handing, [Add(1), Add(2), Add(3)]) == [1, 2, 3]
    assert groups == [1, 3]
    assert numbers(database) == [1, 2, 3]


async def test_of_a_group_only_what_cannot_be_written_fails(handing, database):
    """The others are written one by one, and the failed write has no effect."""
    results = await as_one_group(handing, [Add(1), Add(13), Add(2)])
    assert (results[0], results[2]) == (1, 2)
    assert isinstance(results[1], ValueError)
    assert numbers(database) == [1, 2]


async def test_a_refusal_of_the_database_is_of_one_write_alone(handing, database):
    """Its error is that of the database, not that of the group."""
    results = await as_one_group(handing, [Add(1), Add(1), Add(2)])
    assert (results[0], results[2]) == (1, 2)
    assert "UNIQUE constraint failed" in str(results[1])
    assert numbers(database) == [1, 2]


async def test_a_database_that_is_locked_is_waited_for_once_a_group(database, monkeypatch):
    """Otherwise each of a thousand writes would wait for the full time again."""
    apart, alone = [], writer._write_alone

    def counted(connection, handed):
        apart.append(handed.write)
        return alone(connection, handed)

    monkeypatch.setattr(writer, "_write_alone", counted)
    with database.writing.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 1")  # It is the connection that the writer gets.
    locked = sqlite3.connect(database.url.database)
    locked.execute("BEGIN IMMEDIATE")
    handing = GroupWriter(database.writing)
    futures = [handing.submit(Add(number)) for number in range(4)]
    results = await asyncio.gather(*futures, return_exceptions=True)
    assert [type(each) for each in results] == [OperationalError] * 4
    assert apart == []
    locked.close()
    assert await handing.submit(Add(7)) == 7
    handing.close()
    assert numbers(database) == [7]


class RolledBack(Write[None]):
    """A write in which SQLite rolls back the transaction, as it does at some errors."""

    @classmethod
    def apply(cls, connection, writes):
        """Roll back without a notice to this process."""
        connection.connection.driver_connection.rollback()
        return [None] * len(writes)


async def test_a_transaction_that_was_rolled_back_is_no_success(handing, database):
    """The other writes of the transaction are written again, one by one."""
    results = await as_one_group(handing, [Add(1), Add(2), RolledBack()])
    assert results[:2] == [1, 2]
    assert "made SQLite roll it back" in str(results[2])
    assert numbers(database) == [1, 2]


async def test_a_transaction_that_cannot_be_ended_does_not_stop_the_next(handing, database, monkeypatch):
    """At first it can be neither committed nor rolled back. The next transaction begins with a rollback."""
    driver_of, failed = sqlite._driver_of, []

    class Failing:
        """A connection whose first commit and first rollback fail."""

        def __init__(self, driver):
            self._driver = driver

        def __getattr__(self, name):
            if name in {"commit", "rollback"} and name not in failed:
                failed.append(name)
                raise sqlite3.OperationalError("disk I/O error")
            return getattr(self._driver, name)

    monkeypatch.setattr(sqlite, "_driver_of", lambda connection: Failing(driver_of(connection)))
    assert await handing.submit(Add(1)) == 1
    assert failed == ["commit", "rollback"]
    assert numbers(database) == [1]


async def test_without_a_connection_whoever_waits_is_told(database, monkeypatch):
    """The next write may succeed."""
    connect, calls = database.writing.connect, []

    def away():
        calls.append(1)
        if len(calls) == 1:
            raise OSError("the database is away")
        return connect()

    monkeypatch.setattr(database.writing, "connect", away)
    handing = GroupWriter(database.writing)
    with pytest.raises(OSError, match="away"):
        await handing.submit(Add(1))
    assert await handing.submit(Add(2)) == 2
    handing.close()
    assert numbers(database) == [2]


async def test_a_closed_writer_has_written_what_was_handed_in(handing, database):
    """It accepts no further writes, and can be closed again."""
    begun, go = threading.Event(), threading.Event()
    handing.submit(Held(begun, go))
    await asyncio.to_thread(begun.wait)
    future = handing.submit(Add(1))
    closing = asyncio.create_task(asyncio.to_thread(handing.close))
    go.set()
    await closing
    assert await future == 1
    handing.close()
    with pytest.raises(RuntimeError, match="store is closed"):
        handing.submit(Add(2))
    assert numbers(database) == [1]


async def test_a_writer_that_closes_leaves_no_caller_waiting(database, restless_threads):
    """Writes that are submitted at this moment are written or refused."""
    for _ in range(30):
        handing = GroupWriter(database.writing)
        closing = asyncio.create_task(asyncio.to_thread(handing.close))
        futures = []
        with contextlib.suppress(RuntimeError):
            while True:
                futures.append(handing.submit(_Nothing()))
                await asyncio.sleep(0)
        async with asyncio.timeout(10):
            await asyncio.gather(*futures, closing)


async def test_a_cancelled_wait_does_not_withdraw_the_write(handing, database):
    """Other writes of its group get their results, too."""
    begun, go = threading.Event(), threading.Event()
    held = handing.submit(Held(begun, go))
    await asyncio.to_thread(begun.wait)
    given_up, other = handing.submit(Add(1)), handing.submit(Add(2))
    given_up.cancel()
    go.set()
    await held
    assert await other == 2
    assert numbers(database) == [1, 2]


def test_a_loop_that_is_gone_harms_nobody(handing, database):
    """The writes of a closed event loop are still written, and the writer continues."""
    begun, go = threading.Event(), threading.Event()

    async def leave():
        handing.submit(Held(begun, go))
        handing.submit(Add(1))
        await asyncio.to_thread(begun.wait)

    async def stay():
        return await handing.submit(Add(2))

    asyncio.run(leave())
    go.set()
    assert asyncio.run(stay()) == 2
    assert numbers(database) == [1, 2]


@dataclass
class _Nothing(Write[None]):
    @classmethod
    def apply(cls, connection, writes):
        return [None] * len(writes)


@dataclass
class First(Write[list[str]]):
    """Records the order in which the writes of a group were applied."""

    turn = 0
    order: list[str]

    @classmethod
    def apply(cls, connection, writes):
        """Record this write."""
        for write in writes:
            write.order.append(cls.__name__)
        return [write.order for write in writes]


class Later(First):
    """The same, with a later turn."""

    turn = 2


async def test_writes_of_a_group_are_applied_in_their_turns_and_each_gets_its_own_result(handing):
    """So creating and advancing runs need few statements, in any order."""
    order, others = [], []
    writes = [Later(order), First(order), Later(others), First(order)]
    assert await as_one_group(handing, writes) == [order, order, others, order]
    assert order == ["First", "First", "Later"]


@dataclass
class Long(First):
    """The same, but with a transaction of its own."""

    is_long = True


async def test_a_long_write_has_a_transaction_of_its_own(handing):
    """It holds locks for long, and other writes should not hold theirs as long. The order is kept."""
    order = []
    await as_one_group(handing, [Later(order), Long(order), First(order), Long(order), Later(order)])
    assert order == ["Later", "Long", "First", "Long", "Later"]


async def test_without_a_connection_all_waiting_writes_fail(handing, monkeypatch):
    """Long ones too. Each of them would otherwise wait for its own time limit, or forever."""
    write_group = writer._write_group

    def away(connection, group):
        if isinstance(group[0].write, Held):
            return write_group(connection, group)
        raise OSError("the database is away")

    monkeypatch.setattr(writer, "_write_group", away)
    monkeypatch.setattr(sqlite.SQLiteBackend, "call_limit_s", 30)
    async with asyncio.timeout(10):
        results = await as_one_group(handing, [Add(1), Long([]), Long([]), Add(2)])
    assert [type(result) for result in results] == [OSError] * 4


async def test_others_get_their_turns_between_those_who_are_woken(handing):
    """If hundreds of callers continued in one turn of the loop, they would block it."""
    turns = 0

    async def turning():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def woken(write):
        await handing.submit(write)
        return turns

    begun, go = threading.Event(), threading.Event()
    held = handing.submit(Held(begun, go))
    await asyncio.to_thread(begun.wait)
    waiting = [asyncio.create_task(woken(Add(number))) for number in range(100, 300)]
    await asyncio.sleep(0)
    other = asyncio.create_task(turning())
    go.set()
    await held
    at_turns = await asyncio.gather(*waiting)
    other.cancel()
    assert max(at_turns) > min(at_turns)
