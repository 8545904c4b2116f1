"""Driving an `Execution` through its graph, blocking or awaited, until it ends or is stopped."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any, Final, cast

from langgraph_runner.errors import RunCancelledError, RunTimeoutError
from langgraph_runner.errors.exceptions import note_once
from langgraph_runner.graph.execution import MODES
from langgraph_runner.runtime.cancel_scope import CancelScope
from langgraph_runner.runtime.limits import Limits
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES
from langgraph_runner.runtime.threads import call_in_thread

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Sequence

    from langgraph_runner.graph.execution import Execution

__all__ = ["run_blocking", "streamed"]

_GRACE_S: Final = 1.0
"""How long a blocking run that was stopped may take to end by itself before its thread is left behind."""
_END: Final = object()


def run_blocking(execution: Execution, graph_input: Any, options: dict[str, Any]) -> Exception | None:
    """Run the graph to its end; gives what ended it.

    Args:
        execution: The run.
        graph_input: For the graph.
        options: Of `graph.stream()`.
    """
    ended = threading.Event()
    ended.set()

    def consume() -> None:
        ended.clear()
        try:
            for chunk in execution.graph.stream(
                graph_input, execution.config, control=execution.control, stream_mode=MODES, **options
            ):
                mode, data = cast("tuple[str, Any]", chunk)
                execution.take(mode, data)
        finally:
            execution.close()
            ended.set()

    try:
        if not execution.is_stoppable:
            consume()
        else:
            call_in_thread(consume, (), {}, RunLimits(execution), REAL_RUNTIMES.blocking.monotonic)
    except (RunTimeoutError, RunCancelledError) as error:
        if not ended.wait(_GRACE_S):
            note_once(error, "Left behind: a function that blocks goes on in its thread.")
        return error
    except Exception as error:
        return error
    return None


async def streamed(
    execution: Execution, graph_input: Any, options: dict[str, Any], modes: Sequence[str] = ()
) -> AsyncGenerator[tuple[Any, str, Any], None]:
    """What LangGraph streams, as (namespace, mode, data), until the run ends or is stopped.

    Args:
        execution: The run.
        graph_input: For the graph.
        options: Of `graph.astream()`.
        modes: What to stream beside what the run needs itself.

    Raises:
        Exception: What ended the run.
    """
    has_namespace = options.get("subgraphs", False)
    asked: Any = sorted({*modes, *MODES})
    stream: Any = execution.graph.astream(
        graph_input, execution.config, control=execution.control, stream_mode=asked, **options
    )
    try:
        while True:
            # Not around the whole: what the consumer does between two chunks is not for the run to cancel.
            with _bounded(execution):
                chunk: Any = await anext(stream, _END)
            if chunk is _END:
                return
            namespace, mode, data = chunk if has_namespace else ((), *chunk)
            if not namespace:
                execution.take(mode, data)
            yield namespace, mode, data
    finally:
        execution.close()
        await stream.aclose()


@contextlib.contextmanager
def _bounded(execution: Execution) -> Iterator[None]:
    if not execution.is_stoppable:
        yield
        return
    limits = RunLimits(execution)
    with CancelScope(limits):
        if limits.seconds == 0:
            # It passed while the consumer was busy, and the next chunk may be there already.
            limits.stopped("timeout")
            raise limits.timed_out(0)
        yield


class RunLimits(Limits):
    """What may stop a whole run: its timeout, and the signals of the caller."""

    tells_place = False  # LangGraph waits there for its nodes.

    def __init__(self, execution: Execution) -> None:
        super().__init__(execution.graph.get_name(), execution.signal)
        self._execution = execution
        if execution.timeout_ms is not None:
            self.timeout_ms = execution.timeout_ms
            self.seconds = max(0.0, (execution.timeout_ms - execution.elapsed_ms()) / 1000)

    def timed_out(self, elapsed_s: float) -> RunTimeoutError:
        """The error of a run that took too long."""
        del elapsed_s  # Of a part of the run.
        return RunTimeoutError(timeout_ms=self.timeout_ms, elapsed_ms=self._execution.elapsed_ms())

    def cancelled(self) -> RunCancelledError | None:
        """The error of a run that somebody has aborted."""
        return self._execution.aborted()

    def stopped(self, reason: str) -> None:
        """Stop what is under way."""
        self._execution.stop(self.cancelled() or self._late() or RunCancelledError(reason=reason))

    def _late(self) -> RunTimeoutError | None:
        elapsed_ms = self._execution.elapsed_ms()
        is_late = self.seconds is not None and elapsed_ms >= self.timeout_ms
        return RunTimeoutError(timeout_ms=self.timeout_ms, elapsed_ms=elapsed_ms) if is_late else None
