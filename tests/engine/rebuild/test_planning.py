"""Plans of updates in unusual cases, and that the updates follow them."""

import pytest
from pydantic import BaseModel

from langgraph_runner.engine import PlanAction, RunStateError
from langgraph_runner.workflow import ChangeRequest, JoinRule, Workflow
from tests.engine.conftest import edited


class Sizes(BaseModel):
    """The inputs."""

    x: int
    y: int = 7


CHANGE = ChangeRequest("set", {"x": 2})


def planned(plan):
    """Return the action and the reason of each step."""
    return {each.step: (each.action, each.why) for each in plan.steps}


def grown(*, with_tax):
    """A workflow, and the same with a new step in front of an existing one."""
    flow, ran = Workflow("w", inputs=Sizes), []

    @flow.step
    def rate(x) -> int:
        return x

    if with_tax:

        @flow.step
        def tax(y) -> int:
            ran.append("tax")
            return y

        @flow.step
        def price(tax: int) -> int:
            ran.append("price")
            return 100 + tax

    else:

        @flow.step
        def price(y) -> int:
            return 100

    @flow.step
    def label(price: int) -> str:
        ran.append("label")
        return f"{price} EUR"

    flow.on_change("set")
    return flow, ran


@pytest.mark.req("R-31", "R-34")
async def test_a_step_that_is_new_runs_with_all_that_needs_it(engine_of):
    """The base run has computed those without the new step."""
    before, _ = grown(with_tax=False)
    after, ran = grown(with_tax=True)
    async with engine_of(before) as engine:
        base = await engine.run("w", {"x": 1})
    async with engine_of(after) as engine:
        plan = planned(await engine.plan(base.id, CHANGE))
        new = await engine.update(base.id, CHANGE)
        assert await engine.get_output(new.id, "label") == "107 EUR"
    assert plan == {
        "rate": (PlanAction.RUN, "reads x, which changes"),
        "tax": (PlanAction.RUN, "the base run does not have this step"),
        "price": (PlanAction.MAYBE, "a step before it is new or has changed; depends on the output of tax"),
        "label": (
            PlanAction.MAYBE,
            "a step before it is new or has changed; depends on the output of price",
        ),
    }
    assert ran == ["tax", "price", "label"]


def released(version="1", *, fails=False):
    """A release of a workflow. Its step `theme` changes from release to release."""
    flow = Workflow("w", inputs=Sizes)

    @flow.step
    def rate(x) -> int:
        return x

    @flow.step(version=version)
    def theme(y) -> str:
        return f"theme {version} of {y}"

    @flow.step
    def page(theme: str) -> str:
        if fails:
            raise ValueError("no paper")
        return f"page with {theme}"

    flow.on_change("set")
    return flow


@pytest.mark.req("R-31", "R-34")
async def test_a_step_of_another_version_is_not_taken_over(engine_of):
    """A new version invalidates earlier outputs of the step."""
    async with engine_of(released()) as engine:
        base = await engine.run("w", {"x": 1})
    async with engine_of(released("2")) as engine:
        plan = planned(await engine.plan(base.id, CHANGE))
        new = await engine.update(base.id, CHANGE)
        assert await engine.get_output(new.id, "page") == "page with theme 2 of 7"
    assert plan == {
        "rate": (PlanAction.RUN, "reads x, which changes"),
        "theme": (PlanAction.RUN, "its version changed"),
        "page": (
            PlanAction.MAYBE,
            "a step before it is new or has changed; depends on the output of theme",
        ),
    }


@pytest.mark.req("R-44")
async def test_a_retry_does_not_take_over_a_step_of_another_version(engine_of):
    """A release that fixes a run may also fix a step that had not failed."""
    async with engine_of(released(fails=True)) as engine:
        base = await engine.run("w", {"x": 1})
        assert base.status == "failed"
    async with engine_of(released("2")) as engine:
        new = await engine.retry(base.id)
        assert await engine.get_output(new.id, "page") == "page with theme 2 of 7"
        assert {step.step: step.reason for step in await engine.get_run_steps(new.id)} == {
            "rate": "reused_from_base",
            "theme": None,
            "page": None,
        }


