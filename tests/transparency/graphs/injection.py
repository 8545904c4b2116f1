"""Parameters that LangGraph injects by name, with every style of annotation. Here annotations are objects."""

# No `from __future__ import annotations`; injection_strings.py tests it.

from operator import add
from typing import Annotated, Any, Optional

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import NodeError
from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from langgraph.store.base import BaseStore
from langgraph.store.memory import InMemoryStore
from langgraph.types import StreamWriter
from typing_extensions import TypedDict

from tests.transparency.scenario import LIGHT, Form, graph

ONLY = LIGHT


class State(TypedDict, total=False):
    """What the graphs here work on."""

    x: int
    seen: Annotated[list[Any], add]


class Context(TypedDict):
    """The static context of a run."""

    who: str


class Name(TypedDict):
    """An input schema of one node."""

    x: int


def compiled(wrap: Form, *actions: Any) -> Any:
    """Compile a graph of these actions."""
    builder = StateGraph(State, context_schema=Context)
    builder.add_sequence([(f"n{i}", wrap(action)) for i, action in enumerate(actions)])
    return builder.add_edge(START, "n0").compile(checkpointer=InMemorySaver(), store=InMemoryStore())


def told(config: Any) -> Any:
    """Return the observable parts of a config."""
    if config is None:
        return "none"
    public = {k: v for k, v in config["configurable"].items() if not k.startswith("__")}
    return [public, config["metadata"], config["tags"], sorted(config)]


OPTIONS = {
    "config": {"configurable": {"flavour": "mint"}, "tags": ["t"]},
    "keywords": {"context": {"who": "Ada"}},
}


@graph({"x": 1}, **OPTIONS)
def configs(wrap: Form) -> Any:
    """A parameter `config` with every annotation that LangGraph knows."""

    def plain(state: State, config):
        return {"seen": [told(config)]}

    def typed(state: State, config: RunnableConfig) -> dict:
        return {"seen": [told(config)]}

    def optional(state: State, config: Optional[RunnableConfig] = None) -> dict:  # noqa: UP045
        return {"seen": [told(config)]}

    def keyword_only(state: State, *, config: RunnableConfig) -> dict:
        return {"seen": [told(config)]}

    return compiled(wrap, plain, typed, optional, keyword_only)


@graph({"x": 1}, **OPTIONS)
def config_or_none(wrap: Form) -> Any:
    """A union with None. As a string, LangGraph does not recognise it, warns, and injects nothing."""

    def work(state: State, config: RunnableConfig | None = None) -> dict:
        return {"seen": ["none" if config is None else "some"]}

    return compiled(wrap, work)


@graph({"x": 1}, **OPTIONS)
def config_of_another_type(wrap: Form) -> Any:
    """A config that is annotated as a dict: LangGraph warns and injects nothing."""

    def work(state: State, config: Optional[dict] = None) -> dict:  # noqa: UP045
        return {"seen": ["none" if config is None else "some"]}

    return compiled(wrap, work)


@graph({"x": 1}, **OPTIONS)
def runtimes(wrap: Form) -> Any:
    """The runtime and its fields."""

    def look(state: State, runtime: Runtime[Context]) -> dict:
        info = runtime.execution_info
        runtime.stream_writer({"who": runtime.context["who"]})
        runtime.store.put(("ns",), "k", {"v": 1})
        return {"seen": [runtime.context, runtime.previous, info.node_attempt, info.thread_id, info.run_id]}

    def plain(state: State, runtime) -> dict:
        return {"seen": [type(runtime).__name__, runtime.store.get(("ns",), "k").value]}

    def optional(state: State, *, runtime: Optional[Runtime[Context]] = None) -> dict:  # noqa: UP045
        return {"seen": [runtime.context]}

    def by_string(state: State, runtime: "Runtime[Context]") -> dict:
        return {"seen": [runtime.context]}

    return compiled(wrap, look, plain, optional, by_string)


@graph({"x": 1}, **OPTIONS)
def stores_and_writers(wrap: Form) -> Any:
    """The injected parameters, each alone and all together."""

    def store_alone(state: State, *, store: BaseStore) -> dict:
        store.put(("ns",), "k", {"x": state["x"]})
        return {}

    def store_or_none(state: State, store: Optional[BaseStore] = None) -> dict:  # noqa: UP045
        return {"seen": [store.get(("ns",), "k").value]}

    def writer_alone(state: State, writer: StreamWriter) -> dict:
        writer("written")
        return {}

    def previous(state: State, *, previous: Any) -> dict:
        return {"seen": [previous]}

    def everything(
        state: State,
        config: RunnableConfig,
        *,
        store: BaseStore,
        writer: StreamWriter,
        runtime: Runtime[Context],
        previous: Any = None,
    ) -> dict:
        writer(["all"])
        return {"seen": [told(config), store.get(("ns",), "k").value, runtime.context, previous]}

    return compiled(wrap, store_alone, store_or_none, writer_alone, previous, everything)


@graph({"x": 1}, **OPTIONS)
def wrongly_annotated(wrap: Form) -> Any:
    """A parameter with a known name and another type is not injected."""

    def work(state: State, store: int = 3, writer: str = "w", error: Optional[int] = None) -> dict:  # noqa: UP045
        return {"seen": [store, writer, error]}

    return compiled(wrap, work)


@graph({"x": 1}, **OPTIONS)
def missing_argument(wrap: Form) -> Any:
    """A parameter without a value raises a TypeError in the node."""

    def work(state: State, somebody) -> dict:
        return {}

    return compiled(wrap, work)


@graph({"x": 1}, **OPTIONS)
def errors_outside_a_handler(wrap: Form) -> Any:
    """`error: NodeError` is None outside an error handler."""

    def work(state: State, error: NodeError) -> dict:
        return {"seen": [error]}

    return compiled(wrap, work)


@graph({"x": 1}, **OPTIONS)
def narrow_input(wrap: Form) -> Any:
    """The annotation of the first parameter is the input schema of the node."""

    def work(state: Name, config: RunnableConfig) -> dict:
        return {"seen": [dict(state)]}

    return compiled(wrap, work, lambda state: {"seen": [sorted(state)]})


@graph({"x": 1}, keywords={"context": {"who": "Ada"}})
def without_a_store(wrap: Form) -> Any:
    """A parameter `store` in a graph without a store."""

    def work(state: State, *, store: BaseStore) -> dict:
        return {"seen": [store]}

    builder = StateGraph(State).add_node("n", wrap(work)).add_edge(START, "n")
    return builder.compile(checkpointer=InMemorySaver())
