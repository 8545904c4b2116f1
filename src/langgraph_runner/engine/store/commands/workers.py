"""`ReportWorker` and `RemoveWorker`: the row that shows other processes a worker."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete

from langgraph_runner.engine.store.backends import backend_of
from langgraph_runner.engine.store.schema import run_workers
from langgraph_runner.engine.store.times import now_in
from langgraph_runner.engine.store.writer import Write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

__all__ = ["RemoveWorker", "ReportWorker"]

_FORGOTTEN_MS: Final = 24 * 3_600_000
"""How long a killed worker is shown."""


@dataclass(slots=True, kw_only=True)
class ReportWorker(Write[None]):
    """Write that a worker is alive. Rows of workers that were silent for a day are deleted."""

    id: str
    host: str
    pid: int
    version: str
    workflows: tuple[str, ...]
    max_active_runs: int
    is_draining: bool
    queues: tuple[str, ...] = ()

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[ReportWorker]) -> list[None]:
        """Apply one after the other."""
        now = now_in(connection)
        for each in writes:
            values = {
                "host": each.host,
                "pid": each.pid,
                "version": each.version,
                "workflows": json.dumps(each.workflows),
                "max_active_runs": each.max_active_runs,
                "is_draining": int(each.is_draining),
                "queues": json.dumps(each.queues),
                "seen_at": now,
            }
            added = backend_of(connection).upsert(run_workers, ["id"], values)
            connection.execute(added.values(id=each.id, started_at=now, **values))
        connection.execute(delete(run_workers).where(run_workers.c.seen_at < now - _FORGOTTEN_MS))
        return [None] * len(writes)


@dataclass(slots=True)
class RemoveWorker(Write[None]):
    """Delete the row of a worker that has ended."""

    id: str

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[RemoveWorker]) -> list[None]:
        """Apply one after the other."""
        for each in writes:
            connection.execute(delete(run_workers).where(run_workers.c.id == each.id))
        return [None] * len(writes)
