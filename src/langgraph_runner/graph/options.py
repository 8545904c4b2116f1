"""`ExecutionOptions`: how a `GraphRunner` runs a graph."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from langgraph_runner.node.config import Count, RetryConfig, as_retry_config, as_timeout_ms

__all__ = ["ErrorHandler", "ExecutionOptions"]

ErrorHandler: TypeAlias = Callable[[Exception, Any], Any]
"""Called as `handler(error, state)` when a run has failed. Sync or async."""


class ExecutionOptions(BaseModel):
    """What holds for each run of a `GraphRunner`. Immutable.

    Example:
        >>> ExecutionOptions(timeout_ms=60_000, default_retry=3).default_retry.max_attempts
        3
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_concurrency: Annotated[Count, Field(ge=1, le=10_000)] = 10
    """How many nodes may be at work at once: 1 to 10,000, those of nested graphs counted in. A node that waits
    for the nodes of a graph that it runs is not at work."""
    timeout_ms: Annotated[
        float | None, BeforeValidator(lambda value: as_timeout_ms(value, field="timeout_ms"))
    ] = None
    """Limit of a whole run: ms, more than 0, or a `timedelta`. None for no limit."""
    persistence_path: Path | None = None
    """A file for the state, such as `runs/audit.json`: written after every wave, by a `JsonFileSaver`."""
    error_handler: ErrorHandler | None = None
    """Called with the error and the last state when a run has failed or timed out, after the state was persisted.
    What it raises is logged and hides nothing."""
    default_retry: Annotated[RetryConfig | None, BeforeValidator(as_retry_config)] = None
    """For nodes made by `create_node()` without a `retry` of their own: as `create_node(retry=...)` takes it."""
