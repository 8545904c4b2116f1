"""Runs that kill the processes that run them."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select as select_status
from sqlalchemy import update

from langgraph_runner import ErrorCode
from langgraph_runner.engine import RunEngine, RunStatus
from langgraph_runner.engine.store.schema import run_steps, runs
from langgraph_runner.engine.store.statements import now_in
from langgraph_runner.engine.store.writer import Write
from langgraph_runner.workflow import StepStatus, Workflow
from tests.engine.worker.test_tenants_in_turn import Together
from tests.waiting import Observed


class Died(Write[None]):
    """Leave a run like a process that has died while it ran a step."""

    def __init__(self, run_id, *, progress=(), ago_ms=1_000, status="running"):
        self.status = status
        self.run_id = run_id
        self.progress = progress
        self.ago_ms = ago_ms

    @classmethod
    def apply(cls, connection, writes):
        """The lease has expired, and the step is running, unless the arguments differ."""
        for write in writes:
            mine = run_steps.c.run_id == write.run_id
            connection.execute(
                update(run_steps).where(mine, run_steps.c.step_id == "risky").values(status=write.status)
            )
            for step in write.progress:
                connection.execute(
                    update(run_steps).where(mine, run_steps.c.step_id == step).values(status="skipped")
                )
            connection.execute(
                update(runs)
                .where(runs.c.id == write.run_id)
                .values(
                    status="running", lease_owner="dead", lease_expires_at=now_in(connection) - write.ago_ms
                )
            )
        return [None] * len(writes)


@pytest.fixture
def flow():
    """A chain of three steps."""
    workflow = Workflow("w")

    @workflow.step
    def first(inputs) -> int:
        return 1

    @workflow.step
    def risky(first: int) -> int:
        return first + 1

    @workflow.step
    def last(risky: int) -> int:
        return risky + 1

    return workflow


@pytest.fixture
async def client(engine_of, flow):
    """An engine that creates runs and executes none."""
    async with engine_of(flow) as engine:
        engine.take_on("none")
        yield engine


async def claimed_after(engine, run_id, deaths, **left):
    """Let processes claim the run and die, one after the other. Return the claims."""
    claims = []
    for _ in range(deaths):
        await engine._store.write(Died(run_id, **left))
        claim = engine._worker.claimer.claim_write(run_id)
        claims.append(await engine._store.write(claim))
    return claims


@pytest.mark.req("R-45")
async def test_takeovers_without_progress_are_counted(client):
    """Each claim has the count, and the steps that ran when the last owner died."""
    run = await client.trigger("w")
    claims = await claimed_after(client, run.id, 3)
    assert [claim.recoveries for claim in claims] == [1, 2, 3]
    assert {claim.running for claim in claims} == {("risky",)}


@pytest.mark.req("R-45")
async def test_progress_starts_the_count_again(client):
    """So a long run may survive any number of failing machines."""
    run = await client.trigger("w")
    await claimed_after(client, run.id, 3)
    claims = await claimed_after(client, run.id, 2, progress=["first"])
    assert [claim.recoveries for claim in claims] == [1, 2]


@pytest.mark.req("R-45")
async def test_an_engine_that_closes_is_no_death(client):
    """Deployments do not use up the attempts of a long step."""
    run = await client.trigger("w")
    await claimed_after(client, run.id, 3)
    await client._store.write(Released(run.id))
    claim = await client._store.write(client._worker.claimer.claim_write(run.id))
    assert claim.recoveries == 3


@pytest.mark.req("R-45")
async def test_a_death_before_a_step_is_marked_as_running_counts(client, engine_of):
    """An input selector or a validator may kill the process. The error names the step that was prepared."""
    flow = Workflow("w")
    flow.step(lambda inputs: 1, id="first", output=int)
    flow.step(
        lambda first: 1, id="risky", depends_on=["first"], output=int, input_selector=lambda sources: sources
    )
    flow.step(lambda risky: 1, id="last", output=int)
    run = await client.trigger("w")
    await claimed_after(client, run.id, 3, status="pending", progress=["first"])
    await client._store.write(Died(run.id, status="pending"))
    async with engine_of(flow, max_recovery_attempts=2) as engine:
        ended = await engine.wait(run.id, timeout_ms=10_000)
    assert ended.error["code"] == ErrorCode.RECOVERY_EXHAUSTED
    assert "4 processes in a row died while they ran step 'risky'." in ended.error["message"]


@pytest.mark.req("R-45")
async def test_a_step_whose_inputs_were_being_prepared_is_named_beside_one_that_ran(client, engine_of):
    """Either may be the cause."""
    flow = Workflow("w")
    flow.step(lambda inputs: 1, id="risky", output=int)
    flow.step(lambda inputs: 1, id="first", output=int, input_selector=lambda sources: sources.inputs)
    flow.step(lambda risky: 1, id="last", output=int)
    run = await client.trigger("w")
    await claimed_after(client, run.id, 2)
    await client._store.write(Died(run.id))
    async with engine_of(flow, max_recovery_attempts=2) as engine:
        ended = await engine.wait(run.id, timeout_ms=10_000)
    assert "while they ran step 'first' and step 'risky'" in ended.error["message"]


@pytest.mark.req("R-45")
async def test_what_a_suspected_run_has_done_is_durable_before_the_next_inputs_are_prepared(
    client, engine_of
):
    """Otherwise the step before would be blamed for a selector that kills the process."""
    flow, durable = Workflow("w"), []

    def select(sources):
        with client._store.database.reading.connect() as connection:
            of_first = select_status(run_steps.c.status).where(run_steps.c.step_id == "first")
            durable.append(connection.execute(of_first).scalar())
        return {"first": 1}

    flow.step(lambda inputs: 1, id="first", output=int)
    flow.step(lambda first: 1, id="risky", depends_on=["first"], output=int, input_selector=select)
    flow.step(lambda risky: 1, id="last", output=int)
    run = await client.trigger("w")
    await claimed_after(client, run.id, 2)
    await client._store.write(Died(run.id))
    async with engine_of(flow) as engine:
        ended = await engine.wait(run.id, timeout_ms=10_000)
    assert (ended.status, {*durable}) == (RunStatus.COMPLETED, {"completed"})


class Released(Died):
    """Leave a run like an engine that closes."""

    @classmethod
    def apply(cls, connection, writes):
        """Release the lease."""
        for write in writes:
            connection.execute(update(runs).where(runs.c.id == write.run_id).values(lease_expires_at=0))
        return [None] * len(writes)


@pytest.mark.req("R-45")
async def test_a_suspected_run_is_claimed_alone_of_several_claims(client):
    """Other claims in the same transaction get no run."""
    suspect = await client.trigger("w")
    await claimed_after(client, suspect.id, 2)
    await client._store.write(Died(suspect.id))
    await client.trigger("w", {"number": 2})
    claims = [client._worker.claimer.claim_write() for _ in range(3)]
    taken = await client._store.write(Together(claims))
    assert [claimed and claimed.run_id for claimed in taken] == [suspect.id, None, None]


@pytest.mark.req("R-45")
@pytest.mark.parametrize(("limit", "status"), [(2, RunStatus.FAILED), (3, RunStatus.COMPLETED)])
async def test_a_run_fails_after_the_last_recovery_attempt(client, engine_of, flow, limit, status):
    """The record names the step that ran when its processes died."""
    run = await client.trigger("w")
    await claimed_after(client, run.id, 2)
    await client._store.write(Died(run.id))
    async with engine_of(flow, max_recovery_attempts=limit) as engine:
        ended = await engine.wait(run.id, timeout_ms=10_000)
        steps = {step.step: step for step in await engine.get_run_steps(run.id)}
    assert ended.status is status
    if status is RunStatus.FAILED:
        assert ended.error["code"] == ErrorCode.RECOVERY_EXHAUSTED
        assert "3 processes in a row died while they ran step 'risky'" in ended.error["message"]
        assert steps["risky"].status is StepStatus.FAILED
        assert steps["last"].status is StepStatus.CANCELLED


@pytest.fixture
def slow():
    """A workflow whose one step waits."""
    workflow, begun, go = Workflow("slow"), Observed(), asyncio.Event()

    @workflow.step
    async def risky(inputs) -> int:
        begun.append(inputs["number"])
        await go.wait()
        return 1

    return workflow, begun, go


@pytest.mark.req("R-45")
async def test_a_suspected_run_is_taken_by_an_idle_engine(engine_of, slow):
    """Because it could also kill the other runs of a busy engine."""
    workflow, begun, go = slow
    async with engine_of(workflow) as client:
        client.take_on("none")
        suspect = await client.trigger("slow", {"number": 1})
        await claimed_after(client, suspect.id, 2)
        async with engine_of(workflow) as busy:
            other = await busy.trigger("slow", {"number": 2})
            await begun.reach()
            await client._store.write(Died(suspect.id))
            assert await busy._worker.claimer.claim() is False
            go.set()
            assert (await busy.wait(suspect.id, timeout_ms=10_000)).status is RunStatus.COMPLETED
            assert (await busy.wait(other.id, timeout_ms=10_000)).status is RunStatus.COMPLETED
    assert begun == [2, 1]


@pytest.mark.req("R-45")
async def test_a_suspected_run_does_not_wait_for_an_idle_engine_for_ever(engine_of, slow):
    """If all engines are always busy, one of them still takes it after a while."""
    workflow, begun, go = slow
    async with engine_of(workflow) as client:
        client.take_on("none")
        suspect = await client.trigger("slow", {"number": 1})
        await claimed_after(client, suspect.id, 2)
        async with engine_of(workflow) as busy:
            await busy.trigger("slow", {"number": 2})
            await begun.reach()
            await client._store.write(Died(suspect.id, ago_ms=3_600_000))
            await begun.until(lambda: begun == [2, 1])
            go.set()
            assert (await busy.wait(suspect.id, timeout_ms=10_000)).status is RunStatus.COMPLETED


@pytest.mark.req("R-45")
async def test_beside_a_suspected_run_no_other_is_taken(engine_of, slow):
    """A new run waits in the database, for another engine or for its end."""
    workflow, begun, go = slow
    async with engine_of(workflow) as client:
        client.take_on("none")
        suspect = await client.trigger("slow", {"number": 1})
        await claimed_after(client, suspect.id, 2)
        await client._store.write(Died(suspect.id))
        async with engine_of(workflow) as engine:
            await begun.reach()
            other = await engine.trigger("slow", {"number": 2})
            assert other.status is RunStatus.PENDING
            async with engine_of(workflow) as second:
                go.set()
                assert (await second.wait(other.id, timeout_ms=10_000)).status is RunStatus.COMPLETED


@pytest.mark.req("R-45")
def test_the_limit_is_a_number_of_attempts(tmp_path):
    """The message has the valid numbers."""
    with pytest.raises(ValueError, match="max_recovery_attempts"):
        RunEngine(store=f"sqlite:///{tmp_path / 'runs.db'}", max_recovery_attempts=-1)
