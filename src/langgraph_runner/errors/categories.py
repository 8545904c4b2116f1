"""The categories of failures, for metrics, logs and routing."""

from enum import StrEnum


class FailureCategory(StrEnum):
    """Why a call of a node did not succeed.

    The first four are failures of the node. `CANCELLED` and `CIRCUIT_OPEN` are not: with `CANCELLED` the caller
    stopped the call, with `CIRCUIT_OPEN` the function was never called.
    """

    TIMEOUT = "timeout"
    VALIDATION = "validation"
    NETWORK = "network"
    OTHER = "other"
    CANCELLED = "cancelled"
    CIRCUIT_OPEN = "circuit_open"
