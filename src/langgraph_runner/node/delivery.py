"""Turning an outcome into what a LangGraph node returns or raises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langgraph.errors import GraphDrained

from langgraph_runner.errors import NodeCancellationError, RetryExhaustedError, note_once
from langgraph_runner.node.langgraph_compat import run_control
from langgraph_runner.node.outcome import Outcome, Success

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

    from langgraph_runner.node.outcome import Failure
    from langgraph_runner.node.policies import OnError
    from langgraph_runner.node.schema import SchemaWatch

__all__ = ["deliver"]


def deliver(outcome: Outcome, on_error: OnError, schema: SchemaWatch, config: RunnableConfig | None) -> Any:
    """What the node gives to LangGraph.

    Args:
        outcome: What became of the call.
        on_error: What to do about a failure.
        schema: What is known of the graph's state.
        config: LangGraph's config of the call.

    Returns:
        What the function returned, or the update that captures its failure.

    Raises:
        Exception: The original exception, with `on_error="raise"` or where the graph's state has no `errors`.
        GraphDrained: With `on_error="raise"`, where the node was stopped by a drain, so that LangGraph ends
            the run at the last checkpoint and the node runs again when it is resumed.
    """
    if isinstance(outcome, Success):
        if config:
            schema.look_at(outcome.value, config)
        return outcome.value
    if on_error == "raise":
        raise _to_raise(outcome, config)
    if not schema.keeps_errors(config):
        error = _to_raise(outcome, config)
        note_once(
            error,
            "Raised, not captured: the graph's state has no 'errors' field. Let it inherit from GraphState, or"
            " use on_error='raise'.",
        )
        raise error
    if on_error == "record":
        return {"errors": [outcome.record]}
    return {"errors": [outcome.record], "routing_flags": {"blocked": True}}


def _to_raise(failure: Failure, config: RunnableConfig | None) -> Exception:
    error = failure.exception
    if isinstance(error, RetryExhaustedError) and isinstance(error.last_error, Exception):
        return error.last_error
    if isinstance(error, NodeCancellationError):
        control = run_control(config)
        if control is not None and control.drain_requested:
            return GraphDrained(control.drain_reason or "shutdown")
    return error
