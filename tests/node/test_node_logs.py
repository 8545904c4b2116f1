"""The log events of a node, and where they go."""

import asyncio
import logging
import subprocess
import sys
from contextvars import ContextVar
from pathlib import Path

import pytest
import structlog
from langgraph.config import get_stream_writer
from langgraph.graph import START, StateGraph
from langgraph.types import RetryPolicy

from langgraph_runner import (
    GraphState,
    RetryConfig,
    add_node_context,
    create_node,
    get_node_context,
    runner_config,
)
from langgraph_runner.testing import Flaky

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def events(structlog_restored):
    """The events that structlog gets."""
    logs = structlog.testing.LogCapture()
    structlog.configure(processors=[logs])
    return logs.entries


@pytest.mark.req("N-3")
def test_entry_and_exit_of_a_success(mode, fake, events):
    """They have name, story, duration in ms, outcome and attempts."""
    node = create_node(mode.function(lambda s: fake.advance(0.25)), name="n", runtime=fake)
    mode.call(node, {"story_id": "ST-1"})
    started, completed = events
    trace_id = started["trace_id"]
    assert started == {
        "event": "node.started", "log_level": "info", "node": "n", "story_id": "ST-1", "trace_id": trace_id,
    }  # fmt: skip
    assert completed == {
        "event": "node.completed", "log_level": "info", "node": "n", "story_id": "ST-1",
        "trace_id": trace_id, "outcome": "success", "duration_ms": 250.0, "attempts": 1,
    }  # fmt: skip


@pytest.mark.req("N-3")
def test_retries_and_the_final_failure(mode, fake, events):
    """A warning for each retry, an error at the end."""

    def fail(state):
        raise ConnectionError("down")

    node = create_node(mode.function(fail), retry={"max_attempts": 2, "jitter": 0}, runtime=fake)
    mode.call(node, {})
    assert [(e["event"], e["log_level"]) for e in events] == [
        ("node.started", "info"),
        ("node.retrying", "warning"),
        ("node.failed", "error"),
    ]
    assert (events[1]["attempt"], events[1]["delay_ms"], events[1]["error_type"]) == (
        1,
        1000.0,
        "ConnectionError",
    )
    assert (events[2]["outcome"], events[2]["attempts"]) == ("RETRY_EXHAUSTED", 2)
    assert events[2]["duration_ms"] == 1000.0


@pytest.mark.req("N-3", "N-20")
def test_log_events_hold_no_secret(mode, fake, events):
    """A retry names only the type of the error. The failure is sanitized."""
    secret = "hunter" + "2secret99"

    def fail(state):
        raise ConnectionError(f"password={secret}")

    mode.call(create_node(mode.function(fail), retry=2, runtime=fake), {})
    assert secret not in repr(events)


@pytest.mark.req("N-3")
def test_a_fallback_is_told_by_the_outcome(mode, events):
    """The outcome is a kind of success. A warning has the reason for the fallback."""
    mode.call(create_node(mode.function(lambda s: 1 / 0), fallback=lambda s: {}), {})
    assert [(e["event"], e["log_level"]) for e in events[1:]] == [
        ("node.falling_back", "warning"),
        ("node.completed", "info"),
    ]
    assert events[1]["error_type"] == "ZeroDivisionError"
    assert events[1]["error"] == "Node '<lambda>' failed: ZeroDivisionError: division by zero"
    assert events[2]["outcome"] == "fallback"


@pytest.mark.req("N-3")
@pytest.mark.parametrize("level", ["DEBUG", "debug", logging.DEBUG])
def test_log_level_sets_the_level_of_ordinary_events(mode, events, level):
    """By name or number."""
    mode.call(create_node(mode.function(lambda s: {}), log_level=level), {})
    assert {e["log_level"] for e in events} == {"debug"}


@pytest.mark.req("N-3")
def test_an_unknown_log_level_is_refused():
    """The message lists the known ones."""
    with pytest.raises(ValueError, match=r"log_level must be one of DEBUG, INFO.*, got 'LOUD'"):
        create_node(lambda s: {}, log_level="LOUD")


