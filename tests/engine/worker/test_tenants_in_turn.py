"""Steps and runs of a small tenant do not wait behind the many of another tenant."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from langgraph_runner.engine.run.slots import TenantSlots
from langgraph_runner.engine.store.commands import ClaimRun
from langgraph_runner.engine.store.writer import Write
from langgraph_runner.workflow import Workflow
from tests.waiting import Observed, eventually

pytestmark = pytest.mark.req("R-53")


async def test_a_free_slot_goes_to_the_tenants_in_turn(engine_of):
    """With one slot, the small tenant's step runs second, although a hundred of the big tenant wait."""
    flow, ran, go = Workflow("w", cache="none"), Observed(), asyncio.Event()

    async def work(inputs):
        ran.append(inputs["tenant"])
        await go.wait()
        return 1

    for number in range(100):
        flow.step(work, id=f"s{number}", output=int)
    small = Workflow("small", cache="none")
    small.step(work, id="s", output=int)
    async with engine_of(flow, small, max_concurrency=1) as engine:
        big = await engine.trigger("w", {"tenant": "big"}, tenant="big")
        await ran.reach()
        run = await engine.trigger("small", {"tenant": "small"}, tenant="small")
        await eventually(lambda: len(engine._host.slots._waiting) == 2)
        go.set()
        await engine.wait(run.id, tenant="small", timeout_ms=10_000)
        await engine.cancel(big.id, tenant="big")
    assert ran.index("small") <= 2


async def test_waiting_runs_are_taken_from_the_tenants_in_turn(engine_of):
    """Tenants take turns. Within a tenant, the run with the highest priority is first."""
    flow, order = Workflow("w", cache="none"), Observed()
    other = Workflow("v", cache="none")
    flow.step(lambda inputs: order.append(inputs["name"]), id="s", output=None, effects=False)
    other.step(lambda inputs: order.append(inputs["name"]), id="s", output=None, effects=False)
    async with engine_of(flow, other) as client:
        client.take_on("none")
        for name, tenant, workflow, priority in [
            ("a1", "a", "w", 0),
            ("a2", "a", "w", 0),
            ("a3", "a", "v", 5),
            ("b1", "b", "v", 0),
            ("b2", "b", "w", 0),
            ("c1", "c", "w", -9),
        ]:
            run = await client.trigger(workflow, {"name": name}, tenant=tenant, priority=priority)
        async with engine_of(flow, other, max_active_runs=1) as engine:
            await order.until(lambda: len(order) == 6)
            assert await engine.wait(run.id, tenant="c", timeout_ms=10_000)
    assert order == ["a3", "b1", "c1", "a1", "b2", "a2"]


class Together(Write[list]):
    """Several claims in one transaction."""

    def __init__(self, claims):
        self.claims = claims

    @classmethod
    def apply(cls, connection, writes):
        """Apply the claims as the writer does with a group."""
        return [ClaimRun.apply(connection, write.claims) for write in writes]


async def test_claims_of_one_engine_that_come_together_take_turns_as_well(engine_of):
    """Each claim continues after the tenant of the previous one."""
    flow = Workflow("w", cache="none")
    flow.step(lambda inputs: 1, id="s", output=int)
    async with engine_of(flow) as engine:
        engine.take_on("none")
        for tenant in ("a", "a", "a", "b", "c"):
            await engine.trigger("w", tenant=tenant)
        claims = [engine._worker.claimer.claim_write() for _ in range(6)]
        taken = await engine._store.write(Together(claims))
    assert [claimed and claimed.tenant for claimed in taken] == ["a", "b", "c", "a", "a", None]


async def test_a_new_run_does_not_overtake_those_that_wait(engine_of):
    """It waits behind runs that have waited for long. Otherwise it starts at once."""
    flow = Workflow("w", cache="none")
    flow.step(lambda inputs: 1, id="s", output=int)
    async with engine_of(flow) as engine:
        claims = []
        for since in (None, float("-inf")):
            engine._worker.workload._waiting_since = since
            run = await engine.run("w")
            events = [event async for event in engine.events(run.id)]
            claims.append(next(event.data for event in events if event.type == "run_started"))
        assert engine._worker.workload._waiting_since is None
    assert claims == [{}, {"fence": 1}]


async def test_runs_of_other_workflows_are_passed_over(engine_of):
    """An engine takes only runs that it can execute, regardless of the tenant's turn."""
    known, unknown = Workflow("known", cache="none"), Workflow("unknown")
    known.step(lambda inputs: 1, id="s", output=int)
    unknown.step(lambda inputs: 1, id="s", output=int)
    async with engine_of(known, unknown) as client:
        client.take_on("none")
        for tenant in "abc":
            await client.trigger("unknown", tenant=tenant)
        run = await client.trigger("known", tenant="b")
        async with engine_of(known) as engine:
            await engine.wait(run.id, tenant="b", timeout_ms=10_000)
            assert await engine._worker.claimer.claim() is False


@pytest.fixture
def held():
    """A workflow whose step waits for `go`; the steps that have begun; how many run now, and how many ran at most."""
    flow, begun, go = Workflow("w", cache="none"), Observed(), asyncio.Event()
    counts = {"now": 0, "most": 0}

    @flow.step
    async def work(inputs) -> int:
        counts["now"] += 1
        counts["most"] = max(counts["most"], counts["now"])
        begun.append(inputs)
        await go.wait()
        counts["now"] -= 1
        return 1

    return flow, begun, counts, go


