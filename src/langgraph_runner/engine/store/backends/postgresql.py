"""`PostgreSQLBackend`: a database on a server, for any number of machines (extra `postgresql`).

Row-level security is a second guard: a statement that forgets the tenant finds no row of another tenant. Each
transaction names its tenants in a setting, and a policy of each table compares. Superusers and the owner of the
tables are not limited, so an engine has to connect as another role.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from sqlalchemy import JSON, URL, cast, create_engine, event, func, inspect, make_url, select, text
from sqlalchemy.dialects import postgresql

from langgraph_runner.engine.store.backends.base import READERS, StoreBackend
from langgraph_runner.engine.store.call_limits import CALL_TIMEOUT, read_limit
from langgraph_runner.engine.store.schema import METADATA

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import BindParameter, ColumnElement, Connection, Engine, Table, TableValuedAlias
    from sqlalchemy.engine import Dialect

__all__ = ["PostgreSQLBackend"]

_PATIENCE: Final = {"connect_timeout": "10", "keepalives_idle": "30", "tcp_user_timeout": "30000"}
"""Options of libpq: seconds to connect, seconds until a silent connection is probed, ms until data is given up."""
_MISSING: Final = frozenset({"3D000", "42P01", "42703"})
"""The SQLSTATE codes of a database, a table and a column that do not exist (PostgreSQL, Appendix A)."""
_LOCK: Final = text(
    "SELECT pg_advisory_xact_lock_shared(key) FROM unnest(CAST(:shared AS BIGINT[])) AS key"
    " UNION ALL SELECT pg_advisory_xact_lock(key) FROM unnest(CAST(:numbers AS BIGINT[])) AS key"
)
_TENANTS: Final = "langgraph_runner.tenants"
"""The setting with the tenants of a transaction, as an array: `{acme,globex}`."""
_ALL: Final = "langgraph_runner.all_tenants"
_POLICY: Final = "langgraph_runner_tenant"
_CONDITION: Final = (
    f"current_setting('{_ALL}', true) = 'on'"
    f" OR tenant_id = ANY (CAST(NULLIF(current_setting('{_TENANTS}', true), '') AS TEXT[]))"
)
_LIMITED_TABLES: Final = [table.name for table in METADATA.sorted_tables if "tenant_id" in table.columns]
_IS_ON: Final = text("SELECT relrowsecurity FROM pg_class WHERE oid = to_regclass('runs')")
_SHOW: Final = text(
    f"SELECT set_config('{_TENANTS}', CAST(CAST(:tenants AS TEXT[]) AS TEXT), true),"
    f" set_config('{_ALL}', :is_all, true)"
)


class PostgreSQLBackend(StoreBackend):
    """A database of PostgreSQL, through psycopg.

    Args:
        url: `postgresql://user@host/name`. Options after a `?` are those of libpq, and `call_timeout`: how many
            seconds a call may take, 5 to 3,600; the default is 30.

    Raises:
        ValueError: `call_timeout` is out of its range.
    """

    name: ClassVar[str] = "PostgreSQL"
    now_sql: ClassVar[str] = "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"
    list_sql: ClassVar[str] = "(SELECT unnest(CAST({} AS TEXT[])))"

    def __init__(self, url: str | URL) -> None:
        parsed = make_url(url).set(drivername="postgresql+psycopg")
        engine = create_engine(
            # The writer, the readers, and a spare one.
            _with_defaults(parsed.difference_update_query([CALL_TIMEOUT])),
            pool_size=READERS + 2,
            max_overflow=0,
            pool_pre_ping=True,
        )
        self.call_limit_s = read_limit(parsed)
        _limit_calls(engine, self.call_limit_s)
        super().__init__(parsed, writing=engine, reading=engine)

    def set_statement_timeout(self, connection: Connection, seconds: float) -> None:
        """Set `statement_timeout` of the transaction."""
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {round(seconds * 1000)}")

    def is_permanent(self, error: BaseException) -> bool:
        """Return whether the database, a table or a column does not exist."""
        return getattr(getattr(error, "orig", None), "sqlstate", None) in _MISSING

    def lock(self, connection: Connection, numbers: Sequence[int], *, shared: Sequence[int] = ()) -> None:
        """Take advisory locks, which end with the transaction."""
        connection.execute(_LOCK, {"shared": [*shared], "numbers": [*numbers]})

    def try_lock(self, connection: Connection, number: int) -> bool:
        """Try to take an advisory lock, which ends with the transaction."""
        return bool(connection.execute(select(func.pg_try_advisory_xact_lock(number))).scalar())

    def insert(self, table: Table) -> Any:
        """Return PostgreSQL's own `insert()`."""
        return postgresql.insert(table)

    def each_of(self, values: BindParameter[Any]) -> TableValuedAlias:
        """Return a call of the function `json_array_elements_text`."""
        return func.json_array_elements_text(cast(values, JSON)).table_valued("value")

    def as_json_object(self, keys: ColumnElement[Any], values: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return a call of the function `json_object_agg`."""
        return func.json_object_agg(keys, values)

    def has_row_security(self, connection: Connection) -> bool:
        """Return whether the table of runs has row-level security."""
        return bool(connection.execute(_IS_ON).scalar())

    def set_row_security(self, connection: Connection, *, is_on: bool) -> None:
        """Create or drop a policy for each table with tenants."""
        there = inspect(connection).get_table_names()  # An earlier schema lacks some tables.
        for table in [each for each in _LIMITED_TABLES if each in there]:
            connection.execute(text(f"DROP POLICY IF EXISTS {_POLICY} ON {table}"))
            if is_on:
                connection.execute(text(f"CREATE POLICY {_POLICY} ON {table} USING ({_CONDITION})"))
            change = "ENABLE" if is_on else "DISABLE"
            connection.execute(text(f"ALTER TABLE {table} {change} ROW LEVEL SECURITY"))

    def show_rows_of(self, connection: Connection, tenants: Sequence[str] | None) -> None:
        """Name the tenants in a setting of the transaction."""
        is_all = "on" if tenants is None else "off"
        connection.execute(_SHOW, {"tenants": [*(tenants or ())], "is_all": is_all})


def _with_defaults(url: URL) -> URL:
    """Add limits for a server that does not answer, unless the URL sets them. Without them a write could hang."""
    return url.set(query={**_PATIENCE, **url.query})


def _limit_calls(engine: Engine, limit_s: float) -> None:
    """Let the connections of an engine keep the deadlines of the threads that use them."""
    from langgraph_runner.engine.store.limited_connection import LimitedConnection  # noqa: PLC0415 - of an extra

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Dialect, _record: Any, arguments: Any, options: dict[str, Any]) -> Any:
        return LimitedConnection.open(limit_s, arguments, options)
