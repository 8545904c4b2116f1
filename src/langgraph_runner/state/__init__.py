"""The state that the runner writes to, its reducers, and checked partial updates."""

from langgraph_runner.state.graph_state import GraphState
from langgraph_runner.state.records import EvidenceRef, GateDecision, RoutingFlag, RoutingFlags
from langgraph_runner.state.reducers import append_bounded, append_unique, merge_mappings
from langgraph_runner.state.routing import route_by_flags
from langgraph_runner.state.update import update_state

__all__ = [
    "EvidenceRef",
    "GateDecision",
    "GraphState",
    "RoutingFlag",
    "RoutingFlags",
    "append_bounded",
    "append_unique",
    "merge_mappings",
    "route_by_flags",
    "update_state",
]
