"""The short way of an ordinary call: nothing about it is special, and its first attempt succeeds.

Nothing traces it, nothing but a timeout or a drain may stop it, and the circuit breaker is closed and has
seen no failure. `FastPath._begin()` leaves every other call to the pipeline. What becomes special on the way, such as
a failure, is finished by the pipeline.

Between two nodes of a graph, LangGraph's own work evicts this code and its data from the processor's caches. So what
a call costs depends on how many functions and objects it touches. The methods here call as few functions as possible,
and leave to the class what a call seldom changes.
`tests/node/test_call_counts.py` counts them, and `tests/node/test_fast_path.py` compares the two ways.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from contextvars import Token, copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from langgraph.runtime import Runtime as GraphRuntime

from langgraph_runner.errors.logs import STRUCTLOG
from langgraph_runner.metrics import NodeMetricsCollector
from langgraph_runner.node.attempt import begin_attempt, run_function
from langgraph_runner.node.call import NO_CONFIG, RUNTIME_KEY, NodeCall
from langgraph_runner.node.context import CURRENT_CONTEXT
from langgraph_runner.node.langgraph.internals import CONFIG_KEYS, RUNTIME, call_directly, fields_of
from langgraph_runner.node.langgraph.isolation import await_in_context, isolated
from langgraph_runner.node.logs import LOGGER
from langgraph_runner.node.reports import log_completed, log_started
from langgraph_runner.runtime.cancel_scope import watch_for_drain
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES, drive, monotonic

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.runnables import RunnableConfig

    from langgraph_runner.node.options import CheckedOptions
    from langgraph_runner.node.pipeline import Pipeline

__all__ = ["FastPath"]

_LOGGER: Final = logging.getLogger(LOGGER)
_UNFINISHED: Final = object()


class FastPath:
    """Runs the ordinary calls of one node. Thread-safe.

    Args:
        pipeline: Runs all other calls.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        options, callee, schema = pipeline.options, pipeline.options.callee, pipeline.schema
        self._pipeline = pipeline
        # What a call reads, gathered in one object.
        self._options = options
        self._name = options.name
        self._has_retry = options.retry is not None
        self._breaker = options.circuit_breaker
        self._collector = options.metrics_collector
        self._drain_stops = options.drain_stops
        self._log_level = options.log_level
        self._is_async = callee.is_async
        self._name_of_function = callee.name
        self._prepared = callee.prepared if callee.injected else None
        self._schema = schema
        self._fields_of_failure = schema.captured
        self._seen_in = schema.seen
        self._node: Callable[..., Any]

    @staticmethod
    def serves(options: CheckedOptions) -> bool:
        """Whether a node with these options has ordinary calls."""
        return not (
            options.policies
            or options.bulkhead is not None
            or options.rate_limit is not None
            or options.fallback is not None
            or options.spans is not None
            or options.runtimes is not REAL_RUNTIMES
        )

    def blocking(self) -> Callable[..., Any]:
        """Return the node of a plain function."""
        begin, end, pipeline = self._begin, self._end, self._pipeline
        function, is_isolated = self._options.callee.function, self._options.retry is not None
        has_timeout = self._options.has_timeout

        def node(state: Any, config: RunnableConfig | None = None, **injected: Any) -> Any:
            call = begin(state, config, injected)
            if call is None:
                return drive(pipeline.run(state, config, injected, wants_outcome=False))
            run = partial(function, **call.keywords) if call.keywords else function
            value = failed = None
            try:
                if has_timeout:
                    begin_attempt(call, call)
                    value = drive(run_function(call))
                elif is_isolated:
                    value = copy_context().run(run, call.state)
                else:
                    value = run(call.state)
            except BaseException as error:
                failed = error
            if failed is None and (result := end(call, value)) is not _UNFINISHED:
                return result
            try:
                return drive(pipeline.continue_after(call, value, failed))
            finally:
                del failed  # Its traceback holds this frame.

        self._node = node
        return node

    def awaited(self) -> Callable[..., Any]:
        """Return the node of a coroutine function."""
        begin, end, pipeline = self._begin, self._end, self._pipeline
        function, is_isolated = self._options.callee.function, self._options.retry is not None
        has_timeout = self._options.has_timeout
        drain_stops = self._options.drain_stops and not has_timeout  # With a timeout, its limits see to it.

        async def node(state: Any, config: RunnableConfig | None = None, **injected: Any) -> Any:
            call = begin(state, config, injected)
            if call is None:
                return await pipeline.run(state, config, injected, wants_outcome=False)
            run = partial(function, **call.keywords) if call.keywords else function
            value = failed = before_attempt = None
            try:
                if has_timeout:
                    begin_attempt(call, call)
                    awaitable = run_function(call)
                elif not is_isolated:
                    awaitable = run(call.state)
                elif call.control is None:
                    awaitable = await_in_context(copy_context(), function, call.state, **call.keywords)
                else:
                    # LangGraph has made a context for this node. The first attempt takes it, at no cost.
                    before_attempt = copy_context()
                    awaitable = run(call.state)
                if drain_stops and call.control is not None and call.task is not None:
                    watched = watch_for_drain(call, call.task.get_loop())
                    try:
                        value = await awaitable
                    finally:
                        watched.discard(call)
                        if call.drain_scope is not None:
                            call.drain_scope.leave()
                else:
                    value = await awaitable
            except BaseException as error:
                failed = error
            if failed is None and (result := end(call, value)) is not _UNFINISHED:
                return result
            try:
                return await pipeline.continue_after(call, value, failed, before_attempt)
            finally:
                del failed  # Its traceback holds this frame.

        self._node = node
        return node

    def _begin(self, state: Any, config: RunnableConfig | None, injected: dict[str, Any]) -> NodeCall | None:  # noqa: C901, PLR0912, PLR0915 - see the module docstring
        """Begin an ordinary call; return None, without any effect, if the call is not one."""
        configurable = NO_CONFIG
        name_in_graph = None
        if config:
            if "signal" in config or "metrics_collector" in config:
                return None
            if "configurable" in config:
                configurable = config["configurable"] or NO_CONFIG
            if "metadata" in config:
                metadata = config["metadata"]
                if metadata and "langgraph_node" in metadata:
                    name_in_graph = metadata["langgraph_node"]
        if (
            # What only the pipeline reads.
            "abort_signal" in configurable
            or "signal" in configurable
            or "spans" in configurable
            or RUNTIME_KEY in configurable
            or (not self._has_retry and "default_retry" in configurable)
            # A direct call, whose config LangGraph has not completed.
            or (config and RUNTIME not in configurable and not config.keys() <= CONFIG_KEYS)
        ):
            return None
        collector = self._collector
        if "metrics_collector" in configurable and configurable["metrics_collector"] is not None:
            collector = configurable["metrics_collector"]
        if collector is not None and type(collector) is not NodeMetricsCollector:
            return None
        permit = 0 if self._breaker is None else self._breaker.idle_permit
        if permit is None:
            return None
        control = None
        if RUNTIME in configurable:
            runtime = configurable[RUNTIME]
            if type(runtime) is not GraphRuntime:
                return None
            control = runtime.control
            if control is not None and self._drain_stops and control.drain_requested:
                return None
        call = NodeCall()
        if self._is_async:
            try:
                task = asyncio.current_task()
            except RuntimeError:  # Something else than asyncio drives the coroutine.
                return None
            if task is None:
                return None
            call.task, call.cancel_requests = task, task.cancelling()
        call.options = self._options
        call.config = config
        call.configurable = configurable
        call.keywords = injected if self._prepared is None else self._prepared(config, injected)
        call.collector = collector
        call.control = control
        call.permit = permit
        if self._has_retry:
            call.pristine, call.state = state, isolated(state)
        else:
            call.state = state
        if type(name_in_graph) is str:
            call.name_in_graph = name_in_graph
            call.name = self._name or name_in_graph or self._name_of_function
        else:
            call.name = self._name or self._name_of_function
        call.token = token = CURRENT_CONTEXT.set(call)
        if token.old_value is not None and token.old_value is not Token.MISSING:
            CURRENT_CONTEXT.reset(token)  # A node inside the function of another one.
            return None
        # structlog, once configured, may want an event whatever the level of the logger is.
        if _LOGGER.isEnabledFor(self._log_level) or (
            (STRUCTLOG.is_imported or "structlog" in sys.modules) and STRUCTLOG.is_configured()
        ):
            try:
                log_started(call)
            except BaseException:  # Ctrl-C, while a handler writes.
                CURRENT_CONTEXT.reset(token)
                raise
        call.started = monotonic()
        return call

    def _end(self, call: NodeCall, value: Any) -> Any:
        """End an ordinary call with what its function returned; return `_UNFINISHED` if that is special."""
        if type(value) is not dict or (
            self._breaker is not None and self._breaker.idle_permit != call.permit
        ):
            return _UNFINISHED
        fields = fields_of(call.configurable) if call.config else NO_CONFIG
        fits_graph = call.name_in_graph in self._seen_in and self._fields_of_failure <= fields.keys()
        for key in value:
            if key not in fields:
                if type(key) is not str:
                    return _UNFINISHED
                fits_graph = False
        duration_ms = (monotonic() - call.started) * 1000
        CURRENT_CONTEXT.reset(call.token)
        call.task = None
        if call.limits is not None:
            call.limits = (
                None  # They refer to the call: only a full collection would free it, with LangGraph's run.
            )
        call.is_over = True
        if call.collector is not None:
            call.collector.record_success(call.name, duration_ms)
        if call.log is not None:
            log_completed(call, "success", duration_ms, attempts=1)
        if not fits_graph and call.config:
            if call.name_in_graph not in self._seen_in:
                call_directly(self._node, call.config)
            self._schema.look_at(value, call.config)
        return value
