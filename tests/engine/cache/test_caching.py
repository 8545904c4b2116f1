"""Which results the cache serves again."""

import asyncio
import logging
from datetime import timedelta
from typing import Annotated

import pytest
from pydantic import BeforeValidator, PlainSerializer
from sqlalchemy import select

from langgraph_runner.engine import MemoryTier, RunStatus
from langgraph_runner.engine.store.schema import outputs, run_steps, step_cache
from langgraph_runner.workflow import ChangeRequest, Workflow
from langgraph_runner.workflow.calling import content_hash_of_ref
from tests.engine.conftest import edited
from tests.waiting import Observed, eventually


def counted(**options):
    """A workflow of one step, and the list of its calls."""
    flow, ran = Workflow("w"), []

    @flow.step(**options)
    def work(inputs, ctx) -> str:
        ran.append(inputs)
        ctx.save_artifact("report.txt", f"for {inputs['x']}", "text/plain")
        return f"made of {inputs['x']}"

    flow.on_change("again", reruns=[work])
    flow.on_change("set")
    return flow, ran


async def ran_twice(engine, ran, **options):
    """Whether a second run with the same inputs runs the step again."""
    await engine.run("w", {"x": 1}, **options)
    before = len(ran)
    await engine.run("w", {"x": 1}, **options)
    return len(ran) > before


@pytest.mark.req("R-20", "R-22")
async def test_a_result_is_served_to_other_runs_and_other_processes(engine_of):
    """The database stores it. The memory of a process is only faster."""
    flow, ran = counted()
    async with engine_of(flow) as engine:
        assert not await ran_twice(engine, ran)
    async with engine_of(flow) as engine:
        run = await engine.run("w", {"x": 1})
        (step,) = await engine.get_run_steps(run.id)
        assert (step.cache_hit, step.attempts) == (True, 0)
        assert step.cache_key.startswith("w:work:")
    assert len(ran) == 1


@pytest.mark.req("R-22")
async def test_other_inputs_other_versions_and_other_tenants_are_other_keys(engine_of):
    """None of them gets a result of another one."""
    flow, ran = counted()
    newer, ran_newer = counted(version="2")
    async with engine_of(flow) as engine:
        await engine.run("w", {"x": 1})
        await engine.run("w", {"x": 2})
        await engine.run("w", {"x": 1}, tenant="acme")
    assert len(ran) == 3
    async with engine_of(newer) as engine:
        await engine.run("w", {"x": 1})
    assert len(ran_newer) == 1


@pytest.mark.req("R-22")
async def test_a_step_without_cache_runs_each_time(engine_of):
    """With the scope `none`."""
    flow, ran = counted(cache="none")
    async with engine_of(flow) as engine:
        assert await ran_twice(engine, ran)


@pytest.mark.req("R-22")
async def test_a_result_of_a_run_only_is_served_to_its_rebuilds(engine_of):
    """With the scope `run_only`, another run computes it again."""
    flow, ran = counted(cache="run_only")
    async with engine_of(flow) as engine:
        first = await engine.run("w", {"x": 1})
        await engine.run("w", {"x": 1})
        assert len(ran) == 2
        rebuilt = await engine.update(first.id, ChangeRequest("set", {"x": 2}))
        back = await engine.update(rebuilt.id, ChangeRequest("set", {"x": 1}))
        assert (back.steps, len(ran)) == ({"skipped": 1}, 3)


@pytest.mark.req("R-22")
async def test_a_result_expires(engine_of):
    """After its TTL, by the clock of the database."""
    from langgraph_runner.engine.store.schema import step_cache

    flow, ran = counted(cache_ttl_s=3_600)
    async with engine_of(flow) as engine:
        assert not await ran_twice(engine, ran)
        with edited(engine) as connection:
            connection.execute(step_cache.update().values(expires_at=step_cache.c.created_at - 1))
    async with engine_of(flow) as engine:
        await engine.run("w", {"x": 1})
    assert len(ran) == 2


