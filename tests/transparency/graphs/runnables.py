"""LangChain's Runnables as nodes: lambdas, sequences, maps, and what can be bound to them."""

from __future__ import annotations

from operator import add
from typing import Annotated, Any

from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import (
    Runnable,
    RunnableBranch,
    RunnableConfig,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
)
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from tests.transparency.scenario import MEDIUM, Form, graph

ONLY = MEDIUM


class State(TypedDict, total=False):
    """What the graphs here work on."""

    x: int
    said: Annotated[list[str], add]


def increased(state: State) -> dict[str, Any]:
    """Return one more."""
    return {"x": state["x"] + 1}


async def aincreased(state: State) -> dict[str, Any]:
    """Return one more, awaited."""
    return {"x": state["x"] + 1}


def chain(*nodes: Any) -> Any:
    """A chain of these nodes."""
    builder = StateGraph(State).add_sequence([(f"n{i}", node) for i, node in enumerate(nodes)])
    return builder.add_edge(START, "n0").compile(checkpointer=InMemorySaver())


@graph({"x": 1})
def lambdas(wrap: Form) -> Any:
    """RunnableLambdas of a function and of a lambda, and one with a name."""
    return chain(
        wrap(RunnableLambda(increased)),
        wrap(RunnableLambda(lambda state: {"said": ["l"]})),
        wrap(RunnableLambda(increased, name="named")),
    )


@graph({"x": 1})
def lambdas_named_by_themselves(wrap: Form) -> Any:
    """LangGraph uses the name of a Runnable as the name of its node."""
    builder = StateGraph(State).add_node(wrap(RunnableLambda(increased)))
    return builder.add_edge(START, next(iter(builder.nodes))).compile(checkpointer=InMemorySaver())


def _say(state: State, config: RunnableConfig) -> dict[str, Any]:
    return {"said": [str(config["metadata"]["langgraph_node"]), str(config["tags"])]}


@graph({"x": 1})
def lambdas_of_both_modes(wrap: Form) -> Any:
    """A RunnableLambda with a sync and an async function."""
    return chain(wrap(RunnableLambda(increased, aincreased)), wrap(RunnableLambda(_say)))


@graph({"x": 1}, modes=("async",))
def async_lambdas(wrap: Form) -> Any:
    """A RunnableLambda with a coroutine function only."""
    return chain(wrap(RunnableLambda(aincreased)))


@graph({"x": 1}, only=None)
def sequences(wrap: Form) -> Any:
    """Sequences, whose steps appear in callbacks."""
    return chain(wrap(RunnableLambda(increased) | increased | RunnablePassthrough()))


@graph({"x": 1})
def maps(wrap: Form) -> Any:
    """Maps. Parallel runs appear in a fixed order only if one of them is empty."""
    return chain(wrap(RunnableParallel(x=lambda state: state["x"] + 1)))


@graph({"x": 1})
def a_dict_of_functions(wrap: Form) -> Any:
    """LangGraph converts a dict of functions to a map."""
    return chain(wrap({"x": lambda state: state["x"] + 1}))


@graph({"x": 1})
def passthrough(wrap: Form) -> Any:
    """`RunnablePassthrough`, alone and with `assign()`."""
    return chain(wrap(RunnablePassthrough()), wrap(RunnablePassthrough.assign(x=lambda state: 7)))


@graph({"x": 1})
def bound(wrap: Form) -> Any:
    """Runnables with a bound config, arguments, types, and listeners."""
    lambdas: list[Runnable[Any, Any]] = [
        RunnableLambda(_say).with_config(tags=["mine"], metadata={"m": 1}, run_name="renamed"),
        RunnableLambda(increased).with_types(input_type=dict),
        RunnableLambda(_plus).bind(step=5),
        RunnableLambda(increased).with_listeners(on_start=lambda run: None),
    ]
    return chain(*(wrap(each) for each in lambdas))


def _plus(state: State, step: int) -> dict[str, Any]:
    return {"x": state["x"] + step}


@graph({"x": 1})
def branches(wrap: Form) -> Any:
    """The first branch whose condition holds runs."""
    branch = RunnableBranch((lambda state: state["x"] > 5, _say), increased)
    return chain(wrap(branch))


@graph({"x": 1})
def fallbacks_of_langchain(wrap: Form) -> Any:
    """The first Runnable fails, and LangChain's fallback runs."""

    def fail(state: State) -> dict[str, Any]:
        raise ValueError("no")

    return chain(wrap(RunnableLambda(fail).with_fallbacks([RunnableLambda(increased)])))


@graph({"x": 1})
def retries_of_langchain(wrap: Form) -> Any:
    """A Runnable that fails twice, with LangChain's retry."""
    calls: list[int] = []

    def flaky(state: State) -> dict[str, Any]:
        calls.append(1)
        if len(calls) % 3:
            raise ConnectionError(str(len(calls) % 3))
        return {"x": len(calls) % 3}

    retrying = RunnableLambda(flaky).with_retry(wait_exponential_jitter=False, stop_after_attempt=3)
    return chain(wrap(retrying.with_config(run_name="flaky")))


@graph({"x": 1}, only=("results", "all_streams", "events_v2", "callbacks", "traces", "structure"))
def streaming_generators(wrap: Form) -> Any:
    """A Runnable that streams its chunks."""

    def words(chunks: Any) -> Any:
        for chunk in chunks:
            for word in ("a", "b"):
                yield {"said": [f"{word}{chunk['x']}"]}

    async def awords(chunks: Any) -> Any:
        async for chunk in chunks:
            for word in ("a", "b"):
                yield {"said": [f"{word}{chunk['x']}"]}

    return chain(wrap(RunnableGenerator(words, awords)))


@graph({"x": 1})
def prompts(wrap: Form) -> Any:
    """A prompt, and a step that reads it."""
    prompt = ChatPromptTemplate.from_messages([("system", "be brief"), ("user", "x is {x}")])
    return chain(wrap(prompt | (lambda value: {"said": [value.to_string()]})))


@graph({"x": 1})
def returned_runnables(wrap: Form) -> Any:
    """LangGraph invokes a Runnable that a node returns."""
    return chain(
        wrap(lambda state: RunnableLambda(increased)),
        wrap(RunnableLambda(lambda state: RunnableLambda(_say))),
    )


class Doubling(Runnable[Any, Any]):
    """A user-defined Runnable."""

    def invoke(self, input: Any, config: Any = None, **_: Any) -> Any:  # noqa: A002
        """Double."""
        return {"x": input["x"] * 2}


@graph({"x": 1})
def runnable_of_ones_own(wrap: Form) -> Any:
    """A user-defined Runnable without a name and without async methods."""
    return chain(wrap(Doubling()), wrap(Doubling().with_config(run_name="doubling")))


@graph({"x": 1})
def that_fails(wrap: Form) -> Any:
    """A step in the middle of a sequence raises."""

    def fail(state: State) -> dict[str, Any]:
        raise LookupError("sequence")

    return chain(wrap(RunnableLambda(increased) | fail))
