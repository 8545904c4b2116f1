"""The list of workers: an engine is listed while it serves or drains, lost when killed, gone when closed."""

import asyncio

import pytest
from sqlalchemy import update

from langgraph_runner import RunEngine, WorkerState, Workflow
from langgraph_runner.engine.store.schema import run_workers, runs
from langgraph_runner.engine.worker import presence
from tests.engine.conftest import edited
from tests.waiting import Observed, eventually

pytestmark = pytest.mark.req("R-61")


@pytest.fixture(autouse=True)
def _seen_at_once(monkeypatch):
    """Makes engines appear in the list at once, not after their first second."""
    monkeypatch.setattr(presence, "_FIRST_S", 0.0)


async def seen(engine, condition=bool, tenant="default"):
    """Return the overview as soon as `condition` holds for its workers."""
    return await eventually(lambda: engine.get_workers(tenant=tenant), lambda found: condition(found.workers))


def held():
    """A workflow whose step waits for `go`, the inputs of the steps that have begun, and `go`."""
    flow, begun, go = Workflow("w.v1"), Observed(), asyncio.Event()

    @flow.step(cache="none")
    async def work(inputs) -> int:
        begun.append(inputs)
        await go.wait()
        return 1

    return flow, begun, go


async def test_a_worker_is_seen_with_what_it_runs(engine_of):
    """Runs of all tenants are counted, but only those of the asking tenant are named."""
    flow, begun, go = held()
    async with engine_of(flow, max_active_runs=7) as engine:
        run = await engine.trigger("w.v1", tenant="acme")
        await engine.trigger("w.v1", tenant="other")
        await begun.until(lambda: len(begun) == 2)
        found = await seen(engine, tenant="acme")
        (worker,) = found.workers
        assert (worker.state, worker.workflows, worker.max_active_runs) == (WorkerState.WORKING, ["w.v1"], 7)
        assert (worker.active_runs, worker.run_ids) == (2, [run.id])
        assert (found.running_runs, found.waiting_runs, found.oldest_waiting_ms) == (2, 0, None)
        go.set()


async def test_the_backlog_is_told_with_its_age(engine_of):
    """The backlog of all tenants."""
    flow, _, _ = held()
    async with engine_of(flow) as engine:
        engine.take_on("none")  # It has begun as a worker. That makes no difference.
        first = await engine.trigger("w.v1")
        await engine.trigger("w.v1", tenant="other")
        with edited(engine) as connection:
            connection.execute(
                update(runs).where(runs.c.id == first.id).values(created_at=runs.c.created_at - 60_000)
            )
        found = await engine.get_workers()
    assert (found.waiting_runs, found.running_runs) == (2, 0)
    assert found.oldest_waiting_ms >= 60_000


async def test_a_client_is_no_worker(engine_of, store_url):
    """An engine that takes on no runs is not in the list."""
    async with engine_of() as worker:
        await seen(worker)
        client = RunEngine(store=store_url)
        client.take_on("none")
        async with client, engine_of() as other:
            found = await seen(other, lambda workers: len(workers) > 1)
            assert {each.id for each in found.workers} == {worker._host.owner, other._host.owner}


async def test_a_draining_worker_says_so(engine_of):
    """As soon as it drains."""
    flow, begun, go = held()
    async with engine_of(flow) as engine:
        await engine.trigger("w.v1")
        await begun.reach()
        draining = asyncio.create_task(engine.drain())
        await seen(engine, lambda workers: [each.state for each in workers] == [WorkerState.DRAINING])
        go.set()
        await draining


async def test_a_worker_that_ends_is_gone_and_one_that_is_killed_is_lost(engine_of):
    """The row of a killed worker stays in its last state."""
    async with engine_of() as engine:
        await seen(engine)
        async with engine_of() as other:
            found = await seen(other, lambda workers: len(workers) == 2)
            assert [each.state for each in found.workers] == ["working"] * 2
        assert len((await engine.get_workers()).workers) == 1
        with edited(engine) as connection:
            connection.execute(update(run_workers).values(seen_at=run_workers.c.seen_at - 30_000))
            connection.execute(
                run_workers.insert().from_select(
                    [column.name for column in run_workers.columns],
                    run_workers.select().with_only_columns(
                        *(
                            run_workers.c[name] if name != "id" else run_workers.c.id + "x"
                            for name in run_workers.columns.keys()  # noqa: SIM118
                        )
                    ),
                )
            )
        states = [each.state for each in (await engine.get_workers()).workers if each.id.endswith("x")]
        assert states == ["lost"]


async def test_a_worker_that_was_lost_for_a_day_is_forgotten(engine_of):
    """Its row is deleted when another worker appears."""
    async with engine_of() as engine:
        await seen(engine)
        with edited(engine) as connection:
            connection.execute(update(run_workers).values(id="killed", seen_at=1))
        async with engine_of() as other:
            await seen(other, lambda workers: "killed" not in [each.id for each in workers])


async def test_an_engine_that_ends_soon_leaves_no_row(store_url, monkeypatch):
    """Because its first second has not passed."""
    monkeypatch.setattr(presence, "_FIRST_S", 60.0)
    async with RunEngine(store=store_url) as engine:
        assert (await engine.get_workers()).workers == []
