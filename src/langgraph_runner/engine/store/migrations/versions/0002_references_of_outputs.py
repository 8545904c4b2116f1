"""Outputs by the hash of their value and of their JSON; what was kept by the first alone stays as it is."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_LONG = sa.String(97)


def upgrade() -> None:
    """Rename the columns, and make room in them."""
    for table, before, after in (
        ("run_steps", "output_sha256", "output_ref"),
        ("step_cache", "output_sha256", "output_ref"),
        ("outputs", "sha256", "ref"),
    ):
        op.execute(f"ALTER TABLE {table} RENAME COLUMN {before} TO {after}")
        if op.get_context().dialect.name == "postgresql":  # SQLite does not look at lengths.
            op.alter_column(table, after, type_=_LONG)
