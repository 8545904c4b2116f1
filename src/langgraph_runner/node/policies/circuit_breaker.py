"""A circuit breaker: after too many failures, stop calling for a while, then probe carefully.

The states are those of M. Nygard, "Release It!": closed (calls pass, failures are counted), open (calls are
refused at once), half-open (a few probes pass, and their outcome decides).
"""

from __future__ import annotations

import inspect
import logging
import threading
from collections import deque
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple, Self, TypeAlias, overload

from pydantic import Field, model_validator

from langgraph_runner.callbacks import accept_fewer_arguments
from langgraph_runner.errors import (
    CallRefusedError,
    CircuitOpenError,
    FailureCategory,
    NodeCancellationError,
    failure_category,
)
from langgraph_runner.errors.classification import is_control_flow
from langgraph_runner.errors.logs import emit
from langgraph_runner.node.logs import LOGGER, log_suppressed_error
from langgraph_runner.node.option_model import Count, ErrorPredicate, Milliseconds, OptionModel, Ratio
from langgraph_runner.runtime.runtimes import monotonic

if TYPE_CHECKING:
    from collections.abc import Callable

    from langgraph_runner.node.context import NodeContext
    from langgraph_runner.node.policies.policy import Proceed

__all__ = [
    "CircuitBreakerConfig",
    "CircuitBreakerLike",
    "CircuitState",
    "CircuitTransition",
    "NodeCircuitBreaker",
    "trips_circuit",
]


def trips_circuit(error: BaseException) -> bool:
    """The default rule of what counts as a failure for a circuit breaker.

    Validation errors do not: the service answered, and it was the data that did not fit. Cancellations and
    LangGraph's control flow never count, whatever the rule is.
    """
    return failure_category(error) is not FailureCategory.VALIDATION


