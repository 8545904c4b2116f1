"""A node made of a callable object: its attributes are those of the object."""

from __future__ import annotations

import functools
import inspect
from types import MethodType
from typing import Any

__all__ = ["ObjectNode", "is_callable_object"]

_OWN = frozenset(
    (
        *functools.WRAPPER_ASSIGNMENTS,
        "__signature__",
        "__wrapped__",
        "run",
        "circuit_breaker",
        "fallback_node",
    )
)
"""The attributes that a node has itself, even if the object has one of the same name."""


def is_callable_object(source: object) -> bool:
    """Whether `source` is an instance with a `__call__` of its class, and state of its own."""
    return not (
        inspect.isroutine(source) or isinstance(source, (type, functools.partial)) or not callable(source)
    )


class ObjectNode:
    """A node that calls `function` and reads all other attributes from `target`, the object that it was made of.

    Thread-safe as far as the object is. A copy is a node of the same object.
    """

    def __init__(self, function: Any, target: object) -> None:
        own = vars(self)
        own.update({name: getattr(function, name) for name in _OWN if hasattr(function, name)})
        own.update(_function=function, _target=target, node=self)
        # LangGraph looks at the attribute `__call__` for annotations and for async; Python calls that of the class.
        own["__call__"] = MethodType(_as_method(function), self)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Call the node."""
        return vars(self)["_function"](*arguments, **keywords)

    def __getattr__(self, name: str) -> Any:
        target = vars(self).get("_target")
        if target is None or (name.startswith("__") and name.endswith("__")):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(target, name)

    def __setattr__(self, name: str, value: Any) -> None:
        own = vars(self)
        if name not in own and hasattr(own["_target"], name):
            setattr(own["_target"], name, value)
        else:
            own[name] = value

    def __repr__(self) -> str:
        return f"<node of {vars(self)['_target']!r}>"

    def __copy__(self) -> ObjectNode:
        return ObjectNode(vars(self)["_function"], vars(self)["_target"])


def _as_method(function: Any) -> Any:
    """`function` with a first argument that it ignores."""

    @functools.wraps(function)
    async def call_async(_self: object, *arguments: Any, **keywords: Any) -> Any:
        return await function(*arguments, **keywords)

    @functools.wraps(function)
    def call(_self: object, *arguments: Any, **keywords: Any) -> Any:
        return function(*arguments, **keywords)

    return call_async if inspect.iscoroutinefunction(function) else call
