"""A workflow inside LangGraph: as a graph of its steps, and as one node of any graph."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
from typing import Any

import pytest
from blockbuster import blockbuster_ctx
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from langgraph_runner import AbortController, GraphState, NodeCancellationError, create_node, runner_config
from langgraph_runner.workflow import JoinRule, StepContext, Workflow, WorkflowInputError
from langgraph_runner.workflow.langgraph.graphs import _inputs_of

pytestmark = pytest.mark.req("R-5")


class Brief(BaseModel):
    """The inputs."""

    x: int


class State(TypedDict, total=False):
    """The state of a graph around a workflow; `b` is the output of a step."""

    x: int
    b: int
    after: int


def small(*, fails: bool = False) -> Workflow:
    """Return a workflow with a sync and an async step."""
    flow = Workflow("w.v1", inputs=Brief)

    @flow.step
    def a(x: int) -> int:
        if fails:
            raise LookupError("no such brand")
        return x + 1

    @flow.step
    async def b(a: int) -> int:
        return a * 10

    return flow


def around(node: Any, schema: Any = State) -> Any:
    """Return a graph with the node in the middle."""
    builder = StateGraph(schema).add_node("flow", node).add_node("after", lambda state: {"after": 1})
    return builder.add_edge(START, "flow").add_edge("flow", "after").compile()


# As a graph.


def test_the_edges_of_the_graph_are_the_dependencies() -> None:
    """A drawing of the graph shows the workflow."""
    flow = Workflow("w")
    flow.step(lambda: 1, id="a")
    flow.step(lambda: 1, id="b")
    flow.step(lambda a, b: 1, id="c")
    flow.step(lambda c: 1, id="d", depends_on=["a"])
    drawn = {(edge.source, edge.target) for edge in flow.to_graph().compile().get_graph().edges}
    assert drawn == {
        (START, "a"),
        (START, "b"),
        ("a", "c"),
        ("b", "c"),
        ("a", "d"),
        ("c", "d"),
        ("d", END),
    }


def test_a_step_with_effects_is_marked_in_the_graph() -> None:
    """The mark is in the metadata of its node, which Studio and LangGraph's drawings show."""
    flow = Workflow("w")
    flow.step(lambda: 1, id="price")
    flow.step(lambda price: None, id="mail", effects=True)
    graph = flow.to_graph().compile().get_graph()
    assert graph.nodes["mail"].metadata == {"effects": True}
    assert not graph.nodes["price"].metadata
    assert "effects = True" in graph.draw_mermaid()


def test_a_step_may_have_the_name_of_a_field_of_the_state() -> None:
    """LangGraph forbids that for a node, so the node gets another name that is free."""
    flow = Workflow("w")
    flow.step(lambda: 1, id="errors")
    flow.step(lambda errors: errors + 1, id="errors_step")
    flow.step(lambda errors_step: errors_step + 1, id="outputs")
    graph = flow.to_graph().compile()
    assert graph.invoke({"inputs": {}})["outputs"] == {"errors": 1, "errors_step": 2, "outputs": 3}
    assert {*graph.get_graph().nodes} >= {"errors_step_step", "errors_step", "outputs_step"}


def test_the_graph_asks_for_the_inputs_of_the_workflow() -> None:
    """Studio makes a form of the schema."""
    schema = small().to_graph().compile().get_input_jsonschema()
    assert set(schema["properties"]) == {"inputs", "story_id"}
    assert schema["$defs"]["Brief"]["properties"].keys() == {"x"}


@pytest.mark.parametrize("inputs", [{"x": 1}, Brief(x=1)])
def test_the_graph_takes_inputs_as_json_or_as_their_model(mode: Any, inputs: Any) -> None:
    """The engine does so, too."""
    state = mode.invoke(small().to_graph().compile(), {"inputs": inputs})
    assert state["outputs"] == {"a": 2, "b": 20}
    assert state["steps"] == {"a": "completed", "b": "completed"}


@pytest.mark.parametrize("given", [{}, {"inputs": {}}, {"inputs": {"x": "blue"}}], ids=repr)
def test_inputs_that_do_not_fit_raise(mode: Any, given: Any) -> None:
    """No step is reported as failed."""
    with pytest.raises(WorkflowInputError):
        mode.invoke(small().to_graph().compile(), given)


@pytest.mark.parametrize("given", [{}, {"inputs": None}, {"inputs": {}}, {"inputs": {"name": "x"}}], ids=repr)
def test_a_default_is_the_same_for_every_step(mode: Any, given: Any) -> None:
    """This includes defaults that are computed at each check, with and without other inputs."""
    state = mode.invoke(counted().to_graph().compile(), given)
    assert state["outputs"]["a"] == state["outputs"]["b"] == state["inputs"]["number"]


