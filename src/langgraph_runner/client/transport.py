"""The two ways to send a request: awaited, and blocking. All other code of the client is written once.

The client is made of coroutines that await only a `Transport`. Those of `BlockingTransport` never suspend, so
`drive()` runs the same client without an event loop.
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
"""Each followed run holds a connection, so their number is not limited."""


class Transport(Protocol):
    """Sends requests over one pool of connections, which are kept open between requests."""

    runtime: Runtime
    """Clock, sleep and chance of the same kind."""

    def request(self, method: str, url: str, *, timeout: httpx.Timeout, **content: object) -> httpx.Request:
        """Build a request."""
        ...

    async def send(self, request: httpx.Request) -> httpx.Response:
        """Send a request. The body of the answer is still to be read, and the answer to be closed."""
        ...

    def chunks(self, response: httpx.Response) -> AsyncGenerator[bytes, None]:
        """The body of an answer, decompressed, as it comes."""
        ...

    async def finish(self, response: httpx.Response) -> None:
        """Close an answer, whether it was read to its end or not."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class AsyncTransport:
    """Awaits. For one event loop."""

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
    """Blocks the calling thread. Thread-safe."""

    def __init__(self, settings: Settings) -> None:
        given = settings.http_transport
        if given is not None and not isinstance(given, httpx.BaseTransport):
            raise TypeError(
                f"http_transport: expected httpx.BaseTransport for calls that block, got {type(given).__name__}; use"
                " `await client.get_output(...)` where only an async one is at hand."
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
