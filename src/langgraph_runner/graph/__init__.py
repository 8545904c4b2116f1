"""Run whole graphs: what keeps their state on disk, in JSON that a person can read."""

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
    "JsonFileSaver",
]
