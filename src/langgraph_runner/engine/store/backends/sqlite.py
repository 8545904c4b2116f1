"""`SQLiteBackend`: a database in a file or in memory, tuned for what the store does with it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from sqlalchemy import URL, Engine, create_engine, event, func, make_url
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError

from langgraph_runner.engine.store.backends.base import READERS, StoreBackend
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES, drive

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from types import TracebackType

    from sqlalchemy import BindParameter, ColumnElement, Connection, Table, TableValuedAlias

    from langgraph_runner.runtime.runtimes import Runtime

__all__ = ["SQLiteBackend", "file_of"]

_BUSY_MS: Final = 30_000
_WAL_RETRY_S: Final = 0.005
_JULIAN_DAY_OF_1970: Final = 2_440_587.5
_clock: Final = REAL_RUNTIMES.blocking
"""The real clock: it measures waits for a lock that another process holds, also in tests with another clock."""
_WRITE: Final = "BEGIN IMMEDIATE"
_FILE: Final = "file"
_ROLLED_BACK: Final = "an error in the middle of the transaction has made SQLite roll it back"
_GONE: Final = "{} was deleted or replaced while it was open: what would be written now would be lost"
_BROKEN: Final = (
    "was deleted or replaced",
    "no such table",
    "no such column",
    "file is not a database",
    "malformed",
)
"""Parts of SQLite's messages for a missing or damaged database. Its error codes do not distinguish these errors."""


