"""The suite for store backends finds the faults that a backend may have."""

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
    """Its time is that of another day."""

    now_sql = "1700000000000"


class NothingIsPermanent(SQLiteBackend):
    """It takes a missing table for something that passes."""

    def is_permanent(self, error):
        """Never."""
        return False


class AllIsPermanent(SQLiteBackend):
    """It takes a broken rule for a missing table."""

    def is_permanent(self, error):
        """Always."""
        return True


class PlainInsert(SQLiteBackend):
    """It refuses a row that is there."""

    def insert_missing(self, table):
        """An insert without a conflict clause."""
        return insert(table)


class KeepsFirst(SQLiteBackend):
    """It does not change a row that is there."""

    def upsert(self, table, key, changed):
        """An insert that leaves rows as they are."""
        return self.insert_missing(table)


class OneOfAList(SQLiteBackend):
    """It finds the first value of a list only."""

    list_sql = "(SELECT value FROM json_each({}) LIMIT 1)"


class CommitsAnyway(SQLiteBackend):
    """It commits a transaction that has failed."""

    def begin_writing(self, connection):
        """A transaction that hides its error from SQLite."""
        return CommittedAnyway(super().begin_writing(connection))


class CommittedAnyway(contextlib.AbstractContextManager):
    """Commits at the end of the block, whatever has happened there."""

    def __init__(self, transaction):
        self.transaction = transaction

    def __exit__(self, kind, error, trace):
        self.transaction.__exit__(None, None, None)


class WithoutLocks(PostgreSQLBackend):
    """It has several writers, and says that there is one."""

    has_one_writer = True


class WithoutSavepoints(PostgreSQLBackend):
    """It says that a statement that fails leaves its transaction as it was."""

    def begin_nested(self, connection):
        """Begin nothing."""
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
        (PlainInsert, "test_a_step_of_a_queue_is_claimed_once"),
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
    """By the test that is about it."""
    with pytest.raises((AssertionError, DBAPIError)):
        run_of(backend, test)


@pytest.mark.parametrize("backend", [SQLiteBackend, PostgreSQLBackend])
def test_a_backend_may_be_handed_over_as_an_object(run_of, backend):
    """In place of an address."""
    run_of(backend, "test_a_run_is_claimed_once")


def test_a_database_without_a_second_store_skips_what_needs_one():
    """Those tests are reported as skipped, not as passed."""

    class TestInMemory(StoreSuite):
        is_shared = False

        def make(self):
            return "sqlite://"

    with pytest.raises(SkipTest, match="gone when it is closed"):
        TestInMemory().test_equal_work_is_begun_once()
