"""Another attempt in the LangGraph task of the first one: its config, and the answers to its `interrupt()` calls.

LangGraph numbers the questions of a task, and gives an answer to whatever asks the question with that number. So each
attempt has to count from where the node call began, and a fallback must not get the answers to the function.

This module depends on private parts of LangGraph, as `internals.py` does.
"""

from __future__ import annotations

import threading
from dataclasses import fields, is_dataclass, replace
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from langchain_core.runnables.config import var_child_runnable_config
from langgraph.errors import GraphInterrupt
from langgraph.runtime import Runtime

from langgraph_runner.node.langgraph.internals import RUNTIME, configured

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from langchain_core.runnables import RunnableConfig

__all__ = [
    "ConfigOfAttempt",
    "QuestionsOfFallback",
    "has_current_config",
    "interrupts_so_far",
    "next_attempt_config",
    "next_attempt_keywords",
    "withhold_answer_to_fallback",
]

_SCRATCHPAD = "__pregel_scratchpad"
_RESUMING = "__pregel_resuming"
_SEND = "__pregel_send"
_RESUME = "__resume__"
_FALLBACK = "langgraph_runner.fallback:"
"""How an entry in LangGraph's list of answers begins that marks the answers after it as those to a fallback."""
_COUNTERS = threading.Lock()
"""Held while a counter of interrupts changes, or takes the place of LangGraph's."""


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
        """Raise the count to that of another counter, if that is higher."""
        with _COUNTERS:
            self.count = max(self.count, count)


def interrupts_so_far() -> int:
    """How often `interrupt()` was called in the LangGraph task that runs now."""
    counter = _counter_of(configured(var_child_runnable_config.get(), _SCRATCHPAD))
    return 0 if counter is None else counter.count


def has_current_config() -> bool:
    """Whether LangGraph's `get_config()` finds a config: False outside a graph."""
    return var_child_runnable_config.get() is not None


def next_attempt_config(
    config: RunnableConfig | None, attempt: int, interrupts_before: int
) -> tuple[RunnableConfig | None, InterruptCounter | None]:
    """The config for another attempt inside the same LangGraph task, and its counter if that is not the task's own.

    It does what LangGraph's own retry does (`pregel/_retry.py`). `interrupt()` counts from where the node call began,
    so an answered question is not asked again. Subgraphs resume, and the runtime has the number of the attempt.
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
    """Return a copy of a frozen dataclass with one field changed.

    For a dataclass with slots this takes a third of the time of `dataclasses.replace()`.
    """
    kind: Any = type(record)  # `Any`, because mypy does not know that classes are hashable.
    try:
        get_values, setters = _access_to(kind)
    except AttributeError:  # It has no slots.
        return replace(record, **{field: value})
    twin = object.__new__(kind)
    for set_value, old_value in zip(setters, get_values(record), strict=True):
        set_value(twin, old_value)
    object.__setattr__(twin, field, value)
    return twin


@cache
def _access_to(kind: type) -> tuple[Callable[[Any], tuple[Any, ...]], list[Callable[[Any, Any], None]]]:
    """Return a function that gets the values of all fields, and one setter for each field.

    Raises:
        AttributeError: The dataclass has no slots.
    """
    names = [field.name for field in fields(kind)]
    return attrgetter(*names), [getattr(kind, name).__set__ for name in names]


def next_attempt_keywords(keywords: dict[str, Any], attempt: int, interrupts_before: int) -> dict[str, Any]:
    """The injected arguments of the first attempt, updated for another one."""
    changes: dict[str, Any] = {}
    if "config" in keywords:
        changes["config"], _ = next_attempt_config(keywords["config"], attempt, interrupts_before)
    runtime = keywords.get("runtime")
    if isinstance(runtime, Runtime) and runtime.execution_info is not None:
        changes["runtime"] = runtime.patch_execution_info(node_attempt=attempt)
    return {**keywords, **changes} if changes else keywords


class ConfigOfAttempt:
    """A context manager: LangGraph's `get_config()`, and so `interrupt()`, see the config of another attempt.

    After the attempt, a fallback or the function that called this node continues to count where the attempt ended.
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
            counter = _counter_of(configured(self._before, _SCRATCHPAD))
            if counter is not None:
                counter.advance_to(self._own_counter.count)


def _counter_of(scratchpad: Any) -> InterruptCounter | None:
    """The counter of a task. It replaces LangGraph's counter at the first call; None if that has an unknown form."""
    counter = getattr(scratchpad, "interrupt_counter", None)
    if counter is None or type(counter) is InterruptCounter:
        return counter
    if not callable(counter) or not is_dataclass(scratchpad):
        return None
    with _COUNTERS:  # Two threads of one task must not both ask for the count: asking counts, too.
        if scratchpad.interrupt_counter is counter:  # type: ignore[union-attr] # LangGraph's own class
            # Frozen, but all code in the task shares it, and LangGraph reads the counter at each call.
            count: Any = counter()
            object.__setattr__(scratchpad, "interrupt_counter", InterruptCounter(count))
    return _counter_of(scratchpad)


class QuestionsOfFallback:
    """A context manager: the fallback of a node gets only the answers to its own questions.

    When the node resumes, its function may succeed although it failed before, or fail although it succeeded. So an
    entry in LangGraph's list of answers, which the checkpoint stores, marks where the answers to the fallback begin.

    Args:
        node: The name of the node.
    """

    __slots__ = ("_begin", "_configurable", "_counter", "_entry", "_is_new")

    def __init__(self, node: str) -> None:
        self._entry = _FALLBACK + node
        self._configurable = _configurable_now()
        scratchpad = self._configurable.get(_SCRATCHPAD)
        is_known = all(hasattr(scratchpad, name) for name in ("resume", "get_null_resume"))
        self._counter = _counter_of(scratchpad) if is_known and _SEND in self._configurable else None

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
        if place is None:  # An answer that has come with this resume is for the function.
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
        if self._counter.count == len(scratchpad.resume):  # The fallback has asked no question.
            scratchpad.resume.pop()
            self._counter.count = self._begin


class _Withheld:
    """Replaces the function that returns the answer of a resume, which belongs to another question.

    Subgraphs call this function, too.

    Args:
        entry: Marks the answers to forget when another question is asked; None to keep all answers.
        configurable: That of the config of the task.
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
    """Keep the answer to a question of the fallback from the function of a node, which is about to run."""
    configurable = _configurable_now()
    answers = getattr(configurable.get(_SCRATCHPAD), "resume", None)
    if answers and _place_of(_FALLBACK + node, answers) is not None:
        withheld = _Withheld(_FALLBACK + node, configurable)
        object.__setattr__(configurable[_SCRATCHPAD], "get_null_resume", withheld)


def _forget_answers_to_fallback(index: int) -> None:
    """Forget the answers to a fallback if the function now asks the question with this index instead."""
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
