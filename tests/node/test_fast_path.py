"""Ordinary calls take the fast path; each scenario ends as it does through the pipeline alone."""

import asyncio
import logging
import re
from contextvars import ContextVar

import pytest
from langchain_core.runnables import RunnableLambda
from langgraph.graph import StateGraph
from langgraph.runtime import RunControl, Runtime
from langgraph.types import Command

from langgraph_runner import (
    AbortController,
    CircuitBreakerConfig,
    GraphState,
    NodeMetricsCollector,
    create_node,
    get_node_context,
    runner_config,
)
from langgraph_runner.node.fast_path import FastPath
from langgraph_runner.node.langgraph.internals import RUNTIME
from langgraph_runner.node.langgraph.schema import SchemaWatch
from langgraph_runner.node.logs import LOGGER
from langgraph_runner.node.pipeline import Pipeline

VARIABLE = ContextVar("variable", default="unset")
# What differs from one failure to the next.
CHANGING = ("timestamp", "error_id", "trace_id", "stack")


def succeed(state):
    """Return an update."""
    return {"story_id": "s"}


def fail(state):
    """Raise an error that may be retried."""
    raise ConnectionError("down")


def refuse(state):
    """Raise an error that is final."""
    raise ValueError("wrong")


def fail_once():
    """A function that fails at its first attempt."""
    attempts = []

    def flaky(state):
        attempts.append(state)
        if len(attempts) == 1:
            state["story_id"] = "changed by a failed attempt"
            raise ConnectionError("down")
        return {"story_id": state["story_id"]}

    return flaky


def look_around(state):
    """Return what the function can know of its call."""
    context = get_node_context()
    facts = [context.node_name, context.attempt, context.retry_attempt, context.story_id, context.parent]
    return {"evidence_refs": [repr(facts)]}


def call_another_node(state):
    """Call a node inside a node."""
    return create_node(succeed, name="inner")(state)


def set_a_variable(state):
    """Change a context variable."""
    VARIABLE.set("set by the attempt")
    return {"story_id": VARIABLE.get()}


SCENARIOS = {
    "a success": (lambda: succeed, {}),
    "no update": (lambda: lambda state: None, {}),
    "a command": (lambda: lambda state: Command(update={"story_id": "c"}), {}),
    "a Runnable, which is invoked": (lambda: lambda state: RunnableLambda(succeed), {}),
    "a key that is not a string": (lambda: lambda state: {1: 2}, {}),
    "a value that is not an update": (lambda: lambda state: 7, {}),
    "a failure": (lambda: fail, {}),
    "a final error": (lambda: refuse, {}),
    "retries that run out": (lambda: fail, {"retry": {"max_attempts": 2, "backoff_ms": 0}}),
    "a retry that helps": (fail_once, {"retry": {"max_attempts": 2, "backoff_ms": 0}}),
    "a final error with a retry": (lambda: refuse, {"retry": 3}),
    "a breaker that opens": (lambda: fail, {"circuit_breaker": CircuitBreakerConfig(failure_threshold=1)}),
    "a breaker with a failure rate": (
        lambda: fail,
        {"circuit_breaker": CircuitBreakerConfig(failure_threshold=1, failure_rate=0.5)},
    ),
    "a timeout that does not pass": (lambda: succeed, {"timeout_ms": 60_000, "retry": 2}),
    "a failure within a timeout": (
        lambda: fail,
        {"timeout_ms": 60_000, "total_timeout_ms": 90_000, "retry": {"max_attempts": 2, "backoff_ms": 0}},
    ),
    "no time left": (lambda: succeed, {"total_timeout_ms": 1e-9}),
    "a success that is logged": (lambda: succeed, {"log_level": logging.ERROR}),
    "a retry that is logged": (
        fail_once,
        {"log_level": logging.ERROR, "retry": {"max_attempts": 2, "backoff_ms": 0}},
    ),
    "a failure that is raised": (lambda: fail, {"on_error": "raise"}),
    "a failure that is recorded": (lambda: fail, {"on_error": "record"}),
    "the context": (lambda: look_around, {"retry": 2}),
    "a node inside": (lambda: call_another_node, {"retry": 2}),
    "a context variable": (lambda: set_a_variable, {"retry": 2}),
}


