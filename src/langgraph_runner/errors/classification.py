"""Classification of errors: whether to retry, the category, and how long a server asks to wait.

Everything here is a pure function of the exception: synchronous, deterministic and without I/O. Errors of
client libraries are recognised by their shape (a status code, a header, the name of a base class), so that
none of those libraries has to be installed or imported.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Mapping
from concurrent.futures import CancelledError as CancelledFutureError
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, Final

from langgraph.errors import GraphBubbleUp, GraphRecursionError, InvalidUpdateError, is_invalid_resume
from langgraph.errors import NodeTimeoutError as LangGraphNodeTimeoutError
from pydantic import ValidationError

from langgraph_runner.errors.categories import FailureCategory
from langgraph_runner.errors.exceptions import (
    CallRefusedError,
    FallbackError,
    NodeCancellationError,
    RetryExhaustedError,
    StateUpdateError,
    original_error,
)
from langgraph_runner.errors.langgraph_errors import InvalidNodeOutputError

__all__ = [
    "failure_category",
    "http_status",
    "is_control_flow",
    "is_retryable_node_error",
    "retry_after_ms",
]

RETRYABLE_STATUSES: Final = frozenset({408, 425, 429})
"""HTTP 408 Request Timeout, 425 Too Early, 429 Too Many Requests. Every 5xx is retried, too."""

_SERVER_ERRORS: Final = range(500, 600)

# Names of (base) classes, because their libraries may not be installed. Each has the top-level package of its
# module before it, so that a class of the user with the same name does not match.
_TIMEOUTS: Final = """
    httpx.TimeoutException httpx2.TimeoutException httpcore.TimeoutException requests.Timeout urllib3.TimeoutError
    openai.APITimeoutError anthropic.APITimeoutError aiohttp.ServerTimeoutError
    botocore.ReadTimeoutError botocore.ConnectTimeoutError redis.TimeoutError
    google.DeadlineExceeded grpc.FutureTimeoutError
"""
_NETWORK: Final = """
    httpx.TransportError httpx2.TransportError httpcore.NetworkError http.RemoteDisconnected http.IncompleteRead
    requests.ConnectionError requests.ChunkedEncodingError urllib3.NewConnectionError urllib3.ProtocolError
    openai.APIConnectionError anthropic.APIConnectionError google.ServiceUnavailable
    aiohttp.ClientConnectionError aiohttp.ClientPayloadError websockets.ConnectionClosed botocore.HTTPClientError
    psycopg.OperationalError asyncpg.PostgresConnectionError sqlalchemy.OperationalError
    pymongo.AutoReconnect redis.ConnectionError
"""
# A wrong URL is a mistake of the caller, although its class is one of the transport errors. `langgraph dev` raises
# BlockingError when a coroutine blocks the event loop; the coroutine would block again.
_FINAL: Final = """
    httpx.UnsupportedProtocol httpx2.UnsupportedProtocol httpx.LocalProtocolError httpx2.LocalProtocolError
    requests.InvalidURL requests.InvalidSchema requests.MissingSchema aiohttp.InvalidURL
    psycopg.ProgrammingError psycopg.IntegrityError psycopg.DataError
    sqlalchemy.ProgrammingError sqlalchemy.IntegrityError sqlalchemy.DataError
    sqlite3.ProgrammingError sqlite3.IntegrityError sqlite3.DataError
    blockbuster.BlockingError
