"""What may stop an attempt or a wait before it ends by itself."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Final

from langgraph_runner.errors import NodeCancellationError

if TYPE_CHECKING:
    from langgraph.runtime import RunControl

    from langgraph_runner.errors import NodeRunnerError, NodeTimeoutError
    from langgraph_runner.errors.exceptions import TimeoutScope
    from langgraph_runner.node.context import NodeContext
    from langgraph_runner.runtime.abort import AbortSignal

__all__ = ["DRAIN_POLL_S", "Limits", "cancellation"]

DRAIN_POLL_S: Final = 0.05
"""How often a drain request is looked for. LangGraph's `RunControl` is a flag that tells nobody."""


class Limits:
    """What may stop one attempt or one wait, and who is told when it is stopped.

    Args:
        node: Name of the node, for the errors.
        signal: The run's abort signal.
        control: LangGraph's, where a drain request is to stop the work.
        context: The context of the attempt, which is told to stop.
    """

    # Defaults on the class: an attempt without a timeout makes one of these and sets none of them.
    seconds: float | None = None
    """How long it may take; None for no limit."""
    timeout_ms: float = 0.0
    """The configured limit, for the error; `seconds` may be what is left of it."""
    scope: TimeoutScope = "attempt"
    elapsed_before_s: float = 0.0
    """What of the limit had passed before."""
    tells_place: bool = True
    """Whether the line where a blocking function was left is worth telling."""
    _error: weakref.ref[NodeTimeoutError] | None = None  # Weak: its traceback holds frames that hold this.

    def __init__(
        self,
        node: str,
        signal: AbortSignal | None = None,
        control: RunControl | None = None,
        context: NodeContext | None = None,
    ) -> None:
        self.node = node
        self.signal = signal
        self.control = control
        self.context = context

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
        """Whether `error` is that of this limit, which has passed."""
        return self._error is not None and self._error() is error

    def cancelled(self) -> NodeRunnerError | None:
        """The error of a signal that has fired or a drain that was requested; None as long as neither has."""
        return cancellation(self.node, self.signal, self.control)

    def stopped(self, reason: str) -> None:
        """Tell the work that it is to stop."""
        if self.context is not None:
            self.context.stop(reason)


def cancellation(
    node: str, signal: AbortSignal | None, control: RunControl | None
) -> NodeCancellationError | None:
    """The error of a signal that has fired or a drain that was requested; None as long as neither has."""
    if signal is not None and signal.reason is not None:
        return NodeCancellationError(node=node, reason=signal.reason)
    if control is not None and control.drain_requested:
        return NodeCancellationError(node=node, reason=f"drain: {control.drain_reason}")
    return None