class CircuitBreakerConfig(OptionModel):
    """When a circuit breaker opens, and how it recovers.

    Two modes. Consecutive failures (the default): `failure_threshold` failures in a row open it. Failure rate
    (`failure_rate` given): it opens when at least that share of the last `window` calls failed, and at least
    `failure_threshold` of them.
    """

    failure_threshold: Annotated[Count, Field(ge=1, le=1_000_000)] = 5
    """Failures that open the breaker, at least 1."""
    recovery_timeout_ms: Milliseconds = 30_000
    """How long it stays open before a probe. At exactly this time a probe is allowed."""
    half_open_max_calls: Annotated[Count, Field(ge=1, le=10_000)] = 1
    """Probes that may be under way at once."""
    failure_rate: Annotated[Ratio, Field(gt=0, le=1)] | None = None
    """Share of failed calls that opens the breaker: above 0, at most 1."""
    window: Annotated[Count, Field(ge=1, le=100_000)] | None = None
    """How many calls the failure rate looks back on; 100 unless given. Only with `failure_rate`."""
    trips_on: ErrorPredicate = trips_circuit
    """Which errors count as failures: a predicate or exception classes."""

    @model_validator(mode="before")
    @classmethod
    def _window_goes_with_rate(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        if values.get("failure_rate") is None:
            if values.get("window") is not None:
                raise ValueError("window: it goes with failure_rate, which is not given")
            return values
        return {
            "window": 100,
            **{key: value for key, value in values.items() if (key, value) != ("window", None)},
        }

    @model_validator(mode="after")
    def _threshold_fits_window(self) -> Self:
        if self.window is not None and self.failure_threshold > self.window:
            raise ValueError(
                f"failure_threshold ({self.failure_threshold}) can never be met in a window of {self.window}"
            )
        return self


class CircuitState(StrEnum):
    """What a circuit breaker does with the next call: pass it, refuse it, or take it as a probe."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class CircuitTransition(NamedTuple):
    """A change of state of a circuit breaker."""

    name: str
    """Name of the breaker, usually that of its node."""
    previous: CircuitState
    current: CircuitState
    reason: str
    """`failures`, `recovery_time`, `probe_succeeded`, `probe_failed`, `reset` or `forced`."""


# What `acquire()` gives and the other methods take back. A permit of an earlier generation says nothing about the
# present state, so its outcome is ignored.
Permit = int
_CLOSED: Final = CircuitState.CLOSED
_ROUNDING_MS: Final = 1e-6
"""A rest of the recovery time shorter than this is the rounding error of the clock."""
_PROBE_S: Final = 60.0
"""How long a probe counts, in seconds, if the recovery time is not longer."""


class NodeCircuitBreaker:
    """Stops calls to a service that is down.

    One breaker belongs to one node, or is shared by the nodes that call the same thing. Thread-safe and
    task-safe; nothing is awaited while its lock is held, and listeners run outside the lock.

    A success in half-open closes the breaker, a failure opens it again and starts the recovery time again. At
    `elapsed == recovery_timeout_ms` a probe is allowed. Half-open never has more probes under way than
    `half_open_max_calls`. A probe that has not ended after a minute, or after the recovery time if that is longer,
    no longer counts, so one that never ends does not keep the breaker half-open.

    Args:
        config: Thresholds and times; the defaults of `CircuitBreakerConfig` if None.
        name: For errors and events.
        clock: Seconds on a clock that never goes back.

    Without a node, ask `can_execute()` before each call and record how the call ended. Code that makes several
    calls at once uses `acquire()`: by its permit, the outcome of a call that began before the breaker last changed
    its state is ignored.

    Example:
        >>> breaker = NodeCircuitBreaker(CircuitBreakerConfig(failure_threshold=1), name="search")
        >>> if breaker.can_execute():
        ...     breaker.record_failure()
        >>> breaker.can_execute(), breaker.state
        (False, <CircuitState.OPEN: 'open'>)
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
        self._probes: list[float] = []
        """When each probe began."""
        self._consecutive_failures = 0
        self._outcomes: deque[bool] = deque(maxlen=self.config.window)
        self.idle_permit: Permit | None = None
        """What a call is given that needs no lock: the breaker is closed and has counted nothing. None otherwise."""
        self._update_idle_permit_needs_lock()

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
        """Call `listener` after every transition, in the thread that caused it.

        One that raises is logged; the call goes on.

        Raises:
            TypeError: It is a coroutine function, which nothing would await, or it needs more arguments.
        """
        if inspect.iscoroutinefunction(listener):
            raise TypeError(
                f"listener must be a plain function, got the coroutine function {listener!r:.80}."
            )
        callback = accept_fewer_arguments(listener, "transition", field="listener")
        with self._lock:
            self._listeners = (*self._listeners, callback)

    def acquire(self, node: str | None = None) -> Permit:
        """Ask to make a call.

        Args:
            node: Name of the caller, for the error; the name of the breaker if None.

        Returns:
            A permit, to be given back exactly once: to `record_success`, `record_failure` or `release`.

        Raises:
            CircuitOpenError: The breaker is open, or half-open with all its probes under way.
        """
        if (permit := self.idle_permit) is not None:
            return permit
        with self._lock:
            transition = self._to_half_open_needs_lock()
            admitted, generation = self._admits_needs_lock(), self._generation
            retry_after_ms = self._retry_after_ms_needs_lock()
        try:
            self._notify(transition)
        except BaseException:
            # Ctrl-C in a listener: the caller never gets its permit, so it cannot return it.
            if admitted:
                self.release(generation)
            raise
        if not admitted:
            raise CircuitOpenError(node=node or self.name, retry_after_ms=retry_after_ms)
        return generation

    def can_execute(self) -> bool:
        """Whether a call may pass now.

        After True, make the call, and call exactly one of `record_success()`, `record_failure()` and `release()`: in
        half-open, the call is one of the probes.
        """
        try:
            self.acquire()
        except CircuitOpenError:
            return False
        return True

    async def run(self, attempt: NodeContext, proceed: Proceed) -> Any:
        """Make an attempt if the breaker lets it through, and record how it ended. The breaker is a `Policy`.

        Raises:
            CircuitOpenError: The breaker is open, or half-open with all its probes under way.
        """
        permit = self.acquire(attempt.node_name)
        try:
            value = await proceed(attempt)
        except BaseException as error:
            self.record_outcome(permit, attempt, error)
            raise
        self.record_success(permit)
        return value

    def record_outcome(self, permit: Permit, attempt: NodeContext, error: BaseException | None) -> None:
        """Record how an attempt ended: a success, a failure, an error that does not count as one, or no outcome.

        Args:
            permit: That of the attempt.
            attempt: The attempt.
            error: What it raised; None for a success.
        """
        if error is None:
            self.record_success(permit)
            return
        if (
            not isinstance(error, Exception)
            or isinstance(error, NodeCancellationError)
            or is_control_flow(error)
            # Another policy of this node, inside the breaker, has refused the call: the service was not called.
            or (isinstance(error, CallRefusedError) and error.node == attempt.node_name)
        ):
            self.release(permit)
            return
        try:
            counts = self.config.trips_on(error)
        except Exception as broken:
            # Raised by the user's predicate. An error that it cannot judge counts as a failure.
            log_suppressed_error(attempt, "node.circuit_predicate_failed", broken)
            counts = True
        if counts:
            self.record_failure(permit)
        else:
            self.record_success(permit)  # The service has answered, though with an error that does not count.

    def raise_if_open(self, node: str) -> None:
        """Refuse a call that the breaker would refuse now. It takes no permit.

        Raises:
            CircuitOpenError: The breaker is open, and its recovery time has not passed.
        """
        if self._state is CircuitState.OPEN and (open_for_ms := self.retry_after_ms) != 0:
            raise CircuitOpenError(node=node, retry_after_ms=open_for_ms)

    def record_success(self, permit: Permit | None = None) -> None:
        """Record that a call succeeded: that of `permit`, or without one a call since the state last changed."""
        if self.idle_permit is not None:
            return
        transition = None
        with self._lock:
            if permit is not None and permit != self._generation:
                return
            if self._state is CircuitState.HALF_OPEN:
                transition = self._change_needs_lock(_CLOSED, "probe_succeeded")
            elif self._state is _CLOSED:
                self._consecutive_failures = 0
                self._outcomes.append(True)
                self._update_idle_permit_needs_lock()
        self._notify(transition)

    def record_failure(self, permit: Permit | None = None) -> None:
        """Record that a call failed in a way that counts; `permit` as in `record_success()`."""
        transition = None
        with self._lock:
            if permit is not None and permit != self._generation:
                return
            if self._state is CircuitState.HALF_OPEN:
                transition = self._change_needs_lock(CircuitState.OPEN, "probe_failed")
            elif self._state is _CLOSED:
                self._consecutive_failures += 1
                self._outcomes.append(False)
                self._update_idle_permit_needs_lock()
                if self._is_over_threshold_needs_lock():
                    transition = self._change_needs_lock(CircuitState.OPEN, "failures")
        self._notify(transition)

    def release(self, permit: Permit | None = None) -> None:
        """Record that a call ended without an outcome: it was cancelled or interrupted; `permit` as above.

        An error that `trips_on` excludes is a success: the service has answered. resilience4j (exceptions that are
        not recorded) and Polly (outcomes that are not handled) count it in the same way.
        """
        with self._lock:
            is_current = permit is None or permit == self._generation
            if is_current and self._state is CircuitState.HALF_OPEN and self._probes:
                self._probes.pop()

    def reset(self) -> None:
        """Close the breaker and forget all failures, also after `force_open()`."""
        with self._lock:
            transition = self._change_needs_lock(_CLOSED, "reset")
        self._notify(transition)

    def force_open(self) -> None:
        """Refuse every call until `reset()`, whatever the recovery time."""
        with self._lock:
            transition = self._change_needs_lock(CircuitState.OPEN, "forced")
            self._forced = True
        self._notify(transition)

    def _admits_needs_lock(self) -> bool:
        """Whether a call may pass; in half-open it takes one of the probes."""
        if self._state is not CircuitState.HALF_OPEN:
            return self._state is _CLOSED
        now = self._clock()
        longest_s = max(self.config.recovery_timeout_ms / 1000, _PROBE_S)
        self._probes = [began for began in self._probes if now - began < longest_s]
        if len(self._probes) >= self.config.half_open_max_calls:
            return False
        self._probes.append(now)
        return True

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
        left_ms = self.config.recovery_timeout_ms - elapsed_ms
        return left_ms if left_ms > _ROUNDING_MS else 0.0

    def _change_needs_lock(self, state: CircuitState, reason: str) -> CircuitTransition | None:
        previous, self._state = self._state, state
        self._generation += 1
        self._probes.clear()
        self._consecutive_failures = 0
        self._outcomes.clear()
        self._forced = False
        if state is CircuitState.OPEN:
            self._opened_at = self._clock()
        self._update_idle_permit_needs_lock()
        return None if previous is state else CircuitTransition(self.name, previous, state, reason)

    def _update_idle_permit_needs_lock(self) -> None:
        # With a failure rate every success is counted.
        is_idle = (
            self._state is _CLOSED and not self._consecutive_failures and self.config.failure_rate is None
        )
        self.idle_permit = self._generation if is_idle else None

    def _notify(self, transition: CircuitTransition | None) -> None:
        if transition is None:
            return
        for listener in self._listeners:
            try:
                listener(transition)
            except Exception as error:  # A listener is the user's code; the call goes on without it.
                emit(
                    LOGGER,
                    logging.WARNING,
                    "circuit.listener_failed",
                    circuit=self.name,
                    error_type=type(error).__name__,
                )

    def __repr__(self) -> str:
        return f"<NodeCircuitBreaker {self.name!r} {self._state.value}>"


CircuitBreakerLike: TypeAlias = CircuitBreakerConfig | NodeCircuitBreaker | Mapping[str, Any]
"""What `circuit_breaker=` takes: a config, its fields as a dict, or a breaker to share."""
