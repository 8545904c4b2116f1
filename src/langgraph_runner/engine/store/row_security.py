"""PostgreSQL's row-level security as a second guard: a statement that forgets the tenant finds no row of another one.

Each transaction says in a setting whose rows it is for, and a policy of each table compares. Superusers and the owner
of the tables are not limited, so an engine has to connect as another role.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy import inspect, text

from langgraph_runner.engine.store.schema import METADATA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy import Connection

__all__ = [
    "ROW_SECURITY",
    "SETTING",
    "for_all_tenants",
    "has_row_security",
    "set_row_security",
    "show_rows_of",
    "tenants_of_query",
]

ROW_SECURITY: Final = "has_row_security"
"""The execution option of connections to a database that limits rows to tenants."""
SETTING: Final = "langgraph_runner.tenants"
"""Whose rows a transaction sees, as an array: `{acme,globex}`."""
_ALL: Final = "langgraph_runner.all_tenants"
_POLICY: Final = "langgraph_runner_tenant"
_CONDITION: Final = (
    f"current_setting('{_ALL}', true) = 'on'"
    f" OR tenant_id = ANY (CAST(NULLIF(current_setting('{SETTING}', true), '') AS TEXT[]))"
)
_TABLES: Final = [table.name for table in METADATA.sorted_tables if "tenant_id" in table.columns]
_IS_ON: Final = text("SELECT relrowsecurity FROM pg_class WHERE oid = to_regclass('runs')")
_SHOW: Final = text(
    f"SELECT set_config('{SETTING}', CAST(CAST(:tenants AS TEXT[]) AS TEXT), true),"
    f" set_config('{_ALL}', :is_all, true)"
)

QueryT = TypeVar("QueryT", bound="Callable[..., Any]")


def for_all_tenants(query: QueryT) -> QueryT:
    """Mark a query for `RunStore.read` that serves all tenants. Of all others, the first argument is the tenant."""
    query.is_for_all_tenants = True  # type: ignore[attr-defined]
    return query


def tenants_of_query(query: Callable[..., Any], arguments: tuple[Any, ...]) -> Iterable[str] | None:
    """Whose rows a query is about; None for those of all tenants. One that names none is about no rows."""
    if getattr(query, "is_for_all_tenants", False):
        return None
    tenants: str | Iterable[str] = arguments[0] if arguments else ()
    return [tenants] if isinstance(tenants, str) else tenants


def show_rows_of(connection: Connection, tenants: Iterable[str] | None) -> None:
    """Limit a transaction to the rows of some tenants from here on, if the database can; None for those of all."""
    if not connection.get_execution_options().get(ROW_SECURITY):
        return
    connection.execute(_SHOW, {"tenants": [*(tenants or ())], "is_all": "on" if tenants is None else "off"})


def has_row_security(connection: Connection) -> bool:
    """Whether the database limits rows to tenants, for roles other than the owner."""
    return connection.dialect.name == "postgresql" and bool(connection.execute(_IS_ON).scalar())


def set_row_security(connection: Connection, *, is_on: bool) -> None:
    """Have PostgreSQL limit the rows of each table to the tenants that a transaction names, or not any more.

    Args:
        connection: Of the owner of the tables, in a transaction.
        is_on: Whether to.

    Raises:
        ValueError: The database is not PostgreSQL.
        sqlalchemy.exc.DBAPIError: The role does not own the tables.
    """
    if connection.dialect.name != "postgresql":
        raise ValueError("store: SQLite has no row-level security, and no roles that it could be for.")
    there = inspect(connection).get_table_names()  # An earlier schema lacks some.
    for table in [each for each in _TABLES if each in there]:
        connection.execute(text(f"DROP POLICY IF EXISTS {_POLICY} ON {table}"))
        if is_on:
            connection.execute(text(f"CREATE POLICY {_POLICY} ON {table} USING ({_CONDITION})"))
        connection.execute(text(f"ALTER TABLE {table} {'ENABLE' if is_on else 'DISABLE'} ROW LEVEL SECURITY"))
