"""`Requester`: one request of the client, with its retries. Each request is one that may be sent twice."""

from __future__ import annotations

import os
from contextlib import aclosing
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeVar

import httpx
from pydantic import ValidationError

from langgraph_runner.client.errors import ServiceInvalidError, ServiceUnreachableError
from langgraph_runner.client.refusals import Answer, error_in
from langgraph_runner.node.policies.backoff import backoff_delay_ms

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from pydantic import TypeAdapter

    from langgraph_runner.client.settings import Settings
    from langgraph_runner.client.transport import Transport
    from langgraph_runner.errors import NodeRunnerError

__all__ = ["Asked", "BrokenStream", "EmptyAnswer", "Patience", "Requester"]

T = TypeVar("T")
_TRY_AGAIN: Final = frozenset({429, 502, 503, 504})
_OF_A_PROXY: Final = frozenset({502, 503, 504})
_BACKOFF_MS: Final = 200
_MAX_BACKOFF_MS: Final = 5_000
_RETRY_AFTER_JITTER: Final = 0.1
_MAX_RETRY_AFTER_S: Final = 60.0
"""A service that asks for more is not waited for."""
_MAX_BODY: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to be sent; sent twice it does no more than once."""

    method: str
    path: str
    """Below the address of the service, with escaped parts."""
    params: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    """JSON."""
    extra_s: float = 0.0
    """How much longer than usual the answer may take."""


class EmptyAnswer(Exception):  # noqa: N818 - not an error
    """The service has nothing more to say."""


class BrokenStream(Exception):  # noqa: N818 - one may go on
    """A stream broke off.

    Args:
        failure: Why.
        retry_after_s: How long the service asks to wait.
    """

    def __init__(self, failure: NodeRunnerError, retry_after_s: float | None = None) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.retry_after_s = retry_after_s


class Patience:
    """How long failures in a row are answered by another attempt. For one call.

    Args:
        requester: Has the clock, and the number of attempts.
        at_least_s: Go on for so long, even if all attempts were made.
        deadline: Do not go on after this time of the monotonic clock.
    """

    def __init__(
        self, requester: Requester, *, at_least_s: float = 0.0, deadline: float | None = None
    ) -> None:
        self._runtime = requester.transport.runtime
        self._max_attempts = requester.settings.max_attempts
        self._at_least_s = at_least_s
        self._deadline = deadline
        self.is_late = False
        """Whether the deadline ended it."""
        self.restart()

    def restart(self) -> None:
        """The service has answered: count from 0."""
        self._failures = 0
        self._since = self._runtime.monotonic()

    async def wait_after(self, failure: NodeRunnerError, retry_after_s: float | None = None) -> None:
        """Wait before the next attempt.

        Raises:
            NodeRunnerError: `failure`, if no attempt is left.
        """
        self._failures += 1
        now = self._runtime.monotonic()
        chance = self._runtime.random()
        delay_ms = backoff_delay_ms(
            self._failures,
            backoff_ms=_BACKOFF_MS,
            multiplier=2,
            max_backoff_ms=_MAX_BACKOFF_MS,
            jitter=0.5,
            random=chance,
        )
        # Clients that were all told the same time are not to come back at the same moment.
        delay_s = max(delay_ms / 1000, (retry_after_s or 0.0) * (1 + _RETRY_AFTER_JITTER * chance))
        is_used_up = self._failures >= self._max_attempts and now - self._since >= self._at_least_s
        self.is_late = self._deadline is not None and now + delay_s > self._deadline
        if self.is_late and self._deadline is not None:
            await self._runtime.sleep(max(0.0, self._deadline - now), None)
        if is_used_up or self.is_late or (retry_after_s or 0.0) > _MAX_RETRY_AFTER_S:
            raise failure
        await self._runtime.sleep(delay_s, None)


class Requester:
    """Sends requests, and reads answers into models.

    Args:
        settings: Where and how.
        transport: Awaits or blocks.
    """

    def __init__(self, settings: Settings, transport: Transport) -> None:
        self.settings = settings
        self.transport = transport
        self.url = str(settings.url).rstrip("/")
        self._is_closed = False

    def check_open(self) -> None:
        """Refuse a call of a client that is closed.

        Raises:
            RuntimeError: It is.
        """
        if self._is_closed:
            raise RuntimeError("The client is closed.")

    async def close(self) -> None:
        """Close all connections. A second call does nothing."""
        self._is_closed = True
        await self.transport.close()

    async def model(self, kind: TypeAdapter[T], asked: Asked, patience: Patience | None = None) -> T:
        """The answer as a model.

        Raises:
            NodeRunnerError: The service refused, or gave no answer that fits.
        """
        answer = await self.answer(asked, patience)
        try:
            return kind.validate_json(answer.data)
        except ValidationError as error:
            found = answer.headers.get("content-type", "no content")
            detail = f"its answer to {asked.method} {asked.path} ({found}) cannot be read"
            raise ServiceInvalidError(url=self.url, detail=detail) from error

    async def answer(self, asked: Asked, patience: Patience | None = None) -> Answer:
        """The answer to a request, after as many attempts as it takes.

        Raises:
            NodeRunnerError: The service refused, or gave no answer.
        """
        patience = patience or Patience(self)
        while True:
            try:
                response = await self._sent(asked)
                answer = await self._read(response)
            except httpx.TransportError as error:
                await patience.wait_after(self._unreachable(error))
                continue
            if answer.status in _TRY_AGAIN:
                await patience.wait_after(self._failed(answer), self._retry_after_s(answer))
            elif answer.is_success:
                return answer
            else:
                raise error_in(answer, self.url)

    async def stream(self, asked: Asked, media_type: str) -> AsyncGenerator[bytes, None]:
        """The chunks of one answer of a type as they come. One attempt; it ends where the answer ends.

        Raises:
            EmptyAnswer: The answer is 204.
            BrokenStream: There was no answer, or it broke off; another attempt may go on.
            NodeRunnerError: The service refused.
        """
        try:
            response = await self._sent(asked)
            try:
                if response.status_code == HTTPStatus.OK:
                    self._check_type(response, media_type)
                    async with aclosing(self.transport.chunks(response)) as chunks:
                        async for chunk in chunks:
                            yield chunk
                    return
                answer = await self._read(response)
            finally:
                await self.transport.finish(response)
        except httpx.TransportError as error:
            raise BrokenStream(self._unreachable(error)) from error
        if answer.status == HTTPStatus.NO_CONTENT:
            raise EmptyAnswer
        if answer.status in _TRY_AGAIN:
            raise BrokenStream(self._failed(answer), self._retry_after_s(answer))
        raise error_in(answer, self.url)

    def _check_type(self, response: httpx.Response, media_type: str) -> None:
        found = response.headers.get("content-type", "no content").partition(";")[0]
        if found != media_type:
            raise ServiceInvalidError(url=self.url, detail=f"it answered with {found}, not with {media_type}")

    async def _sent(self, asked: Asked) -> httpx.Response:
        self.check_open()
        settings = self.settings
        timeout = httpx.Timeout(settings.read_timeout_s + asked.extra_s, connect=settings.connect_timeout_s)
        headers = dict(asked.headers)
        content: dict[str, Any] = {}
        if asked.body is not None:
            headers["Content-Type"] = "application/json"
            content["content"] = asked.body
        request = self.transport.request(
            asked.method,
            f"{self.url}{asked.path}",
            timeout=timeout,
            params=[*asked.params],
            headers=headers,
            **content,
        )
        return await self.transport.send(request)

    async def _read(self, response: httpx.Response) -> Answer:
        parts, size = [], 0
        try:
            async with aclosing(self.transport.chunks(response)) as chunks:
                async for chunk in chunks:
                    parts.append(chunk)
                    size += len(chunk)
                    if size > _MAX_BODY:
                        raise ServiceInvalidError(url=self.url, detail="its answer is longer than 1 GiB")
        except httpx.DecodingError as error:
            raise ServiceInvalidError(url=self.url, detail="its answer cannot be decompressed") from error
        finally:
            await self.transport.finish(response)
        return Answer(response, b"".join(parts))

    def _unreachable(self, error: httpx.TransportError) -> ServiceUnreachableError:
        found = ServiceUnreachableError(url=self.url, detail=_words(error))
        error._request = None  # noqa: SLF001 - it holds the API key, and an error may be pickled or shown
        found.__cause__ = error
        return found

    def _failed(self, answer: Answer) -> NodeRunnerError:
        """The error of an answer that may be better next time; a proxy answers for a server that is not there."""
        error = error_in(answer, self.url)
        if isinstance(error, ServiceInvalidError) and answer.status in _OF_A_PROXY:
            return ServiceUnreachableError(url=self.url, detail=f"a proxy answered {answer.status}")
        return error

    def _retry_after_s(self, answer: Answer) -> float | None:
        """The header `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date."""
        given = answer.headers.get("retry-after", "").strip()
        if given.isdecimal():
            return float(given[:9])
        try:
            until = parsedate_to_datetime(given)
            return max(0.0, (until - self.transport.runtime.now_utc()).total_seconds())
        except (TypeError, ValueError):
            return None


def _words(error: BaseException) -> str:
    """Why there was no answer: in the words of the operating system, if it was the one to refuse."""
    words = str(error) or type(error).__name__
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno is not None and cause.errno > 0:
            words = os.strerror(cause.errno)
        cause = cause.__cause__ or cause.__context__
    return words
