"""The functions under test, and the same node with more and more options."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

import structlog

from benchmarks.harness import RESULT
from langgraph_runner import CircuitBreakerConfig, NodeMetricsCollector, RetryConfig, create_node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RETRY = RetryConfig(max_attempts=3)
TIMEOUT_MS = 5_000.0
MAX_ATTEMPTS = 50
IMMEDIATE = RetryConfig(max_attempts=MAX_ATTEMPTS, backoff_ms=0)


def plain(state: dict[str, Any]) -> dict[str, Any]:
    """A function that does nothing."""
    return RESULT


async def plain_async(state: dict[str, Any]) -> dict[str, Any]:
    """A coroutine function that does nothing."""
    return RESULT


async def plain_with_asyncio_timeout(state: dict[str, Any]) -> dict[str, Any]:
    """The function in `asyncio.timeout`, to see what a timeout alone costs."""
    async with asyncio.timeout(TIMEOUT_MS / 1000):
        return await plain_async(state)


def full_node(function: Callable[..., Any], **options: Any) -> Any:
    """Return a node with a retry, a circuit breaker and a collector."""
    return create_node(
        function,
        retry=RETRY,
        circuit_breaker=CircuitBreakerConfig(),
        metrics_collector=NodeMetricsCollector(),
        **options,
    )


def flaky(failures: int, *, is_async: bool) -> Callable[..., Any]:
    """Return a function that fails `failures` times, then succeeds once, and then starts over."""
    left = failures

    def fail_or_succeed(state: dict[str, Any]) -> dict[str, Any]:
        nonlocal left
        if left:
            left -= 1
            raise ConnectionError("down")
        left = failures
        return RESULT

    async def fail_or_succeed_async(state: dict[str, Any]) -> dict[str, Any]:
        nonlocal left
        if left:
            left -= 1
            raise ConnectionError("down")
        left = failures
        return RESULT

    return fail_or_succeed_async if is_async else fail_or_succeed


TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


def two_events(get_logger: Callable[[], Any], *, is_async: bool) -> Callable[..., Any]:
    """Return the function between two calls of structlog, with the fields that a node logs."""

    def start(log: Any) -> None:
        log.info("node.started", node="plain", trace_id=TRACE_ID)

    def complete(log: Any) -> None:
        log.info(
            "node.completed",
            node="plain",
            outcome="success",
            duration_ms=0.125,
            attempts=1,
            trace_id=TRACE_ID,
        )

    def call(state: dict[str, Any]) -> dict[str, Any]:
        log = get_logger()
        start(log)
        result = plain(state)
        complete(log)
        return result

    async def call_async(state: dict[str, Any]) -> dict[str, Any]:
        log = get_logger()
        start(log)
        result = await plain_async(state)
        complete(log)
        return result

    return call_async if is_async else call


def structlog_logger() -> Any:
    """Return a logger as structlog is configured."""
    return structlog.get_logger("langgraph_runner.node")


_RENDERING = structlog.wrap_logger(
    logging.getLogger("langgraph_runner.node"),
    processors=[
        structlog.stdlib.filter_by_level,
        structlog.contextvars.merge_contextvars,
        structlog.processors.KeyValueRenderer(key_order=["event"]),
    ],
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)


def logger_to_logging() -> Any:
    """Return a logger of structlog that makes the same messages of `logging` as a node does."""
    return _RENDERING


class _Sink(logging.Handler):
    """Accepts every record and drops it. A `NullHandler` would not do: it skips the work of a handler."""

    def emit(self, record: logging.LogRecord) -> None:
        """Drop the record."""


@contextmanager
def logging_to_null(level: int = logging.INFO) -> Iterator[None]:
    """Turn every event from `level` on into a `logging` record, which a handler drops."""
    logger, sink = logging.getLogger("langgraph_runner"), _Sink()
    logger.addHandler(sink)
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.removeHandler(sink)
        logger.setLevel(logging.NOTSET)


def warnings_to_null() -> AbstractContextManager[None]:
    """Turn only warnings and errors into records."""
    return logging_to_null(logging.WARNING)


@contextmanager
def structlog_to_null() -> Iterator[None]:
    """Turn every event into a line of JSON, which is dropped."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.ReturnLoggerFactory(),
    )
    try:
        yield
    finally:
        structlog.reset_defaults()
