"""The tables of the store. All times are milliseconds since 1970, by the clock of the database."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

__all__ = [
    "LIVE",
    "METADATA",
    "api_keys",
    "artifacts",
    "audit_log",
    "outputs",
    "run_events",
    "run_steps",
    "run_tags",
    "run_workers",
    "runs",
    "step_cache",
    "step_tasks",
    "store_info",
]

METADATA = MetaData()
LIVE: Final = ("pending", "running")
"""The statuses of runs and steps that have not ended."""


def _index_while(condition: str, name: str, *columns: Any) -> Index:
    """Return an index of the rows that fulfil a condition: few rows, however long the history is."""
    where = text(condition)
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)


runs = Table(
    "runs",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("tenant_id", String(128), nullable=False),
    Column("workflow_name", String(128), nullable=False),
    Column("workflow_version", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("trigger_type", String(16), nullable=False),
    Column("base_run_id", String(64)),
    Column("root_run_id", String(64), nullable=False),
    Column("change_request", Text),
    Column("inputs", LargeBinary, nullable=False),
    Column("options", Text, nullable=False),
    Column("error", Text),
    Column("idempotency_key", String(256)),
    Column("priority", Integer, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("lease_owner", String(64)),
    Column("lease_expires_at", BigInteger),
    Column("cancel_requested_at", BigInteger),
    Column("cancel_reason", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("completed_at", BigInteger),
    Column("lease_ms", BigInteger),
    Column("duration_ms", BigInteger),
    Column("recoveries", Integer, nullable=False, server_default="0"),
    Column("recovered_at_steps", Integer, nullable=False, server_default="0"),
    Column("ran_ms", BigInteger, nullable=False, server_default="0"),
    Column("tags", Text),
    Column("metadata", Text),
    UniqueConstraint("tenant_id", "workflow_name", "idempotency_key", name="uq_runs_idempotency"),
    CheckConstraint(
        "status IN ('pending', 'running', 'completed', 'failed', 'cancelled')", name="ck_runs_status"
    ),
    Index("ix_runs_listing", "tenant_id", "created_at", "id"),
    _index_while(
        "status = 'pending'",
        "ix_runs_waiting",
        *("workflow_name", "tenant_id", text("priority DESC"), "created_at", "id"),
    ),
    _index_while("status = 'running'", "ix_runs_leased", "lease_expires_at"),
    _index_while("status <> 'completed'", "ix_runs_status", "tenant_id", "status", "created_at", "id"),
    _index_while("error IS NOT NULL", "ix_runs_errors", "tenant_id", "created_at", "id"),
    _index_while("base_run_id IS NOT NULL", "ix_runs_bases", "base_run_id"),
)
"""`tags` and `metadata` are JSON, as a run shows them; `run_tags` has the tags for searches.

`recoveries` counts recoveries without progress; `recovered_at_steps` is how many steps had ended at the last one.
`ran_ms` is how long the run had run at the last heartbeat, by the monotonic clocks of its owners."""

run_tags = Table(
    "run_tags",
    METADATA,
    Column("tenant_id", String(128), nullable=False),
    Column("name", String(64), nullable=False),
    Column("value", String(256), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("run_id", String(64), nullable=False),
    PrimaryKeyConstraint("tenant_id", "name", "value", "created_at", "run_id", name="pk_run_tags"),
    Index("ix_run_tags_run", "run_id"),
    sqlite_with_rowid=False,
)
"""The tags of runs. The key has the time of the run, so that a page of one tag is a range of the index."""

run_steps = Table(
    "run_steps",
    METADATA,
    Column("run_id", String(64), nullable=False),
    Column("step_id", String(128), nullable=False),
    Column("tenant_id", String(128), nullable=False),
    Column("position", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("reason", String(32)),
    Column("input_hash", String(64)),
    Column("code_version", Text),
    Column("cache_key", String(512)),
    Column("cache_hit", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("output_sha256", String(64)),
    Column("error", Text),
    Column("fence", BigInteger, nullable=False),
    Column("queued_at", BigInteger),
    Column("started_at", BigInteger),
    Column("completed_at", BigInteger),
    Column("duration_ms", BigInteger),
    PrimaryKeyConstraint("run_id", "step_id", name="pk_run_steps"),
    CheckConstraint(
        "status IN ('pending', 'running', 'completed', 'skipped', 'failed', 'cancelled')",
        name="ck_run_steps_status",
    ),
    _index_while("status = 'running'", "ix_run_steps_running", "tenant_id", "cache_key"),
    _index_while("status = 'failed'", "ix_run_steps_failed", "tenant_id", "step_id"),
    sqlite_with_rowid=False,
)

outputs = Table(
    "outputs",
    METADATA,
    Column("tenant_id", String(128), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("data", LargeBinary, nullable=False),
    PrimaryKeyConstraint("tenant_id", "sha256", name="pk_outputs"),
)
"""The outputs of steps as JSON, each stored once by its reference (`StepOutput.ref`).

