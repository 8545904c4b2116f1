"""Everything that depends on private parts of LangGraph, in one place.

`tests/node/langgraph/test_internals.py` runs it against the installed version. With a LangGraph
that a function here does not know, it gives the answer that changes nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache, partial
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final, TypedDict, cast, get_origin

from langchain_core.runnables import RunnableSerializable
from langchain_core.runnables.config import CONFIG_KEYS as _CONFIG_KEYS
from langchain_core.runnables.config import var_child_runnable_config
from langgraph._internal._runnable import RunnableCallable
from langgraph.channels.base import BaseChannel
from langgraph.channels.binop import BinaryOperatorAggregate
from langgraph.channels.last_value import LastValue
from langgraph.errors import GraphInterrupt
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
    "ConfigOfAttempt",
    "QuestionsOfFallback",
    "action_of",
    "as_runnable",
    "call_directly",
    "completed_config",
    "end_run_after_superstep",
    "fields_of",
    "graph_channels",
    "has_current_config",
    "has_native_cache",
    "has_native_retry",
    "holds_errors",
    "injectables",
    "interrupts_so_far",
    "is_awaitable",
    "is_checkpointed",
    "kind_of",
    "name_in_graph",
    "next_attempt_config",
    "next_attempt_keywords",
    "nodes_of_graph",
    "run_control",
    "run_id",
    "static_successors",
    "withhold_answer_to_fallback",
    "writes_fields",
]

_SCRATCHPAD = "__pregel_scratchpad"
_COUNTERS = threading.Lock()
"""Held while a counter of interrupts changes, or takes the place of LangGraph's."""
_RESUMING = "__pregel_resuming"
CONFIG_KEYS = frozenset(_CONFIG_KEYS)
"""The keys that LangGraph knows in a config."""
RUNTIME = "__pregel_runtime"
"""The key of the config under which LangGraph hands its runtime to a node."""
_READ = "__pregel_read"
_CHECKPOINTER = "__pregel_checkpointer"
_CALL = "__pregel_call"
_SEND = "__pregel_send"
_RESUME = "__resume__"
_FALLBACK = "langgraph_runner.fallback:"
"""Begins the entry in LangGraph's list of answers after which those to the questions of a fallback follow."""
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
    runtime = _configured(config, RUNTIME)
    return runtime.control if isinstance(runtime, Runtime) else None


def run_id(config: RunnableConfig | None) -> str | None:
    """LangGraph's id of the run, where the caller or the server has given it one."""
    if not config:
        return None
    metadata_id = (config.get("metadata") or {}).get("run_id")
    if metadata_id is not None:
        return str(metadata_id)
    runtime = _configured(config, RUNTIME)
    info = runtime.execution_info if isinstance(runtime, Runtime) else None
    return info.run_id if info is not None else None


def name_in_graph(config: RunnableConfig | None) -> str | None:
    """The name that the node of `config` has in its graph; None outside a graph."""
    metadata = config.get("metadata") if config else None
    name = metadata.get("langgraph_node") if metadata else None
    return name if isinstance(name, str) else None


def is_checkpointed(config: RunnableConfig | None) -> bool:
    """Whether the run can be resumed from a checkpoint."""
    checkpointer = _configured(config, _CHECKPOINTER)
    return checkpointer is not None and checkpointer is not False


class InterruptCounter:
    """Counts the calls of `interrupt()` in one task, in place of LangGraph's counter, which hides its count.

    Args:
        count: The calls so far.
    """

    __slots__ = ("count",)

    def __init__(self, count: int) -> None:
        self.count = count

    def __call__(self) -> int:
        """The index of the next call, from 0."""
        with _COUNTERS:
            self.count += 1
            index = self.count - 1
        _forget_answers_to_fallback(index)
        return index

    def advance_to(self, count: int) -> None:
        """Count the calls that another counter has counted."""
        with _COUNTERS:
            self.count = max(self.count, count)


def interrupts_so_far() -> int:
    """How often `interrupt()` was called in the LangGraph task that runs now."""
    counter = _counter_of(_configured(var_child_runnable_config.get(), _SCRATCHPAD))
    return 0 if counter is None else counter.count


def has_current_config() -> bool:
    """Whether LangGraph's `get_config()` finds a config: False outside a graph."""
    return var_child_runnable_config.get() is not None


