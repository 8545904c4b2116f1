"""`Blueprint`: a workflow that has been checked, ready to be run by anybody."""

from __future__ import annotations

import copy
import warnings
from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.errors.hints import Hints
from langgraph_runner.workflow.dag import Dag, cycles_in
from langgraph_runner.workflow.definition.binding import (
    HOST_PARAMETERS,
    Binding,
    bind,
    named_parameters,
    only_acts,
    return_type,
)
from langgraph_runner.workflow.definition.checks import (
    binding_problems,
    cache_problems,
    change_problems,
    description_problems,
    list_problem,
    name_problem,
    option_problems,
    run_problem,
    shape_problems,
)
from langgraph_runner.workflow.definition.spec import CacheScope, JoinRule, StepSpec, WorkflowSpec
from langgraph_runner.workflow.errors import StepOutputError, WorkflowChangedError, WorkflowDefinitionError
from langgraph_runner.workflow.steps import BoundStep
from langgraph_runner.workflow.values.input_type import InputType
from langgraph_runner.workflow.values.output_type import OutputType

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterator, Mapping

__all__ = ["Blueprint"]

_RESERVED: Final = HOST_PARAMETERS | {"inputs"}
_SHOWN_OF_A_CYCLE: Final = 12
_SHOWN_FINAL_STEPS: Final = 5


class Blueprint:
    """A checked workflow. Immutable; threads and event loops may share it.

    Args:
        spec: What the user wrote.

    Raises:
        TypeError: It is no `WorkflowSpec`.
        WorkflowDefinitionError: It cannot run; the error lists everything that is wrong.
    """

    def __init__(self, spec: WorkflowSpec) -> None:
        if not isinstance(spec, WorkflowSpec):
            raise TypeError(f"Expected a WorkflowSpec, got {spec!r:.80}.")
        draft = _Draft(spec)
        problems = [*shape_problems(spec)] or [*draft.examined()]
        if problems or draft.inputs is None:
            raise WorkflowDefinitionError(workflow=str(spec.id), problems=tuple(problems))
        self.spec = spec
        self.id = spec.id
        self.inputs = draft.inputs
        self.dag = Dag(draft.dependencies)
        self.steps: dict[str, BoundStep] = {
            name: BoundStep(
                step,
                draft.bindings[name],
                self.dag.dependencies[name],
                draft.outputs[name],
                CacheScope(spec.cache),
            )
            for name, step in draft.steps.items()
        }
        """Its steps by id, in the order in which they were written."""
        self.joins: Mapping[str, JoinRule] = {name: JoinRule(step.join) for name, step in draft.steps.items()}
        if draft.silent and spec.cache != CacheScope.NONE:
            warnings.warn(
                f"Workflow '{spec.id}': {', '.join(draft.silent[:5])} returns None and saves no artifact, so all that"
                " the cache can do is to skip it in later runs. Give effects=True if the step acts on the world (it"
                " then runs in each run), or effects=False if it may be skipped.",
                stacklevel=3,
            )

    @property
    def result_step(self) -> str:
        """The step whose output is the result of a run: `result` of the spec, or the only final step.

        Raises:
            LookupError: There are several final steps, and `result` is not given.
        """
        if self.spec.result is not None:
            return self.spec.result
        final = [step for step in self.steps if not self.dag.dependents[step]]
        if len(final) > 1:
            some = ", ".join(
                [*final[:_SHOWN_FINAL_STEPS], *(["..."] if len(final) > _SHOWN_FINAL_STEPS else [])]
            )
            raise LookupError(
                f"Workflow '{self.id}' has {len(final)} final steps ({some}), so it has no one result: name the step"
                " with Workflow(..., result=), or ask for the output of a step."
            )
        return final[0]

    def for_run(self, steps: Collection[str], ended: Container[str]) -> Blueprint:
        """The part of the workflow that a run has: the workflow may have got steps since the run was made.

        Args:
            steps: Ids of the run's steps.
            ended: Those of them that have ended. What they depend on now does not matter.

        Raises:
            WorkflowChangedError: The run cannot go on with its own steps.
        """
        if self.steps.keys() == {*steps}:
            return self
        removed = tuple(step for step in steps if step not in self.steps)
        own = [step for step in self.steps if step in steps]
        before = {step: self.dag.dependencies[step] for step in own}
        added = {
            step: tuple(each for each in before[step] if each not in steps)
            for step in own
            if step not in ended
        }
        added = {step: names for step, names in added.items() if names}
        if removed or added:
            raise WorkflowChangedError(workflow=self.id, removed=removed, added=added)
        part = copy.copy(self)
        part.dag = Dag({step: [each for each in before[step] if each in steps] for step in own})
        part.steps = {step: self.steps[step] for step in own}
        part.joins = {step: self.joins[step] for step in own}
        return part

    def readers_of(self, fields: frozenset[str]) -> frozenset[str]:
        """The steps that receive one of these fields of the inputs, or the inputs as a whole."""
        return frozenset(step.id for step in self.steps.values() if step.reads(fields))


