"""Resumed runs, and runs with unusual steps, outputs, inputs or neighbours."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import NullPool, create_engine

from langgraph_runner.engine import RunStatus
from langgraph_runner.workflow import Workflow
from tests.waiting import Observed, eventually

LIMIT_MS = 10_000


async def statuses(engine, run):
    """Return the status of each step."""
    return {step.step: step.status.value for step in await engine.get_run_steps(run.id)}


def stuck(step_before):
    """A workflow of two steps, whose second one hangs in its first run, and the steps that have run."""
    flow, ran = Workflow("w"), []
    flow.step(step_before, id="before", cache="none", output=int)

    @flow.step(cache="none")
    async def slow() -> int:
        ran.append("slow")
        if len(ran) == 1:
            await asyncio.Event().wait()
        return 1

    return flow, ran


@pytest.mark.req("R-41", "R-42")
async def test_a_failure_before_a_crash_is_the_error_of_the_run(engine_of):
    """The next owner finds the failure, and does not run the step again."""
    tried = []

    def bad():
        tried.append(1)
        raise ValueError("no such brand")

    flow, _ = stuck(bad)
    async with engine_of(flow) as engine:
        run = await engine.trigger("w")
        async for event in engine.events(run.id):
            if event.type == "step_failed":
                break
    async with engine_of(flow) as engine:
        ended = await engine.wait(run.id, timeout_ms=LIMIT_MS)
        assert await statuses(engine, run) == {"before": "failed", "slow": "completed"}
    assert (ended.status, ended.error["node_id"], tried) == (RunStatus.FAILED, "before", [1])
    assert "no such brand" in ended.error["message"]


@pytest.mark.req("R-6", "R-42")
async def test_a_run_in_progress_keeps_its_outputs_when_the_code_of_a_step_changes(engine_of):
    """Steps that were committed before the deployment do not run again. Later runs use the new code."""
    flow, _ = stuck(lambda: 1)
    deployed = Workflow("w")
    deployed.step(lambda: 2, id="before", cache="none", output=int)
    deployed.step(lambda before: before, id="slow", cache="none", output=int)
    async with engine_of(flow) as engine:
        run = await engine.trigger("w")
        async for event in engine.events(run.id):
            if event.type == "step_completed":
                break
    async with engine_of(deployed) as engine:
        ended = await engine.wait(run.id, timeout_ms=LIMIT_MS)
        assert dict(ended.outputs) == {"before": 1, "slow": 1}
        assert dict((await engine.run("w")).outputs) == {"before": 2, "slow": 2}


@pytest.mark.req("R-4", "R-41")
async def test_a_step_whose_input_cannot_be_told_fails(engine_of):
    """The input has no hash, or its selector raises. Other branches continue."""
    flow = Workflow("w")
    flow.step(lambda x: 1, id="no_hash", input_selector=lambda sources: {"x": object()}, output=int)
    flow.step(lambda x: 1, id="no_input", input_selector=lambda sources: {"x": 1 / 0}, output=int)
    flow.step(lambda: 1, id="other", output=int)
    async with engine_of(flow) as engine:
        run = await engine.run("w")
        steps = {step.step: step for step in await engine.get_run_steps(run.id)}
    assert run.status is RunStatus.FAILED
    assert steps["other"].status == "completed"
    assert (steps["no_hash"].attempts, steps["no_hash"].error["error_type"]) == (0, "UnhashableInputError")
    assert (steps["no_input"].attempts, steps["no_input"].error["error_type"]) == (0, "ZeroDivisionError")


@pytest.mark.req("R-42")
async def test_an_output_that_does_not_fit_the_code_any_more_fails_who_needs_it(engine_of):
    """The error names the step that has returned it."""
    before, ran, after = Workflow("w"), Observed(), Workflow("w")
    before.step(lambda: "green", id="mode", output=str)

    @before.step(id="page", cache="none")
    async def hangs(mode: str) -> str:
        ran.append(1)
        await asyncio.Event().wait()

    after.step(lambda: 120, id="mode", output=int)
    after.step(lambda mode: f"{mode}", id="page", cache="none", output=str)
    async with engine_of(before) as engine:
        run = await engine.trigger("w")
        await ran.reach()
    async with engine_of(after) as engine:
        ended = await engine.wait(run.id, timeout_ms=LIMIT_MS)
        assert await statuses(engine, run) == {"mode": "completed", "page": "failed"}
    assert ended.status is RunStatus.FAILED
    assert "'mode': its stored output is not of the type that it declares now" in ended.error["message"]


@pytest.mark.req("R-24", "R-51")
async def test_a_run_that_is_cancelled_leaves_the_shared_work_to_others(engine_of):
    """A waiting run ends at once. If the computing run is cancelled, the next one computes."""
    flow, ran, go = Workflow("w"), Observed(), asyncio.Event()

    @flow.step
    async def work() -> int:
        ran.append(1)
        await go.wait()
        return 1

    async with engine_of(flow) as engine:
        runs = [await engine.trigger("w") for _ in range(3)]
        await eventually(lambda: ran and all(run.id in engine._worker.workload.executions for run in runs))
        for run in (runs[1], runs[0]):
            await engine.cancel(run.id)
            assert (await engine.wait(run.id, timeout_ms=LIMIT_MS)).status is RunStatus.CANCELLED
        await ran.until(lambda: len(ran) == 2)
        go.set()
        last = await engine.wait(runs[2].id, timeout_ms=LIMIT_MS)
        assert engine._host.in_flight == {}
    assert (last.status, last.steps, len(ran)) == (RunStatus.COMPLETED, {"completed": 1}, 2)


async def test_a_step_whose_task_is_cancelled_has_failed(engine_of):
    """A library in the step may cancel it. The run itself does not stop."""
    flow = Workflow("w")

    @flow.step
    async def work() -> int:
        asyncio.current_task().cancel()
        await asyncio.sleep(0)
        return 1

    async with engine_of(flow) as engine:
        run = await engine.wait((await engine.trigger("w")).id, timeout_ms=LIMIT_MS)
    assert run.status is RunStatus.FAILED
    assert "cancelled its own task" in run.error["message"]


@pytest.mark.req("R-41")
async def test_fail_fast_stops_every_branch(engine_of):
    """All running steps get the abort signal, and no later step begins."""
    flow, stopped, go = Workflow("w"), [], asyncio.Event()

    def branch(number):
        async def work() -> int:
            if number == 3:
                await go.wait()
                raise ValueError("the fourth")
            if number == 5:
                go.set()
            try:
                await asyncio.Event().wait()
            finally:
                stopped.append(number)

        return work

    for number in range(6):
        flow.step(branch(number), id=f"s{number}", output=int)
        flow.step(lambda: stopped.append("behind"), id=f"t{number}", depends_on=[f"s{number}"])
    async with engine_of(flow) as engine:
        run = await engine.run("w", failure_mode="fail_fast")
    assert (run.status, run.error["node_id"]) == (RunStatus.FAILED, "s3")
    assert run.steps == {"cancelled": 10, "failed": 1, "skipped": 1}
    assert sorted(stopped) == [0, 1, 2, 4, 5]


async def test_the_limit_of_a_run_ends_retries(engine_of):
    """The run does not wait for a step in its back-off."""
    flow, tried = Workflow("w"), []

    @flow.step(
        retry={"max_attempts": 2, "backoff_ms": 600_000, "max_backoff_ms": 600_000, "retry_on": ValueError}
    )
    def work() -> int:
        tried.append(1)
        raise ValueError

    async with engine_of(flow) as engine:
        run = await engine.wait((await engine.trigger("w", run_timeout_ms=100)).id, timeout_ms=LIMIT_MS)
    assert (run.status, run.error["code"], run.steps) == (RunStatus.FAILED, "RUN_TIMEOUT", {"cancelled": 1})
    assert len(tried) <= 1  # None if the limit came before the step could begin.


async def test_what_a_run_in_flight_needs_is_not_pruned(engine_of):
    """Outputs of steps that have run, and of steps that were served from the cache."""
    flow, go, waiting = Workflow("w"), asyncio.Event(), Observed()

    @flow.step
    def number(inputs) -> int:
        return inputs["x"]

    @flow.step(cache="none")
    async def gate() -> None:
        waiting.append(1)
        await go.wait()

    @flow.step(cache="none", depends_on=["gate"])
    def twice(number: int) -> int:
        return number * 2

    async with engine_of(flow) as engine:
        runs = [await engine.trigger("w", {"x": x}) for x in (1, 1, 2)]
        await waiting.until(lambda: len(waiting) == 3)
        assert await engine.prune(older_than=timedelta()) == 0
        go.set()
        ended = [await engine.wait(run.id, timeout_ms=LIMIT_MS) for run in runs]
        outputs = [await engine.get_output(run.id, "twice") for run in ended]
    assert outputs == [2, 2, 4]


async def test_a_step_may_have_runs_of_its_own(engine_of):
    """The outer run has a limit of one step, which counts only its own steps."""
    outer, inner = Workflow("outer"), Workflow("inner")
    inner.step(lambda inputs: inputs["x"] * 2, id="twice", output=int)

    @outer.step
    async def asks() -> int:
        run = await engine.run("inner", {"x": 21})
        return await engine.get_output(run.id, "twice")

    async with engine_of(outer, inner) as engine:
        run = await engine.run("outer", max_concurrency=1)
        assert await engine.get_output(run.id, "asks") == 42


@pytest.mark.req("R-10")
@pytest.mark.parametrize("option", ["max_active_runs", "max_concurrency"])
async def test_a_step_may_wait_for_a_run_that_it_starts(engine_of, option):
    """With room for one step and one run: the step lends its slot, and the run starts beyond the limit."""
    outer, inner = Workflow("outer"), Workflow("inner")
    inner.step(lambda: 1, id="s", output=int)

    @outer.step
    async def begins() -> int:
        run = await engine.run("inner")
        return await engine.get_output(run.id, "s")

    async with engine_of(outer, inner, **{option: 1}) as engine:
        run = await engine.trigger("outer")
        run = await engine.wait(run.id, timeout_ms=LIMIT_MS)
        assert await engine.get_output(run.id, "begins") == 1


async def test_a_step_may_wait_for_several_runs_at_once(engine_of):
    """The step lends its slot once, and takes it back once."""
    outer, inner, at_once = Workflow("outer"), Workflow("inner"), []

    @inner.step
    async def work(inputs) -> int:
        at_once.append(1)
        assert len(at_once) == 1
        await asyncio.sleep(0)
        at_once.pop()
        return inputs["x"]

    @outer.step
    async def begins() -> int:
        runs = await asyncio.gather(*(engine.run("inner", {"x": x}) for x in range(5)))
        return len(runs)

    async with engine_of(outer, inner, max_concurrency=1) as engine:
        run = await engine.wait((await engine.trigger("outer")).id, timeout_ms=LIMIT_MS)
        assert await engine.get_output(run.id, "begins") == 5


async def test_a_step_that_is_stopped_while_it_waits_has_no_slot_to_give_back(engine_of):
    """Otherwise there would be one slot too many."""
    outer, inner, begun, go = Workflow("outer"), Workflow("inner"), Observed(), asyncio.Event()

    @inner.step(cache="none")
    async def work(inputs) -> None:
        begun.append(inputs["x"])
        await go.wait()

    @outer.step(effects=False)
    async def begins() -> None:
        await engine.run("inner", {"x": 0})

    async with engine_of(outer, inner, max_concurrency=1) as engine:
        run = await engine.trigger("outer")
        await begun.reach()
        await engine.cancel(run.id)
        others = [await engine.trigger("inner", {"x": x}) for x in (1, 2)]
        executions = engine._worker.workload.executions
        await eventually(lambda: all(each.id in executions and executions[each.id]._tasks for each in others))
        await eventually(lambda: len(engine._host.slots._waiting["default"]) >= len(others))
        assert begun == [0]
        go.set()
        for each in (run, *others):
            await engine.wait(each.id, timeout_ms=LIMIT_MS)
        assert engine._host.slots._free == 1


async def test_own_runs_are_taken_on_as_soon_as_there_is_room(engine_of):
    """No other engine may exist to claim them."""
    flow, may_end = Workflow("w"), asyncio.Event()

    @flow.step(cache="none")
    async def wait() -> None:
        await may_end.wait()

    async with engine_of(flow, max_active_runs=1) as engine:
        engine.take_on("own")
        first, second = await engine.trigger("w"), await engine.trigger("w")
        assert (first.status, second.status) == (RunStatus.RUNNING, RunStatus.PENDING)
        may_end.set()
        assert (await engine.wait(second.id, timeout_ms=LIMIT_MS)).status is RunStatus.COMPLETED


@pytest.mark.req("R-44")
async def test_a_retry_runs_again_what_has_run_without_its_input(engine_of):
    """A step that accepts a missing input has run without it. Now the input exists."""
    flow, is_up = Workflow("w"), []

    @flow.step
    def feed() -> str:
        if not is_up:
            raise ValueError("down")
        return "news"

    @flow.step(join="all_done")
    def page(feed: str | None) -> str:
        return f"with {feed}"

    async with engine_of(flow) as engine:
        failed = await engine.run("w")
        assert await engine.get_output(failed.id, "page") == "with None"
        is_up.append(True)
        retried = await engine.retry(failed.id)
        assert await engine.get_output(retried.id, "page") == "with news"


@pytest.mark.req("R-51")
async def test_a_run_that_was_asked_to_end_is_not_completed(engine_of, caplog):
    """Although its last step ended before the run saw the request."""
    flow, ran, may_end = Workflow("w"), Observed(), asyncio.Event()

    @flow.step
    async def last() -> int:
        ran.append(1)
        await may_end.wait()
        return 1

    async with engine_of(flow) as engine, engine_of(flow) as other:
        run = await engine.trigger("w")
        await ran.reach()
        assert (await other.cancel(run.id, reason="enough")).status is RunStatus.RUNNING
        may_end.set()
        run = await engine.wait(run.id, timeout_ms=LIMIT_MS)
        assert (run.status, run.cancel_reason) == (RunStatus.CANCELLED, "enough")
        (end,) = [
            event async for event in engine.events(run.id) if event.type.startswith("run_c") and event.seq > 1
        ]
        assert (end.type, end.data) == ("run_cancelled", {"reason": "enough"})
    (logged,) = [each.message for each in caplog.records if each.message.startswith("run.cancelled")]
    assert "reason='enough'" in logged


class NoException(BaseException):
    """A BaseException, like those of pytest."""


@pytest.mark.parametrize(
    ("kind", "is_async"),
    [
        *(
            (kind, is_async)
            for kind in (SystemExit, GeneratorExit, NoException)
            for is_async in (True, False)
        ),
        (
            KeyboardInterrupt,
            False,
        ),  # Signals arrive in the main thread. In another thread, the step has raised it.
    ],
)
async def test_what_would_end_the_process_fails_the_step(engine_of, kind, is_async):
    """Otherwise it would end each process that takes the run over."""
    flow = Workflow("w")
    if is_async:

        @flow.step(id="leave", effects=False)
        async def leave() -> None:
            raise kind

    else:

        @flow.step(id="leave", effects=False)
        def leave_thread() -> None:
            raise kind

    async with engine_of(flow) as engine:
        run = await engine.run("w")
        assert (run.status, run.error["node_id"]) == (RunStatus.FAILED, "leave")
        assert kind.__name__ in run.error["message"]


@pytest.mark.req("R-40")
async def test_the_attempts_of_a_step_that_would_end_the_process_are_counted(engine_of):
    """Including those before the last one."""
    flow, tried = Workflow("w"), []

    @flow.step(retry={"max_attempts": 3, "backoff_ms": 0}, effects=False)
    def leave() -> None:
        tried.append(1)
        if len(tried) == 2:
            raise SystemExit
        raise ConnectionError

    async with engine_of(flow) as engine:
        run = await engine.run("w")
        [step] = await engine.get_run_steps(run.id)
    assert (step.status, step.attempts, len(tried)) == ("failed", 2, 2)


async def test_a_run_with_options_of_a_later_release_fails(engine_of):
    """Its error says so. Otherwise engines would claim it again and again."""
    flow = Workflow("w")
    flow.step(lambda: 1, id="s", output=int)
    async with engine_of(flow) as engine:
        engine.take_on("none")
        run = await engine.trigger("w")
        with create_engine(engine._store.database.url, poolclass=NullPool).begin() as connection:
            connection.exec_driver_sql("""UPDATE runs SET options = '{"warp": 9}'""")
        engine.take_on("all")
        run = await engine.wait(run.id, timeout_ms=LIMIT_MS)
        assert run.status is RunStatus.FAILED
        assert run.error["message"].startswith("The run failed: ")
        assert "warp" in run.error["message"]
