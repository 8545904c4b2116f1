"""Watching a run from LangGraph's callbacks: which nodes begin and end, in which wave, under which node.

Callbacks reach everything that a run calls, nodes of nested graphs too, whoever made them. That is what the cap on
concurrency needs, and why it is kept here: a node waits for its slot before LangGraph calls it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langgraph.constants import START

from langgraph_runner.errors import is_control_flow
from langgraph_runner.errors.logs import get_logger
from langgraph_runner.node.runtime import REAL_RUNTIMES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from uuid import UUID

    from langgraph_runner.graph.slots import Seat, Slots

__all__ = ["NodeRun", "RunListener", "RunWatch", "watches_slots"]

NodeRunOutcome = Literal["done", "failed", "interrupted", "cancelled"]


@dataclass(slots=True, eq=False)
class NodeRun:
    """One node at work."""

    name: str
    """What the graph calls it."""
    step: int
    """The superstep of its own graph, from 1."""
    place: str
    """LangGraph's name of this task among all of the run: its checkpoint namespace."""
    parent: NodeRun | None
    """The node that runs the graph of this one, or has called it as a task; None in the outermost graph."""
    started: float = 0.0
    """When it was called, after it had waited for its slot; in seconds of a monotonic clock."""
    duration_ms: float = 0.0
    """How long it took, once it has ended."""
    outcome: NodeRunOutcome | None = None
    """How it ended; None as long as it has not."""
    seat: Seat | None = None


class RunListener(Protocol):
    """Who wants to know. Called from any thread; what it raises is logged and harms nothing."""

    def node_started(self, node: NodeRun) -> None:
        """A node is called."""

    def node_ended(self, node: NodeRun) -> None:
        """It has ended."""


class RunWatch:
    """What is known of one run. Thread-safe: each entry is written by the run that it is about.

    Args:
        slots: The cap on nodes at work; None where an outer run keeps it.
        listener: Who is told.
    """

    def __init__(self, slots: Slots | None, listener: RunListener | None = None) -> None:
        self.slots = slots
        self.waves: set[int] = set()
        """The supersteps of the outermost graph in which nodes have begun."""
        self.failed_node: str | None = None
        """The first node of the outermost graph that raised."""
        self._listener = listener
        self._root: UUID | None = None
        self._nodes: dict[UUID, NodeRun] = {}
        self._enclosing: dict[UUID, NodeRun | None] = {}

    def handler(self, *, is_async: bool) -> BaseCallbackHandler:
        """What to add to the callbacks of the run."""
        return _AsyncWatcher(self) if is_async else _Watcher(self)

    def entered(
        self, run_id: UUID, parent_run_id: UUID | None, metadata: Mapping[str, Any] | None = None
    ) -> NodeRun | None:
        """A run begins: of a graph, a node, a chain, a tool. Gives the node, if it is one."""
        if self._root is None:
            self._root = run_id
        parent = None if parent_run_id is None else self._enclosing.get(parent_run_id)
        told = metadata or {}
        place, name = told.get("langgraph_checkpoint_ns"), told.get("langgraph_node")
        # What runs inside a node has the metadata of the node; another place means another node.
        if not place or name == START or (parent is not None and parent.place == place):
            self._enclosing[run_id] = parent
            return None
        node = NodeRun(str(name), int(told.get("langgraph_step", 0)), place, parent)
        if parent_run_id == self._root:
            self.waves.add(node.step)
        if self.slots is not None:
            node.seat = self.slots.take(parent.seat if parent is not None else None)
        self._enclosing[run_id] = self._nodes[run_id] = node
        return node

    def begun(self, node: NodeRun) -> None:
        """It has its slot, and is called now."""
        node.started = REAL_RUNTIMES.blocking.monotonic()
        if self._listener is not None:
            _tell(self._listener.node_started, node)

    def left(self, run_id: UUID, outcome: NodeRunOutcome = "done") -> None:
        """A run has ended, or has given up waiting for its slot."""
        self._enclosing.pop(run_id, None)
        node = self._nodes.pop(run_id, None)
        if node is None:
            return
        node.outcome = outcome
        if outcome == "failed" and node.parent is None and self.failed_node is None:
            self.failed_node = node.name
        if node.seat is not None and self.slots is not None:
            self.slots.leave(node.seat)
        if node.started:
            node.duration_ms = (REAL_RUNTIMES.blocking.monotonic() - node.started) * 1000
            if self._listener is not None:
                _tell(self._listener.node_ended, node)


