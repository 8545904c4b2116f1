"""The tree of errors: codes, attributes, messages, pickles."""

import pickle

import pytest

from langgraph_runner import (
    MESSAGE_TEMPLATES,
    CircuitOpenError,
    ErrorCode,
    FallbackError,
    InvalidNodeOutputError,
    NodeCancellationError,
    NodeRunnerError,
    NodeTimeoutError,
    RetryExhaustedError,
    RunTimeoutError,
    StateUpdateError,
    UnhashableInputError,
)
from langgraph_runner.errors import note_once, render_message

ERRORS = [
    NodeTimeoutError(node="n", timeout_ms=500, elapsed_ms=501.2, scope="total"),
    NodeCancellationError(node="n", reason="user left"),
    RetryExhaustedError(node="n", attempts=3, last_error=ConnectionError("x")),
    CircuitOpenError(node="n", retry_after_ms=1200.0),
    CircuitOpenError(node="n", retry_after_ms=None, last_error=ConnectionError("x")),
    InvalidNodeOutputError(node="n", found="a list", fix="Return a dict."),
    FallbackError(node="n", primary_error=KeyError("a"), fallback_error=OSError("b")),
    StateUpdateError(field="errors", problem="not a list"),
    RunTimeoutError(timeout_ms=500, elapsed_ms=501.2),
    UnhashableInputError(path="inputs.a", found="a function", fix="Pass what it returns."),
]


@pytest.mark.req("N-24")
@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
def test_each_has_a_code_and_survives_pickle(error):
    """With all its attributes, notes included."""
    error.add_note("a note")
    twin = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert isinstance(twin, NodeRunnerError)
    assert (type(twin), str(twin), twin.code) == (type(error), str(error), error.code)
    assert twin.__notes__ == ["a note"]
    assert vars(twin).keys() == vars(error).keys()
    assert type(twin.__cause__) is type(error.__cause__)
    error.__notes__.clear()


@pytest.mark.req("N-24")
def test_every_code_has_a_template():
    """And the code is its own value, so it is the same in JSON."""
    assert set(MESSAGE_TEMPLATES) == set(ErrorCode)
    assert all(code.value == code.name for code in ErrorCode)


@pytest.mark.req("N-24")
def test_templates_are_filled_in():
    """A field that is missing is an error at once."""
    assert render_message(ErrorCode.NODE_CANCELLED, node="n", reason="bye") == "Node 'n' was cancelled: bye"
    with pytest.raises(KeyError):
        render_message(ErrorCode.NODE_CANCELLED, node="n")


@pytest.mark.req("N-24")
def test_templates_cannot_be_changed_by_accident():
    """They are shared by every node."""
    with pytest.raises(TypeError):
        MESSAGE_TEMPLATES[ErrorCode.NODE_TIMEOUT] = "x"


@pytest.mark.req("N-4")
def test_a_note_is_added_once():
    """Some exceptions are raised again and again."""
    error = ValueError()
    note_once(error, "a")
    note_once(error, "a")
    assert error.__notes__ == ["a"]
