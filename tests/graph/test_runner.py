"""Running whole graphs."""

import asyncio
import contextvars
import json
import logging
import pickle
import re
import signal
import threading
from datetime import UTC, datetime

import pytest
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphDrained
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import RunControl
from langgraph.types import Command, RetryPolicy, Send, interrupt
from pydantic import BaseModel

from langgraph_runner import (
    AbortController,
    CheckpointWriteError,
    ExecutionOptions,
    GraphRunner,
    GraphRunResult,
    GraphRunStatus,
    GraphState,
    JsonFileSaver,
    RunBlockedError,
    RunCancelledError,
    RunTimeoutError,
    abandoned_threads,
    create_node,
    get_node_context,
    runner_config,
)
from langgraph_runner.graph import execution
from langgraph_runner.testing import Flaky


def chain(*actions, schema=GraphState):
    """A graph of nodes in a chain: n0, n1 and so on."""
    builder, before = StateGraph(schema), START
    for number, action in enumerate(actions):
        builder.add_node(f"n{number}", action).add_edge(before, f"n{number}")
        before = f"n{number}"
    return builder.add_edge(before, END).compile()


def fan(count, action):
    """A graph of nodes that run side by side."""
    builder = StateGraph(GraphState)
    for number in range(count):
        builder.add_node(f"n{number}", action).add_edge(START, f"n{number}")
    return builder.compile()


def thread(result):
    """The config of a thread."""
    return {"configurable": {"thread_id": result.thread_id}}


class Runs:
    """Calls `run` and `invoke` of a runner, sync or async, and waits for the result."""

    def __init__(self, mode):
        self.mode = mode

    def __call__(self, graph, options=None, /, *arguments, method="run", **keywords):
        """Make a runner and call its method."""
        runner = GraphRunner(graph, options)
        name = f"a{method}" if self.mode.is_async else method
        return self.mode.call(getattr(runner, name), *(arguments or ({},)), **keywords)


@pytest.fixture
def run(mode):
    """Run a graph once, sync and async."""
    return Runs(mode)


def fails(state):
    """A node that fails."""
    raise ValueError("no such brand")


# --- results


@pytest.mark.req("G-1", "G-7")
def test_a_run_says_what_became_of_it(run, mode):
    """Status, state, waves and duration."""
    ok = mode.function(lambda state: {"story_id": "s"})
    result = run(chain(ok, ok, ok), None, {"artifact_paths": {"a": "b"}})
    assert result.status is GraphRunStatus.COMPLETED
    assert (result.state["story_id"], result.state["artifact_paths"]) == ("s", {"a": "b"})
    assert (result.waves, result.errors, result.error, result.thread_id) == (3, (), None, None)
    assert 0 < result.duration_ms < 60_000


@pytest.mark.req("G-7")
def test_a_captured_failure_makes_a_blocked_run(run, mode):
    """The graph has ended; the record says why the run is blocked."""
    result = run(chain(create_node(mode.function(fails)), mode.function(lambda state: {})))
    assert (result.status, result.waves, result.error) == (GraphRunStatus.BLOCKED, 2, None)
    assert [record["node_id"] for record in result.errors] == ["n0"]


@pytest.mark.req("G-6", "G-7")
def test_a_failed_run_keeps_the_original_error(run, mode):
    """`run` returns it with the state of the last complete wave; `invoke` raises the same object."""
    error = ValueError("no such brand")

    def fail(state):
        raise error

    graph = chain(mode.function(lambda state: {"story_id": "s"}), mode.function(fail))
    result = run(graph)
    assert (result.status, result.waves, result.state["story_id"]) == (GraphRunStatus.FAILED, 2, "s")
    assert result.error is error
    assert result.errors[-1]["node_id"] == "n1"
    with pytest.raises(ValueError, match="no such brand") as raised:
        run(graph, method="invoke")
    assert raised.value is error


