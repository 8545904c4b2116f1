"""The bases of the classes in `sync.py`, whose methods block: how they run the coroutines of the async ones."""

from __future__ import annotations

import asyncio
import logging
import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Self, TypeVar

from langgraph_runner.engine.logs import cause, log_event
from langgraph_runner.engine.process import OwnProcess
from langgraph_runner.runtime.wake import Wake

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
    from types import TracebackType

    from langgraph_runner.engine.engine import RunEngine

__all__ = ["Blocking", "BlockingEngine"]

T = TypeVar("T")


class Blocking(ABC):
    """The base of the blocking engine and of the blocking client."""

    _engine: RunEngine
    """The engine, or a client, which has the same methods."""
    _is_closed = False

    @abstractmethod
    def close(self) -> None:
        """Free the resources of the async object."""

    @abstractmethod
    def _call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine of the async object to its end."""

    def _iterated(self, events: AsyncGenerator[T, None]) -> Generator[T, None, None]:
        try:
            while found := self._call(_next(events)):
                yield found[0]
        finally:
            if not self._is_closed:
                self._call(events.aclose())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()


class BlockingEngine(Blocking):
    """Runs an engine on an event loop in a thread of its own. Thread-safe.

    Args:
        make: Creates the engine; called in that thread.
    """

    def __init__(self, make: Callable[[], RunEngine]) -> None:
        self._process = OwnProcess()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="langgraph-runner", daemon=True)
        self._thread.start()
        self._closing = threading.Lock()
        try:
            self._engine = self._call(_made(make))
        except BaseException:
            self._end()
            raise

    def close(self) -> None:
        """Stop serving. Running steps are stopped, and their runs are handed back to other engines."""
        if not self._process.is_this():
            return  # Its loop and its thread are those of the parent process.
        self._refuse_own_thread()
        with self._closing:
            if self._is_closed:
                return
            try:
                self._call(self._engine.close())
            finally:
                self._is_closed = True
                self._end()

    def __enter__(self) -> Self:
        self._call(self._engine.start())
        return self

    def _serve(self) -> None:
        while True:
            try:
                self._loop.run_forever()
            except BaseException as error:
                # A callback raised SystemExit or KeyboardInterrupt. Other threads wait for this loop, so it goes on.
                log_event(logging.ERROR, "loop.interrupted", **cause(error))
            else:
                return

    def _call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        try:
            self._check_use()
        except RuntimeError:
            coroutine.close()
            raise
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        ended = Wake()
        future.add_done_callback(lambda _: ended.ring())
        try:
            ended.wait()
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def _check_use(self) -> None:
        self._process.check()
        if self._is_closed:
            raise RuntimeError("The engine is closed.")
        self._refuse_own_thread()

    def _refuse_own_thread(self) -> None:
        if threading.current_thread() is self._thread:
            raise RuntimeError(
                "An async step that calls this would wait for itself: make it a plain function."
            )

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _made(make: Callable[[], RunEngine]) -> RunEngine:
    return make()


async def _next(events: AsyncGenerator[T, None]) -> tuple[T, ...]:
    """Return the next event in a tuple; an empty tuple at the end."""
    async for event in events:
        return (event,)
    return ()
