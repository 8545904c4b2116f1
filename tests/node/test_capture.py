"""Captured failures in the state."""

import contextlib
import json
import operator
import re
from typing import Annotated

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import task
from langgraph.graph import START, StateGraph
from langgraph.types import RetryPolicy
from pydantic import BaseModel
from typing_extensions import TypedDict

from langgraph_runner import GraphState, NodeError, RetryExhaustedError, create_node


class State(GraphState, total=False):
    """The state of the graphs in this module."""

    x: int


def failing(error):
    """A function that raises `error`."""

    def fail(state):
        raise error

    return fail


@pytest.mark.req("N-4")
def test_a_failure_becomes_a_record(mode, fake):
    """The record has all fields; the update has only the fields for failures."""
    node = create_node(mode.function(failing(ConnectionError("refused"))), name="fetch", runtime=fake)
    update = mode.call(node, {"story_id": "ST-1"})
    assert set(update) == {"errors", "routing_flags"}
    (record,) = update["errors"]
    stack = record.pop("stack")
    assert "ConnectionError" in stack
    assert "test_capture.py" in stack
    assert record == {
        "error_id": record["error_id"],
        "node_id": "fetch",
        "message": "Node 'fetch' failed: ConnectionError: refused",
        "code": "NODE_EXECUTION_FAILED",
        "timestamp": "2026-01-01T00:00:00+00:00",
        "recoverable": True,
        "attempts": 1,
        "error_type": "ConnectionError",
        "category": "network",
        "trace_id": record["trace_id"],
        "causes": [],
        "story_id": "ST-1",
    }
    assert re.fullmatch(r"[0-9a-f]{32}", record["trace_id"])
    assert re.fullmatch(r"[0-9a-f]{16}", record["error_id"])


@pytest.mark.req("N-4")
def test_the_exception_does_not_reach_the_graph(mode):
    """The run continues with the record in its state."""
    graph = (
        StateGraph(State)
        .add_node("bad", create_node(mode.function(failing(ValueError("no")))))
        .add_node("next", mode.function(lambda state: {"x": 1}))
        .add_edge(START, "bad")
        .add_edge("bad", "next")
        .compile()
    )
    result = mode.invoke(graph, {"x": 0})
    assert result["x"] == 1
    assert result["errors"][0]["node_id"] == "bad"


@pytest.mark.req("N-6")
def test_an_error_that_is_not_retried_blocks(mode):
    """After one attempt, the flag is set."""
    node = create_node(mode.function(failing(TypeError("bug"))), retry=5)
    update = mode.call(node, {})
    assert update["routing_flags"] == {"blocked": True}
    assert update["errors"][0]["attempts"] == 1


@pytest.mark.req("N-6")
def test_exhausted_retries_block(mode, fake):
    """The flag is set, with the record of the last attempt."""
    node = create_node(mode.function(failing(ConnectionError("x"))), retry=3, runtime=fake)
    update = mode.call(node, {})
    assert update["routing_flags"] == {"blocked": True}
    assert (update["errors"][0]["code"], update["errors"][0]["attempts"]) == ("RETRY_EXHAUSTED", 3)


@pytest.mark.req("N-6")
def test_a_success_writes_no_flag(mode):
    """So parallel branches cannot clear each other's flags."""
    assert mode.call(create_node(mode.function(lambda state: {"x": 1}), retry=2), {}) == {"x": 1}


@pytest.mark.req("N-6")
def test_flags_route(mode):
    """A conditional edge sees the flag of the node before it."""
    graph = (
        StateGraph(State)
        .add_node("bad", create_node(mode.function(failing(ValueError("no")))))
        .add_node("review", mode.function(lambda state: {"x": -1}))
        .add_node("go", mode.function(lambda state: {"x": 1}))
        .add_edge(START, "bad")
        .add_conditional_edges("bad", lambda s: "review" if s["routing_flags"].get("blocked") else "go")
        .compile()
    )
    assert mode.invoke(graph, {"x": 0})["x"] == -1


@pytest.mark.req("N-4", "N-8")
def test_parallel_failures_are_all_kept(mode):
    """Two branches that fail in one superstep can write the same fields."""
    builder = StateGraph(State)
    for name in ("a", "b", "c"):
        builder.add_node(name, create_node(mode.function(failing(ValueError(name)))))
        builder.add_edge(START, name)
    result = mode.invoke(builder.compile(), {"x": 0})
    assert sorted(e["node_id"] for e in result["errors"]) == ["a", "b", "c"]


