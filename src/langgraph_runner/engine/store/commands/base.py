"""What the commands share: the locks that a write takes before it reads, and the events and files that it adds.

If a write transaction of the database holds the only lock, nothing else is locked. Otherwise, in READ COMMITTED, a
statement does not see the uncommitted rows of another process. So two processes that start equal work within
milliseconds would both find nothing. A transaction therefore first locks the cache keys that it starts, stores or
hits; what it reads afterwards includes all commits of earlier holders of the locks.

Every transaction locks in one order, which rules out deadlocks. Rows of one table are locked in the order of their
keys:

1. rows of `runs`;
2. rows of `step_tasks`;
3. the references lock;
4. idempotency keys, by inserting rows of `runs`;
5. the lock of all cache keys, then cache keys in ascending order;
6. rows of `outputs`;
7. rows of `step_cache`.

A transaction keeps this order by locking all its rows of `runs` and of `step_tasks` at the beginning
(`Write.locked_runs()`, `Write.locked_tasks()`), and then by `Write.turn`. Rows of `run_steps` are written only by
transactions that have locked their run.

A claim of a run or of a task waits for no lock, so it may take locks in any order: it skips what other transactions
have locked, and follows everything in its own transaction that waits. Before a claim counts the runs of a tenant, it
takes the lock of the tenant, so that two claims do not count the same runs. If another transaction has that lock, the
claim skips the tenant.

Transactions that add references to outputs share the references lock. A transaction that deletes unreferenced outputs
holds it alone.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import to_json
from sqlalchemy import Connection, and_, bindparam, delete, func, insert, or_, select, update

from langgraph_runner.engine.store.backends import backend_of
from langgraph_runner.engine.store.schema import artifacts, run_events, run_steps, step_tasks
from langgraph_runner.engine.store.statements import Prepared

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ColumnElement, Table

__all__ = [
    "CANCEL_STEPS",
    "DROP_TASK",
    "DROP_TASKS",
    "INSERT_FILE",
    "IS_STEP",
    "add_events",
    "last_seq",
    "lock_keys",
    "lock_references_alone",
    "lock_rows",
    "of_run",
    "try_lock_tenant",
]

_REFERENCES: Final = 7_205_759_403_792_794
"""The key of the references lock: any constant that other users of the database are unlikely to choose."""
_ALL_KEYS: Final = _REFERENCES + 1
"""The key of the lock that stands for all cache keys."""
_MAX_KEYS: Final = 500
"""PostgreSQL keeps all locks of all sessions in one table of some 6,400 entries by default."""


def of_run(table: Table) -> ColumnElement[bool]:
    """Return the condition that picks the rows of one run, for the parameters `run` and `tenant`."""
    return and_(table.c.run_id == bindparam("run"), table.c.tenant_id == bindparam("tenant"))


IS_STEP: Final = and_(of_run(run_steps), run_steps.c.step_id == bindparam("step"))
"""Picks one row of `run_steps`, for the parameters `run`, `step` and `tenant`."""
CANCEL_STEPS: Final = Prepared(
    update(run_steps)
    .where(of_run(run_steps), or_(run_steps.c.status == "pending", run_steps.c.status == "running"))
    .values(status="cancelled", reason="cancelled"),
    "completed_at",
)
"""Ends the steps of a run that have not ended."""
DROP_TASKS: Final = Prepared(delete(step_tasks).where(of_run(step_tasks)))
_LAST_SEQ: Final = Prepared(select(func.max(run_events.c.seq).label("seq")).where(of_run(run_events)))
DROP_TASK: Final = Prepared(
    delete(step_tasks).where(of_run(step_tasks), step_tasks.c.step_id == bindparam("step"))
)
INSERT_FILE: Final = Prepared(insert(artifacts), *artifacts.c.keys())
_INSERT_EVENT: Final = Prepared(insert(run_events), "run_id", "tenant_id", "seq", "type", "data", "at")


def lock_keys(connection: Connection, keys: Iterable[tuple[str, str]]) -> None:
    """Lock cache keys, as tenant and key, and the references lock, until the transaction ends.

    For more than 500 keys, the transaction locks all keys instead.
    """
    backend = backend_of(connection)
    if backend.has_one_writer:
        return
    numbers = sorted({_number(*key) for key in keys})
    if len(numbers) > _MAX_KEYS:
        backend.lock(connection, [_ALL_KEYS], shared=[_REFERENCES])
    else:
        backend.lock(connection, numbers, shared=[_REFERENCES, _ALL_KEYS] if numbers else [_REFERENCES])


def lock_references_alone(connection: Connection) -> None:
    """Keep other transactions from adding references to outputs until this one ends, and wait for those that do."""
    backend = backend_of(connection)
    if not backend.has_one_writer:
        backend.lock(connection, [_REFERENCES])


def lock_rows(connection: Connection, table: Table, *conditions: ColumnElement[bool]) -> None:
    """Lock rows in the order of their keys."""
    if not backend_of(connection).has_one_writer:
        key = [*table.primary_key]
        connection.execute(select(*key).where(*conditions).order_by(*key).with_for_update())


def try_lock_tenant(connection: Connection, tenant: str) -> bool:
    """Keep other transactions from claiming runs of a tenant until this one ends. False if another one does so."""
    backend = backend_of(connection)
    return backend.has_one_writer or backend.try_lock(connection, _number(tenant, ""))


def _number(tenant: str, key: str) -> int:
    """Return a 64-bit number for a key. Two keys with one number wait for each other, which is harmless."""
    return int.from_bytes(blake2b(f"{tenant}\0{key}".encode(), digest_size=8).digest(), signed=True)


def last_seq(connection: Connection, tenant: str, run_id: str) -> int:
    """Return the number of the last event of a run; 0 for a run without events."""
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
