"""Which runs an engine claims, and what happens to waiting and orphaned runs."""

import asyncio
from contextvars import ContextVar

import pytest
from sqlalchemy.exc import OperationalError

from langgraph_runner.engine import RunEngine, RunNotFoundError, RunStateError, RunStatus
from langgraph_runner.engine.run.execution import RunExecution
from langgraph_runner.engine.store import queries
from langgraph_runner.engine.store.commands import ClaimRun, ReleaseRuns
from langgraph_runner.workflow import UnknownWorkflowError, Workflow
from tests.waiting import Observed, eventually


@pytest.fixture
def url(tmp_path):
    """The address of a new database."""
    return f"sqlite:///{tmp_path / 'runs.db'}"


@pytest.fixture
def shop():
    """A workflow of one step, which returns its input."""
    flow = Workflow("shop.v1")

    @flow.step
    def price(inputs) -> int:
        return inputs["net"]

    return flow


async def left_behind(url, workflow):
    """A run whose engine was closed in the middle of it."""
    engine = RunEngine([workflow], store=url)
    run = await engine.trigger(workflow.id)
    while not (await engine.get_run_steps(run.id, status="running")):
        await asyncio.wait_for(engine._worker.changed(run.tenant, run.id, 0), 5)
    await engine.close()
    return run


@pytest.fixture
def hanging():
    """A workflow whose step hangs in its first call."""
    flow, calls = Workflow("hanging.v1"), []

    @flow.step
    async def hang() -> int:
        calls.append(1)
        if len(calls) == 1:
            await asyncio.Event().wait()
        return len(calls)

    return flow


@pytest.mark.req("R-10")
async def test_a_client_leaves_what_it_triggers_to_others(shop, url):
    """The run waits until a serving engine claims it."""
    async with RunEngine([shop], store=url) as client:
        client.take_on("none")
        run = await client.trigger("shop.v1", {"net": 3})
        assert run.status is RunStatus.PENDING
        async with RunEngine([shop], store=url, poll_ms=10) as server:
            ended = await server.wait(run.id, timeout_ms=10_000)
    assert ended.status is RunStatus.COMPLETED


async def test_an_engine_for_its_own_runs_leaves_others_alone(shop, url):
    """It runs the runs that it triggers, and no waiting ones."""
    async with RunEngine([shop], store=url) as client:
        client.take_on("none")
        waiting = await client.trigger("shop.v1", {"net": 3})
        async with RunEngine([shop], store=url, poll_ms=10) as own:
            own.take_on("own")
            assert (await own.run("shop.v1", {"net": 4})).status is RunStatus.COMPLETED
            assert (await own.get_run(waiting.id)).status is RunStatus.PENDING


@pytest.mark.req("R-53")
async def test_a_run_that_had_to_wait_has_nobodys_context(url):
    """A background task claims it, without the context variables of a caller."""
    user, seen = ContextVar("user", default="nobody"), {}
    flow = Workflow("who.v1")

    @flow.step(cache="none")
    async def look(ctx) -> None:
        seen[ctx.tenant] = user.get()

    engine = RunEngine([flow], store=url, max_active_runs=1, poll_ms=10)
    runs = []
    for tenant in ("acme", "other"):
        user.set(tenant)
        runs.append(await engine.trigger("who.v1", tenant=tenant))
    for run in runs:
        await engine.wait(run.id, tenant=run.tenant)
    await engine.close()
    assert seen == {"acme": "acme", "other": "nobody"}


@pytest.mark.req("R-42")
async def test_a_run_that_waits_is_resumed_by_name(shop, url):
    """By an engine that takes on only its own runs."""
    async with RunEngine([shop], store=url) as engine:
        engine.take_on("none")
        run = await engine.trigger("shop.v1", {"net": 3})
        engine.take_on("own")
        assert (await engine.resume(run.id)).status is RunStatus.COMPLETED
        with pytest.raises(RunStateError, match="has the status 'completed': it has ended"):
            await engine.resume(run.id)
        with pytest.raises(RunNotFoundError):
            await engine.resume("nope")


@pytest.mark.req("R-42")
async def test_a_run_that_was_left_is_resumed(hanging, url):
    """It continues after the committed steps."""
    run = await left_behind(url, hanging)
    async with RunEngine([hanging], store=url) as engine:
        engine.take_on("own")
        ended = await engine.resume(run.id)
        assert (ended.id, ended.status, await engine.get_output(run.id, "hang")) == (
            run.id,
            RunStatus.COMPLETED,
            2,
        )


