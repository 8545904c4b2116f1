"""The context that a function can read about its call."""

import asyncio
import re
import sys
import threading
import types

import pytest
import structlog
from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime

from langgraph_runner import GraphState, add_node_context, create_node, get_node_context, runner_config
from langgraph_runner.node.call import ExecutionIds
from langgraph_runner.testing import FakeRuntime


class State(GraphState, total=False):
    """The state of the graphs in this module."""

    x: int


def seen_context(mode, config=None, state=None, runtime=None, **options):
    """The context that a function sees."""
    seen = []
    node = create_node(
        mode.function(lambda s: seen.append(get_node_context())), name="n", runtime=runtime, **options
    )
    mode.call(node, state or {}, config)
    return seen[0]


@pytest.mark.req("N-22")
def test_identity_and_progress(mode, fake):
    """It has name, attempt, start and parent."""
    fake.advance(60)
    context = seen_context(mode, runtime=fake)
    assert (context.node_name, context.attempt, context.retry_attempt) == ("n", 1, 0)
    assert context.started_at.isoformat() == "2026-01-01T00:01:00+00:00"
    assert context.parent is None
    assert repr(context) == "<NodeContext 'n' attempt=1>"


@pytest.mark.req("N-22")
def test_attempts_count_up(mode, fake):
    """Each attempt has its own context."""
    seen = []

    def fail(state):
        context = get_node_context()
        seen.append((context.attempt, context.retry_attempt))
        raise ConnectionError

    mode.call(create_node(mode.function(fail), retry=3, runtime=fake), {})
    assert seen == [(1, 0), (2, 1), (3, 2)]


@pytest.mark.req("N-22")
def test_the_story_comes_from_the_config_else_from_the_state(mode):
    """A number in the state is accepted, too."""
    assert seen_context(mode, runner_config(story_id="A"), {"story_id": "B"}).story_id == "A"
    assert seen_context(mode, None, {"story_id": 7}).story_id == "7"
    assert seen_context(mode).story_id is None


@pytest.mark.req("N-22")
def test_the_trace_id_is_w3c_and_the_same_each_time(mode):
    """32 lower-case hex digits."""
    context = seen_context(mode)
    assert re.fullmatch(r"[0-9a-f]{32}", context.trace_id)
    assert context.trace_id == context.trace_id


@pytest.mark.req("N-22")
def test_ids_of_the_config_win(mode):
    """The ids of the caller win."""
    trace = "ab" * 16
    context = seen_context(mode, runner_config(trace_id=trace, graph_execution_id="run-9"))
    assert (context.trace_id, context.graph_execution_id) == (trace, "run-9")


@pytest.mark.req("N-22")
def test_an_id_of_the_config_that_has_no_text_is_ignored(mode):
    """It must not fail the node that logs it."""

    class Nameless:
        def __str__(self):
            raise RuntimeError("no text")

    context = seen_context(mode, {"configurable": {"graph_execution_id": Nameless()}})
    assert re.fullmatch(r"[0-9a-f]{32}", context.graph_execution_id)


@pytest.mark.req("N-22")
def test_an_active_opentelemetry_span_gives_the_trace(mode, monkeypatch):
    """The node joins the caller's trace, without importing OpenTelemetry."""
    span_context = types.SimpleNamespace(trace_id=0xABC, span_id=0xDEF, is_valid=True)
    span = types.SimpleNamespace(get_span_context=lambda: span_context)
    fake_module = types.SimpleNamespace(get_current_span=lambda: span)
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", fake_module)
    assert seen_context(mode).trace_id == f"{0xABC:032x}"
    assert seen_context(mode).span_id == f"{0xDEF:016x}"
    span_context.is_valid = False
    assert seen_context(mode).trace_id != f"{0xABC:032x}"
    assert seen_context(mode).span_id is None


@pytest.mark.req("N-22")
def test_nested_nodes_know_their_parent_and_share_its_ids(mode):
    """When a node calls a node."""
    seen = []
    inner = create_node(lambda s: seen.append(get_node_context()), name="inner")

    def outer(state):
        seen.append(get_node_context())
        inner(state)
        assert get_node_context() is seen[0]

    mode.call(create_node(mode.function(outer), name="outer"), {})
    parent, child = seen
    assert (child.node_name, child.parent.node_name) == ("inner", "outer")
    assert (child.trace_id, child.graph_execution_id) == (parent.trace_id, parent.graph_execution_id)


@pytest.mark.req("N-22")
def test_all_nodes_of_a_graph_run_share_their_ids_and_no_other_run_does(mode):
    """Also if the caller gave no ids."""
    seen = []

    def note(state):
        context = get_node_context()
        seen.append((context.trace_id, context.graph_execution_id))

    builder = StateGraph(State)
    for name in ("a", "b"):
        builder.add_node(name, create_node(mode.function(note)))
    graph = builder.add_edge(START, "a").add_edge("a", "b").compile()
    mode.invoke(graph, {"x": 0})
    mode.invoke(graph, {"x": 0})
    assert seen[0] == seen[1]
    assert seen[2] == seen[3]
    assert seen[0] != seen[2]


