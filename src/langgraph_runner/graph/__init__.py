"""Run whole graphs: with the same care for every node, and with their state on disk for a person to read."""

from langgraph_runner.graph.json_saver import (
    CheckpointCorruptedError,
    CheckpointError,
    CheckpointErrorCode,
    CheckpointForeignError,
    CheckpointLockError,
    CheckpointNotAFileError,
    CheckpointReadError,
    CheckpointSerializationError,
    CheckpointTooLargeError,
    CheckpointVersionError,
    CheckpointWriteError,
    JsonFileSaver,
)
from langgraph_runner.graph.options import ExecutionOptions
from langgraph_runner.graph.result import GraphRunResult, GraphRunStatus
from langgraph_runner.graph.runner import GraphRunner
from langgraph_runner.graph.watch import NodeRun, RunListener
from langgraph_runner.graph.wrapping import wrap_graph

__all__ = [
    "CheckpointCorruptedError",
    "CheckpointError",
    "CheckpointErrorCode",
    "CheckpointForeignError",
    "CheckpointLockError",
    "CheckpointNotAFileError",
    "CheckpointReadError",
    "CheckpointSerializationError",
    "CheckpointTooLargeError",
    "CheckpointVersionError",
    "CheckpointWriteError",
    "ExecutionOptions",
    "GraphRunResult",
    "GraphRunStatus",
    "GraphRunner",
    "JsonFileSaver",
    "NodeRun",
    "RunListener",
    "wrap_graph",
]
