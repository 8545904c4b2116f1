"""`GraphState`: the fields that the runner writes, with reducers that let parallel branches share them."""

from __future__ import annotations

from typing import Annotated

from typing_extensions import TypedDict

from langgraph_runner.errors import NodeErrorRecord
from langgraph_runner.state.records import EvidenceRef, GateDecision, RoutingFlags
from langgraph_runner.state.reducers import append_bounded, append_unique, merge_mappings

__all__ = ["GraphState"]


class GraphState(TypedDict, total=False):
    """State with room for what the runner reports. Inherit from it and add fields of your own.

    A pydantic or dataclass schema works as well if it has the two fields that the runner writes, `errors` and
    `routing_flags`, annotated as they are here.

    Example:
        >>> class ResearchState(GraphState, total=False):
        ...     question: str
        ...     answer: str
    """

    story_id: str
    """What the run is about, in the user's own numbering; it appears in every log line and error record."""

    artifact_paths: Annotated[dict[str, str], merge_mappings]
    """Files that nodes have made, by name. Merged per name; the later write wins."""

    routing_flags: Annotated[RoutingFlags, merge_mappings]
    """Flags for conditional edges. Merged per flag; a node that succeeds writes none by itself, so parallel
    branches cannot clear each other's."""

    evidence_refs: Annotated[list[EvidenceRef], append_unique]
    """What backs the results. Appended, without repeating an equal one."""

    gate_decisions: Annotated[dict[str, GateDecision], merge_mappings]
    """What gates have decided, by gate. Merged per gate; the later decision wins."""

    errors: Annotated[list[NodeErrorRecord], append_bounded()]
    """Captured failures, oldest first. Appended; the newest 100 are kept."""
