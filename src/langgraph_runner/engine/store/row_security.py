"""The tenants of a transaction, for databases with row-level security."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from langgraph_runner.engine.store.backends import backend_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy import Connection

__all__ = ["for_all_tenants", "show_rows_of", "tenants_of_query"]

QueryT = TypeVar("QueryT", bound="Callable[..., Any]")


def for_all_tenants(query: QueryT) -> QueryT:
    """Mark a query for `RunStore.read` that serves all tenants. The first argument of other queries is the tenant."""
    query.is_for_all_tenants = True  # type: ignore[attr-defined]
    return query


def tenants_of_query(query: Callable[..., Any], arguments: tuple[Any, ...]) -> Iterable[str] | None:
    """Return the tenants of a query; None for all tenants. A query without arguments sees no rows."""
    if getattr(query, "is_for_all_tenants", False):
        return None
    tenants: str | Iterable[str] = arguments[0] if arguments else ()
    return [tenants] if isinstance(tenants, str) else tenants


def show_rows_of(connection: Connection, tenants: Iterable[str] | None) -> None:
    """Limit the rest of a transaction to the rows of some tenants, if the database can; None for all tenants."""
    backend = backend_of(connection)
    if backend.limits_rows:
        backend.show_rows_of(connection, None if tenants is None else [*tenants])
