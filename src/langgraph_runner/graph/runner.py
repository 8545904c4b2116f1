"""`GraphRunner`: runs a whole graph with a timeout, a cap, retries, persistence and a result."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final, Unpack

from langgraph.pregel import Pregel

from langgraph_runner.graph.default_retry import default_retry_in, with_default_retry
from langgraph_runner.graph.driving import end_run, run_awaited, run_blocking, stream
from langgraph_runner.graph.execution import Execution
from langgraph_runner.graph.json_saver.saver import JsonFileSaver
from langgraph_runner.graph.listener import check_listener
from langgraph_runner.graph.options import ExecutionOptions, LangGraphOptions, check_langgraph_options
from langgraph_runner.node.langgraph.internals import action_of
from langgraph_runner.node.policies.fallback import check_fallback_nodes
from langgraph_runner.runtime.runtimes import drive

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from langchain_core.runnables import RunnableConfig
    from langgraph.runtime import RunControl
    from langgraph.types import StreamMode

    from langgraph_runner.graph.listener import RunListener
    from langgraph_runner.graph.result import GraphRunResult
    from langgraph_runner.node import AbortSignal

__all__ = ["GraphRunner"]

_NOT_SHOWN: Final = contextlib.nullcontext()


class GraphRunner:
    """Runs a compiled graph under one set of options, any number of times, also at the same time.

    Args:
        graph: What `StateGraph.compile()` or `@entrypoint` made. It is not changed.
        options: See `ExecutionOptions`.
        progress: True to show waves and nodes while they run (extra `rich`), or a `RunListener` to notify of them.

    Raises:
        TypeError: `graph` has not been compiled, or `progress` is no listener.
        ValueError: `persistence_path` is given for a graph that has a checkpointer, or the fallback of a node is the
            id of a node that its graph does not have.
        ModuleNotFoundError: `progress=True` without rich.

    Example:
        >>> from langgraph.graph import START, StateGraph
        >>> from langgraph_runner import GraphState
        >>> builder = StateGraph(GraphState).add_node("load", lambda state: {"story_id": "ST-7"})
        >>> runner = GraphRunner(builder.add_edge(START, "load").compile(), ExecutionOptions(timeout_ms=60_000))
        >>> result = runner.invoke({})
        >>> result.status.value, result.state["story_id"], result.waves
        ('completed', 'ST-7', 1)
    """

    def __init__(
        self,
        graph: Pregel[Any, Any, Any, Any],
        options: ExecutionOptions | None = None,
        *,
        progress: bool | RunListener = False,
    ) -> None:
        candidate: object = graph
        if not isinstance(candidate, Pregel):
            hint = " Call .compile() first." if hasattr(graph, "compile") else ""
            raise TypeError(f"graph must be a compiled graph, got {graph!r:.80}.{hint}")
        given: object = options
        if given is not None and not isinstance(given, ExecutionOptions):
            raise TypeError(f"options must be ExecutionOptions, got {given!r:.80}.")
        if not isinstance(progress, bool):
            check_listener(progress)
        _check_fallbacks(graph)
        self.options = options or ExecutionOptions()
        self._plain_graph = _with_persistence(graph, self.options)
        self.graph = with_default_retry(self._plain_graph, self.options.default_retry)
        """The graph that runs: `graph` itself, or a copy that has a checkpointer for `persistence_path` or a retry
        policy for plain nodes."""
        self._output_keys = self.graph.stream_channels_asis
        self._default_retry_of_graph = default_retry_in(self.graph.config)
        self._progress = progress
        if progress is True:
            from langgraph_runner.graph.progress import LiveProgress  # noqa: PLC0415 - it needs an extra

            self._progress = LiveProgress()

    def run(
        self,
        input: Any,  # noqa: A002 - LangGraph's name
        config: RunnableConfig | None = None,
        *,
        abort_signal: AbortSignal | None = None,
        control: RunControl | None = None,
        **options: Unpack[LangGraphOptions],
    ) -> GraphRunResult:
        """Run the graph to its end and return the result; a failure is a result here, not an exception.

        With a timeout or an abort signal the graph runs in a thread of its own. When it is stopped, nodes made by
        `create_node()` end at once and no further node begins; a blocking function that does not end within a
        second is left behind.

        Args:
            input: The input of the graph. None resumes the thread of the config, or the only one of the file of
                `persistence_path`; `Command(resume=...)` answers an interrupt of it.
            config: As for `graph.invoke()`; `runner_config()` builds one. With a checkpointer and no `thread_id` the
                run gets a thread of its own, whose id is in the result.
            abort_signal: Stops the run when it fires; so does one in the config.
            control: LangGraph's control, on which to request a drain.
            **options: Options of `graph.stream()` to pass on: see `LangGraphOptions`.

        Raises:
            TypeError: `abort_signal` is not an `AbortSignal`, an option is unknown, or an id in the config is no id.
            GraphBubbleUp: Inside a node: an interrupt, a drain or a command for the graph around this run.
            BaseException: What is no failure of the graph, such as `KeyboardInterrupt`.
        """
        execution = self._execution(config, abort_signal, control, options, is_async=False)
        with self._shown(execution):
            result = execution.result(run_blocking(execution, input))
        drive(end_run(execution, result, is_async=False))
        return result

    async def arun(
        self,
        input: Any,  # noqa: A002
        config: RunnableConfig | None = None,
        *,
        abort_signal: AbortSignal | None = None,
        control: RunControl | None = None,
        **options: Unpack[LangGraphOptions],
    ) -> GraphRunResult:
        """Do as `run()`, on the event loop. A node that is stopped is cancelled.

        Raises:
            TypeError: As of `run()`.
            GraphBubbleUp: As of `run()`.
            asyncio.CancelledError: The task of the caller was cancelled.
        """
        execution = self._execution(config, abort_signal, control, options, is_async=True)
        return await run_awaited(execution, input, self._shown(execution))

    def invoke(
        self,
        input: Any,  # noqa: A002
        config: RunnableConfig | None = None,
        *,
        abort_signal: AbortSignal | None = None,
        control: RunControl | None = None,
        **options: Unpack[LangGraphOptions],
    ) -> GraphRunResult:
        """Do as `run()`, but raise what ended the run.

        Raises:
            Exception: The original exception of a run that failed.
            RunTimeoutError: The run took longer than `timeout_ms`.
            RunCancelledError: The abort signal fired.
            GraphDrained: The run was drained before its end.
        """
        return _raise_error_of(self.run(input, config, abort_signal=abort_signal, control=control, **options))

    async def ainvoke(
        self,
        input: Any,  # noqa: A002
        config: RunnableConfig | None = None,
        *,
        abort_signal: AbortSignal | None = None,
        control: RunControl | None = None,
        **options: Unpack[LangGraphOptions],
    ) -> GraphRunResult:
        """Do as `arun()`, but raise what ended the run, as `invoke()` does."""
        execution = self._execution(config, abort_signal, control, options, is_async=True)
        return _raise_error_of(await run_awaited(execution, input, self._shown(execution)))

    async def astream(
        self,
        input: Any,  # noqa: A002
        config: RunnableConfig | None = None,
        *,
        stream_mode: StreamMode | Sequence[StreamMode] = "values",
        subgraphs: bool = False,
        abort_signal: AbortSignal | None = None,
        control: RunControl | None = None,
        **options: Unpack[LangGraphOptions],
    ) -> AsyncIterator[Any]:
        """Do as `ainvoke()`, and yield what LangGraph streams, in the shape of `graph.astream()`.

        Args:
            input: See `run()`.
            config: See `run()`.
            stream_mode: What to stream: one mode, or several.
            subgraphs: Whether to stream nested graphs, too.
            abort_signal: See `run()`.
            control: See `run()`.
            **options: See `run()`.

        Raises:
            Exception: What ended the run, as of `ainvoke()`.
        """
        modes = [stream_mode] if isinstance(stream_mode, str) else list(stream_mode)
        execution = self._execution(config, abort_signal, control, options, is_async=True)
        error: Exception | None = None
        with self._shown(execution):
            try:
                async for namespace, mode, data in stream(execution, input, modes, subgraphs=subgraphs):
                    if mode not in modes:
                        continue
                    parts: list[Any] = [data]
                    if stream_mode != mode:  # A list was given, so each chunk says its mode.
                        parts.insert(0, mode)
                    if subgraphs:
                        parts.insert(0, namespace)
                    yield tuple(parts) if len(parts) > 1 else data
            except Exception as raised:
                error = raised
            result = execution.result(error)
        await end_run(execution, result, is_async=True)
        _raise_error_of(result)

    def _execution(
        self,
        config: RunnableConfig | None,
        abort_signal: AbortSignal | None,
        control: RunControl | None,
        options: LangGraphOptions,
        *,
        is_async: bool,
    ) -> Execution:
        check_langgraph_options(options)
        asked: dict[str, Any] = {"output_keys": self._output_keys, **options}
        if self.options.persistence_path is not None:
            # Each wave is on disk before the next one begins.
            asked.setdefault("durability", "sync")
        in_config = (default_retry_in(config) if config else None) or self._default_retry_of_graph
        return Execution(
            self.graph if in_config is None else with_default_retry(self._plain_graph, in_config),
            self.options,
            config,
            asked,
            abort_signal=abort_signal,
            control=control,
            is_async=is_async,
            listener=self._progress if not isinstance(self._progress, bool) else None,
        )

    def _shown(self, execution: Execution) -> contextlib.AbstractContextManager[Any]:
        shown = getattr(self._progress, "shown", None)
        return _NOT_SHOWN if shown is None else shown(execution.graph.get_name())


def _check_fallbacks(graph: Pregel[Any, Any, Any, Any]) -> None:
    check_fallback_nodes({name: action_of(node.bound) for name, node in graph.nodes.items()})
    for node in graph.nodes.values():
        if isinstance(node.bound, Pregel):
            _check_fallbacks(node.bound)


def _with_persistence(
    graph: Pregel[Any, Any, Any, Any], options: ExecutionOptions
) -> Pregel[Any, Any, Any, Any]:
    path = options.persistence_path
    if path is None:
        return graph
    if graph.checkpointer is not None:
        raise ValueError(
            f"persistence_path must not be given for a graph with a checkpointer, got {graph.checkpointer!r:.60}."
            " Leave out one of the two."
        )
    return graph.copy({"checkpointer": JsonFileSaver(path)})


def _raise_error_of(result: GraphRunResult) -> GraphRunResult:
    if result.error is not None:
        raise result.error
    return result
