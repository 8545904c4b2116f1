"""`NodeCall`: all that one call of a node carries through the pipeline.

It is the `NodeContext` of the first attempt, too: a call that succeeds at once needs no second object.
"""

from __future__ import annotations

import asyncio
import re
import threading
import weakref
from collections import OrderedDict
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.node.context import NodeContext, active_otel_ids
from langgraph_runner.node.langgraph.internals import (
    CONFIG_KEYS,
    completed_config,
    name_in_graph,
    run_control,
    run_id,
)
from langgraph_runner.node.langgraph.interrupts import interrupts_so_far, withhold_answer_to_fallback
from langgraph_runner.node.options import as_collector
from langgraph_runner.node.policies.retry import as_retry_config
from langgraph_runner.runtime.abort import AbortSignal, signal_in
from langgraph_runner.runtime.cancel_scope import CancelScope
from langgraph_runner.runtime.limits import Limits
from langgraph_runner.runtime.runtimes import as_runtimes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextvars import Token
    from datetime import datetime

    from langchain_core.runnables import RunnableConfig
    from langgraph.runtime import RunControl

    from langgraph_runner.errors import FailureCategory, NodeErrorRecord
    from langgraph_runner.metrics import NodeMetricsCollector
    from langgraph_runner.node.options import CheckedOptions, Span, Spans
    from langgraph_runner.node.policies.retry import RetryConfig
    from langgraph_runner.runtime.runtimes import Runtime, Runtimes

__all__ = ["NO_CONFIG", "RUNTIME_KEY", "TRACE_ID", "NodeCall"]

TRACE_ID: Final = re.compile(r"(?!0{32})[0-9a-f]{32}")
"""A trace id as W3C Trace Context has it: 32 lower-case hex digits, not all of them 0."""
# Not "runtime": programs have keys of their own in config["configurable"].
RUNTIME_KEY: Final = "node_runtime"
NO_CONFIG: Final[Mapping[str, Any]] = MappingProxyType({})


