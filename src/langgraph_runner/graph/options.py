"""`ExecutionOptions`: how a `GraphRunner` runs a graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias, TypedDict

from langgraph.types import All, Durability, StreamMode
from pydantic import AfterValidator, BeforeValidator, Field

from langgraph_runner.callbacks import accept_fewer_arguments
from langgraph_runner.errors.hints import refuse_unknown_options
from langgraph_runner.node.option_model import Count, OptionModel
from langgraph_runner.node.policies.retry import RetryConfig, as_retry_config
from langgraph_runner.runtime.timeouts import as_timeout_ms

__all__ = [
    "HANDLER_ARGUMENTS",
    "ErrorHandler",
    "ExecutionOptions",
    "LangGraphOptions",
    "check_langgraph_options",
]

HANDLER_ARGUMENTS: Final = ("error", "execution_state")
"""What an error handler is called with; it takes any prefix of them."""

ErrorHandler: TypeAlias = Callable[[Exception, Any], Any]
"""Called as `handler(error, execution_state)`, or with any prefix of these arguments, when a run has failed; sync or
async. The execution state is the `GraphRunResult` of the run."""


def _check_handler(handler: ErrorHandler | None) -> ErrorHandler | None:
    if handler is not None:
        accept_fewer_arguments(handler, *HANDLER_ARGUMENTS, field="error_handler")
    return handler


class ExecutionOptions(OptionModel):
    """The options of each run of a `GraphRunner`. Immutable.

    Example:
        >>> ExecutionOptions(timeout_ms=60_000, default_retry=3).default_retry.max_attempts
        3
    """

    max_concurrency: Annotated[Count, Field(ge=1, le=10_000)] = 10
    """How many nodes may be at work at once: 1 to 10,000, including those of nested graphs. A node that waits for
    the nodes of a graph that it runs is not at work."""
    timeout_ms: Annotated[
        float | None, BeforeValidator(lambda value: as_timeout_ms(value, field="timeout_ms"))
    ] = None
    """The time limit of a whole run: ms, more than 0, or a `timedelta`. None for no limit."""
    persistence_path: Path | None = None
    """The file for the state, such as `runs/audit.json`: a `JsonFileSaver` writes it after every wave."""
    error_handler: Annotated[ErrorHandler | None, AfterValidator(_check_handler)] = None
    """Called with the error and the `GraphRunResult` when a run has failed, timed out or is blocked. The state is
    persisted first. It may take no argument, or only the first one. What it raises is logged; the error of the run is
    kept."""
    handle_blocked: bool = True
    """Whether `error_handler` is called for a blocked run, too, with a `RunBlockedError`."""
    default_retry: Annotated[RetryConfig | None, BeforeValidator(as_retry_config)] = None
    """The retry of nodes that have none of their own, plain functions too: as `create_node(retry=...)` takes it."""
    stop_when_blocked: bool = False
    """End the run after the superstep in which a failure was captured that sets the flag `blocked`, in a nested graph
    too. The result is `blocked`, without an exception; by default the graph goes on, along its static edges too."""


class LangGraphOptions(TypedDict, total=False):
    """The options of LangGraph's `stream()` that every method of `GraphRunner` takes."""

    context: Any
    """The run's context, of the graph's `context_schema`."""
    durability: Durability | None
    """When checkpoints are written: `"sync"`, `"async"` or `"exit"`."""
    interrupt_before: All | Sequence[str] | None
    """Nodes to stop before, or `"*"` for all."""
    interrupt_after: All | Sequence[str] | None
    """Nodes to stop after, or `"*"` for all."""
    output_keys: str | Sequence[str] | None
    """Fields of `result.state`; all of them unless given."""
    print_mode: StreamMode | Sequence[StreamMode]
    """What LangGraph prints while the graph runs."""
    debug: bool | None
    """Print what `print_mode="debug"` prints."""


_SHAPE: Final = ("stream_mode", "subgraphs", "version")
_OWN: Final = ("abort_signal", "config", "control", "input")
"""The arguments of the methods themselves, to be suggested for a misspelled name."""


def check_langgraph_options(options: Mapping[str, object]) -> None:
    """Check the keywords that a method of `GraphRunner` passes on to LangGraph.

    Raises:
        TypeError: An option is unknown, or sets the shape of the stream.
    """
    if not options:
        return
    for name in _SHAPE:
        if name in options:
            raise TypeError(
                f"{name} must not be given: the runner sets the shape of the stream. Use astream()."
            )
    for name in options:
        if name in ExecutionOptions.model_fields:
            raise TypeError(
                f"{name} is an option of the runner: GraphRunner(graph, ExecutionOptions({name}=...))."
            )
    refuse_unknown_options(options, {*LangGraphOptions.__annotations__, *_OWN}, of="GraphRunner")
