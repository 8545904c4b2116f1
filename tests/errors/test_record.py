"""The record of a failure: for any error, it is JSON of bounded size."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.errors import NodeTimeoutError as LangGraphNodeTimeoutError
from pydantic import ValidationError

from langgraph_runner import ErrorCode, FallbackError, NodeError, RetryExhaustedError
from langgraph_runner.errors.record import MAX_RECORD_BYTES, build_error_record

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def record_of(error, **fields):
    """Return the record of an error."""
    defaults = {"node_id": "n", "attempts": 1, "trace_id": "ab" * 16, "timestamp": NOW}
    return build_error_record(error, **{**defaults, **fields})


def raised(error):
    """Return the error, with a traceback."""
    try:
        raise error
    except type(error) as caught:
        return caught


def size(record):
    """Return the size as JSON in bytes."""
    return len(json.dumps(record).encode())


@pytest.mark.no_cover
@pytest.mark.req("N-4", "N-20")
@settings(max_examples=60, deadline=None)
@given(
    st.text(max_size=3000).map(lambda t: t * 5),
    st.text(max_size=400),
    st.integers(0, 12),
    st.text(max_size=400),
)
def test_a_record_is_at_most_16_kib(text, node, members, story):
    """The bound holds also for characters that JSON escapes."""
    error: Exception = ValueError(text)
    if members:
        error = ExceptionGroup(text, [ValueError(text + str(i)) for i in range(members)])
    record = record_of(raised(error), node_id=node, story_id=story)
    assert size(record) <= MAX_RECORD_BYTES
    json.dumps(record).encode("utf-8")


@pytest.mark.req("N-4", "N-20")
@pytest.mark.parametrize("character", ["é", "\U0001f600", "\x01", "\\", '"'])
def test_texts_that_grow_in_json_are_shortened(character):
    """Each of these characters takes two to twelve bytes of JSON."""
    error = raised(ExceptionGroup(character * 5000, [ValueError(character * 5000) for _ in range(5)]))
    error.add_note(character * 20_000)
    record = record_of(error)
    assert size(record) <= MAX_RECORD_BYTES


@pytest.mark.req("N-4")
def test_names_are_bounded():
    """The names of nodes, types and stories are bounded."""
    kind = type("E" * 10_000, (Exception,), {})
    record = record_of(raised(kind("x")), node_id="n" * 10_000, story_id="s" * 10_000)
    assert {len(record[key]) for key in ("node_id", "error_type", "story_id")} == {256}


@pytest.mark.req("N-4")
def test_an_error_without_text_is_named_by_its_type():
    """The message does not end in a colon."""
    assert record_of(raised(ConnectionError()))["message"] == "Node 'n' failed: ConnectionError"


@pytest.mark.req("N-24")
def test_langgraphs_own_timeout_has_the_timeout_code():
    """Its record has the same code and category as a timeout of the runner."""
    error = LangGraphNodeTimeoutError("inner", 2.0, kind="run", run_timeout=1.0)
    record = record_of(raised(error))
    assert (record["code"], record["category"]) == ("NODE_TIMEOUT", "timeout")
    assert "exceeded its run timeout" in record["message"]


@pytest.mark.req("N-24")
def test_a_failed_fallback_is_recoverable_if_its_primary_error_is():
    """The same call may succeed when the function works again."""
    last = RetryExhaustedError(node="n", attempts=2, last_error=TimeoutError("slow"))
    error = FallbackError(node="n", primary_error=last, fallback_error=KeyError("k"))
    record = record_of(raised(error))
    assert (record["recoverable"], record["category"]) == (True, "timeout")
    assert "(TimeoutError: slow)" in record["message"]


@pytest.mark.req("N-4")
def test_the_model_refuses_an_incomplete_record():
    """The error names the missing field."""
    with pytest.raises(ValidationError, match="timestamp"):
        NodeError.model_validate({"node_id": "n", "message": "m", "code": "C"})


@pytest.mark.req("N-4")
def test_the_model_reads_a_minimal_record():
    """The optional fields may be missing. A code of the package is an `ErrorCode`, any other a text."""
    error = NodeError(node_id="n", message="m", code="NODE_EXECUTION_FAILED", timestamp=NOW, story_id="S")
    assert error.code is ErrorCode.NODE_EXECUTION_FAILED
    assert (error.stack, error.attempts, error.category, error.causes) == ("", 1, "other", ())
    own = NodeError(node_id="n", message="m", code="OUT_OF_STOCK", timestamp=NOW)
    assert (own.code, own.to_record()["code"]) == ("OUT_OF_STOCK", "OUT_OF_STOCK")
    assert error.to_record()["timestamp"] == "2026-01-01T00:00:00+00:00"
    assert error.to_record()["story_id"] == "S"


@pytest.mark.req("N-4")
def test_shortening_ends_when_only_names_are_left():
    """A long trace id does not make it loop forever."""
    record = record_of(raised(ValueError("x")), trace_id="t" * 100_000)
    assert size(record) <= MAX_RECORD_BYTES
