"""The lower bounds of any engine: asyncio alone, and SQLite alone, without runs and steps."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from typing import TYPE_CHECKING, Any

from benchmarks.engine.dag import walk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from benchmarks.engine.turns import Load, Run

_INSERT = "INSERT INTO steps (run, step, output) VALUES (?, ?, ?)"


@contextlib.contextmanager
def database(folder: Path) -> Iterator[sqlite3.Connection]:
    """A connection with a write-ahead log and durable commits."""
    with contextlib.closing(sqlite3.connect(folder / "bare.db", check_same_thread=False)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(
            "CREATE TABLE steps (run INTEGER, step TEXT, output TEXT, PRIMARY KEY (run, step))"
        )
        yield connection


@contextlib.asynccontextmanager
async def asyncio_alone(load: Load, _folder: Path) -> AsyncIterator[Run]:
    """A task for each step; nothing is stored."""

    async def run(_number: int) -> None:
        await walk(load.dag, load.work)

    yield run


@contextlib.asynccontextmanager
async def inserts(load: Load, folder: Path) -> AsyncIterator[Run]:
    """One insert and one commit for each step, one after another."""
    with database(folder) as connection:

        async def run(number: int) -> None:
            for step in load.dag.before:
                with connection:
                    connection.execute(_INSERT, (number, step, "1"))

        yield run


@contextlib.asynccontextmanager
async def grouped(load: Load, folder: Path) -> AsyncIterator[Run]:
    """A task and an insert for each step, with one thread that commits pending inserts as a group."""
    loop = asyncio.get_running_loop()
    handed: queue.SimpleQueue[Any] = queue.SimpleQueue()

    async def run(number: int) -> None:
        async def step(name: str, received: list[Any]) -> None:
            await load.work(name, received)
            future = loop.create_future()
            handed.put(((number, name, "1"), future))
            await future

        await walk(load.dag, step)

    with database(folder) as connection:
        thread = threading.Thread(target=_write, args=(connection, handed, loop))
        thread.start()
        try:
            yield run
        finally:
            handed.put(None)
            thread.join()


def _write(connection: sqlite3.Connection, handed: queue.SimpleQueue[Any], loop: Any) -> None:
    while True:
        group = [handed.get()]
        while not handed.empty():
            group.append(handed.get())
        rows = [each for each in group if each is not None]
        with connection:
            connection.executemany(_INSERT, [row for row, _ in rows])
        loop.call_soon_threadsafe(_resolve, [future for _, future in rows])
        if len(rows) < len(group):
            return


def _resolve(futures: list[asyncio.Future[None]]) -> None:
    for future in futures:
        future.set_result(None)
