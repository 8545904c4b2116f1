"""The values in `GraphState`: TypedDicts of JSON values, so that every checkpointer restores them."""

from __future__ import annotations

from typing import Any, Final, Literal, NotRequired

from pydantic import ConfigDict
from typing_extensions import TypedDict

__all__ = ["ROUTING_FLAGS", "EvidenceRef", "GateDecision", "RoutingFlag", "RoutingFlags"]

RoutingFlag = Literal["proceed", "retry", "blocked", "escalate", "skip", "complete"]
"""The name of a flag for conditional edges."""

ROUTING_FLAGS: Final[tuple[RoutingFlag, ...]] = (
    "proceed",
    "retry",
    "blocked",
    "escalate",
    "skip",
    "complete",
)


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
