"""Leases of runs: failing heartbeats, lost leases, and engines that close in the middle of work."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import update

from langgraph_runner.engine import RunEngine, RunStatus
from langgraph_runner.engine.store import queries
from langgraph_runner.engine.store.commands import ClaimRun, CreateRun, Heartbeat, ReleaseRuns
from langgraph_runner.engine.store.schema import runs
from langgraph_runner.workflow import Workflow
from tests.engine.conftest import edited
from tests.waiting import Observed, eventually

LIMIT_MS = 10_000


@pytest.fixture
def held():
    """A workflow of a step that waits for `go` and one after it, and the steps that have run."""
    flow, ran, go = Workflow("held.v1"), Observed(), asyncio.Event()

    @flow.step(cache="none")
    async def first() -> int:
        ran.append("first")
        await go.wait()
        return 1

    @flow.step(cache="none")
    def second(first: int) -> int:
        ran.append("second")
        return first + 1

    return flow, ran, go


def refusing(engine, monkeypatch, kind, times):
    """Let the store refuse the first writes of a type. The returned list has all of them, refused or not."""
    write, seen = engine._store.write, Observed()

    async def refused(each):
        if isinstance(each, kind):
            seen.append(each)
            if len(seen) <= times:
                raise OSError("the database is away")
        return await write(each)

    monkeypatch.setattr(engine._store, "write", refused)
    return seen


def logged(caplog, event):
    """Whether the log has an event."""
    return any(record.getMessage().startswith(event) for record in caplog.records)


async def lease_of(engine, run_id):
    """Return the end of a run's lease in the database."""
    query = runs.select().where(runs.c.id == run_id)
    return await engine._store.read(lambda connection: connection.execute(query).one().lease_expires_at)


@pytest.mark.req("R-43")
async def test_a_heartbeat_that_fails_is_followed_by_one_that_does_not(engine_of, held, monkeypatch, caplog):
    """The failure is logged, and the engine keeps the run."""
    flow, ran, go = held
    async with engine_of(flow, lease_ms=300) as engine:
        beats = refusing(engine, monkeypatch, Heartbeat, times=1)
        run = await engine.trigger("held.v1")
        before = await lease_of(engine, run.id)
        await beats.reach(3)
        assert await lease_of(engine, run.id) > before
        go.set()
        assert (await engine.wait(run.id, timeout_ms=LIMIT_MS)).status is RunStatus.COMPLETED
    assert ran == ["first", "second"]
    assert logged(caplog, "lease.heartbeat_failed")


@pytest.mark.req("R-43")
async def test_an_engine_that_has_lost_a_lease_stops_the_run(engine_of, held, caplog, monkeypatch):
    """Its step is cancelled, no other step starts, and the engine writes nothing more."""
    flow, ran, _ = held
    async with engine_of(flow, lease_ms=300) as silent, engine_of() as other:
        run = await silent.trigger("held.v1")
        await ran.reach()
        # Otherwise it could claim the released run again, before the other engine does.
        refusing(silent, monkeypatch, ClaimRun, times=1_000_000)
        await other._store.write(ReleaseRuns({run.id: 1}))
        # PostgreSQL skips the run while a heartbeat of the first engine holds its row.
        claimed = await eventually(
            lambda: other._store.write(ClaimRun("other", 60_000, ("held.v1",), run.id))
        )
        assert claimed.fence == 2
        await eventually(lambda: not silent._worker.workload.tasks)
        seen = [event.type async for event in other.events(run.id, follow=False)]
        assert (seen[-1], ran) == ("run_recovered", ["first"])
        assert [step.status.value for step in await other.get_run_steps(run.id)] == ["pending", "pending"]
    assert logged(caplog, "run.lease_lost")


@pytest.mark.req("R-51")
async def test_a_cancel_by_another_process_is_heard_by_the_heartbeat(engine_of, held):
    """Meanwhile the step commits nothing that could report it."""
    flow, ran, _ = held
    async with engine_of(flow, lease_ms=150) as engine, engine_of() as other:
        run = await engine.trigger("held.v1")
        await ran.reach()
        await other.cancel(run.id, reason="not needed")
        ended = await engine.wait(run.id, timeout_ms=LIMIT_MS)
    assert (ended.status, ended.cancel_reason, ran) == (RunStatus.CANCELLED, "not needed", ["first"])


@pytest.mark.req("R-51")
async def test_a_cancel_needs_no_reason(engine_of, held):
    """A cancel with an empty reason works, too."""
    flow, ran, _ = held
    async with engine_of(flow) as engine:
        run = await engine.trigger("held.v1")
        await ran.reach()
        await engine.cancel(run.id, reason="")
        assert (await engine.wait(run.id, timeout_ms=LIMIT_MS)).status is RunStatus.CANCELLED


