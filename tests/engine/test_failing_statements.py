"""One in a hundred statements fails, and one in a hundred commits takes effect but is reported as lost.

`make soak` runs more of them.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter

import psycopg
import pytest
from sqlalchemy import func, select

from langgraph_runner import Workflow
from langgraph_runner.engine.store.schema import runs
from tests.engine.conftest import ON_POSTGRESQL

pytestmark = [ON_POSTGRESQL, pytest.mark.req("R-42", "R-43")]

RUNS = int(os.environ.get("SOAK_FAILING_RUNS", "60"))
STEPS = 5


@pytest.fixture
def failing(monkeypatch):
    """Lets statements and commits of the writer fail at the given rates, and counts the failures."""
    chance, rates, failed = random.Random(7), {}, Counter()  # noqa: S311 - a reproducible one

    def fails(what, connection):
        if chance.random() >= rates.get(what, 0):
            return False
        failed[what] += 1
        connection.close()
        return True

    execute, executemany, commit = (
        psycopg.Cursor.execute,
        psycopg.Cursor.executemany,
        psycopg.Connection.commit,
    )

    def failing_execute(cursor, *arguments, **options):
        if fails("statements", cursor.connection):
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        return execute(cursor, *arguments, **options)

    def failing_executemany(cursor, *arguments, **options):
        if fails("statements", cursor.connection):
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        return executemany(cursor, *arguments, **options)

    def failing_commit(connection):
        commit(connection)
        if fails("commits", connection):
            raise psycopg.OperationalError("could not receive data from server: Connection timed out")

    monkeypatch.setattr(psycopg.Cursor, "execute", failing_execute)
    monkeypatch.setattr(psycopg.Cursor, "executemany", failing_executemany)
    monkeypatch.setattr(psycopg.Connection, "commit", failing_commit)
    yield rates, failed
    rates.clear()


async def test_failing_statements_and_lost_answers_have_no_effect(engine_of, failing, tell):
    """All runs complete, and no committed step runs again."""
    rates, failed = failing
    done: Counter[tuple[int, int]] = Counter()
    flow = Workflow("w", cache="none")

    def step(number):
        async def work(inputs) -> int:
            done[inputs["n"], number] += 1
            return inputs["n"] * 100 + number

        return work

    for number in range(STEPS):
        flow.step(
            step(number),
            id=f"s{number}",
            output=int,
            depends_on=(f"s{number - 1}",) if number else (),
        )
    async with engine_of(flow, lease_ms=500, max_recovery_attempts=1_000) as engine:
        rates.update(statements=0.01, commits=0.01)
        made = await asyncio.gather(*(patient(engine, n) for n in range(RUNS)))
        for run in made:
            await patiently(lambda run=run: engine.wait(run.id, timeout_ms=60_000))
        rates.clear()
        for n, run in enumerate(made):
            ended = await engine.get_run(run.id)
            assert (ended.status, await engine.get_result(run.id)) == ("completed", n * 100 + STEPS - 1)
        assert await engine.store.read(count_runs, "default") == RUNS
    again = sum(done.values()) - RUNS * STEPS
    assert {len(done)} == {RUNS * STEPS}
    tell(
        f"{RUNS} runs, {failed['statements']} statements failed and {failed['commits']} commits reported as lost:"
        f" all completed, no run twice, {again} uncommitted steps done again"
    )


def count_runs(connection, tenant):
    """Return the number of runs of a tenant."""
    counted = select(func.count()).select_from(runs).where(runs.c.tenant_id == tenant)
    return connection.execute(counted).scalar_one()


async def patient(engine, number):
    """Create a run with an idempotency key; repeat until there is an answer."""
    return await patiently(lambda: engine.trigger("w", {"n": number}, idempotency_key=f"key-{number}"))


async def patiently(ask):
    """Repeat a call until there is an answer."""
    while True:
        try:
            return await ask()
        except Exception as error:
            if "closed" not in str(error) and "timed out" not in str(error) and "lost" not in str(error):
                raise
