"""Edge cases of a call: time that runs out, parents that have ended, objects that raise."""

import asyncio
import gc
import logging
import operator
import threading
import traceback
import weakref
from typing import Annotated, TypedDict

import pytest
from langgraph.graph import StateGraph

from langgraph_runner import (
    AbortSignal,
    CircuitBreakerConfig,
    NodeCircuitBreaker,
    NodeMetricsCollector,
    abandoned_threads,
    create_node,
    get_node_context,
)
from langgraph_runner.node.langgraph.schema import _MOST_FINDINGS, SchemaWatch
from langgraph_runner.runtime.limits import Limits
from langgraph_runner.runtime.threads import _ThreadedAttempt, call_in_thread


@pytest.mark.req("N-15")
def test_an_attempt_that_ends_as_its_time_is_up_delivers(monkeypatch):
    """It returns its result; there is no ValueError about a negative wait."""
    limits = Limits("n", timeout_ms=1_000)
    times = iter([0.0, 2.0, 2.0, 2.0])
    monkeypatch.setattr(_ThreadedAttempt, "abandon", lambda self: False)
    started = _ThreadedAttempt.start

    def start_slowly(self, name):
        self.finished = False
        started(self, name)

    monkeypatch.setattr(_ThreadedAttempt, "start", start_slowly)
    release = threading.Event()

    def work(state):
        release.wait(5)
        return {"x": 1}

    def clock():
        value = next(times, 2.0)
        if value == 2.0:
            release.set()
        return value

    assert call_in_thread(work, ({},), {}, limits, clock) == {"x": 1}