def test_an_interrupted_run_can_be_answered(run, mode):
    """The result names the thread and the question."""
    if mode.is_async:

        async def ask(state):
            return {"story_id": interrupt("which?")}
    else:

        def ask(state):
            return {"story_id": interrupt("which?")}

    graph = StateGraph(GraphState).add_node("ask", create_node(ask, retry=2)).add_edge(START, "ask")
    graph = graph.compile(checkpointer=InMemorySaver())
    asked = run(graph)
    assert asked.status is GraphRunStatus.INTERRUPTED
    assert [question.value for question in asked.interrupts] == ["which?"]
    answered = run(graph, None, Command(resume="ST-7"), thread(asked))
    assert (answered.status, answered.state["story_id"]) == (GraphRunStatus.COMPLETED, "ST-7")


def test_the_state_has_all_fields_whatever_the_graph_gives_out(run, mode):
    """Otherwise a narrow output schema would hide the flags and the errors."""

    class Output(BaseModel):
        story_id: str

    builder = StateGraph(GraphState, output_schema=Output)
    builder.add_node("n", create_node(mode.function(fails), fallback=lambda state: {"story_id": "s"}))
    result = run(builder.add_edge(START, "n").compile())
    assert result.state["story_id"] == "s"
    assert result.state["routing_flags"] == {}


def test_a_graph_of_the_functional_api_runs(run, mode):
    """Its result is the state."""
    if mode.is_async:

        @entrypoint()
        async def double(number):
            return number * 2
    else:

        @entrypoint()
        def double(number):
            return number * 2

    result = run(double, None, 21)
    assert (result.state, result.waves, result.status) == (42, 1, GraphRunStatus.COMPLETED)


# --- what nodes receive


@pytest.mark.req("G-2")
def test_nodes_without_a_retry_of_their_own_use_the_default(run, mode):
    """A node's own retry wins, and so does one in the config."""
    flaky = Flaky(ConnectionError, {})
    action = flaky.awaited if mode.is_async else flaky.sync
    once = {"max_attempts": 1}
    options = ExecutionOptions(default_retry={"max_attempts": 2, "backoff_ms": 0})
    assert run(chain(create_node(action)), options).status is GraphRunStatus.COMPLETED
    assert flaky.calls == 2
    for node, config in (
        (create_node(mode.function(fails), retry=once), None),
        (create_node(mode.function(fails)), runner_config(default_retry=once)),
    ):
        assert run(chain(node), options, {}, config).errors[0]["attempts"] == 1


@pytest.mark.req("G-3")
def test_a_fallback_reads_the_error_and_the_input(run, mode):
    """As in a graph without the runner."""
    seen = []

    def stand_in(state):
        context = get_node_context()
        seen.append((str(context.primary_error), context.primary_input["story_id"]))
        return {"story_id": "from the fallback"}

    result = run(chain(create_node(mode.function(fails), fallback=stand_in)), None, {"story_id": "s"})
    assert seen == [("no such brand", "s")]
    assert (result.status, result.state["story_id"]) == (GraphRunStatus.COMPLETED, "from the fallback")


# --- the error handler


@pytest.mark.req("G-5", "G-6")
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_the_error_handler_gets_the_error_and_the_persisted_state(run, mode, tmp_path, kind):
    """Before the call, the state and the end of the run are saved. Then the original error is raised."""
    path, told = tmp_path / "run.json", []

    def handle(error, execution_state):
        saved = JsonFileSaver(path).get_tuple({"configurable": {"thread_id": "t"}})
        ended = json.loads(path.read_text(encoding="utf-8"))["run"]
        told.append((str(error), execution_state, saved.checkpoint["channel_values"]["story_id"], ended))

    async def handle_async(error, execution_state):
        handle(error, execution_state)

    handler = handle if kind == "sync" else handle_async
    options = ExecutionOptions(persistence_path=path, error_handler=handler)
    graph = chain(mode.function(lambda state: {"story_id": "s"}), mode.function(fails))
    with pytest.raises(ValueError, match="no such brand"):
        run(graph, options, {}, {"configurable": {"thread_id": "t"}}, method="invoke")
    ((message, execution_state, saved, ended),) = told
    assert (message, saved) == ("no such brand", "s")
    assert (execution_state.status, execution_state.state["story_id"]) == ("failed", "s")
    assert execution_state.errors[-1]["node_id"] == "n1"
    assert execution_state.started_at <= execution_state.ended_at
    assert execution_state.ended_at.tzinfo is UTC
    assert (ended["status"], ended["ended"]) == ("failed", execution_state.ended_at.isoformat())
    assert [record["error_id"] for record in ended["errors"]] == [execution_state.errors[-1]["error_id"]]


