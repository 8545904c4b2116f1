"""Whose rows a transaction is about, for databases that limit rows to tenants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from langgraph_runner.engine.store.backends import backend_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy import Connection

__all__ = ["for_all_tenants", "show_rows_of", "tenants_of_query"]

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
    backend = backend_of(connection)
    if backend.limits_rows:
        backend.show_rows_of(connection, None if tenants is None else [*tenants])
