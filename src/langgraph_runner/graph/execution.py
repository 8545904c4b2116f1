"""`Execution`: one run of a graph, from its config to its result."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, Final

from langchain_core.runnables.config import merge_configs, var_child_runnable_config
from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl

from langgraph_runner.errors import (
    NodeCancellationError,
    RunCancelledError,
    RunTimeoutError,
    build_error_record,
)
from langgraph_runner.errors.logs import emit
from langgraph_runner.graph.result import GraphRunResult, RunStatus
from langgraph_runner.graph.slots import Slots
from langgraph_runner.graph.watch import RunWatch, watches_slots
from langgraph_runner.node import AbortController, AbortSignal, runner_config
from langgraph_runner.node.abort import as_abort_signal
from langgraph_runner.node.runtime import REAL_RUNTIMES

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.pregel import Pregel
    from langgraph.types import Interrupt

    from langgraph_runner.errors import NodeErrorRecord
    from langgraph_runner.graph.options import ExecutionOptions
    from langgraph_runner.graph.watch import RunListener

__all__ = ["Execution"]

_SPARE_THREADS: Final = 64
"""LangGraph gives each blocking graph a pool of threads. Nodes that wait for a slot, or for a task that they have
called, hold a thread of it; with none to spare, that task could never run."""

_INTERRUPT: Final = "__interrupt__"
_clock: Final = REAL_RUNTIMES.blocking


class Execution:
    """What one run needs and what is known of it. Belongs to that run alone.

    Args:
        graph: The graph.
        options: Of the runner.
        config: Of the caller.
        abort_signal: Stops the run, beside one in the config.
        control: LangGraph's, to drain the run; None for one of its own.
        is_async: Whether the run is awaited.
        listener: Who is told of nodes.
    """

    def __init__(
        self,
        graph: Pregel[Any, Any, Any, Any],
        options: ExecutionOptions,
        config: RunnableConfig | None,
        *,
        abort_signal: AbortSignal | None,
        control: RunControl | None,
        is_async: bool,
        listener: RunListener | None,
    ) -> None:
        self.graph = graph
        self.control = control or RunControl()
        self.started = _clock.monotonic()
        self.ended = threading.Event()
        """Set when nothing of the run is under way any more."""
        self.timeout_ms = options.timeout_ms
        self._values: Any = None
        self._interrupts: tuple[Interrupt, ...] = ()
        self._controller: AbortController | None = None
        self.signal = _signal_of(config, abort_signal)
        callbacks = _callbacks_of(config)
        is_nested = any(map(watches_slots, getattr(callbacks, "handlers", callbacks) or ()))
        self._disarm = self.signal.add_callback(self._aborted) if self.signal is not None else None
        # Two caps, one inside the other, could wait for each other: the outer one holds for all.
        self._slots = None if is_nested else Slots(options.max_concurrency)
        self._watch = RunWatch(self._slots, listener)
        handler = self._watch.handler(is_async=is_async)
        self.config = self._configured(config, options, is_async=is_async)
        self.config = merge_configs({**self.config, "callbacks": callbacks}, {"callbacks": [handler]})

    @property
    def thread_id(self) -> str | None:
        """The thread of the run; None without a checkpointer."""
        thread_id = self.config.get("configurable", {}).get("thread_id")
        return None if thread_id is None else str(thread_id)

    @property
    def is_stoppable(self) -> bool:
        """Whether time or somebody may stop the run."""
        return self._controller is not None

    def take(self, values: Any) -> None:
        """The state after another wave, or what the run waits for."""
        if isinstance(values, dict) and _INTERRUPT in values:
            self._interrupts = (*self._interrupts, *values[_INTERRUPT])
            values = {key: value for key, value in values.items() if key != _INTERRUPT} or self._values
        self._values = values

    def stop(self, error: Exception) -> None:
        """Let nothing further begin, and what runs end."""
        if self._slots is not None:
            self._slots.close(error)
        self._tell_nodes(str(error))

    def _aborted(self) -> None:
        # In the thread of whoever aborts, which may be in a signal handler: no lock may be taken here.
        if self.signal is not None and self.signal.reason is not None:
            self._tell_nodes(self.signal.reason)

    def _tell_nodes(self, reason: str) -> None:
        # First the drain: a node that the signal stops then counts as not done, and runs again on resume.
        self.control.request_drain(reason)
        if self._controller is not None:
            self._controller.abort(reason)

    def close(self) -> None:
        """Nothing of the run is under way any more."""
        if self._disarm is not None:
            self._disarm()
        self.ended.set()

    def aborted(self) -> RunCancelledError | None:
        """The error of an abort; None as long as the caller's signal has not fired."""
        reason = None if self.signal is None else self.signal.reason
        return None if reason is None else RunCancelledError(reason=reason)

    def elapsed_ms(self) -> float:
        """Time since the run began."""
        return (_clock.monotonic() - self.started) * 1000

    def result(self, error: Exception | None) -> GraphRunResult:
        """What became of the run.

        Args:
            error: What ended it; None if it came to its end.
        """
        if (
            isinstance(error, (GraphDrained, NodeCancellationError))
            and (aborted := self.aborted()) is not None
        ):
            error = aborted  # The run may come to know of the abort from its nodes first.
        state = self._values
        flags, records = _field(state, "routing_flags") or {}, tuple(_field(state, "errors") or ())
        status = self._status(error)
        if status is RunStatus.COMPLETED and flags.get("blocked"):
            status = RunStatus.BLOCKED
        if error is not None and status is not RunStatus.DRAINED:
            records = (*records, self._record_of(error))
        result = GraphRunResult(
            status=status,
            state=state,
            errors=records,
            error=error,
            interrupts=self._interrupts,
            waves=len(self._watch.waves),
            duration_ms=self.elapsed_ms(),
            thread_id=self.thread_id,
        )
        emit(
            "langgraph_runner.graph",
            _LEVELS.get(status, logging.INFO),
            f"run.{status.value}",
            graph=self.graph.get_name(),
            waves=result.waves,
            duration_ms=round(result.duration_ms, 3),
            thread_id=result.thread_id,
            **({} if error is None else {"error_type": type(error).__name__}),
        )
        return result

    def _configured(
        self, config: RunnableConfig | None, options: ExecutionOptions, *, is_async: bool
    ) -> RunnableConfig:
        given = (config or {}).get("configurable") or {}
        if self.timeout_ms is not None or self.signal is not None:
            self._controller = AbortController()
        own: dict[str, Any] = {}
        if self._controller is not None:
            own["abort_signal"] = self._controller.signal
        if options.default_retry is not None and given.get("default_retry") is None:
            own["default_retry"] = options.default_retry
        if self.graph.checkpointer not in {None, False} and given.get("thread_id") is None:
            own["thread_id"] = _clock.token_hex(16)
        configured = runner_config(config, **own)
        if not is_async:
            configured.setdefault("max_concurrency", options.max_concurrency + _SPARE_THREADS)
        return configured

    def _status(self, error: Exception | None) -> RunStatus:
        if error is None:
            return RunStatus.INTERRUPTED if self._interrupts else RunStatus.COMPLETED
        for kind, status in _STATUS_OF.items():
            if isinstance(error, kind):
                return status
        return RunStatus.FAILED

    def _record_of(self, error: Exception) -> NodeErrorRecord:
        return build_error_record(
            error,
            node_id=self._watch.failed_node or self.graph.get_name(),
            attempts=1,
            trace_id=self.config.get("configurable", {}).get("trace_id") or _clock.token_hex(16),
            timestamp=_clock.now_utc(),
            error_id=_clock.token_hex(8),
        )