@pytest.mark.req("G-5")
@pytest.mark.parametrize("count", [0, 1, 2])
def test_the_error_handler_takes_any_prefix_of_its_arguments(run, mode, count):
    """It accepts no argument, the error, or both."""
    told = []
    handler = [
        lambda: told.append(()),
        lambda error: told.append((error,)),
        lambda error, execution_state: told.append((error, execution_state)),
    ][count]
    result = run(chain(mode.function(fails)), ExecutionOptions(error_handler=handler))
    assert told == [(result.error, result)[:count]]


@pytest.mark.req("G-5")
@pytest.mark.parametrize("handler", [lambda a, b, c: None, lambda error, *, where: None])
def test_a_handler_that_cannot_be_called_is_refused(handler):
    """It is refused when the options are created."""
    with pytest.raises(TypeError, match=r"error_handler must .* needs the argument"):
        ExecutionOptions(error_handler=handler)


@pytest.mark.req("G-5")
@pytest.mark.parametrize("handles", [True, False])
def test_a_blocked_run_reaches_the_handler_by_default(run, mode, handles):
    """The handler gets an error that names the nodes; the run raises nothing. `handle_blocked=False` is respected."""
    told = []
    options = ExecutionOptions(
        error_handler=lambda error, execution_state: told.append((error, execution_state)),
        **({} if handles else {"handle_blocked": False}),
    )
    result = run(chain(create_node(mode.function(fails))), options, method="invoke")
    assert (result.status, result.error, len(told)) == (GraphRunStatus.BLOCKED, None, handles)
    for error, execution_state in told:
        assert (type(error), error.nodes, execution_state) == (RunBlockedError, ("n0",), result)
        assert str(error) == "The run is blocked by the failure of 'n0'."
        assert pickle.loads(pickle.dumps(error)).nodes == ("n0",)  # noqa: S301 - our own


@pytest.mark.req("G-5")
def test_the_state_file_says_how_each_run_ended(run, mode, tmp_path):
    """Of all runs, not only failed ones; also in the file of the graph's own saver."""
    path = tmp_path / "run.json"
    builder = StateGraph(GraphState).add_node("n", create_node(mode.function(fails))).add_edge(START, "n")
    run(builder.compile(checkpointer=JsonFileSaver(path)))
    assert json.loads(path.read_text(encoding="utf-8"))["run"]["status"] == "blocked"
    run(chain(mode.function(lambda state: {})), ExecutionOptions(persistence_path=path))
    assert json.loads(path.read_text(encoding="utf-8"))["run"]["status"] == "completed"


@pytest.mark.req("G-5")
def test_an_end_that_cannot_be_recorded_hides_nothing(run, mode, tmp_path, monkeypatch, caplog):
    """Such as a full disk."""

    def fail(*_, **__):
        raise CheckpointWriteError(tmp_path, "the disk is full")

    monkeypatch.setattr(JsonFileSaver, "record_run_end", fail)
    options = ExecutionOptions(persistence_path=tmp_path / "run.json")
    result = run(chain(mode.function(fails)), options)
    assert isinstance(result.error, ValueError)
    assert "The state file does not record this end: CheckpointWriteError." in result.error.__notes__
    assert "run.end_not_recorded" in caplog.text


