"""What happens when the clock of the database is set, back or forward."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import update

from langgraph_runner import ErrorCode
from langgraph_runner.engine import RunStatus
from langgraph_runner.engine.store import reads
from langgraph_runner.engine.store.schema import run_events, runs
from langgraph_runner.engine.store.times import now_in
from langgraph_runner.engine.store.writer import Write
from langgraph_runner.engine.store.writes import Heartbeat
from langgraph_runner.engine.worker.lease_clock import FutureLease, LeaseClock
from langgraph_runner.workflow import Workflow
from tests.engine.conftest import until

HOUR_MS = 3_600_000
LEASE = FutureLease("r", 5_000_000, 30_000)


def test_a_lease_that_does_not_change_for_its_time_is_dead():
    """Whatever the clock says of its end."""
    clock = LeaseClock(30_000)
    assert clock.look(0, [LEASE], 100.0) == []
    assert clock.look(29_000, [LEASE], 129.0) == []
    assert clock.look(30_000, [LEASE], 130.0) == [LEASE]


def test_a_lease_that_is_renewed_lives():
    """With another end, also a future one."""
    clock = LeaseClock(30_000)
    clock.look(0, [LEASE], 100.0)
    renewed = LEASE._replace(expires_at=5_010_000)
    assert clock.look(40_000, [renewed], 140.0) == []
    assert clock.look(60_000, [], 160.0) == []
    assert clock.look(70_000, [renewed], 170.0) == []


def test_after_a_jump_forward_no_end_is_trusted_for_a_lease_time():
    """Live owners renew their leases meanwhile."""
    clock = LeaseClock(30_000)
    clock.look(0, [], 100.0)
    clock.look(1_000, [], 101.0)
    assert clock.trusts_ends(101.0)
    clock.look(HOUR_MS, [], 102.0)
    assert not clock.trusts_ends(131.9)
    assert clock.trusts_ends(132.0)


def test_a_slow_look_is_no_jump():
    """The database may answer late."""
    clock = LeaseClock(30_000)
    clock.look(0, [], 100.0)
    clock.look(1_900, [], 101.0)
    assert clock.trusts_ends(101.0)


class ClockSet(Write[None]):
    """Leave everything as it is when the clock is set by so many milliseconds: all times are off by them."""

    def __init__(self, by_ms):
        self.by_ms = by_ms

    @classmethod
    def apply(cls, connection, writes):
        """As if the clock had been that wrong before."""
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
    """Leave a run as an owner does that has just died."""

    def __init__(self, run_id, lease_ms):
        self.run_id = run_id
        self.lease_ms = lease_ms

    @classmethod
    def apply(cls, connection, writes):
        """Its lease goes on for its time."""
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


@pytest.mark.req("R-42")
async def test_a_clock_that_is_set_back_does_not_hold_up_a_dead_owners_run(engine_of, flow):
    """It is taken over when its lease has not changed for its time."""
    async with engine_of(flow) as client:
        client.take_on("none")
        run = await client.trigger("w")
        await client._store.write(Silent(run.id, lease_ms=200))
        await client._store.write(ClockSet(-HOUR_MS))
        async with engine_of(flow) as engine:
            assert (await engine.wait(run.id, timeout_ms=10_000)).status is RunStatus.COMPLETED


@pytest.mark.req("R-42")
async def test_a_clock_that_is_set_forward_does_not_take_runs_from_live_owners(engine_of, monkeypatch):
    """Their leases seem to have ended all at once; they renew them."""
    workflow, begun, go = Workflow("w"), [], []

    @workflow.step
    async def held(inputs) -> int:
        begun.append(1)
        await until(lambda: go)
        return 1

    clock_and_leases = reads.clock_and_leases

    def told(connection, names):
        now, leases = clock_and_leases(connection, names)
        return now + (HOUR_MS if is_set else 0), leases

    monkeypatch.setattr(reads, "clock_and_leases", told)
    is_set = []
    async with engine_of(workflow, lease_ms=2_000) as owner, engine_of(workflow, lease_ms=2_000) as other:
        run = await owner.trigger("w")
        await until(lambda: begun)
        await until(lambda: other._worker.claimer._clock._last is not None)
        is_set.append(1)
        await until(lambda: not other._worker.claimer._clock.trusts_ends(asyncio.get_running_loop().time()))
        await owner._store.write(ClockSet(HOUR_MS))
        assert await other._worker.claimer.claim() is False
        go.append(1)
        ended = await owner.wait(run.id, timeout_ms=10_000)
    assert (ended.status, begun) == (RunStatus.COMPLETED, [1])


@pytest.mark.req("R-13")
@pytest.mark.parametrize("by_ms", [HOUR_MS, -HOUR_MS], ids=["forward", "back"])
async def test_durations_do_not_depend_on_the_clock(engine_of, by_ms):
    """They are neither negative nor an hour too long."""
    workflow, begun, go = Workflow("w"), [], []

    @workflow.step
    async def held(inputs) -> int:
        begun.append(1)
        await until(lambda: go)
        return 1

    async with engine_of(workflow) as engine:
        run = await engine.trigger("w", run_timeout_ms=600_000)
        await until(lambda: begun)
        await engine._store.write(ClockSet(by_ms))
        go.append(1)
        ended = await engine.wait(run.id, timeout_ms=10_000)
        (step,) = await engine.get_run_steps(run.id)
    assert ended.status is RunStatus.COMPLETED
    assert 0 <= ended.duration_ms < 600_000
    assert 0 <= step.duration_ms < 600_000


@pytest.mark.req("R-42")
async def test_the_limit_of_a_recovered_run_does_not_depend_on_the_clock(engine_of, flow):
    """Set forward while its owner was dead, it has not run for an hour."""
    async with engine_of(flow) as client:
        client.take_on("none")
        run = await client.trigger("w", run_timeout_ms=60_000)
        await client._store.write(Silent(run.id, lease_ms=200))
        await client._store.write(ClockSet(HOUR_MS))
        async with engine_of(flow) as engine:
            assert (await engine.wait(run.id, timeout_ms=10_000)).status is RunStatus.COMPLETED


@pytest.mark.req("R-42")
async def test_the_limit_of_a_run_that_was_running_when_the_clock_was_set_counts_its_own_time(engine_of):
    """Set forward by an hour before its owner gave it up, it has not run for an hour."""
    workflow, begun, go = Workflow("w"), [], []

    @workflow.step
    async def first(inputs) -> int:
        begun.append("first")
        await until(lambda: go)
        return 1

    @workflow.step
    async def second(first: int) -> int:
        begun.append("second")
        await until(lambda: begun.count("second") == 2)
        return 2

    async with engine_of(workflow) as engine:
        run = await engine.trigger("w", run_timeout_ms=60_000)
        await until(lambda: begun)
        await engine._store.write(ClockSet(HOUR_MS))
        go.append(1)
        await until(lambda: "second" in begun)
    async with engine_of(workflow) as engine:
        ended = await engine.wait(run.id, timeout_ms=10_000)
    assert ended.status is RunStatus.COMPLETED
    assert ended.duration_ms < 60_000


@pytest.mark.req("R-42")
async def test_the_time_that_a_run_has_run_before_counts_after_a_takeover(engine_of):
    """A heartbeat keeps it, so a run that is taken over again and again comes to its limit."""
    workflow, begun = Workflow("w"), []

    @workflow.step
    async def hangs(inputs) -> int:
        begun.append(1)
        return await asyncio.Event().wait()

    async with engine_of(workflow) as engine:
        run = await engine.trigger("w", run_timeout_ms=60_000)
        await until(lambda: begun)
        await engine._store.write(Heartbeat(engine._host.owner, 30_000, {run.id: 1}, {run.id: 59_990.0}))
        await engine._store.write(Released(run.id))
        engine._worker.workload.executions[run.id].lose()
        ended = await engine.wait(run.id, timeout_ms=10_000)
    assert ended.error["code"] == ErrorCode.RUN_TIMEOUT


@pytest.mark.req("R-42")
async def test_a_clock_that_is_set_back_does_not_hold_up_an_engine_of_its_own_runs(engine_of, flow):
    """It goes on with a run that it owes, though the lease ends in the future."""
    async with engine_of(flow) as client, engine_of(flow) as engine:
        client.take_on("none")
        engine.take_on("own")
        run = await client.trigger("w")
        await client._store.write(Silent(run.id, lease_ms=200))
        await client._store.write(ClockSet(-HOUR_MS))
        engine._worker.owe(run.id, run.tenant)
        assert (await engine.wait(run.id, timeout_ms=10_000)).status is RunStatus.COMPLETED


@pytest.mark.req("R-42")
async def test_after_a_jump_forward_no_run_is_taken_over_by_its_id_either(engine_of, flow):
    """An engine that owes a run waits as well until the leases have been renewed."""
    async with engine_of(flow) as engine:
        engine.take_on("none")
        run = await engine.trigger("w")
        await engine._store.write(Silent(run.id, lease_ms=-1_000))
        claim = engine._worker.claimer.claim_write(run.id)
        claim.only_waiting = True
        assert await engine._store.write(claim) is None
        claim = engine._worker.claimer.claim_write(run.id)
        assert (await engine._store.write(claim)).run_id == run.id


class Released(Silent):
    """Leave a run as an owner does that gives it up."""

    def __init__(self, run_id):
        super().__init__(run_id, lease_ms=0)

    @classmethod
    def apply(cls, connection, writes):
        """Its lease is over."""
        for write in writes:
            connection.execute(update(runs).where(runs.c.id == write.run_id).values(lease_expires_at=0))
        return [None] * len(writes)
