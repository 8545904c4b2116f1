"""The values that `GraphState` holds: TypedDicts of JSON primitives, so that checkpoints keep them."""

from __future__ import annotations

from typing import Any, Final, Literal, NotRequired

from pydantic import ConfigDict
from typing_extensions import TypedDict

__all__ = ["ROUTING_FLAGS", "EvidenceRef", "GateDecision", "RoutingFlag", "RoutingFlags"]

RoutingFlag = Literal["proceed", "retry", "blocked", "escalate", "skip", "complete"]
"""What a node can tell the routes behind it."""

ROUTING_FLAGS: Final[tuple[RoutingFlag, ...]] = (
    "proceed",
    "retry",
    "blocked",
    "escalate",
    "skip",
    "complete",
)


class RoutingFlags(TypedDict, total=False):
    """Flags for conditional edges. A flag that nobody has written is absent."""

    proceed: bool
    retry: bool
    blocked: bool
    """Set by the runner when a node has finally failed."""
    escalate: bool
    skip: bool
    complete: bool


class EvidenceRef(TypedDict):
    """A pointer to something that backs a result: a document, a log, a test report."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc] # pydantic's own way for TypedDicts

    id: str
    """Unique among the evidence of a run, by the user's own rule."""
    kind: NotRequired[str]
    """What it is, in the user's own words: `document`, `test_report`, `url`."""
    uri: NotRequired[str]
    """Where it is."""
    summary: NotRequired[str]
    """What it shows, in a sentence."""
    metadata: NotRequired[dict[str, Any]]
    """Anything else, as JSON values."""


class GateDecision(TypedDict):
    """What a gate (a review, a quality check, a person) has decided."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc] # as above

    decision: Literal["approved", "rejected", "pending"]
    reason: NotRequired[str]
    decided_by: NotRequired[str]
    decided_at: NotRequired[str]
    """ISO 8601."""
    metadata: NotRequired[dict[str, Any]]
