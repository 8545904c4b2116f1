"""`with_retry()` and `with_timeout()`: two policies of a node for any function, without a node.

They decide, wait and stop as a node does: with the same rules of `retry`, the same runtimes, the same limits.
Like the node's pipeline each is one coroutine that awaits only the runtime, driven for plain functions.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast, overload

from langchain_core.runnables import Runnable

from langgraph_runner.errors import CircuitOpenError, NodeCancellationError
from langgraph_runner.errors.classification import is_control_flow
from langgraph_runner.errors.logs import emit
from langgraph_runner.node.attempt import notify
from langgraph_runner.node.call import NodeCall
from langgraph_runner.node.callee import Callee
from langgraph_runner.node.context import CURRENT_CONTEXT
from langgraph_runner.node.langgraph.interrupts import ConfigOfAttempt, interrupts_so_far
from langgraph_runner.node.logs import LOGGER
from langgraph_runner.node.options import Callback, CheckedOptions
from langgraph_runner.node.policies.open_circuit import refuse_futile_wait, with_last_error
from langgraph_runner.node.policies.retry import (
    GiveUp,
    RetryAttempt,
    as_retry_config,
    decide_retry,
    given_up,
)
from langgraph_runner.node.policies.shared import policy_of, read_policy
from langgraph_runner.runtime.abort import AbortSignal, as_abort_signal
from langgraph_runner.runtime.limits import Limits
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES, ClockOfCalls, Runtime, Runtimes, drive
from langgraph_runner.runtime.timeouts import as_timeout_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    from langgraph_runner.node.context import NodeContext
    from langgraph_runner.node.options import OnRetryAttempt, OnTimeout
    from langgraph_runner.node.policies.circuit_breaker import CircuitBreakerLike, NodeCircuitBreaker
    from langgraph_runner.node.policies.retry import RetryConfig, RetryLike
    from langgraph_runner.runtime.timeouts import TimeoutLike

__all__ = ["with_retry", "with_timeout"]

P = ParamSpec("P")
R = TypeVar("R")


@overload
def with_retry(
    fn: Callable[P, R],
    retry: RetryLike,
    *,
    on_retry_attempt: OnRetryAttempt | None = None,
    abort_signal: AbortSignal | None = None,
    circuit_breaker: CircuitBreakerLike | None = None,
) -> Callable[P, R]: ...


@overload
def with_retry(
    *,
    retry: RetryLike,
    on_retry_attempt: OnRetryAttempt | None = None,
    abort_signal: AbortSignal | None = None,
    circuit_breaker: CircuitBreakerLike | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...


def with_retry(
    fn: Callable[..., Any] | None = None,
    retry: RetryLike | None = None,
    *,
    on_retry_attempt: OnRetryAttempt | None = None,
    abort_signal: AbortSignal | None = None,
    circuit_breaker: CircuitBreakerLike | None = None,
) -> Callable[..., Any]:
    """Retry a function of any signature as a node would be, without a node around it.

    The same errors are retried after the same waits, `Retry-After` included. Each retry is logged as a warning,
    `function.retrying`. Arguments are not copied: a function that changes them sees the changes in the next attempt.
    Inside a node, an abort or timeout of the node ends the waits, and no further attempt begins.

    Args:
        fn: A function or a coroutine function. Left out, the result is a decorator: `@with_retry(retry=3)`.
        retry: A `RetryConfig`, its fields as a dict, a number of attempts, or LangGraph's `RetryPolicy`.
        on_retry_attempt: Called with a `RetryAttempt` before each wait. Sync or async; may take no argument. What it
            raises is logged.
        abort_signal: Ends the waits, and the running attempt as `with_timeout(abort_signal=...)` does.
        circuit_breaker: Asked before each attempt. A `NodeCircuitBreaker` may be shared; a `CircuitBreakerConfig`, or
            its fields as a dict, makes one for this function.

    Returns:
        A function of the same signature and kind. It is thread-safe if `fn` is. It raises what `fn` raised where
        that is not retried or only one attempt is allowed, and passes on LangGraph's control flow and every
        `BaseException`. Otherwise:

        - `RetryExhaustedError`, with the last error as `__cause__`, when all attempts have failed.
        - `NodeCancellationError` when `abort_signal` has fired, or the node around it is to stop.
        - `CircuitOpenError` when the circuit breaker refuses the next attempt; `last_error` is that of the last one.

    Raises:
        ValueError: A field of `retry` or `circuit_breaker` is out of its range.
        TypeError: `fn` is not a function or coroutine function, or an option is of no accepted kind.

    Example:
        >>> answers = iter([ConnectionError("reset"), "pong"])
        >>> def ping(host: str) -> str:
        ...     answer = next(answers)
        ...     if isinstance(answer, Exception):
        ...         raise answer
        ...     return f"{answer} from {host}"
        >>> with_retry(ping, {"max_attempts": 3, "backoff_ms": 1})("example.org")
        'pong from example.org'
    """
    config = as_retry_config(retry)
    if config is None:
        raise TypeError("retry: required; give a RetryConfig or a number of attempts.")
    if fn is None:
        return functools.partial(
            with_retry,
            retry=config,
            on_retry_attempt=on_retry_attempt,
            abort_signal=abort_signal,
            circuit_breaker=read_policy("circuit_breaker", circuit_breaker),
        )
    callee = _callee_of(fn, "with_retry")
    runtime = _runtime(None, callee)
    return _wrapped(
        fn,
        _Retrying(
            callee,
            config,
            Callback.of(on_retry_attempt, runtime, argument="retry", field="on_retry_attempt"),
            as_abort_signal(abort_signal, field="abort_signal"),
            policy_of("circuit_breaker", circuit_breaker, name=callee.name, clock=ClockOfCalls(runtime)),
        ),
    )


@overload
def with_timeout(
    fn: Callable[P, R],
    timeout_ms: TimeoutLike,
    *,
    on_timeout: OnTimeout | None = None,
    abort_signal: AbortSignal | None = None,
) -> Callable[P, R]: ...


@overload
def with_timeout(
    *,
    timeout_ms: TimeoutLike,
    on_timeout: OnTimeout | None = None,
    abort_signal: AbortSignal | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...


def with_timeout(
    fn: Callable[..., Any] | None = None,
    timeout_ms: TimeoutLike | None = None,
    *,
    on_timeout: OnTimeout | None = None,
    abort_signal: AbortSignal | None = None,
) -> Callable[..., Any]:
    """Limit how long a call of a function of any signature may take, as a node's `timeout_ms` does.

    A coroutine function is cancelled when the time is up. A plain function runs in a thread of its own, which is
    left behind then and counted by `abandoned_threads()`. It can stop itself: inside it `get_node_context()` works,
    also outside a node, and its `abort_signal` fires. An abort or timeout of a node around it stops it too.

    `with_retry(with_timeout(fn, 500), 3)` limits each attempt, `with_timeout(with_retry(fn, 3), 5_000)` all of them.

    Args:
        fn: A function or a coroutine function. Left out, the result is a decorator: `@with_timeout(timeout_ms=500)`.
        timeout_ms: The limit: ms, more than 0, at most a year; or a `timedelta` or a `TimeoutPolicy`.
        on_timeout: Called with the `NodeTimeoutError` of a call that took too long, to clean up. Sync or async; may
            take no argument. What it raises is logged. An async one may take `timeout_ms`, too.
        abort_signal: Stops the call like a timeout.

    Returns:
        A function of the same signature and kind. It is thread-safe if `fn` is. It raises what `fn` raised, or:

        - `NodeTimeoutError` when the time is up; it is a retryable error.
        - `NodeCancellationError` when `abort_signal` has fired, or the node around it is to stop.

    Raises:
        ValueError: `timeout_ms` is out of its range.
        TypeError: `fn` is not a function or coroutine function, or an option is of no accepted kind.

    Example:
        >>> def double(x: int) -> int:
        ...     return 2 * x
        >>> with_timeout(double, 5_000)(21)
        42
    """
    limit_ms = as_timeout_ms(timeout_ms, field="timeout_ms")
    if limit_ms is None:
        raise TypeError("timeout_ms: required; give the limit in ms.")
    if fn is None:
        return functools.partial(
            with_timeout, timeout_ms=limit_ms, on_timeout=on_timeout, abort_signal=abort_signal
        )
    callee = _callee_of(fn, "with_timeout")
    callback = Callback.of(on_timeout, _runtime(None, callee), argument="error", field="on_timeout")
    signal = as_abort_signal(abort_signal, field="abort_signal")
    return _wrapped(fn, _Limiting(callee, limit_ms, callback, signal))


def _callee_of(fn: Any, unit: str) -> Callee:
    if (
        isinstance(fn, Runnable)
        or not callable(fn)
        or inspect.isgeneratorfunction(fn)
        or inspect.isasyncgenfunction(fn)
    ):
        raise TypeError(
            f"fn: {unit}() takes a function or a coroutine function, got {fn!r:.80}. For Runnables and generators use"
            " create_node()."
        )
    return Callee.of(fn)


def _wrapped(fn: Callable[..., Any], policy: _Retrying | _Limiting) -> Callable[..., Any]:
    """Wrap `fn` with one policy, and keep its signature."""
    callee = policy.callee

    async def call_async(*arguments: Any, **keywords: Any) -> Any:
        return await policy.run(functools.partial(fn, *arguments, **keywords))

    def call(*arguments: Any, **keywords: Any) -> Any:
        return drive(policy.run(functools.partial(fn, *arguments, **keywords)))

    # A callable object or a partial has no name of its own for functools.wraps to copy.
    wrapper = functools.wraps(fn)(call_async if callee.is_async else call)
    if not hasattr(fn, "__name__"):
        wrapper.__name__ = wrapper.__qualname__ = callee.name
    return cast("Callable[..., Any]", wrapper)


@dataclass(frozen=True, slots=True)
class _Limiting:
    """Calls of one function with a time limit, an abort signal, or both."""

    callee: Callee
    timeout_ms: float | None
    on_timeout: Callback | None
    abort_signal: AbortSignal | None

    async def run(self, call: Callable[[], Any]) -> Any:
        """Make a call whose arguments are bound already."""
        callee, around = self.callee, CURRENT_CONTEXT.get()
        signal = _signal(self.abort_signal, around, callee.name)
        runtime = _runtime(around, callee)
        # A context of its own: what stops this call must not stop the rest of the node.
        context = _new_context(around, callee)
        limits = Limits(callee.name, signal, timeout_ms=self.timeout_ms, on_stop=context.stop)
        CURRENT_CONTEXT.set(context)
        try:
            return await runtime.call(call, (), {}, limits)
        except BaseException as error:
            if not isinstance(error, Exception):
                context.stop(type(error).__name__)  # For threads that the function has started.
            elif self.on_timeout is not None and limits.has_raised(error):
                waiting = Limits(callee.name, signal, timeout_ms=self.timeout_ms)
                event = "function.on_timeout_failed"
                await notify(context, runtime, self.on_timeout, error, event, limits=waiting)
            raise
        finally:
            # A coroutine that is closed by the garbage collector is in another context then.
            if CURRENT_CONTEXT.get() is context:
                CURRENT_CONTEXT.set(around)


@dataclass(frozen=True, slots=True)
class _Retrying:
    """Calls of one function with retries."""

    callee: Callee
    retry: RetryConfig
    on_retry_attempt: Callback | None
    abort_signal: AbortSignal | None
    circuit_breaker: NodeCircuitBreaker | None

    async def run(self, call: Callable[[], Any]) -> Any:
        """Make a call whose arguments are bound already."""
        around, name = CURRENT_CONTEXT.get(), self.callee.name
        runtime = _runtime(around, self.callee)
        started, attempts = runtime.monotonic(), 0
        cancels_before = runtime.cancel_requests()
        interrupts_before = interrupts_so_far()
        failed: Exception | None = None
        try:
            while True:
                signal = _signal(self.abort_signal, around, name)
                attempts += 1
                try:
                    if failed is None:
                        return await self._attempt(call, around)
                    with ConfigOfAttempt(attempts, interrupts_before):
                        return await self._attempt(call, around)
                except Exception as error:
                    if is_control_flow(error) or isinstance(error, NodeCancellationError):
                        raise
                    if isinstance(error, CircuitOpenError):
                        refusal = with_last_error(error, failed)
                        raise refusal from refusal.__cause__
                    failed = error
                if runtime.cancel_requests() > cancels_before:
                    # The function made an ordinary error of the cancellation of its task.
                    raise asyncio.CancelledError from failed
                delay_ms = self._delay_or_raise(failed, attempts, started, runtime)
                _warn("function.retrying", name, failed, attempt=attempts, delay_ms=round(delay_ms, 3))
                limits = None if signal is None else Limits(name, signal)
                if self.on_retry_attempt is not None:
                    context = _new_context(around, self.callee).of_attempt(attempts)
                    retry = RetryAttempt(attempts, failed, delay_ms, context)
                    event = "function.on_retry_attempt_failed"
                    await notify(context, runtime, self.on_retry_attempt, retry, event, limits=limits)
                await runtime.sleep(delay_ms / 1000, limits)
        finally:
            del failed  # Its traceback holds this frame.

    async def _attempt(self, call: Callable[[], Any], around: NodeContext | None) -> Any:
        if self.circuit_breaker is None:
            return await self._called(call)

        async def proceed(_: NodeContext) -> Any:
            return await self._called(call)

        # Its errors have the name of the function: they are not refusals of the node around the call.
        attempt = _context_of(self.callee, parent=around)
        return await self.circuit_breaker.run(attempt, proceed)

    async def _called(self, call: Callable[[], Any]) -> Any:
        if self.abort_signal is not None:
            return await _Limiting(self.callee, None, None, self.abort_signal).run(call)
        value = call()
        return await value if self.callee.is_async else value

    def _delay_or_raise(self, failed: Exception, attempts: int, started: float, runtime: Runtime) -> float:
        """Return how many ms to wait before the next attempt. Without a next attempt, raise the final error."""
        name = self.callee.name
        try:
            decision = decide_retry(self.retry, failed, attempts=attempts, started=started, runtime=runtime)
        except Exception as broken:
            # A predicate of the user's. The error of the function matters more.
            _warn("function.retry_predicate_failed", name, broken)
            decision = GiveUp("final")
        if isinstance(decision, GiveUp):
            raise given_up(decision, failed, node=name, attempts=attempts)
        if self.circuit_breaker is not None:
            refuse_futile_wait(self.circuit_breaker, decision.delay_ms, failed, node=name)
        return decision.delay_ms


def _warn(event: str, function: str, error: Exception, **fields: Any) -> None:
    emit(LOGGER, logging.WARNING, event, function=function, **fields, error_type=type(error).__name__)


def _runtime(around: NodeContext | None, callee: Callee) -> Runtime:
    """The runtime of the node around the call, so that its fake clock is the call's too."""
    runtimes: Runtimes = REAL_RUNTIMES if around is None else around.runtimes
    return runtimes.awaiting if callee.is_async else runtimes.blocking


def _new_context(around: NodeContext | None, callee: Callee) -> NodeContext:
    """Return a new context of the node around the call. Outside a node, it is a context of the function."""
    return _context_of(callee, parent=None) if around is None else around.of_attempt(around.attempt)


def _context_of(callee: Callee, *, parent: NodeContext | None) -> NodeContext:
    options = CheckedOptions.bare(callee.source, callee.name, REAL_RUNTIMES)
    return NodeCall.of(options, None, None, {}, parent)


def _signal(own: AbortSignal | None, around: NodeContext | None, name: str) -> AbortSignal | None:
    """Return the signal that stops the call: its own and those of the nodes around it; None if it has no signal.

    Raises:
        NodeCancellationError: One of them has fired.
    """
    reason = None if own is None else own.reason
    if reason is None and around is not None:
        reason = around.ancestor_stop()
    if reason is not None:
        raise NodeCancellationError(node=name, reason=reason)
    signals = [] if around is None else around.ancestor_signals()
    if own is not None:
        signals.append(own)
    if len(signals) <= 1:
        return signals[0] if signals else None
    return AbortSignal.any(*signals)
