"""The types of the graph runner and its checkpoints; never run."""

# LangGraph ships no stubs for `langgraph.graph`.
# pyright: reportMissingTypeStubs=false

from __future__ import annotations

from pathlib import Path
from typing import Any, assert_type

from langgraph.graph import StateGraph
from langgraph.graph.state import CompiledStateGraph

from langgraph_runner import (
    AbortSignal,
    CheckpointCorruptedError,
    CheckpointError,
    CheckpointForeignError,
    CheckpointLockError,
    CheckpointNotAFileError,
    CheckpointReadError,
    CheckpointSerializationError,
    CheckpointTooLargeError,
    CheckpointVersionError,
    CheckpointWriteError,
    ErrorCode,
    ExecutionOptions,
    GraphRunner,
    GraphRunResult,
    GraphRunStatus,
    GraphState,
    JsonFileSaver,
    NodeErrorRecord,
    NodeRun,
    RunListener,
    wrap_graph,
)

CHECKPOINT_ERRORS: tuple[type[CheckpointError], ...] = (
    CheckpointCorruptedError,
    CheckpointForeignError,
    CheckpointLockError,
    CheckpointNotAFileError,
    CheckpointReadError,
    CheckpointSerializationError,
    CheckpointTooLargeError,
    CheckpointVersionError,
    CheckpointWriteError,
)


class Listener:
    """A user-defined listener."""

    def node_started(self, node: NodeRun) -> None:
        """Called when a node begins."""
        assert_type(node.name, str)

    def node_ended(self, node: NodeRun) -> None:
        """Called when a node has ended."""
        assert_type(node.duration_ms, float)


async def runs(graph: CompiledStateGraph[Any, Any, Any, Any], signal: AbortSignal) -> None:
    """A whole graph."""
    listener: RunListener = Listener()
    options = ExecutionOptions(max_concurrency=4, timeout_ms=60_000, persistence_path=Path("run.json"))
    runner = GraphRunner(graph, options, progress=listener)
    result = runner.invoke({}, abort_signal=signal, durability="sync")
    assert_type(result, GraphRunResult)
    assert_type(result.status, GraphRunStatus)
    assert_type(result.errors, tuple[NodeErrorRecord, ...])
    assert_type(await runner.arun({}), GraphRunResult)


def wraps(builder: StateGraph[GraphState, None, GraphState, GraphState]) -> None:
    """The builder keeps its type."""
    assert_type(wrap_graph(builder, retry=3), StateGraph[GraphState, None, GraphState, GraphState])


def saves(error: CheckpointError) -> None:
    """The state on disk."""
    assert_type(JsonFileSaver("run.json"), JsonFileSaver)
    assert_type(error.code, ErrorCode)