def test_a_default_is_the_same_after_an_interrupt(mode: Any) -> None:
    """It is part of the checkpoint."""
    graph = counted().to_graph().compile(checkpointer=InMemorySaver(), interrupt_before=["b"])
    thread = {"configurable": {"thread_id": "t"}}
    mode.invoke(graph, {}, thread)
    state = mode.invoke(graph, None, thread)
    assert state["outputs"]["a"] == state["outputs"]["b"]


def counted() -> Workflow:
    """Return a workflow with two steps that receive a field whose default changes with each check."""

    class Numbered(BaseModel):
        name: str = "x"
        number: int = Field(default_factory=itertools.count().__next__)

    flow = Workflow("w", inputs=Numbered)
    flow.step(lambda number: number, id="a")
    flow.step(lambda a, number: number, id="b")
    return flow


def test_inputs_in_an_edited_state_are_checked(mode: Any) -> None:
    """They are converted as those at the start."""
    graph = small().to_graph().compile(checkpointer=InMemorySaver(), interrupt_before=["a"])
    thread = {"configurable": {"thread_id": "t"}}
    mode.invoke(graph, {"inputs": Brief(x=1)}, thread)
    with pytest.raises(WorkflowInputError):
        graph.update_state(thread, {"inputs": {"x": "blue"}})
    graph.update_state(thread, {"inputs": {"x": "2"}})
    assert graph.get_state(thread).values["inputs"] == {"x": 2}
    assert mode.invoke(graph, None, thread)["outputs"]["a"] == 3


def test_inputs_are_read_from_stored_json(mode: Any) -> None:
    """Bytes that are base64 in JSON become the original bytes."""

    class File(BaseModel):
        model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

        content: bytes

    flow = Workflow("w", inputs=File)
    flow.step(lambda content: [*content], id="bytes")
    state = mode.invoke(flow.to_graph().compile(), {"inputs": File(content=b"\xff\x00")})
    assert state["outputs"]["bytes"] == [255, 0]


def test_a_failed_step_is_recorded_and_its_dependents_are_skipped(mode: Any) -> None:
    """The graph continues to its end."""
    flow = small(fails=True)
    flow.step(lambda a: [a], id="report", join=JoinRule.ALL_DONE)
    state = mode.invoke(flow.to_graph().compile(), {"inputs": {"x": 1}})
    assert state["steps"] == {"a": "failed", "b": "skipped", "report": "completed"}
    assert (state["errors"][0]["node_id"], state["errors"][0]["error_type"]) == ("a", "LookupError")
    assert state["routing_flags"]["blocked"]
    assert state["outputs"] == {"report": [None]}


def test_a_crashed_graph_continues_from_its_checkpoint(mode: Any) -> None:
    """Steps that have ended do not run again. The interrupted step keeps its idempotency key."""
    ran: list[str] = []
    flow = Workflow("w")

    @flow.step
    def a(ctx: StepContext) -> int:
        ran.append("a")
        return 1

    @flow.step
    def b(a: int, ctx: StepContext) -> int:
        ran.append(ctx.idempotency_key)
        if len(ran) == 2:
            raise KeyboardInterrupt  # Not an `Exception`, so nothing captures it: like a kill.
        return a + 1

    graph = flow.to_graph().compile(checkpointer=InMemorySaver())
    thread = {"configurable": {"thread_id": "t"}}
    with pytest.raises(KeyboardInterrupt):
        graph.invoke({"inputs": {}}, thread)
    state = mode.invoke(graph, None, thread)
    assert state["outputs"] == {"a": 1, "b": 2}
    assert (ran[0], ran[1] == ran[2], len(ran)) == ("a", True, 3)


def test_two_runs_have_different_idempotency_keys(mode: Any) -> None:
    """Otherwise a service would treat the second run as a repetition of the first."""
    flow = Workflow("w")
    flow.step(lambda ctx: ctx.idempotency_key, id="a")
    graph = flow.to_graph().compile()
    assert mode.invoke(graph, {})["outputs"] != mode.invoke(graph, {})["outputs"]
    assert mode.invoke(flow.as_node(), {}) != mode.invoke(flow.as_node(), {})


def test_a_step_may_interrupt_for_a_question(mode: Any) -> None:
    """The graph stops, and continues with the answer."""
    flow = Workflow("w")
    flow.step(lambda: interrupt("really?"), id="ask")
    flow.step(lambda ask: ask + "!", id="told")
    graph = flow.to_graph().compile(checkpointer=InMemorySaver())
    thread = {"configurable": {"thread_id": "t"}}
    assert mode.invoke(graph, {}, thread)["__interrupt__"][0].value == "really?"
    assert mode.invoke(graph, Command(resume="yes"), thread)["outputs"] == {"ask": "yes", "told": "yes!"}


