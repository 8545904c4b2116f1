"""Two ways to send a request: awaited and blocking. All other code of the client exists once.

The coroutines of the client await only a `Transport`. With `BlockingTransport` they never suspend, so `drive()` runs
them without an event loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import httpx

from langgraph_runner.runtime.runtimes import REAL_RUNTIMES

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from langgraph_runner.client.settings import Settings

__all__ = ["AsyncTransport", "BlockingTransport", "Transport"]

_LIMITS: Final = httpx.Limits(max_connections=None, max_keepalive_connections=20)
"""The number of connections has no limit, because each run that is followed holds one."""


class AsyncTransport:
    """Sends requests with `await`, over connections that stay open between requests. For one event loop."""

    def __init__(self, settings: Settings) -> None:
        self.runtime = (settings.runtimes or REAL_RUNTIMES).awaiting
        self._client = httpx.AsyncClient(**_options(settings))

    async def send(self, method: str, url: str, **content: Any) -> httpx.Response:
        """Send a request. The caller reads the body with `chunks()`, and closes the response with `finish()`."""
        return await self._client.send(self._client.build_request(method, url, **content), stream=True)

    async def chunks(self, response: httpx.Response) -> AsyncGenerator[bytes, None]:
        """Yield the body of a response, decompressed, as it arrives."""
        async for chunk in response.aiter_bytes():
            yield chunk

    async def finish(self, response: httpx.Response) -> None:
        """Close a response, read or not."""
        await response.aclose()

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()


class BlockingTransport:
    """Like `AsyncTransport`, but blocks the calling thread. Thread-safe."""

    def __init__(self, settings: Settings) -> None:
        given = settings.http_transport
        if given is not None and not isinstance(given, httpx.BaseTransport):
            raise TypeError(
                f"http_transport must be an httpx.BaseTransport for blocking calls, got {type(given).__name__}; with"
                " an async transport call `await client.get_output(...)`."
            )
        self.runtime = (settings.runtimes or REAL_RUNTIMES).blocking
        self._client = httpx.Client(**_options(settings))

    async def send(self, method: str, url: str, **content: Any) -> httpx.Response:
        """Send a request."""
        return self._client.send(self._client.build_request(method, url, **content), stream=True)

    async def chunks(self, response: httpx.Response) -> AsyncGenerator[bytes, None]:
        """Yield the body of a response, decompressed, as it arrives."""
        for chunk in response.iter_bytes():
            yield chunk

    async def finish(self, response: httpx.Response) -> None:
        """Close a response, read or not."""
        response.close()

    async def close(self) -> None:
        """Close all connections."""
        self._client.close()


Transport: TypeAlias = AsyncTransport | BlockingTransport


def _options(settings: Settings) -> dict[str, Any]:
    return {
        "headers": settings.headers,
        "limits": _LIMITS,
        "trust_env": settings.trusts_environment,
        "verify": settings.verify,
        "transport": settings.http_transport,
    }
