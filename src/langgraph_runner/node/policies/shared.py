"""The policies that have a state: by option, how each is read, and made where a node is not given one to share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from langgraph_runner.node.policies.bulkhead import Bulkhead, BulkheadConfig, as_bulkhead
from langgraph_runner.node.policies.circuit_breaker import (
    CircuitBreakerConfig,
    NodeCircuitBreaker,
    as_circuit_breaker,
)
from langgraph_runner.node.policies.rate_limit import RateLimitConfig, RateLimiter, as_rate_limiter

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SHARED_POLICIES", "policy_of"]


class _Option(NamedTuple):
    read: Callable[[Any], Any]
    """Gives a config, a policy to share, or None; raises for anything else."""
    config: type
    make: Callable[[Any, str, Callable[[], float]], Any]
    """Makes the policy of a config, the name of its owner, and a clock."""


SHARED_POLICIES: Final = {
    "circuit_breaker": _Option(
        as_circuit_breaker,
        CircuitBreakerConfig,
        lambda config, name, clock: NodeCircuitBreaker(config, name=name, clock=clock),
    ),
    "bulkhead": _Option(as_bulkhead, BulkheadConfig, lambda config, _name, _clock: Bulkhead(config)),
    "rate_limit": _Option(
        as_rate_limiter, RateLimitConfig, lambda config, _name, _clock: RateLimiter(config)
    ),
}


def policy_of(option: str, given: Any, *, name: str, clock: Callable[[], float]) -> Any:
    """Make the policy of an option; one that was given to share is returned as it is.

    Args:
        option: A key of `SHARED_POLICIES`.
        given: What was given for it; None for no policy.
        name: Of the node or step, for errors.
        clock: Seconds on a clock that never goes back.

    Raises:
        ValueError: A field is out of its range.
        TypeError: It is of no accepted kind.
    """
    read, config, make = SHARED_POLICIES[option]
    found = read(given)
    return make(found, name, clock) if isinstance(found, config) else found
