"""A workflow inside LangGraph: as a graph of its steps, to look at in Studio, or as one node of any graph."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Annotated, Any, Final, get_type_hints

from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import get_runtime
from pydantic_core import from_json, to_json
from typing_extensions import TypedDict  # pydantic reads that of typing only from Python 3.12 on

from langgraph_runner.node import Success
from langgraph_runner.state import GraphState, merge_mappings
from langgraph_runner.workflow.calling import OUTPUT, Call
from langgraph_runner.workflow.context import StepContext
from langgraph_runner.workflow.definition.spec import JoinRule
from langgraph_runner.workflow.errors import WorkflowInputError
from langgraph_runner.workflow.langgraph.channel import CheckedInputs
from langgraph_runner.workflow.langgraph.inline import run_inline
from langgraph_runner.workflow.scheduler import StepStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from langgraph_runner.node import Outcome
    from langgraph_runner.workflow.context import ArtifactSink
    from langgraph_runner.workflow.definition.blueprint import Blueprint
    from langgraph_runner.workflow.steps import BoundStep

__all__ = ["DEFAULT_CONCURRENCY", "WorkflowState", "as_node", "to_graph"]

DEFAULT_CONCURRENCY: Final = 64


class WorkflowState(GraphState, total=False):
    """The state of a workflow that runs as a graph."""

    inputs: Any
    """The inputs of the run, given as JSON values or as their model; kept as JSON values, with all defaults."""
    outputs: Annotated[dict[str, Any], merge_mappings]
    """What steps have delivered, by id, as JSON values."""
    steps: Annotated[dict[str, str], merge_mappings]
    """How steps have ended, by id: a `StepStatus`."""


_TAKEN: Final = frozenset(WorkflowState.__annotations__) | frozenset(GraphState.__annotations__)


def to_graph(blueprint: Blueprint, artifacts: ArtifactSink | None = None) -> StateGraph[Any, Any, Any, Any]:
    """The workflow as a `StateGraph` with one node for each step, to be compiled.

    It gives the same outputs as the engine, but LangGraph's barrier holds: a superstep waits for its slowest node.
    Nothing is cached. A step that fails becomes a record in `errors`, and what needs it is skipped.

    Args:
        blueprint: The workflow.
        artifacts: Who keeps what steps save.

    Returns:
        A graph of `WorkflowState`, to be called with `{"inputs": ...}`, sync or async. Inputs that do not fit raise a
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
            # Studio and drawings show it.
            metadata={"effects": True} if step.has_effects else None,
        )
    for step in blueprint.steps.values():
        before = [names[each] for each in step.dependencies]
        builder.add_edge(before if len(before) > 1 else (before or [START])[0], names[step.id])
        if not blueprint.dag.dependents[step.id]:
            builder.add_edge(names[step.id], END)
    return builder


def _state_schema(blueprint: Blueprint) -> Any:
    """`WorkflowState` whose inputs are checked when they are written: once for all steps."""
    typed_dict: Any = TypedDict  # To a type checker the call below would declare a type.
    fields = get_type_hints(WorkflowState, include_extras=True)
    return typed_dict(
        WorkflowState.__name__,
        {**fields, "inputs": Annotated[Any, CheckedInputs(blueprint.inputs)]},
        total=False,
    )


def _input_schema(blueprint: Blueprint) -> Any:
    """What the graph is called with; Studio makes a form of it."""
    typed_dict: Any = TypedDict  # To a type checker the call below would declare a type.
    model = Any if blueprint.spec.inputs is None else blueprint.spec.inputs
    return typed_dict("WorkflowInputs", {"inputs": model, "story_id": str}, total=False)


def as_node(
    blueprint: Blueprint,
    *,
    inputs: Callable[[Any], Any] | None = None,
    outputs: Callable[[dict[str, Any]], Any] | None = None,
    max_concurrency: int | None = DEFAULT_CONCURRENCY,
    artifacts: ArtifactSink | None = None,
) -> RunnableLambda[Any, Any]:
    """The whole workflow as one node: a DAG without LangGraph's barrier, each step as soon as it can.

    Nothing of it survives its call: an interrupt in a step, or a retry of the node, begins anew.

    Args:
        blueprint: The workflow.
        inputs: Gives the inputs of the state; None takes the fields of the inputs' model, or without one the state
            as it is.
        outputs: Gives the update of the state of the outputs by step id; None writes each to the field of its name.
        max_concurrency: How many steps may run at once, at least 1; None for any number. A plain function takes a
            thread.
        artifacts: Who keeps what steps save.

    Returns:
        A Runnable, sync and async, for `add_node()` or `create_node()`. It raises the original exception of the first
        step that failed, when all that could run has ended.

    Raises:
        TypeError: `inputs` or `outputs` is no function.
        ValueError: `max_concurrency` is out of its range.
    """
    limit: Any = max_concurrency
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise ValueError(f"max_concurrency: {limit!r:.80} is no whole number of at least 1.")
    for option, function in (("inputs", inputs), ("outputs", outputs)):
        if function is not None and not callable(function):
            raise TypeError(f"{option} is {function!r:.80}; give a function.")
    select = inputs or _fields_of(blueprint)

    async def awaited(state: Any, config: RunnableConfig) -> Any:
        found = await run_inline(
            blueprint, select(state), config, max_concurrency=max_concurrency, artifacts=artifacts
        )
        return found if outputs is None else outputs(found)

    return RunnableLambda(_blocking(awaited), awaited, name=blueprint.id)