@pytest.mark.req("G-5")
def test_a_handler_that_fails_masks_nothing(run, mode, caplog):
    """Its exception is logged and added as a note to the original error."""

    def handle(error, state):
        raise KeyError("handler")

    with pytest.raises(ValueError, match="no such brand") as raised:
        run(chain(mode.function(fails)), ExecutionOptions(error_handler=handle), {}, method="invoke")
    assert raised.value.__notes__[-1] == "The error handler failed, too: KeyError."
    assert any("run.error_handler_failed" in record.getMessage() for record in caplog.records)


def test_nothing_but_a_failure_reaches_the_handler(run, mode):
    """Completed runs and aborts do not."""
    told = []
    options = ExecutionOptions(error_handler=lambda *arguments: told.append(arguments))
    run(chain(create_node(mode.function(lambda state: {}))), options)
    controller = AbortController()
    controller.abort("enough")
    assert run(chain(mode.function(fails)), options, abort_signal=controller.signal).status == "cancelled"
    assert told == []


# --- stopping


def waits(mode):
    """A node that runs until it is stopped, and the event that it sets when it begins."""
    begun = threading.Event()

    def block(state):
        begun.set()
        get_node_context().abort_signal.wait()
        return {}

    async def hang(state):
        begun.set()
        await asyncio.Event().wait()

    return create_node(hang if mode.is_async else block), begun


@pytest.mark.req("G-1", "G-7")
def test_a_run_ends_at_its_timeout(run, mode):
    """Its nodes are stopped, and the handler is called."""
    told = []
    node, begun = waits(mode)
    options = ExecutionOptions(timeout_ms=50, error_handler=lambda error, state: told.append(type(error)))
    graph = chain(mode.function(lambda state: {"story_id": "s"}), node, mode.function(fails))
    result = run(graph, options)
    assert result.status is GraphRunStatus.TIMED_OUT
    # On a busy machine the timeout may come before the waiting node begins, or even before the first node.
    assert result.waves == 2 if begun.is_set() else result.waves < 2
    assert (result.state or {}).get("story_id") in ({"s"} if begun.is_set() else {"s", None})
    assert (result.errors[-1]["code"], result.errors[-1]["category"]) == ("RUN_TIMEOUT", "timeout")
    assert told == [RunTimeoutError]
    with pytest.raises(RunTimeoutError, match="50 ms"):
        run(graph, options, method="invoke")


def test_a_plain_function_that_hangs_is_left_behind(caplog, no_thread_left):
    """The run ends without it, and no further node begins. The function counts as abandoned while it runs."""
    go_on, after = threading.Event(), []
    graph = chain(lambda state: go_on.wait(30) and {}, lambda state: after.append(1))
    result = GraphRunner(graph, ExecutionOptions(timeout_ms=50)).run({})
    assert result.status is GraphRunStatus.TIMED_OUT
    assert "Left behind" in result.error.__notes__[0]
    assert abandoned_threads() == 1
    go_on.set()
    for each in threading.enumerate():
        if each.name.startswith("node-"):
            each.join(10)
    assert (abandoned_threads(), after) == (0, [])


@pytest.mark.req("N-17")
@pytest.mark.parametrize("where", ["argument", "config"])
def test_an_abort_signal_ends_a_run(run, mode, where):
    """The signal comes from another thread; the run ends promptly."""
    controller = AbortController()
    node, begun = waits(mode)

    def abort():
        begun.wait(10)
        controller.abort("the user left")

    threading.Thread(target=abort).start()
    given = {"abort_signal": controller.signal}
    keywords = given if where == "argument" else {"config": runner_config(**given)}
    result = run(chain(node, mode.function(fails)), None, {}, **keywords)
    assert (result.status, result.waves) == (GraphRunStatus.CANCELLED, 1)
    assert isinstance(result.error, RunCancelledError)
    assert result.error.reason == "the user left"