@pytest.mark.req("R-23")
async def test_a_result_whose_file_is_gone_is_none(engine_of):
    """The step runs again, and its file is back."""
    flow, ran = counted()
    async with engine_of(flow) as engine:
        run = await engine.run("w", {"x": 1})
        (file,) = (await engine.get_run_artifacts(run.id))["work"]
        engine.artifact_path(file).unlink()
        again = await engine.run("w", {"x": 1})
        assert (again.steps, len(ran)) == ({"completed": 1}, 2)
        assert await engine.read_artifact(file) == b"for 1"


@pytest.mark.req("R-20")
async def test_a_hit_brings_the_files_of_the_step_along(engine_of):
    """The files belong to its result."""
    flow, _ = counted()
    async with engine_of(flow) as engine:
        first, second = [await engine.run("w", {"x": 1}) for _ in range(2)]
        assert await engine.get_run_artifacts(first.id) == await engine.get_run_artifacts(second.id)


@pytest.mark.req("R-24")
async def test_runs_that_need_the_same_at_once_compute_it_once(engine_of):
    """The other runs wait for the result, and get a cache hit."""
    flow, ran, go = Workflow("w"), Observed(), asyncio.Event()

    @flow.step
    async def work(inputs) -> int:
        ran.append(1)
        await go.wait()
        return inputs["x"]

    async with engine_of(flow) as engine:
        runs = [await engine.trigger("w", {"x": 1}) for _ in range(5)]
        await ran.reach()
        go.set()
        ended = [await engine.wait(run.id) for run in runs]
    assert len(ran) == 1
    assert sorted(str(run.steps) for run in ended) == ["{'completed': 1}"] + ["{'skipped': 1}"] * 4


@pytest.mark.req("R-24")
async def test_engines_that_share_a_database_compute_it_once_as_well(engine_of):
    """The second engine waits for the first, reports that, and gets a cache hit."""
    flow, ran, go = Workflow("w"), Observed(), asyncio.Event()

    @flow.step
    async def work(inputs) -> int:
        ran.append(1)
        await go.wait()
        return inputs["x"]

    async with engine_of(flow) as first, engine_of(flow) as second:
        one = await first.trigger("w", {"x": 1})
        await ran.reach()
        other = await second.trigger("w", {"x": 1})
        async for event in second.events(other.id):
            if event.type == "step_waiting":
                go.set()
        ended = [await first.wait(one.id), await second.wait(other.id)]
    assert len(ran) == 1
    assert [run.steps for run in ended] == [{"completed": 1}, {"skipped": 1}]


@pytest.mark.req("R-24")
async def test_one_that_fails_leaves_the_work_to_the_next(engine_of):
    """No run is served a failure."""
    flow, ran, go = Workflow("w"), [], asyncio.Event()

    @flow.step
    async def work(inputs) -> int:
        ran.append(1)
        await go.wait()
        if len(ran) == 1:
            raise ValueError("the first one")
        return 1

    async with engine_of(flow) as engine:
        runs = [await engine.trigger("w", {}) for _ in range(3)]
        executions = engine._worker.workload.executions.values()
        await eventually(lambda: sum(len(each._tasks._waits) for each in executions) == 2)
        go.set()
        ended = [await engine.wait(run.id) for run in runs]
    assert sorted(run.status.value for run in ended) == ["completed", "completed", "failed"]
    assert len(ran) == 2


