"""`BlockingClient`: what the methods of `SyncRunClient` are built on. No event loop, no thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar

from langgraph_runner.runtime.runtimes import drive

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
    from types import TracebackType

    from langgraph_runner.client.client import RunClient

__all__ = ["BlockingClient"]

T = TypeVar("T")


class BlockingClient:
    """A client that blocks the calling thread. Thread-safe.

    Args:
        make: Makes a client whose coroutines never suspend.
    """

    def __init__(self, make: Callable[[], RunClient]) -> None:
        self._client = make()

    def close(self) -> None:
        """Close all connections. A second call does nothing."""
        self._call(self._client.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return repr(self._client).replace("RunClient", type(self).__name__, 1)

    def _call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return drive(coroutine)

    def _iterated(self, events: AsyncGenerator[T, None]) -> Generator[T, None, None]:
        try:
            while found := drive(_next(events)):
                yield found[0]
        finally:
            drive(_closed(events))


async def _next(events: AsyncGenerator[T, None]) -> tuple[T, ...]:
    """The next event; empty at the end."""
    async for event in events:
        return (event,)
    return ()


async def _closed(events: AsyncGenerator[T, None]) -> None:
    await events.aclose()
