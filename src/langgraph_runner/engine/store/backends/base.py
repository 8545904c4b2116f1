"""`StoreBackend`: all that differs between the databases that can hold the store.

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
    """One database that was opened: engines for connections that write and that read. Thread-safe.

    A subclass makes the engines of SQLAlchemy and says how its database differs. `testing.StoreSuite` shows that it
    guarantees what the store needs. Statements are compiled once for each subclass, so the class attributes and the
    methods that give SQL must not depend on the object.

    Args:
        url: Of the database, as messages show it: without the password.
        writing: For transactions that write, one at a time in each process.
        reading: For transactions that read, `READERS` at a time. It may be the same engine.
    """

    name: ClassVar[str]
    """As messages call the database, such as `SQLite`."""
    now_sql: ClassVar[str]
    """SQL for the milliseconds since 1970 by the clock of the database. It moves on within a transaction."""
    list_sql: ClassVar[str]
    """SQL for a subquery of the texts in a list that is one parameter, which stands for `{}`."""
    lists_are_json: ClassVar[bool] = False
    """Whether the driver takes such a list as JSON. Otherwise it takes a list of Python."""
    has_lateral: ClassVar[bool] = True
    """Whether a subquery of `FROM` may be `LATERAL`."""
    has_one_writer: ClassVar[bool] = False
    """Whether a transaction that writes is the only one from its beginning. Then no other lock is needed."""
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
        """Whether each transaction has to name the tenants whose rows it is about. The store sets it."""
        self.clock = DatabaseClock()
        """What this process knows of the clock of the database."""

    def use(self, runtime: Runtime) -> None:
        """Go by another clock than the real one, in tests. Called before the first connection is made.

        A server has a clock of its own, which this does not change.
        """
        self.clock.monotonic = runtime.monotonic

    # Connections and transactions

    def connections(self) -> tuple[int, int]:
        """How many connections are in use, and how many there may be."""
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
        """Begin a part of a transaction that may fail without the rest: a savepoint, where the database needs one."""
        return connection.begin_nested()

    def has_rolled_back(self, connection: Connection) -> bool:
        """Whether an error in the middle of a transaction has ended it, with all that was written."""
        del connection
        return False

    def set_statement_timeout(self, connection: Connection, seconds: float) -> None:
        """Let the statements of this transaction take so long; 0 for any time. Does nothing unless overridden."""
        del connection, seconds

    # Errors

    def is_lost(self, connection: Connection) -> bool:
        """Whether the server has closed the connection: then it is not known whether the last COMMIT took effect."""
        if connection.closed or connection.invalidated:
            return True
        driver: Any = connection.connection.driver_connection
        return bool(driver is None or driver.closed)

    def is_conflict(self, error: BaseException) -> bool:
        """Whether a transaction was ended because of another one, and should be tried again at once."""
        return getattr(getattr(error, "orig", None), "sqlstate", None) in _CONFLICTS

    @abstractmethod
    def is_permanent(self, error: BaseException) -> bool:
        """Whether trying again cannot help: the database or a table is gone, or its file is garbage."""

    # Locks

    def lock(self, connection: Connection, numbers: Sequence[int], *, shared: Sequence[int] = ()) -> None:
        """Wait for the locks of some 64-bit numbers, first `shared`, in their order; the transaction keeps them.

        Never called if `has_one_writer`.

        Args:
            connection: In a transaction.
            numbers: What no other transaction may have locked in any way.
            shared: What other transactions may have locked as shared.
        """
        raise NotImplementedError

    # SQL

    @abstractmethod
    def insert(self, table: Table) -> Any:
        """An `insert()` with `on_conflict_do_nothing()`, `on_conflict_do_update()` and `excluded`.

        If the database has no such statement, override `insert_missing` and `upsert`.
        """

    def insert_missing(self, table: Table) -> Any:
        """An insert that leaves rows as they are whose key is there."""
        return self.insert(table).on_conflict_do_nothing()

    def upsert(self, table: Table, key: Iterable[str], changed: Iterable[str]) -> Any:
        """An insert that changes some columns of the row whose key is there.

        Args:
            table: Which.
            key: The columns of its primary key.
            changed: The columns that take their new values.
        """
        statement = self.insert(table)
        values = {name: statement.excluded[name] for name in changed}
        return statement.on_conflict_do_update(index_elements=[*key], set_=values)

    @abstractmethod
    def each_of(self, values: BindParameter[Any]) -> TableValuedAlias:
        """A list of texts as a table whose column is `value`. The parameter is JSON."""

    @abstractmethod
    def as_json_object(self, keys: ColumnElement[Any], values: ColumnElement[Any]) -> ColumnElement[Any]:
        """An aggregate: the rows of a group as one object in JSON."""

    # Row-level security

    def has_row_security(self, connection: Connection) -> bool:
        """Whether the database limits rows to tenants, for roles other than the owner."""
        del connection
        return False

    def set_row_security(self, connection: Connection, *, is_on: bool) -> None:
        """Have the database limit the rows of each table to the tenants that a transaction names, or not any more.

        Args:
            connection: Of the owner of the tables, in a transaction.
            is_on: Whether to.

        Raises:
            ValueError: The database cannot.
            sqlalchemy.exc.DBAPIError: The role does not own the tables.
        """
        del connection, is_on
        raise ValueError(f"store: {self.name} has no row-level security, and no roles that it could be for.")

    def show_rows_of(self, connection: Connection, tenants: Sequence[str] | None) -> None:
        """Limit a transaction to the rows of some tenants from here on; None for those of all.

        Called in each transaction if `limits_rows`.
        """
        raise NotImplementedError

    # Files

    @cached_property
    def folder(self) -> Path:
        """Where artifacts go, unless the engine has a folder for them."""
        return Path("artifacts")

    def read_back(self, run_id: str) -> None:
        """Read a run as a program would that opens the database now, if a file can change behind its connections.

        Raises:
            Exception: The file cannot be read.
            LookupError: It can, but has no such run.
        """
        del run_id


def backend_of(bind: Connection | Engine) -> StoreBackend:
    """The backend that a connection or an engine belongs to."""
    backend: StoreBackend = bind.get_execution_options()[_BACKEND]
    return backend
