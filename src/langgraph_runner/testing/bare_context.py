"""`node_context()`: the context of a node, to call a function that reads it without the node."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from langgraph_runner.node.call import NodeCall
from langgraph_runner.node.configurable import runner_config
from langgraph_runner.node.context import CURRENT_CONTEXT
from langgraph_runner.node.options import CheckedOptions
from langgraph_runner.runtime.abort import as_abort_signal
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES, as_runtimes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langgraph_runner.node.context import NodeContext
    from langgraph_runner.runtime.abort import AbortSignal
    from langgraph_runner.runtime.runtimes import Runtimes

__all__ = ["node_context"]


@contextmanager
def node_context(
    node: str = "node",
    *,
    attempt: int = 1,
    story_id: str | None = None,
    trace_id: str | None = None,
    graph_execution_id: str | None = None,
    abort_signal: AbortSignal | None = None,
    primary_error: BaseException | None = None,
    primary_input: Any = None,
    runtime: Runtimes | None = None,
) -> Iterator[NodeContext]:
    """Make `get_node_context()` work inside the `with` block as in the function of a node.

    For unit tests of a function that reads its context, sync or async. There are no policies: nothing is retried,
    timed out, captured, logged or counted.

    Args:
        node: `node_name` of the context.
        attempt: Which attempt it is, from 1.
        story_id: As in `runner_config()`.
        trace_id: As in `runner_config()`; generated if not given.
        graph_execution_id: As in `runner_config()`; generated if not given.
        abort_signal: A signal that fires the `abort_signal` of the context, too.
        primary_error: For the test of a fallback: the error of the function that it replaces.
        primary_input: For the test of a fallback: the state that the function received.
        runtime: The clock of `started_at`, and of `with_retry()` and `with_timeout()` in the block: a `FakeRuntime`.
            The real one by default.

    Yields:
        The context. Its `stop(reason)` fires its `abort_signal`.

    Raises:
        ValueError: `attempt` is not a whole number from 1, `node` is empty, or `trace_id` is no W3C trace id.
        TypeError: `abort_signal` or `runtime` is of no accepted kind.

    Example:
        >>> from langgraph_runner import get_node_context
        >>> def greet(state: dict) -> dict:
        ...     return {"by": get_node_context().node_name}
        >>> with node_context("greeter"):
        ...     greet({})
        {'by': 'greeter'}
    """
    if not isinstance(node, str) or not node:
        raise ValueError(f"node must be a non-empty string, got {node!r}.")
    if type(attempt) is not int or attempt < 1:
        raise ValueError(f"attempt must be a whole number from 1, got {attempt!r}.")
    signal = as_abort_signal(abort_signal, field="abort_signal")
    config = runner_config(story_id=story_id, trace_id=trace_id, graph_execution_id=graph_execution_id)
    runtimes = as_runtimes(runtime, field="runtime") or REAL_RUNTIMES
    parent = CURRENT_CONTEXT.get()
    call = NodeCall.of(CheckedOptions.bare(_nothing, node, runtimes), None, config, {}, parent)
    if runtime is not None:
        call.use(runtime)
    call.attempts = attempt
    context = call.of_attempt(attempt)
    if primary_error is not None:
        context = context.of_fallback(primary_error, primary_input)
    disarm = None
    if signal is not None:
        disarm = signal.add_callback(lambda: context.stop(signal.reason or "aborted"))
    CURRENT_CONTEXT.set(context)
    try:
        yield context
    finally:
        CURRENT_CONTEXT.set(parent)
        if disarm is not None:
            disarm()


def _nothing(_state: object) -> None:
    """Do nothing: the context needs a node, and the node a function."""
