"""`GraphState`: the fields that the runner writes, with reducers that let parallel branches share them.

The values are TypedDicts of JSON values, so that every checkpointer restores them.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, NotRequired, get_args

from pydantic import ConfigDict
from typing_extensions import TypedDict

from langgraph_runner.errors import NodeErrorRecord
from langgraph_runner.state.reducers import append_bounded, append_unique, merge_mappings

__all__ = ["ROUTING_FLAGS", "EvidenceRef", "GateDecision", "GraphState", "RoutingFlag", "RoutingFlags"]

RoutingFlag = Literal["proceed", "retry", "blocked", "escalate", "skip", "complete"]
"""The name of a flag for conditional edges."""

ROUTING_FLAGS: Final[tuple[RoutingFlag, ...]] = get_args(RoutingFlag)


class RoutingFlags(TypedDict, total=False):
    """Flags for conditional edges. A flag that no node has written is missing."""

    proceed: bool
    retry: bool
    blocked: bool
    """The runner sets it when a node has finally failed."""
    escalate: bool
    skip: bool
    complete: bool


class EvidenceRef(TypedDict):
    """A reference to evidence for a result: a document, a log, a test report."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc] # pydantic's own way for TypedDicts

    id: str
    """Unique among the evidence of a run. You choose it."""
    kind: NotRequired[str]
    """What it is, such as `document`, `test_report` or `url`. You choose the words."""
    uri: NotRequired[str]
    """Where it is."""
    summary: NotRequired[str]
    """What it shows, in one sentence."""
    metadata: NotRequired[dict[str, Any]]
    """Anything else, as JSON values."""


class GateDecision(TypedDict):
    """The decision of a gate: a review, a quality check, a person."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc] # as above

    decision: Literal["approved", "rejected", "pending"]
    reason: NotRequired[str]
    decided_by: NotRequired[str]
    decided_at: NotRequired[str]
    """ISO 8601."""
    metadata: NotRequired[dict[str, Any]]


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
