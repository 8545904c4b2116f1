"""Every statement on rows of tenants names the tenant, except for those listed here, which serve all tenants."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import Engine, event, update

from langgraph_runner import Workflow
from langgraph_runner.engine.store.commands import Heartbeat
from langgraph_runner.engine.store.commands.workers import ClaimTask
from langgraph_runner.engine.store.schema import METADATA, runs
from langgraph_runner.server.auth.audit import audit_entries
from langgraph_runner.server.reading.step_metrics import workflow_metrics
from langgraph_runner.workflow import ChangeRequest, StepContext
from tests.engine.conftest import ON_SQLITE, edited

OF_TENANTS = {table.name for table in METADATA.sorted_tables if "tenant_id" in table.columns}

FOR_ALL_TENANTS = {
    "the next tenant whose runs wait": r"SELECT min\(.*\) AS tenant FROM",
    "runs whose engine has died": r"FROM runs WHERE runs\.status = 'running' AND .*lease_expires_at < ",
    "a run that is claimed by its id": r"FROM runs WHERE runs\.status = '(pending|running)' AND .* AND runs\.id = ",
    "the leases of this engine": r"SELECT runs\.id, runs\.fence, runs\.lease_owner, .* FROM runs WHERE \(?runs\.id ",
    "the leases of this engine, kept": r"UPDATE runs SET lease_expires_at=.* AND runs\.fence = ",
    "leases that end too late": r"FROM runs WHERE runs\.status = 'running' AND runs\.lease_expires_at > ",
    "how many runs each engine has": r"SELECT runs\.lease_owner, count\(\*\) .* GROUP BY runs\.lease_owner",
    "how many runs wait": r"SELECT count\(\*\) AS count_1 FROM runs WHERE runs\.status = ",
    "since when the first one waits": r"- min\(runs\.created_at\) AS .* FROM runs WHERE runs\.status = ",
    "how many steps each worker has": r"SELECT step_tasks\.lease_owner, count\(\*\) .* GROUP BY",
    "how many steps wait": r"SELECT step_tasks\.queue, count\(\*\) .* GROUP BY step_tasks\.queue",
    "the first step that waits": r"SELECT step_tasks\.run_id, .* FROM step_tasks WHERE .* ORDER BY",
    "runs to prune": r"SELECT runs\.id FROM runs WHERE .*runs\.status NOT IN .* coalesce\(runs\.completed_at",
    "rows of pruned runs": r"DELETE FROM \w+ WHERE \w+\.(run_)?id IN ",
    "cache entries of pruned runs": r"UPDATE step_cache SET expires_at=.* WHERE step_cache\.run_id IN ",
    "cache entries that have expired": r"DELETE FROM step_cache WHERE step_cache\.expires_at < ",
}
"""Patterns of the statements that an engine runs for all tenants. No call of a tenant uses them."""


OF_MIGRATIONS = ("CREATE", "DROP", "ALTER", "PRAGMA")
NEVER = 2**53


@pytest.fixture
def statements():
    """Records each statement on SQLite from now on, on one line, with its values."""
    seen = []

    def trace(connection, _record):
        connection.set_trace_callback(lambda sql: seen.append(" ".join(sql.split())))

    event.listen(Engine, "connect", trace)
    yield seen
    event.remove(Engine, "connect", trace)


flow = Workflow("w")
flow.on_change("set")


@flow.step
async def first(inputs, ctx: StepContext):
    """Save a file, so that there are artifacts."""
    ctx.save_artifact("a.txt", b"text")
    if inputs.get("fails"):
        raise ValueError("as asked")
    return inputs["n"]


@flow.step
async def second(first):
    """Depend on the first."""
    return first


async def use_everything(engine_of):
    """Call all methods of an engine, from creating runs to pruning them."""
    change, of_a = ChangeRequest("set", {"n": 2}), {"tenant": "a"}
    async with engine_of(flow, lease_ms=200) as engine, engine_of(flow) as client:
        client.take_on("none")
        run = await engine.run("w", {"n": 1}, idempotency_key="k", tags={"team": "x"}, **of_a)
        await engine.trigger("w", {"n": 1}, idempotency_key="k", tags={"team": "x"}, **of_a)
        await engine.plan(run.id, change, **of_a)
        await engine.update(run.id, change, **of_a)
        failed = await engine.run("w", {"n": 1, "fails": True}, **of_a)
        await engine.retry(failed.id, **of_a)
        waiting = await client.trigger("w", {"n": 1}, **of_a)
        await client.wait(waiting.id, **of_a)
        await client.cancel((await client.trigger("w", {"n": 3}, **of_a)).id, **of_a)
        await client.list_runs(
            **of_a,
            workflow="w",
            status="failed",
            tags={"team": "x"},
            base_run_id=run.id,
            failed_step="first",
            error_contains="asked",
        )
        await client.get_run_steps(run.id, status="completed", **of_a)
        await client.get_result(run.id, **of_a)
        for files in (await client.get_run_artifacts(run.id, **of_a)).values():
            for file in files:
                await client.read_artifact(file, **of_a)
        assert [event async for event in client.events(run.id, **of_a)]
        await client.get_workers(**of_a)
        await client.store.read(workflow_metrics, "a", "w", ["first", "second"], 10)
        await client.store.read(audit_entries, "a", before=None, limit=10)
    async with engine_of(flow, lease_ms=200, step_queues=["gpu"]) as engine:
        await engine.store.write(ClaimTask("engine", 200, ("gpu",), ("w",)))
        await take_over(engine)
        await engine.prune(older_than=timedelta())
        await engine.prune(older_than=timedelta(), tenant="a")


async def take_over(engine):
    """Let an engine take over a run whose owner died, and resume another run by its id."""
    for by_id in (False, True):
        run = await engine.trigger("w", {"n": 4 + by_id}, tenant="a")
        await engine.wait(run.id, tenant="a")
        with edited(engine) as connection:
            connection.execute(
                update(runs)
                .where(runs.c.id == run.id, runs.c.tenant_id == "a")
                .values(status="running", lease_owner="dead", lease_expires_at=NEVER, lease_ms=100)
            )
        await engine.store.write(Heartbeat("dead", lease_ms=-1, fences={run.id: 1}))
        if by_id:
            await engine.trigger_resume(run.id, tenant="a", wait=True)
        await engine.wait(run.id, tenant="a")


def names_a_tenant(statement):
    """Whether a statement compares or writes the tenant."""
    return (
        re.search(r"tenant_id\W+(=|IN)|^INSERT INTO \w+ \([^)]*tenant_id|tenant_id, ", statement) is not None
    )


@ON_SQLITE
@pytest.mark.req("R-53")
async def test_each_statement_names_the_tenant(engine_of, statements):
    """A statement without the tenant would show one tenant the runs of another."""
    statements.clear()
    await use_everything(engine_of)
    of_tenants = [each for each in statements if OF_TENANTS & {*re.findall(r"\w+", each)}]
    strangers = [
        each
        for each in dict.fromkeys(of_tenants)
        if "sqlite_master" not in each
        and not each.startswith(OF_MIGRATIONS)
        and not names_a_tenant(each)
        and not any(re.search(allowed, each) for allowed in FOR_ALL_TENANTS.values())
    ]
    assert not strangers, "\n".join(strangers)


@ON_SQLITE
@pytest.mark.req("R-53")
async def test_the_list_of_those_that_serve_all_tenants_is_up_to_date(engine_of, statements):
    """A stale pattern could match a new statement by accident."""
    await use_everything(engine_of)
    unused = [
        name
        for name, pattern in FOR_ALL_TENANTS.items()
        if not any(re.search(pattern, each) for each in statements)
    ]
    assert unused == []
