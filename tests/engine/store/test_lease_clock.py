"""Leases when the clock of the database is set back or forward."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from sqlalchemy import update

from langgraph_runner import ErrorCode
from langgraph_runner.engine import RunStatus
from langgraph_runner.engine.store import statements
from langgraph_runner.engine.store.commands import Heartbeat
from langgraph_runner.engine.store.lease_clock import DatabaseClock, FutureLease, LeaseClock
from langgraph_runner.engine.store.schema import run_events, runs, step_tasks
from langgraph_runner.engine.store.statements import now_in
from langgraph_runner.engine.store.writer import Write
from langgraph_runner.workflow import Workflow
from tests.engine.conftest import edited
from tests.waiting import Observed, eventually

HOUR_MS = 3_600_000
LEASE = FutureLease("r", 5_000_000, 30_000)


def test_a_lease_that_does_not_change_for_its_time_is_dead():
    """Regardless of its end by the clock."""
    clock = LeaseClock()
    assert clock.look(0, [LEASE], 100.0) == []
    assert clock.look(29_000, [LEASE], 129.0) == []
    assert clock.look(30_000, [LEASE], 130.0) == [LEASE]


def test_a_lease_that_is_renewed_lives():
    """A new end means a renewal, even if both are in the future."""
    clock = LeaseClock()
    clock.look(0, [LEASE], 100.0)
    renewed = LEASE._replace(expires_at=5_010_000)
    assert clock.look(40_000, [renewed], 140.0) == []
    assert clock.look(60_000, [], 160.0) == []
    assert clock.look(70_000, [renewed], 170.0) == []


def test_a_process_that_saw_the_clock_set_back_knows_when_a_lease_has_ended():
    """Without watching the lease for its whole duration."""
    clock = LeaseClock()
    assert clock.look(1_390_000, [LEASE], 100.0, HOUR_MS) == []
    assert clock.look(1_400_001, [LEASE], 110.0, HOUR_MS) == [LEASE]


@pytest.fixture
def database_clock():
    """The clock of a process with leases of 30 s. At 100 s of the monotonic clock, the database was at 0 ms."""
    clock = DatabaseClock()
    clock.lease_ms = 30_000
    assert clock.lease_time(0, 100.0, 100.0) == 0
    return clock


def test_after_a_step_forward_leases_are_judged_by_the_time_that_would_be(database_clock):
    """As if the clock had not been set, for one lease duration. Live owners renew their leases meanwhile."""
    assert database_clock.lease_time(HOUR_MS + 1_000, 101.0, 101.0) == 1_000
    assert database_clock.lease_time(HOUR_MS + 30_900, 130.9, 130.9) == 30_900
    assert database_clock.lease_time(HOUR_MS + 31_000, 131.0, 131.0) == HOUR_MS + 31_000


def test_a_step_forward_and_back_again_leaves_no_difference(database_clock):
    """No lease ends later than before."""
    assert database_clock.lease_time(HOUR_MS + 1_000, 101.0, 101.0) == 1_000
    assert database_clock.lease_time(2_000, 102.0, 102.0) == 2_000
    assert database_clock.lease_time(3_000, 103.0, 103.0) == 3_000
    assert database_clock.set_back_ms == HOUR_MS


def test_a_step_back_is_measured(database_clock):
    """New leases follow the new time of the database. The ends of older ones are corrected by the step."""
    assert database_clock.lease_time(1_000 - HOUR_MS, 101.0, 101.0) == 1_000 - HOUR_MS
    assert database_clock.set_back_ms == HOUR_MS


def test_a_slow_reading_is_no_step(database_clock):
    """The answer of the database may be delayed, before or after it reads the clock."""
    assert database_clock.lease_time(1_000, 101.0, 109.0) == 1_000
    assert database_clock.lease_time(19_000, 111.0, 119.0) == 19_000
    assert database_clock.lease_time(20_000, 120.0, 120.0) == 20_000
    assert database_clock.set_back_ms == 0


def test_a_reading_that_overlaps_the_last_one_replaces_nothing(database_clock):
    """It may be older, from another thread. It never makes a lease end too early."""
    database_clock.lease_time(2_000, 101.0, 102.0)
    assert database_clock.lease_time(HOUR_MS + 2_000, 101.5, 102.0) <= 3_000
    assert database_clock.lease_time(3_000, 103.0, 103.0) == 3_000
    assert database_clock.set_back_ms == 0


class ClockSet(Write[None]):
    """Shift all stored times by this many milliseconds, as if the clock had been set."""

    def __init__(self, by_ms):
        self.by_ms = by_ms

    @classmethod
    def apply(cls, connection, writes):
        """Shift the times, as if the clock had been wrong before."""
        for write in writes:
            connection.execute(
                update(runs).values(
                    lease_expires_at=runs.c.lease_expires_at - write.by_ms,
                    started_at=runs.c.started_at - write.by_ms,
                    created_at=runs.c.created_at - write.by_ms,
                )
            )
            connection.execute(update(run_events).values(at=run_events.c.at - write.by_ms))
        return [None] * len(writes)


class Silent(Write[None]):
    """Leave a run like an owner that has just died."""

    def __init__(self, run_id, lease_ms):
        self.run_id = run_id
        self.lease_ms = lease_ms

    @classmethod
    def apply(cls, connection, writes):
        """Its lease has its full duration left."""
        for write in writes:
            connection.execute(
                update(runs)
                .where(runs.c.id == write.run_id)
                .values(
                    status="running",
                    lease_owner="dead",
                    lease_ms=write.lease_ms,
                    lease_expires_at=now_in(connection) + write.lease_ms,
                    started_at=now_in(connection),
                )
            )
        return [None] * len(writes)


@pytest.fixture
def flow():
    """One step."""
    workflow = Workflow("w")
    workflow.step(lambda inputs: 1, id="s", output=int)
    return workflow


@pytest.fixture
def set_forward(monkeypatch):
    """Sets the clocks of all databases forward by an hour, for the engines."""
    times, is_set = statements._NOW, []

    class Ahead:
        def ask(self, connection):
            (row,) = times.ask(connection)
            return [SimpleNamespace(now=row.now + (HOUR_MS if is_set else 0))]

    monkeypatch.setattr(statements, "_NOW", Ahead())
    return lambda: is_set.append(1)


@pytest.mark.req("R-42")
async def test_a_clock_that_is_set_back_does_not_hold_up_a_dead_owners_run(engine_of, flow):
    """It is taken over when its lease has not changed for the lease duration."""
    async with engine_of(flow) as client:
        client.take_on("none")
        run = await client.trigger("w")
        await client._store.write(Silent(run.id, lease_ms=200))
        await client._store.write(ClockSet(-HOUR_MS))
        async with engine_of(flow) as engine:
            assert (await engine.wait(run.id, timeout_ms=10_000)).status is RunStatus.COMPLETED


@pytest.mark.req("R-42")
async def test_a_clock_that_is_set_forward_does_not_take_runs_from_live_owners(engine_of, set_forward):
    """All leases seem to have ended at once, but the owners renew them."""
    workflow, begun, go = Workflow("w"), Observed(), asyncio.Event()

    @workflow.step
    async def held(inputs) -> int:
        begun.append(1)
        await go.wait()
        return 1

    async with engine_of(workflow, lease_ms=2_000) as owner, engine_of(workflow, lease_ms=2_000) as other:
        run = await owner.trigger("w")
        await begun.reach()
        await eventually(lambda: other._store.database.clock._last is not None)
        set_forward()
        assert await other._worker.claimer.claim() is False
        assert await other._worker.claimer.claim(run.id) is False
        go.set()
        ended = await owner.wait(run.id, timeout_ms=10_000)
    assert (ended.status, begun) == (RunStatus.COMPLETED, [1])


@pytest.mark.req("R-13")
@pytest.mark.parametrize("by_ms", [HOUR_MS, -HOUR_MS], ids=["forward", "back"])
async def test_durations_do_not_depend_on_the_clock(engine_of, by_ms):
    """They are neither negative nor an hour too long."""
    workflow, begun, go = Workflow("w"), Observed(), asyncio.Event()

    @workflow.step
    async def held(inputs) -> int:
        begun.append(1)
        await go.wait()
        return 1

    async with engine_of(workflow) as engine:
        run = await engine.trigger("w", run_timeout_ms=600_000)
        await begun.reach()
        await engine._store.write(ClockSet(by_ms))
        go.set()
        ended = await engine.wait(run.id, timeout_ms=10_000)
        (step,) = await engine.get_run_steps(run.id)
    assert ended.status is RunStatus.COMPLETED
    assert 0 <= ended.duration_ms < 600_000
    assert 0 <= step.duration_ms < 600_000


@pytest.mark.req("R-42")
async def test_the_limit_of_a_recovered_run_does_not_depend_on_the_clock(engine_of, flow):
    """If the clock is set forward by an hour while its owner is dead, the run has not run for an hour."""
    async with engine_of(flow) as client:
        client.take_on("none")
        run = await client.trigger("w", run_timeout_ms=60_000)
        await client._store.write(Silent(run.id, lease_ms=200))
        await client._store.write(ClockSet(HOUR_MS))
        async with engine_of(flow) as engine:
            assert (await engine.wait(run.id, timeout_ms=10_000)).status is RunStatus.COMPLETED


@pytest.mark.req("R-42")
async def test_the_limit_of_a_run_that_was_running_when_the_clock_was_set_counts_its_own_time(engine_of):
    """If the clock is set forward by an hour before its owner gives it up, it has not run for an hour."""
    workflow, begun, go = Workflow("w"), Observed(), asyncio.Event()

    @workflow.step
    async def first(inputs) -> int:
        begun.append("first")
        await go.wait()
        return 1

    @workflow.step
    async def second(first: int) -> int:
        begun.append("second")
        await begun.until(lambda: begun.count("second") == 2)
        return 2

    async with engine_of(workflow) as engine:
        run = await engine.trigger("w", run_timeout_ms=60_000)
        await begun.reach()
        await engine._store.write(ClockSet(HOUR_MS))
        go.set()
        await begun.until(lambda: "second" in begun)
    async with engine_of(workflow) as engine:
        ended = await engine.wait(run.id, timeout_ms=10_000)
    assert ended.status is RunStatus.COMPLETED
    assert ended.duration_ms < 60_000


@pytest.mark.req("R-42")
async def test_the_time_that_a_run_has_run_before_counts_after_a_takeover(engine_of):
    """Heartbeats store this time, so a run reaches its limit even after many takeovers."""
    workflow, begun = Workflow("w"), Observed()

    @workflow.step
    async def hangs(inputs) -> int:
        begun.append(1)
        return await asyncio.Event().wait()

    async with engine_of(workflow) as engine:
        run = await engine.trigger("w", run_timeout_ms=60_000)
        await begun.reach()
        await engine._store.write(Heartbeat(engine._host.owner, 30_000, {run.id: 1}, {run.id: 59_990.0}))
        await engine._store.write(Released(run.id))
        engine._worker.workload.executions[run.id].lose()
        ended = await engine.wait(run.id, timeout_ms=10_000)
    assert ended.error["code"] == ErrorCode.RUN_TIMEOUT


@pytest.mark.req("R-42")
async def test_a_clock_that_is_set_back_does_not_hold_up_an_engine_of_its_own_runs(engine_of, flow):
    """It continues its own run, although the lease ends in the future."""
    async with engine_of(flow) as client, engine_of(flow) as engine:
        client.take_on("none")
        engine.take_on("own")
        run = await client.trigger("w")
        await client._store.write(Silent(run.id, lease_ms=200))
        await client._store.write(ClockSet(-HOUR_MS))
        engine._worker.take_when_free(run.id, run.tenant)
        assert (await engine.wait(run.id, timeout_ms=10_000)).status is RunStatus.COMPLETED


@pytest.mark.req("R-42", "R-64")
async def test_a_clock_that_is_set_forward_takes_no_step_from_a_live_worker(engine_of, set_forward):
    """Although its lease seems to have ended."""
    workflow, begun, go = Workflow("w"), Observed(), asyncio.Event()

    @workflow.step(queue="gpu")
    async def held(inputs) -> int:
        begun.append(1)
        await go.wait()
        return 1

    options = {"lease_ms": 2_000, "step_queues": ["gpu"]}
    async with (
        engine_of(workflow, step_queues=[]) as engine,
        engine_of(workflow, **options) as worker,
        engine_of(workflow, **options) as other,
    ):
        worker.take_on("none")
        other.take_on("none")
        await worker.start()
        run = await engine.trigger("w")
        await begun.reach()
        await other.start()
        await eventually(lambda: other._store.database.clock._last is not None)
        set_forward()
        assert await other._worker._pool._claim() is False
        go.set()
        ended = await engine.wait(run.id, timeout_ms=10_000)
    assert (ended.status, begun) == (RunStatus.COMPLETED, [1])


@pytest.mark.req("R-42", "R-64")
async def test_a_clock_that_is_set_back_does_not_hold_up_a_dead_workers_step(engine_of):
    """It is taken over when its lease has not changed for the lease duration."""
    workflow = Workflow("w")
    workflow.step(lambda inputs: 1, id="s", output=int, queue="gpu")
    async with engine_of(workflow, step_queues=[]) as engine:
        run = await engine.trigger("w")
        await eventually(engine.get_workers, lambda found: found.waiting_steps)
        with edited(engine) as connection:
            ends_at = now_in(connection) + HOUR_MS
            dead = {"status": "running", "lease_owner": "dead", "fence": 1, "lease_expires_at": ends_at}
            connection.execute(update(step_tasks).values(**dead))
        async with engine_of(workflow, lease_ms=300, step_queues=["gpu"]) as worker:
            worker.take_on("none")
            await worker.start()
            assert (await engine.wait(run.id, timeout_ms=10_000)).status is RunStatus.COMPLETED


class Released(Silent):
    """Leave a run like an owner that gives it up."""

    def __init__(self, run_id):
        super().__init__(run_id, lease_ms=0)

    @classmethod
    def apply(cls, connection, writes):
        """End its lease."""
        for write in writes:
            connection.execute(update(runs).where(runs.c.id == write.run_id).values(lease_expires_at=0))
        return [None] * len(writes)
