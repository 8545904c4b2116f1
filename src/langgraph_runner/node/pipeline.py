"""One node call, from the outside in.

log and context -> metrics -> capture -> fallback -> total timeout -> retry -> your policies -> bulkhead -> rate limit
-> circuit breaker -> attempt timeout -> call. This module is the outer half, `attempt` the inner one.

Why this order: a refused or failed attempt can be retried, so what lets attempts through is inside the retry. The
bulkhead and the rate limit are outside the breaker, so that a wait for a place holds no probe and a refusal is not a
failure of the service. A token is taken last, just before the call, so that the rate is that of the calls.

All of it is written once: every coroutine here awaits only the `Runtime`, so the same code serves async nodes,
which await it, and sync ones, which `drive()` it. Ordinary calls that succeed take the shorter way of `FastPath`.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from langgraph_runner.errors import FallbackError, NodeCancellationError, failure_category
from langgraph_runner.errors.classification import is_control_flow
from langgraph_runner.errors.exceptions import original_error
from langgraph_runner.errors.record import build_error_record
from langgraph_runner.node.attempt import (
    begin_attempt,
    checked_return,
    retry_until_done,
    run_function,
)
from langgraph_runner.node.call import NodeCall
from langgraph_runner.node.callee import Callee
from langgraph_runner.node.context import CURRENT_CONTEXT
from langgraph_runner.node.langgraph.delivery import deliver_failure
from langgraph_runner.node.langgraph.internals import injectables
from langgraph_runner.node.langgraph.interrupts import QuestionsOfFallback
from langgraph_runner.node.langgraph.isolation import await_in_context, isolated
from langgraph_runner.node.langgraph.output import checked_output
from langgraph_runner.node.logs import log_suppressed_error
from langgraph_runner.node.outcome import Failure, Success
from langgraph_runner.node.policies.open_circuit import EarlyRefusal
from langgraph_runner.node.policies.policy import compose
from langgraph_runner.node.reports import (
    report_cancelled,
    report_failure,
    report_fallback,
    report_interrupted,
    report_started,
    report_success,
)
from langgraph_runner.runtime.limits import Limits

if TYPE_CHECKING:
    from contextvars import Context

    from langchain_core.runnables import RunnableConfig

    from langgraph_runner.errors import NodeErrorRecord
    from langgraph_runner.node.context import NodeContext
    from langgraph_runner.node.langgraph.schema import SchemaWatch
    from langgraph_runner.node.options import CheckedOptions
    from langgraph_runner.node.policies.fallback import FallbackNode
    from langgraph_runner.node.policies.policy import Policy, Proceed

__all__ = ["Pipeline"]


class Pipeline:
    """What every call of one node goes through, put together when the node is made. Thread-safe.

    Args:
        options: The options of the node.
        schema: Reports what the graph's state cannot hold.
    """

    def __init__(self, options: CheckedOptions, schema: SchemaWatch) -> None:
        self.options = options
        self.schema = schema
        self._run_attempt: Proceed = compose(_around_attempts(options), run_function)
        fallback = options.fallback
        self._fallback_node = None if isinstance(fallback, Callee) else fallback

    async def run(
        self,
        state: Any,
        config: RunnableConfig | None,
        keywords: dict[str, Any],
        *,
        wants_outcome: bool,
    ) -> Any:
        """Call the node once, with what LangGraph has injected as `keywords`. In a unit test there is no config.

        Returns:
            With `wants_outcome` a `Success` or a `Failure`, and no failure is raised. Otherwise what the function
            returned, or the update that captures a failure.

        Raises:
            ValueError: The fallback is the id of a node that the graph does not have.
            GraphBubbleUp: LangGraph's control flow goes through.
            Exception: Without `wants_outcome`: a failure that is not captured; see `deliver_failure()`.
            BaseException: asyncio's cancellation, `KeyboardInterrupt`, `SystemExit` and the like go through.
        """
        before = CURRENT_CONTEXT.get()
        # Background work of a node that has ended no longer belongs to it, unless the node was stopped.
        outer = None if before is None or before.has_ended else before
        if self._fallback_node is not None:
            # Before the call begins: a wrong id is a mistake of the program, not a failure to capture.
            self._fallback_node.check(config)
        call = NodeCall.of(self.options, state, config, keywords, outer)
        call.token = CURRENT_CONTEXT.set(call)
        value: Any = None
        failed: BaseException | None = None
        is_attempted = False
        try:
            report_started(call)
            call.read_config()
            if call.retry is not None or self.options.fallback is not None:
                call.pristine, call.state = state, isolated(state)
            is_attempted = True
            begin_attempt(call, call)
            value = await self._run_attempt(call)
        except BaseException as error:
            failed = error
        try:
            return await self._finish(
                call, value, failed, wants_outcome=wants_outcome, may_recover=is_attempted
            )
        finally:
            del failed  # Its traceback holds this frame.

    async def continue_after(
        self,
        call: NodeCall,
        value: Any,
        failed: BaseException | None = None,
        before_attempt: Context | None = None,
    ) -> Any:
        """Finish a call whose first attempt was made by the `FastPath`.

        Args:
            call: The call.
            value: What its function returned.
            failed: What it raised; None if it returned.
            before_attempt: The context as it was before an attempt that had no context of its own.

        Returns:
            See `run()`, without `wants_outcome`.

        Raises:
            BaseException: See `run()`.
        """
        breaker = self.options.circuit_breaker
        if not self.options.has_timeout:  # With one, `run_function()` has counted the attempt.
            call.attempts = 1
        try:
            if failed is None:
                try:
                    value = await checked_return(value, call, call)
                except BaseException as error:
                    failed = error
            if failed is not None and not isinstance(failed, Exception):
                call.stop(type(failed).__name__)  # For threads that the function has started.
            if breaker is not None:
                breaker.record_outcome(call.permit, call, failed)
            return await self._finish(
                call, value, failed, wants_outcome=False, may_recover=True, before_attempt=before_attempt
            )
        finally:
            del failed  # Its traceback holds this frame.

    async def _finish(
        self,
        call: NodeCall,
        value: Any,
        failed: BaseException | None,
        *,
        wants_outcome: bool,
        may_recover: bool,
        before_attempt: Context | None = None,
    ) -> Any:
        """Finish a call after its first attempt, which returned `value`, or raised `failed`.

        `may_recover` is False if the call has failed before the attempt: it is not tried again. For `before_attempt`
        see `continue_after()`.
        """
        duration_ms = 0.0
        failure: Failure | None = None
        try:
            if failed is not None:
                if not may_recover or not isinstance(failed, Exception) or is_control_flow(failed):
                    raise failed  # noqa: TRY301 - it ends the call as what the recovery raises does
                call.raise_if_cancelled(failed)
                if before_attempt is None:
                    value = await self._recover(call, failed)
                else:
                    value = await await_in_context(before_attempt, self._recover, call, failed)
            duration_ms = call.elapsed_ms()
        except BaseException as error:
            failure = _failure_or_reraise(call, error)
        finally:
            # The garbage collector closes a coroutine in another context.
            with contextlib.suppress(ValueError):
                CURRENT_CONTEXT.reset(call.token)
            call.task = call.limits = failed = None
            if call.later is not None or call.outer is not None:
                call.detach()
            call.is_over = True
        if failure is not None:
            return self._ended(call, failure, wants_outcome=wants_outcome)
        report_success(call, duration_ms)
        if wants_outcome:
            return Success(value, call.attempts, duration_ms, call.fallback_used, call.primary_record)
        if call.config:
            self.schema.look_at(value, call.config)
        return value

    def _ended(self, call: NodeCall, failure: Failure, *, wants_outcome: bool) -> Any:
        try:
            report_failure(call, failure)
            if wants_outcome:
                return failure
            return deliver_failure(failure, self.options.on_error, self.schema, call.config)
        finally:
            # The traceback of a failure holds this frame: the two would keep each other, and the state, alive.
            del failure

    async def _recover(self, call: NodeCall, failed: Exception) -> Any:
        """Deliver through a retry after the first attempt `failed`, or else through the fallback."""
        fallback = self.options.fallback
        try:
            return await retry_until_done(call, failed, self._run_attempt)
        except Exception as error:
            if fallback is None or is_control_flow(error) or isinstance(error, NodeCancellationError):
                raise
            primary_error = original_error(error)
            call.primary_record = _record_of(call, error)
        finally:
            del failed  # Its traceback holds this frame.
        call.fallback_used, call.primary_failure = True, failure_category(primary_error)
        report_fallback(call, call.primary_record)
        try:
            return await self._fall_back(call, fallback, primary_error)
        finally:
            del primary_error  # As above.

    async def _fall_back(
        self, call: NodeCall, fallback: Callee | FallbackNode, primary_error: BaseException
    ) -> Any:
        call.state = isolated(call.pristine)
        context = call.later = call.of_fallback(primary_error, isolated(call.pristine))
        CURRENT_CONTEXT.set(context)
        limits = self._fallback_limits(call, context)
        available = {"config": call.config or {}, **call.keywords}
        try:
            if not isinstance(fallback, Callee):
                available = {**injectables(call.config), **available}
                fallback = fallback.callee(call.config)
            keywords = fallback.keywords(available)
            with QuestionsOfFallback(call.name):
                value = await call.runtime.call(fallback.function, (call.state,), keywords, limits)
            return checked_output(value, call.name, call.config)
        except Exception as error:
            if is_control_flow(error) or isinstance(error, NodeCancellationError):
                raise
            call.raise_if_cancelled(error)
            raise FallbackError(node=call.name, primary_error=primary_error, fallback_error=error) from error
        except BaseException as error:
            context.stop(type(error).__name__)  # For threads that the fallback has started.
            raise

    def _fallback_limits(self, call: NodeCall, context: NodeContext) -> Limits | None:
        """What may stop the fallback; None if nothing can, or nothing but a drain while it blocks."""
        options = self.options
        control = call.control if options.drain_stops and options.callee.is_async else None
        if options.timeout_ms is None and call.abort_signal_of_run is None and control is None:
            return None
        return Limits(
            call.name,
            call.abort_signal_of_run,
            control,
            timeout_ms=options.timeout_ms,
            scope="fallback",
            on_stop=context.stop,
        )


def _around_attempts(options: CheckedOptions) -> list[Policy]:
    """What stands around each attempt, the outermost first."""
    waiting: list[Policy] = [each for each in (options.bulkhead, options.rate_limit) if each is not None]
    breaker = options.circuit_breaker
    policies = [*options.policies]
    if breaker is None:
        return [*policies, *waiting]
    if waiting:
        policies.append(EarlyRefusal(breaker))
    return [*policies, *waiting, breaker]


def _failure_or_reraise(call: NodeCall, error: BaseException) -> Failure:
    """Make the outcome of what a call has raised; what is not a failure is reported and goes on."""
    if not isinstance(error, Exception):
        report_cancelled(call, error)
        raise error
    if is_control_flow(error):
        report_interrupted(call, error)
        raise error
    elapsed_ms = call.elapsed_ms()  # Without the record: to build the first one compiles the sanitizer.
    return Failure(_record_of(call, error), error, call.attempts, elapsed_ms)


def _record_of(call: NodeCall, error: Exception) -> NodeErrorRecord:
    facts: dict[str, Any] = {
        "node_id": call.name,
        "attempts": call.attempts,
        "trace_id": call.trace_id,
        "timestamp": call.runtime.now_utc(),
        "error_id": call.runtime.token_hex(8),
    }
    try:
        return build_error_record(error, **facts, story_id=call.story_id, sanitizer=call.options.sanitizer)
    except Exception as broken:  # A story without a text, or a sanitizer of the user's own that raises.
        log_suppressed_error(call, "node.record_failed", broken)
        substitute = RuntimeError(f"No record could be built of the {type(error).__name__} that was raised.")
        return build_error_record(substitute, **facts)