@pytest.mark.req("R-42")
@pytest.mark.parametrize("name", ["write", "read"])
async def test_a_run_whose_resume_is_cancelled_runs(hanging, url, monkeypatch, name):
    """Whether the claim is being committed or the run is being read: the engine has its lease."""
    run = await left_behind(url, hanging)
    async with RunEngine([hanging], store=url, poll_ms=60_000) as engine:
        engine.take_on("own")
        real, reached, is_cancelled = getattr(engine._store, name), Observed(), asyncio.Event()

        async def observed(first, *arguments):
            is_of_claim = isinstance(first, ClaimRun) or first is queries.claimed_run
            result = await real(first, *arguments)
            if is_of_claim and not reached:
                reached.append(1)
                await is_cancelled.wait()
            return result

        monkeypatch.setattr(engine._store, name, observed)
        resuming = asyncio.ensure_future(engine.resume(run.id))
        await reached.reach()
        resuming.cancel()
        await asyncio.wait({resuming})
        is_cancelled.set()
        assert (await engine.wait(run.id, timeout_ms=20_000)).status is RunStatus.COMPLETED


@pytest.mark.req("R-42")
async def test_a_run_that_is_claimed_but_cannot_be_read_is_claimed_again(hanging, url, monkeypatch):
    """Also by an engine that takes only its own runs, once the lease has expired."""
    run = await left_behind(url, hanging)
    async with RunEngine([hanging], store=url, poll_ms=20, lease_ms=200) as engine:
        engine.take_on("own")
        real, failures = engine._store.read, [OperationalError("SELECT", None, OSError("gone"))]

        async def failing_once(query, *arguments):
            if query is queries.claimed_run and failures:
                raise failures.pop()
            return await real(query, *arguments)

        monkeypatch.setattr(engine._store, "read", failing_once)
        with pytest.raises(OperationalError):
            await engine.resume(run.id)
        assert (await engine.wait(run.id, timeout_ms=20_000)).status is RunStatus.COMPLETED


async def test_a_run_that_somebody_runs_is_not_resumed(hanging, shop, url):
    """A run whose workflow the engine does not have is not resumed either."""
    async with RunEngine([hanging], store=url) as busy, RunEngine([hanging], store=url) as other:
        other.take_on("own")
        run = await busy.trigger("hanging.v1")
        with pytest.raises(
            RunStateError, match=r"another process holds its lease.* the lease expires in (29|30) s"
        ):
            await other.resume(run.id)
        async with RunEngine([shop], store=url) as stranger:
            with pytest.raises(UnknownWorkflowError):
                await stranger.resume(run.id)


@pytest.mark.req("R-42")
async def test_a_run_that_somebody_runs_is_resumed_when_he_is_gone(hanging, url):
    """The caller does not need to know when the lease expires."""
    async with RunEngine([hanging], store=url, poll_ms=10) as other:
        other.take_on("own")
        busy = RunEngine([hanging], store=url)
        run = await busy.trigger("hanging.v1")
        resumed = asyncio.create_task(other.resume(run.id, wait=True))
        await eventually(lambda: run.id in other._worker.workload.to_take)
        await busy.close()
        assert (await asyncio.wait_for(resumed, 10)).status is RunStatus.COMPLETED


async def test_an_engine_that_takes_on_nothing_waits_for_no_run(hanging, url):
    """Because no engine would ever claim the run."""
    async with RunEngine([hanging], store=url) as busy, RunEngine([hanging], store=url) as client:
        client.take_on("none")
        run = await busy.trigger("hanging.v1")
        with pytest.raises(RunStateError, match="another process holds its lease"):
            await client.resume(run.id, wait=True)


async def test_a_run_of_its_own_is_not_waited_for(hanging, url):
    """The engine already has the run."""
    async with RunEngine([hanging], store=url) as engine:
        engine.take_on("own")
        run = await engine.trigger("hanging.v1")
        await engine.trigger_resume(run.id, wait=True)
        assert engine._worker.workload.to_take == {}
        await engine.cancel(run.id)


def test_a_program_that_ends_without_closing_the_engine_is_told_what_it_leaves(hanging, url, caplog):
    """Its runs wait until their leases expire."""

    async def main():
        engine = RunEngine([hanging], store=url)
        return engine, await engine.trigger("hanging.v1")

    engine, run = asyncio.run(main())
    asyncio.run(engine.close())
    assert f"engine.not_closed run_ids=['{run.id}']" in caplog.text


@pytest.mark.req("R-42")
async def test_an_own_run_that_an_error_has_interrupted_goes_on(shop, url, monkeypatch):
    """There may be no other engine, and then a waiting caller would wait forever."""
    real, fences = RunExecution._turn, []

    async def turn(self):
        fences.append(self.fence)
        if fences == [1, 1]:
            raise OperationalError("INSERT", None, OSError("the disk is full"))
        return await real(self)

    monkeypatch.setattr(RunExecution, "_turn", turn)
    async with RunEngine([shop], store=url, lease_ms=1_000, poll_ms=10) as engine:
        engine.take_on("own")
        begun = await engine.trigger("shop.v1", {"net": 3})
        ended = await engine.wait(begun.id, timeout_ms=10_000)
    assert (ended.status, {*fences}) == (RunStatus.COMPLETED, {1, 2})


