"""Consuming the stream of the graph of an `Execution`, blocking or awaited, until it ends or is stopped."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any, Final

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

__all__ = ["run_awaited", "run_blocking", "stream"]

_GRACE_S: Final = 1.0
"""How long the runner waits for a blocking run that was stopped before it leaves the thread behind."""
_END: Final = object()


def run_blocking(execution: Execution, graph_input: Any, options: dict[str, Any]) -> Exception | None:
    """Run the graph to its end.

    Args:
        execution: The run.
        graph_input: For the graph.
        options: Of `graph.stream()`.

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
            chunks: Any = execution.graph.stream(
                graph_input, execution.config, control=execution.control, stream_mode=MODES, **options
            )
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


async def run_awaited(execution: Execution, graph_input: Any, options: dict[str, Any]) -> Exception | None:
    """Do as `run_blocking()`, on the event loop; `options` are those of `graph.astream()`."""
    try:
        if execution.is_stoppable:
            async for _ in stream(execution, graph_input, options):
                pass
            return None
        chunks: Any = execution.graph.astream(
            graph_input, execution.config, control=execution.control, stream_mode=MODES, **options
        )
        try:
            async for mode, data in chunks:
                execution.take(mode, data)
        finally:
            await chunks.aclose()
    except Exception as error:
        return error
    return None


async def stream(
    execution: Execution, graph_input: Any, options: dict[str, Any], modes: Sequence[str] = ()
) -> AsyncGenerator[tuple[Any, str, Any], None]:
    """Yield what LangGraph streams, as (namespace, mode, data), until the run ends or is stopped.

    Args:
        execution: The run.
        graph_input: For the graph.
        options: Of `graph.astream()`.
        modes: What to stream in addition to what the run needs itself.

    Raises:
        Exception: What ended the run.
    """
    has_namespace = options.get("subgraphs", False)
    all_modes: Any = sorted({*modes, *MODES})
    chunks: Any = execution.graph.astream(
        graph_input, execution.config, control=execution.control, stream_mode=all_modes, **options
    )
    try:
        while True:
            # Not around the whole: what the consumer does between two chunks is not for the run to cancel.
            with _bounded(execution):
                chunk: Any = await anext(chunks, _END)
            if chunk is _END:
                return
            namespace, mode, data = chunk if has_namespace else ((), *chunk)
            if not namespace:
                execution.take(mode, data)
            yield namespace, mode, data
    finally:
        execution.close()
        await chunks.aclose()


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
