"""Checks of one step or one change. Each problem names the part that causes it and the fix."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from langchain_core.runnables import Runnable
from pydantic import BaseModel

from langgraph_runner.node.callee import is_node, name_of
from langgraph_runner.node.policies.policy import as_policies
from langgraph_runner.node.policies.retry import as_retry_config
from langgraph_runner.node.policies.shared import SHARED_POLICIES, read_policy
from langgraph_runner.runtime.timeouts import as_timeout_ms
from langgraph_runner.workflow.definition.binding import HOST_PARAMETERS, Binding, named_parameters
from langgraph_runner.workflow.definition.spec import CacheScope, ChangeSpec, JoinRule
from langgraph_runner.workflow.hashing import UnhashableInputError, content_hash
from langgraph_runner.workflow.values.round_trip import describe_type, field_names, type_adapter

if TYPE_CHECKING:
    from collections.abc import Iterator

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
_READERS: Final[dict[str, Callable[[Any], object]]] = {
    "retry": as_retry_config,
    "timeout_ms": partial(as_timeout_ms, field="timeout_ms"),
    "total_timeout_ms": partial(as_timeout_ms, field="total_timeout_ms"),
    "policies": as_policies,
    **{name: partial(read_policy, name) for name in SHARED_POLICIES},
}
"""Reads each option that a node has as well; raises for one that is wrong."""
_MAX_TTL_S: Final = 100 * 366 * 24 * 3600
MAX_STEPS: Final = 10_000
"""Registering so many takes about a second, and LangGraph compiles a graph of them in about ten."""
MAX_DEPENDENCIES: Final = 1_000_000
"""Of all steps together, as named with `depends_on`: checking so many takes a few seconds."""


def name_problem(name: object) -> str | None:
    """Return why `name` is not a valid id; None if it is."""
    if isinstance(name, str) and _NAME.fullmatch(name):
        return None
    return (
        "its id must be 1 to 128 ASCII letters, digits, '.', '_' and '-', beginning with a letter or digit, got"
        f" {name!r:.80}."
    )


def run_problem(function: Any, role: str = "function") -> str | None:
    """Return why `function` cannot be called as a step or a fallback; None if it can."""
    if not callable(function) and not isinstance(function, Runnable):
        return f"its {role} must be a function or a Runnable, got {function!r:.80}."
    if is_node(function):
        return f"its {role} must not be a node. Pass the function of the node, and the node's options to the step."
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        return f"its {role} {name_of(function)}() must not be a generator. Return a list of what it yields."
    return None


def option_problems(step: StepSpec) -> Iterator[str]:
    """Yield the problems of a step's options."""
    # Options with their default are skipped, because a workflow may have 10,000 steps.
    for name, read in _READERS.items():
        value = getattr(step, name)
        if value is not None:
            yield from _refusals(name, read, value)
    if step.cache is not None:
        yield from cache_problems(step.cache)
    yield from _effects_problems(step)
    if step.join not in _JOIN_RULES:
        yield f"join must be one of {', '.join(_JOIN_RULES)}, got {step.join!r:.80}."
    ttl: Any = step.cache_ttl_s
    if ttl is not None and not (
        isinstance(ttl, (int, float)) and not isinstance(ttl, bool) and 0 < ttl <= _MAX_TTL_S
    ):
        yield f"cache_ttl_s must be a number of seconds above 0, or None for no limit, got {ttl!r:.80}."
    if step.version is not None and (not isinstance(step.version, str) or not step.version):
        yield f"version must be a text that is not empty, got {step.version!r:.80}."
    if step.queue is not None and not is_queue_name(step.queue):
        yield f"queue must be 1 to 64 letters, digits, '.', '_' and '-', got {step.queue!r:.80}."
    yield from description_problems(step.description)
    yield from _function_problem("input_selector", step.input_selector)


def is_queue_name(name: Any) -> bool:
    """Return whether a step queue can have this name."""
    return isinstance(name, str) and _QUEUE_NAME.fullmatch(name) is not None


def cache_problems(scope: Any) -> Iterator[str]:
    """Yield the problems of a cache scope."""
    if scope not in _CACHE_SCOPES:
        yield f"cache must be one of {', '.join(_CACHE_SCOPES)}, got {scope!r:.80}."


def _effects_problems(step: StepSpec) -> Iterator[str]:
    if step.effects not in {None, True, False}:
        yield f"effects must be True, False or None, got {step.effects!r:.80}."
    elif step.effects and step.cache not in {None, CacheScope.NONE}:
        yield (
            f"cache must be left out with effects=True, got {str(step.cache)!r}: no other run may reuse the result"
            " of such a step."
        )


def binding_problems(step: StepSpec, binding: Binding) -> Iterator[str]:
    """Yield the problems of a step's defaults, and of its fallback's parameters."""
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
        f"parameter '{each}' of its fallback cannot be passed by name; use plain parameters."
        for each in others
    )
    yield from (
        f"its fallback needs '{name}', which the step does not receive."
        for name in needed
        if name not in binding.arguments
    )


