"""`fingerprint_of`: a hash of a step's own code, the same on every machine that has its source.

It covers the syntax tree of the function without comments, docstrings, annotations and positions; the values of its
closure and its defaults, if they can be hashed and are immutable; and the same for each wrapper that a decorator has
put around the function. It does not cover the functions that it calls, globals, or the code of a Runnable: such steps
need a `version`.
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

_IMMUTABLE: Final = (
    *(str, int, float, complex, bytes, tuple, frozenset, type(None)),
    *(Decimal, Fraction, Enum, date, time, timedelta, UUID),
)


def fingerprint_of(function: Any) -> str:
    """Return the fingerprint of what a step runs: 16 hex digits.

    A function without readable source is identified by its bytecode, which differs between versions of Python. An
    object without code is identified by its class or name.
    """
    return sha256(_describe(function).encode()).hexdigest()[:16]


def _describe(function: Any) -> str:
    if isinstance(function, functools.partial):  # Its arguments are part of the input hash.
        return f"partial {_describe(function.func)}"
    if isinstance(function, RunnableLambda):
        inner = getattr(function, "func", None) or getattr(function, "afunc", None)
        return f"lambda {_describe(inner)}"
    if isinstance(function, MethodType):
        return f"method {_describe(function.__func__)}"
    if not isinstance(function, (Runnable, type)) and not inspect.isroutine(function):
        called = inspect.getattr_static(type(function), "__call__", None)
        if isinstance(called, FunctionType):
            return f"object {_full_name(function)} {_describe(called)}"
    layers = [each for each in _unwrapped(function) if isinstance(each, FunctionType)]
    if not layers:
        return f"name {_full_name(function)}"
    return " ".join(f"{_code_text(each)} {_values_text(each)}" for each in layers)


def _unwrapped(function: Any) -> list[Any]:
    """Return a function and all that it wraps, by the `__wrapped__` that `functools.wraps` sets."""
    layers = [function]
    while (inner := getattr(layers[-1], "__wrapped__", None)) is not None and inner not in layers:
        layers.append(inner)
    return layers


def _full_name(function: Any) -> str:
    kind = function if isinstance(function, type) or inspect.isroutine(function) else type(function)
    return f"{getattr(kind, '__module__', '')}.{getattr(kind, '__qualname__', '')}"


def _code_text(function: FunctionType) -> str:
    code = function.__code__
    lines = linecache.getlines(code.co_filename, function.__globals__)
    found = _parse_sources(code.co_filename, tuple(lines)).at(code.co_name, code.co_firstlineno)
    if len(found) == 1:
        return found[0]
    # Without source, or with several lambdas in one line, the bytecode decides.
    return "|".join([*found, _bytecode_text(code)])


@lru_cache(maxsize=64)
def _parse_sources(_file: str, lines: tuple[str, ...]) -> _LazySources:
    """Return the functions of a file, by name and by first line as `co_firstlineno` counts it."""
    try:
        module = ast.parse("".join(lines))
    except (SyntaxError, ValueError, RecursionError):
        return _LazySources({})
    places: dict[tuple[str, int], list[ast.AST]] = {}
    for node in ast.walk(module):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            places.setdefault((node.name, first), []).append(node)
        elif isinstance(node, ast.Lambda):
            places.setdefault(("<lambda>", node.lineno), []).append(node)
    return _LazySources(places)


class _LazySources:
    """Normalised sources by name and first line, each made on first use: a file may have thousands of functions."""

    def __init__(self, places: dict[tuple[str, int], list[ast.AST]]) -> None:
        self._places = places
        self._sources: dict[tuple[str, int], list[str]] = {}

    def at(self, name: str, line: int) -> list[str]:
        """Return the functions of this name that begin in this line: none, one, or several lambdas."""
        place = (name, line)
        if place not in self._sources:
            self._sources[place] = [_source_of(each) for each in self._places.get(place, [])]
        return self._sources[place]


def _source_of(node: ast.AST) -> str:
    # Not `ast.dump`, whose output differs between versions of Python.
    return ast.unparse(ast.fix_missing_locations(_Normalised().visit(node)))


class _Normalised(ast.NodeTransformer):
    """Removes everything that does not change what a function does."""

    def visit_FunctionDef(self, node: Any) -> ast.AST:
        node.returns = None
        node.decorator_list = []  # The decorator of the step only has its options.
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        self.generic_visit(node)
        return node  # type: ignore[no-any-return] # It is a node.

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - the name that ast calls

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        # Annotations in a class stay: they may be the fields of a model.
        node.body = [each if isinstance(each, ast.AnnAssign) else self.visit(each) for each in node.body]
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        self.generic_visit(node)
        return None if node.value is None else ast.Assign(targets=[node.target], value=node.value)


def _bytecode_text(code: CodeType) -> str:
    """Return everything that defines compiled code. The text differs between versions of Python."""
    held = [
        _bytecode_text(each) if isinstance(each, CodeType) else _constant_text(each)
        for each in code.co_consts
    ]
    return f"code {code.co_code.hex()} {code.co_names} {code.co_varnames} {code.co_freevars} {held}"


def _constant_text(value: Any) -> str:
    # Sorted, because the order of a frozenset, such as that of `x in {"a", "b"}`, differs between processes.
    return repr(sorted(map(repr, value))) if isinstance(value, frozenset) else repr(value)


def _values_text(function: FunctionType) -> str:
    """Return the hashes of its closure and its defaults, as far as they can be hashed."""
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=False)
    held = [f"{name}={_cell_hash(cell)}" for name, cell in cells]
    defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).items()]
    return " ".join([*held, *map(_hash_or_empty, defaults)])


def _cell_hash(cell: Any) -> str:
    try:
        value = cell.cell_contents
    except ValueError:  # The variable has no value yet.
        return ""
    # A mutable value may differ between processes at the time of hashing, and so would the cache key.
    return _hash_or_empty(value) if isinstance(value, _IMMUTABLE) else ""


def _hash_or_empty(value: Any) -> str:
    try:
        return content_hash(value)
    except (UnhashableInputError, RecursionError):
        return ""
