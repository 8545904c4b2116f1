"""Pages of events, names of tenants, and refused options."""

import asyncio
import json

import pytest
from pydantic import BaseModel

from langgraph_runner.engine import RunEngine, RunNotFoundError, RunStatus
from langgraph_runner.engine.reading import reader as reading
from langgraph_runner.workflow import ChangeRequest, UnknownWorkflowError, Workflow, WorkflowInputError
from tests.engine.conftest import ON_SQLITE


@pytest.fixture
def wide():
    """A workflow of forty independent steps."""
    flow = Workflow("wide")
    for number in range(40):
        flow.step(lambda: 1, id=f"s{number}", cache="none", output=int)
    return flow


@pytest.mark.req("R-50")
@pytest.mark.parametrize("size", [1, 7, 83, 84, 500])
async def test_events_come_in_pages_without_a_gap(engine_of, wide, monkeypatch, size):
    """With any page size, also with 83: then the last of the 83 events fills the page."""
    monkeypatch.setattr(reading, "_EVENTS_PAGE", size)
    async with engine_of(wide) as engine:
        run = await engine.run("wide")
        seen = [event.seq async for event in engine.events(run.id)]
        rest = [event.seq async for event in engine.events(run.id, after=80, follow=False)]
    assert seen == [*range(1, 84)]
    assert rest == [81, 82, 83]


async def test_events_that_are_not_followed_end_with_what_is_there(engine_of, wide):
    """The run may continue, or wait as here."""
    async with engine_of(wide) as engine:
        engine.take_on("none")
        run = await engine.trigger("wide")
        seen = [event.type async for event in engine.events(run.id, follow=False)]
        with pytest.raises(TimeoutError, match="it continues"):
            await engine.wait(run.id, timeout_ms=1)
    assert seen == ["run_created"]


@pytest.mark.req("R-50")
async def test_a_run_has_a_summary_of_its_steps(engine_of, wide):
    """With all statuses and the total. It is a field of the JSON, too."""
    async with engine_of(wide) as engine:
        engine.take_on("none")
        run = await engine.trigger("wide")
    none = {"running": 0, "completed": 0, "skipped": 0, "failed": 0, "cancelled": 0}
    count = run.steps["pending"]
    assert run.step_summary == {"pending": count, **none, "total": count}
    assert json.loads(run.model_dump_json())["step_summary"] == run.step_summary


TENANTS = [" ", "o'hara', 'x\"; DROP TABLE runs; --", "%", "名前", "t" * 128, "default"]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("tenant", ""),
        ("tenant", "t" * 129),
        ("tenant", "\ud800"),
        ("idempotency_key", ""),
        ("idempotency_key", 7),
        ("priority", "high"),
        ("priority", 2**31),
        ("max_concurrency", 1.5),
        ("failure_mode", "stop"),
    ],
)
async def test_an_option_that_cannot_be_kept_makes_no_run(engine_of, wide, option, value):
    """The message names it, and there is still room for others."""
    async with engine_of(wide, max_active_runs=1) as engine:
        with pytest.raises(ValueError, match=rf"^{option} must be "):
            await engine.trigger("wide", **{option: value})
        assert await engine.list_runs() == []
        assert (await engine.run("wide")).status is RunStatus.COMPLETED


async def test_what_an_engine_takes_on_is_one_of_three(engine_of, wide):
    """Otherwise it would silently take on nothing."""
    async with engine_of(wide) as engine:
        with pytest.raises(ValueError, match="'all', 'own', 'none'"):
            engine.take_on("everything")


async def test_a_status_that_does_not_exist_is_told_with_those_that_do(engine_of, wide):
    """The same holds for steps and for runs."""
    async with engine_of(wide) as engine:
        run = await engine.run("wide")
        with pytest.raises(ValueError, match=r"status must be one of .*'skipped', .*got 'odd'"):
            await engine.get_run_steps(run.id, status="odd")
        with pytest.raises(ValueError, match=r"status must be one of 'pending', 'running', .*got 'odd'"):
            await engine.list_runs(status=["failed", "odd"])


