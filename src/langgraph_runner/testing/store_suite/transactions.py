"""What one transaction writes is there as a whole, or not at all."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from langgraph_runner.engine.store import queries
from langgraph_runner.engine.store.backends import backend_of
from langgraph_runner.engine.store.commands import CheckTables, Created
from langgraph_runner.engine.store.queries.run_list import runs_page
from langgraph_runner.engine.store.statements import now_in
from langgraph_runner.engine.store.writer import Write
from langgraph_runner.testing.conformance import with_adapters
from langgraph_runner.testing.store_suite.stores import (
    OUTPUT,
    TENANT,
    Held,
    RefusedError,
    StoreTests,
    ThenFail,
    behind,
    ended,
    grouped,
    new,
    started,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from langgraph_runner.engine.store import RunStore

__all__ = ["TransactionTests"]

_MISSING_TABLE = "SELECT * FROM langgraph_runner_missing"
_TRIES = 100_000


@dataclass(slots=True)
class _Ask(Write[Any]):
    """Execute a statement, in a nested transaction if asked; its error stays inside."""

    sql: str
    write: Write[Any]

    def apply_one(self, connection: Connection) -> bool:
        """Return whether the statement has failed, and apply the write after it."""
        has_failed = False
        try:
            with backend_of(connection).begin_nested(connection):
                connection.execute(text(self.sql))
        except DBAPIError:
            has_failed = True
        type(self.write).apply(connection, [self.write])
        return has_failed


class _Clock(Write[bool]):
    """Whether the clock of the database moves on within a transaction."""

    def apply_one(self, connection: Connection) -> bool:
        """Look until it does, often enough for many milliseconds."""
        first = now_in(connection)
        return any(now_in(connection) > first for _ in range(_TRIES))


class _Missing(Write[None]):
    """Ask a table that does not exist."""

    def apply_one(self, connection: Connection) -> None:
        """Ask for all rows."""
        connection.execute(text(_MISSING_TABLE))


class TransactionTests(StoreTests):
    """Writes, groups of writes, and errors."""

    @with_adapters
    async def test_a_run_and_its_steps_are_made_together(self, store: RunStore, other: RunStore) -> None:
        """With the first event; another process sees them in their order."""
        created = await store.write(new("r", steps=("b", "a")))
        assert (created.run_id, created.is_new, created.fence) == ("r", True, 0)
        run = await other.read(queries.run_by_id, TENANT, "r")
        assert run is not None
        assert (run.status, dict(run.counts)) == ("pending", {"pending": 2})
        steps = await other.read(queries.steps_of, TENANT, "r")
        assert [(step.step, step.status) for step in steps] == [("b", "pending"), ("a", "pending")]
        assert [event[:2] for event in await _events(other, "r")] == [(1, "run_created")]

    @with_adapters
    async def test_a_run_that_is_refused_leaves_nothing(self, store: RunStore, other: RunStore) -> None:
        """Its steps break a rule of the schema after its row was written."""
        [error] = await grouped(store, new("r", steps=("a", "a")))
        assert isinstance(error, DBAPIError)
        assert await other.read(queries.run_by_id, TENANT, "r") is None
        assert await _events(other, "r") == []

    @with_adapters
    async def test_status_and_output_are_committed_together(self, store: RunStore, other: RunStore) -> None:
        """A reader finds the output of each step that has ended."""
        await store.write(new("r", owner="a"))
        advanced = await store.write(ended("r"))
        assert advanced.is_accepted
        assert advanced.ended is not None
        assert (advanced.ended.status, dict(advanced.ended.counts)) == ("completed", {"completed": 1})
        run = await other.read(queries.run_by_id, TENANT, "r")
        assert run == advanced.ended
        assert await other.read(queries.step_output, TENANT, "r", "s") == ("w", "completed", b"7")
        types = [kind for _, kind, _, _ in await _events(other, "r")]
        assert types == ["run_created", "run_started", "step_completed", "run_completed"]

    @with_adapters
    async def test_a_step_whose_commit_fails_has_not_ended(self, store: RunStore, other: RunStore) -> None:
        """Neither its status nor its output is there."""
        await store.write(new("r", owner="a"))
        [error] = await grouped(store, ThenFail(ended("r", key="k")))
        assert isinstance(error, RefusedError)
        run = await other.read(queries.run_by_id, TENANT, "r")
        assert run is not None
        assert (run.status, dict(run.counts)) == ("running", {"pending": 1})
        assert await other.read(queries.output_data, TENANT, [OUTPUT]) == {}
        assert await other.read(queries.cache_entries, TENANT, ["k"]) == {}
        assert len(await _events(other, "r")) == 2

    @with_adapters
    async def test_a_write_that_fails_does_not_take_its_group_along(
        self, store: RunStore, other: RunStore
    ) -> None:
        """The others of the group are written, and nothing of it is."""
        results = await grouped(store, new("a"), ThenFail(new("b")), new("c"))
        assert [type(each) for each in results] == [Created, RefusedError, Created]
        assert {run.id for run in await other.read(runs_page, TENANT)} == {"a", "c"}

    @with_adapters
    async def test_what_is_not_committed_is_not_seen(self, store: RunStore, other: RunStore) -> None:
        """Nor does a reader wait for the transaction that writes."""
        self._needs_two_stores()
        held = Held([new("r")])
        writing = asyncio.ensure_future(store.write(held))
        try:
            await held.until_begun()
            assert await other.read(queries.run_by_id, TENANT, "r") is None
        finally:
            held.go.set()
            await writing
        assert await other.read(queries.run_by_id, TENANT, "r") is not None

    @with_adapters
    async def test_equal_keys_make_one_run(self, store: RunStore, other: RunStore) -> None:
        """Two processes trigger with one idempotency key at the same time, each several times."""
        made = await asyncio.gather(
            *(
                each.write(new(f"{n}{side}", key="k"))
                for n in range(5)
                for side, each in enumerate((store, other))
            )
        )
        assert len({each.run_id for each in made}) == 1
        assert [each.is_new for each in made].count(True) == 1
        assert [run.id for run in await store.read(runs_page, TENANT)] == [made[0].run_id]
        apart = await store.write(new("other", tenant="u", key="k"))
        assert apart.is_new

    @with_adapters
    async def test_a_key_of_an_open_transaction_is_waited_for(self, store: RunStore, other: RunStore) -> None:
        """The second process gets the run that the first one makes."""
        self._needs_two_stores()
        made = await behind(new("r", key="k"), store, new("q", key="k"), other)
        assert (made.run_id, made.is_new) == ("r", False)
        assert await other.read(queries.run_by_id, TENANT, "q") is None

    @with_adapters
    async def test_equal_work_is_begun_once(self, store: RunStore, other: RunStore) -> None:
        """Another process that starts a step with the same cache key at the same time is held back."""
        self._needs_two_stores()
        await store.write(new("r", owner="a"))
        await store.write(new("q", owner="b"))
        begun = started("r", owner="a", key="k")
        advanced = await behind(begun, store, started("q", owner="b", key="k"), other)
        assert advanced.is_accepted
        assert advanced.held == frozenset({"s"})
        running = [await other.read(queries.steps_of, TENANT, run, ["running"]) for run in ("r", "q")]
        assert [len(each) for each in running] == [1, 0]

    @with_adapters
    async def test_a_nested_transaction_fails_alone(self, store: RunStore, other: RunStore) -> None:
        """What the transaction writes before and after it is kept."""
        before, asked = await grouped(store, new("a"), _Ask(_MISSING_TABLE, new("b")))
        assert (before.run_id, asked) == ("a", True)
        assert {run.id for run in await other.read(runs_page, TENANT)} == {"a", "b"}

    @with_adapters
    async def test_a_missing_table_is_permanent(self, store: RunStore, _: RunStore) -> None:
        """A row that breaks a rule is not, and neither is the conflict of two transactions."""
        await store.write(CheckTables())
        [refused] = await grouped(store, new("r", steps=("a", "a")))
        [missing] = await grouped(store, _Missing())
        backend = store.database
        assert (backend.is_permanent(missing), backend.is_conflict(missing)) == (True, False)
        assert (backend.is_permanent(refused), backend.is_conflict(refused)) == (False, False)

    @with_adapters
    async def test_the_clock_moves_on_within_a_transaction(self, store: RunStore, _: RunStore) -> None:
        """A lease is counted from the moment in which it is given, not from the beginning of the group."""
        assert await store.write(_Clock())

    @with_adapters
    async def test_connections_are_counted(self, store: RunStore, _: RunStore) -> None:
        """No more are in use than there may be."""
        held = Held()
        writing = asyncio.ensure_future(store.write(held))
        await held.until_begun()
        in_use, at_most = store.database.connections()
        held.go.set()
        await writing
        assert 1 <= in_use <= at_most


async def _events(store: RunStore, run_id: str) -> list[tuple[int, str, str, int]]:
    return await store.read(queries.events_after, TENANT, run_id, 0, 100)
