"""What a step's parameters stand for: another step's output, a field of the inputs, or the run itself."""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, get_type_hints

from langchain_core.runnables import Runnable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from langgraph_runner.workflow.spec import StepSpec

__all__ = ["HOST_PARAMETERS", "Binding", "bind", "return_type"]

HOST_PARAMETERS: Final = frozenset({"ctx", "config", "runtime"})
"""What whoever runs a step provides. It says nothing of the result, so it is not part of what is hashed."""
_NAMED: Final = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True, slots=True)
class Binding:
    """Where the arguments of one step come from."""

    steps: tuple[str, ...] = ()
    """Parameters that are other steps' outputs."""
    fields: tuple[str, ...] = ()
    """Parameters that are fields of the inputs."""
    wants_inputs: bool = False
    """Whether one is the inputs as a whole."""
    host: frozenset[str] = frozenset()
    """Which of `HOST_PARAMETERS` it asks for."""
    defaults: tuple[tuple[str, Any], ...] = ()
    """Parameters that nothing provides and that have a default, which is part of what the step receives."""
    takes_value: bool = False
    """Whether it is a Runnable, which takes one value."""


def bind(
    step: StepSpec, steps: Iterable[str] | Mapping[str, Any], fields: frozenset[str] | None
) -> tuple[Binding, list[str]]:
    """Settle where the arguments of `step` come from.

    Args:
        step: The step.
        steps: The ids of all steps of the workflow.
        fields: The names of the fields of the inputs; None where any may be there.

    Returns:
        The binding, and what is wrong with the parameters, in words.
    """
    if isinstance(step.run, Runnable):
        return Binding(takes_value=True, host=frozenset({"config"})), []
    try:
        parameters = [*inspect.signature(step.run).parameters.values()]
    except (TypeError, ValueError):
        return Binding(), [
            f"step '{step.id}': the parameters of {step.run!r:.80} cannot be read; wrap it in a function."
        ]
    problems = [
        f"step '{step.id}': parameter '{parameter}' cannot be named; use plain parameters."
        for parameter in parameters
        if parameter.kind not in _NAMED
    ]
    named = [parameter for parameter in parameters if parameter.kind in _NAMED]
    if step.input_selector is not None:
        return Binding(host=frozenset(p.name for p in named) & HOST_PARAMETERS), problems
    found: dict[str, list[Any]] = {"steps": [], "fields": [], "defaults": []}
    wants_inputs = False
    for parameter in named:
        name = parameter.name
        if name in HOST_PARAMETERS:
            continue
        if name == "inputs":
            wants_inputs = True
        elif name in steps and name != step.id:
            found["steps"].append(name)
        elif fields is not None and name in fields:
            found["fields"].append(name)
        elif parameter.default is not inspect.Parameter.empty:
            found["defaults"].append((name, parameter.default))
        else:
            problems.append(_unprovided(step.id, name, steps, fields))
    binding = Binding(
        steps=tuple(found["steps"]),
        fields=tuple(found["fields"]),
        wants_inputs=wants_inputs,
        host=frozenset(p.name for p in named) & HOST_PARAMETERS,
        defaults=tuple(found["defaults"]),
    )
    return binding, problems


def _unprovided(step: str, name: str, steps: Iterable[str], fields: frozenset[str] | None) -> str:
    if name == step:
        return f"step '{step}': it has itself as a parameter; a step cannot wait for its own output."
    known = [*steps, *(fields or ()), "inputs", *HOST_PARAMETERS]
    close = get_close_matches(name, known, n=1)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    return (
        f"step '{step}': nothing provides the parameter '{name}'; it is neither a step nor a field of the inputs, and"
        f" has no default.{hint}"
    )


def return_type(function: Any) -> Any:
    """The type that a step's function declares to return; `Any` where it declares none, or it cannot be found."""
    if isinstance(function, Runnable):
        return Any
    while isinstance(function, functools.partial):
        function = function.func
    if not inspect.isroutine(function):
        function = type(function).__call__
    try:
        return get_type_hints(function, include_extras=True).get("return", Any)
    except (NameError, TypeError):
        return Any