@pytest.mark.req("N-4")
def test_the_record_is_json_and_reads_as_a_model(mode):
    """`NodeError` reads the record of a checkpoint."""
    node = create_node(mode.function(failing(TimeoutError("slow"))), name="n")
    record = json.loads(json.dumps(mode.call(node, {})["errors"][0]))
    error = NodeError.model_validate(record)
    assert (error.node_id, error.code, error.category) == ("n", "NODE_EXECUTION_FAILED", "timeout")
    assert error.to_record() == record


@pytest.mark.req("N-4")
@pytest.mark.parametrize("schema", ["pydantic", "dataclass"])
def test_captures_into_other_schemas(mode, schema):
    """A pydantic or dataclass state with the two fields works as well."""
    from dataclasses import dataclass, field

    from langgraph_runner import append_bounded, merge_mappings

    class Model(BaseModel):
        x: int = 0
        errors: Annotated[list, append_bounded()] = []
        routing_flags: Annotated[dict, merge_mappings] = {}

    @dataclass
    class Data:
        x: int = 0
        errors: Annotated[list, append_bounded()] = field(default_factory=list)
        routing_flags: Annotated[dict, merge_mappings] = field(default_factory=dict)

    state = Model if schema == "pydantic" else Data
    graph = (
        StateGraph(state)
        .add_node("n", create_node(mode.function(failing(OSError("disk")))))
        .add_edge(START, "n")
        .compile()
    )
    result = mode.invoke(graph, {"x": 1})
    assert result["errors"][0]["error_type"] == "OSError"
    assert result["routing_flags"] == {"blocked": True}


class Bare(TypedDict, total=False):
    """A state without a field for errors."""

    x: int


@pytest.mark.req("N-4")
def test_an_error_that_the_state_cannot_hold_is_raised(mode):
    """LangGraph would drop the record silently. The note says what to do."""
    graph = (
        StateGraph(Bare)
        .add_node("n", create_node(mode.function(failing(OSError("disk")))))
        .add_edge(START, "n")
        .compile()
    )
    with pytest.raises(OSError, match="disk") as raised:
        mode.invoke(graph, {"x": 0})
    assert any("inherit from GraphState" in note for note in raised.value.__notes__)


@pytest.mark.req("N-4")
def test_a_state_without_errors_is_reported_before_anything_fails(mode, caplog):
    """The first call in such a graph logs once which field is missing."""
    node = create_node(mode.function(lambda state: {"x": 1}))
    graph = StateGraph(Bare).add_node("n", node).add_edge(START, "n").compile()
    mode.invoke(graph, {"x": 0})
    mode.invoke(graph, {"x": 0})
    messages = [r.message for r in caplog.records if "state_cannot_hold_errors" in r.message]
    assert len(messages) == 1
    assert "['errors', 'routing_flags']" in messages[0]


@pytest.mark.parametrize(("on_error", "warnings"), [("capture", 1), ("record", 1), ("raise", 0)])
def test_a_retry_policy_that_never_acts_is_reported(mode, caplog, on_error, warnings):
    """LangGraph retries only exceptions. The first call logs that once."""
    node = create_node(mode.function(lambda state: {}), on_error=on_error)
    builder = StateGraph(GraphState).add_node("n", node, retry_policy=RetryPolicy()).add_edge(START, "n")
    graph = builder.compile()
    mode.invoke(graph, {})
    mode.invoke(graph, {})
    messages = [r.message for r in caplog.records if "native_retry_ignored" in r.message]
    assert len(messages) == warnings


@pytest.mark.req("N-27")
def test_on_error_raise_raises_the_original(mode, fake):
    """The same object, with a note about the attempts."""
    error = ConnectionError("down")
    node = create_node(mode.function(failing(error)), name="n", retry=3, on_error="raise", runtime=fake)
    with pytest.raises(ConnectionError) as raised:
        mode.call(node, {})
    assert raised.value is error
    assert "Node 'n' gave up after 3 attempts." in error.__notes__


@pytest.mark.req("N-4")
def test_the_outcome_names_the_exhaustion_and_its_cause(mode, fake):
    """The outcome has the error of this package and the user's exception."""
    error = ConnectionError("down")
    node = create_node(mode.function(failing(error)), retry=2, runtime=fake)
    outcome = mode.call(node.run, {})
    assert isinstance(outcome.exception, RetryExhaustedError)
    assert outcome.exception.__cause__ is error
    assert (outcome.exception.attempts, outcome.attempts) == (2, 2)


@pytest.mark.req("N-24")
def test_validation_errors_have_their_own_code(mode):
    """A pydantic error in the function is VALIDATION_FAILED, and is not retried."""

    class Model(BaseModel):
        n: int

    node = create_node(mode.function(lambda state: {"x": Model(n=state["x"])}), retry=4)
    record = mode.call(node, {"x": "many"})["errors"][0]
    assert (record["code"], record["category"], record["attempts"]) == ("VALIDATION_FAILED", "validation", 1)


