"""The thread that a run with the input None, or with an answer, resumes: that of its config, or the only one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.types import Command

from langgraph_runner.graph.json_saver.saver import JsonFileSaver

if TYPE_CHECKING:
    from langgraph_runner.graph.execution import Execution

__all__ = ["is_resume", "resume_thread"]

_SHOWN: Final = 5


def is_resume(graph_input: Any) -> bool:
    """Whether a run with this input continues another one."""
    return graph_input is None or (isinstance(graph_input, Command) and graph_input.resume is not None)


def resume_thread(execution: Execution, graph_input: Any) -> None:
    """Set the thread of a run that continues another run. With a `persistence_path`, this reads files.

    Raises:
        ValueError: There is nothing to resume, or it is not clear which thread is meant.
        CheckpointError: The files cannot be read.
    """
    if not is_resume(graph_input):
        return
    saver = execution.graph.checkpointer
    if not isinstance(saver, BaseCheckpointSaver):
        if saver or execution.is_nested:  # The graph around the run may have a checkpointer.
            return
        raise ValueError(
            "There is nothing to resume: the graph has no checkpointer. Give"
            " ExecutionOptions(persistence_path=...), or compile the graph with a checkpointer."
        )
    if not isinstance(saver, JsonFileSaver):
        if execution.names_thread:
            return
        raise ValueError("The run to resume is not clear: give its thread_id in config['configurable'].")
    if execution.names_thread and saver.get_tuple({"configurable": {"thread_id": execution.thread_id}}):
        return
    thread_id = _only_thread(saver, execution.thread_id if execution.names_thread else None)
    execution.config = {
        **execution.config,
        "configurable": {**execution.config.get("configurable", {}), "thread_id": thread_id},
    }


def _only_thread(saver: JsonFileSaver, missing: str | None) -> str:
    """Return the id of the only thread of the file.

    Args:
        saver: The checkpointer of the run.
        missing: The thread that the caller has named, and that has no checkpoint.

    Raises:
        ValueError: The file has several threads or none, or `missing` is not None.
    """
    threads = saver.thread_ids()
    if not threads:
        raise ValueError(f"There is nothing to resume: {saver.path} has no checkpoint. Give an input.")
    shown = ", ".join(map(repr, threads[:_SHOWN]))
    if len(threads) > _SHOWN:
        shown += f" and {len(threads) - _SHOWN} more"
    if missing is not None:
        raise ValueError(
            f"There is nothing to resume: {saver.path} has no thread {missing!r}. It has {shown}."
        )
    if len(threads) > 1:
        raise ValueError(
            f"The run to resume is not clear: {saver.path} has {len(threads)} threads, {shown}. Give one as thread_id"
            " in config['configurable']."
        )
    return threads[0]
