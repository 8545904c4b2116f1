"""What can go wrong in a node, how it is classified, and how it is written down safely."""

from langgraph_runner.errors.categories import FailureCategory
from langgraph_runner.errors.classification import (
    failure_category,
    is_control_flow,
    is_retryable_node_error,
    retry_after_ms,
)
from langgraph_runner.errors.codes import MESSAGE_TEMPLATES, ErrorCode, render_message
from langgraph_runner.errors.exceptions import (
    CircuitOpenError,
    FallbackError,
    InvalidNodeOutputError,
    NodeCancellationError,
    NodeRunnerError,
    NodeTimeoutError,
    RetryExhaustedError,
    RunCancelledError,
    RunTimeoutError,
    StateUpdateError,
    UnhashableInputError,
    note_once,
    original_error,
)
from langgraph_runner.errors.record import NodeError, NodeErrorCause, NodeErrorRecord, build_error_record
from langgraph_runner.errors.sanitizing import DEFAULT_SANITIZER, Sanitizer

__all__ = [
    "DEFAULT_SANITIZER",
    "MESSAGE_TEMPLATES",
    "CircuitOpenError",
    "ErrorCode",
    "FailureCategory",
    "FallbackError",
    "InvalidNodeOutputError",
    "NodeCancellationError",
    "NodeError",
    "NodeErrorCause",
    "NodeErrorRecord",
    "NodeRunnerError",
    "NodeTimeoutError",
    "RetryExhaustedError",
    "RunCancelledError",
    "RunTimeoutError",
    "Sanitizer",
    "StateUpdateError",
    "UnhashableInputError",
    "build_error_record",
    "failure_category",
    "is_control_flow",
    "is_retryable_node_error",
    "note_once",
    "original_error",
    "render_message",
    "retry_after_ms",
]
