"""`BlockingClient`: the base of `SyncRunClient`. It needs neither an event loop nor a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar

from langgraph_runner.runtime.runtimes import drive

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Coroutine, Generator
    from types import TracebackType

    from langgraph_runner.client.writer import ClientWriter

__all__ = ["BlockingClient"]

T = TypeVar("T")


class BlockingClient:
    """A client that blocks the calling thread. Thread-safe.

    Args:
        client: A client whose coroutines never suspend.
    """

    def __init__(self, client: ClientWriter) -> None:
        self._client = client

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
            drive(_close(events))


async def _next(events: AsyncGenerator[T, None]) -> tuple[T, ...]:
    """Return the next event in a tuple; an empty tuple at the end."""
    async for event in events:
        return (event,)
    return ()


async def _close(events: AsyncGenerator[T, None]) -> None:
    await events.aclose()
