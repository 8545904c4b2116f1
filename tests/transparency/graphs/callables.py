"""Any callable can be a node."""

from __future__ import annotations

import contextvars
import copy
import functools
import json
from operator import add
from typing import Annotated, Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_config, get_store, get_stream_writer
from langgraph.graph import START, StateGraph
from langgraph.store.memory import InMemoryStore
from typing_extensions import TypedDict

from tests.transparency.scenario import LIGHT, Form, graph

ONLY = LIGHT

SET_BY_A_NODE: contextvars.ContextVar[str] = contextvars.ContextVar("set_by_a_node", default="nothing")


class State(TypedDict, total=False):
    """What the graphs here work on."""

    x: int
    said: Annotated[list[str], add]


def chain(*actions: Any, **named: Any) -> Any:
    """A chain of these actions; LangGraph names those without a name."""
    nodes = [*actions, *named.items()]
    builder = StateGraph(State).add_sequence(nodes)
    first = next(iter(builder.nodes))
    return builder.add_edge(START, first).compile(checkpointer=InMemorySaver(), store=InMemoryStore())


class Counter:
    """A callable object with a method and a static method."""

    def __init__(self, step: int) -> None:
        self.step = step

    def __call__(self, state: State) -> dict[str, Any]:
        """Call the object."""
        return {"x": state["x"] + self.step}

    def count(self, state: State, config: RunnableConfig) -> dict[str, Any]:
        """A bound method."""
        return {"x": state["x"] + self.step, "said": [config["metadata"]["langgraph_node"]]}

    @staticmethod
    def twice(state: State) -> dict[str, Any]:
        """A static method."""
        return {"x": state["x"] * 2}

    @classmethod
    def thrice(cls, state: State) -> dict[str, Any]:
        """A class method."""
        return {"x": state["x"] * 3, "said": [cls.__name__]}

    async def acount(self, state: State) -> dict[str, Any]:
        """A bound coroutine method."""
        return {"x": state["x"] + self.step}


class AsyncCounter(Counter):
    """A callable object with an async `__call__`."""

    async def __call__(self, state: State, *, config: RunnableConfig) -> dict[str, Any]:
        """Call the object."""
        return {"x": state["x"] + self.step, "said": [str(config["tags"])]}


def plus(state: State, step: int = 1, *, factor: int = 1) -> dict[str, Any]:
    """A function with more parameters."""
    return {"x": (state["x"] + step) * factor}


async def plus_async(state: State, step: int = 1) -> dict[str, Any]:
    """A coroutine function with more parameters."""
    return {"x": state["x"] + step}


def logged(function: Any) -> Any:
    """A decorator."""

    @functools.wraps(function)
    def wrapper(*arguments: Any, **keywords: Any) -> Any:
        return {**function(*arguments, **keywords), "said": ["logged"]}

    return wrapper


@logged
def decorated(state: State) -> dict[str, Any]:
    """A decorated function."""
    return {"x": state["x"] + 1}


@graph({"x": 1}, only=None)
def functions(wrap: Form) -> Any:
    """Named functions and lambdas."""
    return chain(wrap(plus), wrap(decorated), square=wrap(lambda state: {"x": state["x"] ** 2}))


@graph({"x": 1})
def lambda_without_a_name(wrap: Form) -> Any:
    """LangGraph names it `<lambda>`."""
    return chain(wrap(lambda state: {"x": state["x"] + 1}))


@graph({"x": 1})
def callable_objects(wrap: Form) -> Any:
    """An object, its methods, a static and a class method."""
    counter = Counter(2)
    return chain(wrap(counter), wrap(counter.count), wrap(Counter.twice), wrap(Counter.thrice))


@graph({"x": 1})
def partials(wrap: Form) -> Any:
    """By position, by keyword, of a method."""
    return chain(
        by_keyword=wrap(functools.partial(plus, step=5)),
        keyword_only=wrap(functools.partial(plus, factor=3)),
        method=wrap(functools.partial(Counter(2).count)),
        nested=wrap(functools.partial(functools.partial(plus, step=2), factor=2)),
    )


@graph({"x": 1}, modes=("async",))
def async_partials(wrap: Form) -> Any:
    """Coroutine functions, methods and objects."""
    return chain(
        partial=wrap(functools.partial(plus_async, step=5)),
        method=wrap(AsyncCounter(2).acount),
        object=wrap(AsyncCounter(3)),
        function=wrap(plus_async),
    )