@pytest.mark.req("R-53")
async def test_a_tenant_may_have_any_name(engine_of):
    """It sees only its own runs."""
    flow = Workflow("w")
    flow.step(lambda inputs: inputs["x"], id="s", output=str)
    async with engine_of(flow) as engine:
        runs = {
            tenant: await engine.run("w", {"x": tenant}, tenant=tenant, idempotency_key=tenant)
            for tenant in TENANTS
        }
        for tenant, run in runs.items():
            assert [each.id for each in await engine.list_runs(tenant=tenant)] == [run.id]
            assert await engine.get_output(run.id, "s", tenant=tenant) == tenant
            for other in {*TENANTS} - {tenant}:
                with pytest.raises(RunNotFoundError):
                    await engine.get_run(run.id, tenant=other)


@pytest.mark.req("R-53")
@pytest.mark.parametrize("text", ["' OR 1=1 --", "s'; DROP TABLE run_steps; --", "", "%"])
async def test_what_is_asked_for_is_never_sql(engine_of, text):
    """The value is not found, and the tables still exist."""
    flow = Workflow("w")
    flow.step(lambda: 1, id="s", output=int)
    async with engine_of(flow) as engine:
        run = await engine.run("w")
        for call in (engine.get_run(text), engine.cancel(text), engine.get_run_steps(text)):
            with pytest.raises(RunNotFoundError):
                await call
        with pytest.raises(LookupError, match="has no step"):
            await engine.get_output(run.id, text)
        assert await engine.list_runs(workflow=text) == []
        assert (await engine.get_run(run.id)).steps == {"completed": 1}


async def test_a_step_may_have_a_long_name(engine_of):
    """128 characters, also in its cache key."""
    name = "s" * 128
    flow = Workflow("w" * 128)
    flow.step(lambda: 1, id=name, output=int)
    async with engine_of(flow) as engine:
        first, second = [await engine.run("w" * 128) for _ in range(2)]
        assert await engine.get_output(second.id, name) == 1
    assert (first.steps, second.steps) == ({"completed": 1}, {"skipped": 1})


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("max_concurrency", 0),
        ("max_concurrency", True),
        ("max_concurrency", "many"),
        ("max_active_runs", 0),
        ("max_active_runs", 100_001),
        ("lease_ms", 99),
        ("lease_ms", 3_600_001),
        ("poll_ms", 9),
    ],
)
def test_an_option_out_of_range_makes_no_engine(tmp_path, option, value):
    """The message names it with its range, and no file is created."""
    with pytest.raises(ValueError, match=rf"{option} must be a whole number from .*, got {value!r}"):
        RunEngine(store=f"sqlite:///{tmp_path / 'runs.db'}", **{option: value})
    assert list(tmp_path.iterdir()) == []


async def test_a_large_output_goes_through(engine_of):
    """20 MB are stored and passed to the next step."""
    flow = Workflow("w")

    @flow.step
    def large() -> str:
        return "x" * 20_000_000

    @flow.step
    def size(large: str) -> int:
        return len(large)

    async with engine_of(flow) as engine:
        run = await engine.run("w")
        assert (run.status, await engine.get_output(run.id, "size")) == (RunStatus.COMPLETED, 20_000_000)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda engine, run: engine.get_run(run),
            "run_id must be of type str, got Run; give the `id` of a run",
        ),
        (lambda engine, run: engine.wait(run), "run_id must be of type str"),
        (lambda engine, run: engine.cancel(run), "run_id must be of type str"),
        (lambda engine, run: engine.get_output(run, "s"), "run_id must be of type str"),
        (
            lambda engine, run: engine.update(run.id, {"x": 1}),
            "change must be of type ChangeRequest, got dict",
        ),
        (lambda engine, run: engine.plan(run.id, "x"), "change must be of type ChangeRequest"),
        (lambda engine, run: engine.list_runs(before=run.id), "before must be of type Run, got str"),
        (lambda engine, run: engine.read_artifact("x"), "artifact must be of type ArtifactRef"),
        (lambda engine, run: engine.prune(older_than=5), "older_than must be of type timedelta, got int"),
        (
            lambda engine, run: engine.run(Workflow("w")),
            "workflow must be of type str, got Workflow; give the id",
        ),
    ],
)
@ON_SQLITE
async def test_an_argument_of_another_kind_is_named(engine_of, wide, call, message):
    """The message has the right type. The database is not asked."""
    async with engine_of(wide) as engine:
        run = await engine.run("wide")
        with pytest.raises(TypeError) as refused:
            await call(engine, run)
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("workflows", "option", "error", "message"),
    [
        (Workflow("w"), {}, TypeError, "a list of workflows"),
        ([], {"cache": 5}, TypeError, "cache must be of type HotTier, got int"),
        ([], {"artifacts": __file__}, ValueError, "must be a folder, got the file"),
        ([], {"metrics_collector": 3}, TypeError, "metrics_collector must have record_success.*got 3"),
        ([], {"spans": 3}, TypeError, "spans must be a NodeSpans"),
    ],
)
def test_what_is_no_option_makes_no_engine(tmp_path, workflows, option, error, message):
    """No file is created either."""
    with pytest.raises(error, match=message):
        RunEngine(workflows, store=f"sqlite:///{tmp_path / 'runs.db'}", **option)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("after", ["x", -1, 2**63])