class _Watching:
    """What both handlers are: inline, so that LangGraph waits for them, and deaf to what is not needed."""

    raise_error = True  # Or LangGraph would call a node that may not begin.
    run_inline = True
    ignore_llm = ignore_chat_model = ignore_retriever = ignore_retry = ignore_custom_event = True

    def __init__(self, watch: RunWatch) -> None:
        self.watch = watch


class _Watcher(_Watching, BaseCallbackHandler):
    """For a run that blocks."""

    def on_chain_start(self, *_: Any, run_id: UUID, parent_run_id: UUID | None = None, **fields: Any) -> None:
        node = self.watch.entered(run_id, parent_run_id, fields.get("metadata"))
        if node is None:
            return
        if node.seat is not None:
            try:
                node.seat.granted.result()
            except BaseException:
                self.watch.left(run_id, "cancelled")
                raise
        self.watch.begun(node)

    def on_tool_start(self, *_: Any, run_id: UUID, parent_run_id: UUID | None = None, **__: Any) -> None:
        self.watch.entered(run_id, parent_run_id)

    def on_chain_end(self, *_: Any, run_id: UUID, **__: Any) -> None:
        self.watch.left(run_id)

    def on_chain_error(self, error: BaseException, *_: Any, run_id: UUID, **__: Any) -> None:
        self.watch.left(run_id, _outcome(error))

    def on_tool_end(self, *_: Any, run_id: UUID, **__: Any) -> None:
        self.watch.left(run_id)

    def on_tool_error(self, *_: Any, run_id: UUID, **__: Any) -> None:
        self.watch.left(run_id)


class _AsyncWatcher(_Watching, AsyncCallbackHandler):
    """For a run that is awaited."""

    async def on_chain_start(
        self, *_: Any, run_id: UUID, parent_run_id: UUID | None = None, **fields: Any
    ) -> None:
        node = self.watch.entered(run_id, parent_run_id, fields.get("metadata"))
        if node is None:
            return
        if node.seat is not None and not node.seat.has_slot:
            try:
                await asyncio.wrap_future(node.seat.granted)
            except BaseException:
                self.watch.left(run_id, "cancelled")
                raise
        self.watch.begun(node)

    async def on_tool_start(
        self, *_: Any, run_id: UUID, parent_run_id: UUID | None = None, **__: Any
    ) -> None:
        self.watch.entered(run_id, parent_run_id)

    async def on_chain_end(self, *_: Any, run_id: UUID, **__: Any) -> None:
        self.watch.left(run_id)

    async def on_chain_error(self, error: BaseException, *_: Any, run_id: UUID, **__: Any) -> None:
        self.watch.left(run_id, _outcome(error))

    async def on_tool_end(self, *_: Any, run_id: UUID, **__: Any) -> None:
        self.watch.left(run_id)

    async def on_tool_error(self, *_: Any, run_id: UUID, **__: Any) -> None:
        self.watch.left(run_id)


def watches_slots(handler: object) -> bool:
    """Whether `handler` is that of a run that caps the nodes at work."""
    return isinstance(handler, _Watching) and handler.watch.slots is not None


def _outcome(error: BaseException) -> NodeRunOutcome:
    if isinstance(error, Exception):
        return "interrupted" if is_control_flow(error) else "failed"
    return "cancelled"


def _tell(told: Callable[[NodeRun], None], node: NodeRun) -> None:
    try:
        told(node)
    except Exception as error:  # A listener never harms the run.
        get_logger("langgraph_runner.graph").warning("run_listener_failed", error_type=type(error).__name__)
