"""One node call, from the outside in: log and context -> metrics -> capture -> fallback -> total timeout ->
retry -> circuit breaker -> attempt timeout -> call.

This module is the outer half, `attempts` the inner one. Both are written once: every coroutine here awaits
only the `Runtime`, so the same code serves async nodes, which await it, and sync ones, which `drive()` it. A
success builds nothing that only a failure needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langgraph_runner.errors import (
    FallbackError,
    NodeCancellationError,
    build_error_record,
    is_control_flow,
)
from langgraph_runner.node.abort import AbortSignal
from langgraph_runner.node.attempts import called, retried
from langgraph_runner.node.call import NodeCall
from langgraph_runner.node.config import as_retry_config
from langgraph_runner.node.context import CURRENT_CONTEXT, NodeContext
from langgraph_runner.node.isolation import isolated
from langgraph_runner.node.langgraph_compat import run_control
from langgraph_runner.node.limits import Limits
from langgraph_runner.node.logs import log
from langgraph_runner.node.outcome import Failure, Outcome, Success
from langgraph_runner.node.reports import (
    report_cancelled,
    report_failure,
    report_interrupted,
    report_success,
)

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

    from langgraph_runner.node.policies import NodePolicies

__all__ = ["run_node"]


async def run_node(
    policies: NodePolicies, state: Any, config: RunnableConfig | None, keywords: dict[str, Any]
) -> Outcome:
    """Call a node once.

    Args:
        policies: The node.
        state: What its function is called with.
        config: LangGraph's config; None in a unit test.
        keywords: What LangGraph injected, for the function and its fallback.

    Returns:
        `Success` or `Failure`; a failure is never raised.

    Raises:
        GraphBubbleUp: LangGraph's control flow goes through.
        BaseException: So do asyncio's cancellation, `KeyboardInterrupt`, `SystemExit` and the like.
    """
    parent = CURRENT_CONTEXT.get()
    call = NodeCall(_name(policies, config), policies.runtime, state, config, keywords, parent)
    context = NodeContext(call)
    CURRENT_CONTEXT.set(context)
    try:
        log(policies.log_level, "node.started", call)
        outcome = await _captured(policies, call, context)
    except BaseException as error:
        report = report_interrupted if is_control_flow(error) else report_cancelled
        report(call, error, policies.log_level)
        raise
    finally:
        # Not reset(token): a coroutine that is closed by the garbage collector is in another context then.
        CURRENT_CONTEXT.set(parent)
    if type(outcome) is Success:
        report_success(call, outcome, policies.log_level)
    else:
        report_failure(call, outcome, policies.log_level)
    return outcome


def _name(policies: NodePolicies, config: RunnableConfig | None) -> str:
    if policies.name is not None:
        return policies.name
    metadata = config.get("metadata") if config else None
    return (metadata and metadata.get("langgraph_node")) or policies.callee.name


async def _captured(policies: NodePolicies, call: NodeCall, context: NodeContext) -> Outcome:
    try:
        _read_config(policies, call)
        if policies.fallback is None:
            value, fallback_used = await retried(policies, call, context), False
        else:
            value, fallback_used = await _with_fallback(policies, call, context)
    except Exception as error:
        if is_control_flow(error):
            raise
        return _failure(policies, call, error)
    return Success(value, call.attempts, call.elapsed_ms, fallback_used)


def _failure(policies: NodePolicies, call: NodeCall, error: Exception) -> Failure:
    record = build_error_record(
        error,
        node_id=call.name,
        attempts=call.attempts,
        trace_id=call.trace_id,
        timestamp=call.runtime.now_utc(),
        story_id=call.story_id,
        sanitizer=policies.sanitizer,
    )
    return Failure(record, error, call.attempts, call.elapsed_ms)


def _read_config(policies: NodePolicies, call: NodeCall) -> None:
    """Settle what the node's own options and the config of this call say together."""
    call.collector, call.retry = policies.metrics_collector, policies.retry
    if call.config:
        configurable = call.configurable = call.config.get("configurable") or {}
        call.collector = configurable.get("metrics_collector") or call.collector
        if policies.retry is None and (default_retry := configurable.get("default_retry")) is not None:
            call.retry = as_retry_config(default_retry)
        call.abort_signal = _abort_signal(configurable.get("abort_signal"))
        if policies.drain_stops:
            call.control = run_control(call.config)
    if call.retry is not None and call.retry.max_attempts == 1 and call.retry.stop is None:
        call.retry = None
    if call.retry is not None or policies.fallback is not None:
        call.pristine = isolated(call.state)


def _abort_signal(signal: object) -> AbortSignal | None:
    if signal is None or isinstance(signal, AbortSignal):
        return signal
    raise TypeError(f"config['configurable']['abort_signal']: expected an AbortSignal, got {signal!r:.80}.")


async def _with_fallback(policies: NodePolicies, call: NodeCall, context: NodeContext) -> tuple[Any, bool]:
    """The value, and whether it is the fallback's."""
    try:
        return await retried(policies, call, context), False
    except Exception as error:
        if is_control_flow(error) or isinstance(error, NodeCancellationError):
            raise
        primary_error = error
    return await _fallen_back(policies, call, primary_error), True


async def _fallen_back(policies: NodePolicies, call: NodeCall, primary_error: Exception) -> Any:
    fallback = policies.fallback
    assert fallback is not None  # noqa: S101 - the caller has looked
    call.state = isolated(call.pristine)
    context = NodeContext(
        call, max(call.attempts, 1), primary_error=primary_error, primary_input=isolated(call.pristine)
    )
    CURRENT_CONTEXT.set(context)
    limits = Limits(call.name, signal=call.abort_signal, control=call.control, on_stop=context.stop)
    if policies.timeout_ms is not None:
        limits.seconds, limits.timeout_ms = policies.timeout_ms / 1000, policies.timeout_ms
        limits.scope = "fallback"
    try:
        keywords = fallback.keywords({"config": call.config or {}, **call.keywords})
        return await called(fallback.function, call, keywords, limits)
    except Exception as error:
        if is_control_flow(error) or isinstance(error, NodeCancellationError):
            raise
        raise FallbackError(node=call.name, primary_error=primary_error, fallback_error=error) from error
