"""Memory: threads, stores, summaries, and states that are updated by hand."""

from __future__ import annotations

from operator import add
from typing import Annotated, Any

from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_store
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.store.base import BaseStore
from langgraph.store.memory import InMemoryStore
from langgraph.types import Command

from tests.transparency.observing import Session
from tests.transparency.scenario import LONG, Form, graph

ONLY = LONG


class State(MessagesState, total=False):
    """What the graphs here work on."""

    summary: str
    count: Annotated[int, add]


def said(text: str, number: int) -> dict[str, Any]:
    """Return an input with one message."""
    return {"messages": [HumanMessage(text, id=f"h{number}")], "count": 1}


def answer(state: State) -> dict[str, Any]:
    """Answer the last message."""
    number = len(state["messages"])
    return {"messages": [AIMessage(f"to {state['messages'][-1].content}", id=f"a{number}-{state['count']}")]}


@graph(said("one", 1), said("two", 2), said("three", 3))
def summarised(wrap: Form) -> Any:
    """Old messages are replaced by a summary."""

    def summarise(state: State) -> dict[str, Any]:
        old = state["messages"][:-2]
        gone = [RemoveMessage(id=message.id) for message in old]
        return {"summary": state.get("summary", "") + f"+{len(old)}", "messages": gone}

    builder = StateGraph(State).add_node(wrap(answer)).add_node(wrap(summarise)).add_edge(START, "answer")
    builder.add_conditional_edges("answer", lambda s: "summarise" if len(s["messages"]) > 2 else END)
    return builder.compile(checkpointer=InMemorySaver())


@graph(said("remember Ada", 1), said("who?", 2), only=None)
def remembered(wrap: Form) -> Any:
    """A store keeps values across turns."""

    def write(state: State, *, store: BaseStore) -> dict[str, Any]:
        store.put(("user", "1"), f"k{state['count']}", {"text": state["messages"][-1].content})
        return {}

    def read(state: State) -> dict[str, Any]:
        found = [item.value["text"] for item in get_store().search(("user",))]
        return {"summary": str(sorted(found))}

    builder = StateGraph(State).add_sequence([wrap(write), wrap(read)]).add_edge(START, "write")
    return builder.compile(checkpointer=InMemorySaver(), store=InMemoryStore())


def updated(as_node: str | None, values: Any) -> Any:
    """Return a turn that updates the state by hand and then continues the run."""

    def turn(session: Session) -> Any:
        session.attempt(
            "update", lambda: session.call("update_state", session.config, values, as_node=as_node)
        )

    return turn


@graph(said("one", 1), updated("answer", {"summary": "by hand"}), updated("first", {"count": 5}))
def updated_as_a_node(wrap: Form) -> Any:
    """An update as a node runs the writers of that node."""
    builder = StateGraph(State).add_node("first", wrap(lambda state: {"count": 1})).add_node(wrap(answer))
    return builder.add_edge(START, "first").add_edge("first", "answer").compile(checkpointer=InMemorySaver())


@graph(
    said("one", 1), updated(None, {"summary": "x"}), updated("nobody", {"summary": "x"}), updated(END, None)
)
def updated_by_hand(wrap: Form) -> Any:
    """Updates without a node, as an unknown node, and as the end."""
    builder = StateGraph(State).add_node(wrap(answer)).add_edge(START, "answer")
    return builder.compile(checkpointer=InMemorySaver())


@graph(Command(update={"count": 1, "messages": []}, goto="answer"))
def begun_by_a_command(wrap: Form) -> Any:
    """A `Command` as input."""
    builder = StateGraph(State).add_node("answer", wrap(lambda state: {"count": 2})).add_edge(START, "answer")
    return builder.compile(checkpointer=InMemorySaver())


@graph(None)
def begun_with_nothing(wrap: Form) -> Any:
    """None as input."""
    builder = StateGraph(State).add_node(wrap(answer)).add_edge(START, "answer")
    return builder.compile(checkpointer=InMemorySaver())


@graph(said("one", 1), only=("results", "all_streams", "events_v2", "callbacks", "structure"))
def without_a_checkpointer(wrap: Form) -> Any:
    """Without a checkpointer nothing is stored."""
    builder = StateGraph(State).add_node(wrap(answer)).add_edge(START, "answer")
    return builder.compile()
