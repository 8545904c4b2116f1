"""`SyncRunEngine`: the engine for scripts and notebooks, on an event loop of its own in a thread."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from typing import TYPE_CHECKING, Any, Self

from langgraph_runner.engine.logs import LOGGER
from langgraph_runner.errors.logs import emit
from langgraph_runner.node.wake import Wake

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from langgraph_runner.engine.engine import RunEngine

__all__ = ["SyncRunEngine"]


class SyncRunEngine:
    """Every method of `RunEngine`, blocking; `events()` is an iterator. Thread-safe.

    Made by `RunEngine.sync(...)`. Close it, or use it as `with`.
    """

    def __init__(self, make: type[RunEngine], *arguments: Any, **options: Any) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="langgraph-runner", daemon=True)
        self._thread.start()
        self._is_closed = False
        self._closing = threading.Lock()
        try:
            self._engine: RunEngine = self._call(_made(make, arguments, options))
        except BaseException:
            self._end()
            raise

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        attribute = getattr(self._engine, name)
        if inspect.isasyncgenfunction(attribute):
            return lambda *arguments, **options: self._iterated(attribute(*arguments, **options))
        if inspect.iscoroutinefunction(attribute):
            return lambda *arguments, **options: self._call(attribute(*arguments, **options))
        return attribute

    def close(self) -> None:
        """See `RunEngine.close`."""
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

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def _serve(self) -> None:
        while True:
            try:
                self._loop.run_forever()
            except BaseException as error:
                # A callback of somebody's has raised what ends loops; here others wait for it, for ever.
                emit(LOGGER, logging.ERROR, "loop.interrupted", error_type=type(error).__name__)
            else:
                return

    def _call(self, coroutine: Any) -> Any:
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

    def _iterated(self, events: Any) -> Iterator[Any]:
        end = object()
        try:
            while (event := self._call(anext(events, end))) is not end:
                yield event
        finally:
            if not self._is_closed:
                self._call(events.aclose())

    def _check_use(self) -> None:
        if self._is_closed:
            raise RuntimeError("The engine is closed.")
        self._refuse_own_thread()

    def _refuse_own_thread(self) -> None:
        if threading.current_thread() is self._thread:
            raise RuntimeError(
                "An async step that calls this would wait for itself: let it be a step that blocks."
            )

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _made(make: type[RunEngine], arguments: tuple[Any, ...], options: dict[str, Any]) -> RunEngine:
    return make(*arguments, **options)
