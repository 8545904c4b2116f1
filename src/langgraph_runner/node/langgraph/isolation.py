"""Isolation of attempts: each attempt gets its own copy of the state and its own context variables.

What one attempt changes there reaches neither the next attempt nor the graph.
"""

from __future__ import annotations

import copyreg
import dataclasses
import types
from collections import OrderedDict, defaultdict, deque
from contextvars import Context, copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, RootModel

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

__all__ = ["MAX_CONTAINERS", "MAX_ELEMENTS", "apart", "isolated"]

MAX_CONTAINERS: Final = 10_000
"""How many containers one copy makes; containers beyond that are shared."""

MAX_ELEMENTS: Final = 250_000
"""How many elements one copy looks at, in all containers together; containers beyond that are shared.

Together the two limits bound the time that a call with a huge state blocks the event loop.
"""

_ATOMIC: Final = frozenset({str, int, float, bool, bytes, complex, type(None)})
_MAPPINGS: Final = frozenset({dict, defaultdict, OrderedDict})
_SEQUENCES: Final = frozenset({list, deque})
# The classes themselves and not their subclasses: a subclass may hold more than its items, and run code when copied.
_CONTAINERS: Final = _MAPPINGS | _SEQUENCES | {set, tuple}
_MODEL_COPIERS: Final = (BaseModel.__copy__, RootModel.__copy__)


def isolated(state: Any) -> Any:
    """A copy of `state` whose containers can be changed without changing the original.

    Copied are plain containers at every depth: dicts, `defaultdict`s, `OrderedDict`s, lists, sets, deques, tuples and
    named tuples. If the state itself is a dataclass or a pydantic model, its fields are copied too, with a model's
    extra fields and private attributes. Everything else is shared, because copying it could change data, run code or
    take any time: other subclasses of the containers, messages and models in the state, connections, objects with
    `__del__` or a `__copy__` of their own.

    The copy ends after `MAX_CONTAINERS` containers or `MAX_ELEMENTS` elements; what lies beyond is shared.

    Args:
        state: What a node is called with.

    Returns:
        The copy, or `state` itself where it is shared. Never raises.
    """
    kind = type(state)
    if kind in _ATOMIC:
        return state
    try:
        if kind is dict:
            # The usual state: a dict of few fields, most of them plain values. They need no walk.
            twin = state.copy()
            walk: _Walk | None = None
            for key, value in state.items():
                if type(value) not in _ATOMIC:
                    walk = walk or _Walk()
                    twin[key] = walk.copy(value)
            return twin
        if _is_container(kind):
            return _Walk().copy(state)
        return _copy_object(state, _Walk())
    except Exception:  # The state refuses to be copied, so it is shared, as LangGraph does.
        return state


class _Walk:
    """One copy of one state. It keeps cycles and shared parts as they are, and stops at the limits."""

    __slots__ = ("_done", "_elements_left")

    def __init__(self) -> None:
        self._done: dict[int, Any] = {}
        self._elements_left = MAX_ELEMENTS

    def copy(self, value: Any) -> Any:
        """A copy of a container; anything else is returned as it is."""
        kind = type(value)
        if kind in _ATOMIC or not _is_container(kind):
            return value
        known = self._done.get(id(value))
        if known is not None:
            return known
        if not self._has_room():
            return value
        try:
            return self._copy_container(value, kind)
        except Exception:  # Nested too deeply, or changed by another thread meanwhile.
            return value

    def _has_room(self) -> bool:
        return self._elements_left > 0 and len(self._done) < MAX_CONTAINERS

    def _copy_container(self, value: Any, kind: type) -> Any:
        if kind in _MAPPINGS:
            return self._copy_mapping(value)
        if kind is set:  # The members of a set are hashable, so they are not changed.
            twin = self._done[id(value)] = value.copy()
            return twin
        self._elements_left -= len(value)
        # Runs in C. Most long lists hold only numbers or strings: one copy of the list is all they need.
        is_flat = _CONTAINERS.isdisjoint(map(type, value)) and not any(
            _is_named_tuple(found) for found in set(map(type, value)) - _ATOMIC
        )
        if kind in _SEQUENCES:
            twin = self._done[id(value)] = value.copy()
            if not is_flat:
                for place, item in enumerate(value):
                    twin[place] = self.copy(item)
                    if not self._has_room():
                        break  # To look at the rest would take as long as to copy it.
            return twin
        if is_flat:
            return value  # A tuple cannot be changed, and nor can what it holds.
        items = [self.copy(item) for item in value]
        # By tuple itself: the class of a named tuple may have a constructor of its own.
        twin = self._done[id(value)] = tuple.__new__(kind, items)
        return twin

    def _copy_mapping(self, value: Any) -> Any:
        twin = self._done[id(value)] = value.copy()
        if attributes := getattr(value, "__dict__", None):  # Only an OrderedDict has one.
            twin.__dict__.update(attributes)
        self._elements_left -= len(value)
        for key, item in value.items():
            if type(item) not in _ATOMIC:
                twin[key] = self.copy(item)
                if not self._has_room():
                    break
        return twin


