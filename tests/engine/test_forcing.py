"""Steps that run although the cache has their results."""

import pytest

from langgraph_runner.engine import PlanAction
from langgraph_runner.workflow import ChangeRequest, Workflow

AGAIN = ChangeRequest("regenerate")


@pytest.fixture
def flow_and_ran():
    """A workflow with a chain of three steps, and the steps that have run."""
    flow, ran = Workflow("w"), []

    @flow.step
    def brief(inputs) -> str:
        ran.append("brief")
        return "brief"

    @flow.step
    def copy(brief: str) -> str:
        ran.append("copy")
        return f"copy {ran.count('copy')}" if "new words" in ran else "copy"

    @flow.step
    def page(copy: str) -> str:
        ran.append("page")
        return f"page with {copy}"

    flow.on_change("regenerate", reruns=[copy])
    return flow, ran


@pytest.mark.req("R-30", "R-33", "R-34")
async def test_a_step_that_a_change_names_runs_and_its_dependents_are_cut_off(engine_of, flow_and_ran):
    """It returns the same output as before, so its dependent is served from the cache."""
    flow, ran = flow_and_ran
    async with engine_of(flow) as engine:
        base = await engine.run("w", {})
        ran.clear()
        plan = await engine.plan(base.id, AGAIN)
        new = await engine.update(base.id, AGAIN)
    assert (plan.of(PlanAction.RUN), plan.of(PlanAction.MAYBE)) == (["copy"], ["page"])
    assert plan.steps[1].why == "the change names it"
    assert (ran, new.steps) == (["copy"], {"completed": 1, "skipped": 2})


@pytest.mark.req("R-33")
async def test_what_a_named_step_makes_anew_replaces_what_the_cache_knew(engine_of, flow_and_ran):
    """Its dependents run, and later runs get the new result."""
    flow, ran = flow_and_ran
    async with engine_of(flow) as engine:
        base = await engine.run("w", {})
        ran.append("new words")
        new = await engine.update(base.id, AGAIN)
        assert await engine.get_output(new.id, "page") == "page with copy 2"
        later = await engine.run("w", {})
        assert await engine.get_output(later.id, "page") == "page with copy 2"
    assert later.steps == {"skipped": 3}


@pytest.mark.req("R-33")
@pytest.mark.parametrize(
    ("options", "expected"),
    [({"force": ["brief"]}, ["brief"]), ({"use_cache": False}, ["brief", "copy", "page"]), ({}, [])],
)
async def test_a_run_forces_some_steps_or_all(engine_of, flow_and_ran, options, expected):
    """Other steps are served from the cache, also by an engine with an empty memory."""
    flow, ran = flow_and_ran
    async with engine_of(flow) as engine:
        await engine.run("w", {})
    ran.clear()
    async with engine_of(flow) as engine:
        await engine.run("w", {}, **options)
    assert ran == expected


@pytest.mark.req("R-33", "R-34")
async def test_an_update_forces_steps_and_does_not_keep_those_of_its_base(engine_of, flow_and_ran):
    """The plan predicts that."""
    flow, ran = flow_and_ran
    async with engine_of(flow) as engine:
        base = await engine.run("w", {}, force=["brief"])
        ran.clear()
        plan = await engine.plan(base.id, AGAIN, force=["page"])
        await engine.update(base.id, AGAIN, force=["page"])
    assert (plan.of(PlanAction.RUN), plan.steps[2].why) == (["copy", "page"], "it is forced")
    assert ran == ["copy", "page"]


@pytest.mark.req("R-44")
async def test_a_retry_forces_a_step_that_was_done(engine_of):
    """Its dependents are served from the cache, or run with its new output."""
    flow, ran = Workflow("w"), []

    @flow.step
    def first(inputs) -> int:
        ran.append("first")
        return 1

    @flow.step
    def second(first: int) -> int:
        ran.append("second")
        if len(ran) == 2:
            raise ValueError("down")
        return first

    async with engine_of(flow) as engine:
        failed = await engine.run("w", {})
        assert (await engine.retry(failed.id, force=["first"])).status == "completed"
    assert ran == ["first", "second", "first", "second"]


@pytest.mark.req("R-33")
async def test_an_unknown_step_to_force_is_refused(engine_of, flow_and_ran):
    """No run is created, and the message suggests the closest step."""
    flow, _ = flow_and_ran
    async with engine_of(flow) as engine:
        base = await engine.run("w", {})
        for call in (engine.run("w", {}, force=["pgae"]), engine.update(base.id, AGAIN, force=["pgae"])):
            with pytest.raises(
                ValueError, match=r"force: workflow 'w' has no step 'pgae'. Did you mean 'page'\?"
            ):
                await call
        with pytest.raises(TypeError, match=r"must be a list of step ids, got 'page'; put it in \[ \]"):
            await engine.run("w", {}, force="page")
        assert len(await engine.list_runs()) == 1
