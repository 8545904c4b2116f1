"""Warnings about what the running graph's state cannot hold of what a node writes.

LangGraph drops a key that is not in the schema without a warning. A captured error would be lost.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.errors.logs import emit
from langgraph_runner.node.langgraph.internals import (
    graph_channels,
    has_native_retry,
    name_in_graph,
    static_successors,
    writes_fields,
)
from langgraph_runner.node.logs import LOGGER

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from langchain_core.runnables import RunnableConfig

__all__ = ["STOPS_WHEN_BLOCKED", "SchemaWatch"]

STOPS_WHEN_BLOCKED: Final = "__langgraph_runner_stops_when_blocked"
"""The key of the config with which a `GraphRunner` says that it ends a blocked run."""

_CAPTURED: Final = frozenset({"errors", "routing_flags"})
_MOST_FINDINGS: Final = 1_000
_NO_KEYS: Final[AbstractSet[str]] = frozenset()


class SchemaWatch:
    """Checks each output of one node, and reports each finding once for each graph.

    Threads may share it: at worst two of them report the same.

    Args:
        node: What to call the node outside a graph.
        captures: Whether it writes errors to the state.
        is_graph: Whether it is a compiled graph, which returns its whole state: fields that only it has are
            dropped on purpose.
    """

    def __init__(self, node: str, *, captures: bool, is_graph: bool = False) -> None:
        self._node = node
        self._is_graph = is_graph
        self.captured: frozenset[str] = _CAPTURED if captures else frozenset()
        """The fields that it would write after a failure."""
        self.seen: set[str | None] = set()
        """The names in graphs of the node whose first output was looked at."""
        self._reported: set[tuple[str, frozenset[str]]] = set()

    def look_at(self, output: Any, config: RunnableConfig) -> None:
        """Report keys of `output` that the graph would drop, and a graph that would drop captured errors."""
        name = name_in_graph(config)
        is_first = name not in self.seen and len(self.seen) < _MOST_FINDINGS
        if is_first:
            self.seen.add(name)
        keys = output.keys() if type(output) is dict and not self._is_graph else _NO_KEYS
        if not keys and not self.captured:
            return
        channels = graph_channels(config)
        if channels is None:
            return
        if is_first and self.captured and has_native_retry(config):
            self._warn(
                "node.native_retry_ignored",
                config,
                fix="LangGraph's retry_policy never sees a captured error: use retry=, or on_error='raise'.",
            )
        if not self.captured <= channels and self._is_new("errors", channels):
            self._warn(
                "node.state_cannot_hold_errors",
                config,
                missing=sorted(self.captured - channels),
                fix="Let the state inherit from GraphState, or use on_error='raise'.",
            )
        if not keys <= channels and writes_fields(config):
            dropped = [key for key in sorted(keys - channels) if self._is_new(f"field {key}", channels)]
            if dropped:
                self._warn(
                    "node.unknown_fields_dropped",
                    config,
                    fields=dropped,
                    fix="LangGraph drops fields that are not in the state's schema; add them there.",
                )

    def look_at_edges(self, config: RunnableConfig) -> None:
        """Report edges that the graph follows after a captured failure, whatever its flags say."""
        if (config.get("configurable") or {}).get(STOPS_WHEN_BLOCKED):
            return  # The runner ends the run before they are followed.
        successors = static_successors(config)
        if successors and self._is_new(
            f"edges of {name_in_graph(config)}", graph_channels(config) or _NO_KEYS
        ):
            self._warn(
                "node.static_edge_after_failure",
                config,
                successors=successors,
                fix="They run without what this node should have written. Use a conditional edge"
                " (route_by_flags), on_error='stop' or on_error='raise'.",
            )

    def _is_new(self, finding: str, channels: AbstractSet[str]) -> bool:
        """Whether it has not been reported for this graph, which is known by the fields of its state."""
        key = (finding, frozenset(channels))
        # A function that makes up its keys could add findings without end; after so many, one more is of no use.
        if key in self._reported or len(self._reported) >= _MOST_FINDINGS:
            return False
        self._reported.add(key)
        return True

    def _warn(self, event: str, config: RunnableConfig, **fields: Any) -> None:
        emit(LOGGER, logging.WARNING, event, node=name_in_graph(config) or self._node, **fields)