def _is_container(kind: type) -> bool:
    return kind in _CONTAINERS or _is_named_tuple(kind)


def _is_named_tuple(kind: type) -> bool:
    """Whether its instances hold their items and nothing else, unlike `os.stat_result` or a tuple with attributes."""
    return (
        kind.__bases__ == (tuple,)
        and hasattr(kind, "_fields")
        and not kind.__dictoffset__
        and not hasattr(kind, "__del__")
    )


def _copy_object(state: Any, walk: _Walk) -> Any:
    """A state that is a dataclass or a model: its fields are what the items of a dict are; others are shared."""
    kind = type(state)
    if hasattr(kind, "__del__"):
        return state  # Two objects would clean up one resource.
    if isinstance(state, BaseModel):
        return _copy_model(state, walk)
    if dataclasses.is_dataclass(kind) and not hasattr(kind, "__copy__"):
        return _copy_dataclass(state, kind, walk)
    return state


def _copy_model(state: BaseModel, walk: _Walk) -> BaseModel:
    if type(state).__copy__ not in _MODEL_COPIERS:
        return state
    twin = state.__copy__()  # Keeps which fields were set, and makes new dicts of the attributes.
    for attributes in (twin.__dict__, twin.__pydantic_extra__, twin.__pydantic_private__):
        for name, value in (attributes or {}).items():
            attributes[name] = walk.copy(value)  # type: ignore[index] # None has no items
    return twin


def _copy_dataclass(state: Any, kind: type, walk: _Walk) -> Any:
    twin: Any = object.__new__(kind)
    # Not setattr(): the class may be frozen, or assign in its own way. An attribute that is not set stays so.
    for name, value in getattr(state, "__dict__", {}).items():
        object.__setattr__(twin, name, walk.copy(value))
    for name in copyreg._slotnames(kind):  # type: ignore[attr-defined] # noqa: SLF001 - what copy.copy() uses
        try:
            value = object.__getattribute__(state, name)
        except AttributeError:
            continue
        object.__setattr__(twin, name, walk.copy(value))
    return twin


def apart(function: Callable[..., Any], *, is_async: bool) -> Callable[..., Any]:
    """`function`, for one call, with context variables that nobody sees change.

    LangGraph runs each attempt of its own retry so. A coroutine stays in its task: a task of its own would cost
    more, and would have to hand on every cancellation.
    """
    context = copy_context()
    return partial(_awaited_in, context, function) if is_async else partial(context.run, function)


@types.coroutine
def _awaited_in(
    context: Context, function: Callable[..., Any], *arguments: Any, **keywords: Any
) -> Generator[Any, Any, Any]:
    """What `await function(...)` does, with each step in `context`."""
    coroutine: Coroutine[Any, Any, Any] = context.run(function, *arguments, **keywords)
    step: Callable[[Any], Any] = coroutine.send
    given: Any = None
    while True:
        try:
            awaited = context.run(step, given)
        except StopIteration as done:
            return done.value
        try:
            given = yield awaited
            step = coroutine.send
        except GeneratorExit:
            context.run(coroutine.close)
            raise
        except BaseException as error:
            step, given = coroutine.throw, error
