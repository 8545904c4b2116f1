"""One OpenTelemetry span for each node call, with its attempts as events. Needs the extra `otel`.

This module does not know how nodes run: the caller starts a span, reports what happens, and ends the span.
Messages are recorded as they are given, so pass sanitized ones; exceptions and their stacks are not recorded.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Literal

from langgraph_runner.errors.categories import REFUSALS
from langgraph_runner.errors.hints import importing_extra
from langgraph_runner.errors.logs import emit
from langgraph_runner.metrics.forwarding import LOGGER

with importing_extra("opentelemetry", "Spans for OpenTelemetry need opentelemetry-api", extra="otel"):
    from opentelemetry import context, trace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextvars import Token

__all__ = ["NodeSpan", "NodeSpans"]

NodeSpanOutcome = Literal[
    "success",
    "fallback",
    "failure",
    "cancelled",
    "circuit_open",
    "bulkhead_full",
    "rate_limited",
    "refused",
    "interrupted",
]

_FAULTS = frozenset({"failure", *(category.value for category in REFUSALS)})


class NodeSpans:
    """Starts spans. Safe to use from any number of threads and tasks.

    Args:
        tracer: What makes the spans; None for the tracer of the global tracer provider, which may be set later.
    """

    def __init__(self, tracer: trace.Tracer | None = None) -> None:
        self._tracer = tracer if tracer is not None else trace.get_tracer("langgraph_runner")

    def start(
        self, node: str, *, trace_id: str | None = None, attributes: Mapping[str, str | int] | None = None
    ) -> NodeSpan:
        """Start the span of a node call and make it the active one of this context.

        It is a child of the active span. Without an active span it joins the trace `trace_id`: its parent is then
        a remote span that is not recorded, the same for all nodes of that trace.

        Never raises: a tracer that fails is logged, and the span records nothing.

        Args:
            node: The node's name; the span is named `node <name>`.
            trace_id: A W3C trace id, 32 lower-case hex digits, not all of them 0.
            attributes: Further attributes of the call, such as a story and a graph execution.
        """
        return NodeSpan(self._tracer, node, trace_id, attributes or {})


class NodeSpan:
    """The span of one node call. None of its methods raises: what fails is logged as `node.span_failed`.

    Not for more than one thread at a time. Made by `NodeSpans.start`.
    """

    __slots__ = ("_span", "_token")

    def __init__(
        self, tracer: trace.Tracer, node: str, trace_id: str | None, attributes: Mapping[str, str | int]
    ) -> None:
        self._span: trace.Span = trace.INVALID_SPAN
        self._token: Token[Any] | None = None
        try:
            self._span = tracer.start_span(
                f"node {node}",
                _parent(trace_id),
                attributes={"langgraph.node.name": node, **attributes},
            )
            self._token = context.attach(trace.set_span_in_context(self._span))
        except Exception as error:  # A tracer never harms the node.
            _log(error)

    def attempt_failed(self, attempt: int, *, error_type: str, retry_in_ms: float | None = None) -> None:
        """Record that an attempt failed: an event `langgraph.node.attempt_failed`.

        Args:
            attempt: Its number, from 1.
            error_type: The class of the exception.
            retry_in_ms: How long the node waits before the next one; None if this was the last attempt.
        """
        attributes: dict[str, Any] = {"langgraph.node.attempt": attempt, "error.type": error_type}
        if retry_in_ms is not None:
            attributes["langgraph.node.retry.delay"] = retry_in_ms / 1000
        self._add_event("langgraph.node.attempt_failed", attributes)

    def fell_back(self, *, error_type: str) -> None:
        """Record that the fallback takes over: an event `langgraph.node.fell_back`."""
        self._add_event("langgraph.node.fell_back", {"error.type": error_type})

    def end(
        self,
        outcome: NodeSpanOutcome,
        *,
        attempts: int,
        error_type: str | None = None,
        message: str | None = None,
    ) -> None:
        """End the span, and make the one before it active again where this one still is.

        A failure and a refused call have the status `ERROR`; a call that the caller cancelled or LangGraph
        interrupted has not.

        Args:
            outcome: What became of the call.
            attempts: How many attempts it took; 0 if a policy refused it.
            error_type: The class of the exception that ended it, or a stable code.
            message: What went wrong. It leaves the program, so it must be sanitized.
        """
        span, token = self._span, self._token
        self._token = None
        try:
            span.set_attribute("langgraph.node.outcome", outcome)
            span.set_attribute("langgraph.node.attempts", attempts)
            if error_type is not None:
                span.set_attribute("error.type", error_type)
            if outcome in _FAULTS:
                span.set_status(trace.StatusCode.ERROR, message)
        except Exception as error:  # As above.
            _log(error)
        try:
            span.end()
        except Exception as error:  # As above.
            _log(error)
        # A coroutine that the garbage collector closes may end in the context of other code.
        if token is not None and trace.get_current_span() is span:
            context.detach(token)

    def _add_event(self, name: str, attributes: dict[str, Any]) -> None:
        try:
            self._span.add_event(name, attributes)
        except Exception as error:  # As above.
            _log(error)


def _parent(trace_id: str | None) -> context.Context | None:
    """Return the context whose span becomes the parent; None for the current one."""
    if trace_id is None or trace.get_current_span().get_span_context().is_valid:
        return None
    number = int(trace_id, 16)
    span_context = trace.SpanContext(
        trace_id=number,
        span_id=number & 0xFFFF_FFFF_FFFF_FFFF or 1,
        is_remote=True,
        trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED),
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(span_context))


def _log(error: Exception) -> None:
    emit(LOGGER, logging.WARNING, "node.span_failed", exc_info=error)
