"""Why a value cannot be hashed, and what to pass in its place."""

from __future__ import annotations

import asyncio
import functools
import io
import re
import socket
import types
from collections.abc import AsyncGenerator, Awaitable, Iterator, MappingView
from typing import Any, Final

__all__ = ["UnhashablePart", "compiled_subclass", "not_finite", "unhashable_part"]


class UnhashablePart(Exception):  # noqa: N818 - it never leaves the package
    """A part of a value has no canonical encoding. `canonical` adds the path and raises `UnhashableInputError`."""

    def __init__(self, found: str, fix: str, *, where: str = "") -> None:
        super().__init__(found)
        self.found = found
        self.fix = fix
        self.where = where
        """The rest of the path, below the value that is being encoded."""


_FUNCTIONS: Final = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.MethodWrapperType,
    types.WrapperDescriptorType,
    types.MethodDescriptorType,
    types.ClassMethodDescriptorType,
    functools.partial,
)
_RULES: Final[tuple[tuple[tuple[type, ...], str, str], ...]] = (
    (_FUNCTIONS, "a function", "Pass what it returns, or its name."),
    ((type, types.GenericAlias), "a class", "Pass its name, or an instance with declared fields."),
    ((types.ModuleType,), "a module", "Pass its name."),
    ((io.IOBase,), "an open file", "Pass its path, or what it holds."),
    ((socket.socket,), "a socket", "Pass the address, and connect in the step."),
    ((asyncio.Future,), "a future", "Await it first, and pass its result."),
    ((AsyncGenerator,), "an async generator", "Collect its items in a list."),
    ((Awaitable,), "a coroutine", "Await it first, and pass its result."),
    ((types.GeneratorType,), "a generator", "Collect its items: list(...)."),
    ((MappingView,), "a view of a mapping", "Make a list of it: list(...)."),
    ((Iterator,), "an iterator", "Collect its items: list(...)."),
    ((memoryview,), "a memoryview", "Copy what it shows: bytes(...)."),
)
_LOCK_MODULES: Final = re.compile(r"(_thread|threading|asyncio\.locks|multiprocessing\.synchronize)$")
_GENERIC_FIX: Final = (
    "Make it a dataclass or a pydantic model, pass a plain value instead, or give its class an encoding with "
    "register_encoding()."
)


def unhashable_part(value: Any) -> UnhashablePart:
    """Return the reason why a value cannot be hashed."""
    cls = type(value)
    name = _name(cls)
    for classes, found, fix in _RULES:
        if issubclass(cls, classes):
            return UnhashablePart(f"{found} ({_name(value) or name})", fix)
    if _LOCK_MODULES.match(str(cls.__module__)):
        return UnhashablePart(f"a lock ({name})", "Make it in the step; it has no content.")
    return UnhashablePart(f"an object of class {name}, which declares no fields", _GENERIC_FIX)


def _name(named: Any) -> str:
    """Return the full name of a function, a class or a module; empty if the object has no such name."""
    try:
        name = getattr(named, "__qualname__", None) or named.__name__
        module = getattr(named, "__module__", None)
    except Exception:  # __getattr__ of a user's class may raise anything.
        return ""
    return f"{module}.{name}" if isinstance(module, str) else str(name)


def compiled_subclass(cls: type, base: type) -> UnhashablePart:
    """Refuse a class made in C: its values may hold more than the base class shows."""
    found = f"a {_name(cls)}, a subclass of {base.__name__} that is not written in Python"
    return UnhashablePart(found, f"Pass a plain {base.__name__}, or use register_encoding().")


def not_finite(value: Any) -> UnhashablePart:
    """Refuse NaN, which does not equal itself, and the infinities. JSON has none of them."""
    return UnhashablePart("NaN" if value != value else "an infinity", "Pass None, or a text.")  # noqa: PLR0124
