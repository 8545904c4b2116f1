"""Failures, limits, and the ends of runs."""

import asyncio
import logging

import pytest
from pydantic import BaseModel
from sqlalchemy import update

from langgraph_runner.engine import RunNotFoundError, RunStatus
from langgraph_runner.engine.store.schema import runs
from langgraph_runner.workflow import JoinRule, StepStatus, Workflow, WorkflowInputError
from tests.engine.conftest import edited
from tests.waiting import Observed


async def statuses(engine, run):
    """Return the status and reason of each step."""
    return {
        step.step: (step.status.value, None if step.reason is None else step.reason.value)
        for step in await engine.get_run_steps(run.id)
    }


def branches(*, go=None, **options):
    """A step that fails, the step that depends on it, and an independent branch that waits for `go`."""
    flow, ran = Workflow("w"), []

    @flow.step(**options)
    def broken() -> int:
        raise ValueError("no such brand")

    @flow.step
    def behind(broken: int) -> int:
        return broken

    @flow.step
    async def other() -> int:
        if go is not None:
            await go.wait()
        ran.append("other")
        return 1

    @flow.step
    def behind_other(other: int) -> int:
        ran.append("behind_other")
        return other

    return flow, ran


@pytest.mark.req("R-41")
async def test_other_branches_go_on(engine_of):
    """In the mode `continue`, steps that do not depend on the failed step complete."""
    go = asyncio.Event()
    flow, ran = branches(go=go)
    async with engine_of(flow) as engine:
        run = await engine.trigger("w")
        async for event in engine.events(run.id):
            if event.type == "step_failed":
                go.set()
        run = await engine.get_run(run.id)
        assert (run.status, ran) == (RunStatus.FAILED, ["other", "behind_other"])
        assert run.error["node_id"] == "broken"
        assert await statuses(engine, run) == {
            "broken": ("failed", None),
            "behind": ("skipped", "upstream_failed"),
            "other": ("completed", None),
            "behind_other": ("completed", None),
        }


@pytest.mark.req("R-41")
async def test_the_first_failure_ends_the_run(engine_of):
    """In the mode `fail_fast`, running steps are stopped, and other steps never begin."""
    flow, ran = branches(go=asyncio.Event())
    async with engine_of(flow) as engine:
        run = await engine.run("w", failure_mode="fail_fast")
        assert (run.status, ran) == (RunStatus.FAILED, [])
        assert await statuses(engine, run) == {
            "broken": ("failed", None),
            "behind": ("skipped", "upstream_failed"),
            "other": ("cancelled", "fail_fast"),
            "behind_other": ("cancelled", "fail_fast"),
        }


@pytest.mark.req("R-40")
async def test_attempts_are_recorded_with_the_last_error(engine_of):
    """The back-off is that of nodes. The record is sanitized."""
    flow, _ = branches(retry={"max_attempts": 3, "backoff_ms": 0, "retry_on": ValueError})
    async with engine_of(flow) as engine:
        run = await engine.run("w")
        step = next(step for step in await engine.get_run_steps(run.id) if step.step == "broken")
    assert (step.attempts, step.error["attempts"], step.error["error_type"]) == (3, 3, "ValueError")
    assert "no such brand" in step.error["message"]


@pytest.mark.req("R-41")
async def test_join_rules_decide_what_runs_after_a_failure(engine_of):
    """The output of a failed step is None."""
    flow = Workflow("w")

    @flow.step
    def good() -> int:
        return 1

    @flow.step
    def bad() -> int:
        raise ValueError

    @flow.step(join=JoinRule.ANY_SUCCESS)
    def some(good: int | None, bad: int | None) -> list[int | None]:
        return [good, bad]

    @flow.step(join=JoinRule.ALL_DONE)
    def report(bad: int | None) -> str:
        return f"bad is {bad}"

    @flow.step(join=JoinRule.ANY_SUCCESS)
    def none(bad: int | None) -> int:
        return 1

    async with engine_of(flow) as engine:
        run = await engine.run("w")
        assert await engine.get_output(run.id, "some") == [1, None]
        assert await engine.get_output(run.id, "report") == "bad is None"
        assert (await statuses(engine, run))["none"] == ("skipped", "upstream_failed")
        assert run.status is RunStatus.FAILED