@graph({"x": 1}, modes=("sync",))
def async_action_in_a_sync_run(wrap: Form) -> Any:
    """LangGraph says that there is no synchronous function."""
    return chain(wrap(plus_async))


@graph({"x": 1})
def generators(wrap: Form) -> Any:
    """LangGraph adds up what a generator yields."""

    def words(state: State) -> Any:
        yield {"said": ["one"]}
        yield {"x": 5}

    return chain(wrap(words), after=wrap(lambda state: {"said": [str(state["x"])]}))


@graph({"x": 1})
def generators_of_addable_chunks(wrap: Form) -> Any:
    """Chunks that support `+` are added up."""
    from langchain_core.runnables.utils import AddableDict

    def words(state: State) -> Any:
        yield AddableDict(x=1)
        yield AddableDict(said=["one"])
        yield AddableDict(said=["two"])

    return chain(wrap(words))


@graph({"x": 1}, modes=("async",))
def async_generators(wrap: Form) -> Any:
    """What an async generator yields is added up, too."""
    from langchain_core.runnables.utils import AddableDict

    async def words(state: State) -> Any:
        yield AddableDict(x=state["x"] + 1)
        yield AddableDict(said=["one"])

    return chain(wrap(words))


@graph({"x": 1})
def context_variables(wrap: Form) -> Any:
    """A context variable that a node sets does not reach the next node."""

    def sets(state: State) -> dict[str, Any]:
        before = SET_BY_A_NODE.get()
        SET_BY_A_NODE.set("by sets")
        return {"said": [before]}

    return chain(wrap(sets), wrap(lambda state: {"said": [SET_BY_A_NODE.get()]}))


@graph({"x": 1})
def ambient(wrap: Form) -> Any:
    """`get_config()`, `get_store()` and `get_stream_writer()` without parameters."""

    def look(state: State) -> dict[str, Any]:
        get_stream_writer()({"at": get_config()["metadata"]["langgraph_node"]})
        get_store().put(("a",), "key", {"x": state["x"]})
        return {"said": [str(get_store().get(("a",), "key").value), str(sorted(get_config()))]}

    return chain(wrap(look))


@graph({"x": 1})
def builtin_functions(wrap: Form) -> Any:
    """Functions of the standard library, one of which raises on its input."""
    return chain(copied=wrap(copy.copy), dumped=wrap(json.loads))


@graph({"x": 1})
def one_function_twice(wrap: Form) -> Any:
    """One action as two nodes."""
    node = wrap(plus)
    return chain(first=node, second=node)


@graph({"x": 1})
def state_changed_in_place(wrap: Form) -> Any:
    """Changes that a node makes to its input dict stay in the node."""

    def change(state: State) -> dict[str, Any]:
        state["x"] = 50
        return {"said": [str(state["x"])]}

    return chain(wrap(change), wrap(plus))


class Typed:
    """A callable object; only its method has annotations."""

    def __call__(self, state: State, config: RunnableConfig, step: int = 3) -> dict[str, Any]:
        """Call the object."""
        return {"x": state["x"] + step, "said": [str(config["configurable"].get("flavour"))]}


@graph({"x": 1}, config={"configurable": {"flavour": "mint"}})
def callable_object_with_a_config(wrap: Form) -> Any:
    """Injection into `__call__`."""
    return chain(typed=wrap(Typed()))


@graph({"x": 1})
def positional_only(wrap: Form) -> Any:
    """A positional-only state parameter."""

    def take(state: State, /, *, config: RunnableConfig) -> dict[str, Any]:
        return {"x": state["x"] + 1, "said": [config["metadata"]["langgraph_node"]]}

    return chain(wrap(take))


@graph({"x": 1})
def variadic(wrap: Form) -> Any:
    """`*args, **kwargs` get nothing injected."""

    def take(*arguments: Any, **keywords: Any) -> dict[str, Any]:
        return {"said": [f"{len(arguments)} {sorted(keywords)}"]}

    return chain(wrap(take))


@graph({"x": 1})
def keyword_variadic(wrap: Form) -> Any:
    """`**kwargs` after the state."""

    def take(state: State, **keywords: Any) -> dict[str, Any]:
        return {"said": [str(sorted(keywords))]}

    return chain(wrap(take))
