"""`Policy`: what stands around each attempt of a node, and how several of them are put together."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from langgraph_runner.node.context import NodeContext

__all__ = ["Policy", "Proceed", "as_policies", "compose"]

Proceed: TypeAlias = "Callable[[NodeContext], Awaitable[Any]]"
"""Go on with the attempt: `await proceed(attempt)` gives what the function returned, or raises what it raised."""


@runtime_checkable
class Policy(Protocol):
    """Something that stands around each attempt of a node: a bulkhead, a rate limit, or one of your own.

    `create_node(function, policies=[MyPolicy()])` runs `run()` around each attempt, inside the retry and outside
    the circuit breaker. It is written once, for sync and async nodes: it may await only `proceed()` and the
    waits of the attempt, `attempt.sleep_ms()` and `attempt.wait()`. For a sync node none of these suspends.

    One policy object serves all calls of its node, from any number of threads and event loops, so its state
    needs a lock, which is never held across an `await`.

    Example:
        >>> from langgraph_runner import create_node
        >>> class CountAttempts:
        ...     made = 0
        ...     async def run(self, attempt, proceed):
        ...         self.made += 1
        ...         return await proceed(attempt)
        >>> counter = CountAttempts()
        >>> create_node(lambda state: {"x": 1}, policies=[counter])({})
        {'x': 1}
        >>> counter.made
        1
    """

    async def run(self, attempt: NodeContext, proceed: Proceed) -> Any:
        """Make one attempt, or refuse to.

        Args:
            attempt: The attempt: which node, which attempt, its clock, its waits and its abort signal.
            proceed: Goes on with the attempt. Await it once, or not at all.

        Returns:
            What the node's function returned, or something in its place.

        Raises:
            CallRefusedError: The policy refuses the call. It is not counted as a failure of the node.
            Exception: What `proceed()` raised, which has to go through. Any other error fails the attempt.
        """
        ...


def as_policies(policies: Iterable[Policy] | None) -> tuple[Policy, ...]:
    """Read what was given as `policies=`.

    Raises:
        TypeError: It is not a list of policies, or `run` of one of them is not a coroutine function.
    """
    if policies is None:
        return ()
    if not isinstance(policies, Iterable):
        raise TypeError(f"policies must be a list of policies, got {policies!r:.80}.")
    found = tuple(policies)
    for policy in found:
        if isinstance(policy, type):
            raise TypeError(
                f"policies must be instances, got the class {policy.__name__}; pass {policy.__name__}()."
            )
        if not inspect.iscoroutinefunction(getattr(policy, "run", None)):
            raise TypeError(
                f"policies must have a method 'async def run(self, attempt, proceed)', got {policy!r:.80}."
            )
    return found


def compose(policies: Sequence[Policy], innermost: Proceed) -> Proceed:
    """Put policies around `innermost`, the first one outermost. Made once for each node, not for each call."""
    proceed = innermost
    for policy in reversed(policies):
        proceed = partial(policy.run, proceed=proceed)
    return proceed
