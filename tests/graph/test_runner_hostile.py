"""Runs that are hard to get right: sync and async mixed, runs inside runs, odd states, stops at the wrong moment."""

import asyncio
import logging
import re
import signal
import threading

import pytest
from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.retrievers import BaseRetriever
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.runtime import RunControl
from langgraph.types import Command, RetryPolicy, interrupt
from typing_extensions import TypedDict

from langgraph_runner import (
    AbortController,
    ExecutionOptions,
    GraphRunner,
    GraphRunStatus,
    GraphState,
    RunCancelledError,
    create_node,
    get_node_context,
    runner_config,
)
from tests.graph.test_runner import chain, fails, fan, run, thread, waits

__all__ = ["run"]  # The fixture.

ONE_AT_A_TIME = ExecutionOptions(max_concurrency=1, timeout_ms=60_000)


def _for_mode(mode, awaited, blocking):
    return awaited if mode.is_async else blocking


# --- results


def test_a_run_that_was_aborted_before_ends_at_once(run):
    """No node had begun, so no thread is left behind."""
    controller = AbortController()
    controller.abort("too late")
    result = run(chain(fails), abort_signal=controller.signal)
    assert (result.status, result.waves) == (GraphRunStatus.CANCELLED, 0)
    assert getattr(result.error, "__notes__", []) == []


@pytest.mark.parametrize("where", ["interrupt_before", "interrupt_after"])
def test_a_stop_before_or_after_a_node_is_an_interrupt(run, mode, where):
    """There is no question, but the graph has not ended."""
    action = mode.function(lambda state: {})
    builder = StateGraph(GraphState).add_node("a", action).add_node("b", action)
    graph = builder.add_edge(START, "a").add_edge("a", "b").compile(checkpointer=InMemorySaver())
    stopped = run(graph, **{where: ["a"]})
    assert (stopped.status, stopped.interrupts) == (GraphRunStatus.INTERRUPTED, ())
    assert run(graph, None, None, thread(stopped)).status is GraphRunStatus.COMPLETED


@pytest.mark.parametrize(("errors", "flags"), [(3, "yes"), (["odd"], ["blocked"]), ([{"a": 1}], None)])
def test_fields_of_ones_own_are_not_taken_for_records_and_flags(run, mode, errors, flags):
    """A state may use the names `errors` and `routing_flags` for something else."""

    class Own(TypedDict, total=False):
        errors: object
        routing_flags: object

    node = mode.function(lambda state: {"errors": errors, "routing_flags": flags})
    result = run(chain(node, schema=Own))
    assert (result.status, result.errors) == (GraphRunStatus.COMPLETED, ())
    assert result.state == {"errors": errors, "routing_flags": flags}


def test_a_node_that_recovered_is_not_blamed(run, mode):
    """The record names the node that ended the run, not one that failed before and was retried."""
    calls = []

    def flaky(state):
        calls.append(1)
        if len(calls) == 1:
            raise KeyError("first")

    policy = RetryPolicy(max_attempts=2, initial_interval=0, jitter=False, retry_on=KeyError)
    builder = StateGraph(GraphState).add_node("flaky", mode.function(flaky), retry_policy=policy)
    builder.add_node("broken", mode.function(fails)).add_edge(START, "flaky").add_edge("flaky", "broken")
    assert run(builder.compile()).errors[-1]["node_id"] == "broken"


@pytest.mark.parametrize("option", [{"stream_mode": "updates"}, {"subgraphs": True}, {"version": "v2"}])
def test_the_shape_of_the_stream_is_not_for_the_caller(run, option):
    """Another shape would replace the state."""
    with pytest.raises(TypeError, match=next(iter(option))):
        run(chain(fails), **option)


TYPOS = pytest.mark.parametrize(
    ("option", "hint"),
    [({"abort_signl": 1}, "'abort_signal'"), ({"interupt_before": "*"}, "'interrupt_before'")],
)


@TYPOS
@pytest.mark.parametrize("method", ["run", "invoke"])
def test_an_option_with_a_typo_is_refused(run, method, option, hint):
    """A misspelled `abort_signal` that was accepted would leave the run without one."""
    with pytest.raises(TypeError, match=f"GraphRunner has no such option. Did you mean {hint}"):
        run(chain(fails), method=method, **option)