@pytest.mark.req("N-20")
def test_secrets_do_not_reach_the_state(mode):
    """They are removed from the message, the stack and the causes."""
    secret = "hunter" + "2secret99"

    def fail(state):
        raise ConnectionError(f"login with password={secret} failed") from ValueError(f"password={secret}")

    node = create_node(mode.function(fail))
    assert secret not in json.dumps(mode.call(node, {}))


@pytest.mark.req("N-20")
def test_a_sanitizer_of_ones_own(mode):
    """Its additional patterns apply to the record."""
    from langgraph_runner import Sanitizer

    node = create_node(
        mode.function(failing(ValueError("patient 4711 unknown"))),
        sanitizer=Sanitizer(extra_patterns=[r"patient \d+"]),
    )
    assert "patient 4711" not in json.dumps(mode.call(node, {}))


@pytest.mark.req("N-27")
def test_raise_gives_the_original_whatever_stood_around_it(mode, fake):
    """An open breaker and a failed fallback do not hide it."""
    error = ConnectionError("down")
    options = {"on_error": "raise", "runtime": fake}
    breaking = create_node(
        mode.function(failing(error)), retry=3, circuit_breaker={"failure_threshold": 1}, **options
    )
    falling = create_node(mode.function(failing(error)), fallback=failing(ValueError("too")), **options)
    for node in (breaking, falling):
        with pytest.raises(ConnectionError) as raised:
            mode.call(node, {})
        assert raised.value is error
    assert "Its fallback failed as well: ValueError." in error.__notes__


@pytest.mark.req("N-6", "N-4")
def test_on_error_record_leaves_the_flag_down(mode):
    """For one of many branches, whose failure must not block the others."""
    node = create_node(mode.function(failing(ValueError("one of many"))), on_error="record")
    update = mode.call(node, {})
    assert list(update) == ["errors"]
    assert update["errors"][0]["error_type"] == "ValueError"


@pytest.mark.req("N-4")
@pytest.mark.parametrize("on_error", ["capture", "record", "raise"])
def test_a_failure_of_a_task_is_raised(mode, on_error):
    """A captured failure would look like the result of the task to its caller."""

    async def call_async(state):
        return {"x": await failing_task(1)}

    failing_task = task(create_node(mode.function(failing(OSError("disk"))), name="t", on_error=on_error))
    call = call_async if mode.is_async else lambda state: {"x": failing_task(1).result()}
    graph = StateGraph(State).add_node("n", call).add_edge(START, "n").compile()
    with pytest.raises(OSError, match="disk") as raised:
        mode.invoke(graph, {"x": 0})
    assert any("caller of a @task" in note for note in raised.value.__notes__) is (on_error != "raise")


class Adding(GraphState, total=False):
    """A state with a list that grows."""

    lines: Annotated[list[str], operator.add]


@pytest.mark.req("N-4")
def test_a_captured_failure_repeats_nothing_that_is_in_the_state(mode):
    """The update is partial. An update with the whole state would double each list with a reducer."""
    for function, lines in [(failing(ValueError("no")), ["a"]), (lambda state: {**state}, ["a", "a"])]:
        node = create_node(mode.function(function))
        graph = StateGraph(Adding).add_node("n", node).add_edge(START, "n").compile()
        assert mode.invoke(graph, {"lines": ["a"]})["lines"] == lines


def kept_by(saver):
    """The content of a checkpointer, as bytes."""
    return repr((dict(saver.storage), dict(saver.writes), dict(saver.blobs)))


@pytest.mark.req("N-4", "N-20")
@pytest.mark.parametrize(("on_error", "is_kept"), [("capture", False), ("record", False), ("raise", True)])
def test_a_checkpoint_keeps_the_raw_text_of_what_is_raised_only(mode, on_error, is_kept):
    """LangGraph stores the text of an unhandled error, and `get_state()` shows it. A record is redacted."""
    secret = "hunter" + "2secret99"
    saver = InMemorySaver()
    node = create_node(mode.function(failing(OSError(f"password={secret}"))), retry=1, on_error=on_error)
    graph = StateGraph(State).add_node("n", node).add_edge(START, "n").compile(checkpointer=saver)
    thread = {"configurable": {"thread_id": "t"}}
    with pytest.raises(OSError, match=secret) if is_kept else contextlib.nullcontext():
        mode.invoke(graph, {"x": 0}, thread)
    assert (secret in kept_by(saver)) is is_kept
    assert [secret in task.error for task in graph.get_state(thread).tasks] == [True] * is_kept
