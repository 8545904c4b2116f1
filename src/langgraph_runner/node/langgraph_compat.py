"""Everything that depends on how LangGraph works inside, in one place.

`tests/node/test_langgraph_compat.py` runs it against the installed version. Where a function here meets a
LangGraph that it does not know, it gives the answer that changes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from langchain_core.runnables.config import var_child_runnable_config
from langgraph.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Token

    from langchain_core.runnables import RunnableConfig
    from langgraph.runtime import RunControl

__all__ = [
    "graph_channels",
    "next_attempt_config",
    "next_attempt_keywords",
    "restore_config",
    "run_control",
    "run_id",
    "use_config",
]

_SCRATCHPAD = "__pregel_scratchpad"
_RESUMING = "__pregel_resuming"
_RUNTIME = "__pregel_runtime"
_READ = "__pregel_read"
_CHECKPOINTER = "__pregel_checkpointer"


def run_control(config: RunnableConfig | None) -> RunControl | None:
    """The control of the run that `config` belongs to, on which a drain is requested; None outside a graph."""
    runtime = config.get("configurable", {}).get(_RUNTIME) if config else None
    return runtime.control if isinstance(runtime, Runtime) else None


def run_id(config: RunnableConfig | None) -> str | None:
    """LangGraph's id of the run, where the caller or the server has given it one."""
    if not config:
        return None
    metadata_id = config.get("metadata", {}).get("run_id")
    if metadata_id is not None:
        return str(metadata_id)
    runtime = config.get("configurable", {}).get(_RUNTIME)
    info = runtime.execution_info if isinstance(runtime, Runtime) else None
    return info.run_id if info is not None else None


def name_in_graph(config: RunnableConfig | None) -> str | None:
    """What LangGraph calls the node that `config` was made for; None outside a graph."""
    metadata = config.get("metadata") if config else None
    return metadata.get("langgraph_node") if metadata else None


def is_checkpointed(config: RunnableConfig | None) -> bool:
    """Whether the run can be resumed from a checkpoint."""
    configurable = (config or {}).get("configurable") or {}
    return configurable.get(_CHECKPOINTER) not in {None, False}


def next_attempt_config(config: RunnableConfig | None, attempt: int) -> RunnableConfig | None:
    """The config for another attempt inside the same LangGraph task.

    What LangGraph's own retry does (`pregel/_retry.py`): `interrupt()` counts from the first again, so that
    the answers given so far are found and no question is asked twice; subgraphs resume; the runtime knows the
    attempt.
    """
    configurable = (config or {}).get("configurable", {})
    scratchpad = configurable.get(_SCRATCHPAD)
    if config is None or scratchpad is None:
        return config
    changes: dict[str, Any] = {_RESUMING: True}
    counter = getattr(scratchpad, "interrupt_counter", None)
    if counter is not None:
        changes[_SCRATCHPAD] = replace(scratchpad, interrupt_counter=type(counter)())
    runtime = configurable.get(_RUNTIME)
    if isinstance(runtime, Runtime) and runtime.execution_info is not None:
        changes[_RUNTIME] = runtime.patch_execution_info(node_attempt=attempt)
    return {**config, "configurable": {**configurable, **changes}}


def next_attempt_keywords(keywords: dict[str, Any], attempt: int) -> dict[str, Any]:
    """What was injected into the first attempt, brought up to date for another."""
    changes: dict[str, Any] = {}
    if "config" in keywords:
        changes["config"] = next_attempt_config(keywords["config"], attempt)
    runtime = keywords.get("runtime")
    if isinstance(runtime, Runtime) and runtime.execution_info is not None:
        changes["runtime"] = runtime.patch_execution_info(node_attempt=attempt)
    return {**keywords, **changes} if changes else keywords


def use_config(attempt: int) -> Token[RunnableConfig | None] | None:
    """Make LangGraph's `get_config()`, and so `interrupt()`, see the config of another attempt."""
    current = var_child_runnable_config.get()
    if current is None:
        return None
    return var_child_runnable_config.set(next_attempt_config(current, attempt))


def restore_config(token: Token[RunnableConfig | None] | None) -> None:
    """Undo `use_config()`."""
    if token is not None:
        var_child_runnable_config.reset(token)


def graph_channels(config: RunnableConfig | None) -> frozenset[str] | None:
    """The names of the fields of the running graph's state; None where they cannot be known."""
    read: Callable[..., Any] | None = (config or {}).get("configurable", {}).get(_READ)
    for argument in getattr(read, "args", ()):
        if hasattr(argument, "keys") and all(hasattr(channel, "update") for channel in argument.values()):
            return frozenset(argument)
    return None
