"""Who runs a run: claims, leases, fencing tokens, cancellation."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from langgraph_runner.engine.store import queries
from langgraph_runner.engine.store.commands import CancelRun, Heartbeat, ReleaseRuns
from langgraph_runner.engine.store.commands.workers import (
    AddTask,
    ClaimTask,
    EndTask,
    KeepTasks,
    RemoveWorker,
    ReportWorker,
)
from langgraph_runner.engine.store.queries import TaskKey, finished_tasks, summarize_workers, task_result
from langgraph_runner.engine.store.records import Start, StepChange
from langgraph_runner.testing.conformance import with_adapters
from langgraph_runner.testing.store_suite.stores import (
    EXPIRED_MS,
    LONG_MS,
    OUTPUT,
    TENANT,
    StoreTests,
    behind,
    claim,
    ended,
    grouped,
    new,
    started,
)
from langgraph_runner.workflow import StepStatus

if TYPE_CHECKING:
    from langgraph_runner.engine.store import RunStore

__all__ = ["ClaimTests"]


class ClaimTests(StoreTests):
    """One owner at a time, and turns."""

    @with_adapters
    async def test_a_run_is_claimed_once(self, store: RunStore, other: RunStore) -> None:
        """Two processes claim at the same time, and more often than there are runs."""
        await grouped(store, *(new(str(number)) for number in range(12)))
        claims = [
            each.write(claim(f"owner{side}")) for _ in range(8) for side, each in enumerate((store, other))
        ]
        claimed = [each.run_id for each in await asyncio.gather(*claims) if each is not None]
        assert sorted(claimed) == sorted(str(number) for number in range(12))
        assert await other.write(claim("late")) is None

    @with_adapters
    async def test_a_run_that_another_process_claims_just_now_is_passed_over(
        self, store: RunStore, other: RunStore
    ) -> None:
        """Its transaction is open yet; the second claim gets the next run, and the third none."""
        self._needs_two_stores()
        await grouped(store, new("a"), new("b"))
        claimed = await behind(claim("first"), store, claim("second"), other)
        assert claimed is not None
        assert (claimed.run_id, claimed.fence) == ("b", 1)
        assert await other.write(claim("third")) is None

    @with_adapters
    async def test_tenants_take_turns(self, store: RunStore, other: RunStore) -> None:
        """Of one tenant the highest priority is first, then the run that was made first."""
        for run_id, tenant, priority in (
            *(("a1", "a", 0), ("a2", "a", 0), ("a3", "a", 5)),
            *(("b1", "b", 0), ("c1", "c", -9)),
        ):
            await store.write(new(run_id, tenant=tenant, priority=priority))
        order, after = [], ""
        while (claimed := await other.write(claim("owner", after=after))) is not None:
            order.append(claimed.run_id)
            after = claimed.tenant
        assert order == ["a3", "b1", "c1", "a1", "a2"]

    @with_adapters
    async def test_a_limit_of_a_tenant_holds_for_all_processes(
        self, store: RunStore, other: RunStore
    ) -> None:
        """Two processes that claim at the same time do not count the same runs."""
        self._needs_two_stores()
        await grouped(store, new("a"), new("b"), new("c"))
        limited = claim("owner", limits=1)
        assert await behind(limited, store, claim("owner", limits=1), other) is None
        assert await store.write(claim("owner", limits=1)) is None
        assert await store.write(claim("owner", limits=2)) is not None

    @with_adapters
    async def test_a_late_writer_is_refused(self, store: RunStore, other: RunStore) -> None:
        """The fencing token grows with each claim, and all that an earlier owner writes is dropped."""
        created = await store.write(new("r", owner="a", lease_ms=EXPIRED_MS))
        await store.write(started("r", owner="a", key="k"))
        claimed = await other.write(claim("b"))
        assert claimed is not None
        assert (claimed.run_id, claimed.running) == ("r", ("s",))
        assert claimed.fence > created.fence
        late = await store.write(ended("r", fence=created.fence, seq=3))
        assert (late.is_accepted, late.ended) == (False, None)
        assert await other.read(queries.status_of, TENANT, "r") == "running"
        assert await other.read(queries.output_data, TENANT, [OUTPUT]) == {}
        kept = await other.write(ended("r", fence=claimed.fence, seq=claimed.seq))
        assert kept.is_accepted

    @with_adapters
    async def test_a_late_writer_of_the_same_group_is_refused(self, store: RunStore, _: RunStore) -> None:
        """The writes of the owner beside it are kept."""
        await store.write(new("r", owner="a", lease_ms=EXPIRED_MS))
        claimed = await store.write(claim("b"))
        assert claimed is not None
        late, kept = await grouped(
            store,
            ended("r", output=b"late", ref="e" * 64),
            ended("r", fence=claimed.fence, seq=claimed.seq),
        )
        assert (late.is_accepted, kept.is_accepted) == (False, True)
        assert await store.read(queries.output_data, TENANT, ["e" * 64, OUTPUT]) == {OUTPUT: b"7"}

    @with_adapters
    async def test_a_lease_ends_by_the_clock_of_the_database(self, store: RunStore, other: RunStore) -> None:
        """Until then the run is its owner's; a heartbeat says when that is."""
        created = await store.write(new("r", owner="a"))
        run = await other.read(queries.run_by_id, TENANT, "r")
        assert run is not None
        assert (run.lease_expires_at or 0) - run.created_at == LONG_MS
        now, _ = await other.read(queries.clock_and_leases, ["w"])
        assert run.created_at <= now < (run.lease_expires_at or 0)
        assert await other.write(claim("b")) is None
        await store.write(Heartbeat("a", EXPIRED_MS, {"r": created.fence}))
        claimed = await other.write(claim("b"))
        assert claimed is not None
        assert (claimed.run_id, claimed.recoveries) == ("r", 1)

    @with_adapters
    async def test_a_heartbeat_keeps_what_is_ours(self, store: RunStore, other: RunStore) -> None:
        """It gives the runs that another process has not taken."""
        for run_id in ("mine", "lost"):
            await store.write(new(run_id, owner="a", lease_ms=EXPIRED_MS))
        assert await other.write(claim("b", run_id="lost")) is not None
        assert await store.write(Heartbeat("a", LONG_MS, {"mine": 1, "lost": 1})) == {"mine": None}
        assert await other.write(claim("b")) is None

    @with_adapters
    async def test_a_run_that_is_given_up_is_taken_at_once(self, store: RunStore, other: RunStore) -> None:
        """Its owner has closed, which is no death."""
        created = await store.write(new("r", owner="a"))
        await store.write(ReleaseRuns({"r": created.fence}))
        claimed = await other.write(claim("b"))
        assert claimed is not None
        assert (claimed.run_id, claimed.recoveries) == ("r", 0)

    @with_adapters
    async def test_a_cancellation_stays(self, store: RunStore, other: RunStore) -> None:
        """The first reason is kept, the owner hears of it, and the run does not complete any more."""
        created = await store.write(new("r", owner="a"))
        assert await other.write(CancelRun("r", TENANT, "first")) == "running"
        assert await other.write(CancelRun("r", TENANT, "second")) == "running"
        assert await store.write(Heartbeat("a", LONG_MS, {"r": created.fence})) == {"r": "first"}
        advanced = await store.write(ended("r"))
        assert advanced.cancel_reason == "first"
        run = await other.read(queries.run_by_id, TENANT, "r")
        assert run is not None
        assert (run.status, run.cancel_reason) == ("cancelled", "first")
        assert await other.write(CancelRun("r", TENANT, "third")) == "cancelled"

    @with_adapters
    async def test_a_run_without_an_owner_is_cancelled_at_once(
        self, store: RunStore, other: RunStore
    ) -> None:
        """Nobody claims it any more, and an owner that was taken for dead is refused."""
        await store.write(new("waits"))
        await store.write(new("left", owner="a", lease_ms=EXPIRED_MS))
        for run_id in ("waits", "left"):
            assert await other.write(CancelRun(run_id, TENANT, "stop")) == "cancelled"
            run = await store.read(queries.run_by_id, TENANT, run_id)
            assert run is not None
            assert (run.status, dict(run.counts)) == ("cancelled", {"cancelled": 1})
        assert await store.write(claim("b")) is None
        assert not (await store.write(ended("left"))).is_accepted

    @with_adapters
    async def test_a_step_of_a_queue_is_claimed_once(self, store: RunStore, other: RunStore) -> None:
        """Its result is kept for the run, unless another worker has taken the step."""
        key = TaskKey(TENANT, "r", "s")
        run = await store.write(new("r", owner="a"))
        for version in ("1", "2"):  # The second is the same step, of another release of its code.
            assert await store.write(AddTask(key, "w", "gpu", Start("s", "0" * 64, None, version), run.fence))
        assert not await store.write(AddTask(key, "w", "cpu", Start("s", "0" * 64, None, "3"), run.fence + 1))
        first = await store.write(ClaimTask("x", EXPIRED_MS, ("gpu",), ("w",)))
        assert first is not None
        assert (first.key, first.start.code_version) == (key, "2")
        workers = [each.write(ClaimTask("y", LONG_MS, ("gpu",), ("w",))) for each in (store, other)]
        taken = [each for each in await asyncio.gather(*workers) if each is not None]
        assert [each.key for each in taken] == [key]
        change = StepChange(step="s", status=StepStatus.COMPLETED, output=b"7", output_ref=OUTPUT)
        assert not await store.write(EndTask(key, first.fence, change))
        assert await other.write(KeepTasks(LONG_MS, {key: taken[0].fence})) == {key}
        assert await other.write(EndTask(key, taken[0].fence, change))
        assert await store.read(finished_tasks, [TENANT], ["r"]) == {key}
        assert await store.read(task_result, TENANT, key) == change

    @with_adapters
    async def test_a_worker_has_one_row(self, store: RunStore, other: RunStore) -> None:
        """Each time that it is seen changes that row."""
        for is_draining in (False, True):
            seen = ReportWorker(
                id="x",
                host="h",
                pid=1,
                version="1",
                workflows=("w",),
                max_active_runs=3,
                is_draining=is_draining,
            )
            await store.write(seen)
        await store.write(new("r", owner="x"))
        load = await other.read(summarize_workers, TENANT)
        assert [(each.id, each.is_draining, each.run_ids) for each in load.workers] == [("x", True, ["r"])]
        await other.write(RemoveWorker("x"))
        assert (await store.read(summarize_workers, TENANT)).workers == []
