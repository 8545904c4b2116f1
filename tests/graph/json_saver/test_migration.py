"""A thread of another saver continues with this saver."""

from __future__ import annotations

import operator
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Annotated, Any, TypedDict

import pytest
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt

from langgraph_runner.graph import JsonFileSaver
from tests.graph.json_saver.stores import config_of


class State(TypedDict):
    """A list that grows."""

    seen: Annotated[list[str], operator.add]


def graph_with(saver: Any) -> Any:
    """A graph that asks between two nodes."""
    builder = StateGraph(State)
    builder.add_node("first", lambda _state: {"seen": ["first"]})
    builder.add_node("ask", lambda _state: {"seen": [interrupt("which?")]})
    builder.add_node("last", lambda _state: {"seen": ["last"]})
    builder.add_edge(START, "first")
    builder.add_edge("first", "ask")
    builder.add_edge("ask", "last")
    return builder.compile(checkpointer=saver)


@pytest.fixture(params=["memory", "sqlite"])
def other(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A saver of LangGraph whose versions are texts."""
    if request.param == "memory":
        yield InMemorySaver()
        return
    with closing(sqlite3.connect(":memory:", check_same_thread=False)) as connection:
        yield SqliteSaver(connection)


def copy(source: BaseCheckpointSaver[Any], target: JsonFileSaver) -> None:
    """Copy all threads with their writes."""
    for found in reversed(list(source.list(None))):
        config = found.parent_config or config_of(found.config["configurable"]["thread_id"])
        target.put(config, found.checkpoint, found.metadata, found.checkpoint["channel_versions"])
        for task_id, channel, value in found.pending_writes or ():
            target.put_writes(found.config, [(channel, value)], task_id)


def test_a_thread_of_another_saver_goes_on(mode, files, other):
    """It is interrupted there, resumed here, and run once more. All its versions can be compared."""
    graph_with(other).invoke({"seen": []}, config_of())
    copy(other, files.saver())
    graph = graph_with(files.saver())
    done = mode.invoke(graph, Command(resume="this"), config_of())
    assert done["seen"] == ["first", "this", "last"]
    mode.invoke(graph, {"seen": ["again"]}, config_of())
    again = mode.invoke(graph_with(files.saver()), Command(resume="that"), config_of())
    assert again["seen"] == ["first", "this", "last", "again", "first", "that", "last"]
    versions = files.saver().get_tuple(config_of()).checkpoint["channel_versions"].values()
    assert {type(version) for version in versions} == {str}


@pytest.mark.parametrize(
    ("current", "following"), [(None, 1), (7, 8), (1.5, 2.5), (f"{9:032}.{0.5:016}", f"{10:032}.")]
)
def test_the_next_version_is_of_the_kind_that_is_there(saver, current, following):
    """It is also greater."""
    found = saver.get_next_version(current, None)
    assert str(found).startswith(str(following))
    assert current is None or found > current


def test_a_version_that_is_no_number_is_refused(saver):
    """The message shows it."""
    with pytest.raises(ValueError, match="got 'abc'"):
        saver.get_next_version("abc", None)
