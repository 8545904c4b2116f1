"""Runs have tags and metadata. They are found by these, by time, and by their errors."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from langgraph_runner.engine import RunEngine
from langgraph_runner.engine.store import RunStore
from langgraph_runner.engine.store.backends import SQLiteBackend, backend_of
from langgraph_runner.engine.store.queries import run_list
from langgraph_runner.engine.store.statements import Prepared
from langgraph_runner.workflow import ChangeRequest, Workflow

ACME = {"customer": "acme"}


@pytest.fixture
def shop():
    """A workflow of two steps: one fails for a net price below 0."""
    shop = Workflow("shop")

    @shop.step
    def price(inputs) -> int:
        net = inputs["net"]
        if net < 0:
            raise ValueError('a "net" price below 0 in 50%')
        return net

    @shop.step
    def label(price: int) -> str:
        return f"{price} EUR"

    shop.on_change("net")
    return shop


def ids(runs):
    """Return the ids of runs."""
    return [run.id for run in runs]


@pytest.mark.req("R-56")
async def test_a_run_keeps_its_tags_and_metadata_and_is_found_by_them(engine_of, shop):
    """All tags have to match. Each tenant finds its own runs. The next page continues after the last one."""
    both = {**ACME, "plan": "pro"}
    async with engine_of(shop) as engine:
        first = await engine.run("shop", {"net": 1}, tags=ACME, metadata={"ticket": 7})
        second = await engine.run("shop", {"net": 2}, tags=both)
        await engine.run("shop", {"net": 3}, tags={"customer": "other"})
        await engine.run("shop", {"net": 4}, tags=ACME, tenant="b")
        assert (first.tags, first.metadata, second.metadata) == (ACME, {"ticket": 7}, {})
        assert (await engine.get_run(second.id)).tags == both
        assert ids(await engine.list_runs(tags=ACME)) == [second.id, first.id]
        assert ids(await engine.list_runs(tags=both)) == [second.id]
        newest = await engine.list_runs(tags=ACME, limit=1)
        assert ids(await engine.list_runs(tags=ACME, limit=1, before=newest[0])) == [first.id]
        assert await engine.list_runs(tags={"customer": "nobody"}) == []


@pytest.mark.req("R-56")
async def test_updates_and_retries_keep_tags_and_metadata_unless_others_are_given(engine_of, shop):
    """An update and a retry keep both; given tags replace all earlier ones."""
    async with engine_of(shop) as engine:
        base = await engine.run("shop", {"net": 1}, tags=ACME, metadata={"ticket": 7})
        kept = await engine.update(base.id, ChangeRequest("net", {"net": 2}))
        changed = await engine.update(base.id, ChangeRequest("net", {"net": 3}), tags={"a": "b"})
        failed = await engine.run("shop", {"net": -1}, tags=ACME)
        retried = await engine.retry(failed.id, metadata={"try": 2})
    assert (kept.tags, kept.metadata) == (ACME, {"ticket": 7})
    assert (changed.tags, changed.metadata) == ({"a": "b"}, {"ticket": 7})
    assert (retried.tags, retried.metadata) == (ACME, {"try": 2})


@pytest.mark.req("R-56")
async def test_runs_are_found_by_failed_step_error_text_and_time(engine_of, shop):
    """The text is matched literally, including wildcards and quotes."""
    async with engine_of(shop) as engine:
        good = await engine.run("shop", {"net": 1})
        bad = await engine.run("shop", {"net": -1}, tags=ACME)
        assert ids(await engine.list_runs(failed_step="price")) == [bad.id]
        assert await engine.list_runs(failed_step="label") == []
        assert ids(await engine.list_runs(error_contains='A "NET" price', tags=ACME)) == [bad.id]
        assert ids(await engine.list_runs(error_contains="50%")) == [bad.id]
        assert await engine.list_runs(error_contains="5%0") == []
        assert ids(await engine.list_runs(created_after=bad.created_at, limit=1)) == [bad.id]
        later = bad.created_at + timedelta(milliseconds=1)
        assert await engine.list_runs(created_after=later) == []
        assert ids(await engine.list_runs(created_before=later)) == [bad.id, good.id]
        assert await engine.list_runs(created_before=good.created_at) == []


@pytest.mark.req("R-56")
@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"tags": {"customer": 7}}, r"tags\['customer'\] must be text of 1 to 256 .*got 7"),
        ({"tags": {"": "a"}}, "a name in tags must be text of 1 to 64 .*got ''"),
        ({"tags": {str(n): "a" for n in range(33)}}, "at most 32 entries, got 33"),
        ({"metadata": {"a": {1}}}, "metadata must be JSON values"),
        ({"metadata": {"a": "b" * 20_000}}, "at most 16,384 bytes"),
        ({"metadata": {"a": json.loads("[" * 64 + "]" * 64)}}, "nested at most 64 levels deep"),
        ({"metadata": {"a": "\ud800"}}, "without lone surrogates"),
    ],
)
async def test_tags_and_metadata_that_cannot_be_kept_are_refused(shop, options, problem):
    """The message names the option and the limit. No run is created."""
    async with RunEngine([shop], store="sqlite://") as engine:
        with pytest.raises(ValueError, match=problem):
            await engine.trigger("shop", {"net": 1}, **options)
        assert await engine.list_runs() == []


@pytest.mark.req("R-56")
async def test_a_time_without_a_time_zone_is_refused(shop):
    """Its meaning would be ambiguous."""
    async with RunEngine([shop], store="sqlite://") as engine:
        with pytest.raises(ValueError, match=r"created_after must have a time zone"):
            await engine.list_runs(created_after=datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None))


@pytest.mark.req("R-56")
async def test_pruned_runs_leave_no_tags(engine_of, shop):
    """A page of the tag still works afterwards."""
    async with engine_of(shop) as engine:
        await engine.run("shop", {"net": 1}, tags=ACME)
        assert await engine.prune(older_than=timedelta(0)) == 1
        left = await engine._store.read(lambda it: it.execute(text("SELECT count(*) FROM run_tags")).scalar())
        assert (left, await engine.list_runs(tags=ACME)) == (0, [])


@pytest.mark.req("R-56")
@pytest.mark.parametrize(
    ("search", "index"),
    [
        ({"tags": ACME, "before": (10**15, "z")}, {"pk_run_tags", "sqlite_autoindex", "PRIMARY KEY"}),
        ({"failed_step": "price"}, {"ix_run_steps_failed"}),
        ({"error_contains": "net"}, {"ix_runs_errors"}),
    ],
    ids=["tag", "failed step", "error"],
)
async def test_a_search_reads_an_index(engine_of, shop, search, index):
    """The query plan of the database has the index, if the table is too large for a full scan."""
    async with engine_of(shop) as engine:
        await engine.run("shop", {"net": 1}, tags=ACME)
        plan = await engine._store.read(_plan_of, search)
    assert any(name in plan for name in index), plan


def _plan_of(connection, search):
    """Return the query plan for a search."""
    asked = []

    class Recorder(Prepared):
        """Records the statement and its values."""

        def ask(self, connection, **values):
            asked.append(self._statement(backend_of(connection)).params(**values))
            return []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_list, "Prepared", Recorder)
        run_list._page.cache_clear()
        run_list.runs_page(connection, "default", **search)
        run_list._page.cache_clear()
    sql = str(asked[0].compile(connection, compile_kwargs={"literal_binds": True})).replace("%%", "%")
    is_sqlite = isinstance(backend_of(connection), SQLiteBackend)
    if not is_sqlite:
        connection.execute(
            text("SET LOCAL enable_seqscan = off")
        )  # The tables are too small to need an index.
        connection.execute(text("SET LOCAL enable_bitmapscan = off"))
    asked_for = "EXPLAIN QUERY PLAN" if is_sqlite else "EXPLAIN"
    found = connection.exec_driver_sql(
        f"{asked_for} {sql}".replace("%", "%%") if not is_sqlite else f"{asked_for} {sql}"
    )
    return "\n".join(str(tuple(row)) for row in found)


@pytest.mark.parametrize("statuses", [("failed",), ("pending", "running")])
def test_runs_that_are_not_completed_are_found_by_their_status(store_url, statuses):
    """Otherwise the search for the last failed run would read all later completed runs."""
    store = RunStore(store_url)
    values = {"tenant": "a", "limit": 50}
    try:
        with store.database.reading.connect() as connection:
            if not isinstance(store.database, SQLiteBackend):
                connection.execute(text("SET enable_seqscan = off"))  # An empty table needs no index.
            compiled = run_list._page(frozenset(), 0, statuses)._compiled(connection)
            explain = "EXPLAIN QUERY PLAN" if isinstance(store.database, SQLiteBackend) else "EXPLAIN"
            cursor = connection.connection.cursor()
            cursor.execute(f"{explain} {compiled.sql}", compiled.bound({**compiled.fixed, **values}))
            plan = str(cursor.fetchall())
    finally:
        store.close()
    assert "ix_runs_status" in plan
    assert "ix_runs_listing" not in plan
