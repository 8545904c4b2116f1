"""The client does what the engine does, with the same models and errors, async and sync."""

import asyncio
import json
import pickle
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from langgraph_runner.client import (
    ForbiddenError,
    NotFoundError,
    RequestInvalidError,
    UnauthenticatedError,
)
from langgraph_runner.engine import (
    IdempotencyConflictError,
    PlanAction,
    Run,
    RunFailedError,
    RunNotFoundError,
    RunStateError,
)
from langgraph_runner.errors.hints import validation_error_of
from langgraph_runner.workflow import (
    ArtifactRef,
    ChangeRequest,
    ChangeRequestError,
    UnknownStepError,
    UnknownWorkflowError,
    WorkflowInputError,
)
from tests.client.live import GATE, Bill, Order

pytestmark = pytest.mark.req("R-58")


async def test_a_run_equals_that_of_the_engine(client, live):
    """Its outputs have their types."""
    run = await client.run("shop.v1", Order(net=10), tags={"who": "ada"}, metadata={"n": 1}, priority=3)
    async with live.engine() as engine:
        assert await engine.get_run(run.id, tenant="acme") == run
        assert await engine.get_run_steps(run.id, tenant="acme") == await client.get_run_steps(run.id)
        assert await engine.list_runs(tenant="acme", limit=5) == await client.list_runs(limit=5)
    assert (type(run), run.status, run.tags, run.priority) == (Run, "completed", {"who": "ada"}, 3)
    assert await client.get_result(run.id) == Bill(total=12.5, customer="Ada")
    assert await client.get_output(run.id, "price") == 12.5
    assert json.loads(await client.get_output_json(run.id, "note")) == "12.5"
    result, outputs = await asyncio.to_thread(lambda: (run.result, dict(run.outputs)))
    assert (result, list(outputs)) == (Bill(total=12.5, customer="Ada"), ["price", "bill", "note"])


async def test_outputs_are_json_values_without_their_workflow(client_of, live, api_key):
    """Like those of `get_output_json()`."""
    plain = client_of(live.url, api_key=api_key)
    run = await plain.run("shop.v1", {"net": 10})
    assert await plain.get_result(run.id) == {"total": 12.5, "customer": "Ada"}


async def test_artifacts_are_read(client):
    """Artifacts of other services are refused, and so is content with another hash."""
    run = await client.run("shop.v1", {"net": 10})
    (page,) = (await client.get_run_artifacts(run.id))["bill"]
    assert (page.name, await client.read_artifact(page)) == ("shown/page 1.html", b"<b>12.5</b>")
    elsewhere = ArtifactRef(page.name, "https://example.com/runs/x", page.media_type, page.size, page.sha256)
    with pytest.raises(Exception, match="it is not an artifact of this service"):
        await client.read_artifact(elsewhere)
    other = ArtifactRef(page.name, page.uri, page.media_type, page.size, "0" * 64)
    with pytest.raises(Exception, match="its content does not have the hash of the artifact"):
        await client.read_artifact(other)


async def test_an_update_is_planned_and_run(client):
    """A retry, too."""
    run = await client.run("shop.v1", {"net": 10})
    change = ChangeRequest("set", {"customer": "Bob"})
    plan = await client.plan(run.id, change, use_cache=False)
    assert (plan.of(PlanAction.RUN), plan.changed_fields) == (["bill"], ("customer",))
    updated = await client.update(run.id, change)
    assert (updated.base_run_id, updated.trigger) == (run.id, "update")
    assert await client.get_output(updated.id, "bill") == Bill(total=12.5, customer="Bob")
    assert [each.id for each in await client.list_runs(base_run_id=run.id)] == [updated.id]
    failed = await client.run("shop.v1", {"net": -1})
    again = await client.retry(failed.id)
    assert (again.base_run_id, again.status) == (failed.id, "failed")


