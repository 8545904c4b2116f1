"""Two ways to send a request: awaited and blocking. All other code of the client exists once.

The coroutines of the client await only a `Transport`. With `BlockingTransport` they never suspend, so `drive()` runs
them without an event loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import httpx

from langgraph_runner.runtime.runtimes import REAL_RUNTIMES

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from langgraph_runner.client.settings import Settings
    from langgraph_runner.runtime.runtimes import Runtime

__all__ = ["AsyncTransport", "BlockingTransport", "Transport"]

_LIMITS: Final = httpx.Limits(max_connections=None, max_keepalive_connections=20)
"""The number of connections has no limit, because each run that is followed holds one."""


class Transport(Protocol):
    """Sends requests over a pool of connections, which stay open between requests."""

    runtime: Runtime
    """Clock, sleep and randomness, awaited or blocking like the transport."""

    def request(self, method: str, url: str, *, timeout: httpx.Timeout, **content: object) -> httpx.Request:
        """Build a request."""
        ...

    async def send(self, request: httpx.Request) -> httpx.Response:
        """Send a request. The caller reads the body and closes the response with `finish()`."""
        ...

    def chunks(self, response: httpx.Response) -> AsyncGenerator[bytes, None]:
        """Yield the body of a response, decompressed, as it arrives."""
        ...

    async def finish(self, response: httpx.Response) -> None:
        """Close a response, read or not."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class AsyncTransport:
    """Sends requests with `await`. For one event loop."""

    def __init__(self, settings: Settings) -> None:
        self.runtime = (settings.runtimes or REAL_RUNTIMES).awaiting
        self._client = httpx.AsyncClient(
            headers=settings.headers,
            limits=_LIMITS,
            trust_env=settings.trusts_environment,
            verify=settings.verify,
            transport=settings.http_transport,
        )

    def request(self, method: str, url: str, *, timeout: httpx.Timeout, **content: object) -> httpx.Request:
        """See `Transport`."""
        return self._client.build_request(method, url, timeout=timeout, **content)  # type: ignore[arg-type]

    async def send(self, request: httpx.Request) -> httpx.Response:
        """See `Transport`."""
        return await self._client.send(request, stream=True)

    async def chunks(self, response: httpx.Response) -> AsyncGenerator[bytes, None]:
        """See `Transport`."""
        async for chunk in response.aiter_bytes():
            yield chunk

    async def finish(self, response: httpx.Response) -> None:
        """See `Transport`."""
        await response.aclose()

    async def close(self) -> None:
        """See `Transport`."""
        await self._client.aclose()


class BlockingTransport:
    """Sends requests and blocks the calling thread. Thread-safe."""

    def __init__(self, settings: Settings) -> None:
        given = settings.http_transport
        if given is not None and not isinstance(given, httpx.BaseTransport):
            raise TypeError(
                f"http_transport must be an httpx.BaseTransport for blocking calls, got {type(given).__name__}; with"
                " an async transport call `await client.get_output(...)`."
            )
        self.runtime = (settings.runtimes or REAL_RUNTIMES).blocking
        self._client = httpx.Client(
            headers=settings.headers,
            limits=_LIMITS,
            trust_env=settings.trusts_environment,
            verify=settings.verify,
            transport=settings.http_transport,
        )

    def request(self, method: str, url: str, *, timeout: httpx.Timeout, **content: object) -> httpx.Request:
        """See `Transport`."""
        return self._client.build_request(method, url, timeout=timeout, **content)  # type: ignore[arg-type]

    async def send(self, request: httpx.Request) -> httpx.Response:
        """See `Transport`."""
        return self._client.send(request, stream=True)

    async def chunks(self, response: httpx.Response) -> AsyncGenerator[bytes, None]:
        """See `Transport`."""
        for chunk in response.iter_bytes():
            yield chunk

    async def finish(self, response: httpx.Response) -> None:
        """See `Transport`."""
        response.close()

    async def close(self) -> None:
        """See `Transport`."""
        self._client.close()