@pytest.mark.req("R-43")
async def test_a_step_that_blocks_the_loop_past_the_lease_runs_once(engine_of, monkeypatch):
    """An engine does not claim its own run, even if no other engine renews or claims it."""
    flow, ran, claims = Workflow("w"), [], Observed()

    @flow.step(cache="none")
    async def rude() -> int:
        ran.append("rude")
        with edited(engine) as connection:  # As if the step had blocked the loop until its lease has expired.
            connection.execute(update(runs).values(lease_expires_at=1))
        asked = len(claims)
        await claims.reach(asked + 2)
        return 1

    async with engine_of(flow) as engine:
        write = engine._store.write

        async def noting(asked):
            result = await write(asked)
            if isinstance(asked, ClaimRun):
                claims.append(result)
            return result

        monkeypatch.setattr(engine._store, "write", noting)
        run = await engine.run("w")
        events = [event.type async for event in engine.events(run.id)]
    assert (run.status, ran) == (RunStatus.COMPLETED, ["rude"])
    assert "run_recovered" not in events


@pytest.mark.req("R-43")
async def test_a_claim_leaves_out_what_the_owner_runs(engine_of, held):
    """Even if there are more runs than a statement of SQLite can have parameters."""
    flow, ran, _ = held
    async with engine_of(flow) as engine:
        run = await engine.trigger("held.v1")
        await ran.reach()
        await engine._store.write(ReleaseRuns({run.id: 1}))
        ours = (run.id, *map(str, range(40_000)))
        assert await engine._store.write(ClaimRun("me", 1_000, ("held.v1",), ours=ours)) is None
        assert (await engine._store.write(ClaimRun("me", 1_000, ("held.v1",)))).run_id == run.id


async def test_looking_for_runs_goes_on_after_a_failure(engine_of, held, monkeypatch, caplog):
    """The database may be unavailable for a while."""
    flow, _, go = held
    go.set()
    async with engine_of(flow) as client, engine_of(flow) as engine:
        client.take_on("none")
        refusing(engine, monkeypatch, ClaimRun, times=3)
        run = await client.trigger("held.v1")
        assert (await client.wait(run.id, timeout_ms=LIMIT_MS)).status is RunStatus.COMPLETED
    assert logged(caplog, "poll.failed")


async def test_a_closed_engine_refuses_what_is_asked(engine_of, held):
    """The error says why; the call does not wait forever."""
    flow, _, _ = held
    async with engine_of(flow) as engine:
        pass
    for call in (
        engine.trigger("held.v1"),
        engine.get_run("x"),
        engine.cancel("x"),
        engine.wait("x"),
        engine.start(),
    ):
        with pytest.raises(RuntimeError, match="engine is closed"):
            await call


async def test_closed_twice_is_closed(engine_of, held):
    """One after the other, and concurrently: the second call waits for the first one."""
    flow, ran, _ = held
    async with engine_of(flow) as engine:
        run = await engine.trigger("held.v1")
        await ran.reach()
        await asyncio.gather(engine.close(), engine.close())
        await engine.close()
    async with engine_of() as other:
        assert await lease_of(other, run.id) == 0


async def test_an_engine_that_never_began_can_be_closed(tmp_path):
    """It has no event loop yet."""
    engine = RunEngine(store=f"sqlite:///{tmp_path / 'runs.db'}")
    await engine.close()


def test_an_engine_is_not_used_from_another_loop(tmp_path):
    """It cannot be closed from there either, while its own loop is alive."""
    engine = RunEngine(store=f"sqlite:///{tmp_path / 'runs.db'}")
    with asyncio.Runner() as own, asyncio.Runner() as other:
        own.run(engine.start())
        for call in (engine.start, engine.close, lambda: engine.get_run("x")):
            with pytest.raises(RuntimeError, match="another event loop"):
                other.run(call())
        assert own.run(engine.list_runs()) == []
        own.run(engine.close())


def test_an_engine_whose_loop_is_gone_can_be_closed(tmp_path, held):
    """A program may have left it with the end of `asyncio.run`. The run is taken over when its lease expires."""
    flow, ran, _ = held
    url = f"sqlite:///{tmp_path / 'runs.db'}"
    engine = RunEngine([flow], store=url, lease_ms=100)

    async def begin():
        run = await engine.trigger("held.v1")
        await ran.reach()
        return run

    async def go_on(run):
        flow_now = Workflow("held.v1")
        flow_now.step(lambda: 1, id="first", cache="none", output=int)
        flow_now.step(lambda first: first, id="second", cache="none", output=int)
        await engine.close()
        async with RunEngine([flow_now], store=url, poll_ms=20) as later:
            return await later.wait(run.id, timeout_ms=LIMIT_MS)

    assert asyncio.run(go_on(asyncio.run(begin()))).status is RunStatus.COMPLETED


