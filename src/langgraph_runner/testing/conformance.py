"""`HotTierSuite`, `DispatcherSuite`: what an adapter of your own has to do. Subclass one in a test module.

The tests are plain functions, each with an event loop of its own, so they need pytest only.
"""

from __future__ import annotations

import asyncio
from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.engine.store.records import CacheEntry
from langgraph_runner.workflow.context import ArtifactRef

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from langgraph_runner.engine.cache.tiers import HotTier
    from langgraph_runner.engine.dispatch.dispatcher import Dispatcher

__all__ = ["DispatcherSuite", "HotTierSuite", "with_adapters"]

_SOON_S: Final = 30.0
_IDLE_S: Final = 0.3
"""After so long a worker without jobs waits for one."""


def with_adapters(test: Callable[..., Awaitable[None]]) -> Callable[[Any], None]:
    """Make a plain method of an async test: `_with()` of its suite passes the adapters, in an event loop."""

    def run(self: Any) -> None:
        self._with(partial(test, self))

    update_wrapper(run, test)
    del run.__wrapped__  # type: ignore[attr-defined] # pytest would take the parameters of the test for fixtures.
    return run


def _entry(key: str, *, step: str = "s") -> CacheEntry:
    file = ArtifactRef("a.txt", "files/a", "text/plain", 1, "0" * 64)
    return CacheEntry(
        key=key, run_id="r", step=step, output_ref="0" * 64, artifacts=(file,), expires_at=2**52
    )


class HotTierSuite:
    """What a `HotTier` has to do.

    Example:
        >>> from langgraph_runner import MemoryTier
        >>> class TestMemoryTier(HotTierSuite):
        ...     def make(self):
        ...         return MemoryTier()
        >>> TestMemoryTier().test_what_is_put_is_found()
    """

    def make(self) -> HotTier:
        """A tier, in the loop in which it is used. All that are made in one test share what they hold."""
        raise NotImplementedError

    def _with(self, check: Callable[[HotTier], Awaitable[None]]) -> None:
        async def main() -> None:
            tier = self.make()
            try:
                await tier.clear()
                await check(tier)
            finally:
                if (close := getattr(tier, "close", None)) is not None:
                    await close()

        asyncio.run(main())

    @with_adapters
    async def test_what_is_put_is_found(self, tier: HotTier) -> None:
        """With all its fields; what is not known is left out."""
        await tier.put_many("t", [_entry("a"), _entry("b")])
        assert await tier.get_many("t", ["a", "b", "c"]) == {"a": _entry("a"), "b": _entry("b")}

    @with_adapters
    async def test_nothing_is_known_at_first(self, tier: HotTier) -> None:
        """Nor is it wrong to ask for nothing, or to put nothing."""
        await tier.put_many("t", [])
        assert (await tier.get_many("t", []), await tier.get_many("t", ["a"])) == ({}, {})

    @with_adapters
    async def test_the_newest_entry_of_a_key_is_served(self, tier: HotTier) -> None:
        """It replaces the one before."""
        await tier.put_many("t", [_entry("a")])
        await tier.put_many("t", [_entry("a", step="other")])
        assert await tier.get_many("t", ["a"]) == {"a": _entry("a", step="other")}

    @with_adapters
    async def test_a_tenant_is_served_its_own_entries_only(self, tier: HotTier) -> None:
        """Also where the names of tenants and keys could be taken for one another."""
        await tier.put_many("a:b", [_entry("c")])
        await tier.put_many("ü/%", [_entry("c")])
        for tenant, key in (("a", "b:c"), ("a", "c"), ("b", "c"), ("", "a:b:c"), ("ü", "c")):
            assert await tier.get_many(tenant, [key]) == {}
        assert await tier.get_many("ü/%", ["c"]) == {"c": _entry("c")}

    @with_adapters
    async def test_cleared_is_empty(self, tier: HotTier) -> None:
        """For all tenants."""
        await tier.put_many("t", [_entry("a")])
        await tier.put_many("u", [_entry("a")])
        await tier.clear()
        assert (await tier.get_many("t", ["a"]), await tier.get_many("u", ["a"])) == ({}, {})
        await tier.put_many("t", [_entry("a")])
        assert await tier.get_many("t", ["a"])

    @with_adapters
    async def test_many_keys_are_one_question(self, tier: HotTier) -> None:
        """However many they are, each is found."""
        keys = [f"w:s:{number:064}" for number in range(500)]
        await tier.put_many("t", [_entry(key) for key in keys])
        assert (await tier.get_many("t", iter(keys))).keys() == set(keys)


