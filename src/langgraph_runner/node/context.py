"""`NodeContext`: what code can learn about the node call that it runs in, by `get_node_context()`.

This module is below the policies and the pipeline. What all attempts of a call share is in `call.py`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, cast

from langgraph_runner.runtime.abort import AbortController, AbortSignal
from langgraph_runner.runtime.runtimes import CURRENT_CALL

if TYPE_CHECKING:
    from contextvars import ContextVar
    from datetime import datetime

    from langgraph_runner.runtime.runtimes import Runtimes

__all__ = ["CURRENT_CONTEXT", "NodeContext", "active_otel_ids", "get_node_context"]

# The variable belongs to the package `runtime`, which knows of a call only what it needs itself.
CURRENT_CONTEXT: Final = cast("ContextVar[NodeContext | None]", CURRENT_CALL)


class NodeContext:
    """One attempt of one node call. Made by the runner; read it with `get_node_context()`.

    Safe to hand to other threads. What costs something to find out is found out when it is first read.
    """

    attempt: int = 1
    """Which attempt this is, from 1."""
    primary_error: BaseException | None = None
    """In a fallback, and in the nodes that it calls: the error that it stands in for. Otherwise None."""
    primary_input: Any = None
    """In a fallback, and in the nodes that it calls: the state that the function was given. Otherwise None."""
    stop_reason: str | None = None
    """Why this attempt is to stop; None as long as it is not."""
    _controller: AbortController | None = None

    def facts(self) -> Any:
        """The `NodeCall` that this attempt belongs to. For the runner only."""
        raise NotImplementedError

    def of_attempt(self, attempt: int) -> NodeContext:
        """The context of another attempt of the same call, with an abort signal of its own."""
        return _AttemptContext(self.facts(), attempt, self.primary_error, self.primary_input)

    def of_fallback(self, primary_error: BaseException, primary_input: Any) -> NodeContext:
        """The context of the fallback of the same call."""
        call = self.facts()
        return _AttemptContext(call, max(call.attempts, 1), primary_error, primary_input)

    @property
    def node_name(self) -> str:
        """The name of the node in its graph."""
        return str(self.facts().name)

    @property
    def retry_attempt(self) -> int:
        """How many retries came before: 0 on the first attempt."""
        return self.attempt - 1

    @property
    def story_id(self) -> str | None:
        """`story_id` of the config, else of the state."""
        found: str | None = self.facts().story_id
        return found

    @property
    def started_at(self) -> datetime:
        """When the node call began, in UTC."""
        found: datetime = self.facts().started_at
        return found

    @property
    def parent(self) -> NodeContext | None:
        """The context of the node whose function called this node or its graph; None at the top."""
        found: NodeContext | None = self.facts().parent
        return found

    @property
    def graph_execution_id(self) -> str:
        """The same for all nodes of one graph run.

        `graph_execution_id` of the config, else LangGraph's run id, else one made up for the run.
        """
        return str(self.facts().graph_execution_id)

    @property
    def trace_id(self) -> str:
        """W3C trace id (32 lower-case hex digits), the same for all nodes of one graph run.

        `trace_id` of the config, else that of the active OpenTelemetry span, else of the parent node, else
        derived from `graph_execution_id`.
        """
        return str(self.facts().trace_id)

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
        found: Runtimes | None = self.facts().given_runtimes
        return found

    @property
    def runtimes(self) -> Runtimes:
        """The clock that this call goes by."""
        found: Runtimes = self.facts().runtimes
        return found

    @property
    def has_ended(self) -> bool:
        """Whether the call has ended without being stopped."""
        return self.facts().is_over and self.ancestor_stop() is None

    def monotonic(self) -> float:
        """Seconds on the clock of this call, which never goes back. For a `Policy`."""
        return float(self.facts().runtime.monotonic())

    async def sleep_ms(self, delay_ms: float) -> None:
        """Wait. For a `Policy`: only there it works for sync and async nodes.

        Args:
            delay_ms: For how long, in ms, at least 0.

        Raises:
            NodeCancellationError: The run was aborted or drains, or the node around this one is to stop.
            NodeTimeoutError: The node's total timeout passed.
        """
        call = self.facts()
        await call.runtime.sleep(delay_ms / 1000, call.begin_wait(is_queue=True))

    async def wait(self, signal: AbortSignal, timeout_ms: float | None = None) -> bool:
        """Wait until another thread or task fires `signal`. For a `Policy`: only there it works for all nodes.

        Args:
            signal: What to wait for: the `signal` of an `AbortController`.
            timeout_ms: For how long at most, in ms, at least 0; None for no limit.

        Returns:
            Whether it fired.

        Raises:
            NodeCancellationError: As for `sleep_ms()`.
            NodeTimeoutError: As for `sleep_ms()`.
        """
        call = self.facts()
        seconds = None if timeout_ms is None else timeout_ms / 1000
        return bool(await call.runtime.wait(signal, seconds, call.begin_wait(is_queue=True)))

    def ancestor_stop(self) -> str | None:
        """Why this attempt, or one that it is a part of, is to stop; None if none of them is."""
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


class _AttemptContext(NodeContext):
    """The context of a later attempt, of a callback or of the fallback; that of the first attempt is the call."""

    def __init__(
        self, call: Any, attempt: int, primary_error: BaseException | None, primary_input: Any
    ) -> None:
        self._call = call
        self.attempt = attempt
        if primary_error is not None:
            self.primary_error, self.primary_input = primary_error, primary_input

    def facts(self) -> Any:
        return self._call


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


def active_otel_ids() -> tuple[str, str] | tuple[None, None]:
    """Trace id and span id of the active OpenTelemetry span, as W3C writes them; None without a valid one.

    A program with an active span has imported OpenTelemetry already, so this never does.
    """
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return None, None
    span = trace.get_current_span().get_span_context()
    return (f"{span.trace_id:032x}", f"{span.span_id:016x}") if span.is_valid else (None, None)
