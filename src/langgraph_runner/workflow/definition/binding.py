"""Where the arguments of a step come from: another step's output, a field of the inputs, or the run itself."""

from __future__ import annotations

import dis
import functools
import inspect
from dataclasses import dataclass
from itertools import pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, get_type_hints

from langchain_core.runnables import Runnable

from langgraph_runner.annotations import annotations_of, signature_of
from langgraph_runner.node.callee import without_partial

if TYPE_CHECKING:
    from collections.abc import Container

    from langgraph_runner.errors.hints import Hints
    from langgraph_runner.workflow.definition.spec import StepSpec

__all__ = [
    "HOST_PARAMETERS",
    "Binding",
    "bind",
    "named_parameters",
    "only_has_effects",
    "return_type",
]

HOST_PARAMETERS: Final = frozenset({"ctx", "config", "runtime"})
"""Parameters that the runner of a step provides. They do not influence the result, so they are not hashed."""
_BY_NAME: Final = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True, slots=True)
class Binding:
    """Where the arguments of one step come from."""

    steps: tuple[str, ...] = ()
    """Parameters that receive the output of the step of the same name."""
    fields: tuple[str, ...] = ()
    """Parameters that receive the field of the inputs of the same name."""
    wants_inputs: bool = False
    """Whether there is a parameter `inputs`, which receives the whole inputs."""
    defaults: tuple[tuple[str, Any], ...] = ()
    """Parameters that keep their default. The defaults are part of the input hash."""
    bound: tuple[Any, ...] = ()
    """Positional arguments of a `functools.partial`. They are part of the input hash, too."""
    takes_value: bool = False
    """Whether the step is a Runnable, which takes one value."""

    @property
    def arguments(self) -> frozenset[str]:
        """The names of the arguments, without those that the runner provides."""
        return frozenset((*self.steps, *self.fields, *(("inputs",) if self.wants_inputs else ())))


def bind(
    step: StepSpec, steps: Container[str], fields: Container[str], hints: Hints
) -> tuple[Binding, list[str]]:
    """Return where each argument of a step comes from, and the problems of its parameters.

    Args:
        step: The step. Its `run` is callable.
        steps: The ids of all steps of the workflow.
        fields: The names of the fields of the inputs.
        hints: Suggestions for unknown names.
    """
    if isinstance(step.run, Runnable):
        return Binding(takes_value=True), []
    try:
        named, others = named_parameters(step.run)
    except (TypeError, ValueError):
        return Binding(), [f"the parameters of {step.run!r:.80} cannot be read; wrap it in a function."]
    problems = [f"parameter '{each}' cannot be passed by name; use plain parameters." for each in others]
    bound, given = _partial_arguments(step.run)
    if step.input_selector is not None:
        own = {name: each.default for name, each in named.items() if each.default is not each.empty}
        return Binding(bound=bound, defaults=tuple({**own, **given}.items())), problems
    found: dict[str, list[Any]] = {"steps": [], "fields": [], "defaults": []}
    for name, parameter in named.items():
        if name in HOST_PARAMETERS or name == "inputs":
            continue
        if name in given:
            found["defaults"].append((name, given[name]))
        elif name in steps:
            found["steps"].append(name)
        elif name in fields:
            found["fields"].append(name)
        elif parameter.default is not inspect.Parameter.empty:
            found["defaults"].append((name, parameter.default))
        else:
            hint = hints.suggest(name, "inputs", *HOST_PARAMETERS)
            problems.append(
                f"nothing provides the parameter '{name}'; it is neither a step nor a field of the inputs, and has no"
                f" default.{hint}"
            )
    return Binding(
        steps=tuple(found["steps"]),
        fields=tuple(found["fields"]),
        wants_inputs="inputs" in named and "inputs" not in given,
        defaults=tuple(found["defaults"]),
        bound=bound,
    ), problems


def named_parameters(function: Any) -> tuple[dict[str, inspect.Parameter], list[inspect.Parameter]]:
    """Return the parameters of a function that can be passed by name, and the others.

    Raises:
        TypeError: The signature cannot be read.
        ValueError: The same.
    """
    parameters = [*signature_of(function).parameters.values()]
    named = {each.name: each for each in parameters if each.kind in _BY_NAME}
    return named, [each for each in parameters if each.kind not in _BY_NAME]


def _partial_arguments(function: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if isinstance(function, functools.partial):
        return tuple(function.args), dict(function.keywords)
    return (), {}


def return_type(function: Any) -> Any:
    """Return the declared return type of a step's function; `Any` if it is not declared.

    Raises:
        Exception: The annotation cannot be evaluated, such as a name that is imported for type checkers only.
    """
    if isinstance(function, Runnable):
        return Any
    function = without_partial(function)
    if isinstance(function, type):
        return function
    if not inspect.isroutine(function):
        function = type(function).__call__
    function = inspect.unwrap(function)
    annotations = annotations_of(function)
    if "return" not in annotations:
        return Any
    declared = annotations["return"]
    if isinstance(declared, type):
        return declared
    # Only this annotation is evaluated: those of the parameters may name types that exist for type checkers only.
    holder = SimpleNamespace(__annotations__={"return": declared})
    names = getattr(function, "__globals__", {})
    return get_type_hints(holder, names, _closure(function), include_extras=True)["return"]


def only_has_effects(function: Any) -> bool:
    """Return whether a step's function calls something and always returns None, judging by its bytecode."""
    function = without_partial(function)
    if not inspect.isroutine(function) and not isinstance(function, (type, Runnable)):
        function = getattr(type(function), "__call__", None)  # noqa: B004 - of a callable object
    code = getattr(inspect.unwrap(function), "__code__", None) if callable(function) else None
    if code is None:
        return False
    instructions = [*dis.get_instructions(code)]
    ends = [
        _returns_none(before, each)
        for before, each in pairwise(instructions)
        if each.opname in {"RETURN_VALUE", "RETURN_CONST"}
    ]
    return bool(ends) and all(ends) and any(each.opname.startswith("CALL") for each in instructions)


def _returns_none(before: dis.Instruction, end: dis.Instruction) -> bool:
    if end.opname == "RETURN_CONST":  # Only in Python 3.12 and 3.13.
        return end.argval is None
    return before.opname == "LOAD_CONST" and before.argval is None and not end.is_jump_target


def _closure(function: Any) -> dict[str, Any]:
    """Return the local names that a function refers to. They include classes that are defined beside it."""
    code, cells = getattr(function, "__code__", None), getattr(function, "__closure__", None)
    names = code.co_freevars if code else ()
    found: dict[str, Any] = {}
    for name, cell in zip(names, cells or (), strict=False):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # The variable has no value yet.
            continue
    return found
