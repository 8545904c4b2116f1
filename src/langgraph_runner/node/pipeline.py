"""One node call, from the outside in.

log and context -> metrics -> capture -> fallback -> total timeout -> retry -> circuit breaker -> attempt
timeout -> call. This module is the outer half, `attempts` the inner one.

Both are written once: every coroutine here awaits only the `Runtime`, so the same code serves async nodes,
which await it, and sync ones, which `drive()` it. A success builds nothing that only a failure needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.errors import FallbackError, NodeCancellationError, failure_category
from langgraph_runner.errors.classification import is_control_flow
from langgraph_runner.errors.exceptions import original_error
from langgraph_runner.errors.record import build_error_record
from langgraph_runner.node.attempt import guarded, raise_if_cancelled, retried
from langgraph_runner.node.call import NodeCall
from langgraph_runner.node.callee import Callee
from langgraph_runner.node.config import as_retry_config
from langgraph_runner.node.configurable import RUNTIME_KEY, as_collector
from langgraph_runner.node.context import CURRENT_CONTEXT, NodeContext
from langgraph_runner.node.langgraph.internals import run_control
from langgraph_runner.node.langgraph.isolation import isolated
from langgraph_runner.node.langgraph.output import checked_output
from langgraph_runner.node.outcome import Failure, Outcome, Success
from langgraph_runner.node.reports import (
    report_cancelled,
    report_failure,
    report_fallback,
    report_harmless,
    report_interrupted,
    report_started,
    report_success,
)
from langgraph_runner.runtime.abort import signal_in
from langgraph_runner.runtime.limits import Limits
from langgraph_runner.runtime.runtimes import as_runtimes

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

    from langgraph_runner.node.options import NodePolicies
    from langgraph_runner.node.policies.fallback import FallbackNode

__all__ = ["run_node"]

_RUNTIME: Final = f"config['configurable']['{RUNTIME_KEY}']"
_COLLECTOR: Final = "config['configurable']['metrics_collector']"


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
        ValueError: The fallback is the id of a node that the graph does not have.
        GraphBubbleUp: LangGraph's control flow goes through.
        BaseException: So do asyncio's cancellation, `KeyboardInterrupt`, `SystemExit` and the like.
    """
    before = CURRENT_CONTEXT.get()
    # Work that a node has left in the background is no part of it any more, unless it was told to stop.
    parent = None if before is None or before.has_ended else before
    _check_fallback(policies, config)
    call = NodeCall(policies, state, config, keywords, parent)
    context = NodeContext(call)
    CURRENT_CONTEXT.set(context)
    outcome: Outcome
    value: Any = None
    failed: Exception | None = None
    try:
        report_started(call)
        if config:
            _read_config(policies, call, config)
        if call.retry is not None or policies.fallback is not None:
            call.pristine, call.state = state, isolated(state)
        try:
            value = await guarded(policies, call, context)
        except Exception as error:
            if is_control_flow(error):
                raise
            failed = error
        if failed is not None:
            raise_if_cancelled(call, failed)
            value = await _recovered(policies, call, context, failed)
        duration_ms = (call.runtime.monotonic() - call.started) * 1000
        outcome = Success(value, call.attempts, duration_ms, call.fallback_used)
    except Exception as error:
        if is_control_flow(error):
            report_interrupted(call, error)
            raise
        outcome = _failure(policies, call, error)
    except BaseException as error:
        report_cancelled(call, error)
        raise
    finally:
        _leave(call, context, before)
        failed = call.limits = None
    try:
        if isinstance(outcome, Success):
            report_success(call, outcome)
        else:
            report_failure(call, outcome)
        return outcome
    finally:
        # The traceback of a failure holds this frame: the two would keep each other, and the state, alive.
        del outcome


def _check_fallback(policies: NodePolicies, config: RunnableConfig | None) -> None:
    # Before the call begins: a wrong id is a mistake of the program, not a failure to capture.
    if policies.fallback is not None and not isinstance(policies.fallback, Callee):
        policies.fallback.check(config)


def _leave(call: NodeCall, context: NodeContext, before: NodeContext | None) -> None:
    # A coroutine that is closed by the garbage collector is in somebody else's context then.
    current = CURRENT_CONTEXT.get()
    if current is context or (current is not None and current.belongs_to(call)):
        CURRENT_CONTEXT.set(before)
    call.end()


