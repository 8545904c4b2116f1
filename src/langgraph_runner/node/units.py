"""`with_retry()` and `with_timeout()`: two policies of a node for any function, without a node.

They decide, wait and stop as a node does: with the same rules of `retry`, the same runtimes, the same limits.
Like the node's pipeline each is one coroutine that awaits only the runtime, driven for plain functions.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast, overload

from langchain_core.runnables import Runnable

from langgraph_runner.errors import CircuitOpenError, NodeCancellationError
from langgraph_runner.errors.classification import is_control_flow
from langgraph_runner.errors.logs import emit
from langgraph_runner.node.call import NodeCall
from langgraph_runner.node.callee import Callee
from langgraph_runner.node.context import CURRENT_CONTEXT, NodeContext
from langgraph_runner.node.langgraph.internals import ConfigOfAttempt, interrupts_so_far
from langgraph_runner.node.logs import LOGGER
from langgraph_runner.node.options import CheckedOptions
from langgraph_runner.node.policies.retry import GiveUp, as_retry_config, decide_retry, given_up
from langgraph_runner.runtime.abort import AbortSignal
from langgraph_runner.runtime.limits import Limits
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES, Runtime, Runtimes, drive
from langgraph_runner.runtime.timeouts import as_timeout_ms

if TYPE_CHECKING:
    from langgraph_runner.node.policies.retry import RetryConfig, RetryLike
    from langgraph_runner.runtime.timeouts import TimeoutLike

__all__ = ["with_retry", "with_timeout"]

P = ParamSpec("P")
R = TypeVar("R")


@overload
def with_retry(fn: Callable[P, R], retry: RetryLike) -> Callable[P, R]: ...


@overload
def with_retry(*, retry: RetryLike) -> Callable[[Callable[P, R]], Callable[P, R]]: ...


def with_retry(fn: Callable[..., Any] | None = None, retry: RetryLike | None = None) -> Callable[..., Any]:
    """Retry a function of any signature as a node would be, without a node around it.

    The same errors are retried after the same waits, `Retry-After` included. Each retry is logged as a warning,
    `function.retrying`. Arguments are not copied: a function that changes them sees the changes in the next attempt.
    Inside a node, an abort or timeout of the node ends the waits, and no further attempt begins.

    Args:
        fn: A function or a coroutine function. Left out, the result is a decorator: `@with_retry(retry=3)`.
        retry: A `RetryConfig`, its fields as a dict, a number of attempts, or LangGraph's `RetryPolicy`.

    Returns:
        A function of the same signature and kind. It is thread-safe if `fn` is. It raises what `fn` raised where
        that is not retried or only one attempt is allowed, and passes on LangGraph's control flow and every
        `BaseException`. Otherwise:

        - `RetryExhaustedError`, with the last error as `__cause__`, when all attempts have failed.
        - `NodeCancellationError` when the node around it is to stop.

    Raises:
        ValueError: A field of `retry` is out of its range.
        TypeError: `fn` is not a function or coroutine function, or `retry` is of no accepted kind.

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
        return functools.partial(with_retry, retry=config)
    return _wrapped(fn, "with_retry", functools.partial(_retried, config))


@overload
def with_timeout(fn: Callable[P, R], timeout_ms: TimeoutLike) -> Callable[P, R]: ...


@overload
def with_timeout(*, timeout_ms: TimeoutLike) -> Callable[[Callable[P, R]], Callable[P, R]]: ...


