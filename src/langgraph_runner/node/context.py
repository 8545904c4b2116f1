"""What a function can learn about the call that it is part of: `get_node_context()`."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.runtime.abort import AbortController, AbortSignal

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from datetime import datetime

    from langgraph_runner.node.call import NodeCall
    from langgraph_runner.runtime.runtimes import Runtimes

__all__ = ["CURRENT_CONTEXT", "NodeContext", "add_node_context", "get_node_context"]

CURRENT_CONTEXT: Final[ContextVar[NodeContext | None]] = ContextVar("langgraph_runner_node", default=None)


class NodeContext:
    """One attempt of one node call. Made by the runner; read it with `get_node_context()`.

    Safe to hand to other threads. What is costly to find out is found out when it is asked for.
    """

    attempt: int = 1
    """Which attempt this is, from 1."""
    primary_error: BaseException | None = None
    """In a fallback, and in the nodes that it calls: the error that it stands in for. Otherwise None."""
    primary_input: Any = None
    """In a fallback, and in the nodes that it calls: the state that the function was given. Otherwise None."""
    _controller: AbortController | None = None
    stop_reason: str | None = None
    """Why this attempt is to stop; None as long as it is not."""

    def __init__(self, call: NodeCall) -> None:
        self._call = call
        if call.parent is not None:
            self.primary_error = call.parent.primary_error
            self.primary_input = call.parent.primary_input

    def of_attempt(self, attempt: int) -> NodeContext:
        """The context of another attempt of the same call, with an abort signal of its own."""
        context = NodeContext(self._call)
        context.attempt = attempt
        context.primary_error, context.primary_input = self.primary_error, self.primary_input
        return context

    def of_fallback(self, primary_error: BaseException, primary_input: Any) -> NodeContext:
        """The context of the fallback of the same call."""
        context = self.of_attempt(max(self._call.attempts, 1))
        context.primary_error, context.primary_input = primary_error, primary_input
        return context

    @property
    def node_name(self) -> str:
        """The name of the node in its graph."""
        return self._call.name

    @property
    def retry_attempt(self) -> int:
        """How many retries came before: 0 on the first attempt."""
        return self.attempt - 1

    @property
    def story_id(self) -> str | None:
        """`story_id` of the config, else of the state."""
        return self._call.story_id

    @property
    def started_at(self) -> datetime:
        """When the node call began, in UTC."""
        return self._call.started_at

    @property
    def parent(self) -> NodeContext | None:
        """The context of the node whose function called this node or its graph; None at the top."""
        return self._call.known_parent

    @property
    def graph_execution_id(self) -> str:
        """The same for all nodes of one graph run.

        `graph_execution_id` of the config, else LangGraph's run id, else one made up for the run.
        """
        return self._call.graph_execution_id

    @property
    def trace_id(self) -> str:
        """W3C trace id (32 lower-case hex digits), the same for all nodes of one graph run.

        `trace_id` of the config, else that of the active OpenTelemetry span, else of the parent node, else
        derived from `graph_execution_id`.
        """
        return self._call.trace_id

    @property
    def span_id(self) -> str | None:
        """W3C span id (16 lower-case hex digits) of the active OpenTelemetry span; None without one.

        With `spans=NodeSpans()` that is the node's own span, or one that its function has started in it.
        """
        return active_otel_ids()[1]

    @property
    def abort_signal(self) -> AbortSignal:
        """Fires when this attempt is to stop: its timeout passed, its run was aborted, or it drains.

        A blocking function that loops should look at `abort_signal.aborted`: nothing else can stop it.
        """
        controller = self._controller
        if controller is None:
            # Threads may ask at the same time: `setdefault` is atomic, so all of them get one signal.
            controller = self.__dict__.setdefault("_controller", AbortController())
            # In this order, so that a stop between the two lines is not missed.
            if self.stop_reason is not None:
                controller.abort(self.stop_reason)
        return controller.signal

    @property
    def given_runtimes(self) -> Runtimes | None:
        """The clock that the run's config gives in place of the node's own; None if it gives none."""
        return self._call.given_runtimes

    @property
    def runtimes(self) -> Runtimes:
        """The clock that this call goes by."""
        return self._call.given_runtimes or self._call.policies.runtimes

    @property
    def has_ended(self) -> bool:
        """Whether the call is over without having been told to stop."""
        return self._call.has_ended and self.ancestor_stop() is None

    def belongs_to(self, call: NodeCall) -> bool:
        """Whether this is an attempt of `call`."""
        return self._call is call

    def ancestor_stop(self) -> str | None:
        """Why this attempt, or one that it is a part of, is to stop; None if none is."""
        context: NodeContext | None = self
        while context is not None:
            if context.stop_reason is not None:
                return context.stop_reason
            context = context.parent
        return None

    def ancestor_signals(self) -> list[AbortSignal]:
        """The signals of this attempt and of all that it is a part of."""
        signals: list[AbortSignal] = []
        context: NodeContext | None = self
        while context is not None:
            signals.append(context.abort_signal)
            context = context.parent
        return signals

    def stop(self, reason: str) -> None:
        """Fire `abort_signal`. The runner calls this."""
        self.stop_reason = reason
        if self._controller is not None:
            self._controller.abort(reason)

    def as_dict(self) -> dict[str, Any]:
        """Identity and progress as JSON values, for logs."""
        return {
            "node": self.node_name,
            "story_id": self.story_id,
            "attempt": self.attempt,
            "trace_id": self.trace_id,
            "graph_execution_id": self.graph_execution_id,
        }

    def __repr__(self) -> str:
        return f"<NodeContext {self.node_name!r} attempt={self.attempt}>"


def get_node_context() -> NodeContext:
    """The context of the node call that this code runs in.

    Tasks inherit it, and threads that are given a copy of the context, as by `asyncio.to_thread()`; a plain
    `threading.Thread` is not.

    Raises:
        RuntimeError: Not inside a node made by `create_node()`.
    """
    context = CURRENT_CONTEXT.get()
    if context is None:
        raise RuntimeError(
            "get_node_context() works inside a function that create_node() wraps; there is no node call here."
        )
    return context


def add_node_context(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: adds node, story, attempt and ids to every event that is logged inside a node.

    Put it into `structlog.configure(processors=[add_node_context, ...])`. Fields of the event win.
    """
    context = CURRENT_CONTEXT.get()
    if context is not None:
        for key, value in context.as_dict().items():
            if value is not None:
                event.setdefault(key, value)
    return event


def active_otel_ids() -> tuple[str, str] | tuple[None, None]:
    """Trace id and span id of the active OpenTelemetry span, as W3C writes them; None without a valid one.

    A program with an active span has imported OpenTelemetry already, so this never does.
    """
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return None, None
    span = trace.get_current_span().get_span_context()
    return (f"{span.trace_id:032x}", f"{span.span_id:016x}") if span.is_valid else (None, None)


class ExecutionIds:
    """Made-up ids for graph runs that have none, one for each run.

    LangGraph has one `RunControl` for a run and its subgraphs. It can be neither extended nor weakly
    referenced, so the newest few are kept here together with their ids.
    """

    def __init__(self, limit: int = 16_384) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._ids: OrderedDict[int, tuple[object, str]] = OrderedDict()

    def of(self, run: object, new_id: str) -> str:
        """The id of `run`; `new_id` if it has none yet."""
        with self._lock:
            # The entry holds the run, so its id() cannot be that of another one.
            _, known = self._ids.setdefault(id(run), (run, new_id))
            self._ids.move_to_end(id(run))
            if len(self._ids) > self._limit:
                self._ids.popitem(last=False)
            return known


EXECUTION_IDS: Final = ExecutionIds()
