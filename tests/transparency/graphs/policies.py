"""Options of `add_node()` and `compile()`: caches, retries, timeouts, handlers, metadata."""

from __future__ import annotations

import asyncio
from operator import add
from typing import Annotated, Any

from langgraph.cache.memory import InMemoryCache
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import NodeError
from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import CachePolicy, Command, RetryPolicy, TimeoutPolicy
from typing_extensions import TypedDict

from tests.transparency.scenario import MEDIUM, Form, graph

ONLY = MEDIUM


class State(TypedDict, total=False):
    """What the graphs here work on."""

    x: int
    said: Annotated[list[str], add]


AT_ONCE = RetryPolicy(initial_interval=0, jitter=False, max_attempts=3)


def one(wrap: Form, action: Any, compiling: dict[str, Any] | None = None, **options: Any) -> Any:
    """A graph of a node with options, and a node after it."""
    builder = StateGraph(State).add_node("n", wrap(action), **options)
    builder.add_node("after", wrap(lambda state: {"said": ["after"]})).add_edge(START, "n").add_edge(
        "n", "after"
    )
    return builder.compile(checkpointer=InMemorySaver(), **(compiling or {}))


def counting(fails: int, error: type[Exception] = ConnectionError) -> Any:
    """Return an action that fails in its first calls on a state."""
    calls: dict[int, int] = {}

    def work(state: State) -> dict[str, Any]:
        number = calls[state["x"]] = calls.get(state["x"], 0) + 1
        if number <= fails:
            raise error(f"call {number}")
        return {"said": [f"call {number}"]}

    return work


@graph({"x": 1}, {"x": 1}, {"x": 2})
def cached(wrap: Form) -> Any:
    """The second turn is served from the cache."""
    return one(wrap, counting(0), {"cache": InMemoryCache()}, cache_policy=CachePolicy(key_func=_by_x))


def _by_x(state: Any) -> str:
    return str(state["x"])


@graph({"x": 1}, {"x": 1}, parallel=True)
def cached_closures(wrap: Form) -> Any:
    """LangGraph's cache identifies a node by the qualified name of its function, so these two share entries."""

    def saying(word: str) -> Any:
        def say(state: State) -> dict[str, Any]:
            return {"said": [word]}

        return say

    builder = StateGraph(State)
    for name in ("a", "b"):
        builder.add_node(name, wrap(saying(name)), cache_policy=CachePolicy(key_func=_by_x)).add_edge(
            START, name
        )
    return builder.compile(checkpointer=InMemorySaver(), cache=InMemoryCache())


@graph({"x": 1})
def retried_by_langgraph(wrap: Form) -> Any:
    """LangGraph's retry policy on a node that raises."""
    return one(wrap, counting(2), retry_policy=AT_ONCE)


@graph({"x": 1})
def retried_in_vain(wrap: Form) -> Any:
    """LangGraph gives up after the last attempt."""
    return one(wrap, counting(9), retry_policy=AT_ONCE)


@graph({"x": 1})
def not_retried(wrap: Form) -> Any:
    """LangGraph does not retry an error that its policy excludes."""
    policies = [RetryPolicy(retry_on=KeyError), RetryPolicy(retry_on=lambda error: False)]
    return one(wrap, counting(1), retry_policy=policies)


@graph({"x": 1})
def attempts_counted(wrap: Form) -> Any:
    """The runtime has the number of the attempt in LangGraph's retry."""

    def work(state: State, runtime: Runtime) -> dict[str, Any]:
        attempt = runtime.execution_info.node_attempt
        if attempt < 3:
            raise ConnectionError(str(attempt))
        return {"said": [str(attempt)]}

    return one(wrap, work, retry_policy=AT_ONCE)


@graph({"x": 1}, only=None)
def handled(wrap: Form) -> Any:
    """An error handler receives the exception itself."""

    def handle(state: State, error: NodeError) -> Command[Any]:
        return Command(update={"said": [f"{error.node} {error.error!r}"]}, goto="after")

    return one(wrap, counting(9), error_handler=wrap(handle))


@graph({"x": 1}, only=("results", "all_streams", "events_v2", "callbacks", "states"))
def handled_after_retries(wrap: Form) -> Any:
    """The error handler runs after the last attempt."""

    def handle(state: State, error: NodeError) -> dict[str, Any]:
        return {"said": [f"{error.node} {type(error.error).__name__} {error.error}"]}

    return one(wrap, counting(9), retry_policy=AT_ONCE, error_handler=wrap(handle))


async def _hangs(state: State) -> dict[str, Any]:
    await asyncio.Event().wait()
    return {}


async def _is_quick(state: State) -> dict[str, Any]:
    return {"said": ["quick"]}


@graph({"x": 1}, modes=("async",), only=("results_v2", "callbacks"))
def timed_out(wrap: Form) -> Any:
    """LangGraph's own timeout stops an async node."""
    return one(wrap, _hangs, timeout=0.01)


@graph({"x": 1}, modes=("async",))
def in_time(wrap: Form) -> Any:
    """A node that ends before its timeout."""
    return one(wrap, _is_quick, timeout=TimeoutPolicy(run_timeout=30, idle_timeout=30))


@graph({"x": 1})
def metadata(wrap: Form) -> Any:
    """Metadata of the node and of the run."""
    return one(wrap, counting(0), metadata={"mine": 1})


@graph({"x": 1})
def debugged_and_named(wrap: Form) -> Any:
    """A graph with a name."""
    return one(wrap, counting(0), {"name": "my graph"})


@graph({"x": 1}, only=("results", "states", "events_v2"))
def failed_then_run_again(wrap: Form) -> Any:
    """A run is resumed after an error."""
    return one(wrap, counting(1, ValueError))


@graph({"x": 1}, None, None)
def resumed_after_errors(wrap: Form) -> Any:
    """A run is resumed after two errors."""
    return one(wrap, counting(2, KeyError))


@graph({"x": 1}, None, modes=("async",))
def one_branch_fails(wrap: Form) -> Any:
    """The writes of the successful branch are kept for the resume."""
    work = counting(1, ValueError)
    builder = StateGraph(State).add_node("good", wrap(lambda state: {"said": ["good"]}))
    builder.add_node("bad", wrap(work)).add_edge(START, "good").add_edge(START, "bad")
    return builder.compile(checkpointer=InMemorySaver())