def test_an_abort_from_a_signal_handler_ends_a_run(run, mode):
    """For example, from the handler of Ctrl-C."""
    controller = AbortController()
    before = signal.signal(signal.SIGUSR1, lambda *_: controller.abort("SIGUSR1"))
    node, begun = waits(mode)

    def send():
        begun.wait(10)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)

    threading.Thread(target=send).start()
    try:
        result = run(chain(node), abort_signal=controller.signal)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert result.error.reason == "SIGUSR1"


@pytest.mark.req("N-17")
def test_a_wait_for_a_slot_ends_with_the_run(run, mode):
    """Nodes that wait for a slot never begin."""
    node, _ = waits(mode)
    begun = []

    if mode.is_async:

        async def late(state):
            begun.append(1)
    else:

        def late(state):
            begun.append(1)

    builder = StateGraph(GraphState).add_node("a", node).add_edge(START, "a")
    for number in range(3):
        builder.add_node(f"late{number}", late).add_edge(START, f"late{number}")
    result = run(builder.compile(), ExecutionOptions(max_concurrency=1, timeout_ms=50))
    assert (result.status, begun) == (GraphRunStatus.TIMED_OUT, [])


def test_a_stopped_run_resumes_where_it_was(run, mode, tmp_path):
    """A stopped node runs again, because it does not count as done."""
    node, begun = waits(mode)
    path = tmp_path / "run.json"
    steps = []
    controller = AbortController()
    threading.Thread(target=lambda: begun.wait(10) and controller.abort()).start()

    def count(state):
        steps.append("first")
        return {"story_id": "s"}

    options = ExecutionOptions(persistence_path=path)
    stopped = run(chain(mode.function(count), node), options, abort_signal=controller.signal)
    assert stopped.status is GraphRunStatus.CANCELLED
    graph = chain(mode.function(count), create_node(mode.function(lambda state: steps.append("second"))))
    resumed = run(graph, options, None, thread(stopped))
    assert (resumed.status, resumed.waves, steps) == (GraphRunStatus.COMPLETED, 1, ["first", "second"])
    assert resumed.state["story_id"] == "s"


def test_a_drained_run_stops_between_waves_and_resumes(run, mode, tmp_path):
    """The caller passes LangGraph's own `RunControl`."""
    control = RunControl()
    options = ExecutionOptions(persistence_path=tmp_path / "run.json")
    plain = mode.function(lambda state: control.request_drain("deploy"))
    graph = chain(plain, mode.function(lambda state: {"story_id": "s"}))
    drained = run(graph, options, control=control)
    assert (drained.status, drained.waves) == (GraphRunStatus.DRAINED, 1)
    assert isinstance(drained.error, GraphDrained)
    resumed = run(graph, options, None, thread(drained))
    assert (resumed.status, resumed.state["story_id"]) == (GraphRunStatus.COMPLETED, "s")


async def test_a_cancelled_task_is_cancelled():
    """A cancellation by asyncio is raised, not returned as a result. No task is left."""
    begun, ended = asyncio.Event(), []

    async def hang(state):
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(1)

    running = asyncio.ensure_future(GraphRunner(chain(hang), ExecutionOptions(timeout_ms=60_000)).arun({}))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended == [1]
    assert asyncio.all_tasks() == {asyncio.current_task()}


# --- concurrency


class Gauge:
    """Counts the nodes that run at once. The first nodes wait until `expected` of them run."""

    def __init__(self, mode, expected=1):
        self._expected, self._full = expected, threading.Event()
        self.peak = self.now = 0
        self._lock = threading.Lock()
        self.node = self._awaited if mode.is_async else self._sync

    def _change(self, by):
        with self._lock:
            self.now += by
            self.peak = max(self.peak, self.now)
        if self.peak >= self._expected:
            self._full.set()

    def _sync(self, state):
        self._change(1)
        self._full.wait(5)
        self._change(-1)
        return {}

    async def _awaited(self, state):
        self._change(1)
        while not self._full.is_set():  # noqa: ASYNC110 - the node that sets it may be in a thread
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        self._change(-1)
        return {}


