"""What databases lack that were made while migrations 0002 and 0006 were still being changed."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from langgraph_runner.runtime.runtimes import REAL_RUNTIMES

revision = "0007"
down_revision = "0006"

_COLUMNS: dict[str, dict[str, Any]] = {
    "runs": {
        "lease_ms": sa.BigInteger,
        "duration_ms": sa.BigInteger,
        "tags": sa.Text,
        "metadata": sa.Text,
    },
    "run_steps": {"code_version": sa.Text},
}
_INDEXES = {
    "ix_run_steps_failed": ("run_steps", ["tenant_id", "step_id"], "status = 'failed'"),
    "ix_runs_errors": ("runs", ["tenant_id", "created_at", "id"], "error IS NOT NULL"),
    "ix_runs_status": ("runs", ["tenant_id", "status", "created_at", "id"], "status <> 'completed'"),
    "ix_run_tags_run": ("run_tags", ["run_id"], None),
    "ix_artifacts_content": ("artifacts", ["sha256", "tenant_id"], None),
}


def upgrade() -> None:
    """Add what is missing. A database that was made by the migrations as they are now lacks nothing."""
    database = sa.inspect(op.get_bind())
    for table, kinds in _COLUMNS.items():
        existing = {column["name"] for column in database.get_columns(table)}
        for name, kind in kinds.items():
            if name not in existing:
                op.add_column(table, sa.Column(name, kind))
    if not database.has_table("run_tags"):
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
    if not database.has_table("store_info"):
        op.create_table(
            "store_info",
            sa.Column("name", sa.String(32), primary_key=True),
            sa.Column("value", sa.String(64), nullable=False),
        )
        info = sa.table("store_info", sa.column("name"), sa.column("value"))
        # Really random: with a fake clock, several databases would have one id.
        op.execute(info.insert().values(name="store_id", value=REAL_RUNTIMES.blocking.token_hex(16)))
    for name, (table, columns, condition) in _INDEXES.items():
        where = None if condition is None else sa.text(condition)
        op.create_index(name, table, columns, if_not_exists=True, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Keep it: the schema of migration 0006 has all of it."""
