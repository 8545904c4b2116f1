"""`RunListener`: is notified of the nodes of a run, each one a `NodeRun`."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from langgraph_runner.errors.logs import emit

if TYPE_CHECKING:
    from langgraph_runner.graph.slots import Seat

__all__ = ["NodeRun", "NodeRunOutcome", "RunListener", "check_listener", "notify"]

NodeRunOutcome = Literal["done", "failed", "interrupted", "cancelled"]


@dataclass(slots=True, eq=False)
class NodeRun:
    """One call of a node."""

    name: str
    """The name of the node in its graph."""
    step: int
    """The superstep of its own graph, from 1."""
    place: str
    """LangGraph's name of this task, unique in the run: its checkpoint namespace."""
    parent: NodeRun | None
    """The node that runs the graph of this one, or has called it as a task; None in the outermost graph."""
    started: float = 0.0
    """When it was called, after it had waited for its slot; in seconds of a monotonic clock."""
    duration_ms: float = 0.0
    """How long it took, once it has ended."""
    outcome: NodeRunOutcome | None = None
    """How it ended; None as long as it has not."""
    seat: Seat | None = None
    """Its claim to a slot; None where an outer run does not count it."""
    is_called: bool = False
    """Whether it has its slot, so that LangGraph calls it."""


class RunListener(Protocol):
    """Receives the begin and the end of each node, in any thread. What it raises is logged and harms nothing."""

    def node_started(self, node: NodeRun) -> None:
        """A node is called."""

    def node_ended(self, node: NodeRun) -> None:
        """It has ended."""


def check_listener(listener: object) -> None:
    """Refuse what is not a `RunListener`.

    Raises:
        TypeError: A method is missing, or it is a class instead of an instance.
    """
    missing = [name for name in ("node_started", "node_ended") if not callable(getattr(listener, name, None))]
    if missing:
        raise TypeError(
            f"progress must be True or a listener with node_started(node) and node_ended(node), got {listener!r:.80},"
            f" which has no {' and no '.join(missing)}."
        )
    if isinstance(listener, type):
        raise TypeError(
            f"progress must be an instance, got the class {listener.__name__}. Pass {listener.__name__}()."
        )


def notify(listener: RunListener, method: str, node: NodeRun) -> None:
    """Call a method of a listener."""
    try:
        getattr(listener, method)(node)
    except Exception as error:  # A listener never harms the run.
        emit(
            "langgraph_runner.graph",
            logging.WARNING,
            "run.listener_failed",
            error_type=type(error).__name__,
        )
