"""A workflow inside LangGraph: as a graph of its steps, for Studio, or as one node of any graph."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Annotated, Any, Final, get_type_hints

from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langgraph.channels import LastValue
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import get_runtime
from pydantic_core import from_json, to_json
from typing_extensions import TypedDict  # pydantic reads that of typing only from Python 3.12 on

from langgraph_runner.node import Success
from langgraph_runner.state import GraphState, merge_mappings
from langgraph_runner.workflow.calling import OUTPUT, StepCall
from langgraph_runner.workflow.context import StepContext
from langgraph_runner.workflow.definition.spec import JoinRule
from langgraph_runner.workflow.errors import WorkflowInputError
from langgraph_runner.workflow.langgraph.inline import run_inline
from langgraph_runner.workflow.scheduler import StepStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from langgraph_runner.node import Failure, Outcome
    from langgraph_runner.workflow.blueprint import Blueprint
    from langgraph_runner.workflow.context import ArtifactSink
    from langgraph_runner.workflow.steps import BoundStep
    from langgraph_runner.workflow.values.input_type import InputType

__all__ = ["DEFAULT_CONCURRENCY", "WorkflowState", "as_node", "to_graph"]

DEFAULT_CONCURRENCY: Final = 64
_make_typed_dict: Any = TypedDict  # Any, because a type checker takes a call of TypedDict for a declaration.


class WorkflowState(GraphState, total=False):
    """The state of a workflow that runs as a graph."""

    inputs: Any
    """The inputs of the run. Pass JSON values or a value of their model; the state has JSON values with all
    defaults."""
    outputs: Annotated[dict[str, Any], merge_mappings]
    """The outputs of the steps by id, as JSON values."""
    steps: Annotated[dict[str, str], merge_mappings]
    """The `StepStatus` of each step that has ended, by id."""


_FIELD_NAMES: Final = frozenset(WorkflowState.__annotations__) | frozenset(GraphState.__annotations__)


class _CheckedInputs(LastValue[Any]):
    """A LangGraph channel that holds inputs as JSON values with all their defaults; None before they are set.

    Checking them once makes a computed default, such as a new id or the current time, the same for every step.
    """

    __slots__ = ("_inputs",)

    def __init__(self, inputs: InputType, key: str = "") -> None:
        super().__init__(Any, key)
        self._inputs = inputs
        self.value = None

    def copy(self) -> _CheckedInputs:
        """Return a channel with the same value."""
        return self.from_checkpoint(self.value)

    def from_checkpoint(self, checkpoint: Any) -> _CheckedInputs:
        """Return a channel with the value of a checkpoint, if it has one."""
        restored: LastValue[Any] = LastValue(Any, self.key).from_checkpoint(checkpoint)
        channel = _CheckedInputs(self._inputs, self.key)
        if restored.is_available():
            channel.value = restored.get()
        return channel

    def update(self, values: Sequence[Any]) -> bool:
        """Check the inputs that were written. If nothing was written before the first step, use the defaults.

        Raises:
            WorkflowInputError: The inputs do not fit.
        """
        if super().update(values):
            self.value = self._checked(self.value)
        elif self.value is None:
            # There may be no step that needs inputs. One that does will raise the error.
            with suppress(Exception):
                self.value = self._checked(None)
                return True
        return bool(values)

    def _checked(self, given: Any) -> Any:
        return from_json(self._inputs.check(given)[1])


def to_graph(blueprint: Blueprint, artifacts: ArtifactSink | None = None) -> StateGraph[Any, Any, Any, Any]:
    """Return the workflow as a `StateGraph` with one node for each step. Compile it before use.

    It computes the same outputs as the engine, but with LangGraph's barrier: a superstep waits for its slowest node.
    Nothing is cached. A failed step becomes a record in `errors`, and the steps that need its output are skipped.

    Args:
        blueprint: The workflow.
        artifacts: Stores the files that steps save; None discards them.

    Returns:
        A graph of `WorkflowState`. Call it with `{"inputs": ...}`, sync or async. Inputs that do not fit raise a
        `WorkflowInputError`.
    """
    builder: StateGraph[Any, Any, Any, Any] = StateGraph(
        _state_schema(blueprint), input_schema=_input_schema(blueprint)
    )
    names = _node_names(blueprint)
    for step in blueprint.steps.values():
        builder.add_node(
            names[step.id],
            _node(blueprint, step, artifacts),
            input_schema=WorkflowState,
            # Shown in Studio and in drawings.
            metadata={"effects": True} if step.has_effects else None,
        )
    for step in blueprint.steps.values():
        before = [names[each] for each in step.dependencies] or [START]
        # One edge with several starts waits for all of them; LangGraph does not allow START in such a list.
        builder.add_edge(before if len(before) > 1 else before[0], names[step.id])
        if not blueprint.dag.dependents[step.id]:
            builder.add_edge(names[step.id], END)
    return builder


def _state_schema(blueprint: Blueprint) -> Any:
    """Return `WorkflowState` with a channel that checks the inputs when they are written."""
    fields = get_type_hints(WorkflowState, include_extras=True)
    return _make_typed_dict(
        WorkflowState.__name__,
        {**fields, "inputs": Annotated[Any, _CheckedInputs(blueprint.inputs)]},
        total=False,
    )


def _input_schema(blueprint: Blueprint) -> Any:
    """Return the schema of the graph's argument. Studio makes a form of it."""
    model = Any if blueprint.spec.inputs is None else blueprint.spec.inputs
    return _make_typed_dict("WorkflowInputs", {"inputs": model, "story_id": str}, total=False)


