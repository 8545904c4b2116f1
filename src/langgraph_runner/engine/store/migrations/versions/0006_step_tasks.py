"""Steps that wait for workers of a queue, whose queues a worker serves, and an index of runs by status."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
_NOT_COMPLETED = sa.text("status <> 'completed'")


def upgrade() -> None:
    """Add them."""
    op.create_table(
        "step_tasks",
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("step_id", sa.String(128), nullable=False),
        sa.Column("tenant_id", sa.String(128), nullable=False),
        sa.Column("workflow_name", sa.String(128), nullable=False),
        sa.Column("queue", sa.String(64), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("start", sa.Text, nullable=False),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("lease_owner", sa.String(64)),
        sa.Column("lease_expires_at", sa.BigInteger),
        sa.Column("recoveries", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("result", sa.Text),
        sa.Column("output", sa.LargeBinary),
        sa.PrimaryKeyConstraint("run_id", "step_id", name="pk_step_tasks"),
        sa.CheckConstraint("status IN ('waiting', 'running', 'done')", name="ck_step_tasks_status"),
    )
    op.create_index("ix_step_tasks_queue", "step_tasks", ["queue", "status", "created_at"])
    op.create_index(
        "ix_runs_status",
        "runs",
        ["tenant_id", "status", "created_at", "id"],
        sqlite_where=_NOT_COMPLETED,
        postgresql_where=_NOT_COMPLETED,
    )
    op.add_column("run_workers", sa.Column("queues", sa.Text, nullable=False, server_default="[]"))


def downgrade() -> None:
    """Go back to the tables of before."""
    op.drop_index("ix_runs_status", "runs")
    op.drop_column("run_workers", "queues")
    op.drop_table("step_tasks")
