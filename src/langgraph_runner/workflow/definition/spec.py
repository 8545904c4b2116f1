"""A workflow as data: `WorkflowSpec`, its steps and its changes. Decorators produce the same data."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from langgraph_runner.node.callee import NodeFunction
from langgraph_runner.node.config import RetryLike, TimeoutLike
from langgraph_runner.node.node_config import CircuitBreakerLike

__all__ = ["CacheScope", "ChangeSpec", "JoinRule", "StepSources", "StepSpec", "WorkflowSpec"]


class JoinRule(StrEnum):
    """Whether a step may run, once all its dependencies have ended."""

    ALL_SUCCESS = "all_success"
    """It runs if all of them have an output."""
    ANY_SUCCESS = "any_success"
    """It runs if at least one has an output; the others are None. It waits for all of them, so that the arguments
    do not depend on which one is fastest."""
    ALL_DONE = "all_done"
    """It runs in any case; missing outputs are None. For clean-up and reports."""

    def allows(self, delivered: Collection[bool]) -> bool:
        """Return whether a step may run, given for each of its dependencies whether there is an output."""
        if self is JoinRule.ANY_SUCCESS:
            return any(delivered) or not delivered
        return self is JoinRule.ALL_DONE or all(delivered)


class CacheScope(StrEnum):
    """Which runs may reuse the results of a step."""

    GLOBAL = "global"
    """Every run of the same tenant."""
    RUN_ONLY = "run_only"
    """The same run when it is retried, and runs that are rebuilt from it."""
    NONE = "none"
    """No run: the step runs each time."""


class StepSources(NamedTuple):
    """The argument of an `input_selector`."""

    inputs: Any
    """The inputs of the run, as their model."""
    outputs: Mapping[str, Any]
    """The outputs of the step's dependencies by id; None for a dependency without output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSpec:
    """One step. Immutable; it is checked when the workflow is registered.

    The names of a function's parameters say what they receive: the output of another step, a field of the inputs, or
    `inputs`, `ctx`, `config`, `runtime`. A Runnable receives one value: the result of `input_selector`; without one,
    the outputs of its dependencies as a dict; without dependencies, the inputs.
    """

    id: str
    run: NodeFunction
    """A function, a coroutine function, a Runnable or a compiled graph."""
    depends_on: tuple[str, ...] = ()
    """Ids of steps to wait for, in addition to those that parameters name."""
    input_selector: Callable[[StepSources], Any] | None = None
    """Returns what `run` is called with: a dict of a function's arguments, or the one value of a Runnable. It must be
    pure and fast."""
    retry: RetryLike | None = None
    timeout_ms: TimeoutLike | None = None
    """Limit of one attempt."""
    total_timeout_ms: TimeoutLike | None = None
    """Limit of all attempts and the waits between them."""
    circuit_breaker: CircuitBreakerLike | None = None
    """A config, its fields as a dict, or a `NodeCircuitBreaker` to share."""
    fallback: NodeFunction | None = None
    """Runs when `run` has failed and is not retried any more. It receives those arguments of `run` that it names. Its
    result is never cached."""
    effects: bool | None = None
    """Whether the step acts on the world, such as sending a mail. True: no other run reuses its result, except runs
    that are rebuilt or retried from its run. None: not specified."""
    cache: CacheScope | None = None
    """Which runs may reuse its results; None for the default of the workflow."""
    cache_ttl_s: float | None = None
    """How long a result may be reused, in seconds, more than 0; None for no limit."""
    version: str | None = None
    """Part of the cache key: change it when the step computes something else. None for a fingerprint of its code."""
    join: JoinRule = JoinRule.ALL_SUCCESS
    description: str = ""
    output: Any = None
    """Type of the output; None to take the return annotation."""
    queue: str | None = None
    """Name of the queue whose workers run the step, such as `gpu`: 1 to 64 letters, digits, `.`, `_`, `-`. None: the
    process that owns the run also runs the step. Only a `RunEngine` with `step_queues` uses it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSpec:
    """One type of change that runs can be rebuilt with."""

    type: str
    reruns: tuple[str, ...] = ()
    """Ids of steps that run again, in addition to those that read what the payload changes."""
    apply: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]] | None = None
    """`apply(inputs, payload)` returns the new inputs, as JSON values; None for a JSON merge patch (RFC 7396)."""
    payload: Any = None
    """Model of the payload: a pydantic model, a dataclass or a TypedDict; None for any object."""
    description: str = ""


_NO_CHANGES: Final[Mapping[str, ChangeSpec]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowSpec:
    """A DAG of steps, as data. `WorkflowRegistry.register()` checks it."""

    id: str
    """Such as `campaign.build.v1`: letters, digits, `.`, `_`, `-`."""
    steps: tuple[StepSpec, ...]
    inputs: Any = None
    """Model of the inputs: a pydantic model, a dataclass or a TypedDict; None for any JSON object."""
    changes: Mapping[str, ChangeSpec] = field(default_factory=lambda: _NO_CHANGES)
    version: str = "1"
    description: str = ""
    cache: CacheScope = CacheScope.GLOBAL
    """The cache scope of steps that do not set one."""
    result: str | None = None
    """Id of the step whose output is the result of a run; None for the only final step."""
