"""The test suite for store backends detects faulty backends."""

from __future__ import annotations

import contextlib
from functools import partial
from unittest import SkipTest

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import DBAPIError

from langgraph_runner import PostgreSQLBackend, SQLiteBackend
from langgraph_runner.testing import StoreSuite
from tests.databases import new_postgresql, postgresql_server

__all__ = ["new_postgresql", "postgresql_server"]
pytestmark = pytest.mark.req("R-61")


class StoppedClock(SQLiteBackend):
    """A backend whose clock always returns the time of another day."""

    now_sql = "1700000000000"


class NothingIsPermanent(SQLiteBackend):
    """A backend that treats a missing table as a temporary error."""

    def is_permanent(self, error):
        """Return False."""
        return False


class AllIsPermanent(SQLiteBackend):
    """A backend that treats a violated constraint as a permanent error, like a missing table."""

    def is_permanent(self, error):
        """Return True."""
        return True


class PlainInsert(SQLiteBackend):
    """A backend that raises on an existing row."""

    def insert_missing(self, table):
        """Return an insert without a conflict clause."""
        return insert(table)


class KeepsFirst(SQLiteBackend):
    """A backend that does not update an existing row."""

    def upsert(self, table, key, changed):
        """Return an insert that keeps existing rows."""
        return self.insert_missing(table)


class OneOfAList(SQLiteBackend):
    """A backend that finds only the first value of a list."""

    list_sql = "(SELECT value FROM json_each({}) LIMIT 1)"


class CommitsAnyway(SQLiteBackend):
    """A backend that commits failed transactions."""

    def begin_writing(self, connection):
        """Begin a transaction that hides its error from SQLite."""
        return CommittedAnyway(super().begin_writing(connection))


class CommittedAnyway(contextlib.AbstractContextManager):
    """Commits at the end of the block, even after an error."""

    def __init__(self, transaction):
        self.transaction = transaction

    def __exit__(self, kind, error, trace):
        self.transaction.__exit__(None, None, None)


class WithoutLocks(PostgreSQLBackend):
    """A backend with several writers that claims to have only one."""

    has_one_writer = True


class WithoutSavepoints(PostgreSQLBackend):
    """A backend that claims that a failed statement does not affect its transaction."""

    def begin_nested(self, connection):
        """Begin no savepoint."""
        return contextlib.nullcontext()


@pytest.fixture
def run_of(request, tmp_path):
    """Run one test of the suite with a backend."""

    def run(backend, test):
        if issubclass(backend, PostgreSQLBackend):
            url = request.getfixturevalue("new_postgresql")()
        else:
            url = f"sqlite:///{tmp_path / 'runs.db'}"
        suite = StoreSuite()
        suite.make = partial(backend, url)
        getattr(suite, test)()

    return run


@pytest.mark.parametrize(
    ("backend", "test"),
    [
        (StoppedClock, "test_the_clock_moves_on_within_a_transaction"),
        (NothingIsPermanent, "test_a_missing_table_is_permanent"),
        (AllIsPermanent, "test_a_missing_table_is_permanent"),
        (PlainInsert, "test_rows_that_are_there_are_not_restored"),
        (KeepsFirst, "test_a_step_of_a_queue_is_claimed_once"),
        (KeepsFirst, "test_the_newest_result_of_a_key_is_served"),
        (KeepsFirst, "test_a_worker_has_one_row"),
        (OneOfAList, "test_lists_may_have_any_length"),
        (CommitsAnyway, "test_a_step_whose_commit_fails_has_not_ended"),
        (CommitsAnyway, "test_a_write_that_fails_does_not_take_its_group_along"),
        (WithoutLocks, "test_equal_work_is_begun_once"),
        (WithoutLocks, "test_a_limit_of_a_tenant_holds_for_all_processes"),
        (WithoutLocks, "test_an_output_that_is_about_to_be_used_stays"),
        (WithoutSavepoints, "test_a_nested_transaction_fails_alone"),
    ],
)
def test_a_fault_of_a_backend_is_found(run_of, backend, test):
    """The test for the fault fails."""
    with pytest.raises((AssertionError, DBAPIError)):
        run_of(backend, test)


@pytest.mark.parametrize("backend", [SQLiteBackend, PostgreSQLBackend])
def test_a_backend_may_be_handed_over_as_an_object(run_of, backend):
    """A backend object is accepted instead of an address."""
    run_of(backend, "test_a_run_is_claimed_once")


def test_a_database_without_a_second_store_skips_what_needs_one():
    """Those tests are reported as skipped, not as passed."""

    class TestInMemory(StoreSuite):
        is_shared = False

        def make(self):
            return "sqlite://"

    with pytest.raises(SkipTest, match="gone when it is closed"):
        TestInMemory().test_equal_work_is_begun_once()
