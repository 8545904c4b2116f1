"""`Execution`: one run of a graph, from its config to its result."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from langchain_core.callbacks import BaseCallbackManager
from langchain_core.runnables.config import merge_configs, var_child_runnable_config
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl

from langgraph_runner.errors import FailureCategory, NodeCancellationError, RunCancelledError, RunTimeoutError
from langgraph_runner.errors.classification import is_control_flow
from langgraph_runner.errors.hints import with_article
from langgraph_runner.errors.logs import emit
from langgraph_runner.errors.record import build_error_record
from langgraph_runner.graph.captures import is_blocked, records_in
from langgraph_runner.graph.result import GraphRunResult, GraphRunStatus
from langgraph_runner.graph.slots import Slots
from langgraph_runner.graph.watch import RunWatch, watch_of
from langgraph_runner.node import AbortController, AbortSignal, runner_config
from langgraph_runner.node.langgraph.internals import is_checkpointed, run_control
from langgraph_runner.node.langgraph.schema import STOPS_WHEN_BLOCKED
from langgraph_runner.runtime.abort import as_abort_signal, signal_in
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_core.runnables import RunnableConfig
    from langgraph.pregel import Pregel
    from langgraph.types import Interrupt, StreamMode

    from langgraph_runner.errors import NodeErrorRecord
    from langgraph_runner.graph.listener import RunListener
    from langgraph_runner.graph.options import ExecutionOptions

__all__ = ["MODES", "Execution"]

_SPARE_THREADS: Final = 64
"""LangGraph gives each blocking graph a pool of threads. Nodes that wait for a slot, or for a task that they have
called, hold a thread of it; without spare threads, that task could never run."""

MODES: Final[list[StreamMode]] = ["updates", "values"]
"""What a run has to stream so that its result is known: only updates report a stop before or after a node."""
_IDS: Final = ("thread_id", "run_id", "graph_execution_id")
_INTERRUPT: Final = "__interrupt__"
_clock: Final = REAL_RUNTIMES.blocking


class Execution:
    """The config, the controls and the result of one run, made from the arguments of `GraphRunner.run()`."""

    _values: Any = None
    _is_interrupted = False
    _interrupts: tuple[Interrupt, ...] = ()
    _stop: _StopControl | None = None
    names_thread = False
    """Whether the caller has named the thread of the run."""

    def __init__(
        self,
        graph: Pregel[Any, Any, Any, Any],
        options: ExecutionOptions,
        config: RunnableConfig | None,
        stream_options: dict[str, Any],
        *,
        abort_signal: AbortSignal | None,
        control: RunControl | None,
        is_async: bool,
        listener: RunListener | None,
    ) -> None:
        ambient: RunnableConfig = var_child_runnable_config.get() or {}
        self.graph = graph
        self.options = options
        self._outer_control = run_control(ambient) if ambient else None
        """The control of the graph whose node this run is a part of; None outside a graph."""
        self.started = _clock.monotonic()
        self.started_at = _clock.now_utc()
        self.timeout_ms = options.timeout_ms
        configurable = {**_configurable(graph.config), **_configurable(config)}
        _check_ids(config or {}, configurable)
        self.signal = _signal_of({**(config or {}), "configurable": configurable}, ambient, abort_signal)
        is_bounded = self.timeout_ms is not None or self.signal is not None
        self._controller = AbortController() if is_bounded else None
        callbacks: Any = (config or {}).get("callbacks")
        if callbacks is None:
            callbacks = ambient.get("callbacks")
        outer = None if callbacks is None else watch_of(callbacks)
        # Two caps, one inside the other, could wait for each other, so the outer one counts all nodes.
        slots = Slots(options.max_concurrency) if outer is None else None
        is_persisted = bool(graph.checkpointer) or (bool(ambient) and is_checkpointed(ambient))
        self._watch = RunWatch(slots, listener, outer, is_persisted=is_persisted)
        own = self._own(configurable, options)
        configured: RunnableConfig = runner_config(config, **own) if own else {**(config or {})}
        configs: tuple[RunnableConfig, ...] = (configured, graph.config or {}, ambient)
        if not is_async and not any(each.get("max_concurrency") for each in configs):
            configured["max_concurrency"] = options.max_concurrency + _SPARE_THREADS
        if options.stop_when_blocked:
            self._stop = _StopControl(control or self._outer_control or RunControl(), self._watch)
            control = self._stop
        elif control is None:
            control = RunControl() if self._outer_control is None else _NestedControl(self._outer_control)
        self.control = control
        self.stream_options = {"control": control, "stream_mode": MODES, **stream_options}
        """The keyword arguments of `graph.stream()` or `graph.astream()`."""
        handlers: Any = [self._watch]
        self.config: RunnableConfig
        if ambient or isinstance(callbacks, BaseCallbackManager):
            self.config = merge_configs({**configured, "callbacks": callbacks}, {"callbacks": handlers})
        else:  # The usual run has nothing to merge, and LangGraph completes the config itself.
            self.config = {**configured, "callbacks": [*(callbacks or ()), *handlers]}
        self._disarm = self.signal.add_callback(self._aborted) if self.signal is not None else None

    @property
    def thread_id(self) -> str | None:
        """The thread of the run; None without a checkpointer."""
        thread_id = self.config.get("configurable", {}).get("thread_id")
        return None if thread_id is None else str(thread_id)

    @property
    def is_nested(self) -> bool:
        """Whether the run is a part of a node of another graph."""
        return self._outer_control is not None

    @property
    def is_stoppable(self) -> bool:
        """Whether a timeout or a signal may stop the run."""
        return self._controller is not None

    def take(self, mode: str, data: Any) -> None:
        """Record what LangGraph streams of the outermost graph; ignore other modes than `MODES`."""
        is_interrupt = isinstance(data, dict) and _INTERRUPT in data
        if mode == "values":
            if not is_interrupt:
                self._values = data
            elif len(data) > 1:
                self._values = {key: value for key, value in data.items() if key != _INTERRUPT}
        elif mode == "updates" and is_interrupt:
            self._is_interrupted = True
            # Empty where the run stops before or after a node.
            self._interrupts = (*self._interrupts, *data[_INTERRUPT])

    def stop(self, error: Exception) -> None:
        """Let no further node begin, and those at work end."""
        self._watch.stop(error)
        self._stop_nodes(str(error))

    def _aborted(self) -> None:
        # This runs in the thread that aborts, perhaps in a signal handler: no lock may be taken here.
        if self.signal is not None and self.signal.reason is not None:
            self._stop_nodes(self.signal.reason)

    def _stop_nodes(self, reason: str) -> None:
        # First the drain: a node that the signal stops then counts as not done, and runs again on resume.
        self.control.request_drain(reason)
        if self._controller is not None:
            self._controller.abort(reason)

    def close(self) -> None:
        """Disconnect the run, which is over, from the signal of the caller."""
        if self._disarm is not None:
            self._disarm()

    def aborted(self) -> RunCancelledError | None:
        """Return the error of an abort; None as long as the signal of the caller has not fired."""
        reason = None if self.signal is None else self.signal.reason
        return None if reason is None else RunCancelledError(reason=reason)

    def elapsed_ms(self) -> float:
        """Return the time since the run began."""
        return (_clock.monotonic() - self.started) * 1000

    def result(self, error: Exception | None) -> GraphRunResult:
        """Return the result of the run, and log its end; `error` is what ended it, None if it came to its end.

        Raises:
            Exception: `error`, where it is for the graph around this run: an interrupt, a command to the parent, the
                drain of both.
        """
        if error is not None and self._is_for_outer(error):
            raise error
        state = self._values
        captures, channels = self._watch.captures, self.graph.channels
        is_complete = error is None or isinstance(error, GraphDrained)
        records = captures.with_lost(records_in(state), channels, is_complete=is_complete)
        if (aborted := self.aborted()) is not None and _is_of_abort(error, records):
            error = aborted  # The nodes reported it before the run saw the signal.
        status = self._status(error)
        has_blocked = False
        if status is GraphRunStatus.COMPLETED:
            has_blocked = is_blocked(state) or captures.lost_flag(channels)
        elif status is GraphRunStatus.DRAINED and self._stop is not None:
            has_blocked = self._stop.has_stopped
        if has_blocked:
            status, error = GraphRunStatus.BLOCKED, None
        if error is not None and status is not GraphRunStatus.DRAINED:
            records = (*records, self._record_of(error))
        result = GraphRunResult(
            status=status,
            state=state,
            errors=records,
            error=error,
            interrupts=self._interrupts,
            waves=len(self._watch.waves),
            duration_ms=self.elapsed_ms(),
            started_at=self.started_at,
            ended_at=_clock.now_utc(),
            thread_id=self.thread_id,
        )
        emit(
            "langgraph_runner.graph",
            _LEVELS.get(status, logging.INFO),
            f"run.{status}",
            lambda: {
                "graph": self.graph.get_name(),
                "waves": result.waves,
                "duration_ms": round(result.duration_ms, 3),
                "thread_id": result.thread_id,
                "error_type": None if error is None else type(error).__name__,
            },
        )
        return result

    def _own(self, configurable: Mapping[str, Any], options: ExecutionOptions) -> dict[str, Any]:
        """Return what the run adds to `configurable`."""
        own: dict[str, Any] = {STOPS_WHEN_BLOCKED: True} if options.stop_when_blocked else {}
        if self._controller is not None:
            own["abort_signal"] = self._controller.signal
        if options.default_retry is not None and configurable.get("default_retry") is None:
            own["default_retry"] = options.default_retry
        if isinstance(self.graph.checkpointer, BaseCheckpointSaver):
            self.names_thread = bool(configurable.get("thread_id"))
            own["thread_id"] = configurable.get("thread_id") or _clock.token_hex(16)
        return own

    def _is_for_outer(self, error: Exception) -> bool:
        if self._outer_control is None or not is_control_flow(error):
            return False
        # A drain of this run alone ends here.
        return not isinstance(error, GraphDrained) or self._outer_control.drain_requested

    def _status(self, error: Exception | None) -> GraphRunStatus:
        if error is None:
            return GraphRunStatus.INTERRUPTED if self._is_interrupted else GraphRunStatus.COMPLETED
        for kind, status in _STATUS_OF.items():
            if isinstance(error, kind):
                return status
        return GraphRunStatus.FAILED

    def _record_of(self, error: Exception) -> NodeErrorRecord:
        return build_error_record(
            error,
            node_id=self._watch.failed_node(error) or self.graph.get_name(),
            attempts=1,
            trace_id=self.config.get("configurable", {}).get("trace_id") or _clock.token_hex(16),
            timestamp=_clock.now_utc(),
            error_id=_clock.token_hex(8),
        )


_STATUS_OF: Final = {
    RunTimeoutError: GraphRunStatus.TIMED_OUT,
    RunCancelledError: GraphRunStatus.CANCELLED,
    GraphDrained: GraphRunStatus.DRAINED,
}
_LEVELS: Final = {
    GraphRunStatus.FAILED: logging.ERROR,
    GraphRunStatus.TIMED_OUT: logging.ERROR,
    GraphRunStatus.CANCELLED: logging.WARNING,
    GraphRunStatus.BLOCKED: logging.WARNING,
}


class _NestedControl(RunControl):
    """The control of a run inside a node: a drain of the graph around it drains this run, but not the reverse."""

    __slots__ = ("_outer",)

    def __init__(self, outer: RunControl) -> None:
        super().__init__()
        self._outer = outer

    @property
    def drain_requested(self) -> bool:
        return super().drain_requested or self._outer.drain_requested

    @property
    def drain_reason(self) -> str | None:
        return super().drain_reason or self._outer.drain_reason


class _StopControl(_NestedControl):
    """Drains each graph of a run, between two supersteps, once a failure that blocks was captured in it."""

    __slots__ = ("_watch", "has_stopped")

    def __init__(self, outer: RunControl, watch: RunWatch) -> None:
        super().__init__(outer)
        self._watch = watch
        self.has_stopped = False
        """Whether such a failure is why a graph was drained."""

    @property
    def drain_requested(self) -> bool:
        if super().drain_requested:
            return True
        stops = self._watch.is_blocked()
        self.has_stopped = self.has_stopped or stops
        return stops

    @property
    def drain_reason(self) -> str | None:
        return super().drain_reason or ("blocked" if self.has_stopped else None)


def _configurable(config: RunnableConfig | None) -> Mapping[str, Any]:
    return (config.get("configurable") if config else None) or {}


def _check_ids(config: RunnableConfig, configurable: Mapping[str, Any]) -> None:
    """Raise a TypeError for an id that LangChain's callbacks, or the records of the run, could not name."""
    run_id: object = config.get("run_id")
    if run_id is not None and not isinstance(run_id, UUID):
        kind = type(run_id).__name__
        raise TypeError(f"run_id in the config must be a uuid.UUID, got {with_article(kind)}.")
    for name in _IDS:
        value = configurable.get(name)
        if value is None or isinstance(value, str):
            continue
        try:
            str(value)
        except Exception as error:
            got = f"{with_article(type(value).__name__)}, whose str() raises {type(error).__name__}"
            raise TypeError(f"{name} in the config must be a text, got {got}.") from error


def _signal_of(
    config: Mapping[str, Any], ambient: Mapping[str, Any], argument: AbortSignal | None
) -> AbortSignal | None:
    """Return the signal that stops the run: that of the argument, of the config, or of both; None without one."""
    of_argument = as_abort_signal(argument, field="abort_signal")
    of_config = signal_in(config) or (signal_in(ambient) if ambient else None)
    if of_argument is None or of_config is None:
        return of_argument or of_config
    return AbortSignal.any(of_argument, of_config)


def _is_of_abort(error: Exception | None, records: tuple[NodeErrorRecord, ...]) -> bool:
    """Whether the abort of a run, which was aborted, is what ended it so."""
    if error is None:
        return any(record.get("category") == FailureCategory.CANCELLED for record in records)
    return isinstance(error, (GraphDrained, NodeCancellationError))
