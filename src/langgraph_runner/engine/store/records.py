"""The values that go into the store and come out of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import Text, cast, func, select

from langgraph_runner.engine.errors import IdempotencyConflictError
from langgraph_runner.engine.store.schema import run_steps, runs
from langgraph_runner.workflow import Reason, StepStatus
from langgraph_runner.workflow.context import ArtifactRef

if TYPE_CHECKING:
    from sqlalchemy import Select, SelectBase

    from langgraph_runner.engine.store.backends import StoreBackend

__all__ = [
    "RUN_COLUMNS",
    "STEP_COLUMNS",
    "SUMMARY_COLUMNS",
    "CacheEntry",
    "NewRun",
    "RunRow",
    "Start",
    "StepChange",
    "StepRow",
    "SummaryRow",
    "as_counted_run",
    "as_entry",
    "as_summary",
    "error_summary",
    "new_run",
    "with_counts",
]


@dataclass(slots=True, kw_only=True)
class NewRun:
    """A run to be created, with the ids of its steps."""

    id: str
    tenant: str
    workflow: str
    version: str
    trigger: str
    inputs: bytes
    options: str
    steps: tuple[str, ...]
    base_run_id: str | None = None
    root_run_id: str
    change_request: str | None = None
    idempotency_key: str | None = None
    priority: int = 0
    tags: Mapping[str, str] = field(default_factory=dict)
    metadata: str | None = None
    """As JSON."""
    owner: str | None = None
    """The engine that claims it at once; None to leave it to any engine."""
    lease_ms: int = 0
    reused_from: str | None = None
    """The run from which the outputs and artifacts of the steps `reused` are taken."""
    reused: frozenset[str] = frozenset()
    reason: str = "reused_from_base"
    """The reason with which reused steps are skipped."""

    def check_same_request(self, existing: RunRow) -> None:
        """Refuse an idempotency key that an existing run has for another request.

        Raises:
            IdempotencyConflictError: The existing run has other inputs or options.
        """
        compared = {
            "change": (self.change_request, existing.change_request),
            "inputs": (self.inputs, existing.inputs),
            "options": (self.options, existing.options),
            "tags": (json.dumps(dict(self.tags)), existing.tags or "{}"),
            "metadata": (self.metadata, existing.metadata),
        }
        differing = [
            name
            for name, (asked, before) in compared.items()
            if asked != before and _canonical(asked) != _canonical(before)
        ]
        if self.base_run_id != existing.base_run_id:
            differing.append("base run")
        if self.priority != existing.priority:
            differing.append("priority")
        if differing:
            raise IdempotencyConflictError(
                key=str(self.idempotency_key), run_id=existing.id, differing=differing
            )


def _canonical(text: str | bytes | None) -> str:
    """Return JSON in one form, because another client may write the keys of an object in another order."""
    return json.dumps(None if text is None else json.loads(text), sort_keys=True)


@dataclass(slots=True, kw_only=True)
class StepChange:
    """The outcome of one step, to be written."""

    step: str
    status: StepStatus
    reason: Reason | None = None
    input_hash: str | None = None
    code_version: str | None = None
    cache_key: str | None = None
    cache_hit: bool = False
    attempts: int = 0
    output: bytes | None = None
    """The output as JSON; None if the step has no output, or if the output is stored already."""
    output_ref: str | None = None
    error: str | None = None
    """The record of its failure as JSON, also if its fallback delivered."""
    started_ago_ms: float | None = None
    """How long ago it began, in ms, if that is known. The database turns it into a time."""
    duration_ms: float | None = None
    artifacts: tuple[ArtifactRef, ...] = ()
    cache_scope: str | None = None
    """The scope in which the output is cached; None not to cache it."""
    cache_ttl_ms: int | None = None

    def dump(self) -> str:
        """Return it as JSON, without the output."""
        values = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "output"}
        return json.dumps({**values, "artifacts": [asdict(file) for file in self.artifacts]})

    @classmethod
    def read(cls, text: str, output: bytes | None) -> StepChange:
        """Read what `dump()` has written, and add its output."""
        kept = json.loads(text)
        reason = kept.pop("reason")
        return cls(
            **{
                **kept,
                "status": StepStatus(kept["status"]),
                "reason": None if reason is None else Reason(reason),
                "artifacts": tuple(ArtifactRef(**file) for file in kept["artifacts"]),
                "output": output,
            }
        )

    def event(self) -> tuple[str, dict[str, Any]]:
        """Return its event, as type and data."""
        data: dict[str, Any] = {"step": self.step}
        if self.reason is not None:
            data["reason"] = str(self.reason)
        if self.cache_key is not None:
            data["cache_key"] = self.cache_key
        if self.duration_ms is not None:
            data.update(attempts=self.attempts, duration_ms=round(self.duration_ms, 3))
        if self.error is not None:
            data.update(error_summary(self.error))
        return f"step_{self.status}", data

    def entry(self, run_id: str) -> CacheEntry | None:
        """Return its cache entry; None if it is not cached, or expires by the clock of the database."""
        if self.cache_scope is None or self.cache_key is None or self.output_ref is None:
            return None
        if self.cache_ttl_ms is not None:
            return None
        return CacheEntry(
            key=self.cache_key,
            run_id=run_id,
            step=self.step,
            output_ref=self.output_ref,
            artifacts=self.artifacts,
        )


@dataclass(slots=True, kw_only=True)
class CacheEntry:
    """A cached result."""

    key: str
    run_id: str
    step: str
    output_ref: str
    artifacts: tuple[ArtifactRef, ...] = ()
    expires_at: int | None = None


class Start(NamedTuple):
    """A step that is about to run."""

    step: str
    input_hash: str
    cache_key: str | None
    """None if its result is not cached."""
    code_version: str
    """The version of the step: as given, or the fingerprint of its code."""
    has_waited: bool = False
    """Whether it has waited before for another process that computes the same."""
    is_forced: bool = False
    """Whether it runs even if its result is cached, or another process computes it."""

    def event(self) -> tuple[str, dict[str, Any]]:
        """Return its event, as type and data."""
        data = {"step": self.step}
        return "step_started", data if self.cache_key is None else {**data, "cache_key": self.cache_key}

    def hit(self, entry: CacheEntry) -> StepChange:
        """Return the outcome of a step that is served from the cache."""
        return StepChange(
            step=self.step,
            status=StepStatus.SKIPPED,
            reason=Reason.CACHE_HIT,
            input_hash=self.input_hash,
            code_version=self.code_version,
            cache_key=self.cache_key,
            cache_hit=True,
            output_ref=entry.output_ref,
            artifacts=entry.artifacts,
        )


class StepRow(NamedTuple):
    """The row of one step of one run."""

    run_id: str
    step: str
    status: str
    reason: str | None
    input_hash: str | None
    code_version: str | None
    cache_key: str | None
    cache_hit: int
    """1 if the output came from the cache, else 0."""
    attempts: int
    output_ref: str | None
    error: str | None
    queued_at: int | None
    started_at: int | None
    completed_at: int | None
    duration_ms: int | None


class RunRow(NamedTuple):
    """The row of one run."""

    id: str
    tenant: str
    workflow: str
    version: str
    status: str
    trigger: str
    root_run_id: str
    inputs: bytes
    options: str
    priority: int
    fence: int
    created_at: int
    base_run_id: str | None = None
    change_request: str | None = None
    error: str | None = None
    idempotency_key: str | None = None
    lease_expires_at: int | None = None
    cancel_requested_at: int | None = None
    cancel_reason: str | None = None
    started_at: int | None = None
    completed_at: int | None = None
    duration_ms: int | None = None
    """By the monotonic clock of the process that ended it."""
    tags: str | None = None
    metadata: str | None = None
    counts: Mapping[str, int] = MappingProxyType({})
    """How many steps have each status."""


class SummaryRow(NamedTuple):
    """What a list of runs needs of a row: without inputs, options, metadata, and the payload of a change."""

    id: str
    tenant: str
    workflow: str
    version: str
    status: str
    trigger: str
    priority: int
    created_at: int
    base_run_id: str | None
    error: str | None
    idempotency_key: str | None
    cancel_reason: str | None
    started_at: int | None
    completed_at: int | None
    duration_ms: int | None
    tags: str | None
    change_start: str | None
    """The first characters of the change request, which begins with its type."""
    counts: Mapping[str, int]


_RENAMED: Final = {
    "tenant": "tenant_id",
    "workflow": "workflow_name",
    "version": "workflow_version",
    "trigger": "trigger_type",
    "step": "step_id",
    "output_ref": "output_sha256",
}
RUN_COLUMNS: Final = tuple(runs.c[_RENAMED.get(name, name)] for name in RunRow._fields if name != "counts")
"""The columns for a `RunRow` without `counts`: its fields, in their order."""
_MAX_CHANGE_START: Final = 2_000
"""More than the longest type of a change takes as JSON."""
SUMMARY_COLUMNS: Final = (
    *(runs.c[_RENAMED.get(name, name)] for name in SummaryRow._fields[:-2]),
    func.substr(runs.c.change_request, 1, _MAX_CHANGE_START).label("change_start"),
)
"""The columns for a `SummaryRow` without `counts`: its fields, in their order."""
STEP_COLUMNS: Final = tuple(run_steps.c[_RENAMED.get(name, name)] for name in StepRow._fields)
"""The columns for a `StepRow`."""


def with_counts(query: SelectBase, backend: StoreBackend) -> Select[Any]:
    """Add the counts of steps by status to a query of runs that selects `RUN_COLUMNS` or `SUMMARY_COLUMNS`.

    The counts are a JSON object, so that each run stays one row.
    """
    found = query.subquery("found")
    steps = (
        select(run_steps.c.status, func.count().label("count"))
        .where(run_steps.c.run_id == found.c.id, run_steps.c.tenant_id == found.c.tenant_id)
        .group_by(run_steps.c.status)
        .correlate(found)
        .subquery("steps")
    )
    as_object = backend.as_json_object(steps.c.status, steps.c.count)
    counts = select(cast(as_object, Text)).correlate(found).scalar_subquery()
    return select(found, counts.label("counts")).order_by(found.c.created_at.desc(), found.c.id.desc())


def new_run(run: NewRun, *, fence: int, at: int) -> RunRow:
    """Return the row of a run that was just created and reuses nothing."""
    is_claimed = run.owner is not None
    return RunRow(
        id=run.id,
        tenant=run.tenant,
        workflow=run.workflow,
        version=run.version,
        status="running" if is_claimed else "pending",
        trigger=run.trigger,
        base_run_id=run.base_run_id,
        root_run_id=run.root_run_id,
        change_request=run.change_request,
        inputs=run.inputs,
        options=run.options,
        idempotency_key=run.idempotency_key,
        priority=run.priority,
        fence=fence,
        lease_expires_at=at + run.lease_ms if is_claimed else None,
        created_at=at,
        started_at=at if is_claimed else None,
        tags=json.dumps(dict(run.tags)) if run.tags else None,
        metadata=run.metadata,
        counts={"pending": len(run.steps)},
    )


def as_counted_run(row: Any) -> RunRow:
    """Return a `RunRow` for a row of `with_counts()`."""
    *columns, counts = row
    return RunRow._make((*columns, json.loads(counts or "{}")))


def as_summary(row: Any) -> SummaryRow:
    """Return a `SummaryRow` for a row of `with_counts()`."""
    *columns, counts = row
    return SummaryRow._make((*columns, json.loads(counts or "{}")))


def as_entry(row: Any) -> CacheEntry:
    """Return a `CacheEntry` for a row of `step_cache`."""
    files = () if row.artifacts is None else tuple(ArtifactRef(**each) for each in json.loads(row.artifacts))
    return CacheEntry(
        key=row.cache_key,
        run_id=row.run_id,
        step=row.step_id,
        output_ref=row.output_sha256,
        artifacts=files,
        expires_at=row.expires_at,
    )


def error_summary(error: str) -> dict[str, Any]:
    """Return the code and the type of an error record in JSON, without its text, which may hold secrets."""
    record = json.loads(error)
    return {"code": record["code"], "error_type": record["error_type"]}