@pytest.mark.req("N-13")
def test_without_structlog_configured_events_go_to_logging(mode, caplog):
    """They are readable if the user adds a handler."""
    caplog.set_level(logging.INFO)
    mode.call(create_node(mode.function(lambda s: {}), name="n"), {}, runner_config(story_id="S"))
    assert [r.name for r in caplog.records] == ["langgraph_runner.node"] * 2
    assert caplog.records[1].message.startswith("node.completed node='n' story_id='S' outcome='success'")
    assert caplog.records[1].attempts == 1


RETRIED = "retry={'max_attempts': 2, 'backoff_ms': 0, 'retry_on': ArithmeticError}"


@pytest.mark.req("N-13", "N-28")
@pytest.mark.parametrize(
    ("program", "events"),
    [
        (
            "create_node(lambda s: 1 / 0, name='n')({})",
            ["node.failed node='n' outcome='NODE_EXECUTION_FAILED'"],
        ),
        (
            "create_node(lambda s: time.sleep(9), name='n', timeout_ms=1, on_timeout=lambda error: 1 / 0)({})",
            ["node.on_timeout_failed node='n' error_type='ZeroDivisionError'", "node.failed node='n'"],
        ),
        ("create_node(lambda s: {}, name='n')({})", []),
        (f"create_node(lambda s: {{'x': 1 / next(calls)}}, name='n', {RETRIED})({{}})", []),
        (f"create_node(lambda s: 1 / 0, name='n', {RETRIED})({{}})", ["node.failed node='n'"]),
    ],
    ids=["failure", "callback", "success", "retry that succeeds", "retries that fail"],
)
def test_a_program_that_configures_nothing_sees_what_failed(program, events):
    """On stderr, one line for each event. The package does not configure logging for that."""
    code = f"import time; from langgraph_runner import create_node; calls = iter([0, 1]); {program}"
    check = "import logging; assert not logging.getLogger().handlers"
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", f"{code}\n{check}"], capture_output=True, text=True, check=True, timeout=60
    )
    lines = done.stderr.splitlines()
    assert (done.stdout, len(lines)) == ("", len(events))
    assert [line.startswith(event) for line, event in zip(lines, events, strict=True)] == [True] * len(events)


@pytest.mark.parametrize(
    ("function", "options", "expected"),
    [
        (Flaky({"x": 1}), {}, {"x": 1}),
        (Flaky(ConnectionError, {"x": 1}, ConnectionError, {"x": 1}), {"retry": 2}, {"x": 1}),
        (Flaky(ZeroDivisionError), {"fallback": lambda s: {"x": 2}}, {"x": 2}),
    ],
    ids=["success", "retry", "fallback"],
)
def test_a_logging_handler_that_raises_changes_no_result(mode, fake, function, options, expected):
    """Exceptions of the user's handler do not reach the graph."""
    logger, broken = logging.getLogger("langgraph_runner.node"), BrokenHandler()
    logger.addHandler(broken)
    try:
        node = create_node(mode.function(function.sync), log_level="WARNING", runtime=fake, **options)
        assert mode.call(node, {}) == expected
    finally:
        logger.removeHandler(broken)


class BrokenHandler(logging.Handler):
    """A handler that raises, as some do."""

    def emit(self, record):
        """Fails."""
        raise OSError("the log host is gone")


@pytest.mark.req("N-14")
@pytest.mark.parametrize(
    "line",
    [
        "print('x')",
        "import logging\nlogging.basicConfig()",
        "import time\ntime.sleep(1)",
        "import random\nrandom.random()",
        "import asyncio\nasync def f() -> None:\n    await asyncio.sleep(1)",
        "from datetime import UTC, datetime\nNOW = datetime.now(UTC)",
    ],
)
def test_lint_refuses_prints_clocks_and_chance_in_src(line):
    """The bans of pyproject.toml are in force for files in src."""
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--select", "T20,TID251", "--no-cache", "--stdin-filename",
         "src/langgraph_runner/node/example.py", "-"],
        input=line + "\n", capture_output=True, text=True, cwd=ROOT, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    assert "T201" in done.stdout or "TID251" in done.stdout


@pytest.mark.req("N-13")
def test_a_log_processor_that_raises_does_not_fail_the_node(mode, structlog_restored, caplog):
    """The exception is logged with `logging`, which still works."""

    def broken(logger, method, event):
        raise ZeroDivisionError

    structlog.configure(processors=[broken])
    assert mode.call(create_node(mode.function(lambda s: {"x": 1})), {}) == {"x": 1}
    assert "could not be logged" in caplog.text


