"""The tree of errors: its root, codes, attributes, notes and pickles."""

import inspect
import pickle
import pkgutil
from importlib import import_module

import pytest

import langgraph_runner
from langgraph_runner import (
    CircuitOpenError,
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
from langgraph_runner.errors.exceptions import note_once, original_error

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
INNER = {
    "ApiError": "the service turns it into a response",
    "StreamBroken": "the client continues the stream",
    "CliError": "the command line prints it",
    "NoContent": "the client turns it into a result",
    "NotCreatedError": "the engine raises its cause",
    "UnhashablePart": "becomes an UnhashableInputError",
    "RefusedError": "a suite of tests raises it as the fault of a write",
    "UnansweredError": "an error of the database driver, which the engine handles as such",
    "_DifferenceFoundError": "becomes a problem in words",
    "_Stopped": "ends a wait of the fake clock",
}
"""Exceptions that the package catches itself, so that they never reach a user."""


@pytest.mark.req("N-24")
@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
def test_each_has_a_code_and_survives_pickle(error):
    """Pickling keeps all attributes, notes included."""
    error.add_note("a note")
    twin = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert isinstance(twin, NodeRunnerError)
    assert (type(twin), str(twin), twin.code) == (type(error), str(error), error.code)
    assert twin.__notes__ == ["a note"]
    assert vars(twin).keys() == vars(error).keys()
    assert type(twin.__cause__) is type(error.__cause__)
    error.__notes__.clear()


@pytest.mark.req("N-24")
def test_every_exception_of_the_package_has_one_root():
    """One `except NodeRunnerError` catches everything that the package raises itself."""
    others = set()
    for found in pkgutil.walk_packages(langgraph_runner.__path__, prefix="langgraph_runner."):
        if ".migrations." in found.name:  # Alembic runs those.
            continue
        for name, kind in inspect.getmembers(import_module(found.name), inspect.isclass):
            is_ours = issubclass(kind, BaseException) and kind.__module__.startswith("langgraph_runner")
            if is_ours and not issubclass(kind, NodeRunnerError):
                others.add(name)
    assert others == set(INNER)


@pytest.mark.req("N-4")
def test_a_note_is_added_once():
    """An exception that is raised again keeps one note."""
    error = ValueError()
    note_once(error, "a")
    note_once(error, "a")
    assert error.__notes__ == ["a"]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda error: error,
        lambda error: RetryExhaustedError(node="n", attempts=2, last_error=error),
        lambda error: CircuitOpenError(node="n", retry_after_ms=1, last_error=error),
        lambda error: FallbackError(node="n", primary_error=error, fallback_error=OSError()),
        lambda error: FallbackError(
            node="n",
            primary_error=RetryExhaustedError(node="n", attempts=2, last_error=error),
            fallback_error=OSError(),
        ),
    ],
    ids=["itself", "retries", "circuit", "fallback", "retries and fallback"],
)
def test_the_original_error_is_that_of_the_function(wrap):
    """The errors of the runner lead back to it."""
    error = KeyError("a")
    assert original_error(wrap(error)) is error
