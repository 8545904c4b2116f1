"""Steps that name a queue run on the workers of that queue, and come back to their run through the database."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import select

from langgraph_runner import Workflow
from langgraph_runner.engine.store.commands.workers import AddTask, ClaimTask, EndTask, KeepTasks
from langgraph_runner.engine.store.queries import TaskKey
from langgraph_runner.engine.store.records import Start, StepChange
from langgraph_runner.engine.store.schema import step_tasks
from langgraph_runner.engine.store.statements import for_all_tenants
from langgraph_runner.workflow import StepStatus
from langgraph_runner.workflow.errors import WorkflowDefinitionError
from tests.waiting import Observed, eventually

pytestmark = pytest.mark.req("R-61", "R-64")


def flow_of(work, **options):
    """A workflow of three steps, the second of which is for a pool."""
    flow = Workflow("w")

    @flow.step
    def before(inputs) -> int:
        return inputs["n"] + 1

    flow.step(work, id="work", queue="gpu", output=int, **options)

    @flow.step
    def after(work: int) -> int:
        return work * 10

    return flow


def double(before: int, ctx) -> int:
    """Save a file, and double the output of the step before."""
    ctx.save_artifact("note.txt", b"doubled")
    return before * 2


async def left_to_gpu(engine):
    """Wait until one step waits for a worker."""
    await eventually(engine.get_workers, lambda found: found.waiting_steps == {"gpu": 1})


async def test_a_step_waits_for_a_worker_of_its_queue(engine_of):
    """The run continues when such a worker starts."""
    flow = flow_of(double)
    async with engine_of(flow, step_queues=[]) as engine:
        run = await engine.trigger("w", {"n": 1})
        await left_to_gpu(engine)
        assert [step.status for step in await engine.get_run_steps(run.id)] == [
            "completed",
            "running",
            "pending",
        ]
        async with engine_of(flow, step_queues=["gpu"]) as pool:
            pool.take_on("none")
            run = await engine.wait(run.id, timeout_ms=20_000)
        assert (run.status, await engine.get_result(run.id)) == ("completed", 40)
        assert (await engine.get_workers()).waiting_steps == {}


async def test_what_a_worker_delivers_is_that_of_any_step(engine_of):
    """It has output, file and attempts, and a second run gets it from the cache."""
    flow = flow_of(double)
    async with engine_of(flow, step_queues=[]) as engine, engine_of(flow, step_queues=["gpu"]) as pool:
        pool.take_on("none")
        run = await engine.run("w", {"n": 1})
        (step,) = [each for each in await engine.get_run_steps(run.id) if each.step == "work"]
        assert (step.status, step.attempts, step.cache_hit) == ("completed", 1, False)
        assert [file.name for file in (await engine.get_run_artifacts(run.id))["work"]] == ["note.txt"]
        again = await engine.run("w", {"n": 1})
        assert again.steps.get("skipped") == 3


async def test_an_engine_without_step_queues_runs_all_steps_itself(engine_of):
    """As in a program with one process."""
    async with engine_of(flow_of(double)) as engine:
        run = await engine.run("w", {"n": 1})
        assert (run.status, await engine.get_result(run.id)) == ("completed", 40)


async def test_an_engine_runs_the_steps_of_its_own_queues_itself(engine_of):
    """These steps need no other worker."""
    async with engine_of(flow_of(double), step_queues=["gpu"]) as engine:
        run = await engine.run("w", {"n": 1})
        assert run.status == "completed"


async def test_a_worker_leaves_the_steps_of_other_queues(engine_of):
    """It also leaves the other steps of the run."""
    flow = flow_of(double)
    async with engine_of(flow, step_queues=[]) as engine, engine_of(flow, step_queues=["cpu"]) as other:
        other.take_on("none")
        run = await engine.trigger("w", {"n": 1})
        await left_to_gpu(engine)
        assert await other._worker._pool._claim() is False
        await engine.cancel(run.id)
        assert (await engine.wait(run.id)).status == "cancelled"


async def test_a_failure_on_a_worker_is_one_of_the_step(engine_of):
    """The step has the record of the error, after its retries."""

    def fail(before: int) -> int:
        raise ConnectionError("no such model")

    flow = flow_of(fail, retry={"max_attempts": 2, "backoff_ms": 1})
    async with engine_of(flow, step_queues=[]) as engine, engine_of(flow, step_queues=["gpu"]) as pool:
        pool.take_on("none")
        run = await engine.run("w", {"n": 1})
        (step,) = [each for each in await engine.get_run_steps(run.id) if each.step == "work"]
        assert (run.status, step.status, step.attempts) == ("failed", "failed", 2)
        assert "no such model" in step.error["message"]


@pytest.fixture
def held():
    """A workflow whose pool step waits for `go`; the steps that have begun; those that were stopped; and `go`."""
    begun, stopped, go = Observed(), Observed(), asyncio.Event()

    async def work(before: int, ctx) -> int:
        begun.append(ctx.fencing_token)
        try:
            await go.wait()
        except asyncio.CancelledError:
            stopped.append(ctx.run_id)
            raise
        return before * 2

    return flow_of(work), begun, stopped, go


async def test_a_cancelled_run_stops_its_step_on_the_worker(engine_of, held):
    """At the worker's next heartbeat."""
    flow, begun, stopped, _ = held
    async with (
        engine_of(flow, step_queues=[]) as engine,
        engine_of(flow, step_queues=["gpu"], lease_ms=300) as pool,
    ):
        pool.take_on("none")
        run = await engine.trigger("w", {"n": 1})
        await begun.reach()
        await engine.cancel(run.id)
        assert (await engine.wait(run.id, timeout_ms=20_000)).status == "cancelled"
        await stopped.reach()


