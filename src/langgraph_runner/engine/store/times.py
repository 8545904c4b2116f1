"""What time it is in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import select

from langgraph_runner.engine.store.backends import backend_of
from langgraph_runner.engine.store.statements import Prepared, now_ms

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["Times", "now_in", "times_in"]

_NOW: Final = Prepared(select(now_ms().label("now")))


class Times(NamedTuple):
    """Two times in ms."""

    now: int
    """What time it is in the database."""
    of_leases: int
    """The time by which leases are judged: earlier after the clock was set forward."""


def now_in(connection: Connection) -> int:
    """What time it is in the database."""
    return times_in(connection).now


def times_in(connection: Connection) -> Times:
    """What time it is in the database, and whether a lease has ended."""
    clock = backend_of(connection).clock
    before = clock.monotonic()
    now = int(_NOW.ask(connection)[0].now)
    return Times(now, clock.lease_time(now, before, clock.monotonic()))
