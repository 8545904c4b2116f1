"""Facts about LangGraph that concern no single part of a node. docs/langgraph.md lists all facts."""

import asyncio
import json
import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph

from langgraph_runner import AbortController, GraphState, NodeMetricsCollector, create_node, runner_config

ROOT = Path(__file__).parents[2]
THREAD = {"configurable": {"thread_id": "t"}}


class State(GraphState, total=False):
    """The state of the graphs in this module."""

    x: int


def one_node(node, **options):
    """A graph of one node."""
    return StateGraph(State).add_node("n", node).add_edge(START, "n").compile(**options)


def divide(state):
    """Fail."""
    return {"x": 1 / state["x"]}


def in_another_process(*command, **environment):
    """Return what a new Python process prints."""
    done = subprocess.run(  # noqa: S603 - the commands are written here
        [sys.executable, *command],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))}
        | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


COMES_BACK = """
    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.graph import START, StateGraph
    from langgraph_runner import GraphState, create_node
    from tests.node.test_langgraph_notes import Custom

    def fail(state):
        raise ConnectionError(Custom())

    class State(GraphState, total=False):
        custom: object

    builder = StateGraph(State)
    builder.add_node("custom", lambda state: {"custom": Custom()})
    builder.add_node("fails", create_node(fail, retry={"max_attempts": 2, "backoff_ms": 0}))
    builder.add_edge(START, "custom").add_edge("custom", "fails")
    saver = InMemorySaver()
    graph = builder.compile(checkpointer=saver)
    given = {
        "artifact_paths": {"report": "out/report.md"},
        "evidence_refs": [{"id": "a", "tags": ["b"]}],
        "gate_decisions": {"gate": {"decision": "passed"}},
    }
    thread = {"configurable": {"thread_id": "t"}}
    result = graph.invoke(given, thread)
    kept = saver.get(thread)["channel_values"]
    print(type(kept["custom"]).__name__)
    del result["custom"], kept["custom"]
    assert {name: kept[name] for name in result} == result
    assert [type(error) for error in kept["errors"]] == [dict]
    assert kept["errors"][0]["attempts"] == 2
"""


@dataclass
class Custom:
    """A class that a checkpoint knows by module and name."""


@pytest.mark.req("N-4", "N-26")
@pytest.mark.parametrize(("strict", "kind"), [("false", "Custom"), ("true", "dict")])
def test_records_come_back_from_a_checkpoint_as_they_were(strict, kind):
    """Also with `LANGGRAPH_STRICT_MSGPACK`, which turns objects into dicts. Records are dicts already."""
    printed = in_another_process("-c", textwrap.dedent(COMES_BACK), LANGGRAPH_STRICT_MSGPACK=strict)
    assert printed == f"{kind}\n"


@pytest.mark.req("N-26")
def test_the_tests_of_what_is_checkpointed_pass_with_strict_msgpack():
    """The tests of captured failures, of questions and answers, and of the state."""
    tests = ["test_capture.py", "test_control_flow.py", "test_human_in_the_loop.py"]
    options = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist")
    printed = in_another_process(
        *("-m", "pytest", *options),
        *(f"tests/node/{name}" for name in tests),
        "tests/state",
        LANGGRAPH_STRICT_MSGPACK="true",
    )
    assert "passed" in printed.splitlines()[-1]


@pytest.mark.req("N-4")
@pytest.mark.parametrize("durability", [None, "sync", "async", "exit"])
def test_a_captured_failure_is_kept_however_soon_checkpoints_are_written(mode, durability):
    """LangGraph writes checkpoints in the background by default. At the end of the run all are stored."""
    graph = one_node(create_node(mode.function(divide)), checkpointer=InMemorySaver())
    result = mode.invoke(graph, {"x": 0}, THREAD, durability=durability)
    assert graph.get_state(THREAD).values == result
    assert [error["error_type"] for error in result["errors"]] == ["ZeroDivisionError"]