async def test_events_come_as_they_happen(client):
    """The stream lasts until the end. `follow=False` gives events so far; `after` skips earlier ones."""
    run = await client.trigger("shop.v1", {"net": 1_000}, use_cache=False)
    seen = []
    async for event in client.events(run.id):
        seen.append(event)
        if (event.type, event.data.get("step")) == ("step_started", "bill"):
            assert [each.seq async for each in client.events(run.id, follow=False)][-1] >= event.seq
            GATE.set()
    assert [each.seq for each in seen] == [*range(1, len(seen) + 1)]
    assert (seen[0].type, seen[-1].type) == ("run_created", "run_completed")
    assert [each async for each in client.events(run.id, after=3)] == seen[3:]
    assert [each async for each in client.events(run.id, after=len(seen))] == []


async def test_a_run_is_cancelled(client):
    """The run has the reason."""
    run = await client.trigger("shop.v1", {"net": 1_000}, use_cache=False)
    with pytest.raises(TimeoutError, match=f"Run '{run.id}' did not end within 20 ms; it continues"):
        await client.wait(run.id, timeout_ms=20)
    await client.cancel(run.id, reason="wrong order")
    ended = await client.wait(run.id)
    assert (ended.status, ended.cancel_reason) == ("cancelled", "wrong order")
    with pytest.raises(RunFailedError, match="wrong order"):
        await client.get_result(run.id)


async def test_runs_are_listed_by_each_filter(client, monkeypatch):
    """Several pages of the service give one list."""
    monkeypatch.setattr("langgraph_runner.client.reader._PAGE", 2)
    tags = {"list": datetime.now(UTC).isoformat().replace(":", ".")}
    begun = datetime.now(UTC) - timedelta(minutes=1)
    runs = [await client.trigger("shop.v1", {"net": net}, tags=tags) for net in (1, 2, -3, 4, 5)]
    for run in runs:
        await client.wait(run.id)
    newest = [run.id for run in reversed(runs)]

    async def listed(**options):
        return [run.id for run in await client.list_runs(tags=tags, **options)]

    assert await listed() == newest
    assert await listed(limit=3) == newest[:3]
    assert await listed(before=await client.get_run(newest[2])) == newest[3:]
    assert await listed(before=(runs[2].created_at, runs[2].id)) == newest[3:]
    assert await listed(status=["failed"], failed_step="price", error_contains="negative") == [runs[2].id]
    assert await listed(status=[]) == []
    assert await listed(id_prefix=newest[0], workflow="shop.v1", created_after=begun) == newest[:1]
    assert await listed(created_before=begun) == []
    with pytest.raises(ValueError, match="names without a colon"):
        await client.list_runs(tags={"a:b": "c"})


async def test_workflows_are_described(client):
    """The descriptions equal those of the engine."""
    (listed,) = await client.describe_workflows()
    assert listed == await client.describe_workflow("shop.v1")
    assert ([step.id for step in listed.steps], listed.result) == (["price", "bill", "note"], "bill")


