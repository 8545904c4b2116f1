"""Bounded recovery, indexes for a backlog and for files, an identity, and check constraints on status columns."""

import sqlalchemy as sa
from alembic import op

from langgraph_runner.runtime.runtimes import REAL_RUNTIMES

revision = "0002"
down_revision = "0001"

_RUN_STATUSES = "status IN ('pending', 'running', 'completed', 'failed', 'cancelled')"
_STEP_STATUSES = "status IN ('pending', 'running', 'completed', 'skipped', 'failed', 'cancelled')"


def upgrade() -> None:
    """Add what recovery and claims need."""
    # SQLite cannot add a constraint to a table that is there: Alembic copies the table.
    with op.batch_alter_table("runs") as runs:
        runs.add_column(sa.Column("lease_ms", sa.BigInteger))
        runs.add_column(sa.Column("duration_ms", sa.BigInteger))
        runs.add_column(sa.Column("recoveries", sa.Integer, nullable=False, server_default="0"))
        runs.add_column(sa.Column("recovered_at_steps", sa.Integer, nullable=False, server_default="0"))
        runs.add_column(sa.Column("tags", sa.Text))
        runs.add_column(sa.Column("metadata", sa.Text))
        runs.create_check_constraint("ck_runs_status", _RUN_STATUSES)
    op.drop_index("ix_run_steps_running", "run_steps")
    with op.batch_alter_table("run_steps", table_kwargs={"sqlite_with_rowid": False}) as run_steps:
        run_steps.add_column(sa.Column("code_version", sa.Text))
        run_steps.create_check_constraint("ck_run_steps_status", _STEP_STATUSES)
    _index_while("ix_run_steps_running", "run_steps", ["tenant_id", "cache_key"], "status = 'running'")
    _index_while("ix_run_steps_failed", "run_steps", ["tenant_id", "step_id"], "status = 'failed'")
    op.drop_index("ix_runs_claim", "runs")
    _index_while(
        "ix_runs_waiting", "runs", [sa.text("priority DESC"), "created_at", "id"], "status = 'pending'"
    )
    _index_while("ix_runs_leased", "runs", ["lease_expires_at"], "status = 'running'")
    _index_while("ix_runs_errors", "runs", ["tenant_id", "created_at", "id"], "error IS NOT NULL")
    op.create_table(
        "run_tags",
        sa.Column("tenant_id", sa.String(128), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("value", sa.String(256), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "name", "value", "created_at", "run_id", name="pk_run_tags"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_run_tags_run", "run_tags", ["run_id"])
    op.create_index("ix_artifacts_content", "artifacts", ["sha256", "tenant_id"])
    op.create_table(
        "store_info",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("value", sa.String(64), nullable=False),
    )
    info = sa.table("store_info", sa.column("name"), sa.column("value"))
    # Really random: with a fake clock, several databases would have one id.
    op.execute(info.insert().values(name="store_id", value=REAL_RUNTIMES.blocking.token_hex(16)))


def downgrade() -> None:
    """Take it away again."""
    op.drop_table("store_info")
    op.drop_index("ix_artifacts_content", "artifacts")
    op.drop_table("run_tags")
    op.drop_index("ix_runs_errors", "runs")
    op.drop_index("ix_run_steps_failed", "run_steps")
    op.drop_index("ix_runs_leased", "runs")
    op.drop_index("ix_runs_waiting", "runs")
    op.create_index("ix_runs_claim", "runs", ["status", "lease_expires_at"])
    op.drop_index("ix_run_steps_running", "run_steps")
    with op.batch_alter_table("run_steps", table_kwargs={"sqlite_with_rowid": False}) as run_steps:
        run_steps.drop_constraint("ck_run_steps_status", type_="check")
        run_steps.drop_column("code_version")
    _index_while("ix_run_steps_running", "run_steps", ["tenant_id", "cache_key"], "status = 'running'")
    with op.batch_alter_table("runs") as runs:
        runs.drop_constraint("ck_runs_status", type_="check")
        runs.drop_column("metadata")
        runs.drop_column("tags")
        runs.drop_column("recovered_at_steps")
        runs.drop_column("recoveries")
        runs.drop_column("duration_ms")
        runs.drop_column("lease_ms")


def _index_while(name: str, table: str, columns: list[str | sa.TextClause], condition: str) -> None:
    """Index only the rows that fulfil a condition: few, however long the history is."""
    where = sa.text(condition)
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
