"""Durations of steps in 64 bits, where `INTEGER` has 32: in ms, 32 bits end after 25 days."""

import sqlalchemy as sa
from alembic import op

from langgraph_runner.engine.store.backends import backend_of

revision = "0008"
down_revision = "0007"
_LONGEST = 2**31 - 1


def upgrade() -> None:
    """Widen the column."""
    if not backend_of(op.get_bind()).has_wide_integers:
        op.alter_column("run_steps", "duration_ms", type_=sa.BigInteger)


def downgrade() -> None:
    """Narrow the column. Longer durations become the longest that it can hold."""
    if not backend_of(op.get_bind()).has_wide_integers:
        op.execute(f"UPDATE run_steps SET duration_ms = {_LONGEST} WHERE duration_ms > {_LONGEST}")  # noqa: S608
        op.alter_column("run_steps", "duration_ms", type_=sa.Integer)
