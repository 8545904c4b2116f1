"""What a step's parameters stand for: another step's output, a field of the inputs, or the run itself."""

from __future__ import annotations

import dis
import functools
import inspect
from dataclasses import dataclass
from itertools import pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, get_type_hints

from langchain_core.runnables import Runnable

if TYPE_CHECKING:
    from collections.abc import Container

    from langgraph_runner.errors.hints import Hints
    from langgraph_runner.workflow.definition.spec import StepSpec

__all__ = [
    "HOST_PARAMETERS",
    "Binding",
    "bind",
    "name_of",
    "named_parameters",
    "only_acts",
    "return_type",
]

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
    defaults: tuple[tuple[str, Any], ...] = ()
    """Parameters that nothing provides and that have a default, which is part of what the step receives."""
    bound: tuple[Any, ...] = ()
    """Positional arguments of a `functools.partial`; part of what the step receives, too."""
    takes_value: bool = False
    """Whether it is a Runnable, which takes one value."""

    @property
    def arguments(self) -> frozenset[str]:
        """The names of what the step is called with, beside what its host provides."""
        return frozenset((*self.steps, *self.fields, *(("inputs",) if self.wants_inputs else ())))


def bind(
    step: StepSpec, steps: Container[str], fields: Container[str], hints: Hints
) -> tuple[Binding, list[str]]:
    """Settle where the arguments of `step` come from.

    Args:
        step: The step; what it runs is callable.
        steps: The ids of all steps of the workflow.
        fields: The names of the fields of the inputs.
        hints: What else a wrong name may mean.

    Returns:
        The binding, and what is wrong with the parameters, in words.
    """
    if isinstance(step.run, Runnable):
        return Binding(takes_value=True), []
    try:
        named, others = named_parameters(step.run)
    except (TypeError, ValueError):
        return Binding(), [f"the parameters of {step.run!r:.80} cannot be read; wrap it in a function."]
    problems = [f"parameter '{each}' cannot be named; use plain parameters." for each in others]
    bound, settled = _settled(step.run)
    if step.input_selector is not None:
        own = {name: each.default for name, each in named.items() if each.default is not each.empty}
        return Binding(bound=bound, defaults=tuple({**own, **settled}.items())), problems
    found: dict[str, list[Any]] = {"steps": [], "fields": [], "defaults": []}
    for name, parameter in named.items():
        if name in HOST_PARAMETERS or name == "inputs":
            continue
        if name in settled:
            found["defaults"].append((name, settled[name]))
        elif name in steps:
            found["steps"].append(name)
        elif name in fields:
            found["fields"].append(name)
        elif parameter.default is not inspect.Parameter.empty:
            found["defaults"].append((name, parameter.default))
        else:
            hint = hints.of(name, "inputs", *HOST_PARAMETERS)
            problems.append(
                f"nothing provides the parameter '{name}'; it is neither a step nor a field of the inputs, and has no"
                f" default.{hint}"
            )
    return Binding(
        steps=tuple(found["steps"]),
        fields=tuple(found["fields"]),
        wants_inputs="inputs" in named and "inputs" not in settled,
        defaults=tuple(found["defaults"]),
        bound=bound,
    ), problems


def name_of(function: Any) -> str:
    """What a function, a partial of one or a Runnable is called; the class of what has no name."""
    while isinstance(function, functools.partial):
        function = function.func
    if isinstance(function, Runnable):
        return function.get_name()
    return str(getattr(function, "__name__", type(function).__name__))


def named_parameters(
    function: Any,
) -> tuple[dict[str, inspect.Parameter], list[inspect.Parameter]]:
    """The parameters of a function that can be given by name, and the others.

    Raises:
        TypeError: It has no signature that could be read.
        ValueError: The same.
    """
    parameters = [*inspect.signature(function).parameters.values()]
    named = {each.name: each for each in parameters if each.kind in _NAMED}
    return named, [each for each in parameters if each.kind not in _NAMED]


def _settled(function: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments that a partial has been given."""
    if isinstance(function, functools.partial):
        return tuple(function.args), dict(function.keywords)
    return (), {}


def return_type(function: Any) -> Any:
    """The type that a step's function declares to return; `Any` where it declares none.

    Raises:
        Exception: It declares something that cannot be read, as a name that is imported for type checkers only.
    """
    if isinstance(function, Runnable):
        return Any
    while isinstance(function, functools.partial):
        function = function.func
    if isinstance(function, type):
        return function
    if not inspect.isroutine(function):
        function = type(function).__call__
    function = inspect.unwrap(function)
    annotations = inspect.get_annotations(function)
    if "return" not in annotations:
        return Any
    declared = annotations["return"]
    if isinstance(declared, type):
        return declared
    # Only this one: what annotates a parameter is for the reader, and may not be there at run time.
    holder = SimpleNamespace(__annotations__={"return": declared})
    names = getattr(function, "__globals__", {})
    return get_type_hints(holder, names, _closure(function), include_extras=True)["return"]


def only_acts(function: Any) -> bool:
    """Whether a step's function calls something and returns nothing, by its code."""
    while isinstance(function, functools.partial):
        function = function.func
    if not inspect.isroutine(function) and not isinstance(function, (type, Runnable)):
        function = getattr(type(function), "__call__", None)  # noqa: B004 - of an object that can be called
    code = getattr(inspect.unwrap(function), "__code__", None) if callable(function) else None
    if code is None:
        return False
    instructions = [*dis.get_instructions(code)]
    ends = [
        _gives_none(before, each)
        for before, each in pairwise(instructions)
        if each.opname in {"RETURN_VALUE", "RETURN_CONST"}
    ]
    return bool(ends) and all(ends) and any(each.opname.startswith("CALL") for each in instructions)


def _gives_none(before: dis.Instruction, end: dis.Instruction) -> bool:
    if end.opname == "RETURN_CONST":  # Of Python 3.12 and 3.13.
        return end.argval is None
    return before.opname == "LOAD_CONST" and before.argval is None and not end.is_jump_target


def _closure(function: Any) -> dict[str, Any]:
    """The local names that a function refers to: a class that was made beside it is known by these only."""
    code, cells = getattr(function, "__code__", None), getattr(function, "__closure__", None)
    found: dict[str, Any] = {}
    for name, cell in zip(code.co_freevars if code else (), cells or (), strict=False):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # It has no value yet.
            continue
    return found