@pytest.mark.req("N-17", "N-22")
def test_what_a_run_is_given_stays_out_of_its_checkpoints(mode):
    """LangGraph copies plain values of `configurable` to the metadata of a checkpoint, but not objects."""
    config = runner_config(
        THREAD,
        abort_signal=AbortController().signal,
        metrics_collector=NodeMetricsCollector(),
        default_retry=2,
        story_id="ST-7",
    )
    graph = one_node(create_node(mode.function(lambda state: {"x": 1})), checkpointer=InMemorySaver())
    mode.invoke(graph, {"x": 0}, config)
    metadata = graph.get_state(THREAD).metadata
    assert json.loads(json.dumps(metadata)) == metadata
    assert metadata["story_id"] == "ST-7"
    assert not {"abort_signal", "metrics_collector"} & metadata.keys()


async def test_a_superstep_waits_for_its_slowest_node_with_nodes_and_without():
    """By design, the successors of a quick node wait for the slow node in the same superstep."""

    async def order(make):
        seen = []

        async def quick(state):
            seen.append("quick")

        async def slow(state):
            for _ in range(200):
                await asyncio.sleep(0)
            seen.append("slow")

        async def after(state):
            seen.append("after quick")

        builder = StateGraph(State)
        for action in (quick, slow, after):
            builder.add_node(action.__name__, make(action))
        builder.add_edge(START, "quick").add_edge(START, "slow").add_edge("quick", "after")
        await builder.compile().ainvoke({"x": 0})
        return seen

    assert await order(create_node) == await order(lambda action: action) == ["quick", "slow", "after quick"]


UNDER_WATCH = """
    import asyncio, time
    from blockbuster import blockbuster_ctx
    from langgraph.graph import START, StateGraph
    from langgraph_runner import AbortController, GraphState, NodeMetricsCollector, create_node, runner_config

    def raise_once(error, calls=[]):
        calls.append(1)
        if len(calls) == 1:
            raise error

    async def flaky(state):
        raise_once(ConnectionError("reset"))

    async def divide(state):
        return 1 / 0

    async def hang(state):
        await asyncio.Event().wait()

    async def block(state):
        time.sleep(0.001)

    def blocking_fallback(state):
        time.sleep(0.001)
        raise KeyError("no second way")

    async def clean_up(error):
        await asyncio.sleep(0)

    builder = StateGraph(GraphState)
    retry = {"max_attempts": 3, "backoff_ms": 1}
    nodes = {
        "flaky": create_node(flaky, retry=retry, circuit_breaker={"failure_threshold": 5}),
        "divide": create_node(divide, fallback=blocking_fallback),
        "hang": create_node(hang, timeout_ms=20, on_timeout=clean_up),
        "block": create_node(block, retry=retry),
    }
    for before, (name, node) in zip([START, *nodes], nodes.items()):
        builder.add_node(name, node).add_edge(before, name)
    graph = builder.compile()
    config = runner_config(abort_signal=AbortController().signal, metrics_collector=NodeMetricsCollector())
    with blockbuster_ctx():
        state = asyncio.run(graph.ainvoke({}, config))
    print(*[f"{error['node_id']}: {error['message']}" for error in state["errors"]], sep="\\n")
"""


@pytest.mark.req("N-26")
def test_a_node_does_not_block_the_event_loop():
    """With the detection of `langgraph dev`, from the first event on: only functions that block are reported."""
    divided, hung, blocked = in_another_process("-c", textwrap.dedent(UNDER_WATCH)).splitlines()
    assert divided.startswith("divide: Node 'divide' failed (ZeroDivisionError: division by zero)")
    assert divided.endswith("KeyError: 'no second way'")
    assert hung.startswith("hang: Node 'hang' exceeded its attempt timeout of 20 ms")
    assert blocked == "block: Node 'block' failed: BlockingError: Blocking call to time.sleep"
