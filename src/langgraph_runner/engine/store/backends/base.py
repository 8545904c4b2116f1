"""`StoreBackend`: everything that differs between the databases that can hold the store.

The rest of `engine/store` asks the backend of its connection. It never looks at the kind of database.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from langgraph_runner.engine.store.lease_clock import DatabaseClock

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import AbstractContextManager

    from sqlalchemy import URL, BindParameter, ColumnElement, Connection, Engine, Table, TableValuedAlias

    from langgraph_runner.runtime.runtimes import Runtime

__all__ = ["READERS", "StoreBackend", "backend_of"]

READERS: Final = 4
"""How many threads of a store read at once."""
_BACKEND: Final = "langgraph_runner_backend"
_CONFLICTS: Final = frozenset({"40001", "40P01"})
"""The SQLSTATE codes of a serialization failure and of a detected deadlock (PostgreSQL, Appendix A)."""


class StoreBackend(ABC):
    """An open database, with engines for writing and for reading. Thread-safe.

    A subclass creates the engines of SQLAlchemy and defines how its database differs. `testing.StoreSuite` checks the
    guarantees that the store needs. Statements are compiled once for each subclass, so class attributes and methods
    that return SQL must not depend on the instance.

    Args:
        url: The URL of the database. Messages show it without the password.
        writing: The engine for transactions that write, one at a time in each process.
        reading: The engine for transactions that read, `READERS` at a time. It may be the same engine.
    """

    name: ClassVar[str]
    """The name of the database in messages, such as `SQLite`."""
    now_sql: ClassVar[str]
    """SQL for the milliseconds since 1970 by the clock of the database. It advances within a transaction."""
    list_sql: ClassVar[str]
    """SQL for a subquery of the texts in a list. The list is one parameter, in the place of `{}`."""
    lists_are_json: ClassVar[bool] = False
    """Whether the driver takes such a list as JSON. Otherwise it takes a Python list."""
    has_lateral: ClassVar[bool] = True
    """Whether a subquery in `FROM` may be `LATERAL`."""
    has_one_writer: ClassVar[bool] = False
    """Whether a write transaction excludes all others from its beginning. Then no other lock is needed."""
    has_wide_integers: ClassVar[bool] = False
    """Whether `INTEGER` holds 64 bits."""
    migrates_itself: ClassVar[bool] = False
    """Whether opening a store brings the schema up to date, unless `migrate` says otherwise."""
    call_limit_s: float | None = None
    """How many seconds a call may take before its connection is closed; None if no call waits for a server."""

    def __init__(self, url: URL, *, writing: Engine, reading: Engine) -> None:
        self.url = url
        mark = {_BACKEND: self}
        self.writing = writing.execution_options(**mark)
        self.reading = reading.execution_options(**mark)
        self.limits_rows = False
        """Whether each transaction must name its tenants. The store sets it."""
        self.clock = DatabaseClock()
        """The clock of the database, as this process has observed it."""

    def use(self, runtime: Runtime) -> None:
        """Use another clock than the real one, in tests. Called before the first connection is made.

        It does not change the clock of a server.
        """
        self.clock.monotonic = runtime.monotonic

    # Connections and transactions

    def connections(self) -> tuple[int, int]:
        """Return how many connections are in use, and how many there may be."""
        pools: set[Any] = {self.writing.pool, self.reading.pool}
        return sum(pool.checkedout() for pool in pools), sum(pool.size() for pool in pools)

    def dispose(self) -> None:
        """Close every connection."""
        self.writing.dispose()
        self.reading.dispose()

    def begin_writing(self, connection: Connection) -> AbstractContextManager[object]:
        """Begin a transaction that writes; it ends with the `with` block, and is rolled back if that raises.

        Raises:
            sqlalchemy.exc.DBAPIError: The database is away or locked; at the end: it could not be committed, and
                nothing was.
        """
        return connection.begin()

    def begin_nested(self, connection: Connection) -> AbstractContextManager[object]:
        """Begin a part of a transaction that may fail alone: a savepoint, where the database needs one."""
        return connection.begin_nested()

    def has_rolled_back(self, connection: Connection) -> bool:
        """Return whether an error has rolled the whole transaction back."""
        del connection
        return False

    def set_statement_timeout(self, connection: Connection, seconds: float) -> None:
        """Set the timeout of this transaction's statements; 0 for none. It does nothing unless overridden."""
        del connection, seconds

    # Errors

    def is_lost(self, connection: Connection) -> bool:
        """Return whether the server has closed the connection, so that the result of the last COMMIT is unknown."""
        if connection.closed or connection.invalidated:
            return True
        driver: Any = connection.connection.driver_connection
        return bool(driver is None or driver.closed)

    def is_conflict(self, error: BaseException) -> bool:
        """Return whether the database ended a transaction because of another one, so that it should be repeated."""
        return getattr(getattr(error, "orig", None), "sqlstate", None) in _CONFLICTS

    @abstractmethod
    def is_permanent(self, error: BaseException) -> bool:
        """Return whether trying again cannot help: the database or a table is missing, or its file is damaged."""

    # Locks

    def lock(self, connection: Connection, numbers: Sequence[int], *, shared: Sequence[int] = ()) -> None:
        """Lock 64-bit numbers in their order, first `shared`; the transaction holds the locks until its end.

        Never called if `has_one_writer`.

        Args:
            connection: A connection in a transaction.
            numbers: The numbers to lock exclusively.
            shared: The numbers to lock shared.
        """
        raise NotImplementedError

    def try_lock(self, connection: Connection, number: int) -> bool:
        """Lock a number like `lock`, but return False instead of waiting if another transaction has the lock.

        Never called if `has_one_writer`.
        """
        raise NotImplementedError

    # SQL

    @abstractmethod
    def insert(self, table: Table) -> Any:
        """Return an `insert()` with `on_conflict_do_nothing()`, `on_conflict_do_update()` and `excluded`.

        If the database has no such statement, override `insert_missing` and `upsert`.
        """

    def insert_missing(self, table: Table) -> Any:
        """Return an insert that skips rows whose key exists."""
        return self.insert(table).on_conflict_do_nothing()

    def upsert(self, table: Table, key: Iterable[str], changed: Iterable[str]) -> Any:
        """Return an insert that updates some columns of rows whose key exists.

        Args:
            table: The table.
            key: The columns of its primary key.
            changed: The columns that take their new values.
        """
        statement = self.insert(table)
        values = {name: statement.excluded[name] for name in changed}
        return statement.on_conflict_do_update(index_elements=[*key], set_=values)

    @abstractmethod
    def each_of(self, values: BindParameter[Any]) -> TableValuedAlias:
        """Return a list of texts as a table with the column `value`. The parameter is JSON."""

    @abstractmethod
    def as_json_object(self, keys: ColumnElement[Any], values: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return an aggregate: the rows of a group as one JSON object."""

    # Row-level security

    def has_row_security(self, connection: Connection) -> bool:
        """Return whether the database limits rows to tenants, for roles other than the owner."""
        del connection
        return False

    def set_row_security(self, connection: Connection, *, is_on: bool) -> None:
        """Switch row-level security on or off: then a transaction sees only rows of the tenants that it names.

        Args:
            connection: A connection of the owner of the tables, in a transaction.
            is_on: True to switch it on.

        Raises:
            ValueError: The database has no row-level security.
            sqlalchemy.exc.DBAPIError: The role does not own the tables.
        """
        del connection, is_on
        raise ValueError(f"store must be a PostgreSQL database: {self.name} has no row-level security.")

    def show_rows_of(self, connection: Connection, tenants: Sequence[str] | None) -> None:
        """Limit the rest of a transaction to the rows of some tenants; None for all tenants.

        Called in each transaction if `limits_rows`.
        """
        raise NotImplementedError

    # Files

    @cached_property
    def folder(self) -> Path:
        """The folder for artifacts, unless the engine was given one."""
        return Path("artifacts")

    def read_back(self, run_id: str) -> None:
        """Read a run through a new connection, if the database is a file that other programs can change.

        Raises:
            Exception: The file cannot be read.
            LookupError: The file can be read, but has no such run.
        """
        del run_id


def backend_of(bind: Connection | Engine) -> StoreBackend:
    """Return the backend of a connection or an engine."""
    backend: StoreBackend = bind.get_execution_options()[_BACKEND]
    return backend
