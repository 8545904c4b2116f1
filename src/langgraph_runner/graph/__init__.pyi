from langgraph_runner.graph.json_saver.errors import CheckpointCorruptedError as CheckpointCorruptedError
from langgraph_runner.graph.json_saver.errors import CheckpointError as CheckpointError
from langgraph_runner.graph.json_saver.errors import CheckpointForeignError as CheckpointForeignError
from langgraph_runner.graph.json_saver.errors import CheckpointLockError as CheckpointLockError
from langgraph_runner.graph.json_saver.errors import CheckpointNotAFileError as CheckpointNotAFileError
from langgraph_runner.graph.json_saver.errors import CheckpointReadError as CheckpointReadError
from langgraph_runner.graph.json_saver.errors import (
    CheckpointSerializationError as CheckpointSerializationError,
)
from langgraph_runner.graph.json_saver.errors import CheckpointTooLargeError as CheckpointTooLargeError
from langgraph_runner.graph.json_saver.errors import CheckpointVersionError as CheckpointVersionError
from langgraph_runner.graph.json_saver.errors import CheckpointWriteError as CheckpointWriteError
from langgraph_runner.graph.json_saver.saver import JsonFileSaver as JsonFileSaver
from langgraph_runner.graph.listener import NodeRun as NodeRun
from langgraph_runner.graph.listener import RunListener as RunListener
from langgraph_runner.graph.options import ExecutionOptions as ExecutionOptions
from langgraph_runner.graph.result import GraphRunResult as GraphRunResult
from langgraph_runner.graph.result import GraphRunStatus as GraphRunStatus
from langgraph_runner.graph.runner import GraphRunner as GraphRunner
from langgraph_runner.graph.wrapping import wrap_graph as wrap_graph