class NodeCall(NodeContext):
    """One call of one node. It belongs to that call alone, so it needs no lock.

    `state` and `keywords` change from one attempt to the next; the rest is settled at the start.
    """

    options: CheckedOptions
    state: Any
    config: RunnableConfig | None
    configurable: Mapping[str, Any]
    name: str
    keywords: dict[str, Any]
    collector: NodeMetricsCollector | None
    started: float
    """In seconds of the runtime's monotonic clock."""
    # Most of these stay as they are in a call that succeeds at once, so they cost nothing there.
    default_retry: RetryConfig | None = None
    """That of the config, for a node without a retry of its own."""
    abort_signal_of_run: AbortSignal | None = None
    control: RunControl | None = None
    """LangGraph's, on which a drain is requested."""
    name_in_graph: str | None = None
    """What LangGraph calls the node; None outside a graph."""
    pristine: Any = None
    """The state as it was given, which no attempt gets to see where another or a fallback may follow."""
    attempts: int = 0
    """How often the function was called. `FastPath` leaves it at 0 until the first attempt has turned out special."""
    task: asyncio.Task[Any] | None = None
    """The task that runs an async node."""
    cancel_requests: int = 0
    """Of the task, when the call began."""
    interrupts_before: int = 0
    """Calls of `interrupt()` in this LangGraph task before this node call: by the function that calls the node."""
    fallback_used: bool = False
    primary_failure: FailureCategory | None = None
    """Why the function did not deliver, once its fallback has taken over."""
    primary_record: NodeErrorRecord | None = None
    """The record of that failure."""
    limits: Limits | None = None
    """What may stop the latest attempt; None if nothing can, or only a drain."""
    later: NodeContext | None = None
    """The context of the latest attempt; None while that is the first one."""
    is_watched: bool = False
    """Whether a drain, and nothing else, may stop the attempt that the pipeline runs: it is an entry in the loop's
    drain watch. `FastPath` decides this from the options."""
    drain_scope: CancelScope | None = None
    """With this a drain has stopped the attempt; None as long as none has."""
    is_over: bool = False
    log: Callable[..., object] | None = None
    """Logs the begin and the end of the call; None if these events are not wanted."""
    log_fields: dict[str, Any]
    """What identifies the call in them."""
    has_queued: bool = False
    """Whether a policy has made the call wait."""
    span: Span | None = None
    """What traces this call."""
    _given_runtimes: Runtimes | None = None
    outer: NodeContext | None = None
    """The call whose function called this node, while this call runs."""
    _late_parent: weakref.ref[NodeContext] | None = None
    _started_at: datetime | None = None
    _execution_id: str | None = None
    _trace_id: str | None = None

    permit: int = 0
    """Of the circuit breaker, for the first attempt by the fast path."""
    token: Token[NodeContext | None]
    """Restores the context that was current before the call."""

    # No `__init__`: `FastPath` makes calls in its own way, and would pay for calling it.
    @classmethod
    def of(
        cls,
        options: CheckedOptions,
        state: Any,
        config: RunnableConfig | None,
        keywords: dict[str, Any],
        parent: NodeContext | None,
    ) -> NodeCall:
        """Begin a call, of which `read_config()` settles the rest.

        Args:
            options: The options of the node.
            state: What its function is called with.
            config: LangGraph's config; None in a unit test.
            keywords: What LangGraph injected.
            parent: The call whose function calls this node; None at the top.
        """
        call = cls()
        callee = options.callee
        if config and not config.keys() <= CONFIG_KEYS:
            config = completed_config(config)
        call.options = options
        call.state = state
        call.config = config
        call.configurable = (config or {}).get("configurable") or NO_CONFIG
        call.name_in_graph = name_in_graph(config)
        call.name = options.name or call.name_in_graph or callee.name
        call.keywords = callee.prepared(config, keywords) if callee.injected else keywords
        call.collector = options.metrics_collector
        call.started = call.runtime.monotonic()
        if callee.is_async:
            try:
                call.task = asyncio.current_task()
            except RuntimeError:  # Something else than asyncio drives the coroutine.
                call.task = None
            if call.task is not None:
                call.cancel_requests = call.task.cancelling()
        if parent is not None or options.fallback is not None:
            call.interrupts_before = interrupts_so_far()
        if options.fallback is not None:
            withhold_answer_to_fallback(call.name)
        if parent is not None:
            call.outer = parent
            if parent.primary_error is not None:
                call.primary_error, call.primary_input = parent.primary_error, parent.primary_input
            if parent.given_runtimes is not None:
                call.use(parent.given_runtimes)
        return call

    def facts(self) -> Any:
        """Itself: it is the context of its own first attempt."""
        return self

    def read_config(self) -> None:
        """Settle what the node's options and the config of this call say together.

        Raises:
            TypeError: Something in the config is of no accepted kind.
            ValueError: `default_retry` is out of range.
        """
        configurable = self.configurable
        self.abort_signal_of_run = signal_in(self.config or {})
        runtimes = as_runtimes(
            configurable.get(RUNTIME_KEY), field=f"config['configurable']['{RUNTIME_KEY}']"
        )
        if runtimes is not None:
            self.use(runtimes)
        if (collector := configurable.get("metrics_collector")) is not None:
            as_collector(collector, field="config['configurable']['metrics_collector']")
            self.collector = collector
        if self.options.retry is None:
            self.default_retry = as_retry_config(configurable.get("default_retry"))
        self.control = run_control(self.config)

    def use(self, runtimes: Runtimes) -> None:
        """Go by another clock than the node's own, from the start of the call."""
        self._given_runtimes = runtimes
        self.restart_clock()

    def restart_clock(self) -> None:
        """Let the duration begin now."""
        self.started = self.runtime.monotonic()

    def detach(self) -> None:
        """Let go of the nodes around this call: what it has left in the background must not keep them alive."""
        self.later = None
        if self.outer is not None:
            # Settled first, because both may be those of the parent.
            _ = self.graph_execution_id, self.trace_id
            if self.outer.ancestor_stop() is None:
                self._late_parent, self.outer = weakref.ref(self.outer), None

    def elapsed_ms(self) -> float:
        """Time since the call began."""
        return (self.runtime.monotonic() - self.started) * 1000

    def begin_wait(self, *, is_queue: bool = False) -> Limits | None:
        """Make the limits of a wait between or before attempts; None if nothing can end it.

        Args:
            is_queue: Whether it is a policy that makes the call wait. It is counted.

        Raises:
            NodeTimeoutError: Nothing is left of the total timeout.
        """
        self.has_queued = self.has_queued or is_queue
        signal, total_ms = self.abort_signal_of_run, self.options.total_timeout_ms
        if self.outer is not None:
            # A node inside the function of another stops with it, at whatever depth.
            outer = self.outer.ancestor_signals()
            signal = AbortSignal.any(*outer) if signal is None else AbortSignal.any(signal, *outer)
        if signal is None and self.control is None and total_ms is None:
            return None
        elapsed_ms = 0.0 if total_ms is None else self.elapsed_ms()
        return Limits.within_total(
            self.name, signal, self.control, timeout_ms=None, total_ms=total_ms, elapsed_ms=elapsed_ms
        )

    def raise_if_cancelled(self, failed: Exception) -> None:
        """End a call whose task is being cancelled, although the function made an ordinary exception of that.

        Raises:
            asyncio.CancelledError: The task was asked to end since the call began.
        """
        # The task is asked first, which is cheap. The runtime has the last word: a fake one cancels tasks itself.
        before = self.cancel_requests
        if (
            self.task is not None
            and self.task.cancelling() > before
            and self.runtime.cancel_requests() > before
        ):
            raise asyncio.CancelledError from failed

    def has_timed_out_with(self, error: Exception) -> bool:
        """Whether `error` is that of the time limit of the latest attempt."""
        return self.limits is not None and self.limits.has_raised(error)

    def look(self) -> None:
        """Stop the attempt if a drain was requested. The loop's drain watch calls it while the attempt runs."""
        control, task = self.control, self.task
        if self.drain_scope is None and control is not None and task is not None and control.drain_requested:
            limits = Limits(self.name, control=control, on_stop=(self.later or self).stop)
            self.drain_scope = CancelScope.of_running(limits, task, self.cancel_requests)
            self.drain_scope.look()

    @property
    def retry(self) -> RetryConfig | None:
        """That of the node, else the default of the config."""
        return self.options.retry or self.default_retry

    @property
    def runtime(self) -> Runtime:
        """The clock of the call: the node's own, if it was not given another."""
        if self._given_runtimes is None:
            return self.options.runtime
        is_async = self.options.runtime.is_async
        return self._given_runtimes.awaiting if is_async else self._given_runtimes.blocking

    @property
    def given_runtimes(self) -> Runtimes | None:
        """See `NodeContext.given_runtimes`."""
        return self._given_runtimes

    @property
    def runtimes(self) -> Runtimes:
        """See `NodeContext.runtimes`."""
        return self._given_runtimes or self.options.runtimes

    @property
    def parent(self) -> NodeContext | None:
        """See `NodeContext.parent`. A call that is over no longer keeps it alive."""
        if self.outer is None and self._late_parent is not None:
            return self._late_parent()
        return self.outer

    @property
    def started_at(self) -> datetime:
        """See `NodeContext.started_at`."""
        # No cached_property: before Python 3.12 that has one lock for all calls of all threads.
        if self._started_at is None:
            self._started_at = self.runtime.now_utc() - timedelta(milliseconds=self.elapsed_ms())
        return self._started_at

    @property
    def story_id(self) -> str | None:
        """See `NodeContext.story_id`."""
        story_id = self.configurable.get("story_id")
        try:
            if story_id is None:
                state = self.state
                story_id = (
                    state.get("story_id") if isinstance(state, dict) else getattr(state, "story_id", None)
                )
            return None if story_id is None else str(story_id)
        except Exception:  # A property of the state, or the story's own `__str__`, may raise.
            return None

    @property
    def graph_execution_id(self) -> str:
        """See `NodeContext.graph_execution_id`."""
        if self._execution_id is None:
            try:
                execution_id = self.configurable.get("graph_execution_id") or run_id(self.config)
                self._execution_id = str(execution_id) if execution_id else self._made_up_id()
            except Exception:  # An object in the config may raise.
                self._execution_id = self._made_up_id()
        return self._execution_id

    @property
    def trace_id(self) -> str:
        """See `NodeContext.trace_id`."""
        if self._trace_id is None:
            given = self.configurable.get("trace_id")
            if not (isinstance(given, str) and TRACE_ID.fullmatch(given)):
                given, _ = active_otel_ids()
            if not given and self.outer is not None:
                given = self.outer.trace_id
            self._trace_id = str(given) if given else self._derived_trace_id()
        return self._trace_id

    def start_span(self, spans: Spans) -> None:
        """Trace this call. Its `trace_id` is that of its span from now on."""
        attributes = {"langgraph.graph.execution_id": self.graph_execution_id}
        if (story_id := self.story_id) is not None:
            attributes["langgraph.story.id"] = story_id
        self.span = spans.start(self.name, trace_id=self.trace_id, attributes=attributes)
        trace_id, _ = active_otel_ids()
        if trace_id is not None:
            self._trace_id = trace_id

    def _made_up_id(self) -> str:
        new_id = self.runtime.token_hex(16)
        control = run_control(self.config) if self.config else None
        if control is not None:
            return EXECUTION_IDS.of(control, new_id)
        return self.outer.graph_execution_id if self.outer is not None else new_id

    def _derived_trace_id(self) -> str:
        execution_id = self.graph_execution_id
        if TRACE_ID.fullmatch(execution_id):
            return execution_id
        # LangGraph's run ids are UUIDs, which are trace ids once their hyphens are gone.
        digits = execution_id.replace("-", "").lower()
        return digits if TRACE_ID.fullmatch(digits) else self.runtime.token_hex(16)


class ExecutionIds:
    """Made-up ids for graph runs that have none, one for each run.

    LangGraph has one `RunControl` for a run and its subgraphs. It can be neither extended nor weakly
    referenced, so the newest few are kept here together with their ids.
    """

    def __init__(self, limit: int = 16_384) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._ids: OrderedDict[int, tuple[object, str]] = OrderedDict()

    def of(self, run: object, new_id: str) -> str:
        """The id of `run`; `new_id` if it has none yet."""
        with self._lock:
            # The entry holds the run, so its id() cannot be that of another one.
            _, known = self._ids.setdefault(id(run), (run, new_id))
            self._ids.move_to_end(id(run))
            if len(self._ids) > self._limit:
                self._ids.popitem(last=False)
            return known


EXECUTION_IDS: Final = ExecutionIds()