def test_a_value_of_the_wrong_type_is_named():
    """In words that fit the name of the option."""
    with pytest.raises(ValueError, match=r"persistence_path is not a valid path for .*, got 5"):
        ExecutionOptions(persistence_path=5)


def test_an_option_of_the_runner_is_no_option_of_a_run(run):
    """The message shows where it belongs."""
    with pytest.raises(TypeError, match=r"GraphRunner\(graph, ExecutionOptions\(timeout_ms=\.\.\.\)\)"):
        run(chain(fails), timeout_ms=5)


@TYPOS
async def test_an_option_of_a_stream_with_a_typo_is_refused(option, hint):
    """When the caller asks for its first chunk."""
    with pytest.raises(TypeError, match=f"GraphRunner has no such option. Did you mean {hint}"):
        await anext(GraphRunner(chain(fails)).astream({}, **option))


def test_what_is_bound_to_the_graph_counts(run, mode):
    """A thread and a signal that `with_config()` has set."""
    controller = AbortController()
    bound = {"thread_id": "mine", "abort_signal": controller.signal}
    builder = StateGraph(GraphState).add_node("n", mode.function(lambda state: {})).add_edge(START, "n")
    graph = builder.compile(checkpointer=InMemorySaver()).with_config(configurable=bound)
    assert run(graph).thread_id == "mine"
    controller.abort()
    assert run(graph).status is GraphRunStatus.CANCELLED


def test_a_checkpointer_need_not_be_hashable(run, mode):
    """For example, a dataclass."""

    class Saver(InMemorySaver):
        __hash__ = None

    builder = StateGraph(GraphState).add_node("n", mode.function(lambda state: {})).add_edge(START, "n")
    assert run(builder.compile(checkpointer=Saver())).status is GraphRunStatus.COMPLETED


def test_a_handler_that_gives_a_coroutine_is_waited_for(run, mode):
    """For example, a lambda around an async function."""
    told = []

    async def tell(error):
        await asyncio.sleep(0)
        told.append(type(error))

    options = ExecutionOptions(error_handler=lambda error, state: tell(error))
    run(chain(mode.function(fails)), options)
    assert told == [ValueError]


def test_an_abort_that_a_node_has_captured_is_no_end(run, mode):
    """The last node may capture its cancellation, and the graph may end, before the run sees the abort."""
    controller = AbortController()

    def stop(state):
        controller.abort("enough")
        controller.signal.throw_if_aborted()

    for _ in range(20):
        controller = AbortController()
        result = run(chain(create_node(mode.function(stop))), abort_signal=controller.signal)
        assert (result.status, str(result.error.reason)) == (GraphRunStatus.CANCELLED, "enough")


