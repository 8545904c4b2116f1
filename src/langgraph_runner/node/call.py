"""`NodeCall`: all that one call of a node carries through the pipeline."""

from __future__ import annotations

import re
import weakref
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.node.context import EXECUTION_IDS, active_otel_ids
from langgraph_runner.node.langgraph.internals import interrupts_so_far, name_in_graph, run_control, run_id

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from langchain_core.runnables import RunnableConfig
    from langgraph.runtime import RunControl

    from langgraph_runner.errors import FailureCategory
    from langgraph_runner.node.context import NodeContext
    from langgraph_runner.node.options import NodePolicies, Span, Spans
    from langgraph_runner.runtime.abort import AbortSignal
    from langgraph_runner.runtime.limits import Limits
    from langgraph_runner.runtime.runtimes import Runtime, Runtimes

__all__ = ["TRACE_ID", "NodeCall"]

TRACE_ID: Final = re.compile(r"(?!0{32})[0-9a-f]{32}")
"""A trace id as W3C Trace Context has it: 32 lower-case hex digits, not all of them 0."""


class NodeCall:
    """One call of one node. Belongs to that call alone, so it needs no lock.

    `state` and `keywords` change from one attempt to the next; the rest is settled at the start.
    """

    abort_signal: AbortSignal | None = None
    configurable: Mapping[str, Any] = MappingProxyType({})
    control: RunControl | None = None
    """LangGraph's, on which a drain is requested."""
    pristine: Any = None
    """The state as it was given, which no attempt gets to see where another or a fallback may follow."""
    is_stoppable: bool = False
    """Whether an abort signal, a drain or a node around this one may stop an attempt."""
    attempts: int = 0
    cancel_requests: int = 0
    """Of the task, when the call began."""
    interrupts_before: int = 0
    """Calls of `interrupt()` in this LangGraph task before this node call: by the node that calls this one."""
    fallback_used: bool = False
    primary_failure: FailureCategory | None = None
    """Why the function did not deliver, once its fallback has taken over."""
    limits: Limits | None = None
    """What may stop the latest attempt; None if nothing can."""
    has_ended: bool = False
    is_logged: bool = False
    """Whether the events of an ordinary call are wanted."""
    given_runtimes: Runtimes | None = None
    """The runtimes of the run's config; None to go by the node's own."""
    span: Span | None = None
    """What traces this call."""
    _late_parent: weakref.ref[NodeContext] | None = None
    _started_at: datetime | None = None
    _execution_id: str | None = None
    _trace_id: str | None = None

    def __init__(
        self,
        policies: NodePolicies,
        state: Any,
        config: RunnableConfig | None,
        keywords: dict[str, Any],
        parent: NodeContext | None,
    ) -> None:
        callee = policies.callee
        self.policies = policies
        self.state = state
        self.config = config
        if config:
            self.configurable = config.get("configurable") or self.configurable
            self.name = policies.name or name_in_graph(config) or callee.name
        else:
            self.name = policies.name or callee.name
        self.keywords = callee.prepared(config, keywords) if callee.injected else keywords
        self.parent = parent
        self.collector = policies.metrics_collector
        self.retry = policies.retry
        self._start(policies.runtime)
        if parent is not None:
            self.is_stoppable = True
            self.interrupts_before = interrupts_so_far()
            if parent.given_runtimes is not None:
                self.use(parent.given_runtimes)

    def use(self, runtimes: Runtimes) -> None:
        """Go by another clock than the node's own, from the start of the call."""
        self.given_runtimes = runtimes
        self._start(runtimes.awaiting if self.policies.runtime.is_async else runtimes.blocking)

    def _start(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.started = runtime.monotonic()
        if self.policies.callee.is_async:
            self.cancel_requests = runtime.cancel_requests()

    def restart_clock(self) -> None:
        """The duration begins now."""
        self.started = self.runtime.monotonic()

    @property
    def known_parent(self) -> NodeContext | None:
        """The parent, which a call that is over no longer keeps alive."""
        if self.parent is None and self._late_parent is not None:
            return self._late_parent()
        return self.parent

    def end(self) -> None:
        """The call is over: nodes that it has left in the background do not keep it, or its parents, alive."""
        if self.parent is not None:
            # Settled first, because both may be those of the parent.
            _ = self.graph_execution_id, self.trace_id
            if self.parent.ancestor_stop() is None:
                self._late_parent, self.parent = weakref.ref(self.parent), None
        self.has_ended = True

    def elapsed_ms(self) -> float:
        """Time since the call began."""
        return (self.runtime.monotonic() - self.started) * 1000

    def has_timed_out_with(self, error: Exception) -> bool:
        """Whether `error` is that of the time limit of the latest attempt."""
        return self.limits is not None and self.limits.has_raised(error)

    @property
    def started_at(self) -> datetime:
        """The wall clock's idea of `started`."""
        # No cached_property: before Python 3.12 that has one lock for all calls of all threads.
        if self._started_at is None:
            self._started_at = self.runtime.now_utc() - timedelta(milliseconds=self.elapsed_ms())
        return self._started_at

    @property
    def story_id(self) -> str | None:
        """See `NodeContext.story_id`."""
        story_id = self.configurable.get("story_id")
        if story_id is None:
            state = self.state
            story_id = state.get("story_id") if isinstance(state, dict) else _attribute(state, "story_id")
        try:
            return None if story_id is None else str(story_id)
        except Exception:  # A story without a text is no story.
            return None

    @property
    def graph_execution_id(self) -> str:
        """See `NodeContext.graph_execution_id`."""
        if self._execution_id is None:
            given = self.configurable.get("graph_execution_id") or run_id(self.config)
            self._execution_id = str(given) if given else self._made_up_id()
        return self._execution_id

    @property
    def trace_id(self) -> str:
        """See `NodeContext.trace_id`."""
        if self._trace_id is None:
            given = self.configurable.get("trace_id")
            if not (isinstance(given, str) and TRACE_ID.fullmatch(given)):
                given, _ = active_otel_ids()
            if not given and self.parent is not None:
                given = self.parent.trace_id
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
        control = run_control(self.config)
        if control is not None:
            return EXECUTION_IDS.of(control, new_id)
        return self.parent.graph_execution_id if self.parent is not None else new_id

    def _derived_trace_id(self) -> str:
        # LangGraph's run ids are UUIDs, which are trace ids once their hyphens are gone.
        digits = self.graph_execution_id.replace("-", "").lower()
        return digits if TRACE_ID.fullmatch(digits) else self.runtime.token_hex(16)


def _attribute(state: object, name: str) -> object:
    """An attribute of a state object, which may be a property that raises."""
    try:
        return getattr(state, name, None)
    except Exception:  # The record of a failure matters more than its story.
        return None
