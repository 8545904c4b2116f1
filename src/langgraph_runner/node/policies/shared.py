"""The policies that have a state: by option, how each is read, and made where a node is not given one to share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from langgraph_runner.node.policies.bulkhead import Bulkhead, BulkheadConfig
from langgraph_runner.node.policies.circuit_breaker import CircuitBreakerConfig, NodeCircuitBreaker
from langgraph_runner.node.policies.rate_limit import RateLimitConfig, RateLimiter

if TYPE_CHECKING:
    from collections.abc import Callable

    from langgraph_runner.node.option_model import OptionModel

__all__ = ["SHARED_POLICIES", "policy_of", "read_policy"]


class _Kind(NamedTuple):
    config: type[OptionModel]
    policy: type
    make: Callable[[Any, str, Callable[[], float]], Any]
    """Makes the policy of a config, the name of its owner, and a clock."""
    accepts: str
    """What the option takes, for the message."""
    number: str | None = None
    """The field of the config that a number is short for."""


SHARED_POLICIES: Final = {
    "circuit_breaker": _Kind(
        CircuitBreakerConfig,
        NodeCircuitBreaker,
        lambda config, name, clock: NodeCircuitBreaker(config, name=name, clock=clock),
        "a CircuitBreakerConfig, its fields as a dict, or a NodeCircuitBreaker",
    ),
    "bulkhead": _Kind(
        BulkheadConfig,
        Bulkhead,
        lambda config, _name, _clock: Bulkhead(config),
        "a BulkheadConfig, its fields as a dict, a number of calls, or a Bulkhead",
        number="max_concurrent",
    ),
    "rate_limit": _Kind(
        RateLimitConfig,
        RateLimiter,
        lambda config, _name, _clock: RateLimiter(config),
        "a RateLimitConfig, its fields as a dict, or a RateLimiter",
    ),
}


def read_policy(option: str, given: Any) -> Any:
    """Read what was given for an option of `SHARED_POLICIES`: a config, a policy to share, or None.

    Raises:
        ValueError: A field is out of its range.
        TypeError: It is of no accepted kind.
    """
    kind = SHARED_POLICIES[option]
    if isinstance(given, Mapping):
        return kind.config(**given)
    if isinstance(given, int) and kind.number is not None:
        return kind.config(**{kind.number: given})
    if given is None or isinstance(given, (kind.config, kind.policy)):
        return given
    raise TypeError(f"{option} must be {kind.accepts}, got {given!r:.80}.")


def policy_of(option: str, given: Any, *, name: str, clock: Callable[[], float]) -> Any:
    """Make the policy of an option for the node or step `name`; one that was given to share is returned as it is.

    Raises:
        ValueError: As of `read_policy()`.
        TypeError: As of `read_policy()`.
    """
    kind = SHARED_POLICIES[option]
    found = read_policy(option, given)
    return kind.make(found, name, clock) if isinstance(found, kind.config) else found
