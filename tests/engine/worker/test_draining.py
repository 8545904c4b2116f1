"""A draining engine ends its runs, and leaves other runs to other engines."""

import asyncio

import pytest

from langgraph_runner.workflow import Workflow
from tests.waiting import Observed

pytestmark = pytest.mark.req("R-61")


@pytest.fixture
def held():
    """A workflow whose step waits for `go`, the inputs of the steps that have begun, and `go`."""
    flow, begun, go = Workflow("w"), Observed(), asyncio.Event()

    @flow.step(cache="none")
    async def work(inputs) -> int:
        begun.append(inputs["x"])
        await go.wait()
        return inputs["x"]

    return flow, begun, go


async def test_a_draining_engine_ends_what_it_runs_and_takes_on_nothing(engine_of, held):
    """Runs that are triggered meanwhile wait for another engine."""
    flow, begun, go = held
    async with engine_of(flow) as engine:
        first = await engine.trigger("w", {"x": 1})
        await begun.reach()
        draining = asyncio.create_task(engine.drain())
        await asyncio.sleep(0)
        second = await engine.trigger("w", {"x": 2})
        go.set()
        assert await draining is True
        assert (await engine.get_run(first.id)).status == "completed"
        assert begun == [1]
        async with engine_of(flow) as other:
            assert (await other.wait(second.id)).status == "completed"


async def test_a_drain_with_a_limit_says_that_runs_are_left(engine_of, held):
    """When the engine closes, it releases them, and other engines continue them at once."""
    flow, begun, go = held
    async with engine_of(flow) as engine:
        run = await engine.trigger("w", {"x": 1})
        await begun.reach()
        assert await engine.drain(timeout_ms=1) is False
    go.set()
    async with engine_of(flow, lease_ms=3_600_000) as other:
        assert (await other.wait(run.id)).status == "completed"
    assert begun == [1, 1]


async def test_an_engine_without_runs_is_drained_at_once(engine_of):
    """There is nothing to wait for."""
    async with engine_of() as engine:
        assert await engine.drain() is True


@pytest.mark.parametrize("timeout_ms", [0, -1, "soon"])
async def test_a_wrong_limit_is_refused(engine_of, timeout_ms):
    """The message names the limit."""
    async with engine_of() as engine:
        with pytest.raises((ValueError, TypeError), match="timeout_ms"):
            await engine.drain(timeout_ms)