def list_problem(option: str, ids: Any) -> str | None:
    """Return why `ids` is not a list of ids; None if it is one."""
    # A text is iterable, but its letters are not ids.
    if isinstance(ids, Iterable) and not isinstance(ids, str):
        return None
    return f"{option} must be a tuple of ids, got {ids!r:.80}."


def shape_problems(spec: WorkflowSpec) -> Iterator[str]:
    """Yield why the steps or changes of a workflow cannot be listed, or are too many to be checked."""
    steps: Any = spec.steps
    changes: Any = spec.changes
    if isinstance(steps, str) or not isinstance(steps, Collection):
        yield f"steps must be a tuple of StepSpecs, got {steps!r:.80}."
    elif len(steps) > MAX_STEPS:
        yield (
            f"it has {len(steps):,} steps; at most {MAX_STEPS:,} are allowed. Let one step process many items, or"
            " split the workflow into several."
        )
    elif (dependencies := sum(_length(getattr(step, "depends_on", ())) for step in steps)) > MAX_DEPENDENCIES:
        yield (
            f"its steps have {dependencies:,} dependencies; at most {MAX_DEPENDENCIES:,} are allowed. Let a step in"
            " between collect the outputs of many steps."
        )
    if not isinstance(changes, Mapping):
        yield f"changes must be a dict of ChangeSpecs by type, got {changes!r:.80}."


def _length(ids: Any) -> int:
    return len(ids) if isinstance(ids, Collection) else 0


def description_problems(description: Any) -> Iterator[str]:
    """Yield the problem of a description that is not a text."""
    if not isinstance(description, str):
        yield f"description must be a text, got {description!r:.80}."


def change_type_problem(type: Any) -> str | None:  # noqa: A002 - the change's own word
    """Return why `type` cannot be the type of a change; None if it can."""
    if isinstance(type, str) and type:
        return None
    return f"change {type!r:.80}: the type must be a text that is not empty."


def change_problems(key: object, change: Any, steps: Mapping[str, Any], hints: Hints) -> Iterator[str]:
    """Yield the problems of a change."""
    if not isinstance(change, ChangeSpec):
        yield f"change {key!r:.80} must be a ChangeSpec, got {change!r:.80}."
        return
    named = f"change '{change.type}'"
    if (problem := change_type_problem(change.type)) is not None:
        yield problem
    if change.type != key:
        yield f"{named}: its key must be its type, got {key!r:.80}."
    reruns: Any = change.reruns
    if (problem := list_problem("reruns", reruns)) is not None:
        yield f"{named}: {problem}"
        reruns = ()
    for step in reruns:
        if not isinstance(step, str) or step not in steps:
            yield f"{named}: reruns names '{step}', which is not a step.{hints.suggest(step)}"
    for problem in (*_function_problem("apply", change.apply), *description_problems(change.description)):
        yield f"{named}: {problem}"
    if change.payload is not None:
        try:
            type_adapter(change.payload)
        except Exception as error:  # A type of the user may raise anything.
            yield f"{named}: payload must be a model, got {change.payload!r:.80}: {error}"


def _refusals(name: str, read: Callable[[Any], object], value: object) -> Iterator[str]:
    try:
        read(value)
    except (TypeError, ValueError) as error:
        text = str(error).removesuffix(".")
        yield f"{text}." if text.startswith(name) else f"{name}: {text}."


def _function_problem(name: str, function: Any) -> Iterator[str]:
    if function is None:
        return
    if not callable(function):
        yield f"{name} must be a function, got {function!r:.80}."
    elif inspect.iscoroutinefunction(function):
        yield f"{name} must not be async. Use a plain function."


def _default_problem(value: Any) -> str | None:
    try:
        content_hash(value)
    except UnhashableInputError as error:
        return f"cannot be hashed ({error}). Remove it, or use a plain value."
    if (mutable := _mutable_part(value)) is not None:
        return f"is {describe_type(mutable)}, which a step could change for all runs. Use None, or a tuple."
    return None


def _mutable_part(value: Any) -> Any:
    """Return the part of a value that could be changed in place, or the value itself; None if it is immutable."""
    try:
        hash(value)
    except TypeError:
        return value
    if _has_settable_fields(value):  # Its class defines a hash all the same, for example by identity.
        return value
    for part in _parts_of(value):
        if (mutable := _mutable_part(part)) is not None:
            return mutable
    return None


def _has_settable_fields(value: Any) -> bool:
    """Return whether it is a model or a dataclass that is not frozen."""
    if isinstance(value, BaseModel):
        return not value.model_config.get("frozen")
    params: Any = getattr(type(value), "__dataclass_params__", None)
    return params is not None and not params.frozen


def _parts_of(value: Any) -> Iterable[Any]:
    if isinstance(value, (tuple, frozenset)):
        return value
    return [getattr(value, name, None) for name in field_names(value) or ()]
