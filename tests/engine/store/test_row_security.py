"""Row-level security of PostgreSQL, with a role that does not own the tables."""

import psycopg
import pytest
from sqlalchemy import select, text
from sqlalchemy.engine import make_url

from langgraph_runner import Workflow
from langgraph_runner.engine import RunEngine
from langgraph_runner.engine.store import RunStore
from langgraph_runner.engine.store.backends import PostgreSQLBackend, open_database
from langgraph_runner.engine.store.migrating import downgrade, upgrade
from langgraph_runner.engine.store.schema import METADATA, runs
from langgraph_runner.engine.store.statements import for_all_tenants, tenants_of_query
from langgraph_runner.engine.store.writer import Write
from langgraph_runner.workflow import ChangeRequest
from tests.engine.conftest import ON_SQLITE

pytestmark = pytest.mark.req("R-53")

flow = Workflow("w")
flow.on_change("set")


@flow.step
async def add(inputs):
    """Return a value that differs between tenants."""
    return inputs["n"] + 1


def all_ids(connection, tenant):
    """A query that forgets the tenant."""
    return set(connection.execute(select(runs.c.id)).scalars())


def in_transaction(url, change):
    """Run statements in a database as its owner."""
    database = open_database(url)
    try:
        with database.writing.begin() as connection:
            return change(database, connection)
    finally:
        database.dispose()


@pytest.fixture
def owned(new_postgresql):
    """The owner's address of a database with row-level security."""
    url = new_postgresql()
    in_transaction(url, lambda database, connection: database.set_row_security(connection, is_on=True))
    return url


@pytest.fixture
def limited(owned):
    """The address of the same database for a role that owns nothing."""
    role = f"app_{make_url(owned).database}"
    with psycopg.connect(owned, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN")
        connection.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}")
        connection.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}")
    return make_url(owned).set(username=role).render_as_string(hide_password=False)


@pytest.fixture
def engine_of(limited, tmp_path):
    """Engines of the limited role."""
    return lambda **options: RunEngine(
        [flow], store=limited, artifacts=tmp_path / "files", poll_ms=20, **options
    )


async def test_an_engine_of_another_role_does_all_its_work(engine_of):
    """Each of its transactions names the tenant."""
    async with engine_of() as engine, engine_of() as other:
        other.take_on("none")
        first = await engine.run("w", {"n": 1}, tenant="a", idempotency_key="k")
        second = await engine.update(first.id, ChangeRequest("set", {"n": 2}), tenant="a")
        waiting = await other.trigger("w", {"n": 5}, tenant='it\'s {"odd"}, \\ b')
        assert (await other.wait(waiting.id, tenant=waiting.tenant)).status == "completed"
        assert [run.id for run in await engine.list_runs(tenant="a")] == [second.id, first.id]
        assert await engine.get_output(second.id, "add", tenant="a") == 3
        assert (await engine.get_workers()).running_runs == 0


async def test_a_query_that_forgets_the_tenant_finds_no_row_of_another(engine_of):
    """This is the purpose of row-level security."""
    async with engine_of() as engine:
        mine = await engine.run("w", {"n": 1}, tenant="a")
        await engine.run("w", {"n": 1}, tenant="b")
        assert await engine.store.read(all_ids, "a") == {mine.id}


async def test_a_write_that_forgets_the_tenant_changes_no_row_of_another(engine_of):
    """Because a writing statement may be wrong, too."""

    class Rename(Write):
        tenant = "a"

        @classmethod
        def apply(cls, connection, writes):
            return [connection.execute(runs.update().values(trigger_type="x")).rowcount]

    async with engine_of() as engine:
        for tenant in ("a", "b", "b"):
            await engine.run("w", {"n": 1}, tenant=tenant)
        assert await engine.store.write(Rename()) == 1


@pytest.mark.parametrize(
    "table", [each.name for each in METADATA.sorted_tables if "tenant_id" in each.columns]
)
async def test_no_table_shows_rows_to_a_transaction_that_names_no_tenant(engine_of, limited, table):
    """A report or a console with that role has to name the tenant."""
    async with engine_of() as engine:
        await engine.run("w", {"n": 1}, tenant="a", tags={"team": "x"})
    with psycopg.connect(limited.replace("+psycopg", ""), autocommit=True) as connection:
        count = f"SELECT count(*) FROM {table}"  # noqa: S608 - a table of ours
        assert connection.execute(count).fetchone() == (0,)
        connection.execute("SET langgraph_runner.tenants = '{b}'")
        assert connection.execute(count).fetchone() == (0,)


async def test_a_report_names_the_tenant_whose_rows_it_wants(engine_of, limited):
    """It sets the tenant with a setting of the session."""
    async with engine_of() as engine:
        await engine.run("w", {"n": 1}, tenant="a")
        await engine.run("w", {"n": 1}, tenant="b")
    with psycopg.connect(limited.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("SET langgraph_runner.tenants = '{a}'")
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (1,)


def test_tables_of_a_later_release_get_their_policies(owned):
    """An upgrade of the schema keeps row-level security enabled."""
    database = open_database(owned)
    try:
        downgrade(database, "0005")
        upgrade(database, migrate=True)
        with database.reading.connect() as connection:
            query = text("SELECT relrowsecurity FROM pg_class WHERE relname = 'step_tasks'")
            assert connection.execute(query).scalar() is True
    finally:
        database.dispose()


def test_it_can_be_turned_off_again(owned):
    """Then no rows are hidden."""
    in_transaction(owned, lambda database, connection: database.set_row_security(connection, is_on=False))
    assert in_transaction(owned, PostgreSQLBackend.has_row_security) is False


def test_a_role_that_owns_nothing_cannot_turn_it_off(limited):
    """PostgreSQL refuses."""
    with pytest.raises(Exception, match="must be owner"):
        in_transaction(
            limited, lambda database, connection: database.set_row_security(connection, is_on=False)
        )


@ON_SQLITE
def test_sqlite_has_none(store_url):
    """Because SQLite has no roles."""
    RunStore(store_url).close()
    with pytest.raises(ValueError, match="SQLite has no row-level security"):
        in_transaction(
            store_url, lambda database, connection: database.set_row_security(connection, is_on=True)
        )


def test_a_query_for_all_tenants_says_so():
    """The first argument of all other queries is the tenant."""
    assert tenants_of_query(for_all_tenants(lambda connection: None), ()) is None
    assert tenants_of_query(all_ids, ("a",)) == ["a"]
