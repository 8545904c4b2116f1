"""Runs that are taken over by an engine whose workflow has changed its steps since their creation."""

from __future__ import annotations

import asyncio

import pytest

from langgraph_runner.engine import RunStatus
from langgraph_runner.workflow import Workflow
from tests.waiting import Observed

pytestmark = pytest.mark.req("R-13")


@pytest.fixture
def left_run(engine_of):
    """Makes a run of steps `first` and `second`, whose engine closes while `second` is running."""

    async def made():
        flow, began = Workflow("w"), Observed()

        @flow.step
        def first(inputs) -> int:
            return 1

        @flow.step
        async def second(first: int) -> int:
            began.append(True)
            return await asyncio.Event().wait()

        async with engine_of(flow) as engine:
            run = await engine.trigger("w")
            await began.reach()
        return run

    return made


def first(inputs) -> int:
    """The same step as in the run. It has ended there, so it is not called again."""
    raise AssertionError


def second(first: int) -> int:
    """The rest of the run."""
    return first + 1


async def test_a_run_goes_on_with_its_own_steps_if_all_are_still_there(engine_of, left_run):
    """Steps that were added later do not belong to it, even those before a step that has ended."""
    run = await left_run()
    later = Workflow("w")
    later.step(lambda: 0, id="zero", output=int)
    later.step(first, depends_on=["zero"])
    later.step(second)
    later.step(lambda second: second, id="third", output=int)
    async with engine_of(later) as engine:
        ended = await engine.wait(run.id, timeout_ms=10_000)
        assert ended.status is RunStatus.COMPLETED
        assert [step.step for step in await engine.get_run_steps(run.id)] == ["first", "second"]
        assert await engine.get_output(run.id, "second") == 2


async def test_a_run_fails_if_one_of_its_steps_is_gone_and_says_which(engine_of, left_run):
    """The fix is `retry()`: it keeps the outputs that still fit, and runs the current steps."""
    run = await left_run()
    later = Workflow("w")
    later.step(lambda inputs: 1, id="first", output=int)
    later.step(lambda first: 5, id="other", output=int)
    async with engine_of(later) as engine:
        ended = await engine.wait(run.id, timeout_ms=10_000)
        assert ended.status is RunStatus.FAILED
        assert ended.error["code"] == "WORKFLOW_CHANGED"
        assert "no step 'second' any more" in ended.error["message"]
        assert "retry()" in ended.error["message"]
        again = await engine.retry(run.id)
        assert again.status is RunStatus.COMPLETED
        assert await engine.get_output(again.id, "other") == 5


async def test_a_run_fails_if_an_open_step_now_needs_a_step_that_it_does_not_have(engine_of, left_run):
    """The output of that step would be missing."""
    run = await left_run()
    later = Workflow("w")
    later.step(first)
    later.step(lambda: 1, id="extra", output=int)
    later.step(lambda first, extra: first + extra, id="second", output=int)
    async with engine_of(later) as engine:
        ended = await engine.wait(run.id, timeout_ms=10_000)
    assert ended.status is RunStatus.FAILED
    assert "step 'second' now depends on 'extra', which the run does not have" in ended.error["message"]


async def test_a_run_goes_on_if_its_steps_depend_on_each_other_in_another_way(engine_of, left_run):
    """Ended steps stay ended, even if they now depend on a step that has not ended."""
    run = await left_run()
    later = Workflow("w")
    later.step(lambda inputs: 7, id="second", output=int)
    later.step(lambda second: 1 / 0, id="first", output=int)
    async with engine_of(later) as engine:
        ended = await engine.wait(run.id, timeout_ms=10_000)
        assert ended.status is RunStatus.COMPLETED
        assert await engine.get_output(run.id, "first") == 1
        assert await engine.get_output(run.id, "second") == 7