async def test_a_run_that_is_taken_over_gets_the_result_of_its_first_owner(engine_of, held):
    """The step runs once, although the run gets a new owner meanwhile."""
    flow, begun, _, go = held
    async with engine_of(flow, step_queues=["gpu"]) as pool:
        pool.take_on("none")
        async with engine_of(flow, step_queues=[]) as first:
            run = await first.trigger("w", {"n": 1})
            await begun.reach()
        async with engine_of(flow, step_queues=[]) as second:
            await asyncio.sleep(0)
            go.set()
            assert (await second.wait(run.id, timeout_ms=20_000)).status == "completed"
    assert len(begun) == 1


async def tasks(engine):
    """Return the queue, status and token of each task in the database."""

    @for_all_tenants
    def ask(connection):
        columns = step_tasks.c.queue, step_tasks.c.status, step_tasks.c.fence
        return [tuple(row) for row in connection.execute(select(*columns))]

    return await engine._store.read(ask)


def other_release(flow, queue):
    """The same workflow, with its step in another queue."""
    spec = flow.spec
    steps = [replace(step, queue=queue) if step.id == "work" else step for step in spec.steps]
    return replace(spec, steps=tuple(steps))


async def left_by_first(engine_of, flow, begun):
    """Return a run whose owner has closed while a worker runs its step, and that worker's task is in the database."""
    async with engine_of(flow, step_queues=[]) as first:
        run = await first.trigger("w", {"n": 1})
        await begun.reach()
    return run


async def test_a_task_moves_to_the_new_queue_of_its_step(engine_of, held):
    """A worker that has begun it goes on, and the step does not run again."""
    flow, begun, _, go = held
    async with engine_of(flow, step_queues=["gpu"]) as pool:
        pool.take_on("none")
        run = await left_by_first(engine_of, flow, begun)
        async with engine_of(other_release(flow, "large"), step_queues=["large"]) as second:
            await eventually(lambda: tasks(second), lambda found: found == [("large", "running", 1)])
            go.set()
            assert (await second.wait(run.id, timeout_ms=20_000)).status == "completed"
            assert await tasks(second) == []
    assert len(begun) == 1


