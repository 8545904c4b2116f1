"""The same resilience from other libraries: tenacity, stamina, and a stack with one library for each concern."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from time import perf_counter
from typing import TYPE_CHECKING, Any

import stamina
import stamina.instrumentation
import tenacity
from aiobreaker import CircuitBreaker
from hyx import circuitbreaker as hyx_breaker
from hyx import retry as hyx_retry
from prometheus_client import CollectorRegistry, Counter, Histogram

from benchmarks.contenders import MAX_ATTEMPTS, TIMEOUT_MS

if TYPE_CHECKING:
    from collections.abc import Callable

# stamina counts and logs each retry where prometheus-client and structlog are installed. Here it only retries.
stamina.instrumentation.set_on_retry_hooks([])


def with_tenacity(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function in tenacity's decorator, as its documentation shows."""
    return tenacity.retry(
        stop=tenacity.stop_after_attempt(3),
        wait=tenacity.wait_random_exponential(multiplier=1, max=30),
        retry=tenacity.retry_if_exception_type(ConnectionError),
        reraise=True,
    )(function)


def with_stamina(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function in stamina's decorator."""
    return stamina.retry(on=ConnectionError, attempts=3)(function)


def with_tenacity_at_once(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function in tenacity's decorator, without waits."""
    return tenacity.retry(
        stop=tenacity.stop_after_attempt(MAX_ATTEMPTS),
        wait=tenacity.wait_none(),
        retry=tenacity.retry_if_exception_type(ConnectionError),
        reraise=True,
    )(function)


def with_stamina_at_once(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function in stamina's decorator, without waits."""
    return stamina.retry(
        on=ConnectionError, attempts=MAX_ATTEMPTS, timeout=None, wait_initial=0, wait_max=0, wait_jitter=0
    )(function)


def stack(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function: counter and histogram around stamina around aiobreaker around the function."""
    breaker, calls, seconds = _parts()
    attempted = with_stamina(lambda state: breaker.call(function, state))

    def stacked(state: dict[str, Any]) -> Any:
        started = perf_counter()
        result = attempted(state)
        calls.inc()
        seconds.observe(perf_counter() - started)
        return result

    return stacked


def async_stack(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function: counter and histogram around stamina around aiobreaker around `asyncio.timeout`."""
    breaker, calls, seconds = _parts()

    async def timed(state: dict[str, Any]) -> Any:
        async with asyncio.timeout(TIMEOUT_MS / 1000):
            return await function(state)

    async def guarded(state: dict[str, Any]) -> Any:
        return await breaker.call_async(timed, state)

    attempted = with_stamina(guarded)

    async def stacked(state: dict[str, Any]) -> Any:
        started = perf_counter()
        result = await attempted(state)
        calls.inc()
        seconds.observe(perf_counter() - started)
        return result

    return stacked


def with_hyx(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a coroutine function in hyx's retry and circuit breaker, and count and time its calls."""
    registry = CollectorRegistry()
    calls = Counter("node_calls", "Calls that succeeded.", registry=registry)
    seconds = Histogram("node_seconds", "How long they took.", registry=registry)
    breaker = hyx_breaker.consecutive_breaker(failure_threshold=5, recovery_time_secs=30)
    attempted = hyx_retry.retry(on=ConnectionError, attempts=3)(breaker(function))

    async def stacked(state: dict[str, Any]) -> Any:
        started = perf_counter()
        result = await attempted(state)
        calls.inc()
        seconds.observe(perf_counter() - started)
        return result

    return stacked


def _parts() -> tuple[CircuitBreaker, Counter, Histogram]:
    registry = CollectorRegistry()
    return (
        CircuitBreaker(fail_max=5, timeout_duration=timedelta(seconds=30)),
        Counter("node_calls", "Calls that succeeded.", registry=registry),
        Histogram("node_seconds", "How long they took.", registry=registry),
    )
