"""Queries for the events of runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, func, select

from langgraph_runner.engine.store.schema import run_events
from langgraph_runner.engine.store.statements import Prepared, any_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from langgraph_runner.engine.store.backends import StoreBackend

__all__ = ["events_after", "last_events"]


def last_events(connection: Connection, tenants: list[str], run_ids: list[str]) -> dict[str, int]:
    """Return the number of the last event of each run that has events."""
    found = _LAST_EVENTS.ask(connection, tenants=tenants, ids=json.dumps(run_ids))
    return {row.run_id: row.seq for row in found if row.seq is not None}


def events_after(
    connection: Connection, tenant: str, run_id: str, after: int, limit: int
) -> list[tuple[int, str, str, int]]:
    """Return events of a run in their order, as (sequence number, type, data as JSON, time)."""
    query = (
        select(run_events.c.seq, run_events.c.type, run_events.c.data, run_events.c.at)
        .where(run_events.c.run_id == run_id, run_events.c.tenant_id == tenant, run_events.c.seq > after)
        .order_by(run_events.c.seq)
        .limit(limit)
    )
    return [tuple(row) for row in connection.execute(query)]


def _last_events(backend: StoreBackend) -> Any:
    """Return the statement: one index lookup for each run."""
    each = backend.each_of(bindparam("ids"))
    last = select(func.max(run_events.c.seq)).where(
        run_events.c.run_id == each.c.value, any_of(run_events.c.tenant_id, bindparam("tenants"))
    )
    return select(each.c.value.label("run_id"), last.scalar_subquery().label("seq"))


_LAST_EVENTS: Final = Prepared(_last_events)
