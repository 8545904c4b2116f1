"""Durable runs of workflows, through the public API."""

import asyncio
import gc

import pytest
from pydantic import BaseModel

from langgraph_runner.engine import (
    IdempotencyConflictError,
    PlanAction,
    RunEngine,
    RunNotFoundError,
    RunStateError,
    RunStatus,
)
from langgraph_runner.engine.run.execution import RunExecution
from langgraph_runner.workflow import ChangeRequest, StepStatus, Workflow


class Brand(BaseModel):
    """A part of the inputs."""

    hue: int
    name: str = "ACME"


class Brief(BaseModel):
    """The inputs."""

    brand: Brand
    budget: int = 10


class Theme(BaseModel):
    """An output."""

    mode: str


@pytest.fixture
def ran():
    """The steps whose functions were called."""
    return []


@pytest.fixture
def workflow(ran):
    """Two branches that join."""
    campaign = Workflow("campaign.v1", inputs=Brief)

    @campaign.step
    def theme(brand: Brand) -> Theme:
        ran.append("theme")
        return Theme(mode=f"hsl({brand.hue})")

    @campaign.step
    async def headlines(theme: Theme) -> list[str]:
        ran.append("headlines")
        return [f"in {theme.mode}"]

    @campaign.step
    def media(budget: int) -> dict[str, int]:
        ran.append("media")
        return {"search": budget}

    @campaign.step
    def bundle(headlines: list[str], media: dict[str, int]) -> dict[str, object]:
        ran.append("bundle")
        return {"headlines": headlines, "media": media}

    campaign.on_change("change_theme", reruns=[theme])
    return campaign


@pytest.fixture
async def engine(workflow, tmp_path):
    """An engine with its own SQLite file."""
    async with RunEngine([workflow], store=f"sqlite:///{tmp_path / 'runs.db'}") as engine:
        yield engine


BRIEF = {"brand": {"hue": 10}}


@pytest.mark.req("R-10", "R-11", "R-12", "R-13", "R-60")
async def test_a_run_runs_each_step_once_and_keeps_what_it_delivers(engine, ran):
    """Outputs are returned as their types."""
    run = await engine.run("campaign.v1", BRIEF)
    assert (run.status, run.steps) == (RunStatus.COMPLETED, {"completed": 4})
    assert sorted(ran) == ["bundle", "headlines", "media", "theme"]
    assert await engine.get_output(run.id, "theme") == Theme(mode="hsl(10)")
    assert await engine.get_output(run.id, "bundle") == {"headlines": ["in hsl(10)"], "media": {"search": 10}}
    assert run.duration_ms is not None


@pytest.mark.req("R-20", "R-21")
async def test_the_same_inputs_run_nothing(engine, ran):
    """Each step is skipped, and its output is available."""
    await engine.run("campaign.v1", BRIEF)
    ran.clear()
    run = await engine.run("campaign.v1", {**BRIEF, "budget": 10})
    assert (run.status, run.steps, ran) == (RunStatus.COMPLETED, {"skipped": 4}, [])
    steps = await engine.get_run_steps(run.id)
    assert all(step.cache_hit and step.reason == "cache_hit" for step in steps)
    assert await engine.get_output(run.id, "theme") == Theme(mode="hsl(10)")


@pytest.mark.req("R-30", "R-31", "R-32", "R-34")
async def test_an_update_runs_only_what_the_change_touches(engine, ran):
    """The plan predicts that."""
    base = await engine.run("campaign.v1", BRIEF)
    ran.clear()
    change = ChangeRequest("change_theme", {"brand": {"hue": 210}})
    plan = await engine.plan(base.id, change)
    assert (plan.of(PlanAction.RUN), plan.of(PlanAction.MAYBE)) == (["theme"], ["headlines", "bundle"])
    assert plan.of(PlanAction.REUSE) == ["media"]
    assert ran == []
    new = await engine.update(base.id, change)
    assert (new.status, new.base_run_id, ran) == (
        RunStatus.COMPLETED,
        base.id,
        ["theme", "headlines", "bundle"],
    )
    assert (await engine.get_output(new.id, "bundle"))["headlines"] == ["in hsl(210)"]
    assert (await engine.get_output(base.id, "bundle"))["headlines"] == ["in hsl(10)"]


