"""Wrong uses of the package, one a line, that type checkers must refuse: see `test_typing.py`. Never run."""

from __future__ import annotations

from langgraph.graph import StateGraph
from langgraph.pregel import Pregel

from langgraph_runner import (
    ChangeRequest,
    GraphRunner,
    GraphState,
    RunEngine,
    StepContext,
    Workflow,
    create_node,
    wrap_graph,
)
from langgraph_runner import NodeSpanz  # wrong: an unknown name
from langgraph_runner.engine import RunEngin  # wrong: an unknown name of a part
from langgraph_runner.metrics.exporters import NodeSpanz as Spans  # wrong: and of the exporters


def engines(shop: Workflow, change: ChangeRequest) -> None:
    """Methods and options of the run engine."""
    RunEngine([shop], stor="sqlite://")  # wrong: a misspelt option
    RunEngine.sync([shop], stor="sqlite://")  # wrong: a misspelt option
    with RunEngine.sync([shop]) as engine:
        engine.no_such_method()  # wrong: a misspelt method
        engine.run("shop.v1", priorty=3)  # wrong: a misspelt option
        engine.run("shop.v1", priority="high")  # wrong: a text for a number
        engine.update("id", change, tennant="acme")  # wrong: a misspelt option
        engine.retry("id", wait=True)  # wrong: an option of another method
        engine.resume("id", priority=1)  # wrong: an option of another method
        engine.list_runs(limt=3)  # wrong: a misspelt option
        engine.get_run("id").stats  # wrong: a misspelt field
        engine.run("shop.v1").get_steps()  # wrong: a method that a run does not have


async def awaited_engines(shop: Workflow) -> None:
    """The same on an event loop."""
    async with RunEngine([shop]) as engine:
        await engine.run("shop.v1", priorty=3)  # wrong: a misspelt option
        await engine.trigger_retry("id", priorty=3)  # wrong: a misspelt option


def nodes() -> None:
    """Options and methods of nodes."""

    def load(state: GraphState) -> dict[str, str]:
        return {"story_id": state.get("story_id", "")}

    create_node(load, retries=3)  # wrong: a misspelt option
    node = create_node(load, retry=3)
    node.rnu({})  # wrong: a misspelt method
    node.run()  # wrong: no state
    node.run({}).valu  # wrong: a misspelt field


def workflows(shop: Workflow) -> None:
    """Options of steps and of the node of a workflow."""

    def price(ctx: StepContext) -> float:
        return ctx.atempt  # wrong: a misspelt attribute

    shop.step(price, retries=3)  # wrong: a misspelt option
    shop.as_node(max_concurency=3)  # wrong: a misspelt option


def graphs(
    graph: Pregel[GraphState, None, GraphState, GraphState],
    builder: StateGraph[GraphState, None, GraphState, GraphState],
) -> None:
    """Options of the graph runner and of nodes."""
    GraphRunner(graph).invoke({}, abort_signl=None)  # wrong: a misspelt option
    wrap_graph(builder, retries=3)  # wrong: a misspelt option