@pytest.mark.req("R-34")
async def test_a_plan_says_why_a_step_with_known_input_runs(engine_of):
    """The outputs before it are known, but not its own output."""
    flow = Workflow("w", inputs=Sizes)

    @flow.step
    def rate(x) -> int:
        return x

    @flow.step(cache="none")
    def mail(rate: int) -> str:
        return "sent"

    @flow.step
    def everything(inputs) -> int:
        return inputs.y

    @flow.step
    def draw(y) -> int:
        return y

    flow.on_change("set", reruns=[draw])
    async with engine_of(flow) as engine:
        await engine.run("w", {"x": 2})
        base = await engine.run("w", {"x": 1})
        plan = planned(await engine.plan(base.id, CHANGE))
    known = "the cache has the result for this input"
    assert plan == {
        "rate": (PlanAction.CACHED, f"reads x, which changes; {known}"),
        "mail": (PlanAction.RUN, "depends on rate; its results are not cached"),
        "everything": (PlanAction.CACHED, f"reads all of the inputs, which change; {known}"),
        "draw": (PlanAction.RUN, "the change names it"),
    }


@pytest.mark.req("R-34")
async def test_a_step_that_delivered_nothing_runs(engine_of):
    """It was skipped in the base run, which has still completed, because nothing has failed."""
    from langgraph_runner.engine.store.schema import run_steps

    flow = Workflow("w", inputs=Sizes)

    @flow.step
    def rate(x) -> int:
        return x

    @flow.step(cache="none")
    def gift(y) -> int:
        return y

    flow.on_change("set")
    async with engine_of(flow) as engine:
        base = await engine.run("w", {"x": 1})
        with edited(engine) as connection:
            is_gift = run_steps.c.step_id == "gift"
            connection.execute(run_steps.update().where(is_gift).values(status="skipped", output_sha256=None))
        plan = planned(await engine.plan(base.id, CHANGE))
        new = await engine.update(base.id, CHANGE)
        assert await engine.get_output(new.id, "gift") == 7
    assert plan["gift"] == (PlanAction.RUN, "it has no output in the base run")


@pytest.mark.req("R-34")
async def test_a_seed_that_waits_for_another_one_says_both(engine_of):
    """Its own input changes, and the output that it waits for may change, too."""
    flow = Workflow("w", inputs=Sizes)

    @flow.step
    def rate(x) -> int:
        return x

    @flow.step
    def price(rate: int, x) -> int:
        return rate * x

    flow.on_change("set")
    async with engine_of(flow) as engine:
        base = await engine.run("w", {"x": 1})
        plan = planned(await engine.plan(base.id, CHANGE))
    assert plan["price"] == (PlanAction.MAYBE, "reads x, which changes; depends on the output of rate")


@pytest.mark.req("R-34")
async def test_a_step_that_never_asks_the_cache_runs_whatever_it_receives(engine_of):
    """Behind a step that would run, others may run; this one does."""
    flow = Workflow("w", inputs=Sizes)
    flow.step(lambda x: 7, id="rate", output=int)
    flow.step(lambda rate: rate, id="price", output=int)
    flow.step(lambda rate: rate, id="mail", output=int, effects=True)
    flow.step(lambda rate: rate, id="clock", output=int, cache="none")
    flow.on_change("set")
    async with engine_of(flow) as engine:
        base = await engine.run("w", {"x": 1})
        plan = await engine.plan(base.id, CHANGE)
        uncached = await engine.plan(base.id, CHANGE, use_cache=False)
        new = await engine.update(base.id, CHANGE)
    assert plan.of(PlanAction.RUN) == ["rate", "mail", "clock"]
    assert plan.of(PlanAction.MAYBE) == ["price"]
    assert uncached.of(PlanAction.RUN) == ["rate", "price", "mail", "clock"]
    assert new.steps == {"completed": 3, "skipped": 1}


@pytest.mark.req("R-34")
async def test_a_step_whose_input_cannot_be_told_is_planned_to_run(engine_of):
    """The plan says why. The update then fails at this step."""
    flow, broken = Workflow("w", inputs=Sizes), []

    def select(sources):
        if broken:
            raise KeyError("hue")
        return {"x": sources.inputs.x}

    flow.step(lambda x: x, id="rate", input_selector=select, output=int)
    flow.step(lambda rate: rate, id="price", output=int)
    flow.on_change("set", reruns=["rate"])
    async with engine_of(flow) as engine:
        base = await engine.run("w", {"x": 1})
        broken.append(1)
        plan = planned(await engine.plan(base.id, CHANGE))
        new = await engine.update(base.id, CHANGE)
    assert plan["rate"][0] is PlanAction.RUN
    assert plan["rate"][1].endswith("its input cannot be computed (KeyError)")
    assert plan["price"][0] is PlanAction.MAYBE
    assert new.steps == {"failed": 1, "skipped": 1}


