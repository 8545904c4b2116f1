"""Findings of LangGraph's own tests: differences between a node and the function that it wraps."""

import asyncio
import copy
import functools
import operator
from typing import Annotated, TypedDict

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import AddableDict, RunnableLambda, RunnableParallel, RunnablePassthrough
from langgraph.channels import EphemeralValue, LastValue
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import InvalidUpdateError
from langgraph.func import entrypoint, task
from langgraph.graph import START, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.pregel import NodeBuilder, Pregel
from langgraph.types import Command

from langgraph_runner import GraphState, InvalidNodeOutputError, create_node

ON_ERROR = pytest.mark.parametrize("on_error", ["capture", "record", "raise"])


class State(GraphState, total=False):
    """A state with fields."""

    x: int


def graph_of(action, state=State):
    """A graph of one node."""
    return StateGraph(state).add_node("n", action).add_edge(START, "n").compile()


@pytest.mark.req("N-4")
@ON_ERROR
@pytest.mark.parametrize(
    ("state", "value", "result"),
    [
        (Annotated[list, operator.add], ["new"], ["old", "new"]),
        (Annotated[list, operator.add], ("new",), None),
        (list, [{1: 2}], [{1: 2}]),
        (dict, {1: "one"}, {1: "one"}),
        (int, 5, 5),
        (str, "text", "text"),
    ],
)
def test_a_state_that_is_one_value_takes_anything(mode, on_error, state, value, result):
    """LangGraph writes the result of a node as the state, so the node does not look for fields."""
    bare, wrapped = (
        graph_of(action, state)
        for action in (
            mode.function(lambda s: value),
            create_node(mode.function(lambda s: value), on_error=on_error),
        )
    )
    if result is None:  # The reducer still refuses what it cannot add.
        for graph in (bare, wrapped):
            with pytest.raises(TypeError, match="concatenate"):
                mode.invoke(graph, ["old"])
    else:
        assert mode.invoke(wrapped, ["old"]) == mode.invoke(bare, ["old"]) == result


@pytest.mark.req("N-4")
def test_a_fallback_may_return_what_the_state_takes(mode):
    """For example, a list if the state is a list."""

    def fail(state):
        raise ValueError

    node = create_node(mode.function(fail), fallback=lambda s: ["instead"])
    assert mode.invoke(graph_of(node, Annotated[list, operator.add]), ["old"]) == ["old", "instead"]


@pytest.mark.req("N-4")
@pytest.mark.parametrize("value", [5, [5], {1: 2}])
def test_a_state_with_fields_takes_no_other_value(mode, value):
    """The node refuses it with its own message. `except InvalidUpdateError` catches it, as in LangGraph."""
    graph = graph_of(create_node(mode.function(lambda s: value), on_error="raise"))
    with pytest.raises(InvalidNodeOutputError) as caught:
        mode.invoke(graph, {"x": 1})
    assert isinstance(caught.value, InvalidUpdateError)


@pytest.mark.req("N-4")
@ON_ERROR
def test_an_entrypoint_may_be_a_node(mode, on_error):
    """It returns a result of any type, and gets its previous result."""

    def total(number, *, previous=None):
        return entrypoint.final(value=number + (previous or 0), save=number)

    node = create_node(mode.function(total), on_error=on_error)
    flow = entrypoint(checkpointer=InMemorySaver())(node)
    config = {"configurable": {"thread_id": "1"}}
    assert [mode.invoke(flow, n, config) for n in (1, 5, 2)] == [1, 6, 7]


@pytest.mark.req("N-4")
@ON_ERROR
def test_a_task_may_be_a_node(on_error):
    """The calling node gets its result, which need not fit the state."""
    double = task(create_node(lambda x: x * 2, name="double", on_error=on_error))

    def call(state):
        return {"x": double(state["x"]).result()}

    assert graph_of(call).invoke({"x": 21})["x"] == 42


