"""The audit log: who asked for which change, and the status of the answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from sqlalchemy import insert, select

from langgraph_runner.engine.models import at
from langgraph_runner.engine.store.schema import audit_log
from langgraph_runner.engine.store.times import now_in
from langgraph_runner.engine.store.writer import Write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

__all__ = ["AddAudit", "AuditEntry", "audit_entries"]


class AuditEntry(BaseModel):
    """A change that a caller has asked for."""

    id: int
    at: datetime
    actor: str
    """Who: `key:<id of the API key>`, `jwt:<subject>`, or `dev`."""
    action: str
    """What, such as `run.update`."""
    target: str
    """The run, or the workflow of a new one."""
    status: int
    """200 for a change that was made, else the status of the refusal."""
    request_id: str


@dataclass(slots=True)
class AddAudit(Write[None]):
    """Add an entry."""

    tenant: str
    actor: str
    action: str
    target: str
    status: int
    request_id: str

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[AddAudit]) -> list[None]:
        """All that come together."""
        now = now_in(connection)
        rows: list[dict[str, Any]] = [
            {
                "tenant_id": each.tenant,
                "at": now,
                "actor": each.actor,
                "action": each.action,
                "target": each.target,
                "status": each.status,
                "request_id": each.request_id,
            }
            for each in writes
        ]
        connection.execute(insert(audit_log), rows)
        return [None] * len(rows)


def audit_entries(
    connection: Connection, tenant: str, *, before: int | None = None, limit: int = 50
) -> list[AuditEntry]:
    """Entries of a tenant, the newest first. A query for `RunStore.read`."""
    query = select(audit_log).where(audit_log.c.tenant_id == tenant)
    if before is not None:
        query = query.where(audit_log.c.id < before)
    rows = connection.execute(query.order_by(audit_log.c.id.desc()).limit(limit))
    return [AuditEntry(**{**row._asdict(), "at": at(row.at)}) for row in rows]
