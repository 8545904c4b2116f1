"""What can be wrong with one step or one change, in words that name the offender and the fix."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from langchain_core.runnables import Runnable
from pydantic import BaseModel

from langgraph_runner.node import CircuitBreakerConfig, NodeCircuitBreaker
from langgraph_runner.node.config import as_retry_config
from langgraph_runner.node.nodes import is_node
from langgraph_runner.runtime.timeouts import as_timeout_ms
from langgraph_runner.workflow.definition.binding import HOST_PARAMETERS, Binding, name_of, named_parameters
from langgraph_runner.workflow.definition.spec import CacheScope, ChangeSpec, JoinRule
from langgraph_runner.workflow.hashing import UnhashableInputError, content_hash
from langgraph_runner.workflow.values.fidelity import a_kind
from langgraph_runner.workflow.values.output_type import adapter_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from langgraph_runner.errors.hints import Hints
    from langgraph_runner.workflow.definition.spec import StepSpec, WorkflowSpec

__all__ = [
    "binding_problems",
    "cache_problems",
    "change_problems",
    "change_type_problem",
    "description_problems",
    "list_problem",
    "name_problem",
    "option_problems",
    "run_problem",
    "shape_problems",
]

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_CACHE_SCOPES: Final = [*CacheScope]
_JOIN_RULES: Final = [*JoinRule]
_QUEUE_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_MAX_TTL_S: Final = 100 * 366 * 24 * 3600


def name_problem(name: object) -> str | None:
    """Why this is no id."""
    if isinstance(name, str) and _NAME.fullmatch(name):
        return None
    return (
        f"the id {name!r:.80} is unusable: use 1 to 128 ASCII letters, digits, '.', '_' and '-', a letter or digit"
        " first."
    )


def run_problem(function: Any, role: str = "function") -> str | None:
    """Why this can be nobody's step or fallback."""
    if not callable(function) and not isinstance(function, Runnable):
        return f"its {role} is {function!r:.80}; give a function or a Runnable."
    if is_node(function):
        return f"its {role} is a node already; give the node's function, and its options to the step."
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        return f"its {role} {name_of(function)}() is a generator; return a list of what it yields."
    return None


def option_problems(step: StepSpec) -> Iterator[str]:
    """What is wrong with its options."""
    # What is left as it was is not checked: there may be 10,000 steps.
    if step.retry is not None:
        yield from _refusals("retry", lambda: as_retry_config(step.retry))
    if step.timeout_ms is not None:
        yield from _refusals("timeout_ms", lambda: as_timeout_ms(step.timeout_ms, field="timeout_ms"))
    if step.total_timeout_ms is not None:
        yield from _refusals(
            "total_timeout_ms", lambda: as_timeout_ms(step.total_timeout_ms, field="total_timeout_ms")
        )
    if step.circuit_breaker is not None:
        yield from _refusals("circuit_breaker", lambda: _as_breaker_config(step.circuit_breaker))
    if step.cache is not None:
        yield from cache_problems(step.cache)
    yield from _effects_problems(step)
    if step.join not in _JOIN_RULES:
        yield f"join is {step.join!r:.80}; use one of {', '.join(_JOIN_RULES)}."
    ttl: Any = step.cache_ttl_s
    if ttl is not None and not (
        isinstance(ttl, (int, float)) and not isinstance(ttl, bool) and 0 < ttl <= _MAX_TTL_S
    ):
        yield f"cache_ttl_s is {ttl!r:.80}; use seconds, more than 0, or None for ever."
    if step.version is not None and (not isinstance(step.version, str) or not step.version):
        yield f"version is {step.version!r:.80}; use a text that is not empty."
    if step.queue is not None and not is_queue_name(step.queue):
        yield f"queue is {step.queue!r:.80}; use letters, digits, '.', '_' and '-', up to 64."
    yield from description_problems(step.description)
    yield from _function_problem("input_selector", step.input_selector)


def is_queue_name(name: Any) -> bool:
    """Whether a step queue can have this name."""
    return isinstance(name, str) and _QUEUE_NAME.fullmatch(name) is not None


def cache_problems(scope: Any) -> Iterator[str]:
    """What is wrong with a cache scope."""
    if scope not in _CACHE_SCOPES:
        yield f"cache is {scope!r:.80}; use one of {', '.join(_CACHE_SCOPES)}."


def _effects_problems(step: StepSpec) -> Iterator[str]:
    if step.effects not in {None, True, False}:
        yield f"effects is {step.effects!r:.80}; use True, False or None."
    elif step.effects and step.cache not in {None, CacheScope.NONE}:
        yield f"effects=True: no other run may be served its result; remove cache={str(step.cache)!r}."


def binding_problems(step: StepSpec, binding: Binding) -> Iterator[str]:
    """What is wrong with its defaults, and with its fallback's parameters."""
    for name, default in binding.defaults:
        if (problem := _default_problem(default)) is not None:
            yield f"the default of its parameter '{name}' {problem}"
    for number, argument in enumerate(binding.bound):
        if (problem := _default_problem(argument)) is not None:
            yield f"argument {number} of its partial {problem}"
    if step.fallback is None:
        return
    if (problem := run_problem(step.fallback, "fallback")) is not None:
        yield problem
    elif not isinstance(step.fallback, Runnable) and step.input_selector is None:
        yield from _fallback_problems(step.fallback, binding)