@pytest.mark.req("N-4")
@ON_ERROR
def test_a_pregel_may_hold_nodes(mode, on_error):
    """A `NodeBuilder` writes whole values to its channels."""
    node = create_node(mode.function(lambda x: x + 1), on_error=on_error)
    graph = Pregel(
        nodes={"n": NodeBuilder().subscribe_only("input").do(node).write_to("output")},
        channels={"input": EphemeralValue(int), "output": LastValue(int)},
        input_channels="input",
        output_channels="output",
    )
    assert mode.invoke(graph, 1) == 2


@pytest.mark.req("N-26")
def test_a_dict_runs_side_by_side(mode):
    """LangGraph accepts a dict of functions as a node, and so does `create_node()`."""
    node = create_node({"x": lambda s: s["x"] + 1})
    assert mode.invoke(graph_of(node), {"x": 1})["x"] == 2


@pytest.mark.req("N-26")
def test_subgraphs_that_a_decorated_function_calls_are_found():
    """LangGraph finds them through the decorator and the node."""
    subgraph = graph_of(lambda s: {"x": 1})

    def work(state):
        return subgraph.invoke(state)

    @functools.wraps(work)
    def decorated(state):
        return work(state)

    for action in (decorated, create_node(decorated)):
        assert [name for name, _ in graph_of(action).get_subgraphs()] == ["n"]


@pytest.mark.req("N-26")
def test_attributes_of_the_function_are_on_the_node():
    """A registry or a decorator may have set them."""

    def work(state):
        return {}

    work.mark = "mine"
    assert create_node(work).mark == "mine"


def is_refused(action):
    """Whether LangGraph refuses a `timeout` for it."""
    try:
        StateGraph(State).add_node("n", action, timeout=1).add_edge(START, "n").compile()
    except ValueError as error:
        assert "only supported for async nodes" in str(error)  # noqa: PT017
        return True
    return False


async def awaited(state):
    """A coroutine function."""
    return {}


@pytest.mark.req("N-26")
@pytest.mark.parametrize(
    ("runnable", "expected"),
    [
        (RunnableLambda(lambda s: {}), True),
        (RunnableLambda(lambda s: {}).with_config(tags=["t"]), True),
        (RunnablePassthrough() | RunnableLambda(lambda s: {}), True),
        (RunnableParallel(a=lambda s: 1), True),
        (RunnableLambda(awaited), False),
        (RunnableLambda(awaited).with_config(tags=["t"]), False),
        (graph_of(awaited), False),
    ],
    ids=["lambda", "bound", "sequence", "parallel", "async", "bound async", "graph"],
)
def test_langgraph_refuses_a_timeout_for_what_it_cannot_stop(runnable, expected):
    """For example, a Runnable of sync functions, and its node."""
    assert is_refused(runnable) is expected
    assert is_refused(create_node(runnable)) is expected


@pytest.mark.req("N-26")
@pytest.mark.parametrize(
    "runnable",
    [
        RunnableLambda(lambda s: {}),
        RunnablePassthrough() | RunnableLambda(lambda s: {}),
        graph_of(lambda s: {}),
    ],
    ids=["lambda", "sequence", "graph"],
)
def test_a_drawing_names_the_kind_of_the_runnable(runnable):
    """Tools that read the JSON of a graph see only known classes."""
    assert drawn(create_node(runnable)) == drawn(runnable)


@pytest.mark.req("N-26")
def test_a_drawing_lists_the_tools():
    """The node shows the attributes of the wrapped Runnable, also those that programs read although private."""

    def search(query: str) -> str:
        """Search."""
        return query

    bare = ToolNode([search])
    node = create_node(bare)
    assert node.tools_by_name is bare.tools_by_name
    assert node._tools_by_name is bare._tools_by_name
    assert drawn(node) == drawn(bare)
    for missing in ("no_such_thing", "_no_such_thing", "__no_such_thing__"):
        assert not hasattr(node, missing)


