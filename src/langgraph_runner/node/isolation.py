"""What keeps attempts apart: copies of the state, and context variables of their own.

So what one attempt does to them leaks neither into the next nor into the graph.
"""

from __future__ import annotations

import copy
import dataclasses
import types
from collections import deque
from contextvars import Context, copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator, Iterable

__all__ = ["MAX_CONTAINERS", "apart", "isolated"]

MAX_CONTAINERS: Final = 10_000
"""How many containers one copy makes; what lies beyond is shared. It bounds the time of a call with a huge state."""

_ATOMIC: Final = frozenset({str, int, float, bool, bytes, complex, type(None)})


def isolated(state: Any) -> Any:
    """A copy of `state` whose containers can be changed without changing the original.

    Dicts, lists, tuples, sets and deques, subclasses too, are copied at every depth, up to `MAX_CONTAINERS` of
    them, and so are the fields of a pydantic or dataclass state. Other objects (messages, models,
    connections) are shared: copying them could cost anything, or fail.

    Args:
        state: What a node is called with.

    Returns:
        The copy, or `state` itself where it cannot be copied. Never raises.
    """
    if type(state) is dict:
        twin = state.copy()
        done: dict[int, Any] = {}
        for key, value in state.items():
            if type(value) not in _ATOMIC:
                twin[key] = _copy(value, done)
        return twin
    if isinstance(state, _CONTAINERS):
        return _copy(state, {})
    return state if type(state) in _ATOMIC else _copy_object(state)


def _copy_object(state: Any) -> Any:
    """The state as an object: its fields are what a dict state has as items."""
    try:
        twin = copy.copy(state)
        names = (
            [f.name for f in dataclasses.fields(state)] if dataclasses.is_dataclass(state) else vars(state)
        )
        done: dict[int, Any] = {}
        for name in names:
            # Not setattr(): the class may be frozen, or have a mind of its own about assignments.
            object.__setattr__(twin, name, _copy(getattr(state, name), done))
    except Exception:  # A state that refuses to be copied is shared, as LangGraph does.
        return state
    return twin


def _copy(value: Any, done: dict[int, Any]) -> Any:
    """A copy of `value`; `done` knows the containers copied so far by id, which keeps cycles and shared parts."""
    if type(value) in _ATOMIC or not isinstance(value, _CONTAINERS):
        return value
    known = done.get(id(value))
    if known is not None or len(done) >= MAX_CONTAINERS:
        return value if known is None else known
    try:
        return _copy_container(value, done)
    except Exception:  # Nested too deeply, or a subclass that refuses.
        return value


def _copy_container(value: Any, done: dict[int, Any]) -> Any:
    if isinstance(value, tuple):
        items = [_copy(item, done) for item in value]
        make = getattr(type(value), "_make", type(value))  # A named tuple wants its fields one by one.
        twin = done[id(value)] = make(items)
        return twin
    twin = done[id(value)] = copy.copy(value)
    places: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        places = value.items()
    elif isinstance(value, (list, deque)):
        places = enumerate(value)
    for place, item in places:
        if type(item) not in _ATOMIC:
            twin[place] = _copy(item, done)
            if len(done) >= MAX_CONTAINERS:
                break  # To look at the rest would take as long as to copy it.
    return twin  # The members of a set are hashable, so they are not changed.


_CONTAINERS: Final = (dict, list, tuple, set, deque)


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
