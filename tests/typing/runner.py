"""The types of `GraphRunner`, checked by mypy and by pyright in strict mode; never run."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false

from __future__ import annotations

from typing import assert_type

from langgraph.graph import START, StateGraph

from langgraph_runner import (
    AbortController,
    ExecutionOptions,
    GraphRunner,
    GraphRunResult,
    GraphRunStatus,
    GraphState,
    JsonFileSaver,
)


def node(state: GraphState) -> dict[str, str]:
    """A function."""
    return {"story_id": state.get("story_id", "ST-7")}


graph = StateGraph(GraphState).add_node("node", node).add_edge(START, "node").compile()
runner = GraphRunner(graph, ExecutionOptions(max_concurrency=2, timeout_ms=60_000))
signal = AbortController().signal

result = runner.invoke({}, abort_signal=signal, durability="sync", interrupt_before=["node"])
assert_type(result, GraphRunResult)
assert_type(result.status, GraphRunStatus)
assert_type(result.thread_id, str | None)
assert_type(runner.run({}).error, Exception | None)

runner.run({}, abort_signl=signal)  # type: ignore[call-arg]
runner.invoke({}, abort_signl=signal)  # type: ignore[call-arg]
runner.invoke({}, durability="never")  # type: ignore[arg-type]
ExecutionOptions(max_concurency=2)  # type: ignore[call-arg]
GraphRunner(graph, {"timeout_ms": 5})  # type: ignore[arg-type]

saver = JsonFileSaver("runs/audit.json")
StateGraph(GraphState).compile(checkpointer=saver)


async def awaited() -> None:
    """A coroutine function."""
    assert_type(await runner.ainvoke({}, control=None), GraphRunResult)
    assert_type(await runner.arun({}, debug=False), GraphRunResult)
    await runner.ainvoke({}, abort_signl=signal)  # type: ignore[call-arg]
    async for _ in runner.astream({}, stream_mode=["updates", "values"], subgraphs=True):
        break
    runner.astream({}, stream_mod="values")  # type: ignore[call-arg]
