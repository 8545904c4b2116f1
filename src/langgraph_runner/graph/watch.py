"""Watching a run from LangGraph's callbacks: which nodes begin and end, in which wave, under which node.

Callbacks reach everything that a run calls, nodes of nested graphs too, whoever made them. That is what the cap on
concurrency needs, and why it is kept here: a node waits for its slot before LangGraph calls it.

LangChain calls handlers in two ways, of a blocking run and of an awaited one, and a run may go from one to the other
and back. A blocking run drops what an async handler raises; an awaited one must not be blocked. So there are two
handlers: `_Watcher` hears of everything and waits where there is no event loop, `_Waiter` waits where there is one.
They may be called in any order, because LangChain merges handlers as sets; so are those of a run inside a run.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Protocol

from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.runnables.config import var_child_runnable_config
from langgraph.constants import START
from langgraph.errors import GraphDrained

from langgraph_runner.errors.classification import is_control_flow
from langgraph_runner.errors.logs import emit
from langgraph_runner.graph.captures import OUTERMOST, Captures
from langgraph_runner.graph.thread_calls import calls_in_threads
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from uuid import UUID

    from langgraph_runner.graph.slots import Seat, Slots

__all__ = ["NodeRun", "RunListener", "RunWatch", "check_listener", "watch_of"]

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


def check_listener(listener: object) -> None:
    """Refuse what is not a `RunListener`.

    Raises:
        TypeError: A method is missing, or it is a class instead of an instance.
    """
    missing = [name for name in ("node_started", "node_ended") if not callable(getattr(listener, name, None))]
    if missing:
        raise TypeError(
            f"progress: expected True or a listener with node_started(node) and node_ended(node);"
            f" {listener!r:.80} has no {' and no '.join(missing)}."
        )
    if isinstance(listener, type):
        raise TypeError(f"progress: {listener.__name__} is a class. Pass an instance: {listener.__name__}().")


class RunWatch:
    """What is known of one run. Thread-safe: each entry is written by the run that it is about.

    Args:
        slots: The cap on nodes at work; None where an outer run keeps it.
        listener: Who is told.
        outer: The watch of the run whose node this run is a part of.
        is_persisted: Whether somebody may go on with the run after it was stopped.
    """

    def __init__(
        self,
        slots: Slots | None,
        listener: RunListener | None = None,
        outer: RunWatch | None = None,
        *,
        is_persisted: bool = False,
    ) -> None:
        self.is_persisted = is_persisted
        self.waves: set[int] = set()
        """The supersteps of the outermost graph in which nodes have begun."""
        self.handlers: list[BaseCallbackHandler] = [_Watcher(self), _Waiter(self)]
        """What to add to the callbacks of the run."""
        self._slots = slots
        self._listener = listener
        self._outer = outer
        self.depth: int = 0 if outer is None else outer.depth + 1
        """In how many other runs this one is."""
        self.stopped: Exception | None = None
        """Why no further node may begin; None as long as they may."""
        self._failed: list[tuple[BaseException, str]] = []
        self._root: UUID | None = None
        self._nodes: dict[UUID, NodeRun] = {}
        self._enclosing: dict[UUID, NodeRun | None] = {}
        self.captures = Captures()
        self._held: set[UUID] = set()
        """Runs of nodes that were cancelled while their functions go on in threads."""

    def stop(self, error: Exception) -> None:
        """Let no further node begin. Where others may go on with the run, none that ends later counts as done."""
        self.stopped = error
        if self._slots is not None:
            self._slots.close(error)

    def failed_node(self, error: BaseException) -> str | None:
        """The node of the outermost graph that raised `error`, in the last wave."""
        return next((name for raised, name in self._failed if raised is error), None)

    def entered(
        self, run_id: UUID, parent_run_id: UUID | None, metadata: Mapping[str, Any] | None = None
    ) -> NodeRun | None:
        """A run begins: of a graph, a node, a chain, a tool. Gives the node, if it is one.

        To say so twice does nothing.
        """
        # The outer run first: it has the slots.
        outside = None if self._outer is None else self._outer.entered(run_id, parent_run_id, metadata)
        if run_id in self._enclosing:
            return self._nodes.get(run_id)
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
        if parent_run_id == self._root and node.step not in self.waves:
            self.waves.add(node.step)
            self._failed.clear()  # The graph got over it.
        if self._slots is not None:
            node.seat = self._slots.take(parent.seat if parent is not None else None)
            if (task := _current_task()) is not None:
                # Cancelled while other handlers hear of its begin, a node has no end to hear of.
                task.add_done_callback(lambda _: self.left(run_id, "cancelled"))
        elif outside is not None:
            node.seat = outside.seat
        self._enclosing[run_id] = self._nodes[run_id] = node
        return node

    @contextlib.contextmanager
    def admission(self, run_id: UUID, node: NodeRun) -> Iterator[None]:
        """Around the wait of a node for its slot. After it the node is called.

        Raises:
            asyncio.CancelledError: The run was stopped. Not an `Exception`, which LangChain would log for each node
                that waits and drop in some threads, and which retry policies would try again.
        """
        try:
            yield
            if self.stopped is not None:
                raise self.stopped  # noqa: TRY301 - it leaves as one that came out of the wait does
        except BaseException as error:
            self.left(run_id, "cancelled")  # LangChain tells nobody of the end of what has not begun.
            if isinstance(error, Exception):
                raise asyncio.CancelledError(str(error)) from error
            raise
        if node.started:
            return
        node.started = REAL_RUNTIMES.blocking.monotonic()
        if self._listener is not None:
            _notify(self._listener, "node_started", node)

    def delivered(self, run_id: UUID, output: Any) -> None:
        """A run is about to end with `output`: that of a node, or of a graph or a chain that a node calls."""
        node = self._nodes.get(run_id)
        if node is not None:
            level = OUTERMOST if node.parent is None else node.parent.place
            self.captures.node_ended(node.place, level, output)
        elif (caller := self._enclosing.get(run_id)) is not None:
            self.captures.graph_ended(caller.place, output)

    def raised(self, run_id: UUID) -> None:
        """A run is about to end with an error."""
        caller = self._enclosing.get(run_id)
        if caller is not None and run_id not in self._nodes and self.stopped is None:
            self.captures.graph_failed(caller.place)

    def is_blocked(self) -> bool:
        """Whether the graph that asks, within its node's context, is to end because a failure was captured.

        It may end between two supersteps only, when none of its nodes is at work.
        """
        if not self.captures.blocks():
            return False
        nodes = tuple(self._nodes.values())
        metadata = (var_child_runnable_config.get() or {}).get("metadata") or {}
        place = metadata.get("langgraph_checkpoint_ns")
        caller = next((node for node in nodes if node.place == place), None)
        if any(node.parent is caller for node in nodes):
            return False
        return caller is None or self.captures.blocks(caller.place)

    def left(
        self, run_id: UUID, outcome: NodeRunOutcome = "done", error: BaseException | None = None
    ) -> NodeRun | None:
        """A run has ended, or has given up waiting for its slot. Gives the node, if it is one that had not ended."""
        if self._outer is not None:
            # Whose handler is not called any more where that of this run raises.
            self._outer.left(run_id, outcome, error)
        node = self._nodes.pop(run_id, None)
        if node is None:
            if run_id not in self._held:
                self._enclosing.pop(run_id, None)
            return None
        node.outcome = outcome
        if error is not None and outcome == "failed" and node.parent is None:
            self._failed.append((error, node.name))
        still_running = calls_in_threads(node.place) if outcome == "cancelled" and node.started else []
        if still_running and self._slots is not None:
            self._held.add(run_id)
            # The node is at work as long as its threads are: it keeps its slot, and remains the caller of what
            # they call.
            pending = _Countdown(len(still_running), partial(self._vacate, run_id, node))
            for call in still_running:
                call.add_done_callback(pending.one_less)
        else:
            self._vacate(run_id, node)
        if node.started:
            node.duration_ms = (REAL_RUNTIMES.blocking.monotonic() - node.started) * 1000
            if self._listener is not None:
                _notify(self._listener, "node_ended", node)
        return node

    def _vacate(self, run_id: UUID, node: NodeRun) -> None:
        self._held.discard(run_id)
        self._enclosing.pop(run_id, None)
        if node.seat is not None and self._slots is not None:
            self._slots.leave(node.seat)


class _Countdown:
    """Calls `then` when `one_less` was called `count` times. Thread-safe."""

    def __init__(self, count: int, then: Callable[[], None]) -> None:
        self._left = itertools.count(count - 1, -1)  # Its `next()` is atomic.
        self._then = then

    def one_less(self, _: object) -> None:
        """One of them is done."""
        if next(self._left) == 0:
            self._then()


class _Inline:
    """What both handlers are: heard out before LangGraph goes on, and deaf to what models say, token by token."""

    raise_error = True  # Or LangGraph would call a node that may not begin.
    run_inline = True
    ignore_llm = ignore_chat_model = ignore_retriever = ignore_retry = ignore_custom_event = True


class _Watcher(_Inline, BaseCallbackHandler):
    """Hears of what begins and ends: chains and tools."""

    def __init__(self, watch: RunWatch) -> None:
        self.watch = watch

    def on_chain_start(self, *_: Any, run_id: UUID, parent_run_id: UUID | None = None, **fields: Any) -> None:
        node = self.watch.entered(run_id, parent_run_id, fields.get("metadata"))
        if node is None or _has_loop():
            return
        with self.watch.admission(run_id, node):
            if node.seat is not None:
                node.seat.granted.result()

    def on_tool_start(self, *_: Any, run_id: UUID, parent_run_id: UUID | None = None, **__: Any) -> None:
        self.watch.entered(run_id, parent_run_id)

    def on_chain_end(self, outputs: Any, *_: Any, run_id: UUID, **__: Any) -> None:
        watch = self.watch
        watch.delivered(run_id, outputs)
        if watch.left(run_id) is not None and watch.stopped is not None and watch.is_persisted:
            # LangGraph would write it over what a resumed run has done; after this it writes nothing of the node.
            raise GraphDrained(str(watch.stopped))

    def on_chain_error(self, error: BaseException, *_: Any, run_id: UUID, **__: Any) -> None:
        if not (isinstance(error, Exception) and is_control_flow(error)):
            self.watch.raised(run_id)
        self.watch.left(run_id, _outcome(error), error)

    def on_tool_end(self, *_: Any, run_id: UUID, **__: Any) -> None:
        self.watch.left(run_id)

    on_tool_error = on_tool_end


class _Waiter(_Inline, AsyncCallbackHandler):
    """Lets a node wait for its slot on the event loop."""

    def __init__(self, watch: RunWatch) -> None:
        self._watch = watch

    @property
    def ignore_agent(self) -> bool:
        """Tools, which wait for nothing."""
        return True

    @property
    def ignore_chain(self) -> bool:
        """In a thread without an event loop, where the node has waited already."""
        return not _has_loop()

    async def on_chain_start(
        self, *_: Any, run_id: UUID, parent_run_id: UUID | None = None, **fields: Any
    ) -> None:
        node = self._watch.entered(run_id, parent_run_id, fields.get("metadata"))
        if node is None:
            return
        with self._watch.admission(run_id, node):
            if node.seat is not None and not node.seat.has_slot:
                await asyncio.wrap_future(node.seat.granted)


def watch_of(callbacks: Any) -> RunWatch | None:
    """The watch of the innermost run that `callbacks`, a list or a manager, belong to; None outside a runner's."""
    handlers: Any = getattr(callbacks, "handlers", callbacks) or ()
    watches = [each.watch for each in handlers if isinstance(each, _Watcher)]
    return max(watches, key=lambda watch: watch.depth, default=None)


def _has_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _current_task() -> asyncio.Task[Any] | None:
    return asyncio.current_task() if _has_loop() else None


def _outcome(error: BaseException) -> NodeRunOutcome:
    if isinstance(error, Exception):
        return "interrupted" if is_control_flow(error) else "failed"
    return "cancelled"


def _notify(listener: RunListener, method: str, node: NodeRun) -> None:
    try:
        getattr(listener, method)(node)
    except Exception as error:  # A listener never harms the run.
        emit(
            "langgraph_runner.graph",
            logging.WARNING,
            "run_listener_failed",
            error_type=type(error).__name__,
        )