@pytest.fixture
def ctrl_c():
    """Makes Ctrl-C interrupt the tests. A shell disables it for background processes."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_ends_a_bounded_run_at_once():
    """Even if its functions block. The abort signals of the nodes fire."""
    blocks, told = Blocks(), []

    def looks(state):
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        told.append(get_node_context().abort_signal.wait(10_000))

    builder = StateGraph(GraphState).add_node("a", blocks).add_node("b", create_node(looks))
    graph = builder.add_edge(START, "a").add_edge(START, "b").compile()
    with pytest.raises(KeyboardInterrupt):
        GraphRunner(graph, ExecutionOptions(timeout_ms=60_000)).run({})
    assert not blocks.go_on.is_set()
    blocks.end()
    assert told == [True]


# --- both ways of calling, mixed, under a cap of 1


def test_awaited_graphs_in_blocking_nodes_do_not_wait_for_ever(run):
    """A node that waits for its slot must not hold up the event loop of the node that has it."""

    async def leaf(state):
        await asyncio.to_thread(int)  # The event loop waits for another thread.

    inner = fan(3, leaf)
    result = run(fan(2, lambda state: asyncio.run(inner.ainvoke({})) and {}), ONE_AT_A_TIME)
    assert result.status is GraphRunStatus.COMPLETED


def test_blocking_graphs_on_the_event_loop_do_not_wait_for_ever():
    """Such code is bad, but it exists."""
    inner = fan(3, lambda state: {})

    async def blocks(state):
        inner.invoke({})

    result = asyncio.run(GraphRunner(fan(3, blocks), ONE_AT_A_TIME).arun({}))
    assert result.status is GraphRunStatus.COMPLETED


def test_a_graph_in_a_retriever_belongs_to_the_node(run, mode):
    """The chain of callers goes through retrievers that hand on their callbacks."""
    inner = fan(2, mode.function(lambda state: {}))

    class Search(BaseRetriever):
        def _get_relevant_documents(self, query, *, run_manager):
            inner.invoke({}, {"callbacks": run_manager.get_child()})
            return []

        async def _aget_relevant_documents(self, query, *, run_manager):
            await inner.ainvoke({}, {"callbacks": run_manager.get_child()})
            return []

    async def awaited(state):
        await Search().ainvoke("x")

    def blocking(state):
        Search().invoke("x")

    result = run(fan(1, _for_mode(mode, awaited, blocking)), ONE_AT_A_TIME)
    assert result.status is GraphRunStatus.COMPLETED


async def test_a_node_that_is_cancelled_before_it_is_called_gives_its_slot_back():
    """LangGraph's timeout cancels it while another callback handler still handles its start."""

    class Slow(AsyncCallbackHandler):
        was_slow = False

        async def on_chain_start(self, *_, metadata, **__):
            if metadata.get("langgraph_node") and not self.was_slow:
                self.was_slow = True
                await asyncio.Event().wait()

    async def work(state):
        return {}

    builder = StateGraph(GraphState)
    policy = RetryPolicy(max_attempts=2, initial_interval=0, jitter=False, retry_on=Exception)
    for name in ("a", "b"):
        builder.add_node(name, work, timeout=0.5, retry_policy=policy).add_edge(START, name)
    result = await GraphRunner(builder.compile(), ONE_AT_A_TIME).arun({}, {"callbacks": [Slow()]})
    assert result.status is GraphRunStatus.COMPLETED


# --- what was stopped stays stopped


class Blocks:
    """A blocking function that aborts the run and cannot be stopped. It counts its calls."""

    def __init__(self):
        self.calls, self.go_on, self.controller = 0, threading.Event(), AbortController()

    def __call__(self, state):
        self.calls += 1
        self.controller.abort()
        self.go_on.wait(30)
        return {"story_id": "late"}

    def end(self):
        """Release the function, and wait until the abandoned threads have ended."""
        self.go_on.set()
        for each in threading.enumerate():
            if each.name.startswith("node-"):
                each.join(10)


def test_nodes_of_a_blocking_graph_do_not_begin_after_a_stop(run, mode):
    """Also in an awaited run, where LangChain does not call async handlers of a blocking graph."""
    blocks = Blocks()
    inner = fan(3, blocks)
    outer = chain(lambda state: inner.invoke({}))
    threading.Timer(0.5, blocks.go_on.set).start()  # An awaited run waits for its threads.
    result = run(outer, ONE_AT_A_TIME, abort_signal=blocks.controller.signal)
    blocks.end()
    assert (result.status, blocks.calls) == (GraphRunStatus.CANCELLED, 1)


def test_nodes_of_an_inner_run_do_not_begin_after_its_stop():
    """Although they use the slots of the outer run, which continues with all of its slots."""
    blocks, after = Blocks(), []
    inner = GraphRunner(fan(3, blocks))

    def call(state):
        stopped = inner.run({}, abort_signal=blocks.controller.signal)
        assert stopped.status is GraphRunStatus.CANCELLED
        blocks.go_on.set()

    result = GraphRunner(chain(call, fan(2, lambda state: after.append(1))), ONE_AT_A_TIME).run({})
    blocks.end()
    assert (result.status, blocks.calls, after) == (GraphRunStatus.COMPLETED, 1, [1, 1])


def test_what_a_left_behind_function_gives_is_not_written(tmp_path):
    """The run ended without the function: its late result must not overwrite the work of a resumed run."""
    blocks = Blocks()
    graph = chain(blocks)
    path = tmp_path / "run.json"
    options = ExecutionOptions(persistence_path=path)
    stopped = GraphRunner(graph, options).run({}, abort_signal=blocks.controller.signal)
    blocks.end()
    state = GraphRunner(graph, ExecutionOptions(persistence_path=path)).graph.get_state(thread(stopped))
    assert state.next == ("n0",)
    assert state.values.get("story_id") is None


