"""A circuit breaker: after too many failures, stop calling for a while, then probe carefully.

The states are those of M. Nygard, "Release It!": closed (calls pass, failures are counted), open (calls are
refused at once), half-open (a few probes pass, and their outcome decides).
"""

from __future__ import annotations

import inspect
import logging
import threading
from collections import deque
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple, overload

from langgraph_runner.callbacks import accept_fewer_arguments
from langgraph_runner.errors import CircuitOpenError
from langgraph_runner.errors.logs import emit
from langgraph_runner.node.config import CircuitBreakerConfig
from langgraph_runner.runtime.runtimes import monotonic

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CircuitState", "CircuitTransition", "NodeCircuitBreaker"]


class CircuitState(StrEnum):
    """What a circuit breaker does with the next call."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class CircuitTransition(NamedTuple):
    """A circuit breaker went from one state to another."""

    name: str
    """Name of the breaker, usually that of its node."""
    previous: CircuitState
    current: CircuitState
    reason: str
    """`failures`, `recovery_time`, `probe_succeeded`, `probe_failed`, `reset` or `forced`."""


# What `acquire()` hands out and takes back. A permit of an earlier generation says nothing about the present
# state, so its outcome is ignored.
Permit = int
_CLOSED: Final = CircuitState.CLOSED


class NodeCircuitBreaker:
    """Keeps calls away from something that is down.

    One breaker belongs to one node, or is shared by the nodes that call the same thing. Thread-safe and
    task-safe; nothing is awaited while its lock is held, and listeners run outside the lock.

    A success in half-open closes the breaker, a failure opens it again and starts the recovery time anew. At
    `elapsed == recovery_timeout_ms` a probe is allowed. Half-open never has more calls under way than
    `half_open_max_calls`.

    Args:
        config: Thresholds and times; the defaults of `CircuitBreakerConfig` if None.
        name: For errors and events.
        clock: Seconds on a clock that never goes back.

    Example:
        >>> breaker = NodeCircuitBreaker(CircuitBreakerConfig(failure_threshold=1), name="search")
        >>> breaker.record_failure(breaker.acquire())
        >>> breaker.state
        <CircuitState.OPEN: 'open'>
    """

    def __init__(
        self,
        config: CircuitBreakerConfig | None = None,
        *,
        name: str = "circuit",
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.config = config or CircuitBreakerConfig()
        self.name = name
        self._clock = clock
        self._lock = threading.Lock()
        self._listeners: tuple[Callable[[CircuitTransition], object], ...] = ()
        self._state = _CLOSED
        self._generation = 0
        self._opened_at = 0.0
        self._forced = False
        self._probes = 0
        self._consecutive_failures = 0
        self._outcomes: deque[bool] = deque(maxlen=self.config.window)
        self._counts_rate = self.config.failure_rate is not None

    @property
    def state(self) -> CircuitState:
        """The state as of the last call. An open breaker stays `open` until a probe is really taken."""
        return self._state

    @property
    def retry_after_ms(self) -> float | None:
        """In how many ms a call may pass: 0 if one may now, None if opened by hand until `reset()`."""
        with self._lock:
            return self._retry_after_ms_needs_lock()

    @overload
    def add_listener(self, listener: Callable[[CircuitTransition], object]) -> None: ...

    @overload
    def add_listener(self, listener: Callable[[], object]) -> None: ...

    def add_listener(self, listener: Callable[..., object]) -> None:
        """Have `listener` called after every transition, in the thread that caused it.

        One that raises is logged and harms nobody.

        Raises:
            TypeError: It is a coroutine function, which nothing would await, or needs further arguments.
        """
        if inspect.iscoroutinefunction(listener):
            raise TypeError(
                f"listener: expected a plain function, got the coroutine function {listener!r:.80}."
            )
        told = accept_fewer_arguments(listener, "transition", field="listener")
        with self._lock:
            self._listeners = (*self._listeners, told)

    def acquire(self, node: str | None = None) -> Permit:
        """Ask to make a call.

        Args:
            node: Who asks, for the error; the name of the breaker if None.

        Returns:
            A permit, to be given back exactly once: to `record_success`, `record_failure` or `release`.

        Raises:
            CircuitOpenError: The breaker is open, or half-open with all its probes under way.
        """
        generation = self._generation
        if self._state is _CLOSED:
            return generation
        with self._lock:
            transition = self._to_half_open_needs_lock()
            admitted, generation = self._admits_needs_lock(), self._generation
            retry_after_ms = self._retry_after_ms_needs_lock()
        try:
            self._tell(transition)
        except (
            BaseException
        ):  # Ctrl-C in a listener: the caller never gets its permit, so it cannot return it.
            if admitted:
                self.release(generation)
            raise
        if not admitted:
            raise CircuitOpenError(node=node or self.name, retry_after_ms=retry_after_ms)
        return generation

    def record_success(self, permit: Permit) -> None:
        """The call of `permit` succeeded."""
        if self._state is _CLOSED and not self._consecutive_failures and not self._counts_rate:
            return
        transition = None
        with self._lock:
            if permit != self._generation:
                return
            if self._state is CircuitState.HALF_OPEN:
                transition = self._change_needs_lock(_CLOSED, "probe_succeeded")
            elif self._state is _CLOSED:
                self._consecutive_failures = 0
                self._outcomes.append(True)
        self._tell(transition)

    def record_failure(self, permit: Permit) -> None:
        """The call of `permit` failed in a way that counts."""
        transition = None
        with self._lock:
            if permit != self._generation:
                return
            if self._state is CircuitState.HALF_OPEN:
                transition = self._change_needs_lock(CircuitState.OPEN, "probe_failed")
            elif self._state is _CLOSED:
                self._consecutive_failures += 1
                self._outcomes.append(False)
                if self._is_over_threshold_needs_lock():
                    transition = self._change_needs_lock(CircuitState.OPEN, "failures")
        self._tell(transition)

    def release(self, permit: Permit) -> None:
        """The call of `permit` ended without an outcome: it was cancelled or interrupted.

        An error that `trips_on` excludes is a success: the service has answered. resilience4j (exceptions that are
        not recorded) and Polly (outcomes that are not handled) count it in the same way.
        """
        with self._lock:
            if permit == self._generation and self._state is CircuitState.HALF_OPEN:
                self._probes -= 1

    def reset(self) -> None:
        """Close the breaker and forget all failures, also after `force_open()`."""
        with self._lock:
            transition = self._change_needs_lock(_CLOSED, "reset")
        self._tell(transition)

    def force_open(self) -> None:
        """Refuse every call until `reset()`, whatever the recovery time."""
        with self._lock:
            transition = self._change_needs_lock(CircuitState.OPEN, "forced")
            self._forced = True
        self._tell(transition)

    def _admits_needs_lock(self) -> bool:
        """Whether a call may pass; in half-open it takes one of the probes."""
        if self._state is CircuitState.HALF_OPEN and self._probes < self.config.half_open_max_calls:
            self._probes += 1
            return True
        return self._state is _CLOSED

    def _is_over_threshold_needs_lock(self) -> bool:
        if self.config.failure_rate is None:
            return self._consecutive_failures >= self.config.failure_threshold
        failures = self._outcomes.count(False)
        return (
            failures >= self.config.failure_threshold
            and failures / len(self._outcomes) >= self.config.failure_rate
        )

    def _to_half_open_needs_lock(self) -> CircuitTransition | None:
        if self._state is not CircuitState.OPEN or self._retry_after_ms_needs_lock() != 0:
            return None
        return self._change_needs_lock(CircuitState.HALF_OPEN, "recovery_time")

    def _retry_after_ms_needs_lock(self) -> float | None:
        if self._state is not CircuitState.OPEN:
            return 0.0
        if self._forced:
            return None
        elapsed_ms = (self._clock() - self._opened_at) * 1000
        return max(0.0, self.config.recovery_timeout_ms - elapsed_ms)

    def _change_needs_lock(self, state: CircuitState, reason: str) -> CircuitTransition | None:
        previous, self._state = self._state, state
        self._generation += 1
        self._probes = 0
        self._consecutive_failures = 0
        self._outcomes.clear()
        self._forced = False
        if state is CircuitState.OPEN:
            self._opened_at = self._clock()
        return None if previous is state else CircuitTransition(self.name, previous, state, reason)

    def _tell(self, transition: CircuitTransition | None) -> None:
        if transition is None:
            return
        for listener in self._listeners:
            try:
                listener(transition)
            except Exception as error:  # A listener is the user's code; the call goes on without it.
                emit(
                    "langgraph_runner.node",
                    logging.WARNING,
                    "circuit.listener_failed",
                    circuit=self.name,
                    error_type=type(error).__name__,
                )

    def __repr__(self) -> str:
        return f"<NodeCircuitBreaker {self.name!r} {self._state.value}>"
