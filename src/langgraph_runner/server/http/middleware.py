"""`RequestMiddleware`: for each request an id, limits on size and time, metrics, a log event, and headers."""

from __future__ import annotations

import asyncio
import logging
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import Counter, Histogram
from starlette.exceptions import HTTPException
from starlette.requests import Request

from langgraph_runner.errors.logs import emit, is_enabled
from langgraph_runner.redaction import sanitize_text
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES
from langgraph_runner.server.problems import (
    LOGGER,
    ApiCode,
    ApiError,
    answer_refusal,
    answer_unexpected,
    log_failure,
)

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["RequestMetrics", "RequestMiddleware"]

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_DEFAULT_HEADERS: Final = (
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)
_PROBES: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""Paths that are asked every few seconds: these are logged at debug."""
_STOPPING: Final = ApiError(
    ApiCode.NOT_READY, "The server stops. Send the request again.", headers={"Retry-After": "1"}
)
_MAX_PATH: Final = 300
"""How many characters of a path are logged."""
_NO_ROUTE: Final = "none"
"""The label of unknown paths: a label for each path that clients invent would grow without bound."""


class RequestMetrics:
    """`langgraph_runner_requests_total{method, route, status}` and `langgraph_runner_request_seconds{route}`.

    Args:
        registry: The registry that `/metrics` shows.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._count = Counter(
            "langgraph_runner_requests",
            "Answered requests.",
            ["method", "route", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "langgraph_runner_request_seconds",
            "Seconds from the request to the first byte of the response.",
            ["route"],
            registry=registry,
        )

    def record(self, scope: Scope, method: str, status: int, seconds: float) -> None:
        """Count one response."""
        route = getattr(scope.get("route"), "path", _NO_ROUTE)
        self._count.labels(method if route != _NO_ROUTE else _NO_ROUTE, route, status).inc()
        self._seconds.labels(route).observe(seconds)


class RequestMiddleware:
    """ASGI middleware around the application.

    Args:
        app: The application.
        metrics: Counts the responses.
        max_body_bytes: The longest body that is read, in bytes.
        body_timeout_s: How long a client may take to send its request, in seconds.
    """

    def __init__(
        self, app: ASGIApp, *, metrics: RequestMetrics, max_body_bytes: int, body_timeout_s: float
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._max_body_bytes = max_body_bytes
        self._body_timeout_s = body_timeout_s
        self._prefix = REAL_RUNTIMES.awaiting.token_hex(12).encode()
        self._count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request, or an event of the server's lifespan."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        is_head = method == "HEAD"
        if is_head:  # Routes have only GET. A copy, because the server has to know that it was HEAD.
            scope = {**scope, "method": "GET"}
        scope["is_head"] = is_head
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        scope["caller"] = None  # Set once the caller is authenticated.
        request_id = given if _REQUEST_ID.fullmatch(given) else self._new_id()
        scope["request_id"] = request_id.decode()
        started = REAL_RUNTIMES.awaiting.monotonic()
        has_begun = False
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal has_begun, status
            if message["type"] == "http.response.start":
                has_begun, status = True, message["status"]
                headers = [*message.get("headers", ()), *_HEADERS, (b"x-request-id", request_id)]
                names = {name.lower() for name, _ in headers}
                headers += [(name, value) for name, value in _DEFAULT_HEADERS if name not in names]
                message = {**message, "headers": headers}
                self._metrics.record(
                    scope, method, message["status"], REAL_RUNTIMES.awaiting.monotonic() - started
                )
            elif is_head:
                message = {**message, "body": b""}
            await send(message)

        try:
            await self._app(scope, self._limited(receive), send_with_headers)
        except Exception as error:
            if has_begun:
                log_failure(Request(scope), error)
                raise  # The server closes the connection: half a response must not look like a whole one.
            await answer_unexpected(Request(scope), error)(scope, receive, send_with_headers)
        except asyncio.CancelledError:
            # The server stops, and has waited as long as it may. uvicorn would answer 500 and log a stack. It closes
            # the connection after half a response.
            if not has_begun:
                await answer_refusal(Request(scope), _STOPPING)(scope, receive, send_with_headers)
        finally:
            _log_request(scope, method, status, REAL_RUNTIMES.awaiting.monotonic() - started)

    def _new_id(self) -> bytes:
        # A counter: random bytes of the system would make each request wait for the threads that read the database.
        self._count += 1
        return b"%b%08x" % (self._prefix, self._count)

    def _limited(self, receive: Receive) -> Receive:
        """Wrap `receive` with the limits of size and time. FastAPI hands what it raises to our exception handlers."""
        left = self._max_body_bytes
        deadline = asyncio.get_running_loop().time() + self._body_timeout_s
        is_complete = False

        async def limited() -> Message:
            nonlocal left, is_complete
            if is_complete:
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError as error:
                raise HTTPException(
                    408, f"The request must be complete within {self._body_timeout_s:g} s."
                ) from error
            left -= len(message.get("body", b""))
            if left < 0:
                raise HTTPException(413, f"The body must have at most {self._max_body_bytes:,} bytes.")
            is_complete = not message.get("more_body", False)
            return message

        return limited


def _log_request(scope: Scope, method: str, status: int, seconds: float) -> None:
    """Log a request and its response, without headers and without the query, which may hold secrets."""
    level = logging.INFO
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        level = logging.WARNING
    elif scope["path"] in _PROBES:
        level = logging.DEBUG
    if not is_enabled(LOGGER, level):
        return
    fields: dict[str, Any] = {"status": status} if status else {}
    fields["duration_ms"] = round(seconds * 1_000, 3)
    caller = scope["caller"]
    if caller is not None:
        fields.update(tenant=caller.tenant, actor=caller.actor)
    emit(
        LOGGER,
        level,
        "request.completed" if status else "request.aborted",
        method=method,
        path=sanitize_text(scope["path"][:_MAX_PATH]),
        **fields,
        request_id=scope["request_id"],
    )