@pytest.mark.req("N-15")
def test_a_thread_that_never_starts_is_not_counted(monkeypatch, no_thread_left):
    """The operating system may refuse to start one."""

    def refuse(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    record = create_node(lambda s: {}, timeout_ms=1_000)({})["errors"][0]
    assert record["error_type"] == "RuntimeError"
    assert abandoned_threads() == 0


@pytest.mark.req("N-21")
def test_a_probe_that_answers_closes_the_breaker(mode, fake):
    """The service answers again. Data that does not fit is not a failure of the service."""
    breaker = NodeCircuitBreaker(CircuitBreakerConfig(failure_threshold=1), clock=fake.blocking.monotonic)
    breaker.record_failure(breaker.acquire())
    fake.advance(30)
    node = create_node(mode.function(lambda s: 42), circuit_breaker=breaker, runtime=fake)
    assert mode.call(node, {})["errors"][0]["code"] == "INVALID_NODE_OUTPUT"
    assert breaker.state == "closed"


@pytest.mark.req("N-21")
def test_ctrl_c_in_a_listener_returns_the_probe(fake):
    """The next call probes; no reset is needed."""
    breaker = NodeCircuitBreaker(CircuitBreakerConfig(failure_threshold=1), clock=fake.blocking.monotonic)
    breaker.record_failure(breaker.acquire())
    fake.advance(30)

    def interrupt(change):
        raise KeyboardInterrupt

    breaker.add_listener(interrupt)
    with pytest.raises(KeyboardInterrupt):
        breaker.acquire()
    assert breaker.acquire() is not None


@pytest.mark.req("N-22")
def test_a_run_in_the_background_has_no_ended_parent():
    """A chain of runs, each started by the previous one, keeps none of them in memory."""
    tasks, parents, states = [], [], []

    class State(dict):
        """A state to which a weak reference can point."""

    async def work(state):
        parents.append(get_node_context().parent)
        states.append(weakref.ref(state))
        if len(tasks) < 5:
            tasks.append(asyncio.create_task(node(State())))
        return {}

    node = create_node(work)

    async def chain():
        await node(State())
        for _ in range(5):
            await tasks[-1]

    asyncio.run(chain())
    tasks.clear()
    gc.collect()
    assert parents == [None] * 6
    assert [state() for state in states] == [None] * 6


class Settings(dict):
    """A class of the user."""


OWN = Settings(depth=3)


@pytest.mark.req("N-26")
def test_a_config_of_the_functions_own_is_left_alone(mode):
    """LangGraph injects nothing into it; the node and its fallback do not either."""

    def work(state, config: Settings = OWN):
        return {"own": config is OWN}

    def fail(state):
        raise ConnectionError

    config = {"configurable": {"x": 1}}
    assert mode.call(create_node(mode.function(work)), {}, config) == {"own": True}
    node = create_node(mode.function(fail), fallback=mode.function(work))
    assert mode.call(node, {}, config) == {"own": True}


class Wordless:
    """A story id that has no text."""

    def __str__(self):
        """Raise an error."""
        raise ZeroDivisionError


@pytest.mark.req("N-4")
def test_a_record_is_always_built(mode):
    """Also for a story id that has no text."""
    node = create_node(mode.function(lambda s: 1 / 0))
    outcome = mode.call(node.run, {"story_id": Wordless()})
    assert outcome.record["error_type"] == "ZeroDivisionError"
    assert "story_id" not in outcome.record


@pytest.mark.req("N-20")
def test_the_name_of_a_class_is_sanitized(mode):
    """A program may build it from anything, such as an API key."""
    name = "Bad AKIA" + "Q3EGRIQ5S7TLX2WB"

    def work(state):
        raise type(name, (Exception,), {})("x")

    record = mode.call(create_node(mode.function(work)), {})["errors"][0]
    assert "Q3EGRIQ5S7TLX2WB" not in str(record)


@pytest.mark.req("N-15")
@pytest.mark.parametrize("on_error", ["capture", "record"])
def test_a_timeout_keeps_no_state_alive(mode, on_error):
    """It is freed without the garbage collector."""

    class Heavy(dict):
        """A state to which a weak reference can point."""

    def block(state):
        get_node_context().abort_signal.wait()

    async def wait(state):
        await asyncio.Event().wait()

    node = create_node(wait if mode.is_async else block, timeout_ms=1, on_error=on_error)
    mode.call(node, {})
    gc.collect()
    gc.disable()
    try:
        state = Heavy()
        gone = weakref.ref(state)
        mode.call(node, state)
        del state
        for thread in threading.enumerate():
            if thread.name.startswith("node-"):
                thread.join(5)
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.req("N-26")
def test_unknown_fields_are_remembered_up_to_a_bound():
    """A function that invents new keys cannot fill the memory."""
    watch = SchemaWatch("n", captures=False)
    found = [watch._is_new(f"field {number}", {"a"}) for number in range(_MOST_FINDINGS + 10)]
    assert sum(found) == _MOST_FINDINGS


@pytest.mark.req("N-25")
def test_an_async_fallback_leaves_the_event_loop_of_the_thread():
    """The program can still use the loop that it has set."""

    async def fallback(state):
        return {"x": 1}

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        assert create_node(lambda s: 1 / 0, fallback=fallback)({}) == {"x": 1}
        assert asyncio.get_event_loop() is loop
    finally:
        asyncio.set_event_loop(None)
        loop.close()


@pytest.mark.req("N-26")
def test_blocking_the_event_loop_is_logged_with_the_fix(mode, caplog):
    """For an async node that blocks."""
    blocking = type("BlockingError", (Exception,), {"__module__": "blockbuster"})

    def work(state):
        raise blocking("Blocking call to time.sleep")

    with caplog.at_level(logging.WARNING, "langgraph_runner"):
        mode.call(create_node(mode.function(work)), {})
    warned = [r for r in caplog.records if r.getMessage().startswith("node.blocks_event_loop")]
    assert len(warned) == mode.is_async
    assert all("asyncio.to_thread()" in r.getMessage() for r in warned)


@pytest.mark.req("N-17")
@pytest.mark.parametrize("timeout_ms", [-1, float("nan")])
def test_a_wait_below_zero_names_the_argument(timeout_ms):
    """The message also has the value."""
    with pytest.raises(ValueError, match=r"^timeout_ms must be at least 0, got"):
        AbortSignal().wait(timeout_ms)


@pytest.mark.req("N-21")
def test_the_open_circuit_of_another_node_is_a_failure_here(mode):
    """The circuit of this node is not open, and its function has failed."""
    breaker = NodeCircuitBreaker()
    breaker.force_open()
    inner = create_node(lambda s: {}, name="inner", circuit_breaker=breaker, on_error="raise")
    collector = NodeMetricsCollector()

    def work(state):
        return inner(state)

    outer = create_node(mode.function(work), name="outer", metrics_collector=collector)
    record = mode.call(outer, {})["errors"][0]
    assert (record["code"], record["category"]) == ("NODE_EXECUTION_FAILED", "other")
    assert record["message"].startswith("Node 'outer'")
    assert collector.get_node_metrics("outer").failure_count == 1


@pytest.mark.req("M-1")
def test_a_duration_leaves_out_what_logging_costs(fake):
    """A slow handler is no part of the call."""

    class Slow(logging.Handler):
        """A handler that takes its time."""

        def emit(self, record):
            fake.advance(0.25)

    logger, handler = logging.getLogger("langgraph_runner.node"), Slow()
    logger.addHandler(handler)
    try:
        assert create_node(lambda s: {}, runtime=fake, log_level="ERROR").run({}).duration_ms == 0
    finally:
        logger.removeHandler(handler)


@pytest.mark.req("N-4")
@pytest.mark.parametrize(
    "kind", [int, str, dict, Annotated[int, operator.add], Annotated[dict, operator.or_]]
)
def test_a_field_errors_of_another_kind_raises_the_real_error(mode, kind):
    """The field is not overwritten, and no TypeError ends the run."""
    builder = StateGraph(TypedDict("State", {"errors": kind}))
    builder.add_node("n", create_node(mode.function(lambda s: 1 / 0)))
    graph = builder.add_edge("__start__", "n").compile()
    with pytest.raises(ZeroDivisionError) as caught:
        mode.invoke(graph, {})
    assert any("'errors' holds no list of records" in note for note in caught.value.__notes__)


@pytest.mark.parametrize("on_error", ["capture", "record"])
@pytest.mark.parametrize("retry", [None, {"max_attempts": 2, "backoff_ms": 0}])
def test_an_exception_that_is_raised_again_and_again_does_not_grow(mode, on_error, retry):
    """Such as an exception object of a module, whose traceback would grow with each failure."""
    error, lengths = ConnectionError("down"), []

    def fail(state):
        lengths.append(len([*traceback.walk_tb(error.__traceback__)]))
        raise error

    node = create_node(mode.function(fail), retry=retry, on_error=on_error)
    for _ in range(5):
        mode.call(node, {})
    attempts = 1 if retry is None else 2
    assert lengths[attempts:] == lengths[:attempts] * 4
    assert len(getattr(error, "__notes__", [])) <= 1


@pytest.mark.req("N-20")
def test_log_events_name_a_class_sanitized(caplog):
    """A program may build the name of an exception class, even from an API key."""
    secret = "sk-proj-" + "Ab3dEf6hIj9kLm2n" * 3
    error_class = type(f"Refused {secret}", (Exception,), {})

    def call_service(state):
        raise error_class

    node = create_node(
        call_service, retry={"max_attempts": 2, "backoff_ms": 1}, fallback=lambda state: {"x": 1}, name="n"
    )
    with caplog.at_level(logging.DEBUG):
        assert node({}) == {"x": 1}
    told = [f"{each.getMessage()} {each.__dict__}" for each in caplog.records]
    assert any("node.retrying" in each for each in told)
    assert any("node.falling_back" in each for each in told)
    assert not any(secret in each for each in told)


def fails(state):
    """Fail."""
    raise ConnectionError


def succeeds(state):
    """Change nothing."""
    return {}


@pytest.mark.req("N-4")
@pytest.mark.parametrize(
    ("function", "options"),
    [
        (succeeds, {"timeout_ms": 60_000}),
        (succeeds, {"timeout_ms": 60_000, "retry": 2}),
        (succeeds, {"timeout_ms": 60_000, "total_timeout_ms": 60_000}),
        (fails, {"retry": {"max_attempts": 2, "backoff_ms": 0}}),
        (fails, {"fallback": succeeds}),
    ],
)
def test_a_call_that_has_ended_is_freed_without_the_garbage_collector(mode, function, options):
    """A busy server keeps no state of such a call, neither by a deadline nor by the traceback of an error."""

    class Heavy(dict):
        """A state to which a weak reference can point."""

    if "fallback" in options:
        options = {"fallback": mode.function(options["fallback"])}
    node = create_node(mode.function(function), **options)
    mode.call(node, {})
    gc.collect()
    gc.disable()
    try:
        state = Heavy()
        gone = weakref.ref(state)
        mode.call(node, state)
        del state
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.req("M-7")
def test_a_collector_whose_attributes_raise_does_not_harm_a_node(mode, caplog):
    """Neither in the config, nor given to the node; what fails is logged."""

    class Gone:
        """A collector whose backend is gone."""

        def __getattr__(self, name):
            raise ConnectionError(name)

    node = create_node(mode.function(lambda state: {}))
    assert mode.call(node, {}, {"configurable": {"metrics_collector": Gone()}}) == {}
    assert mode.call(create_node(mode.function(lambda state: {}), metrics_collector=Gone()), {}) == {}
    assert [record.msg.split()[0] for record in caplog.records] == ["node.metrics_failed"] * 2
