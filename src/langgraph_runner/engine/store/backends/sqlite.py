"""Opening a database by its URL, tuned for what the store does with it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, Self

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from langgraph_runner.engine.store.row_security import ROW_SECURITY
from langgraph_runner.node.runtime import REAL_RUNTIMES, drive

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from types import TracebackType

    from sqlalchemy import Connection

__all__ = [
    "Database",
    "begin_writing",
    "has_rolled_back",
    "is_conflict",
    "is_lost",
    "is_permanent",
    "open_database",
]

_BUSY_MS: Final = 30_000
_CONFLICTS: Final = frozenset({"40001", "40P01"})
"""The SQLSTATE codes of a serialization failure and of a detected deadlock (PostgreSQL, Appendix A)."""
_PATIENCE: Final = {"connect_timeout": "10", "keepalives_idle": "30", "tcp_user_timeout": "30000"}
"""Options of libpq: seconds to connect, seconds until a silent connection is probed, ms until data is given up."""
_READERS: Final = 4
_WAL_RETRY_S: Final = 0.005
_clock: Final = REAL_RUNTIMES.blocking
_WRITE: Final = "BEGIN IMMEDIATE"
_FILE: Final = "file"
_ROLLED_BACK: Final = "an error in the middle of the transaction has made SQLite roll it back"
_GONE: Final = "{} was deleted or replaced while it was open: what would be written now would be lost"
_MISSING: Final = frozenset({"3D000", "42P01", "42703"})
"""The SQLSTATE codes of a database, a table and a column that do not exist (PostgreSQL, Appendix A)."""
_BROKEN: Final = (
    "was deleted or replaced",
    "no such table",
    "no such column",
    "file is not a database",
    "malformed",
)
"""How SQLite's messages of such errors read; its codes do not tell them from a misspelled statement."""


class Database:
    """The two ways into one database: one connection that writes, a few that read. Thread-safe.

    On SQLite a write transaction takes the lock at its beginning (`BEGIN IMMEDIATE`). A deferred one that reads
    first and writes later fails at once, without waiting, when another process has written in between
    (SQLITE_BUSY_SNAPSHOT).
    """

    def __init__(self, url: URL) -> None:
        self.url = url
        self.is_sqlite = url.get_backend_name() == "sqlite"
        self._temporary: TemporaryDirectory[str] | None = None
        if self.is_sqlite:
            place = _in_memory() if _is_memory(url) else url
            self._file = _OpenFile(str(place.database))
            self.writing = _sqlite(place, self._file, begin=_WRITE)
            self.reading = _sqlite(place, self._file, begin="BEGIN", readers=_READERS)
        else:
            self.writing = self.reading = create_engine(
                # The writer, the readers, and one for what is asked beside them. More would wait for each other.
                _with_defaults(url),
                pool_size=_READERS + 2,
                max_overflow=0,
                pool_pre_ping=True,
            )

    def connections(self) -> tuple[int, int]:
        """How many connections are in use, and how many there may be."""
        pools: set[Any] = {self.writing.pool, self.reading.pool}
        return sum(pool.checkedout() for pool in pools), sum(pool.size() for pool in pools)

    def limit_rows(self, is_limited: bool) -> None:
        """Say whether each transaction has to name the tenants whose rows it is about."""
        self.writing = self.writing.execution_options(**{ROW_SECURITY: is_limited})
        self.reading = self.reading.execution_options(**{ROW_SECURITY: is_limited})

    @cached_property
    def folder(self) -> Path:
        """Where files go that belong to what it holds; those of a database in memory are gone with it."""
        if not self.is_sqlite:
            return Path("artifacts")
        if not _is_memory(self.url):
            return Path(f"{self.url.database}.artifacts")
        self._temporary = TemporaryDirectory(prefix="langgraph-runner-", ignore_cleanup_errors=True)
        return Path(self._temporary.name)

    def read_back(self, run_id: str) -> None:
        """Read a run from the file of SQLite, through a connection that knows nothing yet.

        If the file has become shorter, which only VACUUM and damage do, it is checked as a whole.

        Raises:
            sqlite3.Error: The file cannot be read.
            LookupError: It can, but has no such run.
        """
        if not self.is_sqlite or _is_memory(self.url):
            return
        self._file.check()
        path = Path(str(self.url.database)).absolute().as_uri()
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
        self.writing.dispose()
        self.reading.dispose()
        if self._temporary is not None:
            self._temporary.cleanup()


