"""Apply `default_retry` to the plain nodes of a compiled graph, as LangGraph's own retry policy."""

from __future__ import annotations

import warnings
from traceback import walk_tb
from typing import TYPE_CHECKING, Any, Final

from langgraph.constants import START
from langgraph.pregel import Pregel
from langgraph.types import RetryPolicy
from tenacity import RetryCallState
from tenacity.retry import retry_base

from langgraph_runner.node.config import as_retry_config
from langgraph_runner.node.langgraph.delivery import deliver
from langgraph_runner.node.langgraph.internals import action_of
from langgraph_runner.node.nodes import is_node

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.runnables import RunnableConfig
    from langgraph.pregel._read import PregelNode

    from langgraph_runner.node.config import RetryConfig

__all__ = ["default_retry_in", "with_default_retry"]

Graph = Pregel[Any, Any, Any, Any]
_PREVIOUS: Final = "__previous__"
"""The channel that only the graph of an `@entrypoint` has."""
_NO_RETRY: Final = RetryPolicy(max_attempts=1)


def default_retry_in(config: RunnableConfig | None) -> RetryConfig | None:
    """Return the `default_retry` of a config, which overrides that of the runner."""
    return as_retry_config(((config or {}).get("configurable") or {}).get("default_retry"))


def with_default_retry(graph: Graph, retry: RetryConfig | None) -> Graph:
    """Copy a graph so that its plain nodes have LangGraph's retry policy.

    A node that has a retry policy of its own, or of its graph, keeps it. Nodes made by `create_node()` read
    `default_retry` from the config. A node that is a graph is not retried as a whole, but its plain nodes are. An
    `@entrypoint` is not retried either, because all its tasks would run again, but each of its plain tasks is. Graphs
    that a function calls, or that `create_node()` has wrapped, do not change.

    Args:
        graph: The compiled graph; it is not changed.
        retry: The default; None for no retry.

    Returns:
        A copy of `graph`, or `graph` itself if nothing changes.

    Warns:
        UserWarning: `retry` has a `stop` or `wait` of tenacity, for which LangGraph's policy has no counterpart, so
            plain nodes are not retried.
    """
    if retry is None or retry.max_attempts == 1:
        return graph
    if retry.stop is not None or retry.wait is not None:
        if _with_policy(graph, RetryPolicy()) is not graph:
            warnings.warn(
                "default_retry reaches only nodes made by create_node(): LangGraph's retry policy has no"
                " counterpart for tenacity's `stop` and `wait`.",
                UserWarning,
                stacklevel=4,
            )
        return graph
    return _with_policy(graph, _as_policy(retry))


def _with_policy(graph: Graph, policy: RetryPolicy) -> Graph:
    if _PREVIOUS in graph.channels:
        return graph if graph.retry_policy else _with_policy_in_entrypoint(graph, policy)
    nodes = {name: _with_policy_in_node(name, node, graph, policy) for name, node in graph.nodes.items()}
    if all(nodes[name] is node for name, node in graph.nodes.items()):
        return graph
    return graph.copy({"nodes": nodes})


def _with_policy_in_entrypoint(graph: Graph, policy: RetryPolicy) -> Graph:
    # LangGraph retries a task without a policy of its own by that of the graph, and the function like any other node.
    nodes = {name: node.copy({"retry_policy": (_NO_RETRY,)}) for name, node in graph.nodes.items()}
    decide: Any = policy.retry_on
    for_tasks = policy._replace(retry_on=lambda error: not _is_from_resilient_node(error) and decide(error))
    return graph.copy({"nodes": nodes, "retry_policy": (for_tasks,)})


def _is_from_resilient_node(error: Exception) -> bool:
    """Whether the task is a node made by `create_node()`, which has retried already."""
    return any(frame.f_code is deliver.__code__ for frame, _ in walk_tb(error.__traceback__))


def _with_policy_in_node(name: str, node: PregelNode, graph: Graph, policy: RetryPolicy) -> PregelNode:
    if isinstance(node.bound, Pregel):
        nested = _with_policy(node.bound, policy)
        if nested is node.bound:
            return node
        return node.copy({"bound": nested, "subgraphs": [nested]})
    has_retry = node.retry_policy or graph.retry_policy or is_node(action_of(node.bound))
    if has_retry or name == START:
        return node
    return node.copy({"retry_policy": (policy,)})


def _as_policy(retry: RetryConfig) -> RetryPolicy:
    return RetryPolicy(
        initial_interval=retry.backoff_ms / 1000,
        backoff_factor=retry.backoff_multiplier,
        max_interval=retry.max_backoff_ms / 1000,
        max_attempts=retry.max_attempts,
        jitter=retry.jitter > 0 and retry.backoff_ms > 0,
        retry_on=_predicate(retry.retry_on),
    )


def _predicate(retry_on: Callable[[BaseException], bool] | retry_base) -> Callable[[Exception], bool]:
    if not isinstance(retry_on, retry_base):
        return retry_on

    def decide(error: Exception) -> bool:
        no_retrying: Any = None
        state = RetryCallState(no_retrying, None, (), {})
        state.set_exception((type(error), error, error.__traceback__))
        return bool(retry_on(state))

    return decide