def _failure(policies: NodePolicies, call: NodeCall, error: Exception) -> Failure:
    elapsed_ms = call.elapsed_ms()  # Without the record: to build the first one compiles the sanitizer.
    facts: dict[str, Any] = {
        "node_id": call.name,
        "attempts": call.attempts,
        "trace_id": call.trace_id,
        "timestamp": call.runtime.now_utc(),
        "error_id": call.runtime.token_hex(8),
    }
    try:
        record = build_error_record(error, **facts, story_id=call.story_id, sanitizer=policies.sanitizer)
    except Exception as broken:  # A story without a text, or a sanitizer of the user's own that raises.
        report_harmless(call, "node.record_failed", broken)
        substitute = RuntimeError(f"No record could be built of the {type(error).__name__} that was raised.")
        record = build_error_record(substitute, **facts)
    return Failure(record, error, call.attempts, elapsed_ms)


async def _recovered(policies: NodePolicies, call: NodeCall, context: NodeContext, failed: Exception) -> Any:
    """What a retry delivers after the first attempt `failed`, or else the fallback."""
    try:
        return await retried(policies, call, context, failed)
    except Exception as error:
        if policies.fallback is None or is_control_flow(error) or isinstance(error, NodeCancellationError):
            raise
        primary_error = original_error(error)
    finally:
        del failed  # Its traceback holds this frame.
    call.fallback_used, call.primary_failure = True, failure_category(primary_error)
    report_fallback(call, primary_error)
    return await _fallen_back(policies.fallback, policies, call, primary_error)


def _read_config(policies: NodePolicies, call: NodeCall, config: RunnableConfig) -> None:
    """Settle what the node's own options and the config of this call say together."""
    call.abort_signal = signal_in(config)
    configurable = call.configurable
    if not configurable:
        call.is_stoppable = call.is_stoppable or call.abort_signal is not None
        return
    if (runtimes := as_runtimes(configurable.get(RUNTIME_KEY), field=_RUNTIME)) is not None:
        call.use(runtimes)
    if (collector := configurable.get("metrics_collector")) is not None:
        as_collector(collector, field=_COLLECTOR)
        call.collector = collector
    if policies.retry is None and (retry := configurable.get("default_retry")) is not None:
        call.retry = as_retry_config(retry)
    call.control = run_control(config)
    if call.abort_signal is not None or call.control is not None:
        call.is_stoppable = True


async def _fallen_back(
    fallback: Callee | FallbackNode, policies: NodePolicies, call: NodeCall, primary_error: BaseException
) -> Any:
    call.state = isolated(call.pristine)
    context = NodeContext(call).of_fallback(primary_error, isolated(call.pristine))
    CURRENT_CONTEXT.set(context)
    limits = _fallback_limits(policies, call, context)
    available = {"config": call.config or {}, **call.keywords}
    try:
        if not isinstance(fallback, Callee):
            available = {**fallback.keywords(call.config), **available}
            fallback = fallback.callee(call.config)
        keywords = fallback.keywords(available)
        return checked_output(
            await call.runtime.call(fallback.function, (call.state,), keywords, limits), call
        )
    except Exception as error:
        if is_control_flow(error) or isinstance(error, NodeCancellationError):
            raise
        raise_if_cancelled(call, error)
        raise FallbackError(node=call.name, primary_error=primary_error, fallback_error=error) from error
    except BaseException as error:
        context.stop(type(error).__name__)  # For threads that the fallback has started.
        raise


def _fallback_limits(policies: NodePolicies, call: NodeCall, context: NodeContext) -> Limits | None:
    """What may stop the fallback; None if nothing can, or nothing but a drain while it blocks."""
    control = call.control if policies.drain_stops and policies.callee.is_async else None
    if policies.timeout_ms is None and call.abort_signal is None and control is None:
        return None
    limits = Limits(call.name, call.abort_signal, control, context)
    if policies.timeout_ms is not None:
        limits.seconds, limits.timeout_ms = policies.timeout_ms / 1000, policies.timeout_ms
        limits.scope = "fallback"
    return limits