@pytest.mark.req("R-33")
async def test_a_step_that_gives_the_same_cuts_the_rebuild_off(tmp_path):
    """Its dependents are served from the cache."""
    ran = []
    flow = Workflow("w")

    @flow.step
    def rounded(inputs) -> int:
        ran.append("rounded")
        return round(inputs["x"])

    @flow.step
    def shown(rounded: int) -> str:
        ran.append("shown")
        return str(rounded)

    flow.on_change("set", payload=None)
    async with RunEngine([flow], store=f"sqlite:///{tmp_path / 'runs.db'}") as engine:
        base = await engine.run("w", {"x": 1.1})
        new = await engine.update(base.id, ChangeRequest("set", {"x": 1.2}))
        steps = {step.step: (step.status, step.reason) for step in await engine.get_run_steps(new.id)}
    assert ran == ["rounded", "shown", "rounded"]
    assert steps == {"rounded": ("completed", None), "shown": ("skipped", "cache_hit")}


@pytest.mark.req("R-41", "R-44")
async def test_a_failed_run_is_retried_from_where_it_stopped(tmp_path):
    """Existing outputs stay; independent branches have completed."""
    ran, broken = [], [True]
    flow = Workflow("w")

    @flow.step
    def a() -> int:
        ran.append("a")
        return 1

    @flow.step
    def b(a: int) -> int:
        ran.append("b")
        if broken:
            raise ValueError("no such brand")
        return a + 1

    @flow.step
    def c(b: int) -> int:
        return b + 1

    @flow.step
    def d(a: int) -> int:
        ran.append("d")
        return a

    async with RunEngine([flow], store=f"sqlite:///{tmp_path / 'runs.db'}") as engine:
        failed = await engine.run("w")
        assert (failed.status, failed.error["node_id"]) == (RunStatus.FAILED, "b")
        steps = {step.step: (step.status, step.reason) for step in await engine.get_run_steps(failed.id)}
        assert steps["c"] == (StepStatus.SKIPPED, "upstream_failed")
        assert steps["d"][0] == StepStatus.COMPLETED
        with pytest.raises(RunStateError, match="only a completed run can be updated"):
            await engine.plan(failed.id, ChangeRequest("x"))
        broken.clear()
        ran.clear()
        retried = await engine.retry(failed.id)
        assert (retried.status, retried.trigger, ran) == (RunStatus.COMPLETED, "retry", ["b"])
        assert await engine.get_output(retried.id, "c") == 3


@pytest.mark.req("R-51")
async def test_a_cancelled_run_ends_cancelled(tmp_path):
    """Running steps get the abort signal; other steps never begin."""
    flow = Workflow("w")
    begun = asyncio.Event()

    @flow.step(effects=False)
    async def hang() -> None:
        begun.set()
        await asyncio.Event().wait()

    @flow.step(effects=False)
    def after(hang) -> None:
        raise AssertionError

    async with RunEngine([flow], store=f"sqlite:///{tmp_path / 'runs.db'}") as engine:
        run = await engine.trigger("w")
        await begun.wait()
        await engine.cancel(run.id, reason="not needed")
        ended = await engine.wait(run.id, timeout_ms=10_000)
        assert (ended.status, ended.cancel_reason, ended.steps) == (
            RunStatus.CANCELLED,
            "not needed",
            {"cancelled": 2},
        )


@pytest.mark.req("R-53")
async def test_a_tenant_sees_only_its_own(engine):
    """For other tenants the run does not exist."""
    run = await engine.run("campaign.v1", BRIEF, tenant="acme")
    with pytest.raises(RunNotFoundError):
        await engine.get_run(run.id)
    assert await engine.list_runs() == []
    assert [each.id for each in await engine.list_runs(tenant="acme")] == [run.id]


