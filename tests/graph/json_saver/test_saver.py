"""What LangGraph needs from a saver beyond its conformance suite, sync and async."""

from __future__ import annotations

import json
import operator
from typing import Annotated, Any, TypedDict

import pytest
from blockbuster import blockbuster_ctx
from langchain_core.messages import HumanMessage
from langgraph.graph import START, StateGraph
from langgraph.types import Command, Send, interrupt

from langgraph_runner.graph import JsonFileSaver
from langgraph_runner.graph.json_saver.layout import Layout
from tests.graph.json_saver.stores import checkpoint_of, config_of, put, values_of


class State(TypedDict):
    """A list that grows."""

    seen: Annotated[list[Any], operator.add]


def graph_with(saver: JsonFileSaver) -> Any:
    """A graph that asks once, then runs two tasks in parallel."""

    def ask(_state: State) -> Any:
        return {"seen": [interrupt("which?")]}

    builder = StateGraph(State)
    builder.add_node("ask", ask)
    builder.add_node("task", lambda sent: {"seen": [("task", sent)]})
    builder.add_edge(START, "ask")
    builder.add_conditional_edges("ask", lambda _: [Send("task", 1), Send("task", {2})], ["task"])
    return builder.compile(checkpointer=saver)


def test_graph_goes_on_in_another_process(mode, files):
    """A new saver on the same files resumes an interrupted graph. Tuples and sets keep their types."""
    config = config_of()
    asked = mode.invoke(graph_with(files.saver()), {"seen": [HumanMessage("hi", id="1")]}, config)
    assert asked["__interrupt__"][0].value == "which?"
    done = mode.invoke(graph_with(files.saver()), Command(resume="this"), config)
    assert done["seen"] == [HumanMessage("hi", id="1"), "this", ("task", 1), ("task", {2})]
    assert graph_with(files.saver()).get_state(config).values == done


async def test_async_graph_does_not_block_the_event_loop(files):
    """It is created, run, resumed and listed on the event loop."""
    with blockbuster_ctx("langgraph_runner"):
        graph = graph_with(files.saver())
        await graph.ainvoke({"seen": []}, config_of())
        await graph.ainvoke(Command(resume="this"), config_of())
        history = [state async for state in graph.aget_state_history(config_of())]
    assert history[0].values["seen"] == ["this", ("task", 1), ("task", {2})]


def test_head_is_plain_json_of_the_newest_state(files, saver):
    """A person or a program without this package can read it."""
    put(saver, "1", topic="tea", counts={"a": [1, 2.5, None, True, "ü"]})
    put(saver, "2", topic="coffee", counts={})
    assert json.loads(files.head.read_text(encoding="utf-8"))["state"] == {"topic": "coffee", "counts": {}}
    assert '"topic": "coffee"' in files.head.read_text(encoding="utf-8")


def test_head_shows_the_root_namespace_only(files, saver):
    """The checkpoint of a subgraph is not the state of the run."""
    put(saver, "1", topic="root")
    put(saver, "2", config_of(checkpoint_ns="child:1"), topic="child")
    assert json.loads(files.head.read_text())["state"] == {"topic": "root"}
    assert values_of(saver, config_of(checkpoint_ns="child:1")) == {"topic": "child"}


def test_head_does_not_go_back(files, saver):
    """A checkpoint that is stored late does not replace a newer one."""
    put(saver, "2", topic="new")
    put(saver, "1", topic="old")
    assert json.loads(files.head.read_text())["state"] == {"topic": "new"}
    assert values_of(saver) == {"topic": "new"}


def test_list_of_none_gives_all_threads(saver):
    """The greatest id comes first, regardless of the thread."""
    for checkpoint_id, thread_id in [("1", "a"), ("3", "a"), ("2", "b")]:
        put(saver, checkpoint_id, config_of(thread_id))
    found = [item.config["configurable"] for item in saver.list(None)]
    assert [(item["checkpoint_id"], item["thread_id"]) for item in found] == [
        ("3", "a"),
        ("2", "b"),
        ("1", "a"),
    ]