def test_nodes_that_wait_are_stopped_in_silence(run, mode, caplog):
    """A thousand of them would fill the log."""
    node, _ = waits(mode)
    with caplog.at_level(logging.WARNING):
        run(fan(5, node), ExecutionOptions(max_concurrency=1, timeout_ms=50))
    assert [record.name for record in caplog.records if "langchain" in record.name] == []


# --- runs inside runs


def test_a_command_of_an_inner_run_reaches_the_graph_around_it(run, mode):
    """The outer graph may be a plain one."""
    command = Command(graph=Command.PARENT, update={"story_id": "from below"})
    inner = GraphRunner(chain(mode.function(lambda state: command)))

    async def awaited(state):
        await inner.arun({})

    def blocking(state):
        inner.run({})

    assert mode.invoke(chain(_for_mode(mode, awaited, blocking)), {})["story_id"] == "from below"


@pytest.mark.parametrize("method", ["run", "invoke"])
def test_a_question_of_an_inner_run_reaches_the_outer_one(run, mode, method):
    """It is not a failure of any node, and the inner run gets the answer."""
    told = []
    ask = _for_mode(mode, *_asking())
    inner = GraphRunner(chain(ask), ExecutionOptions(error_handler=lambda *_: told.append(1)))

    async def awaited(state):
        return {"story_id": (await getattr(inner, f"a{method}")({})).state["story_id"]}

    def blocking(state):
        return {"story_id": getattr(inner, method)({}).state["story_id"]}

    builder = StateGraph(GraphState).add_node("outer", _for_mode(mode, awaited, blocking))
    graph = builder.add_edge(START, "outer").compile(checkpointer=InMemorySaver())
    asked = run(graph)
    assert (asked.status, [each.value for each in asked.interrupts]) == (
        GraphRunStatus.INTERRUPTED,
        ["which?"],
    )
    assert run(graph, None, Command(resume="ST-7"), thread(asked)).state["story_id"] == "ST-7"
    assert told == []


def _asking():
    async def awaited(state):
        return {"story_id": interrupt("which?")}

    def blocking(state):
        return {"story_id": interrupt("which?")}

    return awaited, blocking


def test_a_drain_of_the_outer_run_stops_the_inner_one(run, mode):
    """The node that contains the inner run counts as not done."""
    control, after = RunControl(), []
    inner = GraphRunner(chain(mode.function(lambda state: control.request_drain()), after.append))

    async def awaited(state):
        await inner.arun({})

    def blocking(state):
        inner.run({})

    builder = StateGraph(GraphState).add_node("outer", _for_mode(mode, awaited, blocking))
    graph = builder.add_edge(START, "outer").compile(checkpointer=InMemorySaver())
    drained = run(graph, control=control)
    assert (drained.status, after) == (GraphRunStatus.DRAINED, [])
    assert graph.get_state(thread(drained)).next == ("outer",)


def test_the_end_of_an_inner_run_is_not_that_of_the_outer_one(run, mode):
    """Its timeout stops only the inner run."""
    node, _ = waits(mode)
    inner = GraphRunner(chain(node), ExecutionOptions(timeout_ms=50))

    async def awaited(state):
        return {"story_id": str((await inner.arun({})).status)}

    def blocking(state):
        return {"story_id": str(inner.run({}).status)}

    action = _for_mode(mode, awaited, blocking)
    result = run(chain(action, mode.function(lambda state: {"artifact_paths": {"a": "b"}})))
    assert (result.status, result.state["story_id"]) == (GraphRunStatus.COMPLETED, "timed_out")
    assert result.state["artifact_paths"] == {"a": "b"}


