"""`Blueprint`: a checked workflow, ready to run."""

from __future__ import annotations

import copy
import warnings
from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.errors.hints import Hints
from langgraph_runner.workflow.dag import Dag, find_cycles
from langgraph_runner.workflow.definition.binding import (
    HOST_PARAMETERS,
    Binding,
    bind,
    named_parameters,
    only_has_effects,
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
_SHOWN_CYCLE_STEPS: Final = 12
_SHOWN_FINAL_STEPS: Final = 5


class Blueprint:
    """A checked workflow. Immutable; threads and event loops may share it.

    Args:
        spec: The workflow as the user wrote it.

    Attributes:
        spec: As given.
        id: The id of the workflow.
        inputs: The type of its inputs.
        dag: The dependencies between its steps.
        steps: Its steps by id, in the order in which they were written.
        joins: The join rule of each step.

    Raises:
        TypeError: `spec` is not a `WorkflowSpec`.
        WorkflowDefinitionError: The workflow is invalid. The error lists all problems.
    """

    def __init__(self, spec: WorkflowSpec) -> None:
        if not isinstance(spec, WorkflowSpec):
            raise TypeError(f"spec must be a Workflow or a WorkflowSpec, got {spec!r:.80}.")
        draft = _Draft(spec)
        problems = [*shape_problems(spec)] or [*draft.find_problems()]
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
        self.joins: Mapping[str, JoinRule] = {name: JoinRule(step.join) for name, step in draft.steps.items()}
        if draft.without_result and spec.cache != CacheScope.NONE:
            warnings.warn(
                f"Workflow '{spec.id}': {', '.join(draft.without_result[:5])} returns None and saves no artifact, so"
                " the cache would only skip it in later runs. Set effects=True if the step acts on the world (then it"
                " runs in each run), or effects=False if it may be skipped.",
                stacklevel=3,
            )

    @property
    def result_step(self) -> str:
        """The step whose output is the result of a run: `result` of the spec, or the only final step.

        Raises:
            LookupError: There are several final steps, and `result` is not set.
        """
        if self.spec.result is not None:
            return self.spec.result
        final = [step for step in self.steps if not self.dag.dependents[step]]
        if len(final) > 1:
            shown = final[:_SHOWN_FINAL_STEPS]
            if len(final) > _SHOWN_FINAL_STEPS:
                shown = [*shown, "..."]
            raise LookupError(
                f"Workflow '{self.id}' has {len(final)} final steps ({', '.join(shown)}), so it has no single result."
                " Name the step with Workflow(..., result=), or ask for the output of a step."
            )
        return final[0]

    def for_run(self, steps: Collection[str], ended: Container[str]) -> Blueprint:
        """Return the workflow with only the steps of a run. Steps may have been added since the run was created.

        Args:
            steps: Ids of the run's steps.
            ended: Those of them that have ended. New dependencies of these steps do not matter.

        Raises:
            WorkflowChangedError: The run cannot continue with its own steps.
        """
        if self.steps.keys() == {*steps}:
            return self
        removed = tuple(step for step in steps if step not in self.steps)
        own = [step for step in self.steps if step in steps]
        before = {step: self.dag.dependencies[step] for step in own}
        added: dict[str, tuple[str, ...]] = {}
        for step in own:
            new = tuple(each for each in before[step] if each not in steps)
            if new and step not in ended:
                added[step] = new
        if removed or added:
            raise WorkflowChangedError(workflow=self.id, removed=removed, added=added)
        part = copy.copy(self)
        part.dag = Dag({step: [each for each in before[step] if each in steps] for step in own})
        part.steps = {step: self.steps[step] for step in own}
        part.joins = {step: self.joins[step] for step in own}
        return part

    def readers_of(self, fields: frozenset[str]) -> frozenset[str]:
        """Return the ids of the steps that receive one of these fields of the inputs, or the whole inputs."""
        return frozenset(step.id for step in self.steps.values() if step.reads(fields))


class _Draft:
    """A workflow while it is being checked. Its attributes have everything that could be read."""

    def __init__(self, spec: WorkflowSpec) -> None:
        self.spec = spec
        self.inputs: InputType | None = None
        self.steps: dict[str, StepSpec] = {}
        self.bindings: dict[str, Binding] = {}
        self.dependencies: dict[str, tuple[str, ...]] = {}
        self.outputs: dict[str, OutputType] = {}
        self.without_result: list[str] = []
        """Steps that return None, save no artifact, and do not set `effects` or `cache`."""

    def find_problems(self) -> Iterator[str]:
        """Yield all problems. Cycles come first: they are hard to find, and only the first problems are shown."""
        found = [*self._name_problems()]
        fields: Container[str] = _AnyName()
        known_fields: frozenset[str] = frozenset()
        try:
            self.inputs = InputType(str(self.spec.id), self.spec.inputs)
            fields = known_fields = self.inputs.fields or frozenset()
        except Exception as error:  # A model of the user may raise anything.
            found.append(
                f"inputs must be a model that pydantic can read, got {self.spec.inputs!r:.80}: {error}"
            )
        hints = Hints([*self.steps, *known_fields])
        for name, step in self.steps.items():
            found.extend(f"step '{name}': {problem}" for problem in self._step_problems(step, fields, hints))
        for cycle in find_cycles(self.dependencies):
            yield f"the steps {_cycle_path(cycle)} wait for each other in a cycle."
        yield from found
        result: Any = self.spec.result
        if result is not None and not (isinstance(result, str) and result in self.steps):
            yield f"result must be the id of a step, got {result!r:.80}.{hints.suggest(result)}"
        for key, change in self.spec.changes.items():
            yield from change_problems(key, change, self.steps, hints)

    def _name_problems(self) -> Iterator[str]:
        if (problem := name_problem(self.spec.id)) is not None:
            yield problem
        if not isinstance(self.spec.version, str) or not self.spec.version:
            yield f"version must be a text that is not empty, got {self.spec.version!r:.80}."
        yield from description_problems(self.spec.description)
        yield from cache_problems(self.spec.cache)
        if not self.spec.steps:
            yield "it has no steps."
        steps: tuple[Any, ...] = self.spec.steps
        for step in steps:
            if not isinstance(step, StepSpec):
                yield f"each step must be a StepSpec, got {step!r:.80}."
            elif (problem := name_problem(step.id)) is not None:
                yield f"step {step.id!r:.80}: {problem} Set it with `id=`."
            elif step.id in self.steps:
                yield f"step '{step.id}': several steps have this id. Rename all but one."
            else:
                self.steps[step.id] = step

    def _step_problems(self, step: StepSpec, fields: Container[str], hints: Hints) -> Iterator[str]:
        if step.id in _RESERVED:
            yield f"its id must not be one of {', '.join(sorted(_RESERVED))}, which are parameters of any step."
        if not isinstance(fields, _AnyName) and step.id in fields:
            yield (
                "a field of the inputs has the same name, so a parameter of that name would be ambiguous. Rename one"
                " of the two."
            )
        binding = Binding()
        if (problem := run_problem(step.run)) is not None:
            yield problem
        else:
            binding, problems = bind(step, self.steps, fields, hints)
            yield from self._output_problems(step)
            yield from problems
        yield from self._dependency_problems(step, binding, hints)
        yield from option_problems(step)
        yield from binding_problems(step, binding)
        self.bindings[step.id] = binding

    def _output_problems(self, step: StepSpec) -> Iterator[str]:
        declared = step.output
        if declared is None:
            try:
                declared = return_type(step.run)
            except Exception as error:  # An annotation may be any expression.
                yield (
                    f"its return annotation cannot be read ({error}). Import the type outside of `if"
                    " TYPE_CHECKING`, or set output=."
                )
                return
        try:
            self.outputs[step.id] = OutputType(step.id, declared)
            returns_none = declared is type(None) or (declared is Any and only_has_effects(step.run))
            if returns_none and step.effects is None and step.cache is None and not _takes_ctx(step):
                self.without_result.append(f"step '{step.id}'")
        except StepOutputError as error:
            yield error.problem

    def _dependency_problems(self, step: StepSpec, binding: Binding, hints: Hints) -> Iterator[str]:
        named: Any = step.depends_on
        if (problem := list_problem("depends_on", named)) is not None:
            yield problem
            named = ()
        known: list[str] = []
        for before in named:
            if isinstance(before, str) and before in self.steps:
                known.append(before)
            else:
                yield f"depends_on names '{before}', which is not a step.{hints.suggest(before)}"
        self.dependencies[step.id] = tuple(dict.fromkeys((*known, *binding.steps)))


def _takes_ctx(step: StepSpec) -> bool:
    """Return whether the function of a step has a parameter `ctx`, so that it may save artifacts."""
    try:
        return "ctx" in named_parameters(step.run)[0]
    except (TypeError, ValueError):  # This is reported as a problem of its own.
        return True


class _AnyName:
    """A container of every name, used when the model of the inputs is invalid, so that no parameter is refused."""

    def __contains__(self, name: object) -> bool:
        return True


def _cycle_path(cycle: list[str]) -> str:
    shown = [*map(repr, cycle)]
    if len(shown) > _SHOWN_CYCLE_STEPS:
        shown = [*shown[: _SHOWN_CYCLE_STEPS - 2], f"({len(shown) - _SHOWN_CYCLE_STEPS} more)", *shown[-2:]]
    return " -> ".join(shown)
