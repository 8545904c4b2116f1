"""`wrap_graph()`: every node of a graph becomes a resilient one."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from langgraph.graph import StateGraph
from langgraph.types import RetryPolicy

from langgraph_runner.node import create_node
from langgraph_runner.node.langgraph.internals import action_of, as_runnable
from langgraph_runner.node.nodes import is_node
from langgraph_runner.node.policies.fallback import check_fallback_nodes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langgraph.graph._node import StateNodeSpec

    from langgraph_runner.node.factory import NodeOptions

__all__ = ["wrap_graph"]

GraphT = TypeVar("GraphT", bound=StateGraph[Any, Any, Any, Any])


def wrap_graph(builder: GraphT, **defaults: Unpack[NodeOptions]) -> GraphT:
    """Make every node of a `StateGraph` a resilient one, before it is compiled.

    Nodes made by `create_node()` keep their own options, and LangGraph's error handlers do not change.

    A failure is raised by default, as it was before: the edges of the graph were not made for captured failures. With
    another `on_error` failures are captured, and a `retry_policy` that was given to `add_node()` becomes the
    `retry` of its node.

    Args:
        builder: The graph; it is changed in place. A graph that was compiled from it before is not.
        **defaults: The options of `create_node()` for each node; `on_error` is `"raise"` by default. A
            `CircuitBreakerConfig` makes a breaker for each node, a `NodeCircuitBreaker` is one for all of them.

    Returns:
        `builder`, so that `.compile()` can follow.

    Raises:
        TypeError: `builder` is not a `StateGraph` (a compiled graph is not), or `name` is among the options.
        ValueError: The fallback of a node is the id of a node that the graph does not have. Nothing has been changed.
        ValueError: An option is out of its range. Nothing has been changed.

    Warns:
        UserWarning: A node has an `error_handler`, a `cache_policy` or several retry policies, which cannot do
            their work on a node that captures its errors.

    Example:
        >>> from langgraph_runner import GraphState
        >>> builder = StateGraph(GraphState).add_node("load", lambda state: {"story_id": "ST-7"})
        >>> graph = wrap_graph(builder, retry=3, timeout_ms=5_000).add_edge("__start__", "load").compile()
        >>> graph.invoke({})["story_id"]
        'ST-7'
    """
    if not isinstance(builder, StateGraph):
        raise TypeError(f"builder must be a StateGraph, before compile(), got {builder!r:.80}.")
    if "name" in defaults:
        raise TypeError("name must not be given: each node keeps the name that it has in the graph.")
    defaults = {"on_error": "raise", **defaults}
    captures = defaults["on_error"] != "raise"
    wrapped = {
        name: _wrapped(name, spec, defaults, captures=captures)
        for name, spec in builder.nodes.items()
        if not spec.is_error_handler and not is_node(action_of(spec.runnable))
    }
    actions = {name: action_of(wrapped.get(name, spec.runnable)) for name, spec in builder.nodes.items()}
    check_fallback_nodes(actions)
    for name, runnable in wrapped.items():
        spec = builder.nodes[name]
        spec.runnable = runnable
        if captures and _own_retry(spec) is not None:
            spec.retry_policy = None
        for problem in _conflicts(spec) if captures else ():
            warnings.warn(f"Node '{name}': {problem}", UserWarning, stacklevel=2)
    return builder


def _wrapped(name: str, spec: StateNodeSpec[Any, Any], defaults: NodeOptions, *, captures: bool) -> Any:
    options: NodeOptions = {**defaults, "name": name}
    if options.get("fallback") == name:
        options["fallback"] = None  # This node is the fallback of the others.
    own_retry = _own_retry(spec)
    if captures and own_retry is not None:
        options["retry"] = own_retry
    elif not captures and spec.retry_policy:
        options["retry"] = None  # LangGraph retries by its own policy; two would multiply the attempts.
    return as_runnable(create_node(action_of(spec.runnable), **options), name)


def _own_retry(spec: StateNodeSpec[Any, Any]) -> RetryPolicy | None:
    """Return the one retry policy of a node; None without one, or with several for different errors."""
    policies = spec.retry_policy
    if isinstance(policies, RetryPolicy):  # Itself a tuple.
        return policies
    return policies[0] if policies and len(policies) == 1 else None


def _conflicts(spec: StateNodeSpec[Any, Any]) -> Iterator[str]:
    """Yield what LangGraph cannot do for a node that captures its errors, although it was asked to."""
    if spec.retry_policy:
        yield (
            "LangGraph's retry policies have no effect, because a captured error is not raised. Give one"
            " RetryPolicy, or wrap with on_error='raise'."
        )
    if spec.error_handler_node is not None:
        yield (
            "its error_handler is never called, because a captured error is not raised. Use a fallback, or wrap"
            " with on_error='raise'."
        )
    if spec.cache_policy is not None:
        yield (
            "a failure is raised, not captured, because LangGraph's cache would keep a captured one as a result."
            " Wrap with on_error='raise' to say so."
        )