@pytest.mark.req("R-43")
async def test_one_idempotency_key_is_one_run(engine):
    """The second call gets the run of the first."""
    first = await engine.run("campaign.v1", BRIEF, idempotency_key="k")
    second = await engine.run("campaign.v1", BRIEF, idempotency_key="k")
    assert first.id == second.id


@pytest.mark.req("R-57")
@pytest.mark.parametrize(
    ("other", "differing"),
    [
        ({"inputs": {**BRIEF, "brand": {"hue": 7}}}, "inputs"),
        ({"priority": 1}, "priority"),
        ({"tags": {"a": "b"}}, "tags"),
        ({"metadata": {"a": 1}}, "metadata"),
        ({"use_cache": False}, "options"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_an_idempotency_key_is_for_one_request(engine, other, differing):
    """A different request with the same key would get the wrong run."""
    first = await engine.run("campaign.v1", BRIEF, idempotency_key="k")
    asked = {"inputs": BRIEF, **other}
    with pytest.raises(IdempotencyConflictError) as refused:
        await engine.run("campaign.v1", asked.pop("inputs"), idempotency_key="k", **asked)
    assert (refused.value.run_id, refused.value.differing) == (first.id, (differing,))


@pytest.mark.req("R-43")
async def test_the_order_of_json_keys_does_not_make_another_request(tmp_path):
    """Another client writes the same inputs, metadata, payload and forced steps in another order."""
    flow = Workflow("orders.v1")
    flow.step(lambda inputs: inputs["net"], id="net")
    flow.step(lambda inputs: inputs["tax"], id="tax")
    flow.on_change("change", reruns=["net"])

    def request(key, pairs):
        return {
            "idempotency_key": key,
            "metadata": {"a": dict(pairs)},
            "tags": {name: str(value) for name, value in pairs},
        }

    pairs = ("net", 1), ("tax", 2)
    runs, updates = set(), set()
    async with RunEngine([flow], store=f"sqlite:///{tmp_path / 'runs.db'}") as engine:
        for order in (pairs, pairs[::-1]):
            names = [name for name, _ in order]
            run = await engine.run("orders.v1", dict(order), force=names, **request("k", order))
            change = ChangeRequest("change", dict(order))
            update = await engine.update(run.id, change, **request("u", order))
            runs.add(run.id)
            updates.add(update.id)
    assert (len(runs), len(updates)) == (1, 1)


@pytest.mark.req("R-43")
async def test_true_is_not_the_number_one_in_a_request(engine):
    """Python takes them for equal, JSON does not."""
    await engine.run("campaign.v1", BRIEF, idempotency_key="k", metadata={"a": True})
    with pytest.raises(IdempotencyConflictError, match="metadata"):
        await engine.run("campaign.v1", BRIEF, idempotency_key="k", metadata={"a": 1})


async def test_events_are_numbered_without_gaps(engine):
    """From the creation of the run to its end."""
    run = await engine.trigger("campaign.v1", BRIEF)
    events = [event async for event in engine.events(run.id)]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert (events[0].type, events[1].type, events[-1].type) == (
        "run_created",
        "run_started",
        "run_completed",
    )
    assert sum(event.type == "step_completed" for event in events) == 4


def test_scripts_use_it_without_a_loop(workflow, tmp_path):
    """`RunEngine.sync` blocks."""
    with RunEngine.sync([workflow], store=f"sqlite:///{tmp_path / 'runs.db'}") as engine:
        run = engine.run("campaign.v1", BRIEF)
        assert run.status is RunStatus.COMPLETED
        assert [event.seq for event in engine.events(run.id)][-1] == 11


async def test_what_a_run_has_held_is_freed_at_its_end(tmp_path):
    """At once, without the garbage collector, because outputs may be large."""
    flow = Workflow("w")
    flow.step(lambda: 1, id="s", output=int)
    async with RunEngine([flow], store=f"sqlite:///{tmp_path / 'runs.db'}") as engine:
        await engine.run("w")
        gc.collect()
        gc.disable()
        try:
            await engine.run("w")
            await engine.run("w", run_timeout_ms=60_000)
            await asyncio.sleep(0)
            assert [each for each in gc.get_objects() if type(each) is RunExecution] == []
        finally:
            gc.enable()
