"""The first schema: runs, their steps, outputs, cache, artifacts and events."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "runs",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("tenant_id", sa.String(128), nullable=False),
        sa.Column("workflow_name", sa.String(128), nullable=False),
        sa.Column("workflow_version", sa.String(64), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("trigger_type", sa.String(16), nullable=False),
        sa.Column("base_run_id", sa.String(64)),
        sa.Column("root_run_id", sa.String(64), nullable=False),
        sa.Column("change_request", sa.Text),
        sa.Column("inputs", sa.LargeBinary, nullable=False),
        sa.Column("options", sa.Text, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("idempotency_key", sa.String(256)),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("lease_owner", sa.String(64)),
        sa.Column("lease_expires_at", sa.BigInteger),
        sa.Column("cancel_requested_at", sa.BigInteger),
        sa.Column("cancel_reason", sa.Text),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("completed_at", sa.BigInteger),
        sa.UniqueConstraint("tenant_id", "workflow_name", "idempotency_key", name="uq_runs_idempotency"),
    )
    op.create_index("ix_runs_listing", "runs", ["tenant_id", "created_at", "id"])
    op.create_index("ix_runs_claim", "runs", ["status", "lease_expires_at"])
    op.create_table(
        "run_steps",
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("step_id", sa.String(128), nullable=False),
        sa.Column("tenant_id", sa.String(128), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(32)),
        sa.Column("input_hash", sa.String(64)),
        sa.Column("cache_key", sa.String(512)),
        sa.Column("cache_hit", sa.Integer, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("output_sha256", sa.String(64)),
        sa.Column("error", sa.Text),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("queued_at", sa.BigInteger),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("completed_at", sa.BigInteger),
        sa.Column("duration_ms", sa.Integer),
        sa.PrimaryKeyConstraint("run_id", "step_id", name="pk_run_steps"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_run_steps_running",
        "run_steps",
        ["tenant_id", "cache_key"],
        sqlite_where=sa.text("status = 'running'"),
        postgresql_where=sa.text("status = 'running'"),
    )
    op.create_table(
        "outputs",
        sa.Column("tenant_id", sa.String(128), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "sha256", name="pk_outputs"),
    )
    op.create_table(
        "step_cache",
        sa.Column("tenant_id", sa.String(128), nullable=False),
        sa.Column("cache_key", sa.String(512), nullable=False),
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("step_id", sa.String(128), nullable=False),
        sa.Column("output_sha256", sa.String(64), nullable=False),
        sa.Column("artifacts", sa.Text),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("last_hit_at", sa.BigInteger),
        sa.Column("hits", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "cache_key", name="pk_step_cache"),
    )
    op.create_index("ix_step_cache_run", "step_cache", ["run_id"])
    op.create_table(
        "artifacts",
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("step_id", sa.String(128), nullable=False),
        sa.Column("name", sa.String(512), nullable=False),
        sa.Column("tenant_id", sa.String(128), nullable=False),
        sa.Column("uri", sa.Text, nullable=False),
        sa.Column("media_type", sa.String(128), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "step_id", "name", name="pk_artifacts"),
    )
    op.create_table(
        "run_events",
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("tenant_id", sa.String(128), nullable=False),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "seq", name="pk_run_events"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drop them, with all that is in them."""
    op.drop_table("run_events")
    op.drop_table("artifacts")
    op.drop_table("step_cache")
    op.drop_table("outputs")
    op.drop_table("run_steps")
    op.drop_table("runs")