def plain(value):
    """A result without what differs from one call to the next."""
    if isinstance(value, dict) and "errors" in value:
        records = []
        for record in value["errors"]:
            message = re.sub(r"[\d.]+ ms", "some ms", record["message"])
            kept = {name: field for name, field in record.items() if name not in CHANGING}
            records.append({**kept, "message": message})
        return {**value, "errors": records}
    return value


def ended(call):
    """What a call returns or raises."""
    try:
        return plain(call())
    except Exception as error:
        return type(error), str(error)


def observed(mode, function, options):
    """Call a node twice, directly and in a graph; return all that can be seen of it."""
    collector = NodeMetricsCollector()
    node = create_node(mode.function(function), name="n", metrics_collector=collector, **options)
    results = [ended(lambda: mode.call(node, {"story_id": "s"})) for _ in range(2)]
    graph = StateGraph(GraphState).add_node("n", node).add_edge("__start__", "n").compile()
    results += [ended(lambda: mode.invoke(graph, {"story_id": "s"})) for _ in range(2)]
    metrics = collector.get_node_metrics("n").model_dump()
    counts = {name: value for name, value in metrics.items() if name.endswith("count")}
    breaker = node.circuit_breaker
    return results, counts, breaker and breaker.state, VARIABLE.get()


@pytest.fixture
def runs_of_pipeline(monkeypatch):
    """The calls that the pipeline runs from their start."""
    runs, run = [], Pipeline.run

    def counted(self, *arguments, **keywords):
        runs.append(self.options.callee.name)
        return run(self, *arguments, **keywords)

    monkeypatch.setattr(Pipeline, "run", counted)
    return runs


def events(caplog):
    """The fields of the events since the last call, without what differs from one call to the next."""
    records = [vars(record) for record in caplog.records if record.name == LOGGER]
    caplog.clear()
    keys = ("funcName", "node", "story_id", "outcome", "attempts", "error_type")
    return [[record["msg"].split()[0], *(record.get(key) for key in keys)] for record in records]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_call_ends_as_in_the_pipeline(mode, scenario, monkeypatch, caplog):
    """Result, state, metrics, events, breaker and context variables are the same."""
    make, options = SCENARIOS[scenario]
    fast = observed(mode, make(), options), events(caplog)
    monkeypatch.setattr(FastPath, "serves", staticmethod(lambda _: False))
    assert (observed(mode, make(), options), events(caplog)) == fast


def test_an_ordinary_call_does_not_start_the_pipeline(mode, runs_of_pipeline):
    """Not when it fails or is logged, either: after a failure the pipeline only finishes it."""
    for function in (succeed, fail):
        node = create_node(
            mode.function(function), retry={"max_attempts": 2, "backoff_ms": 0}, log_level="ERROR"
        )
        mode.call(node, {})
    assert runs_of_pipeline == []


@pytest.mark.parametrize(
    "options",
    [
        {"fallback": succeed},
        {"bulkhead": 1},
        {"rate_limit": {"max_calls": 1_000}},
    ],
    ids=lambda options: next(iter(options)),
)
def test_a_node_with_such_an_option_uses_the_pipeline(mode, options, runs_of_pipeline):
    """The fast path knows nothing of fallbacks and waits."""
    mode.call(create_node(mode.function(succeed), **options), {})
    assert runs_of_pipeline == ["succeed"]


@pytest.mark.parametrize(
    "configurable",
    [
        {"abort_signal": AbortController().signal},
        {"default_retry": 2},
        {"metrics_collector": type("Own", (NodeMetricsCollector,), {})()},
    ],
    ids=lambda configurable: next(iter(configurable)),
)
def test_a_call_with_such_a_config_uses_the_pipeline(mode, configurable, runs_of_pipeline):
    """The fast path reads only a collector of the package."""
    mode.call(create_node(mode.function(succeed)), {}, runner_config(**configurable))
    assert runs_of_pipeline == ["succeed"]


def test_a_breaker_that_has_counted_a_failure_uses_the_pipeline(mode, runs_of_pipeline):
    """Until a success has cleared the count."""
    node = create_node(mode.function(succeed), circuit_breaker=CircuitBreakerConfig())
    node.circuit_breaker.record_failure(node.circuit_breaker.acquire())
    for _ in range(3):
        mode.call(node, {})
    assert runs_of_pipeline == ["succeed"]