@pytest.mark.req("R-51")
async def test_a_run_that_was_left_is_cancelled_at_once(hanging, url):
    """It has no owner that could end it; its old owner can no longer write."""
    run = await left_behind(url, hanging)
    async with RunEngine([], store=url) as client:
        ended = await client.cancel(run.id, reason="not needed")
        events = [event.type async for event in client.events(run.id)]
    assert (ended.status, ended.cancel_reason, ended.steps) == (
        RunStatus.CANCELLED,
        "not needed",
        {"cancelled": 1},
    )
    assert events[-1] == "run_cancelled"


@pytest.mark.req("R-43", "R-51")
async def test_an_owner_that_was_taken_for_dead_cannot_write_after_a_cancellation(hanging, url):
    """The fencing token has increased."""
    async with RunEngine([hanging], store=url) as silent, RunEngine([], store=url) as client:
        run = await silent.trigger("hanging.v1")
        await silent._store.write(ReleaseRuns({run.id: 1}))
        assert (await client.cancel(run.id)).status is RunStatus.CANCELLED
        silent._worker.cancel(run.id, "late")
        while silent._worker.workload.tasks:
            await asyncio.wait_for(silent._worker.changed(run.tenant, run.id, 0), 5)
        assert [e.type async for e in client.events(run.id)].count("run_cancelled") == 1


async def test_an_output_is_read_as_json_without_its_workflow(shop, url):
    """As it is stored."""
    async with RunEngine([shop], store=url) as engine:
        run = await engine.run("shop.v1", {"net": 3})
    async with RunEngine([], store=url) as client:
        assert await client.get_output_json(run.id, "price") == b"3"
        with pytest.raises(LookupError, match="has no step 'prize'"):
            await client.get_output_json(run.id, "prize")


async def test_an_engine_made_outside_a_loop_is_used_in_one(shop, url):
    """For example an engine that a module creates when it is imported."""
    engine = await asyncio.to_thread(RunEngine, [shop], store=url)
    async with engine:
        assert (await engine.run("shop.v1", {"net": 3})).status is RunStatus.COMPLETED


@pytest.mark.parametrize("takes_on", ["all", "own"])
async def test_the_end_of_a_run_is_no_reason_to_look_for_others_where_none_wait(shop, url, takes_on):
    """Each run would cost another transaction. The polls find new runs in time."""
    async with RunEngine([shop], store=url, poll_ms=60_000) as engine:
        engine.take_on(takes_on)
        looked, claim = [], engine._worker.claimer.claim

        async def counted(*arguments):
            looked.append(1)
            return await claim(*arguments)

        engine._worker.claimer.claim = counted
        for _ in range(10):
            await engine.run("shop.v1", {"net": 1})
    assert len(looked) <= 1


@pytest.mark.parametrize("takes_on", ["all", "own"])
async def test_runs_that_find_no_room_are_taken_as_soon_as_there_is(shop, url, takes_on):
    """Even with rare polls, also if the room was taken by a run from a poll."""
    async with RunEngine([shop], store=url, poll_ms=60_000, max_active_runs=1) as engine:
        engine.take_on(takes_on)
        runs = await asyncio.gather(*(engine.trigger("shop.v1", {"net": 1}) for _ in range(20)))
        ended = [await engine.wait(run.id, timeout_ms=20_000) for run in runs]
    assert {run.status for run in ended} == {RunStatus.COMPLETED}


async def test_a_run_whose_trigger_was_cancelled_is_taken_as_soon_as_there_is_room(shop, url):
    """Because it may still have been written."""
    async with RunEngine([shop], store=url, poll_ms=60_000, max_active_runs=1) as engine:
        first = await engine.trigger("shop.v1", {"net": 1})
        second = asyncio.ensure_future(engine.trigger("shop.v1", {"net": 2}))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait({second})
        await engine.wait(first.id, timeout_ms=20_000)
        await engine.run("shop.v1", {"net": 3})
        for run in await engine.list_runs():
            assert (await engine.wait(run.id, timeout_ms=20_000)).status is RunStatus.COMPLETED


async def test_looking_that_has_failed_is_made_up_for(shop, url):
    """The next search follows as soon as a run ends."""
    async with RunEngine([shop], store=url, poll_ms=60_000, max_active_runs=1) as engine:
        claim, failed = engine._worker.claimer.claim, Observed()

        async def failing_once(*arguments):
            if not failed:
                failed.append(1)
                raise OSError
            return await claim(*arguments)

        first, second = [await engine.trigger("shop.v1", {"net": number}) for number in (1, 2)]
        engine._worker.claimer.claim = failing_once
        await engine.wait(first.id, timeout_ms=20_000)
        await failed.reach()
        await engine.run("shop.v1", {"net": 3})
        assert (await engine.wait(second.id, timeout_ms=20_000)).status is RunStatus.COMPLETED