async def test_a_run_that_takes_too_long_fails(engine_of):
    """Running steps are stopped. The error is that of the run. On a busy machine, the step may not have begun."""
    flow, began = Workflow("w"), []

    @flow.step(effects=False)
    async def hang() -> None:
        began.append("hang")
        await asyncio.Event().wait()

    @flow.step(effects=False)
    def after(hang) -> None: ...

    async with engine_of(flow) as engine:
        run = await engine.run("w", run_timeout_ms=50)
        assert (run.status, run.error["code"]) == (RunStatus.FAILED, "RUN_TIMEOUT")
        assert await statuses(engine, run) == {
            "hang": ("cancelled", "run_timeout"),
            "after": ("cancelled", "run_timeout"),
        }
        (hang,) = [step for step in await engine.get_run_steps(run.id) if step.step == "hang"]
        assert (hang.attempts, hang.duration_ms is not None) == (len(began), bool(began))


class Named(BaseModel):
    """The inputs of a run that has a name."""

    name: str


@pytest.mark.req("R-51")
async def test_a_step_that_is_stopped_before_it_begins_has_no_attempt_and_no_start(engine_of):
    """It has waited for a slot that another run holds."""
    flow, go, began = Workflow("w", inputs=Named), asyncio.Event(), Observed()

    @flow.step(cache="none")
    async def work(name: str) -> None:
        began.append(name)
        await go.wait()

    async with engine_of(flow, max_concurrency=1) as engine:
        first = await engine.trigger("w", {"name": "first"})
        await began.reach()
        late = await engine.run("w", {"name": "late"}, run_timeout_ms=50)
        (step,) = await engine.get_run_steps(late.id)
        go.set()
        await engine.wait(first.id)
    assert (began, step.status, step.reason) == (["first"], "cancelled", "run_timeout")
    assert (step.attempts, step.started_at, step.duration_ms) == (0, None, None)


@pytest.mark.req("R-51")
async def test_a_blocking_step_is_left_behind_by_a_cancel(engine_of):
    """Its signal fires, and the run ends without it."""
    flow, seen = Workflow("w"), Observed()

    @flow.step
    def work(ctx) -> None:
        seen.append(ctx.abort_signal)
        seen.append(ctx.abort_signal.wait(10_000))

    async with engine_of(flow) as engine:
        run = await engine.trigger("w")
        await seen.reach()
        await engine.cancel(run.id)
        assert (await engine.wait(run.id, timeout_ms=5_000)).status is RunStatus.CANCELLED
        await seen.until(lambda: len(seen) == 2)
        assert seen[1] is True


@pytest.mark.req("R-51")
async def test_a_run_that_waits_is_cancelled_at_once(engine_of):
    """It has no owner to notify. A second cancel has no effect."""
    flow, go = Workflow("w"), asyncio.Event()

    @flow.step(cache="none")
    async def work() -> None:
        await go.wait()

    async with engine_of(flow, max_active_runs=1) as engine:
        first, second = await engine.trigger("w"), await engine.trigger("w")
        assert second.status is RunStatus.PENDING
        assert (await engine.cancel(second.id, reason="first reason")).status is RunStatus.CANCELLED
        assert (await engine.cancel(second.id, reason="second")).cancel_reason == "first reason"
        go.set()
        assert (await engine.wait(first.id)).status is RunStatus.COMPLETED
        assert (await engine.cancel(first.id)).status is RunStatus.COMPLETED
        with pytest.raises(RunNotFoundError):
            await engine.cancel("nonsense")


async def test_runs_wait_in_the_database_when_there_is_no_room(engine_of):
    """The run with the highest priority starts first."""
    flow, order, go = Workflow("w"), Observed(), asyncio.Event()

    @flow.step(cache="none")
    async def work(inputs) -> None:
        order.append(inputs["name"])
        await go.wait()

    async with engine_of(flow, max_active_runs=1) as engine:
        runs = [
            await engine.trigger("w", {"name": name}, priority=priority)
            for name, priority in (("first", 0), ("low", -1), ("normal", 0), ("high", 5))
        ]
        await order.reach()
        go.set()
        for run in runs:
            await engine.wait(run.id)
    assert order == ["first", "high", "normal", "low"]