def test_a_success_clears_failures_that_were_counted_during_the_call(mode):
    """Another call has failed meanwhile."""

    def work(state):
        node.circuit_breaker.record_failure(node.circuit_breaker.acquire())
        return {}

    node = create_node(mode.function(work), circuit_breaker=CircuitBreakerConfig(failure_threshold=2))
    for _ in range(3):
        mode.call(node, {})
    assert node.circuit_breaker.state == "closed"


def test_a_call_in_a_drained_run_uses_the_pipeline(mode, runs_of_pipeline):
    """Which reports why the function is not called."""
    control = RunControl()
    control.request_drain("deploy")
    config = {"configurable": {RUNTIME: Runtime(control=control)}}
    node = create_node(mode.function(succeed), on_error="record")
    assert mode.call(node, {}, config)["errors"][0]["code"] == "NODE_CANCELLED"
    assert runs_of_pipeline == ["succeed"]


async def test_a_cancelled_call_is_counted_as_cancelled():
    """Asyncio's cancellation goes through."""
    started, collector = asyncio.Event(), NodeMetricsCollector()

    async def wait(state):
        started.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(create_node(wait, metrics_collector=collector)({}))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert collector.get_node_metrics("wait").cancelled_count == 1


def in_graph(node):
    """A graph of one node."""
    return StateGraph(GraphState).add_node("n", node).add_edge("__start__", "n").compile()


@pytest.mark.req("N-2")
def test_langgraph_calls_a_node_without_its_wrapper_after_the_first_success(mode):
    """The wrapper would look for what to inject, and there is nothing."""
    node = create_node(mode.function(succeed))
    graph = in_graph(node)
    for _ in range(2):
        assert mode.invoke(graph, {})["story_id"] == "s"
    wrapper = graph.nodes["n"].bound
    assert (wrapper.ainvoke if mode.is_async else wrapper.invoke) is node


@pytest.mark.req("N-26")
@pytest.mark.parametrize("on_error", ["capture", "raise"])
def test_an_output_that_fits_the_graph_is_looked_at_once(mode, on_error, monkeypatch):
    """Also one without fields, of a node that captures nothing."""
    looks, look_at = [], SchemaWatch.look_at
    monkeypatch.setattr(SchemaWatch, "look_at", lambda *args: looks.append(look_at(*args)))
    graph = in_graph(create_node(mode.function(lambda state: {}), on_error=on_error))
    for _ in range(3):
        mode.invoke(graph, {"story_id": "s"})
    assert len(looks) == 1


@pytest.mark.req("N-2")
def test_what_a_node_wants_injected_is_injected_into_each_call(mode):
    """Its wrapper stays."""

    def work(state, runtime: Runtime):
        return {"story_id": type(runtime).__name__}

    graph = in_graph(create_node(mode.function(work)))
    assert [mode.invoke(graph, {})["story_id"] for _ in range(2)] == ["Runtime"] * 2


@pytest.mark.req("N-2")
def test_a_runnable_that_a_node_returns_is_invoked_in_each_call(mode):
    """LangGraph's wrapper would do so, and the node does it itself."""
    given = iter([{"story_id": "s"}, RunnableLambda(lambda state: {"story_id": "invoked"})])
    graph = in_graph(create_node(mode.function(lambda state: next(given))))
    assert [mode.invoke(graph, {})["story_id"] for _ in range(2)] == ["s", "invoked"]


@pytest.mark.req("N-3")
def test_a_stop_while_the_begin_is_logged_leaves_no_call_behind():
    """Code after it is not inside that call."""

    class Interrupted(logging.Handler):
        """A handler that Ctrl-C stops."""

        def emit(self, record):
            raise KeyboardInterrupt

    node = create_node(succeed, log_level="ERROR")
    logger, handler = logging.getLogger(LOGGER), Interrupted()
    logger.addHandler(handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            node({})
    finally:
        logger.removeHandler(handler)
    with pytest.raises(RuntimeError, match="there is no node call here"):
        get_node_context()
