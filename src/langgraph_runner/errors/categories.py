"""Why an execution of a node did not succeed, as metrics, logs and routing name it."""

from enum import StrEnum


class FailureCategory(StrEnum):
    """Why an execution of a node did not succeed.

    The first four are failures of the node.
    `CANCELLED` and `CIRCUIT_OPEN` are not: in the one the caller changed its mind, in the other the node
    was never called.
    """

    TIMEOUT = "timeout"
    VALIDATION = "validation"
    NETWORK = "network"
    OTHER = "other"
    CANCELLED = "cancelled"
    CIRCUIT_OPEN = "circuit_open"