def with_timeout(
    fn: Callable[..., Any] | None = None, timeout_ms: TimeoutLike | None = None
) -> Callable[..., Any]:
    """Limit how long a call of a function of any signature may take, as a node's `timeout_ms` does.

    A coroutine function is cancelled when the time is up. A plain function runs in a thread of its own, which is
    left behind then and counted by `abandoned_threads()`. It can stop itself: inside it `get_node_context()` works,
    also outside a node, and its `abort_signal` fires. An abort or timeout of a node around it stops it too.

    `with_retry(with_timeout(fn, 500), 3)` limits each attempt, `with_timeout(with_retry(fn, 3), 5_000)` all of them.

    Args:
        fn: A function or a coroutine function. Left out, the result is a decorator: `@with_timeout(timeout_ms=500)`.
        timeout_ms: The limit: ms, more than 0, at most a year; or a `timedelta` or a `TimeoutPolicy`.

    Returns:
        A function of the same signature and kind. It is thread-safe if `fn` is. It raises what `fn` raised, or:

        - `NodeTimeoutError` when the time is up; it is a retryable error.
        - `NodeCancellationError` when the node around it is to stop.

    Raises:
        ValueError: `timeout_ms` is out of its range.
        TypeError: `fn` is not a function or coroutine function, or `timeout_ms` is no kind of time.

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
        return functools.partial(with_timeout, timeout_ms=limit_ms)
    return _wrapped(fn, "with_timeout", functools.partial(_limited, limit_ms))


_Policy = Callable[[Callable[[], Any], Callee], Coroutine[Any, Any, Any]]
"""Makes a call whose arguments are bound already. The callee says whether it is awaited."""


def _wrapped(fn: Callable[..., Any], unit: str, policy: _Policy) -> Callable[..., Any]:
    """Wrap `fn` with one policy, and keep its signature."""
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
    callee = Callee.of(fn)

    async def call_async(*arguments: Any, **keywords: Any) -> Any:
        return await policy(functools.partial(fn, *arguments, **keywords), callee)

    def call(*arguments: Any, **keywords: Any) -> Any:
        return drive(policy(functools.partial(fn, *arguments, **keywords), callee))

    # A callable object or a partial has no name of its own for functools.wraps to copy.
    wrapper = functools.wraps(fn)(call_async if callee.is_async else call)
    if not hasattr(fn, "__name__"):
        wrapper.__name__ = wrapper.__qualname__ = callee.name
    return cast("Callable[..., Any]", wrapper)


async def _retried(retry: RetryConfig, call: Callable[[], Any], callee: Callee) -> Any:
    around, name = CURRENT_CONTEXT.get(), callee.name
    runtime = _runtime(around, is_async=callee.is_async)
    started, attempts = runtime.monotonic(), 0
    cancels_before = runtime.cancel_requests()
    interrupts_before = interrupts_so_far()
    failed: Exception | None = None
    try:
        while True:
            signal = _signal_around(around, name)
            attempts += 1
            try:
                if failed is None:
                    return await _called(call, callee)
                with ConfigOfAttempt(attempts, interrupts_before):
                    return await _called(call, callee)
            except Exception as error:
                if is_control_flow(error) or isinstance(error, NodeCancellationError | CircuitOpenError):
                    raise
                failed = error
            if runtime.cancel_requests() > cancels_before:
                # The function made an ordinary error of the cancellation of its task.
                raise asyncio.CancelledError from failed
            try:
                decision = decide_retry(retry, failed, attempts=attempts, started=started, runtime=runtime)
            except (
                Exception
            ) as broken:  # A predicate of the user's; the function's error matters more than its own.
                _warn("function.retry_predicate_failed", name, broken)
                decision = GiveUp("final")
            if isinstance(decision, GiveUp):
                raise given_up(decision, failed, node=name, attempts=attempts)
            delay_ms = decision.delay_ms
            _warn("function.retrying", name, failed, attempt=attempts, delay_ms=round(delay_ms, 3))
            await runtime.sleep(delay_ms / 1000, None if signal is None else Limits(name, signal))
    finally:
        del failed  # Its traceback holds this frame.


def _warn(event: str, function: str, error: Exception, **fields: Any) -> None:
    emit(LOGGER, logging.WARNING, event, function=function, **fields, error_type=type(error).__name__)


async def _called(call: Callable[[], Any], callee: Callee) -> Any:
    value = call()
    return await value if callee.is_async else value


async def _limited(timeout_ms: float, call: Callable[[], Any], callee: Callee) -> Any:
    around = CURRENT_CONTEXT.get()
    signal = _signal_around(around, callee.name)
    # A context of its own: what stops this call must not stop the rest of the node.
    if around is None:
        options = CheckedOptions.bare(callee.source, callee.name, REAL_RUNTIMES)
        context: NodeContext = NodeCall.of(options, None, None, {}, None)
    else:
        context = around.of_attempt(around.attempt)
    limits = Limits(callee.name, signal, timeout_ms=timeout_ms, on_stop=context.stop)
    CURRENT_CONTEXT.set(context)
    try:
        return await _runtime(around, is_async=callee.is_async).call(call, (), {}, limits)
    except BaseException as error:
        if not isinstance(error, Exception):
            context.stop(type(error).__name__)  # For threads that the function has started.
        raise
    finally:
        # A coroutine that is closed by the garbage collector is in another context then.
        if CURRENT_CONTEXT.get() is context:
            CURRENT_CONTEXT.set(around)


def _runtime(around: NodeContext | None, *, is_async: bool) -> Runtime:
    """The runtime of the node around the call, so that its fake clock is the call's too."""
    runtimes: Runtimes = REAL_RUNTIMES if around is None else around.runtimes
    return runtimes.awaiting if is_async else runtimes.blocking


def _signal_around(around: NodeContext | None, name: str) -> AbortSignal | None:
    """The signal of the nodes around the call; None outside a node.

    Raises:
        NodeCancellationError: It is to stop already.
    """
    if around is None:
        return None
    if (reason := around.ancestor_stop()) is not None:
        raise NodeCancellationError(node=name, reason=reason)
    return AbortSignal.any(*around.ancestor_signals())