async def test_a_step_that_has_no_queue_any_more_is_taken_back(engine_of, held):
    """Its worker stops at the next heartbeat, and has the smaller fencing token."""
    flow, begun, stopped, go = held
    async with engine_of(flow, step_queues=["gpu"], lease_ms=300) as pool:
        pool.take_on("none")
        run = await left_by_first(engine_of, flow, begun)
        async with engine_of(other_release(flow, None), step_queues=[]) as second:
            await begun.until(lambda: len(begun) == 2)
            await stopped.reach()
            go.set()
            assert (await second.wait(run.id, timeout_ms=20_000)).status == "completed"
            assert await tasks(second) == []
    assert begun[0] < begun[1]


@pytest.mark.parametrize("queue", [None, "large"])
async def test_the_result_of_a_task_is_used_by_any_release(engine_of, queue):
    """The step does not run again where its queue is gone or renamed."""
    calls = []

    def work(before: int) -> int:
        calls.append(1)
        return before * 2

    flow = flow_of(work, cache="none")
    async with engine_of(flow, step_queues=[]) as first:
        run = await first.trigger("w", {"n": 1})
        await left_to_gpu(first)
    async with engine_of(flow, step_queues=["gpu"]) as pool:
        pool.take_on("none")
        await eventually(lambda: tasks(pool), lambda found: found == [("gpu", "done", 1)])
    async with engine_of(other_release(flow, queue), step_queues=["large"]) as second:
        assert (await second.wait(run.id, timeout_ms=20_000)).status == "completed"
        assert await tasks(second) == []
    assert len(calls) == 1


async def test_a_step_whose_result_is_known_leaves_no_task(engine_of):
    """The next owner finds the result in the cache, so no worker may begin the step, while the run goes on."""
    go, calls = asyncio.Event(), []

    def work(before: int) -> int:
        calls.append(1)
        return before * 2

    async def after(work: int) -> int:
        await go.wait()
        return work

    flow = Workflow("w")
    flow.step(lambda inputs: inputs["n"], id="before", output=int)
    flow.step(work, queue="gpu")
    flow.step(after, cache="none")
    async with engine_of(flow, step_queues=[]) as first:
        run = await first.trigger("w", {"n": 1})
        await left_to_gpu(first)
    async with engine_of(flow) as alone:  # It runs all steps itself, and a second run computes the result.
        alone.take_on("own")
        other = await alone.trigger("w", {"n": 1})
        await eventually(lambda: alone.get_run_steps(other.id), lambda steps: steps[1].status == "completed")
        await alone.trigger_resume(run.id)
        await eventually(lambda: alone.get_run_steps(run.id), lambda steps: steps[1].status == "skipped")
        assert await tasks(alone) == []
        go.set()
        assert (await alone.wait(run.id, timeout_ms=20_000)).status == "completed"
    assert len(calls) == 1


async def test_a_step_of_a_run_that_was_lost_becomes_no_task(engine_of):
    """The owner that was taken for dead adds none, also after the end of the run."""
    async with engine_of(flow_of(double), step_queues=[]) as engine:
        run = await engine.trigger("w", {"n": 1})
        await left_to_gpu(engine)
        await engine.cancel(run.id)
        await engine.wait(run.id)
        key = TaskKey(run.tenant, run.id, "work")
        assert not await engine._store.write(AddTask(key, "w", "gpu", Start("work", "0" * 64, None, "1"), 1))
        assert await tasks(engine) == []


async def test_a_worker_that_closes_gives_its_steps_back(engine_of, held):
    """Another worker takes them at once, without waiting for the lease."""
    flow, begun, _, go = held
    async with engine_of(flow, step_queues=[]) as engine:
        run = await engine.trigger("w", {"n": 1})
        async with engine_of(flow, step_queues=["gpu"], lease_ms=3_600_000) as pool:
            pool.take_on("none")
            await begun.reach()
        go.set()
        async with engine_of(flow, step_queues=["gpu"]) as pool:
            pool.take_on("none")
            assert (await engine.wait(run.id, timeout_ms=20_000)).status == "completed"
    assert len(begun) == 2
    assert begun[1] > begun[0]


