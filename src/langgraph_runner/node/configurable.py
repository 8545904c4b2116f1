"""`runner_config()`: what travels to the nodes in `config["configurable"]`, with types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.metrics import NodeMetricsCollector
from langgraph_runner.metrics.forwarding import check_recorder
from langgraph_runner.node.abort import as_abort_signal
from langgraph_runner.node.call import TRACE_ID
from langgraph_runner.node.config import as_retry_config
from langgraph_runner.node.policies import as_spans
from langgraph_runner.node.runtime import as_runtimes

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

    from langgraph_runner.node.abort import AbortSignal
    from langgraph_runner.node.config import RetryLike
    from langgraph_runner.node.policies import Spans
    from langgraph_runner.node.runtime import Runtimes

__all__ = ["RUNTIME_KEY", "as_collector", "runner_config"]

# Not "runtime": programs have keys of their own in config["configurable"].
RUNTIME_KEY: Final = "node_runtime"


def runner_config(
    base: RunnableConfig | None = None,
    /,
    *,
    abort_signal: AbortSignal | None = None,
    metrics_collector: NodeMetricsCollector | None = None,
    spans: Spans | None = None,
    story_id: str | None = None,
    trace_id: str | None = None,
    graph_execution_id: str | None = None,
    default_retry: RetryLike | None = None,
    runtime: Runtimes | None = None,
    **configurable: Any,
) -> RunnableConfig:
    """Build the config to run a graph or a node with.

    Args:
        base: A config to start from; it is not changed.
        abort_signal: Stops the nodes of this run when it fires.
        metrics_collector: What the nodes of this run report to, in place of their own.
        spans: What traces the nodes of this run, in place of their own: a `NodeSpans`.
        story_id: What the run is about; it stands in every log event and error record.
        trace_id: W3C trace id, 32 lower-case hex digits.
        graph_execution_id: The caller's own id for the run.
        default_retry: For nodes without a `retry` of their own.
        runtime: Clock, sleep and chance of the nodes of this run, in place of their own: a `testing.FakeRuntime` in
            tests. A node that a node calls goes by it too.
        **configurable: Further keys of `config["configurable"]`, such as `thread_id`.

    Returns:
        A `RunnableConfig` with only what was given.

    Raises:
        ValueError: `trace_id` is no W3C trace id, or `default_retry` is out of range.
        TypeError: `abort_signal`, `metrics_collector`, `spans`, `default_retry` or `runtime` is of no accepted kind.

    Example:
        >>> runner_config(story_id="ST-7", thread_id="t1")
        {'configurable': {'story_id': 'ST-7', 'thread_id': 't1'}}
    """
    if trace_id is not None and not TRACE_ID.fullmatch(trace_id):
        raise ValueError(f"trace_id: {trace_id!r} is not 32 lower-case hex digits, not all zero.")
    as_abort_signal(abort_signal, field="abort_signal")
    as_collector(metrics_collector)
    as_spans(spans)
    given = {
        "abort_signal": abort_signal,
        "metrics_collector": metrics_collector,
        "spans": spans,
        "story_id": story_id,
        "trace_id": trace_id,
        "graph_execution_id": graph_execution_id,
        "default_retry": as_retry_config(default_retry),
        RUNTIME_KEY: as_runtimes(runtime, field="runtime"),
    }
    mine = {key: value for key, value in given.items() if value is not None}
    config: RunnableConfig = {**(base or {})}
    config["configurable"] = {**(config.get("configurable") or {}), **mine, **configurable}
    return config


def as_collector(collector: object, *, field: str = "metrics_collector") -> None:
    """Refuse what nodes cannot report to; any object with the three methods, all of them plain, will do.

    Raises:
        TypeError: It is a class, lacks a method, or has one that must be awaited.
    """
    # Checked at each call that a config gives one: the usual kind costs a comparison.
    if collector is not None and type(collector) is not NodeMetricsCollector:
        check_recorder(collector, field=field)
