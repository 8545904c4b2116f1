"""One attempt of a call, and the further attempts after a failure.

The order inside is total timeout -> retry -> policies -> circuit breaker -> attempt timeout -> call. The timeouts are
not wrappers like the policies: they are limits of the call itself, together with the abort signal and the drain, so
that an attempt has one scope in place of three.
"""

from __future__ import annotations

from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import Runnable

from langgraph_runner.errors import CircuitOpenError, NodeCancellationError, NodeTimeoutError
from langgraph_runner.errors.classification import is_control_flow
from langgraph_runner.node.call import NodeCall
from langgraph_runner.node.context import CURRENT_CONTEXT
from langgraph_runner.node.langgraph.interrupts import (
    ConfigOfAttempt,
    has_current_config,
    next_attempt_keywords,
)
from langgraph_runner.node.langgraph.isolation import await_in_context, in_own_context, isolated
from langgraph_runner.node.langgraph.output import checked_output
from langgraph_runner.node.logs import log_suppressed_error
from langgraph_runner.node.policies.open_circuit import refuse_futile_wait, with_last_error
from langgraph_runner.node.policies.retry import GiveUp, RetryAttempt, decide_retry, given_up
from langgraph_runner.node.reports import report_retry
from langgraph_runner.runtime.cancel_scope import watch_for_drain
from langgraph_runner.runtime.limits import Limits, cancellation
from langgraph_runner.runtime.runtimes import AsyncRuntime

if TYPE_CHECKING:
    from langgraph_runner.node.context import NodeContext
    from langgraph_runner.node.options import Callback
    from langgraph_runner.node.policies.policy import Proceed
    from langgraph_runner.node.policies.retry import RetryConfig
    from langgraph_runner.runtime.runtimes import Runtime

__all__ = ["begin_attempt", "checked_return", "notify", "retry_until_done", "run_function"]


def begin_attempt(call: NodeCall, attempt: NodeContext) -> None:
    """Settle what may stop the attempt: `call.limits`, or `call.is_watched` if only a drain can.

    Raises:
        NodeCancellationError: It is to stop already.
        NodeTimeoutError: Nothing is left of the total timeout.
    """
    options = call.options
    if call.outer is not None and (reason := call.outer.ancestor_stop()) is not None:
        raise NodeCancellationError(node=call.name, reason=reason)
    call.limits, call.is_watched = None, False
    signal, control = call.abort_signal_of_run, call.control if options.drain_stops else None
    if signal is None and not options.has_timeout:
        if control is None:
            return
        if not control.drain_requested:
            if not options.callee.is_async:
                # A thread, the only way to leave a blocking function, is too high a price for a drain.
                return
            if call.task is not None and type(call.runtime) is AsyncRuntime:
                call.is_watched = True
                return
    if (cancelled := cancellation(call.name, signal, control)) is not None:
        raise cancelled
    total_ms = options.total_timeout_ms
    call.limits = Limits.within_total(
        call.name,
        signal,
        control,
        timeout_ms=options.timeout_ms,
        total_ms=total_ms,
        elapsed_ms=0.0 if total_ms is None else call.elapsed_ms(),
        on_stop=attempt.stop,
    )


async def run_function(attempt: NodeContext) -> Any:  # noqa: C901, PLR0912 - the ways to call a function, side by side
    """Call the node's function once: the innermost part of the pipeline.

    Raises:
        NodeCancellationError: Something stopped it.
        NodeTimeoutError: A timeout passed.
        InvalidNodeOutputError: LangGraph could not write to the state what the function returned.
    """
    call: NodeCall = attempt if type(attempt) is NodeCall else attempt.facts()
    options, callee = call.options, call.options.callee
    if call.has_queued and call.limits is not None:
        begin_attempt(call, attempt)  # What a policy has waited for is gone from the total timeout.
    call.attempts += 1
    # What only the fallback asked LangGraph for is not for the function.
    keywords = call.keywords if options.fallback is None else callee.keywords(call.keywords)
    function, is_isolated = callee.function, call.retry is not None or options.fallback is not None
    try:
        if call.limits is not None:
            if is_isolated:
                function = in_own_context(function, is_async=callee.is_async)
            value = await call.runtime.call(function, (call.state,), keywords, call.limits)
        elif not callee.is_async:
            # The same without a detour through the runtime: most calls have nothing that could stop them.
            if is_isolated:
                value = copy_context().run(function, call.state, **keywords)
            else:
                value = function(call.state, **keywords)
        else:
            if is_isolated:
                awaitable = await_in_context(copy_context(), function, call.state, **keywords)
            else:
                awaitable = function(call.state, **keywords)
            if call.is_watched and call.task is not None:
                watched = watch_for_drain(call, call.task.get_loop())
                try:
                    value = await awaitable
                finally:
                    watched.discard(call)
                    if call.drain_scope is not None:
                        call.drain_scope.leave()
            else:
                value = await awaitable
        if type(value) is dict:  # As nearly always; a Runnable would have to be awaited.
            return checked_output(value, call.name, call.config)
        return await checked_return(value, call, attempt)
    except BaseException as error:
        if not isinstance(error, Exception):
            attempt.stop(type(error).__name__)  # For threads that the function has started.
        raise


async def checked_return(value: Any, call: NodeCall, attempt: NodeContext) -> Any:
    """Return what the function has returned if LangGraph can write it to a state; invoke a Runnable first.

    Raises:
        InvalidNodeOutputError: LangGraph could not write it.
    """
    if isinstance(value, Runnable):
        value = await _invoke_returned(value, call, attempt)
    return checked_output(value, call.name, call.config)


