"""Reporting what a node does: log events, metrics and spans. If one of them raises, the node goes on."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.errors import FailureCategory
from langgraph_runner.errors.categories import REFUSALS
from langgraph_runner.errors.classification import is_blocking_error
from langgraph_runner.errors.logs import is_enabled, log_method, report_lost_event
from langgraph_runner.node.langgraph.internals import injectables
from langgraph_runner.node.logs import LOGGER, class_name, log, log_suppressed_error

if TYPE_CHECKING:
    from langgraph_runner.errors import NodeErrorRecord
    from langgraph_runner.node.call import NodeCall
    from langgraph_runner.node.outcome import Failure

__all__ = [
    "STREAM_RETRIES",
    "log_completed",
    "log_started",
    "report_cancelled",
    "report_failure",
    "report_fallback",
    "report_interrupted",
    "report_retry",
    "report_started",
    "report_success",
]

STREAM_RETRIES: Final = "stream_retries"
"""The key of `config["configurable"]` that asks for retries in the stream `custom`."""


def report_started(call: NodeCall) -> None:
    """Start the span of the call, and log that it begins, where these are wanted. Those of its end are then, too."""
    spans = call.configurable.get("spans", call.options.spans)
    if spans is not None:
        try:
            call.start_span(spans)
        except Exception as error:  # A tracer never harms the node.
            log_suppressed_error(call, "node.span_failed", error)
    log_started(call)
    if call.log is not None:
        call.restart_clock()  # What handlers do with the event is no part of the call.


def log_started(call: NodeCall) -> None:
    """Log that the call begins, if such an event is wanted; `call.log` is set then, for the event of its end."""
    try:
        log = call.log = log_method(LOGGER, call.options.log_level)
        if log is not None:
            story_id = call.story_id
            call.log_fields = {"node": call.name}
            if story_id is not None:
                call.log_fields["story_id"] = story_id
            log("node.started", **call.log_fields, trace_id=call.trace_id)
    except Exception as error:
        report_lost_event(LOGGER, "node.started", error)


def log_completed(call: NodeCall, outcome: str, duration_ms: float, attempts: int) -> None:
    """Log that the function or its fallback delivered, with the logger that `log_started()` has set."""
    try:
        if call.log is not None:
            call.log(
                "node.completed",
                **call.log_fields,
                outcome=outcome,
                duration_ms=round(duration_ms, 3),
                attempts=attempts,
                trace_id=call.trace_id,
            )
    except Exception as error:
        report_lost_event(LOGGER, "node.completed", error)


def report_success(call: NodeCall, duration_ms: float) -> None:
    """Report that the function or its fallback delivered."""
    outcome = "fallback" if call.fallback_used else "success"
    _record_queued(call)
    if call.fallback_used:
        _record_fallback(call, duration_ms)
    else:
        _record(call, "record_success", call.name, duration_ms)
    _trace(call, "end", outcome, attempts=call.attempts)
    log_completed(call, outcome, duration_ms, call.attempts)


def report_failure(call: NodeCall, failure: Failure) -> None:
    """Report that the node failed finally: as an error, or as a warning where the node did nothing wrong."""
    category = FailureCategory(failure.record.get("category", FailureCategory.OTHER))
    _record_queued(call)
    _record(call, "record_failure", call.name, failure.duration_ms, category)
    fault = category is not FailureCategory.CANCELLED and category not in REFUSALS
    _trace(
        call,
        "end",
        "failure" if fault else str(category.value),
        attempts=failure.attempts,
        error_type=failure.record.get("error_type"),
        message=failure.record["message"],
    )
    if call.options.callee.is_async and is_blocking_error(failure.exception):
        log(
            logging.WARNING,
            "node.blocks_event_loop",
            call,
            fix="Make the node a plain function, or call what blocks with asyncio.to_thread().",
        )
    log(
        max(call.options.log_level, logging.ERROR if fault else logging.WARNING),
        "node.cancelled" if category is FailureCategory.CANCELLED else "node.failed",
        call,
        outcome=failure.record["code"],
        duration_ms=round(failure.duration_ms, 3),
        attempts=failure.attempts,
        error_type=failure.record.get("error_type"),
        error=failure.record["message"],
    )


def report_cancelled(call: NodeCall, error: BaseException) -> None:
    """Report that the node ends with what it must not handle: asyncio's cancellation, `KeyboardInterrupt`."""
    _record(call, "record_failure", call.name, call.elapsed_ms(), FailureCategory.CANCELLED)
    _log_end(call, "node.cancelled", error, max(call.options.log_level, logging.WARNING))


