"""The error of an unhashable value names its path, its kind and the fix."""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
import io
import math
import pickle
import re
import socket
import tempfile
import threading
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, member
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict, SecretStr

from langgraph_runner.workflow.hashing import UnhashableInputError, canonical_json, content_hash
from tests.workflow.hashing.samples import Pair, Point, text_with


class Brand(BaseModel):
    """A model that accepts any value."""

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="allow")
    colours: Any = None


class Undeclared:
    """An object without declared fields."""


class Late(Enum):
    """An enum whose value is a function."""

    CALL = member(functools.partial(print))  # On Python 3.14 a partial alone would be a method.


class OfPandas(dt.datetime):
    """A subclass of a type that JSON does not have."""


class NoZone(dt.tzinfo):
    """A time zone of a user's own class."""

    def utcoffset(self, _when: dt.datetime | None) -> dt.timedelta:
        """Return None."""
        return dt.timedelta(0)


def refusal(value: Any) -> UnhashableInputError:
    """Return the error of hashing a value."""
    with pytest.raises(UnhashableInputError) as caught:
        content_hash(value)
    return caught.value


def unnamed_zone() -> ZoneInfo:
    """Return a zone that was read from a file object."""
    with (files("tzdata.zoneinfo.Europe") / "Berlin").open("rb") as file:
        return ZoneInfo.from_file(file)


def unnamed_function() -> Callable[[], int]:
    """Return a lambda."""
    return lambda: 1


def numbers() -> Iterator[int]:
    """Return a generator."""
    yield 1


async def answer() -> int:
    """Return a coroutine."""
    return 1


async def answers() -> Any:
    """Return an async generator."""
    yield 1


FOUND: list[tuple[Callable[[], Any], str]] = [
    (lambda: math.nan, "NaN"),
    (lambda: math.inf, "an infinity"),
    (lambda: -math.inf, "an infinity"),
    (lambda: complex(0, math.nan), "NaN"),
    (lambda: Decimal("nan"), "NaN"),
    (lambda: Decimal("snan"), "NaN"),
    (lambda: Decimal("-inf"), "an infinity"),
    (lambda: "a\ud800", "text with a lone surrogate"),
    (lambda: numbers, "a function (tests.workflow.hashing.test_refusals.numbers)"),
    (
        unnamed_function,
        "a function (tests.workflow.hashing.test_refusals.unnamed_function.<locals>.<lambda>)",
    ),
    (lambda: len, "a function (builtins.len)"),
    (lambda: [].append, "a function"),
    (lambda: functools.partial(len), "a function (functools.partial)"),
    (lambda: int, "a class (builtins.int)"),
    (lambda: Brand, "a class (tests.workflow.hashing.test_refusals.Brand)"),
    (lambda: list[int], "a class"),
    (lambda: re, "a module (re)"),
    (io.StringIO, "an open file (_io.StringIO)"),
    (tempfile.TemporaryFile, "an open file"),
    (socket.socket, "a socket"),
    (threading.Lock, "a lock"),
    (threading.RLock, "a lock"),
    (threading.Event, "a lock"),
    (asyncio.Lock, "a lock"),
    (numbers, "a generator"),
    (answers, "an async generator"),
    (lambda: iter([1]), "an iterator"),
    (lambda: map(len, []), "an iterator"),
    ({}.keys, "a view of a mapping"),
    (lambda: memoryview(b""), "a memoryview"),
    (object, "an object of class builtins.object, which declares no fields"),
    (Undeclared, "an object of class tests.workflow.hashing.test_refusals.Undeclared, which declares no"),
    (lambda: weakref.ref(Undeclared), "an object of class weakref.ReferenceType"),
    (lambda: ..., "an object of class builtins.ellipsis"),
    (lambda: ValueError("a"), "an object of class builtins.ValueError"),
    (lambda: np.zeros(2), "an object of class numpy.ndarray"),
    (lambda: np.float64(1), "a numpy.float64, a subclass of float that is not written in Python"),
    (lambda: OfPandas(2024, 1, 1), "an object of class"),
    (lambda: defaultdict(lambda: 1), "a function"),
]


@pytest.mark.req("R-4")
@pytest.mark.parametrize(("make", "found"), FOUND, ids=[found[:30] for _, found in FOUND])
def test_an_unhashable_part_is_named_with_its_path(make: Callable[[], Any], found: str) -> None:
    """The message also says what to do."""
    value = make()
    error = refusal({"brand": Brand(colours=["red", "blue", (), {"a-b": [value]}])})
    assert error.path.startswith('inputs.brand.colours[3]["a-b"][0]'.replace('"', "'"))
    assert error.found.startswith(found)
    assert str(error) == f"{error.path} cannot be hashed: it is {error.found}. {error.fix}"
    assert error.fix.endswith(".")
    assert refusal(value).path.startswith("inputs")
    if isinstance(value, socket.socket) or hasattr(value, "seek"):
        value.close()