@pytest.mark.req("R-42", "R-44")
async def test_an_engine_that_closes_gives_up_what_it_was_about_to_begin(engine_of, monkeypatch):
    """A retried run first reads what it reuses. Here this read hangs, and the engine must not wait forever."""
    flow, ran, go = Workflow("w"), Observed(), asyncio.Event()
    flow.step(lambda: 1, id="done", cache="none", output=int)

    @flow.step(cache="none")
    async def hangs(done: int) -> int:
        ran.append(1)
        await go.wait()
        return done

    async with engine_of(flow) as engine:
        run = await engine.trigger("w")
        await ran.reach()
        await engine.cancel(run.id)
        await engine.wait(run.id, timeout_ms=LIMIT_MS)
        read, may_read = engine._store.read, asyncio.Event()

        async def read_late(query, *arguments, **keywords):
            if query is queries.claimed_run:
                await may_read.wait()
            return await read(query, *arguments, **keywords)

        monkeypatch.setattr(engine._store, "read", read_late)
        retried = await engine.trigger_retry(run.id)
        closing = asyncio.create_task(engine.close())
        await asyncio.wait(engine._worker._services)
        for _ in range(5):  # Now it waits for the run, which it could not stop.
            await asyncio.sleep(0)
        may_read.set()
        async with asyncio.timeout(LIMIT_MS / 1000):
            await closing
    go.set()
    async with engine_of(flow, lease_ms=60_000) as engine:
        assert (await engine.wait(retried.id, timeout_ms=LIMIT_MS)).status is RunStatus.COMPLETED


@pytest.mark.req("R-42")
async def test_an_engine_that_closes_gives_up_what_it_has_just_claimed(engine_of, held, monkeypatch):
    """At any moment between the claim and the first step; here it is about to read the run."""
    flow, ran, _ = held
    async with engine_of(flow) as client:
        client.take_on("none")
        run = await client.trigger("held.v1")
        async with engine_of(flow) as engine:
            read, may_read, asked = engine._store.read, asyncio.Event(), Observed()

            async def read_late(query, *arguments, **keywords):
                if query is queries.claimed_run:
                    asked.append(query)
                    if len(asked) > 1:  # The first read of a claim finds the workflow.
                        await may_read.wait()
                return await read(query, *arguments, **keywords)

            monkeypatch.setattr(engine._store, "read", read_late)
            await asked.until(lambda: len(asked) > 1)
            closing = asyncio.create_task(engine.close())
            await asyncio.wait(engine._worker._services)
            may_read.set()
            async with asyncio.timeout(LIMIT_MS / 1000):
                await closing
        assert (await lease_of(client, run.id), ran) == (0, [])


async def test_a_lease_that_cannot_be_given_up_does_not_keep_an_engine_open(
    engine_of, held, monkeypatch, caplog
):
    """For example with a full disk. The lease expires by itself."""
    flow, ran, _ = held
    async with engine_of(flow) as engine:
        refusing(engine, monkeypatch, ReleaseRuns, times=1)
        run = await engine.trigger("held.v1")
        await ran.reach()
    with pytest.raises(RuntimeError, match="store is closed"):
        await engine._store.write(ReleaseRuns({}))
    async with engine_of() as other:
        assert await lease_of(other, run.id) > 0
    assert logged(caplog, "lease.release_failed")


async def test_what_is_over_has_no_lease_to_be_given_up(engine_of):
    """Releasing an ended run gives it no lease in the database."""
    flow = Workflow("w")
    flow.step(lambda: 1, id="s", output=int)
    async with engine_of(flow) as engine:
        run = await engine.run("w")
        await engine._store.write(ReleaseRuns({run.id: 1}))
        assert await lease_of(engine, run.id) is None


@pytest.mark.req("R-42")
async def test_two_engines_that_close_in_turn_hand_a_run_on(engine_of, held):
    """Each continues the run without waiting for a lease, and committed steps stay."""
    flow, ran, go = held
    engines = [engine_of(flow, lease_ms=60_000) for _ in range(4)]
    async with engines[0] as first:
        run = await first.trigger("held.v1")
        await ran.until(lambda: len(ran) == 1)
    for number, following in enumerate(engines[1:], 2):
        async with following as engine:
            await ran.until(lambda count=number: len(ran) == count)
            if number == len(engines):
                go.set()
                ended = await engine.wait(run.id, timeout_ms=LIMIT_MS)
    assert (ended.status, ran) == (RunStatus.COMPLETED, ["first"] * 4 + ["second"])


@pytest.mark.req("R-43")
async def test_one_key_raced_by_engines_is_one_run(engine_of):
    """Each makes twenty concurrent calls. All get the same run, and it runs once."""
    flow, ran = Workflow("w"), []
    flow.step(lambda: ran.append(1), id="s", cache="none")
    async with engine_of(flow) as first, engine_of(flow) as second:
        made = await asyncio.gather(
            *(
                engine.trigger("w", idempotency_key="order-17")
                for engine in [first, second]
                for _ in range(20)
            )
        )
        ended = await second.wait(made[0].id, timeout_ms=LIMIT_MS)
        await first.prune(older_than=timedelta(days=1))
    assert ({run.id for run in made}, ended.status, ran) == ({made[0].id}, RunStatus.COMPLETED, [1])


async def test_making_runs_that_fails_leaves_what_runs_alone(engine_of, held, monkeypatch):
    """The caller gets the error."""
    flow, ran, go = held
    async with engine_of(flow) as engine:
        run = await engine.trigger("held.v1")
        await ran.reach()
        refusing(engine, monkeypatch, CreateRun, times=1)
        with pytest.raises(OSError, match="away"):
            await engine.trigger("held.v1")
        go.set()
        assert (await engine.wait(run.id, timeout_ms=LIMIT_MS)).status is RunStatus.COMPLETED