def test_list_goes_on_while_others_write(saver):
    """It holds no lock between two checkpoints, and skips deleted ones."""
    for checkpoint_id in "123":
        put(saver, checkpoint_id, topic=checkpoint_id)
    found = saver.list(config_of())
    assert next(found).checkpoint["id"] == "3"
    put(saver, "4")
    saver.delete_thread("t")
    assert list(found) == []


def test_first_of_regular_writes_stays(saver):
    """A task that runs again cannot change what it wrote."""
    config = put(saver, "1")
    saver.put_writes(config, [("a", 1), ("b", 1)], "task")
    saver.put_writes(config, [("a", 2), ("b", 2), ("c", 2)], "task")
    assert saver.get_tuple(config).pending_writes == [("task", "a", 1), ("task", "b", 1), ("task", "c", 2)]


@pytest.mark.parametrize("channel", ["__error__", "__interrupt__", "__resume__", "__scheduled__"])
def test_special_writes_are_replaced(saver, channel):
    """The newest special write counts, and regular writes stay."""
    config = put(saver, "1")
    saver.put_writes(config, [("a", 1)], "task")
    saver.put_writes(config, [(channel, "old")], "task")
    saver.put_writes(config, [(channel, "new")], "task")
    assert sorted(saver.get_tuple(config).pending_writes) == [("task", channel, "new"), ("task", "a", 1)]


def test_task_paths_order_the_writes(files, saver):
    """They are stored, and LangGraph gets the writes in their order, not in that of the task ids."""
    config = put(saver, "1")
    saver.put_writes(config, [("a", "second")], "task-1", "~__pregel_pull, b")
    saver.put_writes(config, [("a", "first")], "task-2", "~__pregel_pull, a")
    assert [write[2] for write in files.saver().get_tuple(config).pending_writes] == ["first", "second"]
    assert "~__pregel_pull, b" in files.writes()[0].read_text()


def test_writes_may_come_before_their_checkpoint(saver):
    """LangGraph stores both concurrently."""
    saver.put_writes(config_of(checkpoint_id="1"), [("a", 1)], "task")
    assert saver.get_tuple(config_of()) is None
    assert put(saver, "1") is not None
    assert saver.get_tuple(config_of()).pending_writes == [("task", "a", 1)]


def test_large_values_come_back(saver):
    """A state or a write may be larger than 64 KiB."""
    config = put(saver, "1", text="x" * 200_000, data=b"\x00\xff" * 100_000)
    saver.put_writes(config, [("a", "y" * 200_000)], "task")
    found = saver.get_tuple(config)
    assert found.checkpoint["channel_values"] == {"text": "x" * 200_000, "data": b"\x00\xff" * 100_000}
    assert found.pending_writes == [("task", "a", "y" * 200_000)]


def test_deleted_thread_leaves_nothing(files, saver):
    """No checkpoint, write or head is left. A new thread of that name starts empty."""
    saver.put_writes(put(saver, "1", topic="tea"), [("a", 1)], "task")
    saver.delete_thread("t")
    assert (files.checkpoints(), files.writes(), files.leftovers()) == ([], [], [])
    assert not files.head.exists()
    put(saver, "1")
    assert saver.get_tuple(config_of()).pending_writes == []


def test_a_deleted_thread_takes_the_head_along(files, saver, monkeypatch):
    """Other threads are not read, because there may be many. Their next checkpoint writes a new head."""
    for checkpoint_id, thread_id in [("1", "a"), ("2", "b"), ("3", "c")]:
        put(saver, checkpoint_id, config_of(thread_id), topic=thread_id)
    with monkeypatch.context() as patched:
        patched.setattr(Layout, "thread_folders", None)
        saver.delete_thread("b")
        assert json.loads(files.head.read_text())["thread_id"] == "c"
        saver.delete_thread("c")
        assert not files.head.exists()
    put(saver, "4", config_of("a"))
    assert json.loads(files.head.read_text())["thread_id"] == "a"


