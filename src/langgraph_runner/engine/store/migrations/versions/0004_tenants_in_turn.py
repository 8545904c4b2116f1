"""Waiting runs by workflow and tenant, so that tenants are served in turn; how long a run has run before."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_WAITING = sa.text("status = 'pending'")


def upgrade() -> None:
    """Replace the index of waiting runs, and add the column."""
    op.drop_index("ix_runs_waiting", "runs")
    _index(["workflow_name", "tenant_id", sa.text("priority DESC"), "created_at", "id"])
    op.add_column("runs", sa.Column("ran_ms", sa.BigInteger, nullable=False, server_default="0"))


def downgrade() -> None:
    """Go back to the index of before."""
    op.drop_column("runs", "ran_ms")
    op.drop_index("ix_runs_waiting", "runs")
    _index([sa.text("priority DESC"), "created_at", "id"])


def _index(columns: list[str | sa.TextClause]) -> None:
    op.create_index("ix_runs_waiting", "runs", columns, sqlite_where=_WAITING, postgresql_where=_WAITING)
