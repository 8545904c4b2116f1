"""Copies of the state, so that what a failed attempt did to it does not leak into the next."""

from __future__ import annotations

import copy
from typing import Any, Final

__all__ = ["isolated"]

_ATOMIC: Final = frozenset({str, int, float, bool, bytes, complex, type(None)})


def isolated(state: Any) -> Any:
    """A copy of `state` whose containers can be changed without changing the original.

    Dicts, lists, tuples and sets are copied at every depth, and so are the attributes of a pydantic or dataclass
    state. Other objects (messages, models, connections) are shared: copying them could cost anything, or fail.

    Args:
        state: What a node is called with.

    Returns:
        The copy, or `state` itself where it cannot be copied. Never raises.
    """
    if type(state) is dict:
        return {key: value if type(value) in _ATOMIC else _copy(value, {}) for key, value in state.items()}
    if type(state) in _CONTAINERS:
        return _copy(state, {})
    return state if type(state) in _ATOMIC else _copy_object(state)


def _copy_object(state: Any) -> Any:
    try:
        twin = copy.copy(state)
        attributes = vars(twin)
        attributes.update({name: _copy(value, {}) for name, value in attributes.items()})
    except Exception:  # A state that refuses to be copied is shared, as LangGraph does.
        return state
    return twin


def _copy(value: Any, done: dict[int, Any]) -> Any:
    copier = _CONTAINERS.get(type(value))
    if copier is None:
        return value
    if (known := done.get(id(value))) is not None:
        return known
    try:
        return copier(value, done)
    except RecursionError:
        return value


def _copy_dict(value: dict[Any, Any], done: dict[int, Any]) -> dict[Any, Any]:
    twin: dict[Any, Any] = {}
    done[id(value)] = twin
    for key, item in value.items():
        twin[key] = item if type(item) in _ATOMIC else _copy(item, done)
    return twin


def _copy_list(value: list[Any], done: dict[int, Any]) -> list[Any]:
    twin: list[Any] = []
    done[id(value)] = twin
    twin.extend([item if type(item) in _ATOMIC else _copy(item, done) for item in value])
    return twin


def _copy_tuple(value: tuple[Any, ...], done: dict[int, Any]) -> tuple[Any, ...]:
    return tuple([_copy(item, done) for item in value])


def _copy_set(value: set[Any], _done: dict[int, Any]) -> set[Any]:
    return set(value)  # Its members are hashable, so they are not changed.


_CONTAINERS: Final[dict[type, Any]] = {
    dict: _copy_dict,
    list: _copy_list,
    tuple: _copy_tuple,
    set: _copy_set,
}