class SQLiteBackend(StoreBackend):
    """A database in a file, which several processes of one machine may share, or in memory.

    A write transaction takes the lock at its beginning (`BEGIN IMMEDIATE`). A deferred one that reads first and
    writes later fails at once, without waiting, when another process has written in between (SQLITE_BUSY_SNAPSHOT).

    Args:
        url: `sqlite:///runs.db` (a path from here), `sqlite:////srv/runs.db`, or `sqlite://` for one in memory.

    Raises:
        ValueError: The URL has options.
        OSError: The folder of the file cannot be created.
    """

    name: ClassVar[str] = "SQLite"
    now_sql: ClassVar[str] = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
    list_sql: ClassVar[str] = "(SELECT value FROM json_each({}))"
    lists_are_json: ClassVar[bool] = True
    has_lateral: ClassVar[bool] = False
    has_one_writer: ClassVar[bool] = True
    has_wide_integers: ClassVar[bool] = True
    migrates_itself: ClassVar[bool] = True

    def __init__(self, url: str | URL) -> None:
        if isinstance(url, str) and "?" in url:
            raise ValueError(
                f"store: {url!r:.120}: a '?' begins options, and SQLite takes none here. For a path that holds one,"
                " give sqlalchemy.URL.create('sqlite', database=path)."
            )
        parsed = make_url(url)
        path = file_of(parsed)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        place = _in_memory() if path is None else parsed
        self._path = path
        self._temporary: TemporaryDirectory[str] | None = None
        self._file = _OpenFile(str(place.database))
        super().__init__(
            parsed,
            writing=_sqlite(place, self._file, begin=_WRITE),
            reading=_sqlite(place, self._file, begin="BEGIN", readers=READERS),
        )

    def use(self, runtime: Runtime) -> None:
        """Let the SQL of each connection use the time of `runtime`."""
        super().use(runtime)

        def julian_day(_moment: str) -> float:
            return runtime.now_utc().timestamp() / 86_400 + _JULIAN_DAY_OF_1970

        def set_clock(connection: Any, _record: Any) -> None:
            connection.create_function("julianday", 1, julian_day)  # In place of SQLite's own.

        for engine in (self.writing, self.reading):
            event.listen(engine, "connect", set_clock)

    @cached_property
    def folder(self) -> Path:
        """The folder beside the file; a temporary folder for a database in memory."""
        if self._path is not None:
            return Path(f"{self._path}.artifacts")
        self._temporary = TemporaryDirectory(prefix="langgraph-runner-", ignore_cleanup_errors=True)
        return Path(self._temporary.name)

    def read_back(self, run_id: str) -> None:
        """Read a run from the file through a new connection.

        If the file has become shorter, by VACUUM or by damage, the whole file is checked.

        Raises:
            sqlite3.Error: The file cannot be read.
            LookupError: The file can be read, but has no such run.
        """
        if self._path is None:
            return
        self._file.check()
        path = self._path.absolute().as_uri()
        with contextlib.closing(sqlite3.connect(f"{path}?mode=ro", uri=True)) as connection:
            found = connection.execute("SELECT status FROM runs WHERE id = ?", (run_id,)).fetchone()
            if found is None:
                raise LookupError(f"run '{run_id}' is not in the file")
            if self._file.has_shrunk:
                self._file.has_shrunk = False
                (problem,) = connection.execute("PRAGMA quick_check(1)").fetchone()
                if problem != "ok":
                    raise sqlite3.DatabaseError(problem)

    def dispose(self) -> None:
        """Close every connection."""
        super().dispose()
        if self._temporary is not None:
            self._temporary.cleanup()

    def begin_writing(self, connection: Connection) -> AbstractContextManager[object]:
        """Begin a transaction that writes, with the lock.

        Raises:
            sqlalchemy.exc.DBAPIError: The database is locked, or its file was deleted or replaced; at the end: it
                could not be committed, and nothing was.
        """
        return _Transaction(connection)

    def begin_nested(self, connection: Connection) -> AbstractContextManager[object]:
        """Do nothing: in SQLite, a failed statement leaves its transaction unchanged."""
        del connection
        return contextlib.nullcontext()

    def has_rolled_back(self, connection: Connection) -> bool:
        """Return whether the transaction is gone: SQLite ends it at some errors, such as a full disk."""
        return not _driver_of(connection).in_transaction

    def is_lost(self, connection: Connection) -> bool:
        """Return False: there is no server."""
        del connection
        return False

    def is_permanent(self, error: BaseException) -> bool:
        """Return whether the file or a table is missing, or the file is damaged."""
        original = getattr(error, "orig", None)
        text = str(original)
        return isinstance(original, sqlite3.Error) and any(sign in text for sign in _BROKEN)

    def insert(self, table: Table) -> Any:
        """Return SQLite's own `insert()`."""
        return sqlite.insert(table)

    def each_of(self, values: BindParameter[Any]) -> TableValuedAlias:
        """Return a call of the function `json_each`."""
        return func.json_each(values).table_valued("value")

    def as_json_object(self, keys: ColumnElement[Any], values: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return a call of the function `json_group_object`."""
        return func.json_group_object(keys, values)


def file_of(url: URL) -> Path | None:
    """Return the file of a SQLite database; None for a database in memory, and for other databases."""
    if url.get_backend_name() != "sqlite" or url.database in {None, "", ":memory:"}:
        return None
    return Path(str(url.database))


def _in_memory() -> URL:
    """Return the URL of a new database in memory that several connections can open."""
    name = f"file:/{_clock.token_hex(8)}"  # Really random: two databases in memory must not share a name.
    return URL.create("sqlite", database=name, query={"vfs": "memdb", "uri": "true"})


class _OpenFile:
    """The file of a database, which all its connections share.

    SQLite keeps working on a deleted file. If another file has taken its name, a new connection truncates the shared
    memory file of the write-ahead log while the old connections have it mapped, and the process dies of SIGBUS.

    Args:
        path: Of the file. It does not exist for a database in memory.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._opened: os.stat_result | None = None
        self._size = 0
        self.has_shrunk = False
        """Whether the file has become shorter."""

    def opened(self) -> None:
        """Remember the file of the first connection."""
        self._opened = self._opened or _file_at(self._path)

    def check(self) -> None:
        """Raise if the file was deleted or replaced, and note whether it has become shorter.

        Raises:
            sqlite3.OperationalError: It was deleted or replaced.
        """
        if self._opened is None:
            return
        found = _file_at(self._path)
        if found is None or not os.path.samestat(found, self._opened):
            raise sqlite3.OperationalError(_GONE.format(self._path))
        self.has_shrunk = self.has_shrunk or found.st_size < self._size
        self._size = found.st_size


def _file_at(path: str) -> os.stat_result | None:
    """Return the metadata of a file; None if it does not exist, as for a database in memory."""
    try:
        return os.stat(path)  # noqa: PTH116 - a Path takes longer, and it is asked at each write
    except OSError:
        return None


def _sqlite(url: URL, file: _OpenFile, *, begin: str, readers: int = 1) -> Engine:
    threads = {"check_same_thread": False}
    engine = create_engine(url, pool_size=readers, max_overflow=0, connect_args=threads)

    @event.listens_for(engine, "do_connect")
    def look(*_: object) -> None:
        file.check()  # SQLite would create a new file.

    @event.listens_for(engine, "connect")
    def tune(connection: Any, record: Any) -> None:
        file.check()  # The first statement opens the write-ahead log.
        connection.isolation_level = None  # This class begins all transactions, not Python's driver.
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        _use_wal(cursor)
        # FULL: a commit is on disk when it returns. With NORMAL, a power cut would lose the last commits.
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA cache_size = -4000")  # kB, of each connection: large outputs fill it.
        cursor.close()
        file.opened()
        record.info[_FILE] = file

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        # What SQLAlchemy executes within `begin_writing` joins that transaction.
        if not (begin == _WRITE and _driver_of(connection).in_transaction):
            _begin(connection, begin)

    return engine


def _use_wal(cursor: sqlite3.Cursor) -> None:
    """Switch the file to write-ahead logging, for good.

    Two connections that switch a new file at once can block each other. SQLite then fails at once, despite the busy
    timeout, so this function retries for the time of the busy timeout.
    """
    give_up_at = _clock.monotonic() + _BUSY_MS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            is_busy = error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
            if not is_busy or _clock.monotonic() > give_up_at:
                raise
            drive(_clock.sleep(_WAL_RETRY_S, None))


def _driver_of(connection: Connection) -> sqlite3.Connection:
    driver: Any = connection.connection.driver_connection
    return driver  # type: ignore[no-any-return]


def _begin(connection: Connection, begin: str) -> None:
    driver = _driver_of(connection)
    try:
        if begin == _WRITE:
            if driver.in_transaction:
                driver.rollback()  # A transaction whose end has failed.
            connection.info[_FILE].check()
        driver.execute(begin)
    except sqlite3.Error as error:
        raise _as_raised(error, begin, connection) from error


def _as_raised(error: sqlite3.Error, statement: str, connection: Connection) -> Exception:
    """Return the error in the form of SQLAlchemy, so that callers handle all databases alike."""
    return DBAPIError.instance(statement, None, error, sqlite3.Error, dialect=connection.dialect)


class _Transaction:
    """A transaction that the driver begins and ends: SQLAlchemy's own takes longer than a statement."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        _begin(connection, _WRITE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        driver = _driver_of(self._connection)
        try:
            if kind is None:
                if not driver.in_transaction:
                    raise sqlite3.OperationalError(_ROLLED_BACK)
                driver.commit()
        except sqlite3.Error as error:
            raise _as_raised(error, "COMMIT", self._connection) from error
        finally:
            with contextlib.suppress(sqlite3.Error):  # The next transaction tries again.
                driver.rollback()
            if self._connection.in_transaction():
                # SQLAlchemy has joined this transaction and has not begun its own.
                self._connection.rollback()
