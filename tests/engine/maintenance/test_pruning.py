"""What a prune deletes, and what it keeps."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from langgraph_runner.engine.store.commands import retention
from langgraph_runner.engine.store.schema import outputs
from langgraph_runner.workflow import Workflow


def flow_of(cache):
    """A workflow of one step, which returns its input."""
    flow = Workflow("w")
    flow.step(lambda inputs: inputs["x"], id="s", cache=cache, output=int)
    return flow


async def kept(engine):
    """Return the number of stored outputs."""
    query = select(func.count()).select_from(outputs)
    return await engine._store.read(lambda connection: connection.execute(query).scalar())


@pytest.mark.parametrize("cache", ["none", "global"])
async def test_unreferenced_outputs_are_deleted(engine_of, monkeypatch, cache):
    """Outputs of the cache are deleted when no other process may serve them."""
    monkeypatch.setattr(retention, "_GRACE_MS", -60_000)  # That time is over.
    async with engine_of(flow_of(cache)) as engine:
        for x in range(3):
            await engine.run("w", {"x": x})
        assert await engine.prune(older_than=timedelta()) == 3
        assert await kept(engine) == 0


@pytest.mark.parametrize("cache", ["none", "global"])
async def test_outputs_of_younger_runs_stay(engine_of, cache):
    """Also outputs that only one run uses."""
    async with engine_of(flow_of(cache)) as engine:
        run = await engine.run("w", {"x": 7})
        assert await engine.prune(older_than=timedelta(days=1)) == 0
        assert await engine.get_output(run.id, "s") == 7


async def test_an_output_that_tenants_have_in_common_stays_with_the_other(engine_of, monkeypatch):
    """Each tenant has its own copy."""
    monkeypatch.setattr(retention, "_GRACE_MS", -60_000)
    async with engine_of(flow_of("global")) as engine:
        await engine.run("w", {"x": 7}, tenant="acme")
        other = await engine.run("w", {"x": 7}, tenant="other")
        assert await engine.prune(older_than=timedelta(), tenant="acme") == 1
        assert await engine.get_output(other.id, "s", tenant="other") == 7
        assert await kept(engine) == 1