@pytest.mark.req("R-11")
@pytest.mark.parametrize("of_run", [True, False])
async def test_no_more_steps_run_at_once_than_allowed(engine_of, of_run):
    """The limit holds for one run, or for all runs of the engine."""
    flow, now, peak, is_full = Workflow("w"), [0], [0], asyncio.Event()
    for number in range(12):

        async def work() -> None:
            now[0] += 1
            peak[0] = max(peak[0], now[0])
            if peak[0] >= 3:
                is_full.set()
            await is_full.wait()
            now[0] -= 1

        flow.step(work, id=f"s{number}", cache="none")
    async with engine_of(flow, max_concurrency=64 if of_run else 3) as engine:
        runs = [
            await engine.trigger("w", max_concurrency=3 if of_run else None)
            for _ in range(1 if of_run else 3)
        ]
        for run in runs:
            assert (await engine.wait(run.id)).status is RunStatus.COMPLETED
    assert peak[0] == 3


@pytest.mark.req("R-11", "R-12")
async def test_a_step_starts_as_soon_as_its_own_dependencies_are_done(engine_of):
    """There is no barrier: it does not wait for the slow branch."""
    flow, order, go = Workflow("w"), [], asyncio.Event()

    @flow.step(effects=False)
    async def slow() -> None:
        await go.wait()
        order.append("slow")

    @flow.step(effects=False)
    async def quick() -> None:
        order.append("quick")

    @flow.step(effects=False)
    async def after_quick(quick) -> None:
        order.append("after_quick")
        go.set()

    async with engine_of(flow) as engine:
        await engine.run("w")
    assert order == ["quick", "after_quick", "slow"]


async def test_bad_inputs_make_no_run(engine_of):
    """They are refused before anything is written."""
    from pydantic import BaseModel

    class Brief(BaseModel):
        hue: int

    flow = Workflow("w", inputs=Brief)
    flow.step(lambda hue: hue, id="s")
    async with engine_of(flow) as engine:
        with pytest.raises(WorkflowInputError, match="hue"):
            await engine.trigger("w", {"hue": "blue"})
        assert await engine.list_runs() == []


async def test_a_closed_engine_gives_its_runs_up_at_once(engine_of):
    """The next engine continues them without waiting for the lease. Committed steps stay."""
    flow, ran, hang = Workflow("w"), Observed(), [True]

    @flow.step
    def first() -> int:
        ran.append("first")
        return 1

    @flow.step
    async def second(first: int) -> int:
        ran.append("second")
        if hang:
            hang.clear()
            await asyncio.Event().wait()
        return first + 1

    async with engine_of(flow) as engine:
        run = await engine.trigger("w")
        await ran.until(lambda: "second" in ran)
    async with engine_of(flow) as engine:
        ended = await engine.wait(run.id, timeout_ms=5_000)
        events = [event.type async for event in engine.events(run.id)]
    assert (ended.status, ran) == (RunStatus.COMPLETED, ["first", "second", "second"])
    assert "run_recovered" in events


@pytest.mark.req("R-50")
async def test_runs_are_listed_by_page_and_filter(engine_of):
    """The newest runs come first."""
    good, bad = Workflow("good"), Workflow("bad")
    good.step(lambda: 1, id="s")
    bad.step(lambda: 1 / 0, id="s")
    async with engine_of(good, bad) as engine:
        ids = [(await engine.run(name)).id for name in ("good", "bad", "good", "good")]
        first = await engine.list_runs(limit=3)
        assert [run.id for run in first] == ids[:0:-1]
        assert [run.id for run in await engine.list_runs(limit=3, before=first[-1])] == ids[:1]
        assert [run.id for run in await engine.list_runs(workflow="bad")] == [ids[1]]
        assert [run.id for run in await engine.list_runs(status="failed")] == [ids[1]]
        assert len(await engine.list_runs(status=["failed", "completed"])) == 4
        with pytest.raises(ValueError, match="limit"):
            await engine.list_runs(limit=0)
        with pytest.raises(ValueError, match="nonsense"):
            await engine.list_runs(status="nonsense")
        assert [s.step for s in await engine.get_run_steps(ids[0], status=StepStatus.COMPLETED)] == ["s"]
        with pytest.raises(LookupError, match="no step 'x'"):
            await engine.get_output(ids[0], "x")


