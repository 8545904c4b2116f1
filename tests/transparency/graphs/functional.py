"""The functional API: entrypoints and tasks that call actions, or that are made from actions."""

from __future__ import annotations

from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint, task
from langgraph.graph import START, StateGraph
from langgraph.store.base import BaseStore
from langgraph.store.memory import InMemoryStore
from langgraph.types import Command, RetryPolicy, StreamWriter, interrupt
from typing_extensions import TypedDict

from tests.transparency.scenario import MEDIUM, Form, graph

ONLY = MEDIUM

PLAIN = ("sync",)  # With threads, the events of tasks and of their callers come in any order.


def plus(value: dict[str, Any]) -> dict[str, Any]:
    """One more."""
    return {"x": value["x"] + 1}


def made(function: Any) -> Any:
    """Make an entrypoint from a function."""
    return entrypoint(checkpointer=InMemorySaver(), store=InMemoryStore())(function)


@graph({"x": 1}, {"x": 5}, modes=PLAIN)
def actions_in_a_task(wrap: Form) -> Any:
    """A task that calls a node."""
    node = wrap(plus)

    @task
    def step(value: dict[str, Any]) -> Any:
        return node(value)

    def flow(value: dict[str, Any]) -> Any:
        return step(step(value).result()).result()

    return made(flow)


@graph({"x": 1}, {"x": 5}, modes=("async",))
def awaited_in_a_task(wrap: Form) -> Any:
    """An async task that calls a node."""
    node = wrap(plus)

    @task
    async def step(value: dict[str, Any]) -> Any:
        return await node(value)

    async def flow(value: dict[str, Any]) -> Any:
        return await step(await step(value))

    return made(flow)


@graph({"x": 1}, {"x": 5}, modes=PLAIN)
def task_of_an_action(wrap: Form) -> Any:
    """A task that is made from a node."""
    step = task(wrap(plus))
    return made(lambda value: step(value).result())


@graph({"x": 1}, modes=PLAIN)
def task_of_any_value(wrap: Form) -> Any:
    """A task may return any value."""
    number, words = task(wrap(lambda value: 7)), task(wrap(lambda value: ["a", "b"]))
    return made(lambda value: [number(value).result(), words(value).result()])


@graph(1, 2)
def entrypoint_of_an_action(wrap: Form) -> Any:
    """An entrypoint that is made from a node, and receives its previous return value."""

    def flow(number: int, *, previous: Any = None) -> Any:
        return number + (previous or 0)

    return made(wrap(flow))


@graph(1, 2)
def saved_apart(wrap: Form) -> Any:
    """`entrypoint.final` returns one value and saves another."""

    def flow(number: int, *, previous: Any = None) -> Any:
        return entrypoint.final(value=previous, save=number * 10)

    return made(wrap(flow))


@graph({"x": 1}, only=None)
def entrypoint_with_everything(wrap: Form) -> Any:
    """An entrypoint with all injected parameters."""

    def flow(
        value: dict[str, Any],
        config: RunnableConfig,
        *,
        store: BaseStore,
        writer: StreamWriter,
        previous: Any,
    ) -> Any:
        writer({"at": "work"})
        store.put(("a",), "k", {"v": 1})
        return [value, config["configurable"]["thread_id"], store.get(("a",), "k").value, previous]

    return made(wrap(flow))


@graph({"x": 1}, Command(resume="yes"), modes=PLAIN)
def interrupted_between_tasks(wrap: Form) -> Any:
    """After an interrupt, completed tasks do not run again."""
    done: list[int] = []
    step = task(wrap(lambda value: done.append(1) or {"x": len(done)}))

    def flow(value: dict[str, Any]) -> Any:
        first = step(value).result()
        return {"answer": interrupt("go on?"), **first}

    return made(flow)


@graph({"x": 1}, Command(resume="yes"), modes=PLAIN)
def interrupted_in_a_task(wrap: Form) -> Any:
    """A task that calls `interrupt()`."""
    step = task(wrap(lambda value: {"answer": interrupt("sure?")}))
    return made(lambda value: step(value).result())


@graph({"x": 1}, None, modes=PLAIN)
def task_that_fails(wrap: Form) -> Any:
    """A task that raises, and one that LangGraph retries."""
    calls: list[int] = []

    def flaky(value: dict[str, Any]) -> Any:
        calls.append(1)
        if len(calls) % 2:
            raise ConnectionError("again")
        return {"x": 1}

    def fail(value: dict[str, Any]) -> Any:
        raise LookupError("final")

    policy = RetryPolicy(initial_interval=0, jitter=False)
    retried, failing = task(retry_policy=policy)(wrap(flaky)), task(wrap(fail))
    return made(lambda value: [retried(value).result(), failing(value).result()])


class State(TypedDict, total=False):
    """What the graph here works on."""

    x: int


@graph({"x": 1}, modes=PLAIN)
def entrypoint_in_a_graph(wrap: Form) -> Any:
    """An entrypoint as a node."""
    flow = entrypoint()(wrap(plus))
    builder = StateGraph(State).add_node("flow", wrap(flow)).add_edge(START, "flow")
    return builder.compile(checkpointer=InMemorySaver())


@graph({"x": 1}, modes=PLAIN)
def graph_in_an_entrypoint(wrap: Form) -> Any:
    """A graph of nodes that an entrypoint calls."""
    inner = StateGraph(State).add_node("plus", wrap(plus)).add_edge(START, "plus").compile()
    return made(lambda value: inner.invoke({**value, "x": 5}))