@pytest.mark.req("R-4")
async def test_awaitables_are_refused() -> None:
    """A coroutine, a future and a task."""
    coroutine = answer()
    task = asyncio.ensure_future(answer())
    assert refusal([coroutine]).found.startswith("a coroutine (answer)")
    assert refusal([task]).found == "a future (_asyncio.Task)"
    assert await coroutine == await task


@pytest.mark.req("R-4")
@pytest.mark.parametrize(
    ("value", "path"),
    [
        (len, "inputs"),
        ([[len]], "inputs[0][0]"),
        ((1, len), "inputs[1]"),
        ({len}, "inputs{item}"),
        ({"a": {"b c": len}}, "inputs.a['b c']"),
        ({"x" * 60: len}, f"inputs.{'x' * 60}"),
        ({"$" + "x" * 60: len}, f"inputs[{'$' + 'x' * 39!r}...]"),
        ({1: len}, "inputs[1]"),
        ({None: len}, "inputs[None]"),
        ({10**5000: len}, "inputs[<int>]"),
        ({Pair(1, 2): len}, "inputs[<Pair>]"),
        ({len: 1}, "inputs{key <builtin_function_or_method>}"),
        ({(1, len): 1}, "inputs{key <tuple>}[1]"),
        (Brand(colours=len), "inputs.colours"),
        (Brand(extra=len), "inputs.extra"),
        (Point(len), "inputs.x"),  # type: ignore[arg-type]
        (Pair(1, len), "inputs.right"),  # type: ignore[arg-type]
        (text_with(len), "inputs.note"),
        (Late.CALL, "inputs.value"),
        (defaultdict(len), "inputs.default_factory"),
        (dt.datetime(2024, 1, 1, tzinfo=NoZone()), "inputs.tzinfo"),
        (dt.time(1, tzinfo=unnamed_zone()), "inputs.tzinfo"),
        ({"\ud800": 1}, "inputs"),
        ([{"a": {"\ud800": 1, 2: 3}}], "inputs[0].a{key '\\ud800'}"),
    ],
    ids=lambda each: each if type(each) is str else "",
)
def test_the_path_leads_to_the_unhashable_part(value: Any, path: str) -> None:
    """It is written as a Python expression where possible."""
    assert refusal(value).path == path


@pytest.mark.req("R-4")
def test_the_middle_of_a_long_path_is_left_out() -> None:
    """A hundred levels would not help."""
    value: Any = len
    for _ in range(100):
        value = [value]
    assert refusal(value).path == f"inputs{'[0]' * 5}...{'[0]' * 6}"


@pytest.mark.req("R-4")
def test_a_cycle_is_named_as_such() -> None:
    """It may go through lists, dicts and objects."""
    items: list[Any] = [1]
    items.append({"back": items})
    brand = Brand()
    brand.colours = [brand]
    wide: list[Any] = [0] * 1_000
    wide += [wide, wide]
    for value, path in [(items, "inputs[1].back"), (brand, "inputs.colours[0]"), (wide, "inputs[1000]")]:
        error = refusal(value)
        assert (error.path, error.found) == (path, "a value that contains itself (a cycle)")


@pytest.mark.req("R-4")
def test_a_value_that_occurs_twice_is_not_a_cycle() -> None:
    """It is encoded twice."""
    tags = ["red"]
    shared = [tags, {"a": tags}, Brand(colours=tags), *([tags] * 40)]
    apart = [["red"], {"a": ["red"]}, Brand(colours=["red"]), *(["red"] for _ in range(40))]
    assert canonical_json(shared) == canonical_json(apart)


@pytest.mark.req("R-4")
def test_an_error_shows_no_value() -> None:
    """The value may be secret."""
    error = refusal({"a": Brand(colours=[SecretStr("hunter2"), "hunter2", len])})
    assert "hunter2" not in str(error)
    assert b"hunter2" not in canonical_json(SecretStr("hunter2"))


@pytest.mark.req("R-4")
def test_an_error_is_a_type_error_and_survives_pickle() -> None:
    """Its attributes survive, too."""
    error = refusal([len])
    twin = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert isinstance(twin, TypeError)
    assert (str(twin), twin.path, twin.found, twin.fix) == (str(error), error.path, error.found, error.fix)
    assert error.code == "VALIDATION_FAILED"


@pytest.mark.req("R-4")
def test_a_field_that_raises_is_named() -> None:
    """The exception is the cause of the error."""

    @dataclass
    class Odd:
        x: int

        @property
        def y(self) -> int:
            raise KeyError("hunter2")

    Odd.__dataclass_fields__["x"].name = "y"
    error = refusal({"a": [Odd(1)]})
    assert error.path == "inputs.a[0].y"
    assert error.found == "a field that cannot be read (KeyError)"
    assert isinstance(error.__cause__, KeyError)
    assert "hunter2" not in str(error)


@pytest.mark.req("R-4")
def test_a_field_that_is_not_set_is_named() -> None:
    """A field of a dataclass can be deleted."""
    point = Point(1)
    del point.x
    assert refusal(point).path == "inputs.x"