def _fallback_problems(fallback: Any, binding: Binding) -> Iterator[str]:
    try:
        named, others = named_parameters(fallback)
    except (TypeError, ValueError):
        yield f"the parameters of its fallback {fallback!r:.80} cannot be read; wrap it in a function."
        return
    needed = [
        name for name, each in named.items() if each.default is each.empty and name not in HOST_PARAMETERS
    ]
    if binding.takes_value:
        if len(needed) > 1:
            yield f"its fallback needs {', '.join(map(repr, needed))}, but the step receives one value."
        return
    yield from (
        f"parameter '{each}' of its fallback cannot be named; use plain parameters." for each in others
    )
    yield from (
        f"its fallback needs '{name}', which the step does not receive."
        for name in needed
        if name not in binding.arguments
    )


def list_problem(option: str, ids: Any) -> str | None:
    """Why this is no list of ids."""
    if isinstance(ids, str):  # Or its letters would be told as the names of steps.
        return f"{option} is the text {ids!r:.80}; give a tuple of ids."
    return None if isinstance(ids, Iterable) else f"{option} is {ids!r:.80}; give a tuple of ids."


def shape_problems(spec: WorkflowSpec) -> Iterator[str]:
    """Why its steps or its changes cannot be listed."""
    steps: Any = spec.steps
    changes: Any = spec.changes
    if isinstance(steps, str) or not isinstance(steps, Iterable):
        yield f"steps is {steps!r:.80}; give a tuple of StepSpecs."
    if not isinstance(changes, Mapping):
        yield f"changes is {changes!r:.80}; give a dict of ChangeSpecs by type."


def description_problems(description: Any) -> Iterator[str]:
    """Why this describes nothing."""
    if not isinstance(description, str):
        yield f"description is {description!r:.80}; use a text."


def change_type_problem(type: Any) -> str | None:  # noqa: A002 - the change's own word
    """Why this is no type of a change."""
    if isinstance(type, str) and type:
        return None
    return f"change {type!r:.80}: the type is unusable; use a text that is not empty."


def change_problems(key: object, change: Any, steps: Mapping[str, Any], hints: Hints) -> Iterator[str]:
    """What is wrong with a change."""
    if not isinstance(change, ChangeSpec):
        yield f"change {key!r:.80} is {change!r:.80}; give a ChangeSpec."
        return
    named = f"change '{change.type}'"
    if (problem := change_type_problem(change.type)) is not None:
        yield problem
    if change.type != key:
        yield f"{named}: it is listed as {key!r:.80}; list it by its type."
    reruns: Any = change.reruns
    if (problem := list_problem("reruns", reruns)) is not None:
        yield f"{named}: {problem}"
        reruns = ()
    for step in reruns:
        if not isinstance(step, str) or step not in steps:
            yield f"{named}: it reruns '{step}', which is no step.{hints.of(step)}"
    for problem in (*_function_problem("apply", change.apply), *description_problems(change.description)):
        yield f"{named}: {problem}"
    if change.payload is not None:
        try:
            adapter_of(change.payload)
        except Exception as error:  # A type of the user's may raise anything.
            yield f"{named}: payload {change.payload!r:.80} is no model: {error}"


def _refusals(name: str, read: Callable[[], object]) -> Iterator[str]:
    try:
        read()
    except (TypeError, ValueError) as error:
        text = str(error).removesuffix(".")
        yield f"{text}." if text.startswith(name) else f"{name}: {text}."


def _as_breaker_config(breaker: Any) -> None:
    if isinstance(breaker, dict):
        CircuitBreakerConfig(**breaker)
    elif breaker is not None and not isinstance(breaker, (CircuitBreakerConfig, NodeCircuitBreaker)):
        raise TypeError(
            f"circuit_breaker is {breaker!r:.80}; give a CircuitBreakerConfig, its fields as a dict, or a"
            " NodeCircuitBreaker."
        )


def _function_problem(name: str, function: Any) -> Iterator[str]:
    if function is None:
        return
    if not callable(function):
        yield f"{name} is {function!r:.80}; give a function."
    elif inspect.iscoroutinefunction(function):
        yield f"{name} is async; give a plain function, which decides at once."


def _default_problem(value: Any) -> str | None:
    try:
        content_hash(value)
    except UnhashableInputError as error:
        return f"cannot be hashed ({error}); remove it, or use a plain value."
    if (changeable := _changeable_in(value)) is not None:
        return f"is {a_kind(changeable)}, which a step could change for all runs; use None, or a tuple."
    return None


def _changeable_in(value: Any) -> Any:
    """What of a default could be changed, itself or a part of it; None if nothing could."""
    try:
        hash(value)
    except TypeError:
        return value
    if _is_open(value):  # Its hash, by identity or as its class says, does not keep it from being changed.
        return value
    found = (_changeable_in(part) for part in _parts_of(value))
    return next((part for part in found if part is not None), None)


def _is_open(value: Any) -> bool:
    """Whether the fields of a model or a dataclass can be set."""
    if isinstance(value, BaseModel):
        return not value.model_config.get("frozen")
    params: Any = getattr(type(value), "__dataclass_params__", None)
    return params is not None and not params.frozen


def _parts_of(value: Any) -> Iterable[Any]:
    if isinstance(value, (tuple, frozenset)):
        return value
    if isinstance(value, BaseModel):
        return [getattr(value, name, None) for name in type(value).model_fields]
    if dataclasses.is_dataclass(value):
        return [getattr(value, each.name, None) for each in dataclasses.fields(value)]
    return ()
