"""What time it is in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from langgraph_runner.engine.store.statements import Prepared, now_ms

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["now_in"]

_NOW: Final = Prepared(select(now_ms().label("now")))


def now_in(connection: Connection) -> int:
    """What time it is in the database."""
    return int(_NOW.ask(connection)[0].now)
