"""The categories of failures, for metrics, logs and routing."""

from enum import StrEnum


class FailureCategory(StrEnum):
    """Why a call of a node did not succeed.

    The first four are failures of the node. The others are not: the caller changed its mind (`CANCELLED`), or a
    policy refused the call, so that the function was not called (`REFUSALS`).
    """

    TIMEOUT = "timeout"
    VALIDATION = "validation"
    NETWORK = "network"
    OTHER = "other"
    CANCELLED = "cancelled"
    CIRCUIT_OPEN = "circuit_open"
    BULKHEAD_FULL = "bulkhead_full"
    RATE_LIMITED = "rate_limited"
    REFUSED = "refused"
    """By a policy of the user's."""


REFUSALS = (
    FailureCategory.CIRCUIT_OPEN,
    FailureCategory.BULKHEAD_FULL,
    FailureCategory.RATE_LIMITED,
    FailureCategory.REFUSED,
)
"""The categories of calls that a policy refused."""