def test_an_abort_of_the_outer_run_stops_the_inner_one(run, mode):
    """The inner run has its own signal, because it has a timeout."""
    controller, reasons = AbortController(), []
    node, begun = waits(mode)
    inner = GraphRunner(chain(node), ExecutionOptions(timeout_ms=60_000))

    async def awaited(state):
        try:
            await inner.ainvoke({})
        except (asyncio.CancelledError, RunCancelledError):
            reasons.append("cancelled")
            raise

    def blocking(state):
        try:
            inner.invoke({})
        except RunCancelledError:
            reasons.append("cancelled")
            raise

    threading.Thread(target=lambda: begun.wait(10) and controller.abort("enough")).start()
    result = run(
        chain(_for_mode(mode, awaited, blocking)), None, {}, runner_config(abort_signal=controller.signal)
    )
    assert (result.status, reasons) == (GraphRunStatus.CANCELLED, ["cancelled"])


def test_a_graph_that_keeps_its_state_between_calls_keeps_it_in_a_runner(run, mode):
    """With `checkpointer=True`; a separate thread for each call would lose the state."""
    count = mode.function(lambda state: {"artifact_paths": {str(len(state["artifact_paths"])): "x"}})
    builder = StateGraph(GraphState).add_node("count", count).add_edge(START, "count")
    inner = GraphRunner(builder.compile(checkpointer=True))

    async def awaited(state):
        return {"artifact_paths": (await inner.ainvoke({})).state["artifact_paths"]}

    def blocking(state):
        return {"artifact_paths": inner.invoke({}).state["artifact_paths"]}

    outer = StateGraph(GraphState).add_node("outer", _for_mode(mode, awaited, blocking))
    graph = outer.add_edge(START, "outer").compile(checkpointer=InMemorySaver())
    first = run(graph)
    assert len(run(graph, None, {}, thread(first)).state["artifact_paths"]) == 2


def test_three_runs_inside_each_other_share_one_cap(run, mode):
    """In any order in which LangChain calls their handlers."""
    lock, now, peak = threading.Lock(), [0], [0]

    def work(state):
        with lock:
            now[0] += 1
            peak[0] = max(peak[0], now[0])
        get_node_context()
        with lock:
            now[0] -= 1

    def around(runner):
        async def awaited(state):
            await runner.ainvoke({})

        def blocking(state):
            runner.invoke({})

        return _for_mode(mode, awaited, blocking)

    inmost = GraphRunner(fan(3, create_node(mode.function(work))))
    middle = GraphRunner(fan(2, around(inmost)))
    assert run(fan(2, around(middle)), ONE_AT_A_TIME).status is GraphRunStatus.COMPLETED
    assert peak == [1]


async def test_a_node_of_a_blocking_run_on_the_event_loop_is_at_work_until_it_ends():
    """There LangChain runs the handler in a separate task, which ends before the node is called."""

    class Outcomes:
        """Records how nodes end, and whether one had ended before its function did."""

        def __init__(self):
            self.ended = []

        def node_started(self, node):
            """Nothing to record."""

        def node_ended(self, node):
            self.ended.append(node.outcome)

    listener, ended_before = Outcomes(), []
    builder = StateGraph(GraphState).add_node("work", lambda state: ended_before.extend(listener.ended))
    GraphRunner(builder.add_edge(START, "work").compile(), progress=listener).invoke({})
    assert (ended_before, listener.ended) == ([], ["done"])


class Nameless:
    """An id whose text cannot be read."""

    def __str__(self):
        """Raise."""
        raise RuntimeError("no text")

    __repr__ = __str__


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"run_id": Nameless()}, "run_id in the config must be a uuid.UUID, got a Nameless."),
        ({"run_id": "r-1"}, "run_id in the config must be a uuid.UUID, got a str."),
        (
            {"configurable": {"thread_id": Nameless()}},
            "thread_id in the config must be a text, got a Nameless",
        ),
        ({"configurable": {"run_id": Nameless()}}, "run_id in the config must be a text, got a Nameless"),
        (
            {"configurable": {"graph_execution_id": Nameless()}},
            "graph_execution_id in the config must be a text, got a Nameless, whose str() raises RuntimeError",
        ),
    ],
)
def test_an_id_that_cannot_be_named_is_refused(run, mode, config, problem):
    """No node is called."""
    called = []
    with pytest.raises(TypeError, match=re.escape(problem)):
        run(chain(mode.function(called.append)), None, {}, config=config)
    assert called == []
