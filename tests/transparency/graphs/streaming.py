"""Writes to the stream, from different places."""

from __future__ import annotations

import asyncio
import threading
from contextvars import copy_context
from operator import add
from typing import Annotated, Any

from langchain_core.callbacks import adispatch_custom_event, dispatch_custom_event
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_stream_writer
from langgraph.graph import START, StateGraph
from langgraph.graph.ui import push_ui_message, ui_message_reducer
from langgraph.types import StreamWriter
from typing_extensions import TypedDict

from tests.transparency.scenario import MEDIUM, Form, graph

ONLY = MEDIUM


class State(TypedDict, total=False):
    """What the graphs here work on."""

    x: int
    said: Annotated[list[str], add]
    messages: Annotated[list[Any], add]
    ui: Annotated[list[Any], ui_message_reducer]


def one(wrap: Form, *actions: Any) -> Any:
    """A chain of these actions."""
    builder = StateGraph(State).add_sequence([(f"n{i}", wrap(action)) for i, action in enumerate(actions)])
    return builder.add_edge(START, "n0").compile(checkpointer=InMemorySaver())


def _deep_down(text: str) -> None:
    get_stream_writer()({"deep": text})


@graph({"x": 1}, only=None)
def from_anywhere(wrap: Form) -> Any:
    """A helper function calls `get_stream_writer()`."""

    def work(state: State, writer: StreamWriter) -> dict[str, Any]:
        writer("first")
        for word in ("a", "b"):
            _deep_down(word)
        return {"x": 2}

    return one(wrap, work)


@graph({"x": 1})
def from_a_thread(wrap: Form) -> Any:
    """A thread writes with a copy of the context."""

    def work(state: State) -> dict[str, Any]:
        thread = threading.Thread(target=copy_context().run, args=(_deep_down, "thread"))
        thread.start()
        thread.join()
        return {"x": 2}

    return one(wrap, work)


@graph({"x": 1}, modes=("async",))
def from_a_task(wrap: Form) -> Any:
    """An asyncio task inherits the writer."""

    async def later() -> None:
        _deep_down("task")

    async def work(state: State) -> dict[str, Any]:
        await asyncio.gather(later(), asyncio.to_thread(_deep_down, "to_thread"))
        return {"x": 2}

    return one(wrap, work)


@tool
def noisy(text: str) -> str:
    """Write to the stream."""
    _deep_down(text)
    return text


@graph({"x": 1})
def from_a_tool(wrap: Form) -> Any:
    """A tool that a node calls."""

    def work(state: State, config: RunnableConfig) -> dict[str, Any]:
        return {"said": [noisy.invoke({"text": "loud"}, config), noisy.invoke({"text": "again"})]}

    return one(wrap, work)


@graph({"x": 1})
def custom_events(wrap: Form) -> Any:
    """LangChain's custom events."""

    def work(state: State, config: RunnableConfig) -> dict[str, Any]:
        dispatch_custom_event("progress", {"at": 1}, config=config)
        return {"x": 2}

    async def awork(state: State, config: RunnableConfig) -> dict[str, Any]:
        await adispatch_custom_event("progress", {"at": 1})
        return {"x": 2}

    return one(wrap, awork if wrap.mode == "async" else work)


@graph({"x": 1})
def returned_messages(wrap: Form) -> Any:
    """A message that does not come from a model is streamed when the node returns it."""
    return one(wrap, lambda state: {"messages": [AIMessage("by hand", id="m1")]})


@graph({"x": 1})
def user_interface(wrap: Form) -> Any:
    """A message for a user interface."""

    def work(state: State) -> dict[str, Any]:
        push_ui_message("card", {"x": state["x"]}, id="ui1")
        return {"x": 2}

    return one(wrap, work)


@graph({"x": 1})
def then_failing(wrap: Form) -> Any:
    """What a node writes before an error is streamed."""

    def work(state: State, writer: StreamWriter) -> dict[str, Any]:
        writer("before")
        raise ValueError("after")

    return one(wrap, work)


@graph({"x": 1}, config={"run_name": "mine", "tags": ["t"], "metadata": {"m": 1}})
def named_run(wrap: Form) -> Any:
    """Name, tags and metadata of the run."""
    return one(wrap, lambda state: {"x": 2})
