"""What may stop an attempt or a wait before it ends by itself."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Final, Protocol

from langgraph_runner.errors import NodeCancellationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from langgraph_runner.errors import NodeRunnerError, NodeTimeoutError
    from langgraph_runner.errors.exceptions import TimeoutScope
    from langgraph_runner.runtime.abort import AbortSignal

__all__ = ["DRAIN_POLL_S", "DrainRequest", "Limits", "cancellation"]

DRAIN_POLL_S: Final = 0.05
"""How often a drain request is looked for. LangGraph's `RunControl` is a flag without a callback."""


class DrainRequest(Protocol):
    """Whether a run is to end early but in order. LangGraph's `RunControl` is one."""

    @property
    def drain_requested(self) -> bool:
        """Whether it was requested."""
        ...

    @property
    def drain_reason(self) -> str | None:
        """Why; None if no reason was given."""
        ...


class Limits:
    """What may stop one attempt or one wait.

    Args:
        node: Name of the node, for the errors.
        signal: An abort signal that stops the work.
        control: The run's drain request, where it stops the work.
        timeout_ms: The configured limit in ms; None for no limit.
        seconds: What is left of `timeout_ms`, in seconds; all of it by default.
        elapsed_before_s: How much of `timeout_ms` had passed before.
        scope: What the limit is for, for the error.
        on_stop: Called with the reason when the work is stopped.
    """

    # Subclasses are made for each chunk of a stream: these defaults cost nothing where they are not overwritten.
    tells_place: bool = True
    """Whether the error of an abandoned thread says at which line it was left."""
    _error: weakref.ref[NodeTimeoutError] | None = None  # Weak: its traceback holds frames that hold this.

    def __init__(
        self,
        node: str,
        signal: AbortSignal | None = None,
        control: DrainRequest | None = None,
        *,
        timeout_ms: float | None = None,
        seconds: float | None = None,
        elapsed_before_s: float = 0.0,
        scope: TimeoutScope = "attempt",
        on_stop: Callable[[str], None] | None = None,
    ) -> None:
        self.node = node
        self.signal = signal
        self.control = control
        self.timeout_ms = timeout_ms or 0.0
        if seconds is None and timeout_ms is not None:
            seconds = timeout_ms / 1000
        self.seconds = seconds
        self.elapsed_before_s = elapsed_before_s
        self.scope: TimeoutScope = scope
        self.on_stop = on_stop

    @classmethod
    def within_total(
        cls,
        node: str,
        signal: AbortSignal | None,
        control: DrainRequest | None,
        *,
        timeout_ms: float | None,
        total_ms: float | None,
        elapsed_ms: float,
        on_stop: Callable[[str], None] | None = None,
    ) -> Limits:
        """Make the limits of a part of a call: its own timeout, or the rest of the total one if that is shorter.

        `timeout_ms` limits this part, `total_ms` the whole call, which has taken `elapsed_ms` so far.

        Raises:
            NodeTimeoutError: Nothing is left of `total_ms`.
        """
        if total_ms is not None:
            left_ms = total_ms - elapsed_ms
            if left_ms <= 0:
                from langgraph_runner.errors import NodeTimeoutError  # noqa: PLC0415 - imports LangGraph

                raise NodeTimeoutError(node=node, timeout_ms=total_ms, elapsed_ms=elapsed_ms, scope="total")
            if timeout_ms is None or left_ms < timeout_ms:
                return cls(
                    node,
                    signal,
                    control,
                    timeout_ms=total_ms,
                    seconds=left_ms / 1000,
                    elapsed_before_s=elapsed_ms / 1000,
                    scope="total",
                    on_stop=on_stop,
                )
        return cls(node, signal, control, timeout_ms=timeout_ms, on_stop=on_stop)

    def timed_out(self, elapsed_s: float) -> NodeRunnerError:
        """The error of a limit that has passed."""
        from langgraph_runner.errors import NodeTimeoutError  # noqa: PLC0415 - imports LangGraph

        error = NodeTimeoutError(
            node=self.node,
            timeout_ms=self.timeout_ms,
            elapsed_ms=(self.elapsed_before_s + elapsed_s) * 1000,
            scope=self.scope,
        )
        self._error = weakref.ref(error)
        return error

    def has_raised(self, error: Exception) -> bool:
        """Whether `error` is the timeout error that these limits made."""
        return self._error is not None and self._error() is error

    def cancelled(self) -> NodeRunnerError | None:
        """The error of a fired signal or a requested drain; None without either."""
        return cancellation(self.node, self.signal, self.control)

    def stopped(self, reason: str) -> None:
        """Report to `on_stop` that the work is being stopped."""
        if self.on_stop is not None:
            self.on_stop(reason)


def cancellation(
    node: str, signal: AbortSignal | None, control: DrainRequest | None
) -> NodeCancellationError | None:
    """The error of a fired signal or a requested drain; None without either."""
    if signal is not None and signal.reason is not None:
        return NodeCancellationError(node=node, reason=signal.reason)
    if control is not None and control.drain_requested:
        return NodeCancellationError(node=node, reason=f"drain: {control.drain_reason}")
    return None
