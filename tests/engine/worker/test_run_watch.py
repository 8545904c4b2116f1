"""The cost of following runs, and followers of runs on other engines."""

from __future__ import annotations

import asyncio

import pytest

from langgraph_runner.engine.store import queries
from langgraph_runner.workflow import Workflow
from tests.waiting import Observed, eventually

pytestmark = pytest.mark.req("R-51")


@pytest.fixture
def held():
    """A workflow whose step waits for `go`."""
    workflow, begun, go = Workflow("w", cache="none"), Observed(), asyncio.Event()

    @workflow.step
    async def step(inputs) -> int:
        begun.append(1)
        await go.wait()
        return 1

    return workflow, begun, go


async def test_followers_of_quiet_runs_share_one_look_at_the_database(engine_of, held, monkeypatch):
    """Otherwise a thousand open streams would keep the database and the event loop busy."""
    workflow, begun, go = held
    looks, asked, last_events, run_by_id = Observed(), [], queries.last_events, queries.run_by_id

    def looking(connection, tenants, ids):
        looks.append(ids)
        return last_events(connection, tenants, ids)

    def asking(*arguments):
        asked.append(1)
        return run_by_id(*arguments)

    monkeypatch.setattr(queries, "last_events", looking)
    monkeypatch.setattr(queries, "run_by_id", asking)
    async with engine_of(workflow) as owner, engine_of(workflow) as engine:
        engine.take_on("none")
        run = await owner.trigger("w")
        await begun.reach()

        async def followed():
            return [event.type async for event in engine.events(run.id)]

        followers = [asyncio.create_task(followed()) for _ in range(50)]
        await eventually(lambda: len(engine._worker._watch._waiting) == 50)
        before = len(asked)
        seen = len(looks)
        await looks.reach(seen + 3)
        assert (len(asked), {len(ids) for ids in looks[seen:]}) == (before, {1})
        go.set()
        ends = await asyncio.gather(*followers)
    assert {types[-1] for types in ends} == {"run_completed"}
    assert not engine._worker._watch._waiting


async def test_a_follower_that_goes_away_is_forgotten(engine_of, held):
    """The engine then stops reading the run."""
    workflow, begun, go = held
    async with engine_of(workflow) as engine:
        run = await engine.trigger("w")
        await begun.reach()

        async def followed():
            return [event async for event in engine.events(run.id)]

        follower = asyncio.create_task(followed())
        await eventually(lambda: engine._worker._watch._waiting)
        follower.cancel()
        await asyncio.gather(follower, return_exceptions=True)
        await asyncio.wait([engine._worker._watch._looking])
        assert not engine._worker._watch._waiting
        go.set()