async def test_nothing_blocks_the_event_loop() -> None:
    """`langgraph dev` raises on blocking calls. Plain functions run in threads."""
    flow = small()

    @flow.step
    def slow(a: int) -> str:
        with open("/dev/null", encoding="utf-8") as file:  # noqa: PTH123
            return file.read()

    graph, node = flow.to_graph().compile(), flow.as_node()
    with blockbuster_ctx():
        assert (await graph.ainvoke({"inputs": {"x": 1}}))["steps"]["slow"] == "completed"
        assert (await node.ainvoke({"x": 1}))["slow"] == ""


# As a node.


@dataclasses.dataclass
class Card:
    """A state that is a dataclass."""

    x: int = 0
    b: int = 0
    after: int = 0


class Page(BaseModel):
    """A state that is a model."""

    x: int = 0
    b: int = 0
    after: int = 0


@pytest.mark.parametrize("schema", [State, Card, Page])
def test_a_node_reads_and_writes_the_fields_of_the_state(mode: Any, schema: Any) -> None:
    """They are the fields of its inputs and the steps with a field of the same name."""
    state = mode.invoke(around(small().as_node(), schema), {"x": 1})
    assert (state["b"], state["after"]) == (20, 1)
    assert "a" not in state


def test_a_node_takes_functions_for_its_inputs_and_outputs(mode: Any) -> None:
    """One reads the state; the other makes the update from the outputs."""
    node = small().as_node(
        inputs=lambda state: {"x": state["x"] + 1}, outputs=lambda outputs: {"b": sum(outputs.values())}
    )
    assert mode.invoke(around(node), {"x": 1})["b"] == 33


async def test_a_node_may_be_called_blocking_inside_a_running_loop() -> None:
    """This happens in notebooks."""
    assert small().as_node().invoke({"x": 1}) == {"a": 2, "b": 20}
    assert around(small().as_node()).invoke({"x": 1})["b"] == 20


def test_a_node_of_a_workflow_can_be_retried(mode: Any) -> None:
    """Each attempt runs all steps."""
    ran: list[str] = []
    flow = Workflow("w", inputs=Brief)

    @flow.step
    def b(x: int) -> int:
        ran.append("b")
        if len(ran) == 1:
            raise ConnectionError
        return x

    node = create_node(flow.as_node(), retry={"max_attempts": 2, "backoff_ms": 0})
    assert mode.invoke(around(node), {"x": 7})["b"] == 7
    assert ran == ["b", "b"]


def test_the_original_exception_of_a_step_is_raised(mode: Any) -> None:
    """A note names the step and the workflow."""
    with pytest.raises(LookupError, match="no such brand") as raised:
        mode.invoke(small(fails=True).as_node(), {"x": 1})
    assert "Step 'a' of workflow 'w.v1' failed." in raised.value.__notes__


def test_a_failing_step_in_a_captured_node_is_a_record(mode: Any) -> None:
    """`create_node` captures it like any failure."""

    class Kept(GraphState, total=False):
        x: int
        after: int

    state = mode.invoke(around(create_node(small(fails=True).as_node()), Kept), {"x": 1})
    assert state["errors"][0]["error_type"] == "LookupError"


def test_independent_steps_run_before_a_failure_is_raised(mode: Any) -> None:
    """The engine does so, too."""
    ended = []
    flow = small(fails=True)
    flow.step(lambda: ended.append(1), id="alone")
    flow.step(lambda alone: ended.append(2), id="more")
    with pytest.raises(LookupError):
        mode.invoke(flow.as_node(), {"x": 1})
    assert ended == [1, 2]


async def test_a_node_has_no_barrier_between_waves() -> None:
    """A step starts when its own dependencies have ended, even if others of their wave still run."""
    flow = Workflow("w")
    events: list[str] = []
    go_on = asyncio.Event()

    @flow.step(effects=False)
    async def fast() -> None:
        events.append("fast")

    @flow.step(effects=False)
    async def slow() -> None:
        await go_on.wait()
        events.append("slow")

    @flow.step(effects=False)
    async def after_fast(fast: None) -> None:
        events.append("after_fast")
        go_on.set()  # With a barrier no step would ever do that.

    await flow.as_node().ainvoke({})
    assert events == ["fast", "after_fast", "slow"]


