"""`fallback="other_node"`: a fallback that is another node of the same graph, found when the graph runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langgraph.constants import START

from langgraph_runner.errors.hints import did_you_mean
from langgraph_runner.node.callee import as_fallback, is_node
from langgraph_runner.node.langgraph.internals import name_in_graph, nodes_of_graph

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_core.runnables import RunnableConfig

    from langgraph_runner.node.callee import Callee
    from langgraph_runner.runtime.runtimes import Runtime

__all__ = ["FallbackNode", "check_fallback_nodes"]


class FallbackNode:
    """The id of a node that is the fallback of another. Immutable.

    Args:
        node_id: Its id in the graph.
        runtime: Of the node whose fallback it is.

    Raises:
        ValueError: The id is empty.
    """

    __slots__ = ("_runtime", "node_id")

    def __init__(self, node_id: str, runtime: Runtime) -> None:
        if not node_id:
            raise ValueError("fallback: '' is not the id of a node.")
        self.node_id = node_id
        self._runtime = runtime

    def check(self, config: RunnableConfig | None) -> None:
        """Refuse an id that the running graph does not have. Outside a graph, nothing is checked.

        Raises:
            ValueError: The graph has no such node, or the fallbacks form a cycle.
        """
        nodes, name = nodes_of_graph(config), name_in_graph(config)
        if nodes is not None and name is not None:
            _check(name, self.node_id, nodes)

    def callee(self, config: RunnableConfig | None) -> Callee:
        """Find the node, to call it in place of the other one.

        Raises:
            LookupError: The call is outside a graph.
        """
        nodes = nodes_of_graph(config)
        if nodes is None or self.node_id not in nodes:
            raise LookupError(
                f"fallback: the node '{self.node_id}' cannot be found outside a graph. Pass its function instead."
            )
        return as_fallback(nodes[self.node_id], self._runtime)


def check_fallback_nodes(nodes: Mapping[str, Any]) -> None:
    """Refuse fallbacks that name no node of their graph.

    Args:
        nodes: What was given to `add_node()`, by id.

    Raises:
        ValueError: The graph has no such node, or the fallbacks form a cycle.
    """
    for name, action in nodes.items():
        node_id = _fallback_id(action)
        if node_id is not None:
            _check(name, node_id, nodes)


def _check(name: str, node_id: str, nodes: Mapping[str, Any]) -> None:
    chain = [name]
    following: str | None = node_id
    while following is not None:
        if following in chain:
            path = " -> ".join(f"'{each}'" for each in (*chain, following))
            raise ValueError(f"fallback: {path} is a cycle. A node cannot stand in for itself.")
        if following not in nodes or following == START:
            known = sorted(each for each in nodes if each != START)
            raise ValueError(
                f"fallback of node '{chain[-1]}': the graph has no node '{following}'."
                f"{did_you_mean(following, known)} It has: {', '.join(known)}."
            )
        chain.append(following)
        following = _fallback_id(nodes[following])


def _fallback_id(action: Any) -> str | None:
    return getattr(action, "fallback_node", None) if is_node(action) else None