async def _invoke_returned(runnable: Runnable[Any, Any], call: NodeCall, attempt: NodeContext) -> Any:
    """Invoke a Runnable that the function returned. LangGraph would do so; here it is part of the attempt."""
    begin_attempt(call, attempt)
    if call.is_watched:
        call.limits = Limits(call.name, control=call.control, on_stop=attempt.stop)
    invoke = runnable.ainvoke if call.runtime.is_async else runnable.invoke
    return await call.runtime.call(invoke, (call.state, call.config), {}, call.limits)


async def retry_until_done(call: NodeCall, failed: Exception, run_attempt: Proceed) -> Any:
    """Make further attempts, each with `run_attempt`, until one succeeds or no other is allowed.

    The first attempt has been made, and raised `failed`.

    Raises:
        RetryExhaustedError: The last allowed attempt failed, after at least one retry.
        NodeTimeoutError: The total timeout passed, or would pass during the next wait.
        Exception: An error that is not retried.
    """
    options, retry, runtime = call.options, call.retry, call.runtime
    is_in_graph = has_current_config()
    attempt: NodeContext = call
    try:
        while True:
            if options.on_timeout is not None and call.has_timed_out_with(failed):
                await _notify(call, options.on_timeout, failed, "node.on_timeout_failed")
            if retry is None:
                raise failed
            delay_ms = _delay_or_raise(failed, retry, call, attempt.attempt)
            report_retry(call, failed, attempt.attempt, delay_ms)
            if options.on_retry_attempt is not None:
                event = RetryAttempt(attempt.attempt, failed, delay_ms, attempt)
                await _notify(call, options.on_retry_attempt, event, "node.on_retry_attempt_failed")
            # What may end a wait ends the attempt after it, so a wait of 0 needs no limits of its own.
            await runtime.sleep(delay_ms / 1000, call.begin_wait() if delay_ms else None)
            attempt = call.later = attempt.of_attempt(attempt.attempt + 1)
            try:
                _prepare_attempt(call, attempt)
                if not is_in_graph:
                    return await run_attempt(attempt)
                with ConfigOfAttempt(attempt.attempt, call.interrupts_before):
                    return await run_attempt(attempt)
            except Exception as error:
                if is_control_flow(error):
                    raise
                failed = with_last_error(error, failed) if isinstance(error, CircuitOpenError) else error
            call.raise_if_cancelled(failed)
    finally:
        del failed  # Its traceback holds this frame.


def _prepare_attempt(call: NodeCall, attempt: NodeContext) -> None:
    """Let another attempt begin as the first one did: with a new copy of the state, and the same interrupts."""
    CURRENT_CONTEXT.set(attempt)
    call.state = isolated(call.pristine)
    if call.keywords:
        call.keywords = next_attempt_keywords(call.keywords, attempt.attempt, call.interrupts_before)
    begin_attempt(call, attempt)


def _delay_or_raise(error: Exception, retry: RetryConfig, call: NodeCall, attempts: int) -> float:
    """Return how many ms to wait before the next attempt. Without a next attempt, raise the final error.

    `attempts` counts those that a policy refused, too: otherwise a refusal that is retried would be retried for ever.
    """
    try:
        if isinstance(error, NodeTimeoutError) and error.scope == "total" and error.node == call.name:
            raise error
        if isinstance(error, (CircuitOpenError, NodeCancellationError)):
            raise error
        try:
            decision = decide_retry(
                retry, error, attempts=attempts, started=call.started, runtime=call.runtime
            )
        except Exception as broken:  # A predicate of the user's; the node's error matters more than its own.
            log_suppressed_error(call, "node.retry_predicate_failed", broken)
            raise error from None
        if isinstance(decision, GiveUp):
            raise given_up(decision, error, node=call.name, attempts=attempts)
        breaker = call.options.circuit_breaker
        if breaker is not None:
            refuse_futile_wait(breaker, decision.delay_ms, error, node=call.name)
        total_ms = call.options.total_timeout_ms
        if total_ms is not None and call.elapsed_ms() + decision.delay_ms >= total_ms:
            timeout = NodeTimeoutError(
                node=call.name, timeout_ms=total_ms, elapsed_ms=call.elapsed_ms(), scope="total"
            )
            timeout.add_note(
                f"Given up before a wait of {decision.delay_ms:.0f} ms that would have passed the limit."
            )
            raise timeout from error
        return decision.delay_ms
    finally:
        del error  # Its traceback holds this frame.


async def _notify(call: NodeCall, callback: Callback, argument: object, event: str) -> None:
    timeout_ms = call.options.timeout_ms or call.options.total_timeout_ms
    limits = Limits(call.name, call.abort_signal_of_run, timeout_ms=timeout_ms)
    context = CURRENT_CONTEXT.get() or call
    await notify(context, call.runtime, callback, argument, event, limits=limits)


async def notify(
    context: NodeContext,
    runtime: Runtime,
    callback: Callback,
    argument: object,
    event: str,
    *,
    limits: Limits | None,
) -> None:
    """Run a callback of the user's. If it raises, that is logged as `event`. `limits` are for one that waits."""
    current = CURRENT_CONTEXT.get()
    if callback.waits:
        # A context of its own: that of the attempt has been stopped, and so would be the callback.
        own = context.of_attempt(context.attempt)
        CURRENT_CONTEXT.set(own)
        if limits is not None:
            limits.on_stop = own.stop
    try:
        await runtime.call(callback.function, (argument,), {}, limits if callback.waits else None)
    except Exception as error:
        if isinstance(error, NodeCancellationError) or is_control_flow(error):
            raise
        log_suppressed_error(context, event, error)
    finally:
        CURRENT_CONTEXT.set(current)