@pytest.mark.parametrize("limit", [1, 2, None])
async def test_a_node_respects_max_concurrency(limit: int | None) -> None:
    """It reaches the limit and does not exceed it."""
    flow = Workflow("w")
    at_work: list[int] = [0, 0]

    async def work() -> None:
        at_work[0] += 1
        at_work[1] = max(at_work)
        for _ in range(20):
            await asyncio.sleep(0)
        at_work[0] -= 1

    for number in range(5):
        flow.step(work, id=f"s{number}", effects=False)
    await flow.as_node(max_concurrency=limit).ainvoke({})
    assert at_work == [0, limit or 5]


@pytest.mark.parametrize("limit", [0, -1, True, 1.5, "4"])
def test_an_invalid_limit_is_refused(limit: Any) -> None:
    """With a limit below 1 no step would ever run."""
    with pytest.raises(
        ValueError, match=r"max_concurrency must be None or a whole number of at least 1, got"
    ):
        small().as_node(max_concurrency=limit)


@pytest.mark.parametrize("option", ["inputs", "outputs"])
def test_inputs_and_outputs_of_a_node_must_be_functions(option: str) -> None:
    """They are checked when the node is made."""
    with pytest.raises(TypeError, match=f"{option} must be a function, got 0"):
        small().as_node(**{option: 0})


async def test_a_cancelled_node_leaves_no_task_behind() -> None:
    """Its running steps are cancelled, and no further step starts."""
    flow = Workflow("w")
    events: list[str] = []
    begun = asyncio.Event()

    @flow.step(effects=False)
    async def hang() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            events.append("cancelled")

    flow.step(lambda hang: events.append("never"), id="after")
    before = asyncio.all_tasks()
    task = asyncio.ensure_future(around(flow.as_node()).ainvoke({}))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert events == ["cancelled"]
    assert asyncio.all_tasks() == before


async def test_an_interrupt_in_a_node_leaves_no_task_behind() -> None:
    """With the answer, the workflow starts from the beginning."""
    ran: list[str] = []
    flow = Workflow("w")

    @flow.step(effects=False)
    async def hang() -> None:
        ran.append("hang")
        if len(ran) == 1:
            await asyncio.Event().wait()

    flow.step(lambda: interrupt("really?"), id="b", output=int)
    builder = StateGraph(State).add_node("flow", flow.as_node()).add_edge(START, "flow")
    graph = builder.compile(checkpointer=InMemorySaver())
    thread = {"configurable": {"thread_id": "t"}}
    before = asyncio.all_tasks()
    assert (await graph.ainvoke({}, thread))["__interrupt__"][0].value == "really?"
    assert asyncio.all_tasks() == before
    assert (await graph.ainvoke(Command(resume=5), thread))["b"] == 5
    assert ran == ["hang", "hang"]


def test_an_abort_signal_stops_the_steps_of_a_node(mode: Any) -> None:
    """It is passed in the config."""
    controller = AbortController()
    flow = Workflow("w")

    @flow.step
    def hang(ctx: StepContext) -> None:
        controller.abort("enough")
        ctx.abort_signal.wait(10_000)

    with pytest.raises(NodeCancellationError):
        mode.invoke(flow.as_node(), {}, runner_config(abort_signal=controller.signal))


def test_a_state_that_is_not_json_needs_a_model() -> None:
    """Without a model the whole state becomes the inputs."""
    flow = Workflow("w")
    flow.step(lambda inputs: 1, id="a")
    with pytest.raises(WorkflowInputError, match="do not fit"):
        flow.as_node().invoke({"messages": [object()]})


async def test_a_wide_workflow_runs_as_a_node() -> None:
    """It has 2,000 parallel steps, and one that waits for all."""
    flow = Workflow("w")

    async def one() -> int:
        return 1

    for number in range(2_000):
        flow.step(one, id=f"s{number}")
    flow.step(
        RunnableLambda(lambda outputs: sum(outputs.values())),
        id="sum",
        depends_on=[f"s{number}" for number in range(2_000)],
    )
    assert (await flow.as_node(max_concurrency=None).ainvoke({}))["sum"] == 2_000


@pytest.mark.parametrize("kept", [{"hue": 3}, {"Hue": 3}, "model"])
def test_inputs_of_an_earlier_checkpoint_are_read(kept: Any) -> None:
    """An earlier release stored them as they were given: by name, by alias or as their model."""

    class Brand(BaseModel):
        model_config = ConfigDict(populate_by_name=True)

        hue: int = Field(alias="Hue")

    flow = Workflow("w", inputs=Brand)
    flow.step(lambda hue: hue, id="s", output=int)
    given = Brand(hue=3) if kept == "model" else kept
    assert _inputs_of(flow.blueprint(), {"inputs": given}) == Brand(hue=3)
