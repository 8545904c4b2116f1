"""Turning a failure into what a LangGraph node returns or raises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langgraph.errors import GraphDrained

from langgraph_runner.errors import FallbackError, NodeCancellationError
from langgraph_runner.errors.exceptions import note_once, original_error
from langgraph_runner.node.langgraph.internals import (
    end_run_after_superstep,
    graph_channels,
    has_native_cache,
    holds_errors,
    is_checkpointed,
    name_in_graph,
    run_control,
    writes_fields,
)

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

    from langgraph_runner.node.langgraph.schema import SchemaWatch
    from langgraph_runner.node.option_model import OnError
    from langgraph_runner.node.outcome import Failure

__all__ = ["deliver_failure"]


def deliver_failure(
    failure: Failure, on_error: OnError, schema: SchemaWatch, config: RunnableConfig | None
) -> dict[str, Any]:
    """Give LangGraph the failure of a node.

    Returns:
        The update that captures it.

    Raises:
        Exception: The original exception, with `on_error="raise"`, where the graph's state has no `errors`,
            where the node is a `@task`, whose caller would take a captured failure for its result, or where
            LangGraph would keep one in its cache as if it were a result.
        GraphDrained: The node was stopped by a drain, and the run has a checkpoint to resume from (or
            `on_error="raise"`). LangGraph ends the run there, and on resume the node runs again: captured as
            an error it would be skipped.
    """
    if (drained := _drained(failure, config, on_error)) is not None:
        raise drained
    if on_error == "raise":
        raise _to_raise(failure)
    return _captured(failure, on_error, schema, config)


def _captured(
    failure: Failure, on_error: OnError, schema: SchemaWatch, config: RunnableConfig | None
) -> dict[str, Any]:
    """The update that captures a failure.

    Raises:
        Exception: The original exception, with a note that says why it cannot be captured.
    """
    if config:
        schema.look_at(None, config)
    obstacle = _obstacle(config)
    if (
        obstacle is None
        and on_error == "stop"
        and name_in_graph(config) is not None
        and not end_run_after_superstep(config)
    ):
        obstacle = "this LangGraph's runs cannot be ended by a node."
    if obstacle is not None:
        error = _to_raise(failure)
        note_once(error, f"Raised, not captured: {obstacle}")
        raise error
    if on_error == "capture" and config:
        schema.look_at_edges(config)
    # The traceback of an exception object that a function raises again and again would grow each time.
    for captured in (failure.exception, original_error(failure.exception)):
        captured.with_traceback(None)
    if on_error == "record":
        return {"errors": [failure.record]}
    return {"errors": [failure.record], "routing_flags": {"blocked": True}}


def _obstacle(config: RunnableConfig | None) -> str | None:
    """Why a failure cannot be captured here, and what to do about it."""
    channels = graph_channels(config)
    if channels is not None and "errors" not in channels:
        return "the graph's state has no 'errors' field. Let it inherit from GraphState, or use on_error='raise'."
    if not holds_errors(config):
        return "the graph's field 'errors' holds no list of records. Rename it, or use on_error='raise'."
    if not writes_fields(config):
        return "the caller of a @task would take the failure for a result. Use on_error='raise'."
    if has_native_cache(config):
        return (
            "the node's CachePolicy would serve the failure again as a result. Use on_error='raise' with it."
        )
    return None


def _drained(failure: Failure, config: RunnableConfig | None, on_error: OnError) -> GraphDrained | None:
    if not isinstance(failure.exception, NodeCancellationError):
        return None
    control = run_control(config)
    if control is None or not control.drain_requested:
        return None
    if on_error == "raise" or is_checkpointed(config):
        return GraphDrained(control.drain_reason or "shutdown")
    return None


def _to_raise(failure: Failure) -> Exception:
    error = original_error(failure.exception)
    if isinstance(failure.exception, FallbackError):
        note_once(error, f"Its fallback failed as well: {type(failure.exception.fallback_error).__name__}.")
    return error if isinstance(error, Exception) else failure.exception
