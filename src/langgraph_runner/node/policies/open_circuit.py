"""What an open circuit breaker means for the calls and the retries around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langgraph_runner.errors import CircuitOpenError
from langgraph_runner.errors.exceptions import note_once

if TYPE_CHECKING:
    from langgraph_runner.node.context import NodeContext
    from langgraph_runner.node.policies.circuit_breaker import NodeCircuitBreaker
    from langgraph_runner.node.policies.policy import Proceed

__all__ = ["EarlyRefusal", "refuse_futile_wait", "with_last_error"]


class EarlyRefusal:
    """A `Policy` that refuses before a wait what an open breaker would refuse after it."""

    def __init__(self, breaker: NodeCircuitBreaker) -> None:
        self._breaker = breaker

    async def run(self, attempt: NodeContext, proceed: Proceed) -> Any:
        """Go on, unless the breaker is open.

        Raises:
            CircuitOpenError: It is, and its recovery time has not passed.
        """
        self._breaker.raise_if_open(attempt.node_name)
        return await proceed(attempt)


def refuse_futile_wait(breaker: NodeCircuitBreaker, delay_ms: float, error: Exception, *, node: str) -> None:
    """Refuse the next attempt if the breaker is still open after a wait of `delay_ms`.

    Raises:
        CircuitOpenError: It is. `error`, that of the last attempt, is its cause.
    """
    open_for_ms = breaker.retry_after_ms
    if open_for_ms is None or open_for_ms > delay_ms:
        note_once(error, f"Node '{node}' made no further attempt: its circuit breaker is open.")
        raise CircuitOpenError(node=node, retry_after_ms=open_for_ms, last_error=error)


def with_last_error(refusal: CircuitOpenError, failed: Exception | None) -> CircuitOpenError:
    """Return the refusal of an attempt with the failure of the attempt before it as its cause."""
    if failed is None or refusal.last_error is not None:
        return refusal
    return CircuitOpenError(node=refusal.node, retry_after_ms=refusal.retry_after_ms, last_error=failed)