The column is called `sha256` because the first references were SHA-256 hashes."""

step_cache = Table(
    "step_cache",
    METADATA,
    Column("tenant_id", String(128), nullable=False),
    Column("cache_key", String(512), nullable=False),
    Column("scope", String(16), nullable=False),
    Column("run_id", String(64), nullable=False),
    Column("step_id", String(128), nullable=False),
    Column("output_sha256", String(64), nullable=False),
    Column("artifacts", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("last_hit_at", BigInteger),
    Column("hits", Integer, nullable=False),
    PrimaryKeyConstraint("tenant_id", "cache_key", name="pk_step_cache"),
    Index("ix_step_cache_run", "run_id"),
)

artifacts = Table(
    "artifacts",
    METADATA,
    Column("run_id", String(64), nullable=False),
    Column("step_id", String(128), nullable=False),
    Column("name", String(512), nullable=False),
    Column("tenant_id", String(128), nullable=False),
    Column("uri", Text, nullable=False),
    Column("media_type", String(128), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    PrimaryKeyConstraint("run_id", "step_id", "name", name="pk_artifacts"),
    Index("ix_artifacts_content", "sha256", "tenant_id"),
)

api_keys = Table(
    "api_keys",
    METADATA,
    Column("id", String(16), primary_key=True),
    Column("tenant_id", String(128), nullable=False),
    Column("name", String(128), nullable=False),
    Column("role", String(8), nullable=False),
    Column("secret_sha256", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
    CheckConstraint("role IN ('read', 'run', 'admin')", name="ck_api_keys_role"),
    Index("ix_api_keys_tenant", "tenant_id", "created_at"),
)
"""API keys of the service. A secret has 256 random bits, so a plain hash protects it."""

audit_log = Table(
    "audit_log",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("tenant_id", String(128), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("actor", String(256), nullable=False),
    Column("action", String(32), nullable=False),
    Column("target", String(256), nullable=False),
    Column("status", Integer, nullable=False),
    Column("request_id", String(64), nullable=False),
    Index("ix_audit_log_tenant", "tenant_id", "id"),
)
"""Which caller asked the service for which change, with the status of the answer."""

store_info = Table(
    "store_info",
    METADATA,
    Column("name", String(32), primary_key=True),
    Column("value", String(64), nullable=False),
)
"""What identifies the database: `store_id`, a random text."""

run_workers = Table(
    "run_workers",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("host", String(256), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("version", String(32), nullable=False),
    Column("workflows", Text, nullable=False),
    Column("max_active_runs", Integer, nullable=False),
    Column("is_draining", Integer, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("queues", Text, nullable=False, server_default="[]"),
)
"""The engines that run runs or steps. `id` is the `lease_owner` of their leases; lists are JSON."""

step_tasks = Table(
    "step_tasks",
    METADATA,
    Column("run_id", String(64), nullable=False),
    Column("step_id", String(128), nullable=False),
    Column("tenant_id", String(128), nullable=False),
    Column("workflow_name", String(128), nullable=False),
    Column("queue", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("start", Text, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("lease_owner", String(64)),
    Column("lease_expires_at", BigInteger),
    Column("recoveries", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("result", Text),
    Column("output", LargeBinary),
    PrimaryKeyConstraint("run_id", "step_id", name="pk_step_tasks"),
    CheckConstraint("status IN ('waiting', 'running', 'done')", name="ck_step_tasks_status"),
    Index("ix_step_tasks_queue", "queue", "status", "created_at"),
)
"""Steps of live runs that wait for workers of a queue, or run there. `start` and `result` are JSON.

`recoveries` counts how many workers have died with the step."""

run_events = Table(
    "run_events",
    METADATA,
    Column("run_id", String(64), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("tenant_id", String(128), nullable=False),
    Column("type", String(32), nullable=False),
    Column("data", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    PrimaryKeyConstraint("run_id", "seq", name="pk_run_events"),
    sqlite_with_rowid=False,
)