@pytest.mark.req("N-22")
def test_the_run_id_of_langgraph_is_used_where_there_is_one(mode):
    """A run id is a UUID. Without its hyphens it is a trace id."""
    import uuid

    seen = []
    run_id = uuid.UUID(int=0x1234567890ABCDEF1234567890ABCDEF)
    node = create_node(mode.function(lambda s: seen.append(get_node_context())))
    graph = StateGraph(State).add_node("n", node).add_edge(START, "n").compile()
    mode.invoke(graph, {"x": 0}, {"run_id": run_id})
    assert (seen[0].graph_execution_id, seen[0].trace_id) == (str(run_id), run_id.hex)


@pytest.mark.req("N-22")
def test_runtime_tells_the_attempt(mode, fake):
    """LangGraph's own `runtime.execution_info.node_attempt` follows the inner retry."""
    seen = []

    def fail(state, runtime: Runtime):
        seen.append(runtime.execution_info.node_attempt)
        raise ConnectionError

    node = create_node(mode.function(fail), retry=3, runtime=fake)
    mode.invoke(StateGraph(State).add_node("n", node).add_edge(START, "n").compile(), {"x": 0})
    assert seen == [1, 2, 3]


@pytest.mark.req("N-22")
def test_the_name_is_that_of_the_graph_unless_given(mode):
    """The given name wins. Otherwise it is the name in the graph, and outside a graph that of the function."""

    def work(state):
        raise ValueError

    for node, expected in [
        (create_node(mode.function(work)), "in_graph"),
        (create_node(mode.function(work), name="given"), "given"),
    ]:
        graph = StateGraph(State).add_node("in_graph", node).add_edge(START, "in_graph").compile()
        assert mode.invoke(graph, {"x": 0})["errors"][0]["node_id"] == expected
    assert mode.call(create_node(mode.function(work)), {})["errors"][0]["node_id"] == "work"


@pytest.mark.req("N-22")
def test_the_context_reaches_threads_and_tasks_of_the_function():
    """`asyncio.to_thread` and tasks copy it."""

    async def work(state):
        in_thread = await asyncio.to_thread(lambda: get_node_context().node_name)

        async def child():
            return get_node_context().node_name

        return {"x": [in_thread, await asyncio.create_task(child())]}

    assert asyncio.run(create_node(work, name="n")({})) == {"x": ["n", "n"]}


@pytest.mark.req("N-22")
def test_concurrent_calls_do_not_see_each_other():
    """Each call has its own context."""

    async def work(state):
        await asyncio.sleep(0)
        return {"x": (state["i"], get_node_context().story_id)}

    node = create_node(work)

    async def main():
        return await asyncio.gather(*(node({"i": i}, runner_config(story_id=f"s{i}")) for i in range(20)))

    assert [u["x"] for u in asyncio.run(main())] == [(i, f"s{i}") for i in range(20)]


@pytest.mark.req("N-22")
def test_nothing_of_the_context_is_left_after_the_call(mode):
    """Also after a failure."""

    async def check(node):
        result = node({})
        if asyncio.iscoroutine(result):
            await result
        with pytest.raises(RuntimeError):
            get_node_context()

    asyncio.run(check(create_node(mode.function(lambda s: 1 / 0))))


@pytest.mark.req("N-22", "N-13")
def test_a_structlog_processor_adds_the_context_to_the_users_events(mode, structlog_restored):
    """Fields of the event win. Outside a node it adds nothing."""
    logs = structlog.testing.LogCapture()
    structlog.configure(processors=[add_node_context, logs])

    def work(state):
        structlog.get_logger().info("mine", attempt="own")

    mode.call(create_node(mode.function(work), name="n"), {"story_id": "S"})
    structlog.get_logger().info("outside")
    mine = next(e for e in logs.entries if e["event"] == "mine")
    outside = next(e for e in logs.entries if e["event"] == "outside")
    assert (mine["node"], mine["story_id"], mine["attempt"]) == ("n", "S", "own")
    assert "node" not in outside


@pytest.mark.req("N-22")
def test_execution_ids_keep_only_the_newest():
    """The memory of runs is bounded."""
    ids = ExecutionIds(limit=2)
    runs = [object() for _ in range(3)]
    first = ids.of(runs[0], "a")
    assert ids.of(runs[0], "b") == first
    ids.of(runs[1], "c")
    ids.of(runs[2], "d")
    assert ids.of(runs[0], "new") == "new"


@pytest.mark.req("N-22")
def test_the_abort_signal_of_a_quiet_call_never_fires():
    """It is available without a timeout or abort signal, also from several threads."""
    seen = []

    def work(state):
        context = get_node_context()
        threads = [threading.Thread(target=lambda: seen.append(context.abort_signal)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    create_node(work)({})
    assert [signal.aborted for signal in seen] == [False] * 4


@pytest.mark.req("N-22")
def test_a_stop_before_the_signal_is_asked_for_is_not_missed():
    """A signal that is read after the stop has fired."""
    fake = FakeRuntime()
    seen = []

    def work(state):
        context = get_node_context()
        try:
            fake.advance(60)
        finally:
            seen.append(context.abort_signal.reason)

    create_node(work, timeout_ms=500, runtime=fake)({})
    assert "exceeded its attempt timeout" in seen[0]


@pytest.mark.req("N-22", "N-13")
def test_the_processor_adds_no_story_where_there_is_none(structlog_restored):
    """It adds no empty field."""
    seen = []
    create_node(lambda s: seen.append(add_node_context(None, "info", {"event": "e"})), name="n")({})
    assert seen[0]["node"] == "n"
    assert "story_id" not in seen[0]