@pytest.mark.req("G-1")
@pytest.mark.parametrize("limit", [1, 2, 5])
def test_the_cap_is_true_for_the_whole_run(run, mode, limit):
    """LangGraph has a cap for each graph: with three nested graphs, a cap of 2 would let 6 nodes run."""
    gauge = Gauge(mode, limit)
    graph = fan(4, fan(3, gauge.node))
    result = run(graph, ExecutionOptions(max_concurrency=limit))
    assert result.status is GraphRunStatus.COMPLETED
    assert gauge.peak == limit


@pytest.mark.parametrize("limit", [1, 2])
def test_nodes_that_call_graphs_do_not_wait_for_ever(run, mode, limit):
    """Three levels of graphs, each wider than the cap, called inside functions."""
    gauge = Gauge(mode)
    inner = fan(3, gauge.node)

    def level(graph):
        async def awaited(state):
            await asyncio.gather(graph.ainvoke(state), graph.ainvoke(state))

        def blocking(state):
            graph.invoke(state)

        return fan(3, awaited if mode.is_async else blocking)

    result = run(level(level(inner)), ExecutionOptions(max_concurrency=limit, timeout_ms=60_000))
    assert result.status is GraphRunStatus.COMPLETED
    assert gauge.peak <= limit


@pytest.mark.parametrize("limit", [1, 2])
def test_tasks_are_capped_and_do_not_wait_for_ever(run, mode, limit):
    """Tasks of the functional API that call tasks. With LangGraph's own cap of 1 they deadlock."""
    gauge = Gauge(mode)
    if mode.is_async:

        @task
        async def leaf(number):
            await gauge.node(None)
            return number

        @task
        async def outer(number):
            return await leaf(number)

        @entrypoint()
        async def total(count):
            return sum(await asyncio.gather(*(outer(number) for number in range(count))))
    else:

        @task
        def leaf(number):
            gauge.node(None)
            return number

        @task
        def outer(number):
            return leaf(number).result()

        @entrypoint()
        def total(count):
            return sum(future.result() for future in [outer(number) for number in range(count)])

    result = run(total, ExecutionOptions(max_concurrency=limit, timeout_ms=60_000), 8)
    assert (result.status, result.state) == (GraphRunStatus.COMPLETED, 28)
    assert gauge.peak <= limit


def test_blocking_nodes_of_an_awaited_run_are_capped(mode):
    """LangGraph runs them in threads."""
    gauge = Gauge(type(mode)(is_async=False), 2)
    result = asyncio.run(
        GraphRunner(fan(3, fan(3, gauge.node)), ExecutionOptions(max_concurrency=2)).arun({})
    )
    assert (result.status, gauge.peak) == (GraphRunStatus.COMPLETED, 2)


def test_sends_are_capped(run, mode):
    """The number of nodes is known only at run time."""
    gauge = Gauge(mode, 3)
    builder = StateGraph(GraphState).add_node("work", gauge.node)
    builder.add_conditional_edges(START, lambda state: [Send("work", {}) for _ in range(12)], ["work"])
    assert run(builder.compile(), ExecutionOptions(max_concurrency=3)).waves == 1
    assert gauge.peak == 3


def test_a_graph_in_a_tool_belongs_to_the_node(run, mode):
    """The chain of callers goes through tools."""
    gauge = Gauge(mode)
    inner = fan(3, gauge.node)
    if mode.is_async:

        @tool
        async def research(topic: str) -> str:
            """Look it up."""
            await inner.ainvoke({})
            return topic

        async def agent(state):
            return {"story_id": await research.ainvoke("x")}
    else:

        @tool
        def research(topic: str) -> str:
            """Look it up."""
            inner.invoke({})
            return topic

        def agent(state):
            return {"story_id": research.invoke("x")}

    result = run(fan(1, agent), ExecutionOptions(max_concurrency=1, timeout_ms=60_000))
    assert (result.status, result.state["story_id"], gauge.peak) == (GraphRunStatus.COMPLETED, "x", 1)


