"""`RunListener`: is notified of the nodes of a run, each one a `NodeRun`."""

from __future__ import annotations

import logging
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from langgraph_runner.errors.logs import emit

if TYPE_CHECKING:
    import asyncio

__all__ = ["GRANTED", "NodeRun", "NodeRunOutcome", "RunListener", "check_listener", "notify"]

NodeRunOutcome = Literal["done", "failed", "interrupted", "cancelled"]

GRANTED: Final[Future[None]] = Future()
"""The `granted` of each node that got its slot at once, as nearly all do: to make a future takes its time."""
GRANTED.set_result(None)


class NodeRun:
    """One call of a node.

    Args:
        name: The name of the node in its graph.
        step: The superstep of its own graph, from 1.
        place: LangGraph's name of this task, unique in the run: its checkpoint namespace.
        parent: The node that runs the graph of this one, or has called it as a task; None in the outermost graph.
    """

    # Defaults of the class, because a node begins and ends often and has seldom another value.
    started: float = 0.0
    """When it was called, after it had waited for its slot; in seconds of a monotonic clock."""
    duration_ms: float = 0.0
    """How long it took, once it has ended."""
    outcome: NodeRunOutcome | None = None
    """How it ended; None as long as it has not."""
    is_called: bool = True
    """Whether LangGraph calls it; False as long as it waits for its slot, or if its run was stopped."""

    task: asyncio.Task[Any] | None = None
    """The task that awaits it; None in a blocking run, or once it has ended."""

    # The rest belongs to `Slots`.
    children: int = 0
    """How many nodes that it called have not ended."""
    has_slot: bool = False
    has_left: bool = False
    """Whether it has given up its slot, or its place in the queue, for good."""
    granted: Future[None] = GRANTED
    """Done when it may begin; its exception is why it may not."""

    def __init__(self, name: str, step: int, place: str, parent: NodeRun | None = None) -> None:
        self.name = name
        self.step = step
        self.place = place
        self.parent = parent

    def __repr__(self) -> str:
        return f"NodeRun({self.name!r}, step={self.step}, place={self.place!r}, outcome={self.outcome!r})"


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
