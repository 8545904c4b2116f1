"""Creating a run: together with the start of its first steps, if that needs no lookup."""

import asyncio
import threading

import pytest
from sqlalchemy.exc import OperationalError

from langgraph_runner.engine import RunStatus
from langgraph_runner.engine.store import writer
from langgraph_runner.engine.store.commands import AdvanceRun, CreateRun, start
from langgraph_runner.workflow import StepContext, Workflow
from tests.engine.conftest import ON_SQLITE
from tests.waiting import Gate, Observed, eventually

LIMIT_MS = 10_000


@pytest.fixture
def chain():
    """A workflow of two steps, and the steps that have run."""
    flow, ran = Workflow("chain.v1"), []
    flow.step(lambda inputs: ran.append("a") or inputs["net"], id="a")
    flow.step(lambda a: ran.append("b") or a + 1, id="b")
    return flow, ran


@pytest.fixture
def commits(monkeypatch):
    """For each transaction, the types of its writes to runs."""
    groups, written = [], writer._write_group

    def noted(connection, group):
        kinds = [type(handed.write) for handed in group]
        if about_runs := [kind for kind in kinds if kind in {CreateRun, AdvanceRun}]:
            groups.append(about_runs)
        return written(connection, group)

    monkeypatch.setattr(writer, "_write_group", noted)
    return groups


class Held(writer.Write[None]):
    """A write that takes until the test releases it."""

    def __init__(self):
        self.begun, self.go = Gate(), threading.Event()

    @classmethod
    def apply(cls, _connection, writes):
        """Wait."""
        for write in writes:
            write.begun.set()
            write.go.wait()
        return [None] * len(writes)


async def together(engine, call):
    """Return the result of a call whose first two writes reach the writer together, even on a busy machine."""
    held = Held()
    first = asyncio.ensure_future(engine._store.write(held))
    await held.begun.wait()
    called = asyncio.ensure_future(call)
    await eventually(lambda: engine._store._writer._queue.qsize() >= 2)
    held.go.set()
    await first
    return await called


async def test_a_run_is_made_in_the_transaction_that_starts_its_first_step(engine_of, chain, commits):
    """Then there is a commit for each step, and the last one ends the run."""
    flow, _ = chain
    async with engine_of(flow) as engine:
        run = await together(engine, engine.run("chain.v1", {"net": 1}))
        assert run.status is RunStatus.COMPLETED
    assert commits[:3] == [[CreateRun, AdvanceRun], [AdvanceRun], [AdvanceRun]]


async def test_a_run_whose_steps_are_all_known_is_over_when_it_is_made(engine_of, chain, commits):
    """With one commit, which has all events."""
    flow, ran = chain
    async with engine_of(flow) as engine:
        await engine.run("chain.v1", {"net": 1})
        before = len(commits)
        run = await together(engine, engine.trigger("chain.v1", {"net": 1}))
        assert (run.status, run.steps, ran) == (RunStatus.COMPLETED, {"skipped": 2}, ["a", "b"])
        assert commits[before:] == [[CreateRun, AdvanceRun]]
        assert await engine.get_run(run.id) == run
        events = [(event.seq, event.type) async for event in engine.events(run.id)]
    expected = ["run_created", "run_started", "step_skipped", "step_skipped", "run_completed"]
    assert events == [*enumerate(expected, start=1)]


async def test_a_run_with_a_key_is_made_first(engine_of, chain, commits):
    """A run with the same key may already exist."""
    async with engine_of(chain[0]) as engine:
        await engine.run("chain.v1", {"net": 1}, idempotency_key="k")
    assert commits[0] == [CreateRun]


async def test_a_run_is_made_before_a_selector_is_called(engine_of, commits):
    """A selector is the user's code, which is never called before the run is durable."""
    flow, before = Workflow("w"), []

    def selected(source):
        before.append([*commits])
        return {"net": source.inputs["net"]}

    flow.step(lambda net: net, id="a", input_selector=selected, output=int)
    async with engine_of(flow) as engine:
        assert (await engine.run("w", {"net": 1})).status is RunStatus.COMPLETED
    assert before[0] == [[CreateRun]]


