"""Queries for what steps have delivered: outputs, cache entries and files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import and_, bindparam, literal_column, or_, select

from langgraph_runner.engine.store.records import CacheEntry, as_entry
from langgraph_runner.engine.store.schema import artifacts, outputs, run_steps, runs, step_cache
from langgraph_runner.engine.store.statements import Prepared, any_of, now_ms
from langgraph_runner.workflow.context import ArtifactRef

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

__all__ = [
    "StepOutput",
    "cache_entries",
    "delivered_steps",
    "has_artifact",
    "output_data",
    "run_artifacts",
    "step_output",
]


def delivered_steps(connection: Connection, tenant: str, run_id: str) -> list[str]:
    """Return the steps of a run that have an output, in the workflow's order."""
    query = select(run_steps.c.step_id).where(
        run_steps.c.run_id == run_id, run_steps.c.tenant_id == tenant, run_steps.c.output_sha256.is_not(None)
    )
    return [*connection.execute(query.order_by(run_steps.c.position)).scalars()]


def output_data(connection: Connection, tenant: str, refs: Iterable[str]) -> dict[str, bytes]:
    """Return outputs by reference, without missing ones."""
    found = _OUTPUTS.ask(connection, tenant=tenant, refs=[*dict.fromkeys(refs)])
    return {row.sha256: bytes(row.data) for row in found}


class StepOutput(NamedTuple):
    """The output of a step of a run."""

    workflow: str
    status: str | None
    """None if the run has no such step."""
    data: bytes | None
    """None if the step has no output."""


def step_output(connection: Connection, tenant: str, run_id: str, step: str) -> StepOutput | None:
    """Return the output of one step; None if the tenant has no such run."""
    found = _STEP_OUTPUT.ask(connection, tenant=tenant, run=run_id, step=step)
    if not found:
        return None
    row = found[0]
    return StepOutput(row.workflow_name, row.status, None if row.data is None else bytes(row.data))


def cache_entries(connection: Connection, tenant: str, keys: Iterable[str]) -> dict[str, CacheEntry]:
    """Return the cache entries of these keys that have not expired."""
    found = _ENTRIES.ask(connection, tenant=tenant, keys=[*dict.fromkeys(keys)])
    return {row.cache_key: as_entry(row) for row in found}


def run_artifacts(connection: Connection, tenant: str, run_id: str) -> dict[str, list[ArtifactRef]]:
    """Return the files of a run by step, in the order of their names."""
    query = (
        select(artifacts)
        .where(artifacts.c.run_id == run_id, artifacts.c.tenant_id == tenant)
        .order_by(artifacts.c.step_id, artifacts.c.name)
    )
    found: dict[str, list[ArtifactRef]] = {}
    for row in connection.execute(query):
        found.setdefault(row.step_id, []).append(
            ArtifactRef(row.name, row.uri, row.media_type, row.size, row.sha256)
        )
    return found


def has_artifact(connection: Connection, tenant: str, sha256: str) -> bool:
    """Return whether a run of the tenant has a file of this content."""
    return bool(_FILE_OF_TENANT.ask(connection, tenant=tenant, sha=str(sha256)))


_FILE_OF_TENANT: Final = Prepared(
    select(artifacts.c.sha256)
    .where(artifacts.c.sha256 == bindparam("sha"), artifacts.c.tenant_id == bindparam("tenant"))
    .limit(literal_column("1"))
)
_OUTPUTS: Final = Prepared(
    select(outputs.c.sha256, outputs.c.data).where(
        outputs.c.tenant_id == bindparam("tenant"), any_of(outputs.c.sha256, bindparam("refs"))
    )
)
_STEP_OUTPUT: Final = Prepared(
    select(runs.c.workflow_name, run_steps.c.status, outputs.c.data)
    .outerjoin(
        run_steps,
        and_(
            run_steps.c.run_id == runs.c.id,
            run_steps.c.tenant_id == runs.c.tenant_id,
            run_steps.c.step_id == bindparam("step"),
        ),
    )
    .outerjoin(
        outputs,
        and_(outputs.c.tenant_id == runs.c.tenant_id, outputs.c.sha256 == run_steps.c.output_sha256),
    )
    .where(runs.c.id == bindparam("run"), runs.c.tenant_id == bindparam("tenant"))
)
_ENTRIES: Final = Prepared(
    select(step_cache).where(
        step_cache.c.tenant_id == bindparam("tenant"),
        any_of(step_cache.c.cache_key, bindparam("keys")),
        or_(step_cache.c.expires_at.is_(None), step_cache.c.expires_at > now_ms()),
    )
)