"""
_TIMEOUT_CLASSES: Final = frozenset(_TIMEOUTS.split())
_NETWORK_CLASSES: Final = frozenset(_NETWORK.split())
_FINAL_CLASSES: Final = frozenset(_FINAL.split())

_PROGRAMMING_ERRORS: Final = (
    TypeError,
    ValueError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    MemoryError,
    NameError,
    NotImplementedError,
    RecursionError,
    ReferenceError,
    StopAsyncIteration,
    StopIteration,
    SyntaxError,
    SystemError,
    Warning,
    CancelledFutureError,
    GraphRecursionError,
    InvalidUpdateError,
)
_TRANSIENT_ERRNOS: Final = frozenset(
    getattr(errno, name)
    for name in (
        "EAGAIN", "EBUSY", "ECONNABORTED", "ECONNREFUSED", "ECONNRESET", "EHOSTDOWN", "EHOSTUNREACH",
        "EINTR", "EIO", "EMFILE", "ENETDOWN", "ENETRESET", "ENETUNREACH", "ENFILE",
        "ENOBUFS", "EPIPE", "ESTALE", "ETIMEDOUT",
    )
    if hasattr(errno, name)
)  # fmt: skip
# An exhausted quota gives 429 as a rate limit does, but waiting does not help.
_FINAL_API_CODES: Final = frozenset({"insufficient_quota", "billing_hard_limit_reached"})

_OWN_FINAL: Final = (
    CallRefusedError,
    FallbackError,
    InvalidNodeOutputError,
    NodeCancellationError,
    RetryExhaustedError,
)
_GROUP_DEPTH: Final = 20
_TELLING_ATTRIBUTES: Final = ("reason", "status_code", "status", "response", "code")
"""What `http_status()` and the search for a cause read."""


def is_control_flow(error: BaseException) -> bool:
    """Return whether `error` is control flow of LangGraph, not a failure.

    True for interrupts, drains and commands to a parent graph (all `GraphBubbleUp`), and for the error that
    an invalid answer to `interrupt(response_schema=...)` raises, which asks the question again. Code that
    catches `Exception` must raise these again.
    """
    kind: Any = type(error)  # `Any`, because mypy does not know that classes are hashable.
    if not getattr(error, "__dict__", True) and _is_plain(kind):
        return False
    if isinstance(error, BaseExceptionGroup):
        # asyncio.TaskGroup puts an interrupt() of one of its tasks into a group.
        return all(map(is_control_flow, error.exceptions)) if error.exceptions else False
    return isinstance(error, GraphBubbleUp) or is_invalid_resume(error)


def is_retryable_node_error(error: BaseException) -> bool:
    """Return whether another attempt may succeed after this one raised `error`.

    Final: validation errors (pydantic), type and programming errors (`TypeError`, `ValueError`,
    `LookupError`, `ArithmeticError`, ...), file errors such as `FileNotFoundError`, other HTTP statuses than
    those below, used-up quotas, certificates that do not verify, everything that is not an `Exception`, and
    LangGraph's control flow.

    Retried: timeouts, connection errors, HTTP 408, 425, 429 and 5xx (httpx, requests, aiohttp, botocore,
    openai- and anthropic-style exceptions), and unknown errors, including a plain `RuntimeError`. Where the
    server sends an `x-should-retry` header, it decides. An exception group is retried when each of its members
    may be.

    Deterministic, synchronous, safe from any thread; never raises.
    """
    try:
        return _is_retryable(error, 0)
    except Exception:  # An exception whose properties raise is not worth a second attempt.
        return False


def _is_retryable(error: BaseException, depth: int) -> bool:
    kind: Any = type(error)
    if getattr(error, "__dict__", True) or not _is_plain(kind):
        if not isinstance(error, Exception) or is_control_flow(error) or isinstance(error, _OWN_FINAL):
            return False
        if isinstance(reason := getattr(error, "reason", None), Exception):  # urllib's URLError
            return depth < _GROUP_DEPTH and _is_retryable(reason, depth + 1)
        if isinstance(error.__cause__, (StopIteration, StopAsyncIteration)) and kind is RuntimeError:
            return False  # Python turns them into this error in a coroutine (PEP 479).
        if isinstance(error, BaseExceptionGroup):
            return depth < _GROUP_DEPTH and all(_is_retryable(inner, depth + 1) for inner in error.exceptions)
        status = http_status(error)
        if status is not None:
            return _is_retryable_response(error, status)
    by_class = _is_class_retryable(kind)
    return by_class if by_class is not None else isinstance(error, OSError) and _is_transient_os_error(error)


@lru_cache(maxsize=1024)
def _is_plain(kind: type[BaseException]) -> bool:
    """Return whether an error of this class that has no attributes of its own says no more than its class."""
    return (
        issubclass(kind, Exception)
        and not issubclass(
            kind, (*_OWN_FINAL, BaseExceptionGroup, GraphBubbleUp, RuntimeError, ValidationError)
        )
        and not any(hasattr(kind, name) for name in _TELLING_ATTRIBUTES)
    )


@lru_cache(maxsize=1024)
def _is_class_retryable(kind: type[BaseException]) -> bool | None:
    """Return whether errors of this class are retried; None for an `OSError` whose number decides."""
    names = _names_of(kind.__mro__)
    if not names.isdisjoint(_FINAL_CLASSES):
        return False
    if issubclass(kind, (TimeoutError, ConnectionError, LangGraphNodeTimeoutError)) or not (
        names.isdisjoint(_TIMEOUT_CLASSES) and names.isdisjoint(_NETWORK_CLASSES)
    ):
        return True
    if issubclass(kind, OSError):
        return None
    return issubclass(kind, asyncio.IncompleteReadError) or not issubclass(kind, _PROGRAMMING_ERRORS)


def _is_retryable_response(error: BaseException, status: int) -> bool:
    if getattr(error, "code", None) in _FINAL_API_CODES:
        return False
    asked = _header(error, "x-should-retry")
    if asked in {"true", "false"}:
        return asked == "true"
    return status in RETRYABLE_STATUSES or status in _SERVER_ERRORS


def _is_transient_os_error(error: OSError) -> bool:
    if isinstance(error, socket.gaierror):
        return error.errno == socket.EAI_AGAIN
    if isinstance(error, ssl.SSLError):
        return not isinstance(error, ssl.SSLCertVerificationError)
    return error.errno in _TRANSIENT_ERRNOS


def is_blocking_error(error: BaseException) -> bool:
    """Return whether `langgraph dev` raised `error` because a coroutine blocks the event loop."""
    return "blockbuster.BlockingError" in _class_names(original_error(error))


def failure_category(error: BaseException) -> FailureCategory:
    """Return the category of `error`, for metrics and records.

    `RetryExhaustedError` has the category of its last attempt, `FallbackError` that of the error of the
    function. Deterministic, synchronous, safe from any thread; never raises.
    """
    try:
        return _category(error)
    except Exception:  # The exception has properties that raise.
        return FailureCategory.OTHER


def _category(error: BaseException) -> FailureCategory:
    error = original_error(error)
    if isinstance(error, CallRefusedError):
        return error.category
    if isinstance(error, (NodeCancellationError, asyncio.CancelledError)):
        return FailureCategory.CANCELLED
    if isinstance(error, (ValidationError, InvalidNodeOutputError, InvalidUpdateError, StateUpdateError)):
        return FailureCategory.VALIDATION
    if isinstance(reason := getattr(error, "reason", None), Exception):  # urllib's URLError
        return _category(reason)
    names = _class_names(error)
    if _is_timeout(error, names):
        return FailureCategory.TIMEOUT
    return FailureCategory.NETWORK if _is_network(error, names) else FailureCategory.OTHER


def _is_timeout(error: BaseException, names: frozenset[str]) -> bool:
    if "urllib3.NewConnectionError" in names:  # For compatibility it inherits from a timeout error.
        return False
    return (
        isinstance(error, (TimeoutError, LangGraphNodeTimeoutError))
        or http_status(error) in {408, 504}
        or not names.isdisjoint(_TIMEOUT_CLASSES)
    )


def _is_network(error: BaseException, names: frozenset[str]) -> bool:
    if http_status(error) is not None or not names.isdisjoint(_NETWORK_CLASSES):
        return True
    if isinstance(error, OSError):
        known = (ConnectionError, socket.gaierror, ssl.SSLError)
        return isinstance(error, known) or error.errno in _TRANSIENT_ERRNOS
    return False


def http_status(error: BaseException) -> int | None:
    """Return the HTTP status of `error`, or None.

    It is read from `status_code` (openai, anthropic, Starlette), `status` (aiohttp), `response.status_code`
    (httpx, requests), `response["ResponseMetadata"]["HTTPStatusCode"]` (botocore), and `code` of urllib's
    `HTTPError`.
    """
    candidates = [getattr(error, "status_code", None), getattr(error, "status", None)]
    response = getattr(error, "response", None)
    if response is not None:
        candidates += [
            getattr(response, "status_code", None),
            getattr(response, "status", None),
            _botocore_status(response),
        ]
    candidates.append(getattr(error, "code", None))
    for status in candidates:
        if isinstance(status, int) and not isinstance(status, bool) and 100 <= status < 600:  # noqa: PLR2004 - RFC 9110
            return int(status)
    return None


def _botocore_status(response: object) -> object:
    if not isinstance(response, Mapping):
        return None
    metadata = response.get("ResponseMetadata")
    return metadata.get("HTTPStatusCode") if isinstance(metadata, Mapping) else None


def retry_after_ms(error: BaseException, now: datetime) -> float | None:
    """Return how many ms the server asks to wait before the next attempt, or None if it does not ask.

    Reads `retry-after-ms` (openai, anthropic), then `Retry-After` in seconds or as an HTTP date (RFC 9110,
    10.2.3). Never negative; never raises.

    Args:
        error: The error of an attempt.
        now: The current time, with a time zone, for the date form.
    """
    try:
        milliseconds = _number(_header(error, "retry-after-ms"))
        if milliseconds is not None:
            return milliseconds
        value = _header(error, "retry-after")
        seconds = _number(value)
        if seconds is not None:
            return seconds * 1000
        return None if value is None else _ms_until(value, now)
    except Exception:  # Headers and properties may contain anything, and may raise.
        return None


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value is not None else None
    except ValueError:
        return None
    return number if number is not None and 0 <= number < float("inf") else None


def _ms_until(http_date: str, now: datetime) -> float:
    when = parsedate_to_datetime(http_date)
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - now).total_seconds() * 1000)


def _header(error: BaseException, name: str) -> str | None:
    for holder in (getattr(error, "response", None), error):
        headers: Any = getattr(holder, "headers", None)
        if headers is None and isinstance(holder, Mapping):
            headers = holder.get("ResponseMetadata", {}).get("HTTPHeaders")
        if headers is None:
            continue
        # The keys of a plain dict are case-sensitive; names of headers are not.
        for key, value in dict(headers).items():
            if str(key).lower() == name:
                return str(value)
    return None


def _class_names(error: BaseException) -> frozenset[str]:
    """Return the names of the class and its base classes, such as `httpx.TimeoutException`."""
    return _names_of(type(error).__mro__)


@lru_cache(maxsize=1024)
def _names_of(classes: tuple[type, ...]) -> frozenset[str]:
    return frozenset(f"{cls.__module__.partition('.')[0]}.{cls.__name__}" for cls in classes)