async def test_of_many_runs_at_once_a_few_begin_before_they_are_made(engine_of, chain, monkeypatch):
    """Otherwise no other task would get a turn of the event loop meanwhile."""
    flow, ran = chain
    async with engine_of(flow) as engine:
        handed, go, write = Observed(), asyncio.Event(), engine._store.write

        async def held(each):
            handed.append(type(each))
            await go.wait()
            return await write(each)

        monkeypatch.setattr(engine._store, "write", held)
        triggering = asyncio.gather(*(engine.trigger("chain.v1", {"net": net}) for net in range(10)))
        await handed.until(lambda: handed.count(CreateRun) == 10)
        assert handed.count(AdvanceRun) == 4
        go.set()
        for run in await triggering:
            assert (await engine.wait(run.id, timeout_ms=LIMIT_MS)).status is RunStatus.COMPLETED
    assert sorted(ran) == ["a"] * 10 + ["b"] * 10


async def test_a_run_that_waits_for_an_equal_step_of_another_is_made(engine_of, commits):
    """None of its steps starts, so nothing is written with it."""
    flow, ran, go = Workflow("w"), Observed(), asyncio.Event()

    @flow.step
    async def slow(inputs) -> int:
        ran.append(1)
        await go.wait()
        return 1

    async with engine_of(flow) as engine:
        first = await engine.trigger("w", {})
        await ran.reach()
        before = len(commits)  # On a busy machine the first run is created and started in two transactions.
        second = await engine.trigger("w", {})
        assert commits[before:] == [[CreateRun]]
        go.set()
        ended = [await engine.wait(run.id, timeout_ms=LIMIT_MS) for run in (first, second)]
    assert ([run.steps for run in ended], ran) == ([{"completed": 1}, {"skipped": 1}], [1])


async def test_a_run_that_cannot_be_made_leaves_nothing_behind(engine_of, chain, monkeypatch, caplog):
    """The caller gets the error. No step has run, and no result counts as in progress."""
    flow, ran = chain
    async with engine_of(flow) as engine:
        write = engine._store.write

        async def refused(each):
            if isinstance(each, CreateRun):
                raise OSError("the database is away")
            return await write(each)

        monkeypatch.setattr(engine._store, "write", refused)
        with pytest.raises(OSError, match="away"):
            await engine.run("chain.v1", {"net": 1})
        assert (ran, await engine.list_runs(), engine._worker.workload.tasks) == ([], [], {})
        assert not [each for each in caplog.records if each.getMessage().startswith("run.interrupted")]
        monkeypatch.setattr(engine._store, "write", write)
        assert (await engine.run("chain.v1", {"net": 1})).status is RunStatus.COMPLETED
    assert ran == ["a", "b"]


async def test_whoever_stops_waiting_for_a_run_to_be_made_does_not_stop_it(engine_of, chain):
    """Because it may already be durable."""
    flow, ran = chain
    async with engine_of(flow) as engine:
        triggering = asyncio.create_task(engine.trigger("chain.v1", {"net": 1}))
        await eventually(lambda: engine._worker.workload.tasks)
        triggering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await triggering
        await eventually(lambda: not engine._worker.workload.tasks)
        (run,) = await engine.list_runs()
    assert (run.status, ran) == (RunStatus.COMPLETED, ["a", "b"])


async def test_an_engine_that_closes_while_a_run_is_made_leaves_it_to_others(engine_of):
    """The run is durable, its lease is released, and the caller gets its id."""
    flow = Workflow("w")

    @flow.step
    async def hang(ctx: StepContext) -> int:
        if ctx.fencing_token == 1:
            await asyncio.Event().wait()
        return 1

    async with engine_of(flow) as engine:
        triggering = asyncio.create_task(engine.trigger("w"))
        await eventually(lambda: engine._worker.workload.tasks)
    run = await triggering
    async with engine_of(flow) as engine:
        assert (await engine.wait(run.id, timeout_ms=LIMIT_MS)).status is RunStatus.COMPLETED


class Elsewhere:
    """A hot tier that does not answer until the test allows it."""

    def __init__(self):
        self.answers = asyncio.Event()

    async def get_many(self, tenant, keys):
        """Finally return nothing."""
        await self.answers.wait()
        return {}

    async def put_many(self, tenant, entries):
        """Nothing to do."""

    async def clear(self):
        """Nothing to do."""


async def test_a_run_is_made_before_a_hot_tier_of_the_users_is_asked(engine_of, chain):
    """Because the tier may be slow, or hang."""
    tier = Elsewhere()
    async with engine_of(chain[0], cache=tier) as engine:
        run = await asyncio.wait_for(engine.trigger("chain.v1", {"net": 1}), LIMIT_MS / 1000)
        assert await engine.get_run(run.id) == run
        tier.answers.set()
        assert (await engine.wait(run.id, timeout_ms=LIMIT_MS)).status is RunStatus.COMPLETED