async def test_a_worker_that_was_taken_for_dead_is_refused(engine_of, held, caplog):
    """Its lease has expired, and another worker has the step."""
    flow, begun, _, go = held
    slow = {"step_queues": ["gpu"], "lease_ms": 3_600_000}
    async with engine_of(flow, step_queues=[]) as engine, engine_of(flow, **slow) as pool:
        pool.take_on("none")
        run = await engine.trigger("w", {"n": 1})
        await begun.reach()
        (claimed, _abort) = next(iter(pool._worker._pool._active.values()))
        await pool._store.write(KeepTasks(-1, {claimed.key: claimed.fence}))
        async with engine_of(flow, **slow) as other:
            other.take_on("none")
            await begun.until(lambda: len(begun) == 2)
            go.set()
            assert (await engine.wait(run.id, timeout_ms=20_000)).status == "completed"
            await eventually(lambda: "step.lease_lost" in caplog.text)
    assert begun[1] > begun[0]


async def test_two_outcomes_of_one_task_are_told_apart(engine_of):
    """They may be written together: only that of the newest token is stored."""
    async with engine_of(flow_of(double), step_queues=[]) as engine:
        run = await engine.trigger("w", {"n": 1})
        await left_to_gpu(engine)
        claims = [await engine._store.write(ClaimTask("x", -1, ("gpu",), ("w",))) for _ in range(2)]
        change = StepChange(step="work", status=StepStatus.CANCELLED)
        ends = [EndTask(claim.key, claim.fence, change) for claim in claims]
        assert await asyncio.gather(*map(engine._store.write, ends)) == [False, True]
        await engine.wait(run.id, timeout_ms=20_000)


async def test_a_worker_that_claims_its_own_step_again_stops_the_first_call(engine_of, held, caplog):
    """Its lease has expired because the process was stopped for a while."""
    flow, begun, stopped, go = held
    async with engine_of(flow, step_queues=[]) as engine, engine_of(flow, step_queues=["gpu"]) as pool:
        pool.take_on("none")
        run = await engine.trigger("w", {"n": 1})
        await begun.reach()
        ((claimed, _),) = pool._worker._pool._active.values()
        await pool._store.write(KeepTasks(-1, {claimed.key: claimed.fence}))
        await stopped.reach()
        await begun.until(lambda: len(begun) == 2)
        go.set()
        assert (await engine.wait(run.id, timeout_ms=20_000)).status == "completed"
    assert "step.lease_lost" in caplog.text


async def test_a_second_call_of_a_step_may_end_before_the_first(engine_of):
    """The first one is slow to stop, and ends without an error."""
    begun, cleaned_up = Observed(), asyncio.Event()

    async def work(before: int, ctx) -> int:
        begun.append(ctx.fencing_token)
        if len(begun) == 1:
            try:
                await asyncio.Event().wait()
            finally:
                await cleaned_up.wait()
        return before * 2

    flow = flow_of(work)
    async with engine_of(flow, step_queues=[]) as engine, engine_of(flow, step_queues=["gpu"]) as worker:
        worker.take_on("none")
        run = await engine.trigger("w", {"n": 1})
        await begun.reach()
        pool = worker._worker._pool
        ((claimed, _),), (first_call,) = pool._active.values(), pool._tasks
        await worker._store.write(KeepTasks(-1, {claimed.key: claimed.fence}))
        assert (await engine.wait(run.id, timeout_ms=20_000)).status == "completed"
        await eventually(lambda: pool._tasks == {first_call})
        cleaned_up.set()
        await first_call


async def test_a_step_that_kills_its_workers_fails_in_the_end(engine_of, held):
    """The run does not continue forever."""
    flow, begun, _, _ = held
    async with engine_of(flow, step_queues=[]) as engine:
        run = await engine.trigger("w", {"n": 1})
        await left_to_gpu(engine)
        for _ in range(2):
            assert await engine.store.write(ClaimTask("dead", -1, ("gpu",), ("w",))) is not None
        async with engine_of(flow, step_queues=["gpu"], max_recovery_attempts=1) as pool:
            pool.take_on("none")
            ended = await engine.wait(run.id, timeout_ms=20_000)
    assert (ended.status, ended.error["code"], begun) == ("failed", "RECOVERY_EXHAUSTED", [])


