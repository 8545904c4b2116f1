"""`fingerprint_of`: a hash of a step's own code, the same in every process of one version of Python.

It covers the compiled code of the function, without names of files and positions; the values of its closure and its
defaults, if they can be hashed and are immutable; and the same for functions in its closure and for each function or
object that a decorator has put around it. It does not cover globals, and so the functions that it calls by a global
name, nor the code of a Runnable: such steps need a `version`.

Only the compiled code is certain to be the code that runs: a source file may have changed since it was imported.
"""

from __future__ import annotations

import dis
import functools
import inspect
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from hashlib import sha256
from importlib.util import MAGIC_NUMBER
from types import CodeType, FunctionType, MethodType, WrapperDescriptorType
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from langchain_core.runnables import Runnable, RunnableLambda

from langgraph_runner.workflow.hashing import UnhashableInputError, content_hash

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["fingerprint_of"]

_IMMUTABLE: Final = (
    *(str, int, float, complex, bytes, tuple, frozenset, type(None)),
    *(Decimal, Fraction, Enum, date, time, timedelta, UUID),
)
_FUNCTIONS: Final = (FunctionType, MethodType, functools.partial)
_LOADS_CONSTANT: Final = frozenset(dis.hasconst)
_EXTENDED_ARG: Final = dis.opmap["EXTENDED_ARG"]
_STORE_NAME: Final = dis.opmap["STORE_NAME"]
_POSITIONS: Final = ("__firstlineno__", "__static_attributes__")
"""What the body of a class sets since Python 3.13: its line, and names in an order that differs between processes."""
_KIND_FLAGS: Final = (
    inspect.CO_VARARGS
    | inspect.CO_VARKEYWORDS
    | inspect.CO_GENERATOR
    | inspect.CO_COROUTINE
    | inspect.CO_ITERABLE_COROUTINE
    | inspect.CO_ASYNC_GENERATOR
)
"""The other flags tell where and how it was compiled, or that it has a docstring."""


def fingerprint_of(function: Any) -> str:
    """Return the fingerprint of what a step runs: 16 hex digits.

    It differs between versions of Python whose bytecode differs. An object without code is identified by its class or
    name.
    """
    layers = _Layers(function)
    return sha256(b" ".join([MAGIC_NUMBER, *(text.encode() for text in layers.texts())])).hexdigest()[:16]


class _Layers:
    """A function and all functions and objects that it is known to call, each one once."""

    def __init__(self, function: Any) -> None:
        self._layers: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._refer(function)

    def texts(self) -> Iterator[str]:
        for layer in self._layers:  # It grows meanwhile: a text refers to further layers.
            yield self._text(layer)

    def _refer(self, function: Any) -> str:
        """Return the number of a layer, which it gets at its first mention. So cycles end."""
        # A wrapper that is written in C, such as `lru_cache`, is skipped.
        function = inspect.unwrap(function, stop=_has_code)
        number = self._numbers.setdefault(id(function), len(self._layers))
        if number == len(self._layers):
            self._layers.append(function)
        return f"#{number}"

    def _text(self, layer: Any) -> str:
        if isinstance(layer, functools.partial):  # Its arguments are part of the input hash.
            return f"partial {self._refer(layer.func)}"
        if isinstance(layer, RunnableLambda):
            functions = [getattr(layer, name, None) for name in ("func", "afunc")]
            return f"lambda {[self._refer(function) for function in functions if function is not None]}"
        if isinstance(layer, MethodType):
            return f"method {self._refer(layer.__func__)}"
        if isinstance(layer, FunctionType):
            text = f"{_code_text(layer.__code__)} {self._values_text(layer)}"
        elif (called := _call_of(layer)) is not None:
            text = f"object {_full_name(layer)} {self._refer(called)}"
        else:
            return f"name {_full_name(layer)}"
        # `functools.wraps` and `functools.update_wrapper` set `__wrapped__`.
        inner = getattr(layer, "__wrapped__", None)
        return text if inner is None else f"{text} wraps {self._refer(inner)}"

    def _values_text(self, function: FunctionType) -> str:
        """Return the hashes of its closure and its defaults, as far as they can be hashed."""
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=False)
        closure = [f"{name}={self._cell_text(cell)}" for name, cell in cells]
        defaults = [f"default={self._value_text(value)}" for value in function.__defaults__ or ()]
        keywords = [
            f"{name}={self._value_text(value)}" for name, value in (function.__kwdefaults__ or {}).items()
        ]
        return " ".join([*closure, *defaults, *keywords])

    def _cell_text(self, cell: Any) -> str:
        try:
            value = cell.cell_contents
        except ValueError:  # The variable has no value yet.
            return ""
        # A mutable value may differ between processes at the time of hashing, and so would the cache key.
        return self._value_text(value) if isinstance(value, (*_IMMUTABLE, *_FUNCTIONS)) else ""

    def _value_text(self, value: Any) -> str:
        if isinstance(value, _FUNCTIONS):
            return self._refer(value)
        try:
            return content_hash(value)
        except (UnhashableInputError, RecursionError):
            return ""


def _has_code(function: Any) -> bool:
    return isinstance(function, (*_FUNCTIONS, RunnableLambda)) or _call_of(function) is not None


def _call_of(function: Any) -> Any:
    """Return what calling an object runs, if that is written in Python and the object is no Runnable."""
    if isinstance(function, (Runnable, type)) or inspect.isroutine(function):
        return None
    called = inspect.getattr_static(type(function), "__call__", None)
    return None if isinstance(called, WrapperDescriptorType) else called


def _full_name(function: Any) -> str:
    kind = function if isinstance(function, type) or inspect.isroutine(function) else type(function)
    return f"{getattr(kind, '__module__', '')}.{getattr(kind, '__qualname__', '')}"


def _code_text(code: CodeType) -> str:
    """Return everything that defines compiled code, except its name and its positions.

    A constant is written where it is loaded, not by its number: a docstring takes a number, too, but is not loaded.
    """
    arguments = (
        code.co_argcount,
        code.co_posonlyargcount,
        code.co_kwonlyargcount,
        code.co_flags & _KIND_FLAGS,
    )
    names = (code.co_names, code.co_varnames, code.co_cellvars, code.co_freevars)
    instructions: list[str] = []
    bytecode, high = code.co_code, 0
    for operation, low in zip(bytecode[::2], bytecode[1::2], strict=True):
        argument = high | low
        high = argument << 8 if operation == _EXTENDED_ARG else 0
        if operation == _STORE_NAME and code.co_names[argument] in _POSITIONS:
            instructions[-1] = ""
        constant = _constant_text(code.co_consts[argument]) if operation in _LOADS_CONSTANT else argument
        instructions.append(f"{operation}:{constant}")
    return f"code {arguments} {names} {instructions} {code.co_exceptiontable.hex()}"


def _constant_text(value: Any) -> str:
    if isinstance(value, CodeType):
        return _code_text(value)
    if isinstance(value, tuple):
        return f"({', '.join(map(_constant_text, value))})"
    if isinstance(value, frozenset):
        # Sorted, because the order of a frozenset, such as that of `x in {"a", "b"}`, differs between processes.
        return f"{{{', '.join(sorted(map(_constant_text, value)))}}}"
    return repr(value)
