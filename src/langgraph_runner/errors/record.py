"""Turn an exception into the `NodeErrorRecord` that a state keeps: at most `MAX_RECORD_BYTES` of JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, cast

from langgraph.errors import NodeTimeoutError as LangGraphNodeTimeoutError
from pydantic import ValidationError

from langgraph_runner.errors.categories import FailureCategory
from langgraph_runner.errors.classification import failure_category, is_retryable_node_error
from langgraph_runner.errors.codes import ErrorCode, render_message
from langgraph_runner.errors.exceptions import (
    CallRefusedError,
    CircuitOpenError,
    FallbackError,
    NodeCancellationError,
    NodeRunnerError,
    RetryExhaustedError,
)
from langgraph_runner.errors.models import NodeErrorCause, NodeErrorRecord
from langgraph_runner.redaction import DEFAULT_SANITIZER, Sanitizer

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["MAX_RECORD_BYTES", "build_error_record", "error_code"]

MAX_RECORD_BYTES: Final = 16 * 1024
"""The largest size of a record as UTF-8 JSON."""

_MAX_NAME_CHARS: Final = 256
_MAX_CAUSES: Final = 5
_SHORTENED: Final = "\n... (shortened)"


def error_code(error: BaseException) -> ErrorCode:
    """Return the code of `error` in a record."""
    if isinstance(error, NodeRunnerError):
        return error.code
    if isinstance(error, ValidationError):
        return ErrorCode.VALIDATION_FAILED
    if isinstance(error, LangGraphNodeTimeoutError):
        return ErrorCode.NODE_TIMEOUT
    return ErrorCode.NODE_EXECUTION_FAILED


def build_error_record(
    error: BaseException,
    *,
    node_id: str,
    attempts: int,
    trace_id: str,
    timestamp: datetime,
    error_id: str | None = None,
    story_id: str | None = None,
    sanitizer: Sanitizer = DEFAULT_SANITIZER,
) -> NodeErrorRecord:
    """Turn the exception that ended a node into the record that the state keeps.

    A `RetryExhaustedError` is recorded with the type and stack of its last attempt, a `FallbackError` with the
    messages of both functions. The record is at most `MAX_RECORD_BYTES` as JSON. No `error` makes this
    function raise. `timestamp` has a time zone.
    """
    original = _original(error)
    # A refusal by the policy of another node, which the function called, is a failure like any other.
    is_refused_elsewhere = isinstance(error, CallRefusedError) and error.node != node_id
    code = ErrorCode.NODE_EXECUTION_FAILED if is_refused_elsewhere else error_code(error)
    category = FailureCategory.OTHER if is_refused_elsewhere else failure_category(error)
    node = node_id[:_MAX_NAME_CHARS]
    record = NodeErrorRecord(
        node_id=node,
        message=_message(error, code, node, attempts, sanitizer),
        code=code.value,
        timestamp=timestamp.isoformat(),
        stack=sanitizer.stack(original),
        recoverable=_is_recoverable(original),
        attempts=attempts,
        error_type=_type_name(original, sanitizer),
        category=category.value,
        trace_id=trace_id[:_MAX_NAME_CHARS],
        causes=_causes(original, sanitizer),
    )
    if error_id is not None:
        record["error_id"] = error_id
    if story_id is not None:
        record["story_id"] = story_id[:_MAX_NAME_CHARS]
    return _bounded(record)


def _type_name(error: BaseException, sanitizer: Sanitizer) -> str:
    """Return the name of the class, sanitized: a program can make a class with any name."""
    return sanitizer.text(type(error).__name__, max_chars=_MAX_NAME_CHARS)


def _original(error: BaseException) -> BaseException:
    """Return the error whose type and stack are recorded: after retries that of the last attempt."""
    return error.last_error if isinstance(error, RetryExhaustedError) else error


def _causes(error: BaseException, sanitizer: Sanitizer) -> list[NodeErrorCause]:
    causes = sanitizer.causes(error)
    if isinstance(error, FallbackError):
        # The error of the function is not a cause of that of the fallback, so it is not in the chain.
        primary = _original(error.primary_error)
        causes.insert(
            1, {"error_type": _type_name(primary, sanitizer), "message": sanitizer.message(primary)}
        )
    return cast("list[NodeErrorCause]", causes[:_MAX_CAUSES])


def _is_recoverable(error: BaseException) -> bool:
    if isinstance(error, FallbackError):
        return _is_recoverable(_original(error.primary_error))
    return isinstance(error, (CallRefusedError, NodeCancellationError)) or is_retryable_node_error(error)


def _message(error: BaseException, code: ErrorCode, node: str, attempts: int, sanitizer: Sanitizer) -> str:
    if isinstance(error, FallbackError):
        primary = _detail(_original(error.primary_error), sanitizer)
        fallback = _detail(_original(error.fallback_error), sanitizer)
        return render_message(code, node=node, detail=primary, fallback_detail=fallback)
    if (
        isinstance(error, CircuitOpenError)
        and code is ErrorCode.CIRCUIT_OPEN
        and error.last_error is not None
    ):
        return f"{sanitizer.message(error)} Before that: {_detail(error.last_error, sanitizer)}"
    original = _original(error)
    if code in {ErrorCode.RETRY_EXHAUSTED, ErrorCode.VALIDATION_FAILED, ErrorCode.NODE_EXECUTION_FAILED}:
        return render_message(code, node=node, attempts=attempts, detail=_detail(original, sanitizer))
    return sanitizer.message(original)


def _detail(error: BaseException, sanitizer: Sanitizer) -> str:
    name, text = _type_name(error, sanitizer), sanitizer.message(error)
    return name if text in {"", name} else f"{name}: {text}"


def _bounded(record: NodeErrorRecord) -> NodeErrorRecord:
    """Shorten the longest texts until the record fits. ASCII, the usual case, always fits."""
    while (excess := len(json.dumps(record)) - MAX_RECORD_BYTES) > 0:
        stack, causes = record.get("stack", ""), record.get("causes", [])
        if len(stack) > len(_SHORTENED) + 1000:
            record["stack"] = _shorter(stack, excess)
        elif causes:
            record["causes"] = causes[:-1]
        elif len(record["message"]) > len(_SHORTENED):
            record["message"] = _shorter(record["message"], excess)
        else:
            break  # Only names and ids are left, and these have bounds of their own.
    return record


def _shorter(text: str, excess_bytes: int) -> str:
    # A character takes up to 12 bytes of JSON. Cutting a twelfth of the excess at a time never cuts too much.
    keep = len(text) - len(_SHORTENED) - max(excess_bytes // 12, 16)
    return text[: max(keep, 0)] + _SHORTENED