async def test_events_begin_after_the_number_of_one(engine_of, wide, after):
    """Other values are refused, because they would return no event at all."""
    async with engine_of(wide) as engine:
        run = await engine.run("wide")
        with pytest.raises(ValueError, match="after must be "):
            await anext(engine.events(run.id, after=after))


@pytest.mark.req("R-53")
async def test_nobody_waits_for_a_run_of_another_tenant(engine_of):
    """Another tenant learns neither that the run exists nor when it ends."""
    flow = Workflow("w")

    @flow.step(effects=False)
    async def hang() -> None:
        await asyncio.Event().wait()

    async with engine_of(flow) as engine:
        run = await engine.trigger("w", tenant="acme")
        with pytest.raises(RunNotFoundError):
            await asyncio.wait_for(engine.wait(run.id, tenant="other"), 5)


@pytest.mark.req("R-2")
async def test_an_engine_tells_what_it_can_run(engine_of, wide):
    """All workflows, or one by its id."""
    async with engine_of(wide) as engine:
        assert [each.id for each in await engine.list_workflows()] == ["wide"]
        assert len((await engine.get_workflow("wide")).steps) == 40


async def test_workflows_are_described(engine_of, wide):
    """As plain values, without a result if several steps are final."""
    async with engine_of(wide) as engine:
        (described,) = await engine.describe_workflows()
        assert described == await engine.describe_workflow("wide")
        with pytest.raises(UnknownWorkflowError):
            await engine.describe_workflow("narrow")
    assert (described.id, len(described.steps), described.result) == ("wide", 40, None)


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        ({"net": 1}, None),
        ({"net": "x"}, "net"),
        ({"net": 1, "custmer": "Ada"}, "Did you mean 'customer'"),
        (None, "net"),
    ],
)
async def test_inputs_are_checked_without_a_run(engine_of, inputs, problem):
    """Also for misspelled fields, which `trigger()` leaves to the model."""

    class Order(BaseModel):
        net: float
        customer: str = "Ada"

    flow = Workflow("shop", inputs=Order)
    flow.step(lambda: 1, id="only", output=int)
    async with engine_of(flow) as engine:
        if problem is None:
            await engine.check_inputs("shop", inputs)
        else:
            with pytest.raises(WorkflowInputError, match=problem):
                await engine.check_inputs("shop", inputs)
        assert await engine.list_runs() == []


@pytest.mark.req("R-50")
@pytest.mark.parametrize("odd", ["a\0b", "a\ud800b"], ids=["nul", "surrogate"])
async def test_text_that_no_database_can_store_is_refused_everywhere(store_url, odd):
    """Not with an error of the driver, in whatever argument it is."""
    flow = Workflow("w")
    flow.step(lambda inputs: 1, id="a")
    flow.on_change("c", reruns=["a"])
    change = ChangeRequest("c", {})
    async with RunEngine([flow], store=store_url) as engine:
        run = await engine.run("w", {})
        calls = (
            *(call(odd) for call in (engine.get_run, engine.get_run_steps, engine.get_run_artifacts)),
            *(
                call(odd)
                for call in (engine.retry, engine.resume, engine.cancel, engine.wait, engine.get_result)
            ),
            *(engine.update(odd, change), engine.plan(odd, change)),
            *(engine.get_output(run.id, odd), engine.get_output(odd, "a")),
            *(
                engine.get_run(run.id, tenant=odd),
                engine.list_runs(tenant=odd),
                engine.get_workers(tenant=odd),
            ),
            *(
                engine.list_runs(workflow=odd),
                engine.list_runs(id_prefix=odd),
                engine.list_runs(tags={"t": odd}),
            ),
            *(engine.run("w", {}, idempotency_key=odd), engine.run("w", {}, tenant=odd)),
        )
        for call in calls:
            with pytest.raises(ValueError, match="without NUL and lone surrogates"):
                await call
