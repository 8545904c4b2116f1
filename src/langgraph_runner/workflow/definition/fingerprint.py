"""`fingerprint_of`: a hash of a step's own code, the same on every machine where its source is at hand.

It covers the syntax tree of the function without comments, docstrings, annotations and positions, the values of its
closure and its defaults where they can be hashed and do not change, and the same of each wrapper that a decorator has
put around it. It does not cover the functions that it calls, globals, or the code of a Runnable: give those steps a
`version`.
"""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import lru_cache
from hashlib import sha256
from types import CodeType, FunctionType, MethodType
from typing import Any, Final
from uuid import UUID

from langchain_core.runnables import Runnable, RunnableLambda

from langgraph_runner.workflow.hashing import UnhashableInputError, content_hash

__all__ = ["fingerprint_of"]

_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_UNCHANGING: Final = (
    *(str, int, float, complex, bytes, tuple, frozenset, type(None)),
    *(Decimal, Fraction, Enum, date, time, timedelta, UUID),
)


def fingerprint_of(function: Any) -> str:
    """The fingerprint of what a step runs: 16 hex digits.

    What has no readable source is known by its bytecode, which is another one in another version of Python, and what
    has no code by its class or name.
    """
    return sha256(_described(function).encode()).hexdigest()[:16]


def _described(function: Any) -> str:
    if isinstance(function, functools.partial):  # Its arguments are part of the input hash.
        return f"partial {_described(function.func)}"
    if isinstance(function, RunnableLambda):
        inner = getattr(function, "func", None) or getattr(function, "afunc", None)
        return f"lambda {_described(inner)}"
    if isinstance(function, MethodType):
        return f"method {_described(function.__func__)}"
    if not isinstance(function, (Runnable, type)) and not inspect.isroutine(function):
        called = inspect.getattr_static(type(function), "__call__", None)
        if isinstance(called, FunctionType):
            return f"object {_named(function)} {_described(called)}"
    layers = [each for each in _layers(function) if isinstance(each, FunctionType)]
    if not layers:
        return f"name {_named(function)}"
    return " ".join(f"{_code(each)} {_held(each)}" for each in layers)


def _layers(function: Any) -> list[Any]:
    """A function and what it wraps, by the `__wrapped__` that `functools.wraps` sets."""
    layers = [function]
    while (inner := getattr(layers[-1], "__wrapped__", None)) is not None and inner not in layers:
        layers.append(inner)
    return layers


def _named(function: Any) -> str:
    kind = function if isinstance(function, type) or inspect.isroutine(function) else type(function)
    return f"{getattr(kind, '__module__', '')}.{getattr(kind, '__qualname__', '')}"


def _code(function: FunctionType) -> str:
    code = function.__code__
    tree = _trees(code.co_filename, tuple(linecache.getlines(code.co_filename, function.__globals__)))
    found = tree.get((code.co_name, code.co_firstlineno), [])
    if len(found) == 1:
        return found[0]
    return "|".join([*found, _compiled(code)])  # No source, or several lambdas in one line.


@lru_cache(maxsize=64)
def _trees(_file: str, lines: tuple[str, ...]) -> dict[tuple[str, int], list[str]]:
    """The functions of a file by name and first line, as `co_firstlineno` counts, each as normalised text."""
    try:
        module = ast.parse("".join(lines))
    except (SyntaxError, ValueError, RecursionError):
        return {}
    places: dict[tuple[str, int], list[ast.AST]] = {}
    for node in ast.walk(module):
        if isinstance(node, _FUNCTIONS):
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            places.setdefault((node.name, first), []).append(node)
        elif isinstance(node, ast.Lambda):
            places.setdefault(("<lambda>", node.lineno), []).append(node)
    return _Texts(places)


class _Texts(dict[tuple[str, int], list[str]]):
    """The text of a function is made when it is asked for: a file may hold thousands."""

    def __init__(self, places: dict[tuple[str, int], list[ast.AST]]) -> None:
        super().__init__()
        self._places = places

    def get(self, place: Any, default: Any = None) -> Any:
        if place not in self._places:
            return default
        if place not in self:
            self[place] = [_text(each) for each in self._places[place]]
        return self[place]


def _text(node: ast.AST) -> str:
    # As source: unlike `ast.dump`, that is the same in several versions of Python.
    return ast.unparse(ast.fix_missing_locations(_Normalised().visit(node)))


class _Normalised(ast.NodeTransformer):
    """Takes away what does not change what a function does."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._plain(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._plain(node)

    def _plain(self, node: Any) -> ast.AST:
        node.returns = None
        node.decorator_list = []  # They hold the options of the step, which are no code of its own.
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        self.generic_visit(node)
        return node  # type: ignore[no-any-return] # It is a node.

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        # The annotations of a class may be the fields of a model.
        node.body = [each if isinstance(each, ast.AnnAssign) else self.visit(each) for each in node.body]
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        self.generic_visit(node)
        return None if node.value is None else ast.Assign(targets=[node.target], value=node.value)


def _compiled(code: CodeType) -> str:
    """All that compiled code does: never the same for other code, and not the same in each version of Python."""
    held = [_compiled(each) if isinstance(each, CodeType) else _constant(each) for each in code.co_consts]
    return f"code {code.co_code.hex()} {code.co_names} {code.co_varnames} {code.co_freevars} {held}"


def _constant(value: Any) -> str:
    # The order of a frozenset, such as that of `x in {"a", "b"}`, is another one in each process.
    return repr(sorted(map(repr, value))) if isinstance(value, frozenset) else repr(value)


def _held(function: FunctionType) -> str:
    """The values of its closure and its defaults: those that can be hashed, and the names of functions."""
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=False)
    held = [f"{name}={_value(cell)}" for name, cell in cells]
    defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).items()]
    return " ".join([*held, *map(_hash, defaults)])


def _value(cell: Any) -> str:
    try:
        value = cell.cell_contents
    except ValueError:  # It has no value yet.
        return ""
    # What can change between two calls would change the key from one process to the next.
    return _hash(value) if isinstance(value, _UNCHANGING) else ""


def _hash(value: Any) -> str:
    try:
        return content_hash(value)
    except (UnhashableInputError, RecursionError):
        return ""