@pytest.mark.req("N-13")
def test_a_logger_that_cannot_be_made_does_not_fail_the_node(mode, structlog_restored, caplog):
    """Neither before an attempt nor before a retry."""

    def broken(*_):
        raise ZeroDivisionError

    structlog.configure(logger_factory=broken)
    node = create_node(mode.function(failing_once("")), retry=RetryConfig(backoff_ms=0))
    assert mode.call(node, {}) == {}
    assert "could not be logged" in caplog.text


def failing_once(text):
    """A function whose first call raises an error with this text."""
    errors = [ConnectionError(text)]

    def work(state):
        if errors:
            raise errors.pop()
        return {}

    return work


@pytest.mark.req("N-3", "N-20")
def test_the_text_of_what_is_retried_is_in_no_log(mode, fake, caplog):
    """LangGraph's retry logs the whole text. Here every logger gets only the type of the error."""
    caplog.set_level(logging.DEBUG)
    text = "Mrs Smith, order 4711"
    policy = RetryPolicy(initial_interval=0, jitter=False)
    for node, options, is_told in [
        (mode.function(failing_once(text)), {"retry_policy": policy}, True),
        (create_node(mode.function(failing_once(text)), retry=2, runtime=fake), {}, False),
    ]:
        caplog.clear()
        builder = StateGraph(GraphState).add_node("n", node, **options).add_edge(START, "n")
        mode.invoke(builder.compile(), {})
        assert "ConnectionError" in caplog.text
        assert (text in caplog.text) is is_told


@pytest.mark.req("N-3", "N-22")
def test_each_event_of_the_user_has_the_context_of_its_own_node(mode, structlog_restored):
    """LangGraph passes no context variables between nodes. Each node sets them, in parallel and in a chain."""
    logs = structlog.testing.LogCapture()
    structlog.configure(processors=[add_node_context, logs])
    bound = ContextVar("bound", default="nothing")
    builder = StateGraph(GraphState)

    def work(state):
        structlog.get_logger().info("mine", found=bound.get())
        bound.set("dirt")

    for name, before in {"a": START, "b": START, "c": ["a", "b"]}.items():
        builder.add_node(name, create_node(mode.function(work))).add_edge(before, name)
    mode.invoke(builder.compile(), {})
    mine = [entry for entry in logs.entries if entry["event"] == "mine"]
    assert sorted(entry["node"] for entry in mine) == ["a", "b", "c"]
    assert {entry["found"] for entry in mine} == {"nothing"}
    assert len({entry["trace_id"] for entry in mine}) == 1


@pytest.mark.parametrize("asked", [True, False])
def test_retries_are_streamed_if_asked(mode, asked):
    """The event is in the stream `custom`, before the next attempt."""

    def work(state):
        get_stream_writer()(f"attempt {get_node_context().attempt}")
        if get_node_context().attempt == 1:
            raise ConnectionError("password=hunter2-and-more")
        return {}

    retry = {"max_attempts": 2, "backoff_ms": 1, "jitter": 0}
    node = create_node(mode.function(work), name="load", retry=retry)
    graph = StateGraph(GraphState).add_node("load", node).add_edge(START, "load").compile()
    config = runner_config(stream_retries=asked)
    if mode.is_async:

        async def stream():
            return [each async for each in graph.astream({}, config, stream_mode="custom")]

        streamed = asyncio.run(stream())
    else:
        streamed = [*graph.stream({}, config, stream_mode="custom")]
    event = {
        "event": "node.retrying",
        "node": "load",
        "attempt": 1,
        "delay_ms": 1,
        "error_type": "ConnectionError",
    }
    assert streamed == ["attempt 1", *([event] if asked else []), "attempt 2"]


def test_a_stream_outside_a_graph_is_not_needed(mode, fake):
    """The node retries as usual."""
    flaky = Flaky(ConnectionError, {})
    node = create_node(mode.function(flaky.sync), retry=2, runtime=fake)
    assert mode.call(node, {}, runner_config(stream_retries=True)) == {}
