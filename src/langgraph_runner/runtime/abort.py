"""Abort signals: how running nodes are stopped, from any thread or task.

The pair is that of the web platform (DOM Standard, section 3): the side that may abort holds the
`AbortController`, the side that has to stop holds its `AbortSignal`.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from langgraph_runner.errors import NodeCancellationError
from langgraph_runner.errors.logs import emit
from langgraph_runner.runtime.wake import Wake, call_soon

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["AbortController", "AbortSignal", "as_abort_signal"]

DEFAULT_REASON = "aborted"


class AbortSignal:
    """A flag that is raised once, and then calls its callbacks.

    Thread-safe, and not bound to an event loop. Make one with an `AbortController`, with `any()` or with
    `timeout_ms()`.
    """

    __slots__ = ("__weakref__", "_callbacks", "_lock", "_reason", "_sources")

    def __init__(self) -> None:
        # Re-entrant, because `abort()` may run in a signal handler that interrupts one of these methods.
        self._lock = threading.RLock()
        self._reason: str | None = None
        self._callbacks: dict[object, Callable[[], None]] = {}
        self._sources: tuple[AbortSignal, ...] = ()

    @property
    def aborted(self) -> bool:
        """Whether the signal has fired. It never goes back to False."""
        return self._reason is not None

    @property
    def reason(self) -> str | None:
        """Why it fired; None as long as it has not."""
        return self._reason

    def throw_if_aborted(self, node: str = "?") -> None:
        """Raise if the signal has fired.

        Args:
            node: Name of what is stopped, for the message.

        Raises:
            NodeCancellationError: It has fired.
        """
        if self._reason is not None:
            raise NodeCancellationError(node=node, reason=self._reason)

    def add_callback(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` once when the signal fires; at once if it already has.

        It runs in the thread that aborts, so it must be quick. One that raises is logged, and the others are called.

        Returns:
            A function that removes the callback. Calling it again, or too late, does nothing.
        """
        key = object()
        with self._lock:
            self._callbacks[key] = callback
            if self._reason is None:
                return lambda: self._remove(key)
            is_mine = self._callbacks.pop(key, None) is not None
        if is_mine:
            _call_safely(callback)
        return lambda: None

    def wait(self, timeout_ms: float | None = None) -> bool:
        """Block this thread until the signal fires. In a coroutine, use `wait_async()`.

        Args:
            timeout_ms: How long to wait at most, at least 0; None for ever.

        Returns:
            Whether it has fired.

        Raises:
            ValueError: `timeout_ms` is negative or not a number.
        """
        if timeout_ms is not None and not timeout_ms >= 0:
            raise ValueError(f"timeout_ms must be at least 0, got {timeout_ms!r}.")
        fired = Wake()
        remove = self.add_callback(fired.ring)
        try:
            return fired.wait(None if timeout_ms is None else timeout_ms / 1000)
        finally:
            remove()

    async def wait_async(self) -> None:
        """Wait in a coroutine until the signal fires. Bound it with `asyncio.timeout`, if need be."""
        loop = asyncio.get_running_loop()
        fired = asyncio.Event()
        remove = self.add_callback(partial(call_soon, loop, fired.set))
        try:
            await fired.wait()
        finally:
            remove()

    @classmethod
    def any(cls, *signals: AbortSignal) -> Self:
        """A signal that fires as soon as one of `signals` does, with the reason of that one."""
        combined = cls()
        # The sources live as long as the combination: a timeout signal without another reference must still fire.
        combined._sources = signals
        for signal in signals:
            remove = signal.add_callback(_Relay(signal, combined))
            # A signal that lives as long as the process must not keep the callbacks of short-lived ones.
            weakref.finalize(combined, remove).atexit = False
        return combined

    @classmethod
    def timeout_ms(cls, timeout_ms: float) -> Self:
        """A signal that fires by itself.

        Args:
            timeout_ms: In how many ms, at least 0. A daemon thread keeps the time; it ends with the signal.

        Raises:
            ValueError: `timeout_ms` is negative or not a number.
        """
        if not timeout_ms >= 0:
            raise ValueError(f"timeout_ms must be at least 0, got {timeout_ms!r}.")
        signal = cls()
        fire = _Relay(None, signal, f"timed out after {timeout_ms:g} ms")
        timer = threading.Timer(min(timeout_ms / 1000, threading.TIMEOUT_MAX), fire)
        timer.daemon = True
        weakref.finalize(signal, timer.cancel).atexit = False
        timer.start()
        return signal

    def _remove(self, key: object) -> None:
        with self._lock:
            self._callbacks.pop(key, None)

    def _fire(self, reason: str) -> None:
        with self._lock:
            if self._reason is not None:
                return
            self._reason = reason
            callbacks = list(self._callbacks.values())
            self._callbacks.clear()
        for callback in callbacks:
            _call_safely(callback)

    def __repr__(self) -> str:
        return f"<AbortSignal aborted={self.aborted} reason={self._reason!r}>"


