"""`create_node_context()`: a context without a node. The tests of `node_context()` cover its arguments, too."""

import asyncio
import gc
import weakref

import pytest

from langgraph_runner import (
    AbortController,
    CircuitOpenError,
    NodeCircuitBreaker,
    create_node,
    create_node_context,
    get_node_context,
)

pytestmark = pytest.mark.req("N-22", "N-31")


def test_a_context_is_made_without_a_node():
    """It is not that of the code around it."""
    context = create_node_context(
        "import", attempt=3, story_id="ST-7", trace_id="a" * 32, graph_execution_id="g"
    )
    assert context.as_dict() == {
        "node": "import",
        "story_id": "ST-7",
        "attempt": 3,
        "trace_id": "a" * 32,
        "graph_execution_id": "g",
    }
    assert (context.retry_attempt, context.parent, context.abort_signal.aborted) == (2, None, False)
    assert context.started_at.tzinfo is not None
    with pytest.raises(RuntimeError, match="no node call here"):
        get_node_context()


def test_inside_a_node_the_node_is_its_parent(mode):
    """So both have the same ids."""
    contexts = []

    def work(state):
        contexts.extend([create_node_context("part"), get_node_context()])
        return {}

    mode.call(create_node(mode.function(work), name="whole"), {})
    part, whole = contexts
    assert (part.parent, part.trace_id, part.graph_execution_id) == (
        whole,
        whole.trace_id,
        whole.graph_execution_id,
    )


def test_a_policy_can_be_called_with_it():
    """Without a node around it."""
    breaker = NodeCircuitBreaker()
    breaker.force_open()

    async def proceed(context):
        return context.node_name

    with pytest.raises(CircuitOpenError) as caught:
        asyncio.run(breaker.run(create_node_context("import"), proceed))
    assert caught.value.node == "import"
    breaker.reset()
    assert asyncio.run(breaker.run(create_node_context("import"), proceed)) == "import"


def test_a_signal_that_lives_longer_does_not_keep_it():
    """The signal of a process outlives many contexts."""
    controller = AbortController()
    context = create_node_context(abort_signal=controller.signal)
    reference = weakref.ref(context)
    del context
    gc.collect()
    assert reference() is None
    controller.abort()