class _Heard:
    """What a worker has heard of."""

    def __init__(self) -> None:
        self.jobs: list[dict[str, Any]] = []
        self._has_new = asyncio.Event()

    async def __call__(self, job_id: str, data: dict[str, Any]) -> None:
        assert job_id, "a job has an id"
        self.jobs.append(data)
        self._has_new.set()
        if data.get("run_id") == "refused":
            raise ValueError("This job is no good.")

    async def run_ids(self, wanted: set[str]) -> None:
        """Wait until it has heard of all of these."""
        async with asyncio.timeout(_SOON_S):
            while not wanted <= {str(data.get("run_id")) for data in self.jobs}:
                self._has_new.clear()
                await self._has_new.wait()


class DispatcherSuite:
    """What a `Dispatcher` has to do. It may deliver twice, and in any order.

    Example:
        >>> from langgraph_runner import BullMQDispatcher
        >>> class TestBullMQ(DispatcherSuite):
        ...     def make(self):
        ...         return BullMQDispatcher("bullmq+redis://localhost:6379/0", queue="test")
    """

    def make(self) -> Dispatcher:
        """A dispatcher, in the loop in which it is used. All that are made in one test share their queue."""
        raise NotImplementedError

    def _with(self, check: Callable[[Dispatcher, Dispatcher], Awaitable[None]]) -> None:
        async def main() -> None:
            maker, worker = self.make(), self.make()
            try:
                await check(maker, worker)
            finally:
                await worker.close()
                await maker.close()

        asyncio.run(main())

    @with_adapters
    async def test_a_worker_hears_of_what_is_announced(self, maker: Dispatcher, worker: Dispatcher) -> None:
        """Of several at once, and one after another."""
        heard = _Heard()
        await worker.listen(heard)
        await maker.announce(["a", "b"])
        await maker.announce(["c"])
        await heard.run_ids({"a", "b", "c"})
        assert all(data.keys() == {"run_id"} for data in heard.jobs)

    @with_adapters
    async def test_what_was_announced_before_is_heard_of_too(
        self, maker: Dispatcher, worker: Dispatcher
    ) -> None:
        """The queue keeps it for a worker that comes later."""
        heard = _Heard()
        await maker.announce(["early"])
        await worker.listen(heard)
        await heard.run_ids({"early"})

    @with_adapters
    async def test_what_is_announced_again_is_heard_of_again(
        self, maker: Dispatcher, worker: Dispatcher
    ) -> None:
        """A run that was handed back waits a second time."""
        heard = _Heard()
        await worker.listen(heard)
        async with asyncio.timeout(_SOON_S):
            while len(heard.jobs) < 2:  # The job of before may just be ending.
                await maker.announce(["again"])
                await asyncio.sleep(0.02)

    @with_adapters
    async def test_a_job_that_is_refused_does_not_stop_the_others(
        self, maker: Dispatcher, worker: Dispatcher
    ) -> None:
        """Its `ValueError` is the end of that job only."""
        heard = _Heard()
        await worker.listen(heard)
        await maker.announce(["refused"])
        await heard.run_ids({"refused"})
        await maker.announce(["good"])
        await heard.run_ids({"good"})

    @with_adapters
    async def test_a_paused_worker_leaves_jobs_to_others(self, maker: Dispatcher, worker: Dispatcher) -> None:
        """And hears of them again when it goes on."""
        heard, others = _Heard(), _Heard()
        worker.set_paused(True)
        await worker.listen(heard)
        other = self.make()
        try:
            await other.listen(others)
            await maker.announce(["a", "b", "c"])
            await others.run_ids({"a", "b", "c"})
        finally:
            await other.close()
        assert heard.jobs == []
        worker.set_paused(False)
        await maker.announce(["d"])
        await heard.run_ids({"d"})

    @with_adapters
    async def test_a_worker_that_is_paused_while_it_waits_takes_no_further_job(
        self, maker: Dispatcher, worker: Dispatcher
    ) -> None:
        """It may have waited for longer than the others."""
        heard, others = _Heard(), _Heard()
        await worker.listen(heard)
        await maker.announce(["first"])
        await heard.run_ids({"first"})
        other = self.make()
        try:
            await other.listen(others)
            await asyncio.sleep(_IDLE_S)
            worker.set_paused(True)
            before = len(heard.jobs)
            await maker.announce(["a", "b", "c"])
            await others.run_ids({"a", "b", "c"})
        finally:
            await other.close()
        assert len(heard.jobs) == before

    @with_adapters
    async def test_one_that_was_never_used_can_be_closed(self, maker: Dispatcher, worker: Dispatcher) -> None:
        """So can one that only announces."""
        del worker
        await maker.announce(["a"])
