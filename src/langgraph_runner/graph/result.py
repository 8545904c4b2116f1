"""`GraphRunResult`: what became of a run."""

from __future__ import annotations

from dataclasses import dataclass
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
    """The same, with the flag `blocked`: a node has failed finally, and the graph lived on."""
    INTERRUPTED = "interrupted"
    """It waits for somebody: `interrupts` says for what. Go on with `Command(resume=...)`."""
    DRAINED = "drained"
    """It stopped between two waves, because it was asked to. Go on with the input None."""
    FAILED = "failed"
    """A node raised."""
    CANCELLED = "cancelled"
    """The abort signal fired."""
    TIMED_OUT = "timed_out"
    """The run took longer than it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphRunResult:
    """What became of a run. An error handler gets it, too, as its second argument."""

    status: GraphRunStatus
    state: Any
    """The state after the last complete wave, all its fields; None if there was none."""
    errors: tuple[NodeErrorRecord, ...] = ()
    """The records of the nodes that failed, and last that of what ended the run."""
    error: Exception | None = None
    """What ended the run: of a failed one, the original exception."""
    interrupts: tuple[Interrupt, ...] = ()
    """What an interrupted run waits for."""
    waves: int = 0
    """How many supersteps of the graph have begun in this run."""
    duration_ms: float = 0.0
    started_at: datetime
    """When the run began, in UTC."""
    ended_at: datetime
    """When it ended, in UTC."""
    thread_id: str | None = None
    """The thread whose checkpoints hold the run; None without a checkpointer."""