@pytest.mark.req("R-34")
async def test_what_the_cache_knows_is_planned_as_known(engine_of):
    """If a change is reverted, the earlier outputs are reused, and nothing runs."""
    flow = Workflow("w", inputs=Sizes)
    flow.step(lambda x: x, id="rate", output=int)
    flow.step(lambda rate: rate, id="price", output=int)
    flow.on_change("set")
    async with engine_of(flow) as engine:
        base = await engine.run("w", {"x": 2})
        other = await engine.run("w", {"x": 1})
        plan = await engine.plan(other.id, CHANGE)
        new = await engine.update(other.id, CHANGE)
    assert plan.of(PlanAction.CACHED) == ["rate", "price"]
    assert base.steps == {"completed": 2}
    assert new.steps == {"skipped": 2}


@pytest.mark.req("R-32")
async def test_only_a_completed_run_is_updated(engine_of):
    """The error says what to do first. Nothing is created."""
    flow = Workflow("w", inputs=Sizes)

    @flow.step
    def bad(x) -> int:
        raise ValueError

    flow.step(lambda bad: 1, id="report", join=JoinRule.ALL_DONE, output=int)
    flow.on_change("set")
    async with engine_of(flow) as engine:
        base = await engine.run("w", {"x": 1})
        with pytest.raises(
            RunStateError, match="has the status 'failed': only a completed run can be updated"
        ):
            await engine.trigger_update(base.id, CHANGE)
        with pytest.raises(
            RunStateError, match="has the status 'failed': only a completed run can be updated"
        ):
            await engine.plan(base.id, CHANGE)
        assert [run.id for run in await engine.list_runs()] == [base.id]
        retried = await engine.run("w", {"x": 1}, idempotency_key="k")
        assert retried.status == "failed"


@pytest.mark.req("R-6", "R-31", "R-34")
async def test_a_step_whose_code_changed_is_not_served_nor_taken_over(engine_of):
    """Neither a run with the same inputs nor an update reuses it. The plan says why."""

    def flow_with(function):
        flow = Workflow("w", inputs=Sizes)
        flow.step(lambda x: x, id="rate", output=int)
        flow.step(function, id="price", output=int)
        flow.on_change("set")
        return flow

    async with engine_of(flow_with(lambda y: y)) as engine:
        base = await engine.run("w", {"x": 1})
    async with engine_of(flow_with(lambda y: y + 1)) as engine:
        plan = planned(await engine.plan(base.id, CHANGE))
        new = await engine.update(base.id, CHANGE)
        again = await engine.run("w", {"x": 1})
        assert [await engine.get_output(run.id, "price") for run in (new, again)] == [8, 8]
    assert plan["price"] == (PlanAction.RUN, "its code changed")


@pytest.mark.req("R-31", "R-34")
async def test_a_step_that_receives_something_else_is_not_said_to_have_other_code(engine_of):
    """Its version is the same, but it got another value in the base run."""

    def flow_with(price):
        flow = Workflow("w", inputs=Sizes)
        flow.step(lambda x: x, id="rate", output=int)
        flow.step(lambda: 5, id="net", output=int)
        flow.step(lambda: 6, id="gross", output=int)
        flow.step(price, id="price", version="1", output=int)
        flow.on_change("set")
        return flow

    async with engine_of(flow_with(lambda net: net)) as engine:
        base = await engine.run("w", {"x": 1})
    async with engine_of(flow_with(lambda gross: gross)) as engine:
        plan = planned(await engine.plan(base.id, CHANGE))
    assert plan["price"] == (PlanAction.RUN, "its input changed")


@pytest.mark.req("R-31", "R-34")
async def test_an_update_logs_what_it_runs_again_without_the_change(engine_of, caplog):
    """Such as a step whose code has changed. Steps that the change touches are not logged."""
    async with engine_of(released()) as engine:
        base = await engine.run("w", {"x": 1})
    with caplog.at_level("INFO", logger="langgraph_runner.engine"):
        async with engine_of(released("2")) as engine:
            for _ in range(2):  # The second call finds the run of the first one.
                await engine.update(base.id, CHANGE, idempotency_key="once")
    logged = [record.getMessage() for record in caplog.records if "step.not_reused" in record.getMessage()]
    assert len(logged) == 1
    assert "theme" in logged[0]
    assert "its version changed" in logged[0]
