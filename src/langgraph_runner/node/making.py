"""`create_node_context()`: the context of a node call, for code that runs without one."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from langgraph_runner.node.call import NodeCall
from langgraph_runner.node.configurable import runner_config
from langgraph_runner.node.context import CURRENT_CONTEXT
from langgraph_runner.node.options import CheckedOptions
from langgraph_runner.runtime.abort import as_abort_signal
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES, as_runtimes

if TYPE_CHECKING:
    from langgraph_runner.node.context import NodeContext
    from langgraph_runner.runtime.abort import AbortSignal
    from langgraph_runner.runtime.runtimes import Runtimes

__all__ = ["create_node_context"]


def create_node_context(
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
) -> NodeContext:
    """Make the context of a node call without a node, for example to call a `Policy` or to log like a node.

    Inside the function of a node, its context is the parent. `get_node_context()` does not return the new context; in
    tests, `testing.node_context()` does that, too.

    Args:
        node: `node_name` of the context.
        attempt: Which attempt it is, from 1.
        story_id: As in `runner_config()`.
        trace_id: As in `runner_config()`; generated if not given.
        graph_execution_id: As in `runner_config()`; generated if not given.
        abort_signal: A signal that fires the `abort_signal` of the context, too.
        primary_error: For a fallback: the error of the function that it replaces.
        primary_input: For a fallback: the state that the function received.
        runtime: The clock of the context: a `FakeRuntime`. The real one by default.

    Returns:
        The context. Its `stop(reason)` fires its `abort_signal`.

    Raises:
        ValueError: `attempt` is not a whole number from 1, `node` is empty, or `trace_id` is no W3C trace id.
        TypeError: `abort_signal` or `runtime` is of no accepted kind.

    Example:
        >>> context = create_node_context("import", story_id="ST-7")
        >>> context.node_name, context.story_id, context.attempt, context.parent
        ('import', 'ST-7', 1, None)
    """
    if not isinstance(node, str) or not node:
        raise ValueError(f"node must be a non-empty string, got {node!r}.")
    if type(attempt) is not int or attempt < 1:
        raise ValueError(f"attempt must be a whole number from 1, got {attempt!r}.")
    signal = as_abort_signal(abort_signal, field="abort_signal")
    config = runner_config(story_id=story_id, trace_id=trace_id, graph_execution_id=graph_execution_id)
    runtimes = as_runtimes(runtime, field="runtime") or REAL_RUNTIMES
    options = CheckedOptions.bare(_nothing, node, runtimes)
    call = NodeCall.of(options, None, config, {}, CURRENT_CONTEXT.get())
    if runtime is not None:
        call.use(runtime)
    call.attempts = attempt
    context = call.of_attempt(attempt)
    if primary_error is not None:
        context = context.of_fallback(primary_error, primary_input)
    if signal is not None:
        _stop_with(signal, context)
    return context


def _stop_with(signal: AbortSignal, context: NodeContext) -> None:
    """Stop a context when a signal fires. A signal that lives longer does not keep it alive."""
    reference = weakref.ref(context)

    def stop() -> None:
        target = reference()
        if target is not None:
            target.stop(signal.reason or "aborted")

    weakref.finalize(context, signal.add_callback(stop)).atexit = False


def _nothing(_state: object) -> None:
    """Do nothing: the context needs a node, and the node a function."""
