"""The time of the database, for records and for leases."""

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
    """Two times, in ms since 1970."""

    now: int
    """The time of the database."""
    of_leases: int
    """The time for comparing leases: earlier than `now` for a while after the clock was set forward."""


def now_in(connection: Connection) -> int:
    """Return the time of the database, in ms since 1970."""
    return times_in(connection).now


def times_in(connection: Connection) -> Times:
    """Return the time of the database, and the time for comparing leases."""
    clock = backend_of(connection).clock
    before = clock.monotonic()
    now = int(_NOW.ask(connection)[0].now)
    return Times(now, clock.lease_time(now, before, clock.monotonic()))