def test_a_runner_inside_a_node_shares_the_outer_cap(run, mode):
    """Two separate caps could deadlock."""
    gauge = Gauge(mode, 2)
    inner = GraphRunner(fan(4, gauge.node), ExecutionOptions(max_concurrency=4))

    async def awaited(state):
        await inner.ainvoke({})

    def blocking(state):
        inner.invoke({})

    action = awaited if mode.is_async else blocking
    assert run(fan(3, action), ExecutionOptions(max_concurrency=2)).status is GraphRunStatus.COMPLETED
    assert gauge.peak == 2


def test_langgraphs_retry_takes_a_slot_for_each_attempt(run, mode):
    """It releases the slot between attempts."""
    flaky = Flaky(KeyError, KeyError, {"story_id": "s"})
    policy = RetryPolicy(max_attempts=3, initial_interval=0, jitter=False, retry_on=KeyError)
    builder = StateGraph(GraphState)
    builder.add_node("n", flaky.awaited if mode.is_async else flaky.sync, retry_policy=policy)
    result = run(builder.add_edge(START, "n").compile(), ExecutionOptions(max_concurrency=1))
    assert result.state["story_id"] == "s"


# --- persistence


@pytest.mark.req("G-4")
def test_the_state_is_on_disk_after_every_wave(run, mode, tmp_path):
    """Each node reads from disk what the node before it has written."""
    path, found = tmp_path / "runs" / "audit.json", []

    def look(state):
        saved = JsonFileSaver(path).get_tuple({"configurable": {"thread_id": "t"}})
        found.append(dict(saved.checkpoint["channel_values"].get("artifact_paths", {})))
        return {"artifact_paths": {f"step{len(found)}": "x"}}

    options = ExecutionOptions(persistence_path=path)
    run(chain(*[mode.function(look)] * 3), options, {}, {"configurable": {"thread_id": "t"}})
    assert [len(paths) for paths in found] == [0, 1, 2]


def test_two_checkpointers_are_refused(tmp_path):
    """The graph has a checkpointer, and the options name a path for another."""
    graph = (
        StateGraph(GraphState)
        .add_node("n", lambda state: {})
        .add_edge(START, "n")
        .compile(checkpointer=InMemorySaver())
    )
    with pytest.raises(
        ValueError, match="persistence_path must not be given for a graph with a checkpointer"
    ):
        GraphRunner(graph, ExecutionOptions(persistence_path=tmp_path / "x.json"))


def test_the_graph_stays_as_it_is(tmp_path):
    """A runner makes a copy where it needs another checkpointer."""
    graph = chain(lambda state: {})
    GraphRunner(graph, ExecutionOptions(persistence_path=tmp_path / "x.json"))
    assert graph.checkpointer is None


# --- streaming


@pytest.mark.parametrize("mode", ["values", "updates", ["updates", "values"], ["custom"]])
@pytest.mark.parametrize("subgraphs", [False, True])
async def test_a_stream_is_that_of_langgraph(mode, subgraphs):
    """For all stream modes, with and without subgraphs."""
    graph = chain(lambda state: {"story_id": "a"}, chain(lambda state: {"artifact_paths": {"x": "y"}}))
    own = [chunk async for chunk in graph.astream({}, stream_mode=mode, subgraphs=subgraphs)]
    runner = GraphRunner(graph)
    ours = [chunk async for chunk in runner.astream({}, stream_mode=mode, subgraphs=subgraphs)]
    assert _without_ids(ours) == _without_ids(own)


def _without_ids(chunks):
    return re.sub(r"n1:[0-9a-f-]+", "n1", repr(chunks))


