"""`GraphRunResult`: how a run ended, and with which state."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from langgraph.types import Interrupt

    from langgraph_runner.errors import NodeErrorRecord

__all__ = ["GraphRunResult", "GraphRunStatus"]


class GraphRunStatus(StrEnum):
    """How a run ended. The value is the name in lower case, so it is the same in JSON."""

    COMPLETED = "completed"
    """The graph came to its end."""
    BLOCKED = "blocked"
    """A node failed and set the flag `blocked`; the graph came to its end, or `stop_when_blocked` ended it."""
    INTERRUPTED = "interrupted"
    """It waits for an answer: `interrupts` has the questions. Resume with `Command(resume=...)`."""
    DRAINED = "drained"
    """It stopped between two waves, because a drain was requested. Resume with the input None."""
    FAILED = "failed"
    """A node raised."""
    CANCELLED = "cancelled"
    """The abort signal fired."""
    TIMED_OUT = "timed_out"
    """The run took longer than `timeout_ms`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphRunResult:
    """The result of a run. It is also the second argument of an error handler."""

    status: GraphRunStatus
    state: Any
    """The state after the last complete wave, with all its fields; None if no wave was complete."""
    errors: tuple[NodeErrorRecord, ...] = ()
    """The records of the nodes that failed, in order of time; the last one is that of what ended the run."""
    error: Exception | None = field(default=None, repr=False)
    """What ended the run: the original exception of a failed one, None if it came to its end.

    It is not in the `repr()`, which often ends up in a log: its text is not sanitized, that of `errors` is.
    """
    interrupts: tuple[Interrupt, ...] = ()
    """The questions that an interrupted run waits for."""
    waves: int = 0
    """How many supersteps of the graph have begun in this run."""
    duration_ms: float = 0.0
    """How long the run took."""
    started_at: datetime
    """When the run began, in UTC."""
    ended_at: datetime
    """When it ended, in UTC."""
    thread_id: str | None = None
    """The thread whose checkpoints hold the run; None without a checkpointer."""