def next_attempt_config(
    config: RunnableConfig | None, attempt: int, interrupts_before: int
) -> tuple[RunnableConfig | None, InterruptCounter | None]:
    """The config for another attempt inside the same LangGraph task, and its counter if that is not the task's own.

    What LangGraph's own retry does (`pregel/_retry.py`): `interrupt()` counts from where the node call began, so
    that the answers given so far are found and no question is asked twice; subgraphs resume; the runtime
    knows the attempt.
    """
    configurable = (config or {}).get("configurable")
    if not config or not configurable or _SCRATCHPAD not in configurable:
        return config, None
    configurable = {**configurable, _RESUMING: True}
    scratchpad, own_counter = configurable[_SCRATCHPAD], None
    counter = _counter_of(scratchpad)
    if counter is not None and counter.count > interrupts_before:  # The call has asked, which is rare.
        own_counter = InterruptCounter(interrupts_before)
        configurable[_SCRATCHPAD] = _changed(scratchpad, "interrupt_counter", own_counter)
    runtime = configurable.get(RUNTIME)
    if type(runtime) is Runtime and runtime.execution_info is not None:
        info = _changed(runtime.execution_info, "node_attempt", attempt)
        configurable[RUNTIME] = _changed(runtime, "execution_info", info)
    return {**config, "configurable": configurable}, own_counter


def _changed(record: Any, field: str, value: Any) -> Any:
    """Return a copy of a frozen dataclass with one field changed: `dataclasses.replace()` at a third of its cost."""
    kind = type(record)
    get_values, setters = _access_to(kind)  # type: ignore[arg-type] # mypy does not know that classes are hashable
    twin = object.__new__(kind)
    for set_value, old_value in zip(setters, get_values(record), strict=True):
        set_value(twin, old_value)
    object.__setattr__(twin, field, value)
    return twin


@cache
def _access_to(kind: type) -> tuple[Callable[[Any], tuple[Any, ...]], list[Callable[[Any, Any], None]]]:
    """Return what gets the values of all fields of a dataclass with slots, and what sets each of them."""
    names = [field.name for field in fields(kind)]
    return attrgetter(*names), [getattr(kind, name).__set__ for name in names]


def next_attempt_keywords(keywords: dict[str, Any], attempt: int, interrupts_before: int) -> dict[str, Any]:
    """What was injected into the first attempt, brought up to date for another."""
    changes: dict[str, Any] = {}
    if "config" in keywords:
        changes["config"], _ = next_attempt_config(keywords["config"], attempt, interrupts_before)
    runtime = keywords.get("runtime")
    if isinstance(runtime, Runtime) and runtime.execution_info is not None:
        changes["runtime"] = runtime.patch_execution_info(node_attempt=attempt)
    return {**keywords, **changes} if changes else keywords


class ConfigOfAttempt:
    """A context manager: LangGraph's `get_config()`, and so `interrupt()`, see the config of another attempt.

    What calls `interrupt()` next, a fallback or the function that called this node, goes on counting where the
    attempt ended.
    """

    # Not a generator with @contextmanager: that assigns to `__traceback__`, which a frozen exception refuses.

    __slots__ = ("_before", "_during", "_own_counter", "_token")

    def __init__(self, attempt: int, interrupts_before: int) -> None:
        self._before = var_child_runnable_config.get()
        self._during, self._own_counter = next_attempt_config(self._before, attempt, interrupts_before)

    def __enter__(self) -> None:
        if self._before is not None:
            self._token = var_child_runnable_config.set(self._during)

    def __exit__(self, *_: object) -> None:
        if self._before is None:
            return
        try:  # noqa: SIM105 - this runs for each failed attempt
            var_child_runnable_config.reset(self._token)
        except ValueError:  # A coroutine that is closed by the garbage collector is in another context then.
            pass
        if self._own_counter is not None:
            counter = _counter_of(_configured(self._before, _SCRATCHPAD))
            if counter is not None:
                counter.advance_to(self._own_counter.count)


def _counter_of(scratchpad: Any) -> InterruptCounter | None:
    """The counter of a task, which takes the place of LangGraph's; None if that is not known."""
    counter = getattr(scratchpad, "interrupt_counter", None)
    if counter is None or type(counter) is InterruptCounter:
        return counter
    if not callable(counter) or not is_dataclass(scratchpad):
        return None
    with _COUNTERS:  # Two threads of one task must not both ask for the count: asking counts, too.
        if scratchpad.interrupt_counter is counter:  # type: ignore[union-attr] # LangGraph's own class
            # Frozen, but shared by all that run in the task, and LangGraph reads the counter anew for each call.
            count: Any = counter()
            object.__setattr__(scratchpad, "interrupt_counter", InterruptCounter(count))
    return _counter_of(scratchpad)