def test_the_head_stays_where_nothing_is_deleted(files, saver):
    """For example, if no thread has the run."""
    put(saver, "1", config_of("a"))
    saver.delete_for_runs(["no such run"])
    assert json.loads(files.head.read_text())["thread_id"] == "a"


def test_head_shows_what_is_left_after_a_run_is_deleted(files, saver):
    """The checkpoints of the run and their writes are deleted."""
    saver.put(config_of(), checkpoint_of("1", topic="kept"), {"run_id": "r1"}, {})
    config = saver.put(config_of(), checkpoint_of("2", topic="gone"), {"run_id": "r2"}, {})
    saver.put_writes(config, [("a", 1)], "task")
    saver.delete_for_runs(["r2"])
    assert json.loads(files.head.read_text())["state"] == {"topic": "kept"}
    assert files.writes() == []


def test_prune_keeps_what_a_delta_channel_is_built_on(saver):
    """The checkpoints back to its snapshot stay, with their writes; older ones are deleted."""
    parent = None
    for checkpoint_id, values in [("1", {}), ("2", {"log": ["snapshot"]}), ("3", {}), ("4", {})]:
        counters = {} if values else {"log": (1, 1)}
        metadata: Any = {"counters_since_delta_snapshot": counters}
        config = parent or config_of()
        parent = saver.put(config, checkpoint_of(checkpoint_id, **values), metadata, {})
        saver.put_writes(parent, [("log", checkpoint_id)], "task")
    before = saver.get_delta_channel_history(config=parent, channels=["log"])
    saver.prune(["t"])
    assert [item.checkpoint["id"] for item in saver.list(config_of())] == ["4", "3", "2"]
    assert saver.get_delta_channel_history(config=parent, channels=["log"]) == before
    assert before["log"]["seed"] == ["snapshot"]


def test_unknown_prune_strategy_is_refused(saver):
    """Nothing is removed."""
    with pytest.raises(ValueError, match="keep_latest"):
        saver.prune(["t"], strategy="keep_two")


def test_copy_keeps_parents_and_writes(saver):
    """The copy does not depend on the original."""
    first = put(saver, "1", topic="tea")
    second = put(saver, "2", first, topic="coffee")
    saver.put_writes(second, [("a", (1, 2))], "task", "path")
    saver.copy_thread("t", "u")
    saver.copy_thread("u", "u")
    saver.delete_thread("t")
    copy = saver.get_tuple(config_of("u"))
    assert copy.parent_config == config_of("u", checkpoint_id="1")
    assert copy.pending_writes == [("task", "a", (1, 2))]
    assert saver.get_tuple(copy.parent_config).checkpoint["channel_values"] == {"topic": "tea"}


def test_same_checkpoint_again_replaces_it(saver):
    """The last one counts."""
    put(saver, "1", topic="old")
    put(saver, "1", topic="new")
    assert values_of(saver) == {"topic": "new"}


@pytest.mark.parametrize(
    ("option", "value"), [("max_file_bytes", 0), ("lock_timeout_s", 0), ("lock_timeout_s", float("nan"))]
)
def test_limits_out_of_range_are_refused(files, option, value):
    """The message names the option."""
    with pytest.raises(ValueError, match=option):
        files.saver(**{option: value})


def test_path_has_to_name_a_file():
    """An empty path is refused."""
    with pytest.raises(ValueError, match="path"):
        JsonFileSaver("")


def test_making_a_saver_touches_no_file(files):
    """Reading a store that does not exist touches no file either."""
    saver = files.saver()
    assert (saver.get_tuple(config_of()), list(saver.list(None))) == (None, [])
    assert not files.head.parent.exists()


def test_relative_path_is_one(tmp_path, monkeypatch):
    """It is relative to the working directory at the first use."""
    monkeypatch.chdir(tmp_path)
    saver = JsonFileSaver("audit.json")
    put(saver, "1", topic="tea")
    monkeypatch.chdir("/")
    assert values_of(saver) == {"topic": "tea"}
    assert (tmp_path / "audit.json").exists()