class _Draft:
    """A workflow that is being examined; what could be read of it is in its attributes."""

    def __init__(self, spec: WorkflowSpec) -> None:
        self.spec = spec
        self.inputs: InputType | None = None
        self.steps: dict[str, StepSpec] = {}
        self.bindings: dict[str, Binding] = {}
        self.dependencies: dict[str, tuple[str, ...]] = {}
        self.outputs: dict[str, OutputType] = {}
        self.silent: list[str] = []
        """Steps that return None and save no artifact, and do not say whether they have effects."""

    def examined(self) -> Iterator[str]:
        """Everything that is wrong: first what is hardest to see, since of many problems only the first are shown."""
        found = [*self._names()]
        fields: Container[str] = _Anything()
        known_fields: frozenset[str] = frozenset()
        try:
            self.inputs = InputType(str(self.spec.id), self.spec.inputs)
            fields = known_fields = self.inputs.fields or frozenset()
        except Exception as error:  # A model of the user's may raise anything.
            found.append(f"inputs is {self.spec.inputs!r:.80}: {error}")
        hints = Hints([*self.steps, *known_fields])
        for name, step in self.steps.items():
            found.extend(f"step '{name}': {problem}" for problem in self._of_step(step, fields, hints))
        for cycle in cycles_in(self.dependencies):
            yield f"the steps {_path(cycle)} wait for each other in a circle."
        yield from found
        result: Any = self.spec.result
        if result is not None and not (isinstance(result, str) and result in self.steps):
            yield f"its result is {result!r:.80}, which is the id of no step.{hints.of(result)}"
        for key, change in self.spec.changes.items():
            yield from change_problems(key, change, self.steps, hints)

    def _names(self) -> Iterator[str]:
        if (problem := name_problem(self.spec.id)) is not None:
            yield problem
        if not isinstance(self.spec.version, str) or not self.spec.version:
            yield f"version is {self.spec.version!r:.80}; use a text that is not empty."
        yield from description_problems(self.spec.description)
        yield from cache_problems(self.spec.cache)
        if not self.spec.steps:
            yield "it has no steps."
        steps: tuple[Any, ...] = self.spec.steps
        for step in steps:
            if not isinstance(step, StepSpec):
                yield f"{step!r:.80} is no StepSpec."
            elif (problem := name_problem(step.id)) is not None:
                yield f"step {step.id!r:.80}: {problem} Give it one with `id=`."
            elif step.id in self.steps:
                yield f"step '{step.id}': there are several steps of this id; rename all but one."
            else:
                self.steps[step.id] = step

    def _of_step(self, step: StepSpec, fields: Container[str], hints: Hints) -> Iterator[str]:
        if step.id in _RESERVED:
            yield f"the name is taken; {', '.join(sorted(_RESERVED))} are parameters of any step."
        if not isinstance(fields, _Anything) and step.id in fields:
            yield (
                "a field of the inputs has the same name, so a parameter of that name could be either; rename one of"
                " the two."
            )
        binding = Binding()
        problems: list[str] = []
        if (problem := run_problem(step.run)) is not None:
            yield problem
        else:
            binding, problems = bind(step, self.steps, fields, hints)
            yield from self._output_problem(step)
        yield from problems
        yield from self._dependencies(step, binding, hints)
        yield from option_problems(step)
        yield from binding_problems(step, binding)
        self.bindings[step.id] = binding

    def _output_problem(self, step: StepSpec) -> Iterator[str]:
        declared = step.output
        if declared is None:
            try:
                declared = return_type(step.run)
            except Exception as error:  # An annotation may be any expression.
                yield (
                    f"its return annotation cannot be read ({error}). Import what it names outside of `if"
                    " TYPE_CHECKING`, or give output=."
                )
                return
        try:
            self.outputs[step.id] = OutputType(step.id, declared)
            returns_none = declared is type(None) or (declared is Any and only_acts(step.run))
            if returns_none and step.effects is None and step.cache is None and not _takes_ctx(step):
                self.silent.append(f"step '{step.id}'")
        except StepOutputError as error:
            yield error.problem

    def _dependencies(self, step: StepSpec, binding: Binding, hints: Hints) -> Iterator[str]:
        named: Any = step.depends_on
        if (problem := list_problem("depends_on", named)) is not None:
            yield problem
            named = ()
        known: list[str] = []
        for before in named:
            if isinstance(before, str) and before in self.steps:
                known.append(before)
            else:
                yield f"it depends on '{before}', which is no step.{hints.of(before)}"
        self.dependencies[step.id] = tuple(dict.fromkeys((*known, *binding.steps)))


def _takes_ctx(step: StepSpec) -> bool:
    """Whether a step, which is no Runnable, may save artifacts."""
    try:
        return "ctx" in named_parameters(step.run)[0]
    except (TypeError, ValueError):  # That is told as a problem of its own.
        return True


class _Anything:
    """Contains every name: nothing is known of inputs whose model is none."""

    def __contains__(self, name: object) -> bool:
        return True


def _path(cycle: list[str]) -> str:
    shown = [*map(repr, cycle)]
    if len(shown) > _SHOWN_OF_A_CYCLE:
        shown = [*shown[: _SHOWN_OF_A_CYCLE - 2], f"({len(shown) - _SHOWN_OF_A_CYCLE} more)", *shown[-2:]]
    return " -> ".join(shown)