async def test_old_runs_are_pruned_with_what_only_they_have(engine_of):
    """Newer runs stay, with everything that they share with old ones."""
    from datetime import timedelta

    flow = Workflow("w")
    flow.step(lambda inputs: inputs["x"], id="s", output=int)
    async with engine_of(flow) as engine:
        old = await engine.run("w", {"x": 1})
        assert await engine.prune(older_than=timedelta(days=1)) == 0
        with edited(engine) as connection:
            connection.execute(update(runs).values(completed_at=1))
        assert await engine.prune(older_than=timedelta(days=1)) == 1
        with pytest.raises(RunNotFoundError):
            await engine.get_run(old.id)
        again = await engine.run("w", {"x": 1})
        assert again.steps == {"completed": 1}
        with pytest.raises(ValueError, match="older_than"):
            await engine.prune(older_than=timedelta(-1))


async def test_two_engines_on_one_file_share_the_work(engine_of):
    """Each run is executed once."""
    flow, ran = Workflow("w"), []

    @flow.step(cache="none")
    async def work(inputs) -> None:
        ran.append(inputs["number"])

    async with engine_of(flow, max_active_runs=2) as first, engine_of(flow, max_active_runs=2) as second:
        runs = [await (first, second)[number % 2].trigger("w", {"number": number}) for number in range(20)]
        for number, run in enumerate(runs):
            assert (await (second, first)[number % 2].wait(run.id)).status is RunStatus.COMPLETED
    assert sorted(ran) == list(range(20))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"failure_mode": "never"}, "failure_mode"),
        ({"max_concurrency": 0}, "max_concurrency"),
        ({"run_timeout_ms": -1}, "run_timeout_ms"),
    ],
)
async def test_an_option_out_of_range_makes_no_run(engine_of, options, message):
    """The message names the option."""
    flow = Workflow("w")
    flow.step(lambda: 1, id="s")
    async with engine_of(flow) as engine:
        with pytest.raises(ValueError, match=message):
            await engine.trigger("w", **options)
        assert await engine.list_runs() == []


async def test_a_step_that_fails_is_logged_as_an_error(engine_of, caplog):
    """The event has run, tenant, workflow and step."""
    flow, _ = branches()
    with caplog.at_level(logging.INFO, logger="langgraph_runner.engine"):
        async with engine_of(flow) as engine:
            await engine.run("w")
    (failed,) = [record for record in caplog.records if record.getMessage().startswith("step.failed")]
    assert (failed.levelname, failed.step, failed.workflow, failed.tenant) == (
        "ERROR",
        "broken",
        "w",
        "default",
    )


async def test_a_step_that_cancels_itself_has_failed(engine_of):
    """The run was not cancelled, so the step counts as failed."""
    flow = Workflow("w")

    @flow.step(effects=False)
    async def work() -> None:
        raise asyncio.CancelledError

    async with engine_of(flow) as engine:
        run = await engine.run("w")
        assert run.status is RunStatus.FAILED
        assert "cancelled its own task" in run.error["message"]


async def test_a_step_that_ends_while_the_engine_closes_runs_again(engine_of):
    """It was stopped and is not done, even if it returns a result."""
    flow, ran = Workflow("w"), Observed()

    @flow.step
    async def stubborn() -> str:
        ran.append(1)
        if len(ran) == 1:
            await asyncio.Event().wait()
        return "done"

    async with engine_of(flow, lease_ms=200) as engine:
        run = await engine.trigger("w")
        await ran.reach()
        execution = engine._worker.workload.executions[run.id]
        execution.release()
        for _ in range(10):
            await asyncio.sleep(0)
    async with engine_of(flow) as engine:
        assert (await engine.wait(run.id, timeout_ms=5_000)).status is RunStatus.COMPLETED
        assert await engine.get_output(run.id, "stubborn") == "done"


async def test_an_error_inside_the_engine_ends_the_run(engine_of, monkeypatch):
    """Otherwise engines would claim the run again and again."""
    from langgraph_runner.engine.run.execution import RunExecution

    def broken(self):
        raise RuntimeError("not as planned")

    flow = Workflow("w")
    flow.step(lambda: 1, id="a")
    flow.step(lambda a: a, id="b")
    monkeypatch.setattr(RunExecution, "_take_startable", broken)
    async with engine_of(flow) as engine:
        run = await engine.wait((await engine.trigger("w")).id, timeout_ms=5_000)
        assert (run.status, run.steps) == (RunStatus.FAILED, {"cancelled": 2})
        assert "not as planned" in run.error["message"]
