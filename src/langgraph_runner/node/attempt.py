"""The inner half of the pipeline: total timeout -> retry -> circuit breaker -> attempt timeout -> call."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import Runnable

from langgraph_runner.errors import CircuitOpenError, NodeCancellationError, NodeTimeoutError
from langgraph_runner.errors.classification import is_control_flow
from langgraph_runner.errors.exceptions import note_once
from langgraph_runner.node.context import CURRENT_CONTEXT
from langgraph_runner.node.langgraph.internals import ConfigOfAttempt, next_attempt_keywords
from langgraph_runner.node.langgraph.isolation import apart, isolated
from langgraph_runner.node.langgraph.output import checked_output
from langgraph_runner.node.policies.retry import GiveUp, RetryAttempt, decide_retry, given_up
from langgraph_runner.node.reports import report_harmless, report_retry
from langgraph_runner.runtime.abort import AbortSignal
from langgraph_runner.runtime.limits import Limits, cancellation

if TYPE_CHECKING:
    from langgraph_runner.node.call import NodeCall
    from langgraph_runner.node.config import RetryConfig
    from langgraph_runner.node.context import NodeContext
    from langgraph_runner.node.options import Callback, NodePolicies
    from langgraph_runner.node.policies.circuit_breaker import NodeCircuitBreaker, Permit

__all__ = ["guarded", "raise_if_cancelled", "retried"]


async def retried(policies: NodePolicies, call: NodeCall, context: NodeContext, failed: Exception) -> Any:
    """Make further attempts until one succeeds or no other is allowed.

    Args:
        policies: The node.
        call: The call, of which the first attempt has been made.
        context: The context of that attempt.
        failed: What it raised.

    Raises:
        RetryExhaustedError: The last allowed attempt failed, after at least one retry.
        NodeTimeoutError: The total timeout passed, or would pass during the next wait.
        Exception: An error that is not retried.
    """
    try:
        while True:
            if policies.on_timeout is not None and call.has_timed_out_with(failed):
                await _notified(policies, call, policies.on_timeout, failed, "node.on_timeout_failed")
            if call.retry is None:
                raise failed
            delay_ms = _delay_or_raise(failed, call.retry, policies, call)
            report_retry(call, failed, delay_ms)
            if policies.on_retry_attempt is not None:
                event = RetryAttempt(call.attempts, failed, delay_ms, context)
                await _notified(
                    policies, call, policies.on_retry_attempt, event, "node.on_retry_attempt_failed"
                )
            await call.runtime.sleep(delay_ms / 1000, _wait_limits(call))
            context = context.of_attempt(call.attempts + 1)
            try:
                return await _another(policies, call, context)
            except Exception as error:
                if is_control_flow(error):
                    raise
                failed = _with_cause(error, failed)
            raise_if_cancelled(call, failed)
    finally:
        del failed  # Its traceback holds this frame.


def raise_if_cancelled(call: NodeCall, failed: Exception) -> None:
    """End a call whose task is being cancelled, although the function made an ordinary exception of that.

    Raises:
        asyncio.CancelledError: Somebody has asked for it since the call began.
    """
    if call.policies.callee.is_async and call.runtime.cancel_requests() > call.cancel_requests:
        raise asyncio.CancelledError from failed


def _wait_limits(call: NodeCall) -> Limits | None:
    signal = call.abort_signal
    if call.parent is not None:
        # A node inside the function of another stops with it, at whatever depth.
        outer = call.parent.ancestor_signals()
        signal = AbortSignal.any(*outer) if signal is None else AbortSignal.any(signal, *outer)
    if signal is None and call.control is None:
        return None
    return Limits(call.name, signal, call.control)


def _with_cause(error: Exception, before: Exception) -> Exception:
    """`error`; a refusal of the circuit breaker tells of the failure before it as well."""
    if isinstance(error, CircuitOpenError) and error.last_error is None:
        return CircuitOpenError(node=error.node, retry_after_ms=error.retry_after_ms, last_error=before)
    return error


async def _another(policies: NodePolicies, call: NodeCall, context: NodeContext) -> Any:
    """Another attempt, as if it were the first: with the state, the interrupts and the context made anew."""
    CURRENT_CONTEXT.set(context)
    call.state = isolated(call.pristine)
    call.keywords = next_attempt_keywords(call.keywords, context.attempt, call.interrupts_before)
    with ConfigOfAttempt(context.attempt, call.interrupts_before):
        return await guarded(policies, call, context)


def _delay_or_raise(error: Exception, retry: RetryConfig, policies: NodePolicies, call: NodeCall) -> float:
    try:
        if isinstance(error, NodeTimeoutError) and error.scope == "total" and error.node == call.name:
            raise error
        if isinstance(error, CircuitOpenError | NodeCancellationError):
            raise error
        try:
            decision = decide_retry(retry, call, error)
        except Exception as broken:  # A predicate of the user's own; the node's error matters more than its.
            report_harmless(call, "node.retry_predicate_failed", broken)
            raise error from None
        if isinstance(decision, GiveUp):
            raise given_up(decision, call, error)
        breaker = policies.circuit_breaker
        if breaker is not None:
            closed_for_ms = breaker.retry_after_ms
            if closed_for_ms is None or closed_for_ms > decision.delay_ms:
                # This attempt has opened it; to wait would end in a refusal.
                note_once(error, f"Node '{call.name}' made no further attempt: its circuit breaker is open.")
                raise CircuitOpenError(node=call.name, retry_after_ms=closed_for_ms, last_error=error)
        total_ms = policies.total_timeout_ms
        if total_ms is not None and call.elapsed_ms() + decision.delay_ms >= total_ms:
            elapsed_ms = call.elapsed_ms()
            timeout = NodeTimeoutError(
                node=call.name, timeout_ms=total_ms, elapsed_ms=elapsed_ms, scope="total"
            )
            timeout.add_note(
                f"Given up before a wait of {decision.delay_ms:.0f} ms that would have passed the limit."
            )
            raise timeout from error
        return decision.delay_ms
    finally:
        del error  # Its traceback holds this frame.


async def guarded(policies: NodePolicies, call: NodeCall, context: NodeContext) -> Any:
    """Make one attempt if the circuit breaker lets it through, and tell the breaker what came of it.

    Raises:
        CircuitOpenError: It did not.
        NodeCancellationError: The call was to stop before it had begun.
        InvalidNodeOutputError: LangGraph could not write to the state what the function returned.
    """
    limits = None
    if policies.has_timeout or call.is_stoppable:
        limits = call.limits = _limits(policies, call, context)
    breaker, callee = policies.circuit_breaker, policies.callee
    permit = None if breaker is None else breaker.acquire(call.name)
    call.attempts += 1
    # What only the fallback asked LangGraph for is not for the function.
    keywords = call.keywords if policies.fallback is None else callee.keywords(call.keywords)
    function = callee.function
    if call.retry is not None or policies.fallback is not None:
        function = apart(function, is_async=callee.is_async)
    try:
        if limits is not None:
            value = await call.runtime.call(function, (call.state,), keywords, limits)
        else:
            # The same without a detour through the runtime: most calls have nothing that could stop them.
            value = function(call.state, **keywords)
            if callee.is_async:
                value = await value
        if type(value) is not dict and isinstance(value, Runnable):
            value = await _invoked(value, call, _limits(policies, call, context))
        value = checked_output(value, call)
    except BaseException as error:
        if not isinstance(error, Exception):
            context.stop(type(error).__name__)  # For threads that the function has started.
        if breaker is not None and permit is not None:
            _judge(breaker, permit, call, error)
        raise
    if breaker is not None and permit is not None:
        breaker.record_success(permit)
    return value


def _judge(breaker: NodeCircuitBreaker, permit: Permit, call: NodeCall, error: BaseException) -> None:
    has_outcome = counts = isinstance(error, Exception) and not (
        isinstance(error, NodeCancellationError) or is_control_flow(error)
    )
    if counts:
        try:
            counts = breaker.config.trips_on(error)
        except Exception as broken:  # The user's predicate. A failure that cannot be judged is a failure.
            report_harmless(call, "node.circuit_predicate_failed", broken)
    if counts:
        breaker.record_failure(permit)
    elif has_outcome:
        breaker.record_success(permit)  # The service has answered, though with an error that does not count.
    else:
        breaker.release(permit)


def _limits(policies: NodePolicies, call: NodeCall, context: NodeContext) -> Limits | None:
    """What may stop the next attempt; None if nothing can.

    Raises:
        NodeCancellationError: It is to stop already.
        NodeTimeoutError: Nothing is left of the total timeout.
    """
    if call.parent is not None and (reason := call.parent.ancestor_stop()) is not None:
        raise NodeCancellationError(node=call.name, reason=reason)
    timeout_ms, total_ms = policies.timeout_ms, policies.total_timeout_ms
    control = call.control if policies.drain_stops else None
    if timeout_ms is None and total_ms is None and call.abort_signal is None and control is None:
        return None
    if (cancelled := cancellation(call.name, call.abort_signal, control)) is not None:
        raise cancelled
    if timeout_ms is None and total_ms is None and call.abort_signal is None and not policies.callee.is_async:
        # Nothing but a drain could stop a blocking function here, and a thread is too high a price for that.
        return None
    limits = Limits(call.name, call.abort_signal, control, context)
    if total_ms is not None:
        elapsed_ms = call.elapsed_ms()
        left_ms = total_ms - elapsed_ms
        if left_ms <= 0:
            raise NodeTimeoutError(node=call.name, timeout_ms=total_ms, elapsed_ms=elapsed_ms, scope="total")
        if timeout_ms is None or left_ms < timeout_ms:
            limits.seconds, limits.timeout_ms = left_ms / 1000, total_ms
            limits.scope, limits.elapsed_before_s = "total", elapsed_ms / 1000
            return limits
    if timeout_ms is not None:
        limits.seconds, limits.timeout_ms = timeout_ms / 1000, timeout_ms
    return limits


async def _invoked(runnable: Runnable[Any, Any], call: NodeCall, limits: Limits | None) -> Any:
    """LangGraph invokes what a node returns if that is a Runnable; here it is part of the attempt."""
    invoke = runnable.ainvoke if call.runtime.is_async else runnable.invoke
    return await call.runtime.call(invoke, (call.state, call.config), {}, limits)


async def _notified(
    policies: NodePolicies, call: NodeCall, callback: Callback, argument: object, event: str
) -> None:
    """Run a callback of the user's, without harm if it raises; one that waits may take as long as an attempt."""
    limits, current = None, CURRENT_CONTEXT.get()
    if callback.waits and current is not None:
        # A context of its own: that of the attempt has been stopped, and so would be the callback.
        own = current.of_attempt(current.attempt)
        CURRENT_CONTEXT.set(own)
        limits = Limits(call.name, signal=call.abort_signal, context=own)
        timeout_ms = policies.timeout_ms or policies.total_timeout_ms
        if timeout_ms is not None:
            limits.seconds, limits.timeout_ms = timeout_ms / 1000, timeout_ms
    try:
        await call.runtime.call(callback.function, (argument,), {}, limits)
    except Exception as error:
        if isinstance(error, NodeCancellationError) or is_control_flow(error):
            raise
        report_harmless(call, event, error)
    finally:
        CURRENT_CONTEXT.set(current)
