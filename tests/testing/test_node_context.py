"""Functions that read their context, called without a node."""

import pytest

from langgraph_runner import AbortController, create_node, get_node_context
from langgraph_runner.testing import FakeRuntime, node_context


@pytest.mark.req("N-31")
async def test_the_context_is_there_for_the_block(mode):
    """The context ends with the block."""

    def read(state):
        context = get_node_context()
        return {"by": context.node_name, "try": context.attempt, "about": context.story_id}

    function = mode.function(read)
    with node_context("theme", attempt=2, story_id="ST-7"):
        found = await function({}) if mode.is_async else function({})
    assert found == {"by": "theme", "try": 2, "about": "ST-7"}
    with pytest.raises(RuntimeError, match="there is no node call here"):
        get_node_context()


@pytest.mark.req("N-31")
def test_all_ids_are_there():
    """Ids are those that the test passes, or generated ones of the right form."""
    with node_context(trace_id="a" * 32, graph_execution_id="g-1") as context:
        assert context.as_dict() == {
            "node": "node",
            "story_id": None,
            "attempt": 1,
            "trace_id": "a" * 32,
            "graph_execution_id": "g-1",
        }
    with node_context() as context:
        assert (len(context.trace_id), len(context.graph_execution_id)) == (32, 32)


@pytest.mark.req("N-31")
def test_the_abort_signal_fires_with_the_one_given_or_by_stop():
    """A test may pass its own signal or call `stop()`."""
    controller = AbortController()
    with node_context(abort_signal=controller.signal):
        before = get_node_context().abort_signal.aborted
        controller.abort("enough")
        assert (before, get_node_context().abort_signal.reason) == (False, "enough")
    with node_context() as context:
        context.stop("late")
        assert get_node_context().abort_signal.reason == "late"


@pytest.mark.req("N-31")
def test_a_fallback_finds_its_primary_error_and_input():
    """The context is like that of a node whose function failed."""
    error = ConnectionError("down")
    with node_context(primary_error=error, primary_input={"q": 1}):
        context = get_node_context()
        assert (context.primary_error, context.primary_input) == (error, {"q": 1})


@pytest.mark.req("N-31")
def test_the_clock_is_the_one_given():
    """Nodes that the function calls use the same clock."""
    fake = FakeRuntime()
    calls = iter([ConnectionError(), None])

    def flaky(state):
        if (error := next(calls)) is not None:
            raise error
        return {}

    node = create_node(flaky, retry={"max_attempts": 2, "backoff_ms": 3_600_000})
    with node_context(runtime=fake) as context:
        assert (node({}), context.started_at.year) == ({}, 2026)
    assert fake.sleeps == [3600.0]


@pytest.mark.req("N-31")
def test_blocks_nest():
    """The outer context is restored at the end of the inner block."""
    with node_context("outer") as outer:
        with node_context("inner") as inner:
            assert (get_node_context(), inner.parent) == (inner, outer)
        assert get_node_context() is outer


@pytest.mark.req("N-31")
@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"node": ""}, ValueError, "node must be a non-empty string, got ''"),
        ({"attempt": 0}, ValueError, "attempt must be a whole number from 1, got 0"),
        ({"trace_id": "x"}, ValueError, "trace_id must be 32"),
        ({"runtime": 3}, TypeError, "runtime must be a testing.FakeRuntime"),
        ({"abort_signal": AbortController()}, TypeError, "abort_signal must be an AbortSignal"),
    ],
)
def test_what_cannot_be_is_refused(options, kind, message):
    """Invalid arguments are refused when the block is entered."""
    with pytest.raises(kind, match=message), node_context(**options):
        pass