@pytest.mark.req("N-26")
def test_a_node_can_be_copied():
    """A copy looks up attributes before the wrapped object is set."""
    node = create_node(RunnableLambda(lambda s: {"x": 2}))
    assert copy.copy(node).invoke({}) == {"x": 2}


def drawn(action):
    """The JSON of a graph."""
    return graph_of(action).get_graph().to_json()


async def events_of(action):
    """Kind, name and chunk of each event of a run."""
    graph = graph_of(action)
    return [
        (event["event"], event["name"], event["data"].get("chunk"))
        async for event in graph.astream_events({"x": 1}, version="v2")
    ]


async def in_pieces(state):
    """A generator: each piece is streamed, and the node returns the last."""
    yield {"x": 1}
    yield {"x": 2}


@pytest.mark.req("N-26")
@pytest.mark.parametrize(
    "action",
    [
        RunnableLambda(lambda s: {"x": 2}).with_config(run_name="inner"),
        RunnableLambda(awaited),
        graph_of(lambda s: {"x": 2}),
        RunnableLambda(in_pieces),
    ],
    ids=["lambda", "async", "graph", "generator"],
)
def test_events_tell_of_a_runnable_once(action):
    """`astream_events()` shows the same runs and chunks as without the node."""
    assert asyncio.run(events_of(create_node(action))) == asyncio.run(events_of(action))


class Starts(BaseCallbackHandler):
    """Keeps the names of the runs that start."""

    def __init__(self):
        self.names = []

    def on_chain_start(self, serialized, inputs, **kwargs):
        """A run starts."""
        self.names.append(kwargs["name"])


@pytest.mark.req("N-26")
def test_a_streamed_node_runs_what_it_wraps_once(mode):
    """`stream()` and `astream()` deliver one chunk, and report the run of the Runnable alone."""
    node, starts = create_node(RunnableLambda(lambda s: {"x": 2}, name="inner")), Starts()
    assert streamed(mode, node, {"callbacks": [starts]}) == [{"x": 2}]
    assert starts.names == ["inner"]


@pytest.mark.req("N-26")
def test_chunks_are_added_up(mode):
    """As in LangGraph: they are added if possible, else the last one counts."""

    class Pieces(RunnablePassthrough):
        def stream(self, input, config=None, **kwargs):  # noqa: A002
            yield from input

        async def astream(self, input, config=None, **kwargs):  # noqa: A002
            for piece in input:
                yield piece

    node = create_node(Pieces(), on_error="raise")
    for pieces, whole in [
        ([AddableDict(x=1), AddableDict(y=2)], {"x": 1, "y": 2}),
        ([{"x": 1}, {"y": 2}], {"y": 2}),
        ([], None),
    ]:
        assert streamed(mode, node, {}, pieces) == [whole]


@pytest.mark.req("N-26")
def test_a_streamed_node_is_retried_and_captures(mode, fake):
    """The options of a node also apply in `astream_events()`."""
    calls = []

    def fail(state):
        calls.append(1)
        raise ConnectionError

    node = create_node(RunnableLambda(fail), retry=3, runtime=fake)
    (update,) = streamed(mode, node)
    assert (len(calls), update["errors"][0]["attempts"], update["errors"][0]["error_type"]) == (
        3,
        3,
        "ConnectionError",
    )


def streamed(mode, node, config=None, state=None):
    """The chunks of a node."""
    state = {"x": 1} if state is None else state
    if not mode.is_async:
        return list(node.stream(state, config))

    async def collect():
        return [chunk async for chunk in node.astream(state, config)]

    return asyncio.run(collect())


class Total(TypedDict, total=False):
    """A state without errors."""

    x: int


@pytest.mark.req("N-26")
def test_a_list_of_commands_is_still_an_update(mode):
    """For a state with fields, and for one that is a single value."""
    commands = [Command(update={"x": 3})]
    assert mode.invoke(graph_of(create_node(mode.function(lambda s: commands)), Total), {"x": 1}) == {"x": 3}
