"""What depends on private parts of LangGraph: the graph around a node, its channels, its run and its nodes.

`interrupts.py` has the other half: the questions that a node asks, and their answers. No other module depends on
private parts. `tests/node/langgraph/test_internals.py` runs both against the installed version. With a LangGraph that
a function does not know, it gives the answer that changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final, TypedDict, cast, get_origin

from langchain_core.runnables import RunnableSerializable
from langchain_core.runnables.config import CONFIG_KEYS as _CONFIG_KEYS
from langgraph._internal._runnable import RunnableCallable
from langgraph.channels.base import BaseChannel
from langgraph.channels.binop import BinaryOperatorAggregate
from langgraph.channels.last_value import LastValue
from langgraph.graph import StateGraph
from langgraph.pregel._loop import PregelLoop
from langgraph.pregel._utils import validate_timeout_supported
from langgraph.pregel._write import ChannelWrite, ChannelWriteEntry
from langgraph.pregel.protocol import PregelProtocol
from langgraph.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from collections.abc import Set as AbstractSet

    from langchain_core.runnables import Runnable, RunnableConfig
    from langgraph.runtime import RunControl

__all__ = [
    "CONFIG_KEYS",
    "RUNTIME",
    "action_of",
    "as_runnable",
    "call_directly",
    "completed_config",
    "configured",
    "end_run_after_superstep",
    "fields_of",
    "graph_channels",
    "has_native_cache",
    "has_native_retry",
    "holds_errors",
    "injectables",
    "is_awaitable",
    "is_checkpointed",
    "kind_of",
    "name_in_graph",
    "nodes_of_graph",
    "run_control",
    "run_id",
    "static_successors",
    "writes_fields",
]

CONFIG_KEYS = frozenset(_CONFIG_KEYS)
"""The keys that LangGraph knows in a config."""
RUNTIME = "__pregel_runtime"
"""The key of the config under which LangGraph hands its runtime to a node."""
_READ = "__pregel_read"
_CHECKPOINTER = "__pregel_checkpointer"
_CALL = "__pregel_call"
_EDGES = ("branch:to:", "join:")
"""Prefixes of the channels that edges without a condition write to."""


def completed_config(config: RunnableConfig | None) -> RunnableConfig:
    """The config of a direct call as a graph hands it to a node: unknown keys move to `configurable`."""
    completed: dict[str, Any] = {key: value for key, value in (config or {}).items() if key in CONFIG_KEYS}
    moved = {key: value for key, value in (config or {}).items() if key not in CONFIG_KEYS}
    completed["configurable"] = {**(completed.get("configurable") or {}), **moved}
    return cast("RunnableConfig", completed)


def run_control(config: RunnableConfig | None) -> RunControl | None:
    """The control of the run that `config` belongs to, on which a drain is requested; None outside a graph."""
    runtime = configured(config, RUNTIME)
    return runtime.control if isinstance(runtime, Runtime) else None


def run_id(config: RunnableConfig | None) -> str | None:
    """LangGraph's id of the run, where the caller or the server has given it one."""
    if not config:
        return None
    metadata_id = (config.get("metadata") or {}).get("run_id")
    if metadata_id is not None:
        return str(metadata_id)
    runtime = configured(config, RUNTIME)
    info = runtime.execution_info if isinstance(runtime, Runtime) else None
    return info.run_id if info is not None else None


def name_in_graph(config: RunnableConfig | None) -> str | None:
    """The name that the node of `config` has in its graph; None outside a graph."""
    metadata = config.get("metadata") if config else None
    name = metadata.get("langgraph_node") if metadata else None
    return name if isinstance(name, str) else None


def is_checkpointed(config: RunnableConfig | None) -> bool:
    """Whether the run can be resumed from a checkpoint."""
    checkpointer = configured(config, _CHECKPOINTER)
    return checkpointer is not None and checkpointer is not False


def graph_channels(config: RunnableConfig | None) -> AbstractSet[str] | None:
    """The names of the fields of the running graph's state; None where they cannot be known."""
    channels = _channels_in(config)
    return channels.keys() if channels else None


def _channels_in(config: RunnableConfig | None) -> dict[str, Any]:
    """The fields of the running graph's state; empty where they cannot be known."""
    for argument in getattr(configured(config, _READ), "args", ()):
        if _holds_channels(argument):
            channels: dict[str, Any] = argument
            return channels
    return {}


