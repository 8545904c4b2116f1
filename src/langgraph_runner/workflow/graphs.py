"""A workflow inside LangGraph: as a graph of its steps, to look at in Studio, or as one node of any graph."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, Annotated, Any, Final

from langchain_core.runnables import RunnableConfig, RunnableLambda
from langgraph.graph import END, START, StateGraph
from pydantic_core import from_json, to_json

from langgraph_runner.node import Success
from langgraph_runner.state import GraphState, merge_mappings
from langgraph_runner.workflow.context import StepContext
from langgraph_runner.workflow.inline import run_inline
from langgraph_runner.workflow.scheduler import StepStatus
from langgraph_runner.workflow.spec import JoinRule

if TYPE_CHECKING:
    from collections.abc import Callable

    from langgraph_runner.node import Outcome
    from langgraph_runner.workflow.blueprint import Blueprint
    from langgraph_runner.workflow.context import ArtifactSink
    from langgraph_runner.workflow.steps import BoundStep

__all__ = ["WorkflowState", "as_node", "to_graph"]


class WorkflowState(GraphState, total=False):
    """The state of a workflow that runs as a graph."""

    inputs: Any
    """The inputs of the run, as JSON values."""
    outputs: Annotated[dict[str, Any], merge_mappings]
    """What steps have delivered, by id, as JSON values."""
    steps: Annotated[dict[str, str], merge_mappings]
    """How steps have ended, by id: a `StepStatus`."""


_TAKEN: Final = frozenset(WorkflowState.__annotations__) | frozenset(GraphState.__annotations__)


def to_graph(blueprint: Blueprint, artifacts: ArtifactSink | None = None) -> StateGraph[Any, Any, Any, Any]:
    """The workflow as a `StateGraph` with one node for each step, to be compiled.

    It gives the same outputs as the engine, but LangGraph's barrier holds: a superstep waits for its slowest node.
    Nothing is cached.

    Args:
        blueprint: The workflow.
        artifacts: Who keeps what steps save.
    """
    builder: StateGraph[Any, Any, Any, Any] = StateGraph(WorkflowState)
    for step in blueprint.steps.values():
        builder.add_node(_node_name(step.id), _node(blueprint, step, artifacts))
    for step in blueprint.steps.values():
        before = [_node_name(each) for each in step.dependencies]
        builder.add_edge(before if len(before) > 1 else (before or [START])[0], _node_name(step.id))
        if not blueprint.dag.dependents[step.id]:
            builder.add_edge(_node_name(step.id), END)
    return builder


def as_node(
    blueprint: Blueprint,
    *,
    inputs: Callable[[Any], Any] | None = None,
    outputs: Callable[[dict[str, Any]], Any] | None = None,
    max_concurrency: int | None = None,
    artifacts: ArtifactSink | None = None,
) -> RunnableLambda[Any, Any]:
    """The whole workflow as one node: a DAG without LangGraph's barrier, each step as soon as it can.

    Args:
        blueprint: The workflow.
        inputs: Gives the inputs of the state; None takes the fields of the inputs' model, or the state as it is.
        outputs: Gives the update of the state of the outputs by step id; None writes each to the field of its name.
        max_concurrency: How many steps may run at once; None for any number.
        artifacts: Who keeps what steps save.

    Returns:
        A Runnable, sync and async, for `add_node()` or `create_node()`.
    """
    select = inputs or _fields_of(blueprint)

    async def awaited(state: Any, config: RunnableConfig) -> Any:
        found = await run_inline(
            blueprint, select(state), config, max_concurrency=max_concurrency, artifacts=artifacts
        )
        return found if outputs is None else outputs(found)

    return _in_both_colours(awaited, blueprint.id)


def _in_both_colours(awaited: Callable[[Any, RunnableConfig], Any], name: str) -> RunnableLambda[Any, Any]:
    def called(state: Any, config: RunnableConfig) -> Any:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(awaited(state, config))
        with ThreadPoolExecutor(1) as thread:  # This one has a loop already, which cannot run another.
            return thread.submit(copy_context().run, asyncio.run, awaited(state, config)).result()

    return RunnableLambda(called, awaited, name=name)


def _fields_of(blueprint: Blueprint) -> Callable[[Any], Any]:
    fields = blueprint.inputs.fields
    if fields is None:
        return lambda state: state
    return lambda state: {name: state[name] for name in fields if name in state}


def _node_name(step: str) -> str:
    # LangGraph has one set of names for nodes and fields of the state.
    return f"{step}_step" if step in _TAKEN else step


def _node(blueprint: Blueprint, step: BoundStep, artifacts: ArtifactSink | None) -> Any:
    context = StepContext(run_id="graph", workflow=blueprint.id, step=step.id, tenant="graph", sink=artifacts)

    def received(state: Any) -> Any:
        inputs, _ = blueprint.inputs.check(state.get("inputs"))
        found = state.get("outputs") or {}
        outputs = {
            before: blueprint.steps[before].output.load(to_json(found[before])) if before in found else None
            for before in step.dependencies
        }
        return step.receives(inputs, outputs)

    if step.is_async:

        async def awaited(state: Any, config: RunnableConfig) -> Any:
            if not _may_run(step, state):
                return _ended(step, StepStatus.SKIPPED)
            return _update(step, await step.run(received(state), context, config))

        return _in_both_colours(awaited, step.id)

    def called(state: Any, config: RunnableConfig) -> Any:
        if not _may_run(step, state):
            return _ended(step, StepStatus.SKIPPED)
        return _update(step, step.run_blocking(received(state), context, config))

    return called


def _may_run(step: BoundStep, state: Any) -> bool:
    statuses = state.get("steps") or {}
    delivered = [statuses.get(before) == StepStatus.COMPLETED for before in step.dependencies]
    if step.spec.join == JoinRule.ANY_SUCCESS:
        return any(delivered) or not delivered
    return step.spec.join == JoinRule.ALL_DONE or all(delivered)


def _update(step: BoundStep, outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, Success):
        return {
            "outputs": {step.id: from_json(outcome.value["output"].data)},
            **_ended(step, StepStatus.COMPLETED),
        }
    failed = {"errors": [outcome.record], "routing_flags": {"blocked": True}}
    return {**failed, **_ended(step, StepStatus.FAILED)}


def _ended(step: BoundStep, status: StepStatus) -> dict[str, Any]:
    return {"steps": {step.id: status.value}}
