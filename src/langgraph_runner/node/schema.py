"""Saying so when the running graph's state has no room for what a node writes.

LangGraph drops a key that is not in the schema in silence. For a captured error that would mean that nobody
ever hears of it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.errors.logs import get_logger, is_enabled
from langgraph_runner.node.langgraph_compat import graph_channels, name_in_graph, native_policies
from langgraph_runner.node.logs import LOGGER

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

__all__ = ["SchemaWatch"]

_CAPTURED: Final = frozenset({"errors", "routing_flags"})


class SchemaWatch:
    """Knows which keys of one node's output have been looked at. Each is reported once.

    Threads may share it: at worst two of them report the same key.

    Args:
        node: What to call the node outside a graph.
        captures: Whether it writes errors to the state.
        is_graph: Whether it is a compiled graph. That hands back its whole state, and fields of its own are
            meant to stay behind.
    """

    def __init__(self, node: str, *, captures: bool, is_graph: bool = False) -> None:
        self._node = node
        self._is_graph = is_graph
        self._seen: set[str] = set()
        self._to_ask = set(_CAPTURED) if captures else set()

    def look_at(self, output: Any, config: RunnableConfig) -> None:
        """Report keys of `output` that the graph would drop, and a graph that would drop captured errors."""
        keys = output.keys() if type(output) is dict and not self._is_graph else ()
        if not self._to_ask and (not keys or keys <= self._seen):
            return
        channels = graph_channels(config)
        if channels is None:
            return
        is_first, lost, self._to_ask = bool(self._to_ask), self._to_ask - channels, set()
        dropped = set(keys) - channels - self._seen
        self._seen.update(keys)
        if is_first and native_policies(config).retries:
            _warn(
                "node.native_retry_ignored",
                node=name_in_graph(config) or self._node,
                fix="LangGraph's retry_policy never sees a captured error: use retry=, or on_error='raise'.",
            )
        if lost:
            _warn(
                "node.state_cannot_hold_errors",
                node=name_in_graph(config) or self._node,
                missing=sorted(lost),
                fix="Let the state inherit from GraphState, or use on_error='raise'.",
            )
        if dropped:
            _warn(
                "node.unknown_fields_dropped",
                node=name_in_graph(config) or self._node,
                fields=sorted(dropped),
                fix="LangGraph drops fields that are not in the state's schema; add them there.",
            )

    @staticmethod
    def keeps_errors(config: RunnableConfig | None) -> bool:
        """Whether a captured error would reach the state; True where that cannot be known."""
        channels = graph_channels(config)
        return channels is None or "errors" in channels


def _warn(event: str, **fields: Any) -> None:
    if is_enabled(LOGGER, logging.WARNING):
        get_logger(LOGGER).warning(event, **fields)
