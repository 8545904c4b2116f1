"""Workers on PostgreSQL with a BullMQ queue, while workers, Redis and PostgreSQL fail.

`make soak` runs more of them. docs/reliability.md has its results.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from itertools import count

import psycopg
import pytest
from bullmq import Queue

from langgraph_runner import Workflow
from langgraph_runner.engine import RUN_ORCHESTRATION, BullMQDispatcher
from tests.engine.conftest import ON_POSTGRESQL
from tests.engine.test_crashes import answered, crash_server, effects_of, site
from tests.engine.worker_process import DEPENDENCIES
from tests.redis_server import redis_server
from tests.waiting import Observed, pause

__all__ = ["crash_server", "redis_server", "site"]
pytestmark = [ON_POSTGRESQL, pytest.mark.req("R-42", "R-43", "R-61")]

RUNS = int(os.environ.get("SOAK_RUNS", "30"))
KILLS = int(os.environ.get("SOAK_KILLS", "5"))
RESTART_RUNS = int(os.environ.get("SOAK_RESTART_RUNS", "20"))
RESTART_EVERY_S = tuple(float(each) for each in os.environ.get("SOAK_RESTART_EVERY_S", "0.2 0.6").split())
CUT_RUNS = int(os.environ.get("SOAK_CUT_RUNS", "20"))
FAULT_RUNS = int(os.environ.get("SOAK_FAULT_RUNS", "20"))
JOBS = int(os.environ.get("SOAK_JOBS", "20"))
FREEZES = int(os.environ.get("SOAK_FREEZES", "3"))
REDIS_FAULTS = int(os.environ.get("SOAK_REDIS_FAULTS", "1"))
REDIS_DOWN_S = float(os.environ.get("SOAK_REDIS_DOWN_S", "0.5"))
RESUMES_WITHIN_S = 10
"""The guarantee: the latest time of the first job after Redis is back."""
CALLERS = 50
PATIENCE = {"max_recovery_attempts": 1_000}
"""Here processes die more often than runs make progress, but not because of the runs."""


@pytest.fixture(params=["redis", "postgresql"])
def dispatch(request, site):
    """The queue: on a Redis for this test, or in the database of the runs."""
    if request.param == "redis":
        return f"bullmq+{request.getfixturevalue('redis_server').url}"
    return f"bullmq+{site.store}"


async def made(engine, count):
    """Create this many runs at once, and return their ids."""
    runs = await asyncio.gather(
        *(engine.trigger("campaign.v1", {"number": number}) for number in range(count))
    )
    return [run.id for run in runs]


async def is_anything_left(engine):
    """Whether a run has not ended."""
    return bool(await answered(lambda: engine.list_runs(status=["pending", "running"], limit=1)))


async def test_killed_workers_lose_nothing(site, dispatch, tell):
    """Each worker runs one step at a time, so a kill repeats at most one step."""
    chance = random.Random(7)  # noqa: S311 - a reproducible one
    orders = {**PATIENCE, "dispatch": dispatch, "max_concurrency": 1}
    async with site.engine(dispatch=dispatch) as engine:
        ids = await made(engine, RUNS)
        kills, workers = 0, [site.start(**orders), site.start(**orders)]
        while kills < KILLS or await is_anything_left(engine):
            await pause(chance.uniform(0.05, 0.3))
            if kills < KILLS and (site.folder / "effects").stat().st_size:
                victim = chance.randrange(2)
                os.kill(workers[victim].pid, signal.SIGKILL)
                workers[victim] = site.start(**orders)
                kills += 1
        repeated = await effects_of(engine, site, ids)
    steps = RUNS * len(DEPENDENCIES)
    tell(
        f"{dispatch.partition(':')[0]}: {RUNS} runs, {kills} kills: all completed,"
        f" {steps} of {steps} committed effects once, {repeated} uncommitted ones done again"
    )


async def test_a_database_that_restarts_loses_nothing(site, crash_server, redis_server, tell):
    """It restarts repeatedly, as after a crash."""
    chance, restarts = random.Random(7), 0  # noqa: S311 - a reproducible one
    dispatch = f"bullmq+{redis_server.url}"
    async with site.engine(dispatch=dispatch) as engine:
        ids = await made(engine, RESTART_RUNS)
        for _ in range(2):
            site.start(**PATIENCE, dispatch=dispatch)
        while not restarts or await is_anything_left(engine):
            await pause(chance.uniform(*RESTART_EVERY_S))
            await asyncio.to_thread(crash_server)
            restarts += 1
        repeated = await effects_of(engine, site, ids)
    tell(f"{RESTART_RUNS} runs, {restarts} restarts of PostgreSQL: all completed, {repeated} effects again")


async def test_cut_connections_lose_nothing(site, redis_server, tell):
    """The server repeatedly ends all connections to the database."""
    chance, cuts = random.Random(7), 0  # noqa: S311 - a reproducible one
    dispatch = f"bullmq+{redis_server.url}"
    asked = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    async with site.engine(dispatch=dispatch) as engine:
        ids = await made(engine, CUT_RUNS)
        for _ in range(2):
            site.start(**PATIENCE, dispatch=dispatch)
        with psycopg.connect(site.store, autocommit=True) as connection:
            while not cuts or await is_anything_left(engine):
                await pause(chance.uniform(0.1, 0.4))
                cuts += connection.execute(asked).fetchone()[0]
        repeated = await effects_of(engine, site, ids)
    tell(f"{CUT_RUNS} runs, {cuts} connections cut: all completed, {repeated} effects again")


async def test_no_fault_of_redis_loses_a_run(site, redis_server, tell):
    """It is killed, frozen, filled and flushed in turn while runs are created and executed."""
    dispatch = f"bullmq+{redis_server.url}"

    async def killed():
        redis_server.kill()
        await pause(0.5)
        redis_server.start()

    async def frozen():
        redis_server.freeze()
        await pause(0.5)
        redis_server.thaw()

    async def full():
        redis_server.client().config_set("maxmemory", 1)
        await pause(0.5)
        redis_server.client().config_set("maxmemory", 0)

    async def flushed():
        redis_server.client().flushall()

    faults, ids = 0, []
    async with site.engine(dispatch=dispatch) as engine:
        for _ in range(2):
            site.start(dispatch=dispatch, lease_ms=60_000)
        for fault in (killed, frozen, full, flushed):
            failing = asyncio.create_task(fault())
            ids += await made(engine, FAULT_RUNS // 4)
            await failing
            faults += 1
        for run_id in ids:
            await engine.wait(run_id)
        assert await effects_of(engine, site, ids) == 0
    tell(f"{len(ids)} runs, {faults} faults of Redis: all completed, no effect twice")


async def fail_redis(server, fault):
    """Let Redis fail for a while. Return when it is back."""
    if fault == "killed":
        server.kill()
        await pause(REDIS_DOWN_S)
        await asyncio.to_thread(server.start)
    elif fault == "frozen":
        server.freeze()
        await pause(REDIS_DOWN_S)
        server.thaw()
    elif fault == "paused":
        server.client().client_pause(round(REDIS_DOWN_S * 1000), all=True)
        await pause(REDIS_DOWN_S)
    elif fault == "full":
        server.client().config_set("maxmemory", 1)
        await pause(REDIS_DOWN_S)
        server.client().config_set("maxmemory", 0)
    else:
        server.client().flushall()


@pytest.mark.parametrize("fault", ["killed", "frozen", "paused", "full", "flushed"])
async def test_jobs_are_delivered_again_when_redis_is_back(engine_of, redis_server, fault, tell):
    """Within ten seconds, although the worker polls the database only once a minute."""
    options = {"dispatch": f"bullmq+{redis_server.url}", "poll_ms": 60_000}
    flow, begun = Workflow("w", cache="none"), Observed()

    @flow.step
    async def work(inputs) -> int:
        begun.append(inputs["n"])
        return inputs["n"]

    delays, numbers = [], count()
    async with engine_of(flow, **options) as client, engine_of(flow, **options) as worker:
        client.take_on("none")
        await worker.start()

        async def until_one_is_delivered():
            before = len(begun)
            while len(begun) == before:
                await client.trigger("w", {"n": next(numbers)})
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await begun.until(lambda: len(begun) > before)

        await until_one_is_delivered()
        for _ in range(REDIS_FAULTS):
            failing = asyncio.create_task(fail_redis(redis_server, fault))
            while not failing.done():  # Runs are created meanwhile, but cannot be announced.
                await client.trigger("w", {"n": next(numbers)})
                await pause(0.05)
            await failing
            begin = time.monotonic()
            await until_one_is_delivered()
            delays.append(time.monotonic() - begin)
    assert max(delays) <= RESUMES_WITHIN_S
    tell(
        f"Redis {fault} {len(delays)} times for {REDIS_DOWN_S:g} s: the first job was delivered"
        f" {max(delays):.2f} s after it was back, at most (limit {RESUMES_WITHIN_S} s)"
    )


async def test_jobs_that_are_delivered_twice_have_one_effect(site, dispatch, tell):
    """Each run has two jobs, and two workers."""
    dispatcher = BullMQDispatcher(dispatch)
    queue = Queue(RUN_ORCHESTRATION, dispatcher._connection(10))
    async with site.engine(dispatch=dispatch) as engine:
        ids = await made(engine, JOBS)
        await queue.addBulk([{"name": "run", "data": {"run_id": each}, "opts": {}} for each in ids])
        for _ in range(2):
            site.start(dispatch=dispatch, lease_ms=60_000)
        for run_id in ids:
            await engine.wait(run_id)
        assert await effects_of(engine, site, ids) == 0
    await queue.close()
    await dispatcher.close()
    tell(f"{dispatch.partition(':')[0]}: {JOBS} runs with two jobs each: no effect twice")


async def test_frozen_workers_are_refused(site, tell):
    """After a stop for longer than its lease, a worker writes nothing to runs that others have taken over."""
    chance = random.Random(7)  # noqa: S311 - a reproducible one
    async with site.engine() as engine:
        ids = await made(engine, FREEZES * 4)
        workers = [site.start(**PATIENCE, lease_ms=200, max_active_runs=4) for _ in range(2)]
        freezes = 0
        while freezes < FREEZES or await is_anything_left(engine):
            await pause(chance.uniform(0.02, 0.1))
            if freezes < FREEZES and (site.folder / "effects").stat().st_size:
                victim = workers[freezes % 2]
                os.kill(victim.pid, signal.SIGSTOP)
                await pause(0.5)  # Its leases expire.
                os.kill(victim.pid, signal.SIGCONT)
                freezes += 1
                if not await is_anything_left(engine):
                    ids += await made(engine, 4)
        repeated = await effects_of(engine, site, ids)
    lost = sum(file.read_text().count("run.lease_lost") for file in site.folder.glob("log.*"))
    tell(
        f"{freezes} freezes of workers past their leases: {len(ids)} runs completed, {repeated} effects again,"
        f" {lost} late writers refused"
    )


async def test_callers_that_race_on_one_key_make_one_run(site, tell):
    """Five engines make ten calls each."""
    engines = [site.engine() for _ in range(5)]
    asked = [
        engine.trigger("campaign.v1", {"number": 1}, idempotency_key="once")
        for _ in range(CALLERS // 5)
        for engine in engines
    ]
    runs = await asyncio.gather(*asked)
    assert len({run.id for run in runs}) == 1
    for engine in engines:
        await engine.close()
    tell(f"{CALLERS} callers with one idempotency key: one run")
