"""`JsonFileSaver`, a LangGraph checkpointer whose files a person can read.

Imports go down this list only:

    saver       the `BaseCheckpointSaver`
    threaded    its async methods, in threads
    records     a checkpoint, or the writes of a task, as the body of a document
    store       which files an operation reads, replaces and removes, under the lock
    newest      the newest checkpoint of a namespace, without listing its folder
    head        the file that a person opens
    layout      where each file is, and how ids become file names
    documents   a body as sealed bytes, and back: format, version, checksum
    encoding    a value as JSON that loses nothing
    lock        one writer at a time, in all threads and processes
    files       reading safely, replacing atomically
    errors      the exceptions
"""

from langgraph_runner.graph.json_saver.errors import (
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
)
from langgraph_runner.graph.json_saver.saver import JsonFileSaver

__all__ = [
    "CheckpointCorruptedError",
    "CheckpointError",
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
