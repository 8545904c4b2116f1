"""Resuming a run: which thread it continues, and the errors when no thread can be resumed."""

import asyncio

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt

from langgraph_runner import ExecutionOptions, GraphRunner, GraphRunStatus, GraphState, JsonFileSaver

pytestmark = pytest.mark.req("G-4")


@pytest.fixture
def options(tmp_path):
    """With a file for the state."""
    return ExecutionOptions(persistence_path=tmp_path / "run.json")


def asking(**compiled):
    """A graph with a question."""
    builder = StateGraph(GraphState).add_node("ask", lambda _: {"story_id": interrupt("which?")})
    return builder.add_edge(START, "ask").compile(**compiled)


def call(mode, runner, *arguments, **options):
    """Run the graph, sync or async."""
    return (
        asyncio.run(runner.arun(*arguments, **options))
        if mode.is_async
        else runner.run(*arguments, **options)
    )


@pytest.mark.parametrize("timeout_ms", [None, 60_000])
@pytest.mark.parametrize("thread_id", ["t", "Long" * 100])
def test_the_only_thread_of_a_file_is_resumed(mode, tmp_path, timeout_ms, thread_id):
    """In another process, too. The thread needs no name."""
    options = ExecutionOptions(persistence_path=tmp_path / "run.json", timeout_ms=timeout_ms)
    asked = call(mode, GraphRunner(asking(), options), {}, {"configurable": {"thread_id": thread_id}})
    assert asked.status is GraphRunStatus.INTERRUPTED
    again = call(mode, GraphRunner(asking(), options), None)
    assert (again.status, again.thread_id) == (GraphRunStatus.INTERRUPTED, thread_id)
    answered = call(mode, GraphRunner(asking(), options), Command(resume="ST-7"), {"tags": ["answer"]})
    assert (answered.state["story_id"], answered.thread_id) == ("ST-7", thread_id)


async def test_a_stream_resumes_the_only_thread(options):
    """As a run does."""
    await GraphRunner(asking(), options).arun({})
    runner = GraphRunner(asking(), options)
    assert [state async for state in runner.astream(Command(resume="ST-7"))][-1]["story_id"] == "ST-7"


@pytest.mark.parametrize("graph_input", [None, Command(resume="yes")])
def test_what_is_missing_to_resume_is_named(mode, options, graph_input):
    """The error is in the result, and is raised by `invoke()`."""
    runner = GraphRunner(asking(), options)

    def problem(runner, config=None):
        result = call(mode, runner, graph_input, config)
        assert (result.status, type(result.error)) == (GraphRunStatus.FAILED, ValueError)
        return str(result.error)

    assert problem(runner).endswith("run.json has no checkpoint. Give an input.")
    for number in range(7):
        call(mode, runner, {}, {"configurable": {"thread_id": f"t{number}"}})
    assert "has 7 threads, 't0', 't1', 't2', 't3', 't4' and 2 more. Give one as thread_id" in problem(runner)
    assert "has no thread 'x'. It has 't0'" in problem(runner, {"configurable": {"thread_id": "x"}})
    assert "the graph has no checkpointer" in problem(GraphRunner(asking()))
    assert "give its thread_id" in problem(GraphRunner(asking(checkpointer=InMemorySaver())))
    with pytest.raises(ValueError, match="has 7 threads"):
        runner.invoke(graph_input)


def test_a_named_thread_of_several_is_resumed(mode, options):
    """With any checkpointer."""
    for runner in (GraphRunner(asking(), options), GraphRunner(asking(checkpointer=InMemorySaver()))):
        for name in ("a", "b"):
            call(mode, runner, {}, {"configurable": {"thread_id": name}})
        answered = call(mode, runner, Command(resume="ST-7"), {"configurable": {"thread_id": "a"}})
        assert (answered.status, answered.thread_id) == (GraphRunStatus.COMPLETED, "a")


def test_a_named_thread_is_resumed_without_a_search(tmp_path, monkeypatch):
    """A search would take longer the more threads the file has."""
    monkeypatch.setattr(JsonFileSaver, "thread_ids", None)
    options = ExecutionOptions(persistence_path=tmp_path / "run.json")
    thread = {"configurable": {"thread_id": "a"}}
    GraphRunner(asking(), options).run({}, thread)
    answered = GraphRunner(asking(), options).run(Command(resume="ST-7"), thread)
    assert answered.status is GraphRunStatus.COMPLETED


def test_a_nested_run_may_continue_with_the_checkpointer_around_it():
    """So it is not refused for a missing checkpointer."""

    class State(GraphState, total=False):
        answer: str

    inner = GraphRunner(StateGraph(State).add_node("n", lambda _: {}).add_edge(START, "n").compile())
    seen = []

    def outer(state):
        seen.append(inner.run(None))
        return {}

    StateGraph(State).add_node("outer", outer).add_edge(START, "outer").compile().invoke({})
    assert "checkpointer" not in str(seen[0].error)


def test_the_threads_of_a_saver_are_those_with_a_checkpoint(tmp_path):
    """A deleted thread is not listed."""
    saver = JsonFileSaver(tmp_path / "run.json")
    assert saver.thread_ids() == []
    graph = asking(checkpointer=saver)
    names = ["b", "Team/a", "", "x" * 500]
    for name in names[:2] + names[3:]:
        graph.invoke({}, {"configurable": {"thread_id": name}})
    saver.delete_thread("b")
    assert saver.thread_ids() == ["Team/a", "x" * 500]


def test_a_folder_that_is_no_thread_is_reported(tmp_path):
    """As by the other methods: a file is never guessed at."""
    from langgraph_runner import CheckpointForeignError

    saver = JsonFileSaver(tmp_path / "run.json")
    asking(checkpointer=saver).invoke({}, {"configurable": {"thread_id": "t"}})
    threads = tmp_path / "run.json.history" / "threads"
    (threads / "t").rename(threads / "T")
    with pytest.raises(CheckpointForeignError):
        saver.thread_ids()