@pytest.mark.parametrize(
    ("call", "kind", "attributes"),
    [
        (lambda c, r: c.get_run("0" * 32), RunNotFoundError, {"run_id": "0" * 32}),
        (lambda c, r: c.get_run("../runs"), RunNotFoundError, {"run_id": "../runs"}),
        (lambda c, r: c.trigger("shop.v2"), UnknownWorkflowError, {"workflow": "shop.v2"}),
        (lambda c, r: c.describe_workflow(".."), UnknownWorkflowError, {"workflow": ".."}),
        (lambda c, r: c.trigger("shop.v1", {"net": "x"}), WorkflowInputError, {"workflow": "shop.v1"}),
        (lambda c, r: c.trigger("shop.v1", {"net": object()}), WorkflowInputError, {"workflow": "shop.v1"}),
        (
            lambda c, r: c.trigger("shop.v1", {"net": 1}, force=["pric"]),
            UnknownStepError,
            {"workflow": "shop.v1", "step": "pric"},
        ),
        (
            lambda c, r: c.plan(r, ChangeRequest("sett")),
            ChangeRequestError,
            {"workflow": "shop.v1", "type": "sett"},
        ),
        (lambda c, r: c.retry(r), RunStateError, {"run_id": "RUN", "status": "completed"}),
        (
            lambda c, r: c.trigger("shop.v1", {"net": 11}, idempotency_key="once"),
            IdempotencyConflictError,
            {"run_id": "RUN", "key": "once", "differing": ("inputs",)},
        ),
        (lambda c, r: c.get_output(r, "nope"), NotFoundError, {"status": 404}),
        (lambda c, r: c.trigger("shop.v1" * 100), RequestInvalidError, {"reason": "REQUEST_INVALID"}),
        (lambda c, r: c.trigger("shop.v1", priority=1.5), ValueError, {}),
        (lambda c, r: c.trigger("shop.v1", force="price"), TypeError, {}),
        (lambda c, r: c.trigger("shop.v1", run_timeout_ms=0), ValueError, {}),
        (lambda c, r: c.trigger("shop.v1", idempotency_key="größe"), ValueError, {}),
        (lambda c, r: c.run("shop.v1", prio=1), TypeError, {}),
        (lambda c, r: c.list_runs(status="done"), ValueError, {}),
    ],
)
async def test_a_refusal_is_the_error_of_the_engine(client, call, kind, attributes):
    """It has the attributes of that error, and survives pickle."""
    run = await client.trigger("shop.v1", {"net": 10}, idempotency_key="once")
    await client.wait(run.id)
    with pytest.raises(kind) as caught:
        await call(client, run.id)
    assert type(caught.value) is kind
    wanted = {name: run.id if value == "RUN" else value for name, value in attributes.items()}
    assert {name: getattr(caught.value, name) for name in wanted} == wanted
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 - our own


async def test_a_refusal_of_inputs_has_a_pydantic_error(client):
    """The error has the place and the type of each fault."""
    with pytest.raises(WorkflowInputError) as caught:
        await client.trigger("shop.v1", {"net": 1, "customer": 7})
    (fault,) = validation_error_of(caught.value).errors()
    assert (fault["loc"], fault["type"]) == (("customer",), "string_type")


async def test_a_key_has_one_tenant_and_one_role(client, client_of, live):
    """A run of another tenant looks like one that does not exist."""
    run = await client.run("shop.v1", {"net": 10})
    assert (await client.get_run(run.id, tenant="acme")).id == run.id
    other = client_of(live.url, api_key=await live.key(tenant="other"))
    for call in (other.get_run, other.cancel, other.get_run_steps, other.get_run_artifacts, other.retry):
        with pytest.raises(RunNotFoundError, match=run.id):
            await call(run.id)
    with pytest.raises(ForbiddenError, match="tenant must be that of the API key, 'other', got 'acme'"):
        await other.get_run(run.id, tenant="acme")
    with pytest.raises(ForbiddenError, match="needs the role 'run'"):
        await client_of(live.url, api_key=await live.key("read")).trigger("shop.v1", {"net": 1})
    with pytest.raises(UnauthenticatedError, match="does not work"):
        await client_of(live.url, api_key="lgr_000000000000_00").get_run(run.id)


async def test_a_closed_client_refuses_calls(client_of, live, api_key):
    """A second `close()` does nothing."""
    client = client_of(live.url, api_key=api_key)
    run = await client.run("shop.v1", {"net": 1})
    await client.close()
    await client.close()
    with pytest.raises(RuntimeError, match="The client is closed"):
        await client.get_run(run.id)
    with pytest.raises(RuntimeError, match="The client is closed"):
        run.output("price")


def test_the_client_needs_no_database_library():
    """The package itself does not import httpx."""
    code = (
        "import sys; sys.modules['sqlalchemy'] = None; sys.modules['alembic'] = None\n"
        "import langgraph_runner; assert 'httpx' not in sys.modules\n"
        "from langgraph_runner.client import RunClient, SyncRunClient\n"
        "from langgraph_runner.engine.models import Run\n"
        "print(RunClient.sync('http://127.0.0.1:1'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
    assert (done.stdout.strip(), done.stderr) == ("<SyncRunClient of http://127.0.0.1:1>", "")
