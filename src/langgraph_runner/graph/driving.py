"""Driving an `Execution`, blocking or awaited: its stream until that ends or is stopped, then the end of the run.

The end is recorded in the state file of `persistence_path` before the error handler is called.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import threading
from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.callbacks import accept_fewer_arguments
from langgraph_runner.errors import RunBlockedError, RunCancelledError, RunTimeoutError
from langgraph_runner.errors.exceptions import note_once
from langgraph_runner.errors.logs import emit
from langgraph_runner.graph.execution import MODES
from langgraph_runner.graph.json_saver.saver import JsonFileSaver
from langgraph_runner.graph.options import HANDLER_ARGUMENTS
from langgraph_runner.graph.result import GraphRunStatus
from langgraph_runner.graph.resuming import is_resume, resume_thread
from langgraph_runner.node.callee import Callee
from langgraph_runner.runtime.cancel_scope import CancelScope
from langgraph_runner.runtime.limits import Limits
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES
from langgraph_runner.runtime.threads import call_in_thread

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from langgraph_runner.graph.execution import Execution
    from langgraph_runner.graph.options import ExecutionOptions
    from langgraph_runner.graph.result import GraphRunResult
    from langgraph_runner.runtime.runtimes import Runtime

__all__ = ["end_run", "run_awaited", "run_blocking", "stream"]

_GRACE_S: Final = 1.0
"""How long the runner waits for a blocking run that was stopped before it leaves the thread behind."""
_END: Final = object()


def run_blocking(execution: Execution, graph_input: Any) -> Exception | None:
    """Run the graph to its end.

    Returns:
        The error that ended the run; None if the graph came to its end.
    """
    ended = threading.Event() if execution.is_stoppable else None
    if ended is not None:
        ended.set()  # Until the thread has begun, there is nothing to wait for.

    def consume() -> None:
        if ended is not None:
            ended.clear()
        try:
            resume_thread(execution, graph_input)
            chunks: Any = execution.graph.stream(graph_input, execution.config, **execution.stream_options)
            for mode, data in chunks:
                execution.take(mode, data)
        finally:
            execution.close()
            if ended is not None:
                ended.set()

    try:
        if execution.is_stoppable:
            call_in_thread(consume, (), {}, RunLimits(execution), REAL_RUNTIMES.blocking.monotonic)
        else:
            consume()
    except (RunTimeoutError, RunCancelledError) as error:
        if ended is not None and not ended.wait(_GRACE_S):
            note_once(error, "Left behind: a function that blocks continues in its thread.")
        return error
    except Exception as error:
        return error
    return None


async def run_awaited(
    execution: Execution, graph_input: Any, shown: AbstractContextManager[object]
) -> GraphRunResult:
    """Run the graph to its end, on the event loop; `shown` shows the progress of the run.

    Everything that happens in a run passes through this coroutine and those that await it, so there are few of them.
    """
    error: Exception | None = None
    with shown:
        try:
            if execution.is_stoppable:
                async for _ in stream(execution, graph_input):
                    pass
            else:
                if is_resume(graph_input):
                    await asyncio.to_thread(resume_thread, execution, graph_input)
                chunks: Any = execution.graph.astream(
                    graph_input, execution.config, **execution.stream_options
                )
                try:
                    async for mode, data in chunks:
                        execution.take(mode, data)
                finally:
                    await chunks.aclose()
        except Exception as raised:
            error = raised
        result = execution.result(error)
    await end_run(execution, result, is_async=True)
    return result


async def stream(
    execution: Execution, graph_input: Any, modes: Sequence[str] = (), *, subgraphs: bool = False
) -> AsyncGenerator[tuple[Any, str, Any], None]:
    """Yield what LangGraph streams, as (namespace, mode, data), until the run ends or is stopped.

    `modes` is what to stream in addition to what the run needs itself; `subgraphs`, whether of nested graphs, too.

    Raises:
        Exception: What ended the run.
    """
    options = {**execution.stream_options, "stream_mode": sorted({*modes, *MODES}), "subgraphs": subgraphs}
    if is_resume(graph_input):
        await asyncio.to_thread(resume_thread, execution, graph_input)
    chunks: Any = execution.graph.astream(graph_input, execution.config, **options)
    try:
        while True:
            # Not around the whole: what the consumer does between two chunks is not for the run to cancel.
            with _bounded(execution):
                chunk: Any = await anext(chunks, _END)
            if chunk is _END:
                return
            namespace, mode, data = chunk if subgraphs else ((), *chunk)
            if not namespace:
                execution.take(mode, data)
            yield namespace, mode, data
    finally:
        execution.close()
        await chunks.aclose()


async def end_run(execution: Execution, result: GraphRunResult, *, is_async: bool) -> None:
    """Record how the run ended, and call the error handler. If that fails, it is logged; the result stays."""
    runtime = REAL_RUNTIMES.awaiting if is_async else REAL_RUNTIMES.blocking
    if isinstance(execution.graph.checkpointer, JsonFileSaver):
        await _record_end(execution, result, execution.graph.checkpointer, runtime)
    handler = execution.options.error_handler
    error = _error_for_handler(result, execution.options)
    if handler is None or error is None:
        return
    callback = accept_fewer_arguments(handler, *HANDLER_ARGUMENTS, field="error_handler")
    function = runtime.adapt(callback, is_async=Callee.of(handler, field="error_handler").is_async)
    try:
        handled = await runtime.call(function, (error, result), {}, None)
        if inspect.isawaitable(handled):  # A plain function may return what an async one returns.
            await runtime.call(runtime.adapt(_await, is_async=True), (handled,), {}, None)
    except Exception as failure:
        _log_failure("run.error_handler_failed", "The error handler failed, too", failure, error)


async def _record_end(
    execution: Execution, result: GraphRunResult, saver: JsonFileSaver, runtime: Runtime
) -> None:
    end: dict[str, Any] = {
        "status": result.status.value,
        "started": result.started_at,
        "ended": result.ended_at,
        "errors": result.errors,
    }
    try:
        record = saver.arecord_run_end if runtime.is_async else saver.record_run_end
        await runtime.call(record, (execution.config,), end, None)
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


@contextlib.contextmanager
def _bounded(execution: Execution) -> Iterator[None]:
    if not execution.is_stoppable:
        yield
        return
    limits = RunLimits(execution)
    with CancelScope(limits):
        if limits.seconds == 0:
            # The time passed while the consumer was busy, and the next chunk may be there already.
            limits.stopped("timeout")
            raise limits.timed_out(0)
        yield


class RunLimits(Limits):
    """The limits of a whole run: its timeout, and the signals of the caller."""

    tells_place = False  # The place would always be where LangGraph waits for its nodes.

    def __init__(self, execution: Execution) -> None:
        super().__init__(execution.graph.get_name(), execution.signal)
        self._execution = execution
        if execution.timeout_ms is not None:
            self.timeout_ms = execution.timeout_ms
            self.seconds = max(0.0, (execution.timeout_ms - execution.elapsed_ms()) / 1000)

    def timed_out(self, elapsed_s: float) -> RunTimeoutError:
        """Return the error of a run that took too long."""
        del elapsed_s  # It is the time of a part of the run only.
        return RunTimeoutError(timeout_ms=self.timeout_ms, elapsed_ms=self._execution.elapsed_ms())

    def cancelled(self) -> RunCancelledError | None:
        """Return the error of a run that was aborted; None if it was not."""
        return self._execution.aborted()

    def stopped(self, reason: str) -> None:
        """Stop the nodes of the run."""
        self._execution.stop(self.cancelled() or self._timeout() or RunCancelledError(reason=reason))

    def _timeout(self) -> RunTimeoutError | None:
        elapsed_ms = self._execution.elapsed_ms()
        if self.seconds is None or elapsed_ms < self.timeout_ms:
            return None
        return RunTimeoutError(timeout_ms=self.timeout_ms, elapsed_ms=elapsed_ms)
