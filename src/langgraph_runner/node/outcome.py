"""The outcome of a node call as a value: no layer above has to parse exceptions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langgraph_runner.errors import NodeErrorRecord

__all__ = ["Failure", "Outcome", "Success"]


@dataclass(slots=True)
class Success:
    """The function, or its fallback, delivered."""

    value: Any
    """What it returned."""
    attempts: int
    """Attempts of the function, from 1; 0 if its circuit was open and the fallback delivered."""
    duration_ms: float
    """From the start of the call, waits included."""
    fallback_used: bool = False
    """Whether the fallback delivered."""
    primary_record: NodeErrorRecord | None = None
    """Why the function did not deliver, if the fallback did."""


@dataclass(slots=True)
class Failure:
    """Neither delivered."""

    record: NodeErrorRecord
    """What is written to the state."""
    exception: Exception
    """What ended the call: the user's exception, or one of this package around it."""
    attempts: int
    duration_ms: float


Outcome = Success | Failure