def open_database(url: str | URL) -> Database:
    """Open a database; a SQLite file and its folder are made if need be.

    Args:
        url: `sqlite:///runs.db` (a path from here), `sqlite:////srv/runs.db`, `sqlite://` (in memory, for tests), or
            `postgresql://...`.

    Raises:
        ValueError: It is no URL of a database that the store knows.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ValueError(
            f"store: {str(url)!r:.120} is no URL; use sqlite:///runs.db or postgresql://..."
        ) from error
    backend = parsed.get_backend_name()
    if backend not in {"sqlite", "postgresql"}:
        raise ValueError(f"store: {backend!r} is not supported; use sqlite:///runs.db or postgresql://...")
    if backend == "sqlite" and isinstance(url, str) and "?" in url:
        raise ValueError(
            f"store: {str(url)!r:.120}: a '?' begins options, and SQLite takes none here. For a path that holds one,"
            " give sqlalchemy.URL.create('sqlite', database=path)."
        )
    if backend == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    elif not _is_memory(parsed):
        Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
    return Database(parsed)


def _with_defaults(url: URL) -> URL:
    """With limits for a server that does not answer, unless the address sets them: else a write may wait for ever."""
    return url.set(query={**_PATIENCE, **url.query})


def _is_memory(url: URL) -> bool:
    return url.database in {None, "", ":memory:"}


def _in_memory() -> URL:
    """A database of its own in memory, for several connections: one that threads share would mix transactions up."""
    name = f"file:/{REAL_RUNTIMES.blocking.token_hex(8)}"
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
        """Whether it was seen to become shorter."""

    def opened(self) -> None:
        """Remember the file that the first connection has opened."""
        self._opened = self._opened or _file_at(self._path)

    def check(self) -> None:
        """Refuse to continue if the file was deleted or replaced, and note whether it has become shorter.

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
    """What the system knows of a file; None if it does not exist, as for a database in memory."""
    try:
        return os.stat(path)  # noqa: PTH116 - a Path takes longer, and it is asked at each write
    except OSError:
        return None


def _sqlite(url: URL, file: _OpenFile, *, begin: str, readers: int = 1) -> Engine:
    threads = {"check_same_thread": False}
    engine = create_engine(url, pool_size=readers, max_overflow=0, connect_args=threads)

    @event.listens_for(engine, "do_connect")
    def look(*_: object) -> None:
        file.check()  # SQLite would make a new file.

    @event.listens_for(engine, "connect")
    def tune(connection: Any, record: Any) -> None:
        file.check()  # It opens the log with the first statement.
        connection.isolation_level = None  # The transactions are ours; Python's driver is not to begin any.
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        _use_wal(cursor)
        # FULL: a commit is on disk when it returns. NORMAL would lose the last ones in a power cut.
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
    """Switch the file to write-ahead logging, which the file remembers.

    Two connections that switch a new file at once can block each other. SQLite then fails at once, whatever the
    busy timeout is, so this tries again for as long.
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
                driver.rollback()  # One whose end has failed.
            connection.info[_FILE].check()
        driver.execute(begin)
    except sqlite3.Error as error:
        raise _as_raised(error, begin, connection) from error


def _as_raised(error: sqlite3.Error, statement: str, connection: Connection) -> Exception:
    """As SQLAlchemy raises it, so that whoever waits can tell that the database is away."""
    return DBAPIError.instance(statement, None, error, sqlite3.Error, dialect=connection.dialect)


def begin_writing(connection: Connection) -> AbstractContextManager[object]:
    """Begin a transaction that writes; it ends with the `with` block, and is rolled back if that raises.

    Raises:
        sqlalchemy.exc.DBAPIError: The database is away or locked, or its file was deleted or replaced; at the end:
            it could not be committed, and nothing was.
    """
    return _Transaction(connection) if connection.dialect.name == "sqlite" else connection.begin()


def has_rolled_back(connection: Connection) -> bool:
    """Whether the transaction is gone, with all that was written: SQLite ends it at some errors (a full disk)."""
    return connection.dialect.name == "sqlite" and not _driver_of(connection).in_transaction


def is_lost(connection: Connection) -> bool:
    """Whether the server has closed the connection: then it is not known whether the last COMMIT took effect."""
    if connection.dialect.name == "sqlite":
        return False
    if connection.closed or connection.invalidated:
        return True
    driver: Any = connection.connection.driver_connection
    return bool(driver is None or driver.closed)


def is_conflict(error: BaseException) -> bool:
    """Whether PostgreSQL has ended a transaction because of another one: a deadlock or a serialization failure."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) in _CONFLICTS


def is_permanent(error: BaseException) -> bool:
    """Whether trying again cannot help: the file, the database or a table is gone, or the file is garbage."""
    original = getattr(error, "orig", None)
    if getattr(original, "sqlstate", None) in _MISSING:
        return True
    text = str(original)
    return isinstance(original, sqlite3.Error) and any(sign in text for sign in _BROKEN)


class _Transaction:
    """One on SQLite, which the driver begins and ends: SQLAlchemy would take longer about it than a statement."""

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
            with contextlib.suppress(sqlite3.Error):  # The next one will try again.
                driver.rollback()
            if self._connection.in_transaction():  # SQLAlchemy has joined, and has nothing of its own to end.
                self._connection.rollback()
