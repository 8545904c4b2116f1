"""What surrounds every request: an id, limits on its size and time, its metrics, and headers for browsers."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final

from prometheus_client import Counter, Histogram
from starlette.exceptions import HTTPException
from starlette.requests import Request

from langgraph_runner.runtime.runtimes import REAL_RUNTIMES
from langgraph_runner.server.problems import unforeseen

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["RequestMetrics", "Surroundings"]

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_ALWAYS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_UNLESS_GIVEN: Final = (
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)
_NO_ROUTE: Final = "none"
"""The label of unknown paths: a label for each path that clients make up would grow without bound."""


class RequestMetrics:
    """`langgraph_runner_requests_total{method, route, status}` and `langgraph_runner_request_seconds{route}`.

    Args:
        registry: Where they are shown.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._count = Counter(
            "langgraph_runner_requests", "Requests.", ["method", "route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "langgraph_runner_request_seconds",
            "From the request to the first byte of the answer.",
            ["route"],
            registry=registry,
        )

    def record(self, scope: Scope, status: int, seconds: float) -> None:
        """Count an answer."""
        route = getattr(scope.get("route"), "path", _NO_ROUTE)
        self._count.labels(scope["method"] if route != _NO_ROUTE else _NO_ROUTE, route, status).inc()
        self._seconds.labels(route).observe(seconds)


class Surroundings:
    """ASGI middleware around the application.

    Args:
        app: What it surrounds.
        metrics: Counts the answers.
        max_body_bytes: The longest body that is read.
        body_timeout_s: How long a client may take to send its request.
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
        """Handle one request, or a message of the server's life."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        request_id = given if _REQUEST_ID.fullmatch(given) else self._new_id()
        scope["request_id"] = request_id.decode()
        began = REAL_RUNTIMES.awaiting.monotonic()

        has_begun = False

        async def send_with_headers(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                headers = [*message.get("headers", ()), *_ALWAYS, (b"x-request-id", request_id)]
                names = {name.lower() for name, _ in headers}
                headers += [(name, value) for name, value in _UNLESS_GIVEN if name not in names]
                message = {**message, "headers": headers}
                self._metrics.record(scope, message["status"], REAL_RUNTIMES.awaiting.monotonic() - began)
            await send(message)

        try:
            await self._app(scope, self._bounded(receive), send_with_headers)
        except Exception as error:
            if has_begun:
                raise  # The server ends the connection: half an answer is not to pass for a whole one.
            await unforeseen(Request(scope), error)(scope, receive, send_with_headers)

    def _new_id(self) -> bytes:
        # Counted: random bytes of the system would make each request wait for the threads that read the database.
        self._count += 1
        return b"%b%08x" % (self._prefix, self._count)

    def _bounded(self, receive: Receive) -> Receive:
        """Receive a body of so many bytes within so much time. What it raises FastAPI hands to our handlers."""
        left = self._max_body_bytes
        deadline = asyncio.get_running_loop().time() + self._body_timeout_s
        is_complete = False

        async def bounded() -> Message:
            nonlocal left, is_complete
            if is_complete:
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError as error:
                raise HTTPException(
                    408, f"The request was not complete after {self._body_timeout_s:g} s."
                ) from error
            left -= len(message.get("body", b""))
            if left < 0:
                raise HTTPException(413, f"At most {self._max_body_bytes:,} bytes are read.")
            is_complete = not message.get("more_body", False)
            return message

        return bounded