class _Relay:
    """Fires `target` for `source`; holds the target weakly, so that a source does not keep its listeners."""

    __slots__ = ("_reason", "_source", "_target")

    def __init__(self, source: AbortSignal | None, target: AbortSignal, reason: str = "") -> None:
        self._source = None if source is None else weakref.ref(source)
        self._target = weakref.ref(target)
        self._reason = reason

    def __call__(self) -> None:
        target = self._target()
        if target is None:
            return
        source = None if self._source is None else self._source()
        target._fire((source and source.reason) or self._reason or DEFAULT_REASON)  # noqa: SLF001 - same class


class AbortController:
    """Owns an `AbortSignal` and can fire it, once. Thread-safe, and good to use in a signal handler.

    Example:
        >>> controller = AbortController()
        >>> controller.abort("user pressed stop")
        >>> controller.signal.aborted, controller.signal.reason
        (True, 'user pressed stop')
    """

    __slots__ = ("_signal",)

    def __init__(self) -> None:
        self._signal = AbortSignal()

    @property
    def signal(self) -> AbortSignal:
        """The signal to pass on, as in `runner_config(abort_signal=...)`."""
        return self._signal

    def abort(self, reason: str = DEFAULT_REASON) -> None:
        """Fire the signal; the second call does nothing.

        Args:
            reason: Why, for the error records.
        """
        self._signal._fire(str(reason) or DEFAULT_REASON)  # noqa: SLF001 - the controller is the signal's owner


def _call_safely(callback: Callable[[], object]) -> None:
    try:
        callback()
    except Exception as error:  # The other callbacks must be called all the same.
        emit(
            "langgraph_runner.node",
            logging.WARNING,
            "abort.callback_failed",
            error_type=type(error).__name__,
        )


_OF_JSON = (str, int, float, dict, list, tuple, type(None))


def signal_in(config: Mapping[str, Any]) -> AbortSignal | None:
    """The abort signal of a config.

    It is `config["configurable"]["abort_signal"]`, where `runner_config()` puts it, or an `AbortSignal` under the key
    `signal`, there or in the config itself, whose unknown keys LangGraph moves to `configurable`.

    Raises:
        TypeError: `abort_signal` is something else, or `signal` is an object such as an `AbortController`. A value of
            JSON under `signal` is the caller's own, and is ignored.
    """
    configurable = config.get("configurable") or {}
    if (given := configurable.get("abort_signal")) is not None:
        return as_abort_signal(given, field="config['configurable']['abort_signal']")
    for place in (configurable, config):
        if not isinstance(signal := place.get("signal"), _OF_JSON):
            return as_abort_signal(signal, field="config['signal']")
    return None


def as_abort_signal(signal: object, *, field: str) -> AbortSignal | None:
    """Return `signal` if it is an abort signal or None.

    Raises:
        TypeError: It is something else.
    """
    if signal is None or isinstance(signal, AbortSignal):
        return signal
    hint = " Pass its `.signal`." if isinstance(signal, AbortController) else ""
    raise TypeError(f"{field} must be an AbortSignal, got {signal!r:.80}.{hint}")
