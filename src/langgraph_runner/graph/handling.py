"""The end of a run: record it in the state file, then call the error handler."""

from __future__ import annotations

import inspect
import logging
from typing import TYPE_CHECKING, Any

from langgraph_runner.callbacks import accept_fewer_arguments
from langgraph_runner.errors import RunBlockedError
from langgraph_runner.errors.exceptions import note_once
from langgraph_runner.errors.logs import emit
from langgraph_runner.graph.json_saver.saver import JsonFileSaver
from langgraph_runner.graph.options import HANDLER_ARGUMENTS
from langgraph_runner.graph.result import GraphRunStatus
from langgraph_runner.node.callee import Callee
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from langgraph_runner.graph.execution import Execution
    from langgraph_runner.graph.options import ExecutionOptions
    from langgraph_runner.graph.result import GraphRunResult

__all__ = ["end_run"]


async def end_run(
    execution: Execution, result: GraphRunResult, options: ExecutionOptions, *, is_async: bool
) -> None:
    """Record how the run ended, and call the error handler. If that fails, it is logged; the result stays.

    Args:
        execution: The run.
        result: What became of it.
        options: Of the runner.
        is_async: Whether the run is awaited.
    """
    await _record_end(execution, result, is_async=is_async)
    handler = options.error_handler
    error = _error_for_handler(result, options)
    if handler is None or error is None:
        return
    runtime = REAL_RUNTIMES.awaiting if is_async else REAL_RUNTIMES.blocking
    callback = accept_fewer_arguments(handler, *HANDLER_ARGUMENTS, field="error_handler")
    function = runtime.adapt(callback, is_async=Callee.of(handler, field="error_handler").is_async)
    try:
        handled = function(error, result)
        if is_async:
            handled = await handled
        if inspect.isawaitable(handled):  # A plain function may return what an async one returns.
            handled = runtime.adapt(_await, is_async=True)(handled)
            if is_async:
                await handled
    except Exception as failure:
        _log_failure("run.error_handler_failed", "The error handler failed, too", failure, error)


async def _record_end(execution: Execution, result: GraphRunResult, *, is_async: bool) -> None:
    saver = execution.graph.checkpointer
    if not isinstance(saver, JsonFileSaver):
        return
    end: dict[str, Any] = {
        "status": result.status.value,
        "started": result.started_at,
        "ended": result.ended_at,
        "errors": result.errors,
    }
    try:
        if is_async:
            await saver.arecord_run_end(execution.config, **end)
        else:
            saver.record_run_end(execution.config, **end)
    except Exception as failure:
        _log_failure("run.end_not_recorded", "The state file does not record this end", failure, result.error)


def _error_for_handler(result: GraphRunResult, options: ExecutionOptions) -> Exception | None:
    """Return the error that the error handler is called with; None if it is not called."""
    if result.status in {GraphRunStatus.FAILED, GraphRunStatus.TIMED_OUT}:
        return result.error
    if result.status is GraphRunStatus.BLOCKED and options.handle_blocked:
        nodes = dict.fromkeys(record["node_id"] for record in result.errors)  # Each once, in their order.
        return RunBlockedError(nodes=tuple(nodes))
    return None


def _log_failure(event: str, note: str, failure: Exception, error: Exception | None) -> None:
    if error is not None:
        note_once(error, f"{note}: {type(failure).__name__}.")
    emit("langgraph_runner.graph", logging.ERROR, event, error_type=type(failure).__name__)


async def _await(awaitable: Awaitable[Any]) -> None:
    await awaitable
