"""`Blueprint`: a workflow that has been checked, ready to be run by anybody."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from langgraph_runner.workflow.binding import HOST_PARAMETERS, Binding, bind, return_type
from langgraph_runner.workflow.dag import Dag, cycle_in
from langgraph_runner.workflow.errors import StepOutputError, WorkflowDefinitionError
from langgraph_runner.workflow.hashing import UnhashableInputError, content_hash
from langgraph_runner.workflow.spec import CacheScope, JoinRule
from langgraph_runner.workflow.steps import BoundStep
from langgraph_runner.workflow.values import InputType, OutputType

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from langgraph_runner.workflow.spec import StepSpec, WorkflowSpec

__all__ = ["Blueprint"]

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_RESERVED: Final = HOST_PARAMETERS | {"inputs"}


class Blueprint:
    """A checked workflow. Immutable; threads and event loops may share it.

    Args:
        spec: What the user wrote.

    Raises:
        WorkflowDefinitionError: It cannot run; the error lists everything that is wrong.
    """

    def __init__(self, spec: WorkflowSpec) -> None:
        self.spec = spec
        self.id = spec.id
        problems = [*_naming_problems(spec)]
        try:
            self.inputs = InputType(spec.id, spec.inputs)
        except Exception as error:  # Whatever pydantic says of what is no model.
            raise WorkflowDefinitionError(
                workflow=spec.id, problems=(*problems, f"inputs: {spec.inputs!r:.80} is no model: {error}")
            ) from error
        by_id = {step.id: step for step in spec.steps}
        bindings: dict[str, Binding] = {}
        dependencies: dict[str, tuple[str, ...]] = {}
        for step in by_id.values():
            bindings[step.id], of_step = _bound(step, by_id, self.inputs.fields)
            dependencies[step.id] = tuple(dict.fromkeys((*step.depends_on, *bindings[step.id].steps)))
            problems += [*of_step, *_dependency_problems(step, by_id)]
        known = {
            step: tuple(each for each in before if each in by_id) for step, before in dependencies.items()
        }
        if (cycle := cycle_in(known)) is not None:
            problems.append(f"the steps {' -> '.join(map(repr, cycle))} wait for each other in a circle.")
        problems += _change_problems(spec, by_id)
        self.steps: dict[str, BoundStep] = {}
        """Its steps by id, in the order in which they were written."""
        for step in by_id.values():
            try:
                output = OutputType(step.id, return_type(step.run) if step.output is None else step.output)
                if not problems:
                    self.steps[step.id] = BoundStep(step, bindings[step.id], known[step.id], output)
            except (StepOutputError, ValidationError, TypeError, ValueError) as error:
                text = str(error) if isinstance(error, StepOutputError) else f"step '{step.id}': {error}"
                problems.append(text)
        if problems:
            raise WorkflowDefinitionError(workflow=spec.id, problems=tuple(problems))
        self.dag = Dag(known)
        self.joins: Mapping[str, JoinRule] = {step.id: JoinRule(step.join) for step in by_id.values()}

    def readers_of(self, fields: frozenset[str]) -> frozenset[str]:
        """The steps that receive one of these fields of the inputs, or the inputs as a whole."""
        return frozenset(
            step.id
            for step in self.steps.values()
            if fields
            and (
                step.binding.wants_inputs
                or step.selects
                or (step.binding.takes_value and not step.dependencies)
                or not fields.isdisjoint(step.binding.fields)
            )
        )


def _naming_problems(spec: WorkflowSpec) -> Iterator[str]:
    if not isinstance(spec.id, str) or not _NAME.fullmatch(spec.id):
        yield f"its id {spec.id!r:.80} is unusable: {_RULE}"
    if not spec.steps:
        yield "it has no steps."
    seen: set[str] = set()
    for step in spec.steps:
        if not isinstance(step.id, str) or not _NAME.fullmatch(step.id):
            yield f"the step id {step.id!r:.80} is unusable: {_RULE}"
        elif step.id in _RESERVED:
            yield f"step '{step.id}': the name is taken; {', '.join(sorted(_RESERVED))} are parameters of any step."
        if step.id in seen:
            yield f"step '{step.id}': there are several steps of this id; rename all but one."
        seen.add(step.id)


_RULE: Final = "use 1 to 128 letters, digits, '.', '_' and '-', a letter or digit first."


def _bound(
    step: StepSpec, by_id: Mapping[str, StepSpec], fields: frozenset[str] | None
) -> tuple[Binding, list[str]]:
    if not callable(step.run) and not hasattr(step.run, "ainvoke"):
        return Binding(), [f"step '{step.id}': run is {step.run!r:.80}; give a function or a Runnable."]
    binding, problems = bind(step, by_id, fields)
    if fields is not None and step.id in fields:
        problems.append(
            f"step '{step.id}': a field of the inputs has the same name, so a parameter of that name could be either;"
            " rename one of the two."
        )
    for name, default in binding.defaults:
        try:
            content_hash(default)
        except UnhashableInputError as error:
            problems.append(
                f"step '{step.id}': the default of its parameter '{name}' cannot be hashed ({error}); remove it, or"
                " use a plain value."
            )
    selector: Any = step.input_selector
    if selector is not None and not callable(selector):
        problems.append(f"step '{step.id}': input_selector is {selector!r:.80}; give a function.")
    for name, allowed in (("cache", CacheScope), ("join", JoinRule)):
        value = getattr(step, name)
        if value not in list(allowed):
            problems.append(f"step '{step.id}': {name} is {value!r:.80}; use one of {', '.join(allowed)}.")
    if step.cache_ttl_s is not None and not step.cache_ttl_s > 0:
        problems.append(
            f"step '{step.id}': cache_ttl_s is {step.cache_ttl_s!r}; use more than 0, or None for ever."
        )
    return binding, problems


def _dependency_problems(step: StepSpec, by_id: Mapping[str, StepSpec]) -> Iterator[str]:
    for before in step.depends_on:
        if before not in by_id:
            yield f"step '{step.id}': it depends on '{before}', which is no step.{_did_you_mean(before, by_id)}"


def _change_problems(spec: WorkflowSpec, by_id: Mapping[str, StepSpec]) -> Iterator[str]:
    for change in spec.changes.values():
        for step in change.reruns:
            if step not in by_id:
                yield f"change '{change.type}': it reruns '{step}', which is no step.{_did_you_mean(step, by_id)}"


def _did_you_mean(name: str, known: Mapping[str, Any]) -> str:
    close = get_close_matches(str(name), known, n=1)
    return f" Did you mean '{close[0]}'?" if close else ""