def as_node(
    blueprint: Blueprint,
    *,
    inputs: Callable[[Any], Any] | None = None,
    outputs: Callable[[dict[str, Any]], Any] | None = None,
    max_concurrency: int | None = DEFAULT_CONCURRENCY,
    artifacts: ArtifactSink | None = None,
) -> RunnableLambda[Any, Any]:
    """Return the whole workflow as one node. Each step starts as soon as it can, without LangGraph's barrier.

    Results are kept in memory during the call only: after an interrupt in a step, or when the node is retried, all
    steps run again.

    Args:
        blueprint: The workflow.
        inputs: Returns the inputs for a state. None takes the fields of the inputs' model from the state; without a
            model, the state as it is.
        outputs: Returns the update of the state for the outputs by step id. None writes each output to the field of
            the step's id.
        max_concurrency: How many steps may run at once, at least 1; None for no limit. A plain function needs a
            thread.
        artifacts: Stores the files that steps save; None discards them.

    Returns:
        A Runnable, sync and async, for `add_node()` or `create_node()`. It raises the original exception of the first
        step that failed, after all other steps that can run have ended.

    Raises:
        TypeError: `inputs` or `outputs` is not a function.
        ValueError: `max_concurrency` is not a whole number of at least 1.
    """
    limit: Any = max_concurrency
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise ValueError(f"max_concurrency must be None or a whole number of at least 1, got {limit!r:.80}.")
    for option, function in (("inputs", inputs), ("outputs", outputs)):
        if function is not None and not callable(function):
            raise TypeError(f"{option} must be a function, got {function!r:.80}.")
    select_inputs = inputs or _fields_of(blueprint)

    async def awaited(state: Any, config: RunnableConfig) -> Any:
        results = await run_inline(
            blueprint, select_inputs(state), config, max_concurrency=max_concurrency, artifacts=artifacts
        )
        return results if outputs is None else outputs(results)

    return RunnableLambda(_blocking(awaited), awaited, name=blueprint.id)