async def test_a_stream_raises_what_ended_the_run():
    """It first delivers the earlier chunks."""
    stream = GraphRunner(chain(lambda state: {"story_id": "a"}, fails)).astream({}, stream_mode="updates")
    assert await anext(stream) == {"n0": {"story_id": "a"}}
    with pytest.raises(ValueError, match="no such brand"):
        await anext(stream)


async def test_a_timeout_does_not_cancel_the_consumer(fake, monkeypatch):
    """If the time passes between two chunks, the consumer gets the error in place of the next chunk."""
    monkeypatch.setattr(execution, "_clock", fake.blocking)
    runner = GraphRunner(chain(lambda state: {}, lambda state: {}), ExecutionOptions(timeout_ms=60_000))
    stream = runner.astream({"story_id": "s"})
    assert (await anext(stream))["story_id"] == "s"
    fake.advance(61)
    with pytest.raises(RunTimeoutError):
        await anext(stream)


async def test_a_consumer_that_stops_early_ends_the_run():
    """No task of the run is left."""
    after = []
    stream = GraphRunner(chain(lambda state: {}, lambda state: after.append(1))).astream(
        {}, stream_mode="updates"
    )
    async for _ in stream:
        break
    await stream.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}


# --- callbacks, logs and options


def test_callbacks_of_the_caller_are_kept(run, mode):
    """Context variables reach the nodes, too."""
    from langchain_core.callbacks import BaseCallbackHandler

    variable = contextvars.ContextVar("variable", default="unset")
    names, seen = [], []

    class Handler(BaseCallbackHandler):
        def on_chain_start(self, serialized, inputs, **fields):
            names.append(fields["name"])

    variable.set("set")
    graph = chain(mode.function(lambda state: seen.append(variable.get())))
    run(graph, ExecutionOptions(timeout_ms=60_000), {}, {"callbacks": [Handler()]})
    assert (names, seen) == (["LangGraph", "n0"], ["set"])


def test_a_run_is_logged_with_how_it_ended(run, mode, caplog):
    """With one event, whose level depends on the outcome."""
    with caplog.at_level(logging.INFO, logger="langgraph_runner.graph"):
        run(chain(mode.function(lambda state: {})))
        run(chain(mode.function(fails)))
    assert [(record.levelname, record.getMessage().split()[0]) for record in caplog.records] == [
        ("INFO", "run.completed"),
        ("ERROR", "run.failed"),
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_concurrency": 0}, "max_concurrency"),
        ({"max_concurrency": True}, "max_concurrency"),
        ({"timeout_ms": 0}, "timeout_ms"),
        ({"timeout_ms": "soon"}, "timeout_ms"),
        ({"default_retry": 0}, "max_attempts"),
        ({"error_handler": "print"}, "error_handler"),
        ({"timeout": 5}, "timeout"),
    ],
)
def test_an_option_out_of_range_is_refused(options, message):
    """The message names the option."""
    with pytest.raises((ValueError, TypeError), match=message):
        ExecutionOptions(**options)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GraphRunner(StateGraph(GraphState)), "graph must be a compiled graph.*Call .compile"),
        (lambda: GraphRunner(None), "graph must be a compiled graph"),
        (
            lambda: GraphRunner(chain(fails)).run({}, abort_signal=AbortController()),
            "Pass its `.signal`",
        ),
        (lambda: GraphRunner(chain(fails), {"timeout_ms": 5}), "options must be ExecutionOptions"),
    ],
)
def test_a_mistake_is_told_with_its_fix(make, message):
    """The message says how to fix it, before any node runs."""
    with pytest.raises(TypeError, match=message):
        make()


def test_the_error_of_a_run_is_not_in_the_repr():
    """Its text is not sanitized, and a result is often logged; the records of `errors` are sanitized."""
    now = datetime.now(UTC)
    result = GraphRunResult(
        status=GraphRunStatus.FAILED,
        state=None,
        error=ValueError("password=" + "hunter2x"),
        started_at=now,
        ended_at=now,
    )
    assert "hunter2x" not in repr(result)
    assert str(result.error) == "password=hunter2x"
