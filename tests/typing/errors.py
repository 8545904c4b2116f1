"""The types of errors, records and the sanitizer; never run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, assert_type

from langgraph_runner import (
    DEFAULT_SANITIZER,
    MESSAGE_TEMPLATES,
    BulkheadFullError,
    CallRefusedError,
    CircuitOpenError,
    ErrorCode,
    FailureCategory,
    FallbackError,
    InvalidNodeOutputError,
    NodeCancellationError,
    NodeError,
    NodeErrorRecord,
    NodeRunnerError,
    NodeTimeoutError,
    RateLimitedError,
    RetryExhaustedError,
    RunBlockedError,
    RunCancelledError,
    RunTimeoutError,
    Sanitizer,
    StateUpdateError,
    UnhashableInputError,
    failure_category,
    is_retryable_node_error,
    retry_after_ms,
)


def handles(error: NodeRunnerError, now: datetime) -> None:
    """The attributes that a handler reads from each error."""
    assert_type(error.code, ErrorCode)
    assert_type(failure_category(error), FailureCategory)
    assert_type(is_retryable_node_error(error), bool)
    assert_type(retry_after_ms(error, now), float | None)
    if isinstance(error, NodeTimeoutError):
        assert_type(error.timeout_ms, float)
        assert_type(error.elapsed, float)
    elif isinstance(error, RetryExhaustedError):
        assert_type(error.attempts, int)
        assert_type(error.last_error, BaseException)
    elif isinstance(error, CallRefusedError):
        handles_refusals(error)
    elif isinstance(error, FallbackError):
        assert_type(error.primary_error, BaseException)
    elif isinstance(error, NodeCancellationError):
        assert_type(error.reason, str)
    elif isinstance(error, InvalidNodeOutputError):
        assert_type(error.found, str)
    elif isinstance(error, StateUpdateError):
        assert_type(error.field, str)
    elif isinstance(error, UnhashableInputError):
        assert_type(error.path, str)


def handles_refusals(error: CallRefusedError) -> None:
    """The attributes that a handler reads if a policy refused a call."""
    assert_type(error.category, FailureCategory)
    assert_type(error.retry_after_ms, float | None)
    if isinstance(error, BulkheadFullError):
        assert_type(error.max_queued, int)
    elif isinstance(error, RateLimitedError):
        assert_type(error.node, str)
    elif isinstance(error, CircuitOpenError):
        assert_type(error.last_error, BaseException | None)


def handles_runs(error: RunBlockedError | RunCancelledError | RunTimeoutError) -> None:
    """The attributes that a handler reads from errors of whole runs."""
    if isinstance(error, RunBlockedError):
        assert_type(error.nodes, tuple[str, ...])
    elif isinstance(error, RunCancelledError):
        assert_type(error.reason, str)
    else:
        assert_type(error.elapsed_ms, float)


def reads(record: NodeErrorRecord) -> None:
    """An error record in a state, and its model."""
    assert_type(record["message"], str)
    error = NodeError.model_validate(record)
    assert_type(error.timestamp, datetime)
    assert_type(error.category, FailureCategory)
    assert_type(error.to_record(), NodeErrorRecord)


def sanitizes(error: ValueError) -> None:
    """The texts of an error."""
    assert_type(DEFAULT_SANITIZER, Sanitizer)
    assert_type(Sanitizer(max_message_chars=500).message(error), str)
    assert_type(DEFAULT_SANITIZER.text("token=abc"), str)
    templates: Mapping[ErrorCode, Any] = MESSAGE_TEMPLATES
    assert_type(ErrorCode.NODE_TIMEOUT in templates, bool)
