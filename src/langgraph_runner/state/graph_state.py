"""`GraphState`: the fields that the runner writes, with reducers that let parallel branches share them."""

from __future__ import annotations

from typing import Annotated

from typing_extensions import TypedDict

from langgraph_runner.errors import NodeErrorRecord
from langgraph_runner.state.records import EvidenceRef, GateDecision, RoutingFlags
from langgraph_runner.state.reducers import append_bounded, append_unique, merge_mappings

__all__ = ["GraphState"]


class GraphState(TypedDict, total=False):
    """State with the fields that the runner writes. Inherit from it and add fields of your own.

    A pydantic or dataclass schema works, too, if it has the two fields that the runner writes, `errors` and
    `routing_flags`, annotated as they are here.

    Example:
        >>> class ResearchState(GraphState, total=False):
        ...     question: str
        ...     answer: str
    """

    story_id: str
    """What the run is about, such as a ticket of yours; it is in every log event and error record."""

    artifact_paths: Annotated[dict[str, str], merge_mappings]
    """Paths of files that nodes have made, by name. Merged per name; the later write wins."""

    routing_flags: Annotated[RoutingFlags, merge_mappings]
    """Flags for conditional edges. Merged per flag. The runner writes no flag after a success, so that a parallel
    branch does not clear the flag of another."""

    evidence_refs: Annotated[list[EvidenceRef], append_unique]
    """Evidence for the results. Appended; an equal one is not repeated."""

    gate_decisions: Annotated[dict[str, GateDecision], merge_mappings]
    """Decisions, by gate. Merged per gate; the later decision wins."""

    errors: Annotated[list[NodeErrorRecord], append_bounded()]
    """Captured failures, oldest first. Appended; the newest 100 are kept."""