@pytest.mark.req("R-12", "R-20")
async def test_equal_values_of_other_json_are_kept_apart(engine_of):
    """Each receiver gets the JSON of its own source, for example with its order of keys."""
    flow, hexadecimal = (
        Workflow("w"),
        Annotated[int, PlainSerializer(hex), BeforeValidator(lambda value: int(str(value), 0))],
    )
    flow.step(lambda: 255, id="limit", output=hexadecimal)
    flow.step(lambda limit: 255, id="plain", output=int)
    flow.step(lambda plain: {"b": 1, "a": 2}, id="one", output=dict)
    flow.step(lambda one: {"a": 2, "b": 1}, id="other", output=dict)

    @flow.step
    def seen(limit: int, plain: int, one: dict, other: dict) -> str:
        return f"{limit!r} {plain!r} {list(one)} {list(other)}"

    async with engine_of(flow) as engine:
        for _ in range(2):
            run = await engine.run("w")
            assert await engine.get_output(run.id, "plain") == 255
            assert await engine.get_output(run.id, "seen") == "255 255 ['b', 'a'] ['a', 'b']"


@pytest.mark.req("R-20")
async def test_outputs_that_are_known_by_their_hash_alone_are_served(engine_of):
    """The first releases stored them so. Their dependents still have the same input hash."""
    flow = Workflow("w")
    flow.step(lambda: {"net": 1}, id="price", output=dict[str, int])
    flow.step(lambda price: f"{price['net']} EUR", id="label", output=str)
    async with engine_of(flow) as engine:
        await engine.run("w")
        with edited(engine) as connection:
            for column in (outputs.c.sha256, run_steps.c.output_sha256, step_cache.c.output_sha256):
                for ref in connection.execute(select(column)).scalars().all():
                    kept = column.table.update().where(column == ref)
                    connection.execute(kept.values({column: content_hash_of_ref(ref)}))
    async with engine_of(flow) as engine:
        run = await engine.run("w")
        assert (run.steps, await engine.get_output(run.id, "label")) == ({"skipped": 2}, "1 EUR")


@pytest.mark.req("R-4", "R-20")
async def test_the_order_of_keys_does_not_make_another_input(engine_of):
    """It is hashed by value, so its dependents are served from the cache."""
    flow, keys = Workflow("w"), ["a", "b"]
    flow.step(lambda: dict.fromkeys(keys, 1), id="row", output=dict, cache="none")
    flow.step(lambda row: [*row], id="head", output=list[str])
    async with engine_of(flow) as engine:
        await engine.run("w")
        keys.reverse()
        second = await engine.run("w")
        assert list(await engine.get_output(second.id, "row")) == ["b", "a"]
        assert second.steps == {"completed": 1, "skipped": 1}


@pytest.mark.req("R-20")
async def test_a_fallback_is_never_served_again(engine_of):
    """It replaces the result only once."""
    flow, ran = Workflow("w"), []

    def stand_in(inputs) -> str:
        return "fallback"

    @flow.step(fallback=stand_in)
    def work(inputs) -> str:
        ran.append(1)
        if len(ran) == 1:
            raise ValueError("down")
        return "real"

    async with engine_of(flow) as engine:
        first, second, third = [await engine.run("w", {}) for _ in range(3)]
        outputs = [await engine.get_output(run.id, "work") for run in (first, second, third)]
    assert outputs == ["fallback", "real", "real"]
    assert len(ran) == 2


@pytest.mark.req("R-31")
async def test_a_fallback_is_not_taken_over_by_an_update(engine_of):
    """The plan says so."""
    flow, is_down = Workflow("w"), [True]

    @flow.step(fallback=lambda: "yesterday's")
    def news() -> str:
        if is_down:
            raise ValueError("down")
        return "today's"

    flow.step(lambda news, inputs: f"{news} {inputs['note']}", id="page", output=str)
    flow.on_change("say")
    change = ChangeRequest("say", {"note": "new"})
    async with engine_of(flow) as engine:
        base = await engine.run("w", {"note": "old"})
        is_down.clear()
        plan = await engine.plan(base.id, change)
        new = await engine.update(base.id, change)
        assert await engine.get_output(new.id, "page") == "today's new"
    assert plan.steps[0].why == "its output in the base run is that of its fallback"


