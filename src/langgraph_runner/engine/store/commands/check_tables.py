"""`CheckTables`: whether the database can be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from langgraph_runner.engine.store.schema import METADATA
from langgraph_runner.engine.store.writer import Write

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CheckTables"]


class CheckTables(Write[None]):
    """Check that all tables can be read in a transaction that may write. It changes nothing."""

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[CheckTables]) -> list[None]:
        """Apply once for all."""
        for table in METADATA.sorted_tables:
            connection.execute(select(*table.columns).limit(0))
        return [None] * len(writes)
