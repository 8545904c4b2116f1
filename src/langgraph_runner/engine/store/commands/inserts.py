"""Rows that several commands write: the events of runs, and the files of steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic_core import to_json
from sqlalchemy import Connection, bindparam, func, insert, select

from langgraph_runner.engine.store.schema import artifacts, run_events
from langgraph_runner.engine.store.statements import Prepared

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["INSERT_FILE", "add_events", "last_seq"]

_LAST_SEQ: Final = Prepared(
    select(func.max(run_events.c.seq).label("seq")).where(
        run_events.c.run_id == bindparam("run"), run_events.c.tenant_id == bindparam("tenant")
    )
)
INSERT_FILE: Final = Prepared(insert(artifacts), *artifacts.c.keys())
_INSERT_EVENT: Final = Prepared(insert(run_events), "run_id", "tenant_id", "seq", "type", "data", "at")


def last_seq(connection: Connection, tenant: str, run_id: str) -> int:
    """Return the number of the last event of a run; 0 if there is none."""
    return _LAST_SEQ.ask(connection, tenant=tenant, run=run_id)[0].seq or 0


def add_events(
    connection: Connection, events: Sequence[tuple[str, str, int, str, dict[str, Any]]], now: int
) -> None:
    """Add events of runs, given as (run, tenant, number, type, data)."""
    _INSERT_EVENT.run(
        connection,
        [
            {
                "run_id": run_id,
                "tenant_id": tenant,
                "seq": seq,
                "type": kind,
                "data": to_json(data).decode(),
                "at": now,
            }
            for run_id, tenant, seq, kind, data in events
        ],
    )