def _blocking(awaited: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[[Any, RunnableConfig], Any]:
    """Return a blocking function that runs the coroutine function `awaited` in a new event loop."""

    def called(state: Any, config: RunnableConfig) -> Any:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(awaited(state, config))
        # This thread has a running event loop, which cannot run a second one.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(copy_context().run, asyncio.run, awaited(state, config)).result()

    return called


def _fields_of(blueprint: Blueprint) -> Callable[[Any], Any]:
    fields = blueprint.inputs.fields
    if fields is None:
        return lambda state: state

    def of_state(state: Any) -> Any:
        if isinstance(state, dict):
            return {name: state[name] for name in fields if name in state}
        return {name: getattr(state, name) for name in fields if hasattr(state, name)}

    return of_state


def _node_names(blueprint: Blueprint) -> dict[str, str]:
    # In LangGraph, a node must not have the name of a field of the state.
    names: dict[str, str] = {}
    for step in blueprint.steps:
        name = step
        while name in _FIELD_NAMES or (name != step and name in blueprint.steps):
            name += "_step"
        names[step] = name
    return names


def _node(blueprint: Blueprint, step: BoundStep, artifacts: ArtifactSink | None) -> RunnableLambda[Any, Any]:
    async def awaited(state: Any, config: RunnableConfig) -> Any:
        call = _call_of(blueprint, step, state, artifacts)
        return _update(step, await step.run(call, config) if isinstance(call, StepCall) else call)

    def called(state: Any, config: RunnableConfig) -> Any:
        call = _call_of(blueprint, step, state, artifacts)
        return _update(step, step.run_blocking(call, config) if isinstance(call, StepCall) else call)

    node = RunnableLambda(_blocking(awaited) if step.needs_loop else called, awaited, name=step.id)
    if isinstance(step.spec.run, Runnable):
        node.deps = [step.spec.run]  # LangGraph looks for subgraphs here.
    return node


def _call_of(
    blueprint: Blueprint, step: BoundStep, state: Any, artifacts: ArtifactSink | None
) -> StepCall | Failure | None:
    """Return what the step is called with; None if it is skipped, a failure if its arguments cannot be made."""
    statuses = state.get("steps") or {}
    delivered = [statuses.get(before) == StepStatus.COMPLETED for before in step.dependencies]
    if not JoinRule(step.spec.join).allows(delivered):
        return None
    inputs = _inputs_of(blueprint, state)  # If this raises, the run fails, not the step.
    found = state.get("outputs") or {}

    def received() -> Any:
        outputs = {
            before: blueprint.steps[before].output.load(to_json(found[before])) if ok else None
            for before, ok in zip(step.dependencies, delivered, strict=True)
        }
        return step.receives(inputs, outputs)

    try:
        return StepCall(received, _context(blueprint, step, artifacts))
    except Exception as error:  # An input_selector of the user may raise anything.
        return step.failed(error)


def _update(step: BoundStep, outcome: Outcome | None) -> dict[str, Any]:
    """Return the update of the state; the outcome of a skipped step is None."""
    if outcome is None:
        return {"steps": {step.id: StepStatus.SKIPPED.value}}
    if isinstance(outcome, Success):
        output = from_json(outcome.value[OUTPUT].data)
        return {"outputs": {step.id: output}, "steps": {step.id: StepStatus.COMPLETED.value}}
    return {
        "errors": [outcome.record],
        "routing_flags": {"blocked": True},
        "steps": {step.id: StepStatus.FAILED.value},
    }


def _inputs_of(blueprint: Blueprint, state: Any) -> Any:
    kept = state.get("inputs")
    if isinstance(kept, dict):
        with suppress(WorkflowInputError):
            return blueprint.inputs.load(to_json(kept))
    # The state has no inputs if they do not fit; a checkpoint of an earlier release has inputs that were not checked.
    return blueprint.inputs.check(kept)[0]


def _context(blueprint: Blueprint, step: BoundStep, artifacts: ArtifactSink | None) -> StepContext:
    """Return the `ctx` of a step. LangGraph keeps the id of a task when it resumes a run after a crash."""
    info = get_runtime().execution_info
    task = None if info is None else info.task_id
    run = None if info is None else info.run_id or info.thread_id
    return StepContext(
        run_id=run or "graph", workflow=blueprint.id, step=step.id, sink=artifacts, idempotency_key=task
    )