async def test_a_worker_whose_code_does_not_fit_the_run_fails_the_step(engine_of):
    """Because it would not fit the next time either."""
    flow, other = flow_of(double), Workflow("w")
    other.step(lambda inputs: 1, id="before", output=int, queue="gpu")
    async with engine_of(flow, step_queues=[]) as engine, engine_of(other, step_queues=["gpu"]) as pool:
        pool.take_on("none")
        run = await engine.trigger("w", {"n": 1})
        ended = await engine.wait(run.id, timeout_ms=20_000)
    assert ended.status == "failed"


async def test_a_worker_that_closes_in_the_middle_of_a_claim_gives_the_step_back(engine_of, monkeypatch):
    """Another worker takes it at once, without waiting for the lease."""
    flow, claiming, go = flow_of(double), asyncio.Event(), asyncio.Event()
    async with engine_of(flow, step_queues=[]) as engine:
        run = await engine.trigger("w", {"n": 1})
        await left_to_gpu(engine)
        async with engine_of(flow, step_queues=["gpu"], lease_ms=3_600_000) as pool:
            pool.take_on("none")
            write = pool._store.write

            async def slow(asked):
                claimed = await write(asked)
                if isinstance(asked, ClaimTask) and claimed is not None:
                    claiming.set()
                    await go.wait()
                return claimed

            monkeypatch.setattr(pool._store, "write", slow)
            await claiming.wait()
            closing = asyncio.create_task(pool.close())
            await asyncio.sleep(0)
            go.set()
            await closing
        async with engine_of(flow, step_queues=["gpu"]) as pool:
            pool.take_on("none")
            assert (await engine.wait(run.id, timeout_ms=20_000)).status == "completed"


async def test_a_worker_that_drains_ends_its_steps(engine_of, held):
    """It takes no further step."""
    flow, begun, _, go = held
    async with engine_of(flow, step_queues=[]) as engine, engine_of(flow, step_queues=["gpu"]) as pool:
        pool.take_on("none")
        run = await engine.trigger("w", {"n": 1})
        await begun.reach()
        draining = asyncio.create_task(pool.drain())
        await engine.trigger("w", {"n": 2})
        await left_to_gpu(engine)
        go.set()
        assert await draining is True
        assert (await engine.wait(run.id, timeout_ms=20_000)).status == "completed"
        assert len(begun) == 1


async def test_workers_are_shown_with_their_queues(engine_of, held):
    """The list also has their running steps."""
    flow, begun, _, go = held
    async with engine_of(flow, step_queues=[]) as engine, engine_of(flow, step_queues=["gpu"]) as pool:
        pool.take_on("none")
        run = await engine.trigger("w", {"n": 1})
        await begun.reach()
        await pool._worker.presence.report()
        (seen,) = [each for each in (await engine.get_workers()).workers if each.queues]
        assert (seen.queues, seen.active_steps, seen.active_runs) == (["gpu"], 1, 0)
        go.set()
        await engine.wait(run.id)


@pytest.mark.parametrize("queue", ["", "a b", "x" * 65, 1])
def test_a_queue_that_is_no_name_is_refused(queue):
    """When the workflow is registered."""
    broken = Workflow("b")
    broken.step(lambda inputs: 1, id="s", output=int, queue=queue)
    with pytest.raises(WorkflowDefinitionError, match="queue must be 1 to 64 letters"):
        broken.blueprint()


@pytest.mark.parametrize(("queues", "error"), [("gpu", TypeError), ([""], ValueError), (1, TypeError)])
async def test_step_queues_that_are_none_are_refused(engine_of, queues, error):
    """The message has valid values."""
    with pytest.raises(error, match="step_queues"):
        async with engine_of(flow_of(double), step_queues=queues):
            pass
