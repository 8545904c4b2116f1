"""`node_context()`: the context of a node, to call a function that reads it without the node."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from langgraph_runner.node.context import CURRENT_CONTEXT
from langgraph_runner.node.making import create_node_context

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

    The arguments are those of `create_node_context()`. `runtime` is the clock of `with_retry()` and `with_timeout()`
    in the block, too.

    Yields:
        The context. Its `stop(reason)` fires its `abort_signal`.

    Raises:
        ValueError: See `create_node_context()`.
        TypeError: See `create_node_context()`.

    Example:
        >>> from langgraph_runner import get_node_context
        >>> def greet(state: dict) -> dict:
        ...     return {"by": get_node_context().node_name}
        >>> with node_context("greeter"):
        ...     greet({})
        {'by': 'greeter'}
    """
    context = create_node_context(
        node,
        attempt=attempt,
        story_id=story_id,
        trace_id=trace_id,
        graph_execution_id=graph_execution_id,
        abort_signal=abort_signal,
        primary_error=primary_error,
        primary_input=primary_input,
        runtime=runtime,
    )
    around = CURRENT_CONTEXT.get()
    CURRENT_CONTEXT.set(context)
    try:
        yield context
    finally:
        CURRENT_CONTEXT.set(around)
