"""The audit log: who requested which change, and the status of the response."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel
from sqlalchemy import insert, select

from langgraph_runner.engine.models import at
from langgraph_runner.engine.store.schema import audit_log
from langgraph_runner.engine.store.statements import now_in
from langgraph_runner.engine.store.writer import Write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

__all__ = ["AddAudit", "AuditEntry", "audit_entries"]


class AuditEntry(BaseModel):
    """A change that a caller requested."""

    id: int
    """Ascending with time, with gaps: other tenants have entries, too."""
    at: datetime
    """When the service wrote the entry, right after the change."""
    actor: str
    """Who: `key:<id of the API key>`, `jwt:<subject>`, or `dev`."""
    action: str
    """`run.create`, `run.update`, `run.retry` or `run.cancel`."""
    target: str
    """The id of the run; for `run.create`, the name of the workflow."""
    status: int
    """200 if the change was made, otherwise the HTTP status of the refusal."""
    request_id: str
    """The `X-Request-ID` of the response."""


@dataclass(slots=True)
class AddAudit(Write[None]):
    """Add an entry to the audit log."""

    tenant_id: str
    actor: str
    action: str
    target: str
    status: int
    request_id: str

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[AddAudit]) -> list[None]:
        """Insert all entries of one commit."""
        now = now_in(connection)
        connection.execute(insert(audit_log), [{**asdict(each), "at": now} for each in writes])
        return [None] * len(writes)


def audit_entries(
    connection: Connection, tenant: str, *, before: int | None = None, limit: int = 50
) -> list[AuditEntry]:
    """Return the entries of a tenant, newest first. A query for `RunStore.read`."""
    query = select(audit_log).where(audit_log.c.tenant_id == tenant)
    if before is not None:
        query = query.where(audit_log.c.id < before)
    rows = connection.execute(query.order_by(audit_log.c.id.desc()).limit(limit))
    return [AuditEntry(**{**row._asdict(), "at": at(row.at)}) for row in rows]