def _blocking(awaited: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[[Any, RunnableConfig], Any]:
    """`awaited` for callers that block, with an event loop of its own."""

    def called(state: Any, config: RunnableConfig) -> Any:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(awaited(state, config))
        with ThreadPoolExecutor(1) as thread:  # This one has a loop already, which cannot run another.
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
    # LangGraph has one set of names for nodes and fields of the state.
    names: dict[str, str] = {}
    for step in blueprint.steps:
        name = step
        while name in _TAKEN or (name != step and name in blueprint.steps):
            name += "_step"
        names[step] = name
    return names


def _node(blueprint: Blueprint, step: BoundStep, artifacts: ArtifactSink | None) -> RunnableLambda[Any, Any]:
    async def awaited(state: Any, config: RunnableConfig) -> Any:
        turn = _Turn(blueprint, step, state, artifacts)
        if turn.call is not None:
            turn.outcome = await step.run(turn.call, config)
        return turn.update()

    def called(state: Any, config: RunnableConfig) -> Any:
        turn = _Turn(blueprint, step, state, artifacts)
        if turn.call is not None:
            turn.outcome = step.run_blocking(turn.call, config)
        return turn.update()

    node = RunnableLambda(_blocking(awaited) if step.needs_loop else called, awaited, name=step.id)
    if isinstance(step.spec.run, Runnable):
        node.deps = [step.spec.run]  # Where LangGraph looks for subgraphs.
    return node


class _Turn:
    """One step's turn in a run of the graph, but for the running itself, which has two colours."""

    def __init__(
        self, blueprint: Blueprint, step: BoundStep, state: Any, artifacts: ArtifactSink | None
    ) -> None:
        self._step = step
        self.call: Call | None = None
        """What the step is called with; None if it is not to be called."""
        self.outcome: Outcome | None = None
        """None for a step that was skipped."""
        statuses = state.get("steps") or {}
        delivered = [statuses.get(before) == StepStatus.COMPLETED for before in step.dependencies]
        if not JoinRule(step.spec.join).allows(delivered):
            return
        inputs = _inputs_of(blueprint, state)  # Raises: that is no failure of the step.
        found = state.get("outputs") or {}

        def received() -> Any:
            outputs = {
                before: blueprint.steps[before].output.load(to_json(found[before])) if ok else None
                for before, ok in zip(step.dependencies, delivered, strict=True)
            }
            return step.receives(inputs, outputs)

        try:
            self.call = Call(received, _context(blueprint, step, artifacts))
        except Exception as error:  # A selector is the user's.
            self.outcome = step.failed(error)

    def update(self) -> dict[str, Any]:
        """What it writes to the state."""
        step, outcome = self._step.id, self.outcome
        if outcome is None:
            return {"steps": {step: StepStatus.SKIPPED.value}}
        if isinstance(outcome, Success):
            output = from_json(outcome.value[OUTPUT].data)
            return {"outputs": {step: output}, "steps": {step: StepStatus.COMPLETED.value}}
        return {
            "errors": [outcome.record],
            "routing_flags": {"blocked": True},
            "steps": {step: StepStatus.FAILED.value},
        }


def _inputs_of(blueprint: Blueprint, state: Any) -> Any:
    kept = state.get("inputs")
    if isinstance(kept, dict):
        with suppress(WorkflowInputError):
            return blueprint.inputs.load(to_json(kept))
    # There are none only where they do not fit; what an earlier release has kept was not checked yet.
    return blueprint.inputs.check(kept)[0]


def _context(blueprint: Blueprint, step: BoundStep, artifacts: ArtifactSink | None) -> StepContext:
    """Of a step in a graph. A task of LangGraph's keeps its id when the run is resumed after a crash."""
    info = get_runtime().execution_info
    task = None if info is None else info.task_id
    run = None if info is None else info.run_id or info.thread_id
    return StepContext(
        run_id=run or "graph", workflow=blueprint.id, step=step.id, sink=artifacts, idempotency_key=task
    )