class QuestionsOfFallback:
    """A context manager: the fallback of a node gets the answers to its own questions, and no others.

    LangGraph numbers the questions of a task, and gives an answer to whatever asks the question with that number. On
    resume the function may deliver where it failed before, or the reverse. So an entry in LangGraph's list of
    answers, which is stored with the checkpoint, tells where the answers to the fallback begin.

    Args:
        node: The name of the node.
    """

    __slots__ = ("_begin", "_configurable", "_counter", "_entry", "_is_new")

    def __init__(self, node: str) -> None:
        self._entry = _FALLBACK + node
        self._configurable = _configurable_now()
        self._counter = _counter_of(self._configurable.get(_SCRATCHPAD))

    def __enter__(self) -> None:
        if self._counter is None:
            return
        scratchpad = self._configurable[_SCRATCHPAD]
        if type(scratchpad.get_null_resume) is _Withheld:
            object.__setattr__(scratchpad, "get_null_resume", scratchpad.get_null_resume.take)
        answers = scratchpad.resume
        self._begin = self._counter.count
        place = _place_of(self._entry, answers, self._begin)
        self._is_new = place is None
        if place is None:  # An answer that is at hand is one to the function.
            object.__setattr__(scratchpad, "get_null_resume", _Withheld(None, self._configurable))
            place = len(answers)
            answers.append(self._entry)
        self._counter.advance_to(place + 1)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._counter is None or not self._is_new:
            return
        scratchpad = self._configurable[_SCRATCHPAD]
        if kind is not None and issubclass(kind, GraphInterrupt):
            self._configurable[_SEND]([(_RESUME, [*scratchpad.resume])])
            return
        object.__setattr__(scratchpad, "get_null_resume", scratchpad.get_null_resume.take)
        if self._counter.count == len(scratchpad.resume):  # It has asked nothing.
            scratchpad.resume.pop()
            self._counter.count = self._begin


class _Withheld:
    """In place of the function that hands out the answer of a resume: that belongs to a question of another.

    Subgraphs ask this function, too.

    Args:
        entry: Where the answers begin that are forgotten once another question is asked; None if all are kept.
        configurable: Of the config of the task.
    """

    __slots__ = ("answers", "entry", "send", "take")

    def __init__(self, entry: str | None, configurable: Mapping[str, Any]) -> None:
        scratchpad = configurable[_SCRATCHPAD]  # Not kept: the two would keep each other alive.
        self.entry, self.send = entry, configurable[_SEND]
        self.take, self.answers = scratchpad.get_null_resume, scratchpad.resume

    def __call__(self, consume: bool = False) -> None:
        if not consume:
            return
        place = None if self.entry is None else _place_of(self.entry, self.answers)
        if place is not None:
            del self.answers[place:]
            self.send([(_RESUME, [*self.answers])])
        self.take(True)  # noqa: FBT003 - LangGraph's signature


def withhold_answer_to_fallback(node: str) -> None:
    """Before the function of a node runs: keep from it the answer to a question that its fallback has asked."""
    configurable = _configurable_now()
    answers = getattr(configurable.get(_SCRATCHPAD), "resume", None)
    if answers and _place_of(_FALLBACK + node, answers) is not None:
        withheld = _Withheld(_FALLBACK + node, configurable)
        object.__setattr__(configurable[_SCRATCHPAD], "get_null_resume", withheld)


def _forget_answers_to_fallback(index: int) -> None:
    """Before a question with this index is asked: forget the answers to a fallback that has asked in its place."""
    configurable = _configurable_now()
    scratchpad: Any = configurable.get(_SCRATCHPAD)
    answers: Any = getattr(scratchpad, "resume", ())
    if index < len(answers) and _is_entry(answers[index]):
        del answers[index:]
        configurable[_SEND]([(_RESUME, [*answers])])
        scratchpad.get_null_resume(True)  # noqa: FBT003 - LangGraph's signature


def _configurable_now() -> Mapping[str, Any]:
    return (var_child_runnable_config.get() or {}).get("configurable") or {}


def _is_entry(answer: object) -> bool:
    return isinstance(answer, str) and answer.startswith(_FALLBACK)


def _place_of(entry: str, answers: list[Any], begin: int = 0) -> int | None:
    places = range(begin, len(answers))
    return next((place for place in places if _is_entry(answers[place]) and answers[place] == entry), None)


def graph_channels(config: RunnableConfig | None) -> AbstractSet[str] | None:
    """The names of the fields of the running graph's state; None where they cannot be known."""
    channels = _channels_in(config)
    return channels.keys() if channels else None


def _channels_in(config: RunnableConfig | None) -> dict[str, Any]:
    """The fields of the running graph's state; empty where they cannot be known."""
    for argument in getattr(_configured(config, _READ), "args", ()):
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
    runtime = _configured(config, RUNTIME)
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
    while isinstance(call := _configured(config, _CALL), partial):
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
    call = _configured(config, _CALL)
    # LangGraph hands each node a function to call tasks with, which knows the node's own task.
    task_of_node = call.args[0] if isinstance(call, partial) and call.args else None
    return task_of_node() if callable(task_of_node) else None


def _configured(config: RunnableConfig | None, key: str) -> Any:
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
