"""A workflow as data: `WorkflowSpec`, its steps and its changes. What is written with decorators becomes this too."""

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
    """When a step may run, once all its dependencies have ended."""

    ALL_SUCCESS = "all_success"
    """All of them have delivered."""
    ANY_SUCCESS = "any_success"
    """At least one has; the others are None. It waits for all, so that what it gets does not depend on chance."""
    ALL_DONE = "all_done"
    """In any case; what did not deliver is None. For clean-up and reports."""

    def allows(self, delivered: Collection[bool]) -> bool:
        """Whether a step may run whose dependencies, one by one, have delivered or not."""
        if self is JoinRule.ANY_SUCCESS:
            return any(delivered) or not delivered
        return self is JoinRule.ALL_DONE or all(delivered)


class CacheScope(StrEnum):
    """Who may be served what a step has computed before."""

    GLOBAL = "global"
    """Every run of the tenant."""
    RUN_ONLY = "run_only"
    """The same run, when it is retried, and runs that are rebuilt from it."""
    NONE = "none"
    """Nobody: the step runs each time."""


class StepSources(NamedTuple):
    """What an `input_selector` selects from."""

    inputs: Any
    """The inputs of the run, as their model."""
    outputs: Mapping[str, Any]
    """The outputs of the step's dependencies by id; None for one that did not deliver."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSpec:
    """One step. Immutable; what is wrong with it is said when the workflow is registered.

    A function's parameters name what it gets: another step's output, a field of the inputs, or `inputs`, `ctx`,
    `config`, `runtime`. A Runnable gets one value: what `input_selector` gives, else the outputs of its dependencies
    as a dict, else the inputs.
    """

    id: str
    run: NodeFunction
    """A function, a coroutine function, a Runnable or a compiled graph."""
    depends_on: tuple[str, ...] = ()
    """Ids of steps to wait for, beside those that parameters name."""
    input_selector: Callable[[StepSources], Any] | None = None
    """Gives what `run` is called with: a dict of a function's arguments, or the one value of a Runnable. Pure and
    quick."""
    retry: RetryLike | None = None
    timeout_ms: TimeoutLike | None = None
    """Limit of one attempt."""
    total_timeout_ms: TimeoutLike | None = None
    """Limit of all attempts and the waits between them."""
    circuit_breaker: CircuitBreakerLike | None = None
    """A config, its fields as a dict, or a `NodeCircuitBreaker` to share."""
    fallback: NodeFunction | None = None
    """Runs when `run` has finally failed, with those of its arguments that it names. Its result is never cached."""
    effects: bool | None = None
    """Whether the step acts on the world, such as sending a mail. True: it is never served across runs, only inside a
    run, its recovery, and what is rebuilt or retried from it. None: it is not said."""
    cache: CacheScope | None = None
    """Who may be served its results; None for the default of the workflow."""
    cache_ttl_s: float | None = None
    """How long a result may be served, in seconds, more than 0; None for ever."""
    version: str | None = None
    """Part of the cache key: change it when the step computes something else. None for a fingerprint of its code."""
    join: JoinRule = JoinRule.ALL_SUCCESS
    description: str = ""
    output: Any = None
    """Type of the output; None to take the return annotation."""
    queue: str | None = None
    """Name of the queue whose workers run it, such as `gpu`: letters, digits, `.`, `_`, `-`, up to 64. None to run
    where the run runs. Only a `RunEngine` with `step_queues` uses it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSpec:
    """One kind of change that runs can be rebuilt for."""

    type: str
    reruns: tuple[str, ...] = ()
    """Ids of the steps that run again, beside those that read what the payload changes."""
    apply: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]] | None = None
    """`apply(inputs, payload)` gives the new inputs, as JSON values; None for a merge (RFC 7396)."""
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
    """The cache scope of steps that give none."""
    result: str | None = None
    """Id of the step whose output is the result of a run; None for the only final step."""