@pytest.mark.parametrize("takes_on", ["all", "own"])
async def test_a_run_that_is_made_but_not_begun_goes_on_when_its_lease_ends(
    engine_of, chain, monkeypatch, takes_on
):
    """The database has refused the first write of the run. The caller still has its id."""
    flow, ran = chain
    apply, refused = AdvanceRun.apply.__func__, []

    def refusing(cls, connection, writes):
        if len(refused) < 2:  # Refused in its group, and then alone.
            refused.append(writes)
            raise OperationalError("INSERT", None, OSError("the disk is full"))
        return apply(cls, connection, writes)

    monkeypatch.setattr(AdvanceRun, "apply", classmethod(refusing))
    async with engine_of(flow, lease_ms=300) as engine:
        engine.take_on(takes_on)
        run = await engine.trigger("chain.v1", {"net": 1})
        ended = await engine.wait(run.id, timeout_ms=LIMIT_MS)
    assert (ended.status, ran) == (RunStatus.COMPLETED, ["a", "b"])


async def test_a_run_whose_beginning_cannot_be_written_fails(engine_of, chain, monkeypatch):
    """The database works, so each further attempt would end in the same error."""
    apply, refused = AdvanceRun.apply.__func__, []

    def refusing(cls, connection, writes):
        if len(refused) < 2:
            refused.append(writes)
            raise TypeError("not as planned")
        return apply(cls, connection, writes)

    monkeypatch.setattr(AdvanceRun, "apply", classmethod(refusing))
    async with engine_of(chain[0]) as engine:
        run = await engine.run("chain.v1", {"net": 1})
    assert (run.status, run.steps) == (RunStatus.FAILED, {"cancelled": 2})


@ON_SQLITE
async def test_a_transaction_that_sqlite_rolls_back_is_not_taken_for_committed(engine_of, chain, monkeypatch):
    """SQLite does so at some errors, even of a reading statement, such as with a full cache and a full disk."""
    flow, ran = chain
    serve, lost = start._serve_known, []

    def losing(connection, *arguments):
        if not lost:
            lost.append(connection)
            connection.connection.driver_connection.rollback()
            raise OperationalError("SELECT", None, OSError("database or disk is full"))
        serve(connection, *arguments)

    monkeypatch.setattr(start, "_serve_known", losing)
    async with engine_of(flow) as engine:
        run = await engine.trigger("chain.v1", {"net": 1})
        assert (await engine.wait(run.id, timeout_ms=LIMIT_MS)).status is RunStatus.COMPLETED
        assert (len(lost), ran) == (1, ["a", "b"])
        assert [event.seq async for event in engine.events(run.id)] == [*range(1, 8)]


async def test_the_caller_gets_an_error_if_the_task_is_cancelled_before_the_run_is_created(engine_of, chain):
    """For example, by code that cancels all tasks."""
    async with engine_of(chain[0]) as engine:
        triggering = asyncio.create_task(engine.trigger("chain.v1", {"net": 1}))
        await eventually(lambda: engine._worker.workload.tasks)
        for task in engine._worker.workload.tasks.values():
            task.cancel()
        with pytest.raises(RuntimeError, match="may or may not have been created"):
            await asyncio.wait_for(triggering, LIMIT_MS / 1000)


async def test_a_run_that_cannot_be_made_is_logged_if_nobody_waits(engine_of, chain, monkeypatch, caplog):
    """The log already has its beginning."""
    async with engine_of(chain[0]) as engine:
        waiting, go, write = asyncio.Event(), asyncio.Event(), engine._store.write

        async def refused(each):
            if isinstance(each, CreateRun):
                waiting.set()
                await go.wait()
                raise OSError("the database is away")
            return await write(each)

        monkeypatch.setattr(engine._store, "write", refused)
        triggering = asyncio.create_task(engine.trigger("chain.v1", {"net": 1}))
        await waiting.wait()
        triggering.cancel()
        go.set()
        await eventually(lambda: not engine._worker.workload.tasks)
    (record,) = [each for each in caplog.records if each.getMessage().startswith("run.not_created")]
    assert "error_type='OSError'" in record.getMessage()
