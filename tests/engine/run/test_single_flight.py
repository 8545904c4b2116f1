"""Equal work in several processes: only one may start it."""

from __future__ import annotations

import pytest

from langgraph_runner.engine.store import RunStore
from langgraph_runner.engine.store.commands import AdvanceRun, CreateRun
from langgraph_runner.engine.store.records import NewRun, Start

HOUR_MS, LONG_AGO_MS = 3_600_000, -3_600_000


@pytest.fixture
def store(tmp_path):
    """A new database."""
    store = RunStore(f"sqlite:///{tmp_path / 'runs.db'}")
    yield store
    store.close()


async def started(store, run_id, *, owner, lease_ms):
    """Create a run of an owner and start its step. The step has the same cache key in all runs."""
    run = NewRun(
        id=run_id,
        root_run_id=run_id,
        tenant="t",
        workflow="w",
        version="1",
        trigger="manual",
        inputs=b"{}",
        options="{}",
        steps=("s",),
        owner=owner,
        lease_ms=lease_ms,
    )
    created = await store.write(CreateRun(run))
    start = Start("s", "0" * 64, "w:s:same", "1")
    return await store.write(
        AdvanceRun(run_id, "t", created.fence, started=[start], owner=owner, seq=created.seq)
    )


@pytest.mark.req("R-24")
async def test_what_a_dead_process_was_computing_may_be_started(store):
    """Because its lease has expired."""
    await started(store, "dead", owner="a", lease_ms=LONG_AGO_MS)
    assert not (await started(store, "second", owner="b", lease_ms=HOUR_MS)).held


@pytest.mark.req("R-24")
@pytest.mark.parametrize("names", [("1 dead", "2 live"), ("1 live", "2 dead")])
async def test_a_dead_process_does_not_hide_a_live_one(store, names):
    """Both were computing it. The order of their rows does not matter."""
    for name in names:
        # With one owner, so that the second one may start.
        await started(store, name, owner="a", lease_ms=HOUR_MS if "live" in name else LONG_AGO_MS)
    assert (await started(store, "z", owner="b", lease_ms=HOUR_MS)).held == {"s"}
