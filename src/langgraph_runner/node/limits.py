"""What may stop an attempt or a wait before it ends by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from langgraph_runner.errors import NodeCancellationError, NodeTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable

    from langgraph.runtime import RunControl

    from langgraph_runner.errors.exceptions import TimeoutScope
    from langgraph_runner.node.abort import AbortSignal

__all__ = ["DRAIN_POLL_S", "Limits"]

DRAIN_POLL_S: Final = 0.05
"""How often a drain request is looked for. LangGraph's `RunControl` is a flag that tells nobody."""


@dataclass(slots=True)
class Limits:
    """What may stop one attempt or one wait, and what it is told when it is stopped."""

    node: str
    seconds: float | None = None
    """How long it may take; None for no limit."""
    timeout_ms: float = 0.0
    """The configured limit, for the error; `seconds` may be what is left of it."""
    scope: TimeoutScope = "attempt"
    elapsed_before_s: float = 0.0
    """What of the limit had passed before."""
    signal: AbortSignal | None = None
    control: RunControl | None = None
    """LangGraph's, where a drain request is to stop the work."""
    on_stop: Callable[[str], None] | None = None
    """Called once when the work is stopped, with the reason, before anybody waits for its end."""
    error: NodeTimeoutError | None = None
    """The error of the limit, once it has passed."""

    def timed_out(self, elapsed_s: float) -> NodeTimeoutError:
        """The error of a limit that has passed."""
        self.error = NodeTimeoutError(
            node=self.node,
            timeout_ms=self.timeout_ms,
            elapsed_ms=(self.elapsed_before_s + elapsed_s) * 1000,
            scope=self.scope,
        )
        return self.error

    def cancelled(self) -> NodeCancellationError | None:
        """The error of a signal that has fired or a drain that was requested; None as long as neither has."""
        if self.signal is not None and self.signal.reason is not None:
            return NodeCancellationError(node=self.node, reason=self.signal.reason)
        if self.control is not None and self.control.drain_requested:
            return NodeCancellationError(node=self.node, reason=f"drain: {self.control.drain_reason}")
        return None

    def stopped(self, reason: str) -> None:
        """Tell the work that it is to stop."""
        if self.on_stop is not None:
            self.on_stop(reason)
