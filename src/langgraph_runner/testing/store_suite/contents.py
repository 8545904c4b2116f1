"""What is kept: values, tenants apart, the cache, pages of runs, prunes, archives, and the schema."""

from __future__ import annotations

import asyncio

from sqlalchemy import text

from langgraph_runner.engine.errors import SchemaVersionError
from langgraph_runner.engine.store import RunStore, queries
from langgraph_runner.engine.store.backends import open_database
from langgraph_runner.engine.store.commands import (
    CancelRun,
    CreateRun,
    DeleteUnusedOutputs,
    FilesInUse,
    Prune,
    RestoreRuns,
)
from langgraph_runner.engine.store.migrating import HEAD, VERSION_TABLE, downgrade, schema_version, upgrade
from langgraph_runner.engine.store.queries import outputs_of, records_of
from langgraph_runner.engine.store.queries.run_list import runs_page
from langgraph_runner.testing.conformance import with_adapters
from langgraph_runner.testing.store_suite.stores import (
    EXPIRED_MS,
    OUTPUT,
    TENANT,
    StoreTests,
    behind,
    claim,
    ended,
    grouped,
    new,
    started,
)

__all__ = ["ContentTests"]

_TEXT = 'it\'s "odd" \\ %s :x ? {} ü 漢 🙂\n\t'
_FIRST = "0001"
_LATER = "9999"


