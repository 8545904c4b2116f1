"""`runner_config()`: what travels to the nodes in `config["configurable"]`, with types."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.errors.hints import did_you_mean
from langgraph_runner.node.call import RUNTIME_KEY, TRACE_ID
from langgraph_runner.node.options import as_collector, as_spans
from langgraph_runner.node.policies.retry import as_retry_config
from langgraph_runner.node.policies.shared import SHARED_POLICIES
from langgraph_runner.node.reports import STREAM_RETRIES
from langgraph_runner.runtime.abort import as_abort_signal
from langgraph_runner.runtime.runtimes import as_runtimes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_core.runnables import RunnableConfig

    from langgraph_runner.metrics import NodeMetricsCollector
    from langgraph_runner.node.options import Spans
    from langgraph_runner.node.policies.retry import RetryLike
    from langgraph_runner.runtime.abort import AbortSignal
    from langgraph_runner.runtime.runtimes import Runtimes

__all__ = ["runner_config"]

NODE_ONLY: Final = frozenset(
    (
        "timeout_ms",
        "total_timeout_ms",
        "on_timeout",
        "on_retry_attempt",
        "policies",
        "fallback",
        "on_error",
        "on_drain",
        *SHARED_POLICIES,
    )
)
"""Options of `create_node()` that cannot be given for a whole run."""


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
    stream_retries: bool | None = None,
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
        stream_retries: Whether each retry writes an event to LangGraph's stream mode `custom`: a dict with `event`
            (`node.retrying`), `node`, `attempt`, `delay_ms` and `error_type`.
        runtime: Clock, sleep and chance of the nodes of this run, in place of their own: a `testing.FakeRuntime` in
            tests. A node that a node calls goes by it too.
        **configurable: Further keys of `config["configurable"]`, such as `thread_id`.

    Returns:
        A `RunnableConfig` with only what was given.

    Raises:
        ValueError: `trace_id` is no W3C trace id, or `default_retry` is out of range.
        TypeError: An option is misspelled or meant for a node, or is of no accepted kind.

    Example:
        >>> runner_config(story_id="ST-7", thread_id="t1")
        {'configurable': {'story_id': 'ST-7', 'thread_id': 't1'}}
    """
    if configurable:
        _refuse_misspelled(configurable)
    if trace_id is not None and not TRACE_ID.fullmatch(trace_id):
        raise ValueError(f"trace_id must be 32 lower-case hex digits, not all 0, got {trace_id!r}.")
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
        STREAM_RETRIES: stream_retries,
        RUNTIME_KEY: as_runtimes(runtime, field="runtime"),
    }
    mine = {key: value for key, value in given.items() if value is not None}
    config: RunnableConfig = {**(base or {})}
    config["configurable"] = {**(config.get("configurable") or {}), **mine, **configurable}
    return config


def _refuse_misspelled(configurable: Mapping[str, Any]) -> None:
    """Refuse a key that looks like a misspelled option and would be ignored; any other key is allowed."""
    own = [
        name
        for name, each in inspect.signature(runner_config).parameters.items()
        if each.kind is each.KEYWORD_ONLY
    ]
    for key in configurable:
        if f"default_{key}" in own:
            raise TypeError(f"{key}: for a whole run it is called 'default_{key}'.")
        if key in NODE_ONLY:
            raise TypeError(f"{key}: it is an option of create_node(), not of a run.")
        if hint := did_you_mean(key, own, cutoff=0.8):
            raise TypeError(
                f"{key}: runner_config() has no such option.{hint} If the key is yours, put it into the"
                " 'configurable' of the config that you give."
            )
