"""The schema, and what is there when a database is opened again."""

from __future__ import annotations

import asyncio

from sqlalchemy import text

from langgraph_runner.engine.errors import SchemaVersionError
from langgraph_runner.engine.store import RunStore, queries
from langgraph_runner.engine.store.backends import open_database
from langgraph_runner.engine.store.commands import CreateRun
from langgraph_runner.engine.store.migrating import HEAD, VERSION_TABLE, downgrade, schema_version, upgrade
from langgraph_runner.testing.store_suite.stores import OUTPUT, TENANT, StoreTests, claim, ended, new

__all__ = ["SchemaTests"]

_FIRST = "0001"
_LATER = "9999"


class SchemaTests(StoreTests):
    """Migrations, and opening."""

    def test_a_schema_that_is_there_is_not_made_again(self) -> None:
        """A second upgrade changes nothing."""

        async def check(store: RunStore, _: RunStore) -> None:
            await store.write(new("r"))
            upgrade(store.database, migrate=True)
            upgrade(store.database, migrate=False)
            assert schema_version(store.database) == HEAD
            assert await store.read(queries.status_of, TENANT, "r") == "pending"

        self._with(check)

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

    def test_a_later_schema_is_refused(self) -> None:
        """And left as it is: this release does not know what it would break."""

        async def check(store: RunStore, _: RunStore) -> None:
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

        self._with(check)

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