def _holds_channels(argument: object) -> bool:
    return isinstance(argument, dict) and isinstance(next(iter(argument.values()), None), BaseChannel)


_place_of_channels: dict[Any, int] = {}
"""Among the arguments that LangGraph has bound to its function for reading a state, which one holds the channels."""
_NO_FIELDS: Final[Mapping[str, Any]] = MappingProxyType({})


def fields_of(configurable: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields of the running graph's state; empty where they are not known. `graph_channels()` knows more.

    Cheap enough for every success of a node.

    Args:
        configurable: Of the config of the call.
    """
    if _READ not in configurable:
        return _NO_FIELDS
    read = configurable[_READ]
    if type(read) is not partial:
        return _NO_FIELDS
    if read.func not in _place_of_channels:
        _find_channels(read)
        return _NO_FIELDS
    channels: dict[str, Any] = read.args[_place_of_channels[read.func]]
    return channels


def _find_channels(read: partial[Any]) -> None:
    for place, argument in enumerate(read.args):
        if _holds_channels(argument):
            _place_of_channels[read.func] = place
            return


def holds_errors(config: RunnableConfig | None) -> bool:
    """Whether the field `errors` of the graph's state keeps a list of records; True if that is not known."""
    channel = _channels_in(config).get("errors")
    if not isinstance(channel, (LastValue, BinaryOperatorAggregate)):
        return True
    # The class tells: int, str and dict are kinds of a graph's own. What is no class is left to the graph.
    kind: Any = channel.ValueType
    kind = kind.__origin__ if get_origin(kind) is Annotated else kind
    kind = get_origin(kind) or kind
    return not (isinstance(kind, type) and issubclass(kind, (int, float, str, bytes, Mapping)))


# The field of a state that is one value; that of a functional API's entrypoint. A graph with fields has neither.
_WHOLE = frozenset({"__root__", "__end__"})


def writes_fields(config: RunnableConfig | None) -> bool:
    """Whether the running node returns fields of the state, not one whole value; True if that is not known."""
    channels = graph_channels(config)
    if config is None or channels is None:
        return True
    # Only a StateGraph has this channel and not the one of an entrypoint; any other Pregel writes a whole value.
    if "__start__" not in channels or channels & _WHOLE:
        return False
    # The path of a @task ends with True. Its result goes to its caller.
    path: Sequence[Any] = (config.get("metadata") or {}).get("langgraph_path") or (None,)
    return path[-1] is not True


def has_native_retry(config: RunnableConfig | None) -> bool:
    """Whether LangGraph itself would retry the running node."""
    return bool(getattr(_task_in(config), "retry_policy", None))


def has_native_cache(config: RunnableConfig | None) -> bool:
    """Whether LangGraph itself keeps the result of the running node in a cache."""
    return getattr(_task_in(config), "cache_key", None) is not None


def static_successors(config: RunnableConfig | None) -> list[str]:
    """The nodes that edges without a condition lead to from the running node, sorted, without `END`."""
    channels = [
        entry.channel
        for writer in getattr(_task_in(config), "writers", ())
        if isinstance(writer, ChannelWrite)
        for entry in writer.writes
        if isinstance(entry, ChannelWriteEntry)
    ]
    return sorted({channel.rpartition(":")[2] for channel in channels if channel.startswith(_EDGES)})


def end_run_after_superstep(config: RunnableConfig | None) -> bool:
    """Let the run that `config` belongs to end after the running superstep, as if no node came next.

    What the nodes of the superstep write is kept, and nothing is raised. The graphs around a nested one end as
    well, unless a function has invoked it. With a checkpointer the nodes that would have come next stay due: a
    call with the input None runs them.

    Returns:
        Whether that is possible: False outside a graph, and with a LangGraph that works in another way.
    """
    loops = _loops_of(config)
    for loop in loops:
        loop.tick = partial(_end_quietly, loop)
    return bool(loops)


def nodes_of_graph(config: RunnableConfig | None) -> dict[str, Any] | None:
    """What was given to `add_node()` for each node of the running graph, by id; None where that is not known."""
    loops = _loops_of(config)
    return {name: action_of(node.bound) for name, node in loops[0].nodes.items()} if loops else None


def injectables(config: RunnableConfig | None) -> dict[str, Any]:
    """What LangGraph would inject by name into a node of the running graph; empty outside a graph."""
    runtime = configured(config, RUNTIME)
    if not isinstance(runtime, Runtime):
        return {}
    return {
        "runtime": runtime,
        "store": runtime.store,
        "writer": runtime.stream_writer,
        "previous": runtime.previous,
    }


def _end_quietly(loop: Any) -> bool:
    """In place of a loop's `tick()`: what it does where no task is left."""
    loop._prepare_tasks_and_emit_checkpoint()  # noqa: SLF001 - streams the last checkpoint
    loop.tasks = {}
    loop.status = "done"
    return False


def _loops_of(config: RunnableConfig | None) -> list[Any]:
    """The loop that runs the node of `config`, then those of the graphs around it; empty if they are not known."""
    loops: list[Any] = []
    while isinstance(call := configured(config, _CALL), partial):
        loop = getattr(call.keywords.get("schedule_task"), "__self__", None)
        if not isinstance(loop, PregelLoop) or not hasattr(loop, "_prepare_tasks_and_emit_checkpoint"):
            return []
        if any(loop is each for each in loops):
            break
        loops.append(loop)
        config = loop.config
        if not _runs_a_graph(config):
            break  # A function has invoked the graph. It gets the result, and decides.
    return loops


def _runs_a_graph(config: RunnableConfig | None) -> bool:
    """Whether the node of `config` is a graph, and not a function that may invoke one."""
    action = getattr(_task_in(config), "proc", None)
    if steps := getattr(action, "steps", None):
        action = steps[0]
    while action is not None and not isinstance(action, PregelProtocol):
        action = getattr(action, "bound", None)
    return action is not None


def _task_in(config: RunnableConfig | None) -> Any:
    """LangGraph's task of the running node; None where it is not known."""
    call = configured(config, _CALL)
    # LangGraph hands each node a function to call tasks with, which knows the node's own task.
    task_of_node = call.args[0] if isinstance(call, partial) and call.args else None
    return task_of_node() if callable(task_of_node) else None


def configured(config: RunnableConfig | None, key: str) -> Any:
    """The value of a key in `configurable`; None without it."""
    return ((config or {}).get("configurable") or {}).get(key)


def action_of(runnable: Any) -> Any:
    """What was given to `add_node()`, which LangGraph has made a Runnable of."""
    if type(runnable) is not RunnableCallable or runnable.kwargs or runnable.tags or runnable.explode_args:
        return runnable
    function, coroutine_function = runnable.func, runnable.afunc
    if function is None:
        return coroutine_function
    # LangGraph makes an async form of a plain function; one that the user has written is kept.
    is_made = getattr(coroutine_function, "__wrapped__", None) is function
    return function if is_made or coroutine_function is None else runnable


def call_directly(function: Callable[..., Any], config: RunnableConfig) -> None:
    """Let LangGraph call the running node itself from now on, without the wrapper that it puts around a function.

    The wrapper finds out what to inject, and invokes a Runnable that the function returns. A node that wants nothing
    but the config needs neither: what its function returns, it invokes itself. Nothing changes for any other node.

    Args:
        function: The node.
        config: Of the call.
    """
    steps: Any = getattr(getattr(_task_in(config), "proc", None), "steps", None)
    wrapper: Any = steps[0] if steps else None
    if action_of(wrapper) is function and not wrapper.trace and wrapper.func_accepts.keys() == {"config"}:
        # An attribute of an object is found before the method of its class.
        vars(wrapper)["ainvoke" if wrapper.func is None else "invoke"] = function


class _AnyState(TypedDict):
    pass


def as_runnable(action: Any, name: str) -> Any:
    """What LangGraph makes of an action that is given to `add_node()`."""
    return StateGraph(_AnyState).add_node(name, action).nodes[name].runnable


def is_awaitable(runnable: Runnable[Any, Any]) -> bool:
    """Whether LangGraph considers a Runnable async throughout, so that it can stop it at its `timeout`."""
    try:
        validate_timeout_supported(runnable, name="")
    except ValueError:
        return False
    return True


def kind_of(runnable: Runnable[Any, Any]) -> tuple[str, str]:
    """The module and the name that a drawing of the graph identifies a Runnable by."""
    if isinstance(runnable, RunnableSerializable):
        *module, name = runnable.lc_id()
        return ".".join(module), name
    return type(runnable).__module__, type(runnable).__name__