async def test_an_output_that_the_database_has_lost_is_told(engine_of):
    """The error names the output that was deleted by hand."""
    flow = Workflow("w")
    flow.step(lambda: 1, id="price", output=int)
    flow.step(lambda price: price, id="label", output=int, cache="none")
    async with engine_of(flow) as engine:
        await engine.run("w")
        with edited(engine) as connection:
            connection.execute(outputs.delete())
        run = await engine.run("w")
    assert run.status is RunStatus.FAILED
    assert "The database has lost an output that this step receives" in run.error["message"]


async def test_a_step_whose_fallback_has_delivered_says_so(engine_of):
    """The output in the run is not that of the step's function."""
    flow = Workflow("w")

    @flow.step(fallback=lambda: "fallback")
    def work() -> str:
        raise ValueError("down")

    async with engine_of(flow) as engine:
        run = await engine.run("w")
        [step] = await engine.get_run_steps(run.id)
        [completed] = [event async for event in engine.events(run.id) if event.type == "step_completed"]
    assert (run.status, step.status, step.reason) == ("completed", "completed", "fallback")
    assert completed.data["reason"] == "fallback"
    assert (completed.data["code"], completed.data["error_type"]) == ("NODE_EXECUTION_FAILED", "ValueError")
    assert (step.error["message"], run.error) == ("Node 'work' failed: ValueError: down", None)
    assert "test_caching.py" in step.error["stack"]


class _Broken(MemoryTier):
    """A hot tier that is not available."""

    async def get_many(self, tenant, keys):
        raise ConnectionError

    put_many = get_many


@pytest.mark.req("R-21")
async def test_a_hot_tier_that_is_away_costs_nothing_but_time(engine_of, caplog):
    """The database serves the results instead, and the log says so."""
    flow, ran = counted()
    async with engine_of(flow, cache=_Broken()) as engine:
        assert not await ran_twice(engine, ran)
    assert any("cache.hot_tier_failed" in record.getMessage() for record in caplog.records)


@pytest.mark.req("R-21")
async def test_a_cold_tier_that_is_away_costs_a_hit(engine_of, caplog, monkeypatch):
    """The step runs, and the run completes."""
    from langgraph_runner.engine.store.commands import start

    def away(*arguments):
        raise ConnectionError

    flow, ran = counted()
    async with engine_of(flow, cache=_Broken()) as engine:
        await engine.run("w", {"x": 1})
        monkeypatch.setattr(start, "as_entry", away)
        assert (await engine.run("w", {"x": 1})).status is RunStatus.COMPLETED
    assert len(ran) == 2
    assert any("cache.cold_tier_failed" in record.getMessage() for record in caplog.records)


@pytest.mark.req("R-21")
async def test_what_another_process_has_pruned_can_still_be_served(engine_of):
    """Its hot tier does not know about the prune, so the output stays for a while."""
    flow, ran = counted()
    async with engine_of(flow) as engine, engine_of(flow) as other:
        await engine.run("w", {"x": 1})
        assert await other.prune(older_than=timedelta()) == 1
        run = await engine.run("w", {"x": 1})
        assert await engine.get_output(run.id, "work") == "made of 1"
        assert len(ran) == 1


@pytest.mark.req("R-14")
async def test_hits_and_misses_are_logged_with_their_key(engine_of, caplog):
    """The event has run, tenant, workflow and step."""
    flow, _ = counted()
    with caplog.at_level(logging.DEBUG, logger="langgraph_runner.engine"):
        async with engine_of(flow) as engine:
            run = await engine.run("w", {"x": 1}, tenant="acme")
            await engine.run("w", {"x": 1}, tenant="acme")
    by_event = {record.getMessage().split()[0]: record for record in caplog.records}
    for event in ("cache.miss", "cache.hit", "step.completed", "run.started", "run.completed"):
        assert by_event[event].tenant == "acme"
        assert by_event[event].workflow == "w"
    assert by_event["cache.miss"].cache_key == by_event["cache.hit"].cache_key
    assert by_event["cache.miss"].run_id == run.id
    assert by_event["step.completed"].duration_ms >= 0