@pytest.mark.parametrize("limits", [2, {"a": 2}])
async def test_no_more_runs_of_a_tenant_run_than_may(engine_of, held, limits):
    """The limit holds for all engines together. Another tenant gets the remaining room."""
    flow, begun, counts, go = held
    options = {"max_active_runs_per_tenant": limits}
    async with engine_of(flow, **options) as one, engine_of(flow, **options) as other:
        made = [await engine.trigger("w", tenant="a") for engine in (one, other) for _ in range(4)]
        await begun.until(lambda: counts["now"] == 2)
        waits = [await one._worker.claimer.claim(), await other._worker.claimer.claim()]
        b = await one.trigger("w", tenant="b")
        await begun.until(lambda: counts["now"] == 3)
        go.set()
        await one.wait(b.id, tenant="b")
        for run in made:
            assert (await one.wait(run.id, tenant="a", timeout_ms=20_000)).status == "completed"
    assert (waits, counts["most"]) == ([False, False], 3)


async def test_a_run_that_a_step_waits_for_starts_in_spite_of_the_limit(engine_of):
    """Although the outer run has the only place."""
    inner, outer = Workflow("inner"), Workflow("outer")
    inner.step(lambda inputs: 1, id="s", output=int)

    @outer.step
    async def ask(inputs) -> int:
        return await engine.get_result((await engine.run("inner")).id)

    async with engine_of(inner, outer, max_active_runs_per_tenant=1) as engine:
        run = await engine.run("outer")
        assert (run.status, await engine.get_result(run.id)) == ("completed", 1)


async def test_an_engine_that_takes_on_its_own_heeds_the_limit(engine_of, held):
    """Such an engine claims its runs by their ids."""
    flow, begun, counts, go = held
    async with engine_of(flow, max_active_runs_per_tenant=1) as engine:
        engine.take_on("own")
        made = [await engine.trigger("w") for _ in range(3)]
        await begun.reach()
        go.set()
        for run in made:
            assert (await engine.wait(run.id, timeout_ms=20_000)).status == "completed"
    assert counts["most"] == 1


@pytest.mark.parametrize("limits", [0, True, "2", {"a": 0}, {"": 1}])
async def test_a_limit_that_is_none_is_refused(engine_of, limits):
    """The message names the option."""
    with pytest.raises(ValueError, match="max_active_runs_per_tenant"):
        async with engine_of(max_active_runs_per_tenant=limits):
            pass


class SlotsMachine(RuleBasedStateMachine):
    """Steps of three tenants take slots, wait, are cancelled and release slots, in any order."""

    def __init__(self):
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.slots = TenantSlots(2)
        self.waiting = []
        self.held = []
        self.served = []

    def teardown(self):
        """Cancel all waiting steps."""
        for _, task in self.waiting:
            task.cancel()
        self.settle()
        self.loop.close()

    def settle(self):
        """Let every task run until it waits."""

        async def turns():
            for _ in range(5):
                await asyncio.sleep(0)

        self.loop.run_until_complete(turns())
        for entry in [*self.waiting]:
            tenant, task = entry
            if task.done():
                self.waiting.remove(entry)
                with suppress(asyncio.CancelledError):
                    task.result()
                    self.held.append(tenant)
                    self.served.append(tenant)

    @rule(tenant=st.sampled_from("abc"))
    def begin(self, tenant):
        """A step asks for a slot."""
        self.waiting.append((tenant, self.loop.create_task(self.slots.acquire(tenant))))
        self.settle()

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def end(self, data):
        """A step ends. If others wait, exactly one of them gets its slot."""
        self.held.remove(data.draw(st.sampled_from(self.held)))
        waited, before = len(self.waiting), len(self.served)
        self.slots.release()
        self.settle()
        assert len(self.served) - before == min(waited, 1)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data(), beside_a_release=st.booleans())
    def cancel(self, data, beside_a_release):
        """A waiting step is cancelled, perhaps just after the slot was handed to it."""
        _, task = data.draw(st.sampled_from(self.waiting))
        if beside_a_release and self.held:
            self.held.pop()
            self.slots.release()
        task.cancel()
        self.settle()

    @invariant()
    def no_slot_is_lost_or_shared(self):
        """While a step waits, all slots are held."""
        assert len(self.held) <= 2
        assert len(self.held) == 2 or not self.waiting


TestSlots = SlotsMachine.TestCase


def test_turns_alternate_however_many_steps_a_tenant_has():
    """With ten steps of one tenant and two of another, the two are served second and fourth."""

    async def served():
        slots, order = TenantSlots(1), []

        async def step(tenant):
            await slots.acquire(tenant)
            order.append(tenant)
            slots.release()

        await slots.acquire("first")
        steps = [asyncio.create_task(step(tenant)) for tenant in "a" * 10 + "b" * 2]
        await asyncio.sleep(0)
        slots.release()
        await asyncio.gather(*steps)
        return "".join(order)

    assert asyncio.run(served()) == "abab" + "a" * 8
