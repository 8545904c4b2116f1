"""`Requester`: one request of the client, with its retries. Every request is safe to send twice."""

from __future__ import annotations

import os
from contextlib import aclosing
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeVar

import httpx
from pydantic import ValidationError

from langgraph_runner.client.errors import ServiceInvalidError, ServiceUnreachableError
from langgraph_runner.client.responses import ApiResponse, error_from
from langgraph_runner.node.policies.backoff import backoff_delay_ms

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from pydantic import TypeAdapter

    from langgraph_runner.client.settings import Settings
    from langgraph_runner.client.transport import Transport
    from langgraph_runner.errors import NodeRunnerError

__all__ = ["ApiRequest", "NoContent", "Requester", "RetryBudget", "StreamBroken"]

T = TypeVar("T")
_PROXY_ERRORS: Final = frozenset({502, 503, 504})
_RETRYABLE: Final = _PROXY_ERRORS | {429}
_BACKOFF_MS: Final = 200
_MAX_BACKOFF_MS: Final = 5_000
_RETRY_AFTER_JITTER: Final = 0.1
_MAX_RETRY_AFTER_S: Final = 60.0
"""If the service asks for a longer wait, the request fails at once."""
_MAX_BODY: Final = 1 << 30
_EVENT_STREAM: Final = "text/event-stream"


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request. If it is sent twice, it has the effect of one."""

    method: str
    path: str
    """The path below the URL of the service, percent-encoded."""
    params: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    """JSON; None for no body."""
    extra_s: float = 0.0
    """How much longer than `read_timeout_s` the service may be silent, in s."""


class NoContent(Exception):  # noqa: N818 - not an error
    """The service responded 204: the stream has ended."""


class StreamBroken(Exception):  # noqa: N818 - another attempt may continue
    """A stream broke off.

    Args:
        failure: The reason.
        retry_after_s: How long the service asks to wait, in s.
    """

    def __init__(self, failure: NodeRunnerError, retry_after_s: float | None = None) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.retry_after_s = retry_after_s


class RetryBudget:
    """Decides how often a request is retried, and waits between attempts. For one call.

    Args:
        requester: Has the clock and the number of attempts.
        at_least_s: Retry for this time, even if all attempts were made.
        deadline: Do not retry after this time of the monotonic clock; None for no deadline.
    """

    def __init__(
        self, requester: Requester, *, at_least_s: float = 0.0, deadline: float | None = None
    ) -> None:
        self._runtime = requester.transport.runtime
        self._max_attempts = requester.settings.max_attempts
        self._at_least_s = at_least_s
        self._deadline = deadline
        self.is_late = False
        """Whether the deadline ended the retries."""
        self.restart()

    def restart(self) -> None:
        """Start again with all attempts: the service has responded."""
        self._failures = 0
        self._since = self._runtime.monotonic()

    async def wait_or_raise(self, failure: NodeRunnerError, retry_after_s: float | None = None) -> None:
        """Wait before the next attempt.

        Args:
            failure: Why the last attempt failed.
            retry_after_s: How long the service asks to wait, in s.

        Raises:
            NodeRunnerError: `failure`, if there is no further attempt.
        """
        self._failures += 1
        now = self._runtime.monotonic()
        random = self._runtime.random()
        delay_ms = backoff_delay_ms(
            self._failures,
            backoff_ms=_BACKOFF_MS,
            multiplier=2,
            max_backoff_ms=_MAX_BACKOFF_MS,
            jitter=0.5,
            random=random,
        )
        # Jitter, because the service may have sent many clients the same time.
        delay_s = max(delay_ms / 1000, (retry_after_s or 0.0) * (1 + _RETRY_AFTER_JITTER * random))
        is_used_up = self._failures >= self._max_attempts and now - self._since >= self._at_least_s
        self.is_late = self._deadline is not None and now + delay_s > self._deadline
        if self.is_late and self._deadline is not None:
            await self._runtime.sleep(max(0.0, self._deadline - now), None)
        if is_used_up or self.is_late or (retry_after_s or 0.0) > _MAX_RETRY_AFTER_S:
            raise failure
        await self._runtime.sleep(delay_s, None)


class Requester:
    """Sends requests, and reads responses into models.

    Args:
        settings: The options of the client.
        transport: Sends one request, awaited or blocking.
    """

    def __init__(self, settings: Settings, transport: Transport) -> None:
        self.settings = settings
        self.transport = transport
        self.url = str(settings.url).rstrip("/")
        self._is_closed = False

    def check_open(self) -> None:
        """Refuse calls after `close()`.

        Raises:
            RuntimeError: The client is closed.
        """
        if self._is_closed:
            raise RuntimeError("The client is closed.")

    async def close(self) -> None:
        """Close all connections. A second call does nothing."""
        self._is_closed = True
        await self.transport.close()

    async def model(self, kind: TypeAdapter[T], request: ApiRequest, budget: RetryBudget | None = None) -> T:
        """Send a request and return the response as a model.

        Raises:
            NodeRunnerError: The service refused, did not respond, or its response does not fit the model.
        """
        response = await self.send(request, budget)
        try:
            return kind.validate_json(response.data)
        except ValidationError as error:
            found = response.headers.get("content-type", "no content")
            detail = f"its response to {request.method} {request.path} ({found}) cannot be read"
            raise ServiceInvalidError(url=self.url, detail=detail) from error

    async def send(self, request: ApiRequest, budget: RetryBudget | None = None) -> ApiResponse:
        """Send a request, with retries, and return the response.

        Raises:
            NodeRunnerError: The service refused, or did not respond.
        """
        budget = budget or RetryBudget(self)
        while True:
            try:
                response = await self._read(await self._send_once(request))
            except httpx.TransportError as error:
                await budget.wait_or_raise(self._unreachable(error))
                continue
            if httpx.codes.is_success(response.status):
                return response
            if response.status not in _RETRYABLE:
                raise error_from(response, self.url)
            await budget.wait_or_raise(self._retryable_error(response), self._retry_after_s(response))

    async def stream(self, request: ApiRequest) -> AsyncGenerator[bytes, None]:
        """Send a request for an event stream once, and yield the chunks of the response as they arrive.

        Raises:
            NoContent: The status is 204.
            StreamBroken: There was no response, or it broke off. Another attempt may continue.
            NodeRunnerError: The service refused.
        """
        try:
            opened = await self._send_once(request)
            try:
                if opened.status_code == HTTPStatus.OK:
                    self._check_is_event_stream(opened)
                    async with aclosing(self.transport.chunks(opened)) as chunks:
                        async for chunk in chunks:
                            yield chunk
                    return
                response = await self._read(opened)
            finally:
                await self.transport.finish(opened)
        except httpx.TransportError as error:
            raise StreamBroken(self._unreachable(error)) from error
        if response.status == HTTPStatus.NO_CONTENT:
            raise NoContent
        if response.status in _RETRYABLE:
            raise StreamBroken(self._retryable_error(response), self._retry_after_s(response))
        raise error_from(response, self.url)

    def _check_is_event_stream(self, response: httpx.Response) -> None:
        found = response.headers.get("content-type", "no content").partition(";")[0]
        if found != _EVENT_STREAM:
            detail = f"it responded with {found}, not with {_EVENT_STREAM}"
            raise ServiceInvalidError(url=self.url, detail=detail)

    async def _send_once(self, request: ApiRequest) -> httpx.Response:
        self.check_open()
        settings = self.settings
        headers = dict(request.headers)
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        read_timeout_s = settings.read_timeout_s + request.extra_s
        return await self.transport.send(
            request.method,
            f"{self.url}{request.path}",
            timeout=httpx.Timeout(read_timeout_s, connect=settings.connect_timeout_s),
            params=[*request.params],
            headers=headers,
            content=request.body,
        )

    async def _read(self, response: httpx.Response) -> ApiResponse:
        parts, size = [], 0
        try:
            async with aclosing(self.transport.chunks(response)) as chunks:
                async for chunk in chunks:
                    parts.append(chunk)
                    size += len(chunk)
                    if size > _MAX_BODY:
                        raise ServiceInvalidError(url=self.url, detail="its response is longer than 1 GiB")
        except httpx.DecodingError as error:
            detail = "its response cannot be decompressed"
            raise ServiceInvalidError(url=self.url, detail=detail) from error
        finally:
            await self.transport.finish(response)
        return ApiResponse(response.status_code, response.headers, b"".join(parts))

    def _unreachable(self, error: httpx.TransportError) -> ServiceUnreachableError:
        unreachable = ServiceUnreachableError(url=self.url, detail=_reason(error))
        # The request holds the API key, and an error may be printed or pickled.
        error._request = None  # noqa: SLF001 - httpx has no public way to remove it
        unreachable.__cause__ = error
        return unreachable

    def _retryable_error(self, response: ApiResponse) -> NodeRunnerError:
        """Return the error of a response after which a retry may succeed."""
        error = error_from(response, self.url)
        if isinstance(error, ServiceInvalidError) and response.status in _PROXY_ERRORS:
            # A proxy responded in place of a service that it cannot reach.
            return ServiceUnreachableError(url=self.url, detail=f"a proxy responded {response.status}")
        return error

    def _retry_after_s(self, response: ApiResponse) -> float | None:
        """Read the header `Retry-After` (RFC 9110, section 10.2.3), which holds seconds or a date."""
        given = response.headers.get("retry-after", "").strip()
        if given.isdecimal():
            return float(given[:9])
        try:
            until = parsedate_to_datetime(given)
            return max(0.0, (until - self.transport.runtime.now_utc()).total_seconds())
        except (TypeError, ValueError):
            return None


def _reason(error: BaseException) -> str:
    """Say why there was no response: with the message of the operating system, if the error comes from there."""
    reason = str(error) or type(error).__name__
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno is not None:
            # A failed name lookup has a negative number, which only its own text explains.
            reason = os.strerror(cause.errno) if cause.errno > 0 else cause.strerror or reason
        cause = cause.__cause__ or cause.__context__
    return reason
