"""Turn an exception into the `NodeErrorRecord` that a state keeps: at most `MAX_RECORD_BYTES` of JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from langgraph.errors import NodeTimeoutError as LangGraphNodeTimeoutError
from pydantic import ValidationError

from langgraph_runner.errors.categories import FailureCategory
from langgraph_runner.errors.classification import failure_category, is_retryable_node_error
from langgraph_runner.errors.codes import ErrorCode, render_message
from langgraph_runner.errors.exceptions import (
    CircuitOpenError,
    FallbackError,
    NodeCancellationError,
    NodeRunnerError,
    RetryExhaustedError,
)
from langgraph_runner.errors.models import NodeErrorCause, NodeErrorRecord
from langgraph_runner.redaction import DEFAULT_SANITIZER, Sanitizer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

__all__ = [
    "MAX_RECORD_BYTES",
    "build_error_record",
    "error_code",
]

MAX_RECORD_BYTES: Final = 16 * 1024
"""The most that one record takes as UTF-8 JSON."""

_MAX_NAME_CHARS: Final = 256
_MAX_CAUSES: Final = 5
_SHORTENED: Final = "\n... (shortened)"


def error_code(error: BaseException) -> ErrorCode:
    """The stable code under which `error` is recorded."""
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
    """Turn an exception into the record that the state keeps.

    Args:
        error: What ended the node. A `RetryExhaustedError` is recorded with the type and stack of its last
            attempt, a `FallbackError` with the messages of both functions.
        node_id: Name of the node.
        attempts: How many attempts were made.
        trace_id: W3C trace id.
        timestamp: When it was captured, with its time zone.
        error_id: What makes the record unlike any other.
        story_id: The story that the run belongs to.
        sanitizer: What redacts and bounds the texts.

    Returns:
        A record of at most `MAX_RECORD_BYTES` as JSON. Never raises on account of `error`.
    """
    original = _original(error)
    record = NodeErrorRecord(
        node_id=node_id[:_MAX_NAME_CHARS],
        message=_message(error, original, node_id[:_MAX_NAME_CHARS], attempts, sanitizer),
        code=_code(error, node_id).value,
        timestamp=timestamp.isoformat(),
        stack=sanitizer.stack(original),
        recoverable=_is_recoverable(original),
        attempts=attempts,
        error_type=_type_name(original, sanitizer),
        category=(
            FailureCategory.OTHER if _is_refused_elsewhere(error, node_id) else failure_category(error)
        ).value,
        trace_id=trace_id[:_MAX_NAME_CHARS],
        causes=_causes(original, sanitizer),
    )
    if error_id is not None:
        record["error_id"] = error_id
    if story_id is not None:
        record["story_id"] = story_id[:_MAX_NAME_CHARS]
    return _bounded(record)


def _is_refused_elsewhere(error: BaseException, node: str) -> bool:
    """Whether the function met the open circuit of another node: to this node that is a failure like any other."""
    return isinstance(error, CircuitOpenError) and error.node != node


def _code(error: BaseException, node: str) -> ErrorCode:
    return ErrorCode.NODE_EXECUTION_FAILED if _is_refused_elsewhere(error, node) else error_code(error)


def _type_name(error: BaseException, sanitizer: Sanitizer) -> str:
    """The class name, which a program may have made up from anything."""
    return sanitizer.text(type(error).__name__, max_chars=_MAX_NAME_CHARS)


def _original(error: BaseException) -> BaseException:
    """What the user's code raised, behind what the runner says about it."""
    if isinstance(error, RetryExhaustedError):
        return error.last_error
    return error


def _causes(error: BaseException, sanitizer: Sanitizer) -> list[NodeErrorCause]:
    causes = sanitizer.causes(error)
    if isinstance(error, FallbackError):
        # The error of the function stands beside that of the fallback, not behind it.
        primary = _original(error.primary_error)
        causes.insert(
            1, {"error_type": _type_name(primary, sanitizer), "message": sanitizer.message(primary)}
        )
    return [
        NodeErrorCause(error_type=cause["error_type"][:_MAX_NAME_CHARS], message=cause["message"])
        for cause in causes[:_MAX_CAUSES]
    ]


def _is_recoverable(error: BaseException) -> bool:
    if isinstance(error, FallbackError):
        return _is_recoverable(_original(error.primary_error))
    return isinstance(error, (CircuitOpenError, NodeCancellationError)) or is_retryable_node_error(error)


def _message(
    error: BaseException, original: BaseException, node: str, attempts: int, sanitizer: Sanitizer
) -> str:
    code = _code(error, node)
    if isinstance(error, FallbackError):
        primary = _detail(_original(error.primary_error), sanitizer)
        fallback = _detail(_original(error.fallback_error), sanitizer)
        return render_message(code, node=node, detail=primary, fallback_detail=fallback)
    if (
        code is ErrorCode.CIRCUIT_OPEN
        and isinstance(error, CircuitOpenError)
        and error.last_error is not None
    ):
        return f"{sanitizer.message(error)} Before that: {_detail(error.last_error, sanitizer)}"
    if code in {ErrorCode.RETRY_EXHAUSTED, ErrorCode.VALIDATION_FAILED, ErrorCode.NODE_EXECUTION_FAILED}:
        return render_message(code, node=node, attempts=attempts, detail=_detail(original, sanitizer))
    return sanitizer.message(original)


def _detail(error: BaseException, sanitizer: Sanitizer) -> str:
    name, text = _type_name(error, sanitizer), sanitizer.message(error)
    return name if text in {"", name} else f"{name}: {text}"


def _bounded(record: NodeErrorRecord) -> NodeErrorRecord:
    """Shorten the longest texts until the record fits; ASCII, the usual case, fits at once."""
    while (excess := _json_bytes(record) - MAX_RECORD_BYTES) > 0:
        if len(record["stack"]) > len(_SHORTENED) + 1000:
            record["stack"] = _shorter(record["stack"], excess)
        elif record["causes"]:
            record["causes"] = record["causes"][:-1]
        elif len(record["message"]) > len(_SHORTENED):
            record["message"] = _shorter(record["message"], excess)
        else:
            break  # Only names and ids are left, which have bounds of their own.
    return record


def _shorter(text: str, excess_bytes: int) -> str:
    # JSON spends up to 12 bytes on a character; a twelfth at a time never cuts much too deep.
    keep = len(text) - len(_SHORTENED) - max(excess_bytes // 12, 16)
    return text[: max(keep, 0)] + _SHORTENED


def _json_bytes(record: Mapping[str, Any]) -> int:
    return len(json.dumps(record))