def report_interrupted(call: NodeCall, error: BaseException) -> None:
    """Report LangGraph's control flow: an interrupt, a drain, a command to a parent. Neither success nor failure."""
    _log_end(call, "node.interrupted", error, call.options.log_level)


def _log_end(call: NodeCall, event: str, error: BaseException, level: int) -> None:
    _record_queued(call)
    kind = "cancelled" if event == "node.cancelled" else "interrupted"
    _trace(call, "end", kind, attempts=call.attempts, error_type=type(error).__name__)
    log(
        level,
        event,
        call,
        outcome=type(error),
        duration_ms=round(call.elapsed_ms(), 3),
        attempts=call.attempts,
    )


def report_retry(call: NodeCall, error: Exception, attempt: int, delay_ms: float) -> None:
    """Report that an attempt failed and another will follow. The event names the type; the text may hold secrets."""
    if call.collector is not None:
        _record(call, "record_retry", call.name)
    if call.span is not None:
        _trace(call, "attempt_failed", attempt, error_type=type(error).__name__, retry_in_ms=delay_ms)
    if call.configurable.get(STREAM_RETRIES):
        _stream_retry(call, error, attempt, delay_ms)
    # A handler is needed because the next attempt may succeed; a final failure is printed.
    if is_enabled(LOGGER, logging.WARNING, needs_handler=True):
        log(
            logging.WARNING,
            "node.retrying",
            call,
            needs_handler=True,
            attempt=attempt,
            delay_ms=round(delay_ms, 3),
            error_type=type(error),
        )


def _stream_retry(call: NodeCall, error: Exception, attempt: int, delay_ms: float) -> None:
    """Write the retry to the stream `custom` of the running graph. Outside a graph, do nothing."""
    write = injectables(call.config).get("writer")
    if write is None:
        return
    event = {
        "event": "node.retrying",
        "node": call.name,
        "attempt": attempt,
        "delay_ms": round(delay_ms, 3),
        "error_type": class_name(type(error)),
    }
    try:
        write(event)
    except Exception as broken:  # A consumer of the stream never harms the node.
        log_suppressed_error(call, "node.stream_failed", broken)


def report_fallback(call: NodeCall, primary: NodeErrorRecord) -> None:
    """Report that the function failed, with the record of that failure, and that its fallback takes over."""
    _trace(call, "fell_back", error_type=primary.get("error_type"))
    log(
        logging.WARNING,
        "node.falling_back",
        call,
        outcome=primary["code"],
        attempts=call.attempts,
        error_type=primary.get("error_type"),
        error=primary["message"],
    )


def _record(call: NodeCall, method: str, *arguments: Any) -> None:
    """Call a method of the collector. Without a collector, do nothing. A user's own collector may raise."""
    if call.collector is None:
        return
    try:
        getattr(call.collector, method)(*arguments)
    except Exception as error:  # Metrics never harm the node.
        log_suppressed_error(call, "node.metrics_failed", error)


def _record_queued(call: NodeCall) -> None:
    """Count a call that a policy has made wait; a collector of the user's may not know of that."""
    if call.has_queued and callable(getattr(call.collector, "record_queued", None)):
        _record(call, "record_queued", call.name)


def _record_fallback(call: NodeCall, duration_ms: float) -> None:
    """The function failed and its fallback delivered; a collector of the user's may know only failures."""
    knows_fallbacks = callable(getattr(call.collector, "record_fallback", None))
    method = "record_fallback" if knows_fallbacks else "record_failure"
    _record(call, method, call.name, duration_ms, call.primary_failure)


def _trace(call: NodeCall, method: str, *arguments: Any, **fields: Any) -> None:
    """Call a method of the span of the call. Without a span, do nothing. A user's own span may raise."""
    if call.span is None:
        return
    try:
        getattr(call.span, method)(*arguments, **fields)
    except Exception as error:  # A tracer never harms the node.
        log_suppressed_error(call, "node.span_failed", error)
