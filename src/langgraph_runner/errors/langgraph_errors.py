"""The errors that are also errors of LangGraph. Importing them imports LangGraph, which takes most of a second.

The rest of the tree is in `exceptions`, so that programs that only read runs start faster.
"""

from __future__ import annotations

from langgraph.errors import InvalidUpdateError
from langgraph.errors import NodeTimeoutError as LangGraphNodeTimeoutError

from langgraph_runner.errors.codes import ErrorCode, render_message
from langgraph_runner.errors.exceptions import NodeRunnerError, TimeoutScope

__all__ = ["InvalidNodeOutputError", "NodeTimeoutError"]


class NodeTimeoutError(NodeRunnerError, LangGraphNodeTimeoutError):
    """A node took longer than its timeout.

    It is also the timeout error of LangGraph, so a `RetryPolicy` or an `error_handler` for that one works
    unchanged.

    Attributes:
        node: The name of the node.
        scope: Which timeout passed: `attempt` (`timeout_ms`), `total` (`total_timeout_ms`) or `fallback`.
        timeout_ms: This timeout in ms.
        elapsed_ms: How long the node took in ms.
        timeout: The timeout in seconds, as in LangGraph; `run_timeout` is the same, `idle_timeout` is None.
        elapsed: The elapsed time in seconds, as in LangGraph.
    """

    code = ErrorCode.NODE_TIMEOUT

    def __init__(
        self, *, node: str, timeout_ms: float, elapsed_ms: float, scope: TimeoutScope = "attempt"
    ) -> None:
        LangGraphNodeTimeoutError.__init__(
            self, node, elapsed_ms / 1000, kind="run", run_timeout=timeout_ms / 1000
        )
        self.args = (
            render_message(self.code, node=node, scope=scope, timeout_ms=timeout_ms, elapsed_ms=elapsed_ms),
        )
        self.scope = scope
        self.timeout_ms = timeout_ms
        self.elapsed_ms = elapsed_ms


class InvalidNodeOutputError(NodeRunnerError, InvalidUpdateError):
    """A function returned a value that LangGraph cannot write to the state.

    Attributes:
        node: The name of the node.
        found: What kind of value it returned, such as "a list".
    """

    code = ErrorCode.INVALID_NODE_OUTPUT

    def __init__(self, *, node: str, found: str, fix: str) -> None:
        super().__init__(render_message(self.code, node=node, found=found, fix=fix))
        self.node = node
        self.found = found