class ContentTests(StoreTests):
    """Reads and what they find, migrations, and opening again."""

    @with_adapters
    async def test_values_come_back_as_they_were(self, store: RunStore, other: RunStore) -> None:
        """Any bytes, any text, and an output of some megabytes."""
        every_byte, large = bytes(range(256)), bytes(range(256)) * 12_000
        tenant = f"tenant {_TEXT}"
        await store.write(
            new("r", tenant=tenant, owner="a", inputs=every_byte, tags={"k": _TEXT}, metadata=_TEXT)
        )
        await store.write(ended("r", tenant=tenant, output=large))
        [listed] = await other.read(runs_page, tenant, tags={"k": _TEXT})
        run = await other.read(queries.run_by_id, tenant, listed.id)
        assert run is not None
        assert (run.tenant, run.inputs, run.metadata) == (tenant, every_byte, _TEXT)
        assert await other.read(queries.output_data, tenant, [OUTPUT]) == {OUTPUT: large}

    @with_adapters
    async def test_lists_may_have_any_length(self, store: RunStore, other: RunStore) -> None:
        """None, one, or some thousand values in one statement."""
        await store.write(new("r", owner="a"))
        await store.write(ended("r", key="k"))
        many = [OUTPUT, *(f"{number:064}" for number in range(5_000)), _TEXT]
        for refs, found in (([], {}), ([OUTPUT], {OUTPUT: b"7"}), (many, {OUTPUT: b"7"})):
            assert await other.read(queries.output_data, TENANT, refs) == found
        assert (await other.read(queries.cache_entries, TENANT, [*many, "k"])).keys() == {"k"}
        assert await other.read(queries.last_events, [TENANT], [*many, "r"]) == {"r": 4}

    @with_adapters
    async def test_a_tenant_sees_its_own_rows_only(self, store: RunStore, other: RunStore) -> None:
        """It can neither read nor change the run of another one, even if it knows the id."""
        await store.write(new("r", tenant="a", owner="x", tags={"k": "v"}))
        assert not (await other.write(ended("r", tenant="b"))).is_accepted
        assert await other.write(CancelRun("r", "b", "no")) is None
        await store.write(ended("r", tenant="a", key="k"))
        assert await other.read(queries.run_by_id, "b", "r") is None
        assert await other.read(queries.status_of, "b", "r") is None
        assert await other.read(queries.steps_of, "b", "r") == []
        assert await other.read(queries.step_output, "b", "r", "s") is None
        assert await other.read(queries.output_data, "b", [OUTPUT]) == {}
        assert await other.read(queries.cache_entries, "b", ["k"]) == {}
        assert await other.read(queries.events_after, "b", "r", 0, 100) == []
        assert await other.read(queries.last_events, ["b"], ["r"]) == {}
        assert await other.read(runs_page, "b") == []
        assert await other.read(runs_page, "b", tags={"k": "v"}) == []
        assert await other.read(queries.status_of, "a", "r") == "completed"

    @with_adapters
    async def test_a_result_that_is_known_is_a_hit(self, store: RunStore, other: RunStore) -> None:
        """A step with its key does not start; the output is kept once."""
        await store.write(new("r", owner="a"))
        await store.write(ended("r", key="k"))
        entry = (await other.read(queries.cache_entries, TENANT, ["k", "l"]))["k"]
        assert (entry.run_id, entry.step, entry.output_ref) == ("r", "s", OUTPUT)
        await other.write(new("q", owner="b"))
        advanced = await other.write(started("q", owner="b", key="k"))
        assert (advanced.known, advanced.held) == ({"s": entry}, frozenset())
        [step] = await store.read(queries.steps_of, TENANT, "q")
        assert (step.status, step.cache_hit, step.output_ref) == ("skipped", True, OUTPUT)

    @with_adapters
    async def test_the_newest_result_of_a_key_is_served(self, store: RunStore, other: RunStore) -> None:
        """One that has expired is not."""
        for run_id, ref in (("r", OUTPUT), ("q", "e" * 64)):
            await store.write(new(run_id, owner="a"))
            await store.write(ended(run_id, key="k", ref=ref))
        assert (await other.read(queries.cache_entries, TENANT, ["k"]))["k"].output_ref == "e" * 64
        await store.write(new("p", owner="a"))
        await store.write(ended("p", key="k", ttl_ms=EXPIRED_MS))
        assert await other.read(queries.cache_entries, TENANT, ["k"]) == {}

    @with_adapters
    async def test_a_prune_deletes_ended_runs(self, store: RunStore, other: RunStore) -> None:
        """Those of the tenant, with outputs that nothing refers to; what they have cached expires."""
        await grouped(store, new("plain", owner="a"), new("cached", owner="a"), new("live", owner="a"))
        await store.write(new("other", tenant="u", owner="a"))
        await store.write(ended("plain"))
        await store.write(ended("cached", key="k", ref="e" * 64))
        await store.write(ended("other", tenant="u"))
        assert await store.write(Prune(TENANT, 3_600_000)) == 0
        assert await store.write(Prune(TENANT, EXPIRED_MS)) == 2
        assert [run.id for run in await other.read(runs_page, TENANT)] == ["live"]
        assert [run.id for run in await other.read(runs_page, "u")] == ["other"]
        assert await other.read(queries.steps_of, TENANT, "plain") == []
        assert await other.read(queries.cache_entries, TENANT, ["k"]) == {}
        assert await store.write(DeleteUnusedOutputs()) == 1
        # A run that was served the entry before it expired may be about to refer to its output.
        assert (await other.read(queries.output_data, TENANT, [OUTPUT, "e" * 64])).keys() == {"e" * 64}
        assert await other.read(queries.output_data, "u", [OUTPUT]) == {OUTPUT: b"7"}
        assert await store.write(FilesInUse(["a" * 64])) == set()

    @with_adapters
    async def test_an_output_that_is_about_to_be_used_stays(self, store: RunStore, other: RunStore) -> None:
        """The transaction of another process, which refers to it, is open yet."""
        self._needs_two_stores()
        await store.write(new("old", owner="a"))
        await store.write(ended("old"))
        await store.write(Prune(TENANT, EXPIRED_MS))
        await store.write(new("r", owner="a"))
        assert await behind(ended("r"), store, DeleteUnusedOutputs(), other) == 0
        assert await other.read(queries.step_output, TENANT, "r", "s") == ("w", "completed", b"7")

    @with_adapters
    async def test_pages_have_each_run_once(self, store: RunStore, other: RunStore) -> None:
        """The newest first; of those that were made in the same millisecond by their ids."""
        await grouped(store, *(new(f"r{number}") for number in range(7)))
        await grouped(store, *(new(f"s{number}", tags={"k": "v"}) for number in range(4)))
        for conditions, count in (({}, 11), ({"tags": {"k": "v"}}, 4), ({"statuses": ["pending"]}, 11)):
            found, before = [], None
            while page := await other.read(runs_page, TENANT, before=before, limit=3, **conditions):
                assert len(page) <= 3
                found += page
                before = page[-1].created_at, page[-1].id
            keys = [(run.created_at, run.id) for run in found]
            assert (keys, len(set(keys))) == (sorted(keys, reverse=True), count)

    @with_adapters
    async def test_rows_that_are_there_are_not_restored(self, store: RunStore, other: RunStore) -> None:
        """A second restore of an archive changes nothing."""
        await store.write(new("r", owner="a", tags={"k": "v"}))
        await store.write(ended("r"))
        run = await store.read(queries.run_by_id, TENANT, "r")
        records = await store.read(records_of, ["r"])
        outputs = await store.read(outputs_of, [(TENANT, OUTPUT)])
        await store.write(Prune(TENANT, EXPIRED_MS))
        await store.write(DeleteUnusedOutputs())
        assert await other.write(RestoreRuns(records, outputs)) == 1
        assert await other.write(RestoreRuns(records, outputs)) == 0
        assert await other.read(queries.run_by_id, TENANT, "r") == run
        assert await other.read(queries.step_output, TENANT, "r", "s") == ("w", "completed", b"7")

    @with_adapters
    async def test_a_schema_that_is_there_is_not_made_again(self, store: RunStore, _: RunStore) -> None:
        """A second upgrade changes nothing."""
        await store.write(new("r"))
        upgrade(store.database, migrate=True)
        upgrade(store.database, migrate=False)
        assert schema_version(store.database) == HEAD
        assert await store.read(queries.status_of, TENANT, "r") == "pending"

    def test_every_migration_can_be_applied_and_undone(self) -> None:
        """A run from before is still there afterwards, and new ones can be made."""
        backend = open_database(self.make())
        try:
            upgrade(backend, migrate=True)
            with backend.writing.connect() as connection, backend.begin_writing(connection):
                CreateRun.apply(connection, [new("r")])
            downgrade(backend, _FIRST)
            assert schema_version(backend) == _FIRST
            upgrade(backend, migrate=True)
            assert schema_version(backend) == HEAD
        except BaseException:
            backend.dispose()
            raise

        async def check(store: RunStore) -> None:
            assert await store.read(queries.status_of, TENANT, "r") == "pending"
            await store.write(new("q", owner="a"))
            assert (await store.write(ended("q"))).is_accepted

        store = RunStore(backend)
        try:
            asyncio.run(check(store))
        finally:
            store.close()

    @with_adapters
    async def test_a_later_schema_is_refused(self, store: RunStore, _: RunStore) -> None:
        """And left as it is: this release does not know what it would break."""
        with store.database.writing.begin() as connection:
            connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '{_LATER}'"))  # noqa: S608
        refused = None
        try:
            upgrade(store.database, migrate=True)
        except SchemaVersionError as error:
            refused = error
        assert refused is not None, "the schema of a later release was accepted"
        assert (refused.found, refused.known) == (_LATER, HEAD)
        assert schema_version(store.database) == _LATER

    def test_a_database_that_is_opened_again_has_all(self) -> None:
        """Runs, outputs, leases and tokens, under the same id of the store."""
        self._needs_two_stores()
        first = self._opened()
        store_id = first.store_id
        first.close()

        async def check(store: RunStore, _: RunStore) -> None:
            assert store.store_id == store_id
            await store.write(new("ended", owner="a"))
            await store.write(ended("ended"))
            await store.write(new("running", owner="a"))
            await store.write(new("waiting"))

        async def check_again(store: RunStore, _: RunStore) -> None:
            assert store.store_id == store_id
            statuses = [
                await store.read(queries.status_of, TENANT, run) for run in ("ended", "running", "waiting")
            ]
            assert statuses == ["completed", "running", "pending"]
            assert await store.read(queries.output_data, TENANT, [OUTPUT]) == {OUTPUT: b"7"}
            claimed = await store.write(claim("b"))
            assert claimed is not None
            assert (claimed.run_id, claimed.fence) == ("waiting", 1)
            assert await store.write(claim("b")) is None

        self._with(check)
        self._with(check_again)