_STATUS_OF: Final = {
    RunTimeoutError: RunStatus.TIMED_OUT,
    RunCancelledError: RunStatus.CANCELLED,
    GraphDrained: RunStatus.DRAINED,
}
_LEVELS: Final = {
    RunStatus.FAILED: logging.ERROR,
    RunStatus.TIMED_OUT: logging.ERROR,
    RunStatus.CANCELLED: logging.WARNING,
    RunStatus.BLOCKED: logging.WARNING,
}


def _callbacks_of(config: RunnableConfig | None) -> Any:
    """Those of the config, else of the node that the runner is used in."""
    own = (config or {}).get("callbacks")
    return own if own is not None else (var_child_runnable_config.get() or {}).get("callbacks")


def _signal_of(config: RunnableConfig | None, given: AbortSignal | None) -> AbortSignal | None:
    in_config = ((config or {}).get("configurable") or {}).get("abort_signal")
    signals = [
        signal
        for signal in (
            as_abort_signal(given, field="abort_signal"),
            as_abort_signal(in_config, field="config['configurable']['abort_signal']"),
        )
        if signal is not None
    ]
    return AbortSignal.any(*signals) if len(signals) > 1 else next(iter(signals), None)


def _field(state: Any, name: str) -> Any:
    """A field of the state, which is a dict for most graphs and an object or anything else for some."""
    return state.get(name) if isinstance(state, dict) else getattr(state, name, None)
