"""Huge, deep and hostile objects are hashed or refused. No method of their classes is trusted."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from langgraph_runner.workflow.hashing import MAX_DEPTH, UnhashableInputError, canonical_json, content_hash
from tests.workflow.hashing.samples import Point

ROOT = Path(__file__).parents[3]


def wide(levels: int) -> Any:
    """Return a value of `levels` levels, each with many items."""
    value: Any = 1
    for _ in range(levels):
        value = [*range(20), value]
    return value


def nested(levels: int, kind: str = "list") -> Any:
    """Return a value of `levels` levels."""
    value: Any = 1
    for _ in range(levels):
        value = {"list": [value], "tuple": (value,), "dict": {"a": value}, "keyed": {1: value}}[kind]
    return value


@pytest.mark.req("R-4")
@pytest.mark.parametrize("kind", ["list", "tuple", "dict", "keyed"])
def test_depth_has_a_limit(kind: str) -> None:
    """A value at the limit is hashed; one level or 100,000 levels more raise the error."""
    assert len(content_hash(nested(MAX_DEPTH, kind))) == 64
    for levels in (MAX_DEPTH + 1, 100_000):
        with pytest.raises(UnhashableInputError, match="nested more than 500 levels deep"):
            content_hash(nested(levels, kind))


@pytest.mark.req("R-4")
def test_depth_crashes_nothing_even_without_a_recursion_limit() -> None:
    """A raised recursion limit would let a recursive function overflow the C stack."""
    program = (
        "import sys; sys.setrecursionlimit(10**9)\n"
        "from langgraph_runner.workflow.hashing import *\n"
        "value = []\n"
        "for _ in range(1_000_000): value = [value]\n"
        "try: content_hash(value)\n"
        "except UnhashableInputError: print('refused')\n"
    )
    done = subprocess.run(  # noqa: S603 - the program is ours
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "refused"


@pytest.mark.req("R-4")
@pytest.mark.parametrize(
    "value", [nested(10), nested(45), nested(300), wide(45), wide(300)], ids=lambda _: ""
)
def test_a_caller_deep_in_the_stack_gets_the_same_hash(value: Any) -> None:
    """Little of Python's stack is left there."""

    def at_depth(frames: int) -> str:
        return at_depth(frames - 1) if frames else content_hash(value)

    free = sys.getrecursionlimit() - _frames()
    assert at_depth(free - 60) == content_hash(value)


def _frames() -> int:
    frame, count = sys._getframe(), 0
    while frame:
        frame, count = frame.f_back, count + 1  # type: ignore[assignment]
    return count


@pytest.mark.no_cover
@pytest.mark.no_cover
@pytest.mark.req("R-4")
@pytest.mark.parametrize("kind", ["ints", "floats", "set", "dict", "keyed"])
def test_a_million_items_are_hashed(kind: str) -> None:
    """The width has no limit."""
    count = 1_000_000
    value: Any = {
        "ints": lambda: list(range(count)),
        "floats": lambda: [0.5] * count,
        "set": lambda: set(range(count)),
        "dict": lambda: {f"k{n}": n for n in range(count)},
        "keyed": lambda: dict.fromkeys(range(count)),
    }[kind]()
    assert len(content_hash(value)) == 64


@pytest.mark.req("R-4")
def test_a_huge_int_is_hashed() -> None:
    """Python refuses to write it in decimal digits."""
    huge = 10**10_000
    assert canonical_json(huge) == f'{{"$int":"{huge:#x}"}}'.encode()
    assert len({content_hash(each) for each in (huge, huge + 1, -huge)}) == 3


@pytest.mark.req("R-4")
def test_long_bytes_are_hashed() -> None:
    """They have about ten million bytes."""
    assert content_hash(bytes(10_000_000)) != content_hash(bytes(10_000_001))


@pytest.mark.req("R-4")
def test_the_decimal_context_of_a_thread_does_not_count() -> None:
    """It may set a small e and a lower precision."""
    value = Decimal("1.23456789E+30")
    before = content_hash(value)
    with localcontext() as context:
        context.capitals, context.prec = 0, 2
        assert content_hash(value) == before


class Rude:
    """Raises from every method."""

    __slots__ = ()

    def _raise(self, *_: Any) -> Any:
        raise ZeroDivisionError

    __eq__ = __hash__ = __repr__ = __str__ = __bool__ = __len__ = __iter__ = __getattribute__ = _raise  # type: ignore[assignment]


@dataclass(eq=False)
class RudePoint:
    """Has a field, but cannot be compared, hashed or shown."""

    x: int

    def __eq__(self, _: object) -> bool:
        raise ZeroDivisionError

    def __hash__(self) -> int:
        raise ZeroDivisionError

    def __repr__(self) -> str:
        raise ZeroDivisionError


class RudeText(str):
    """Overrides the methods of str."""

    __slots__ = ()

    def isascii(self) -> bool:
        """Return a wrong result."""
        return True

    def encode(self, *_: Any, **__: Any) -> bytes:
        """Return a wrong result."""
        return b"other"

    def __str__(self) -> str:
        return "other"

    def __eq__(self, _: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


class RudeDict(dict[Any, Any]):
    """Reports items that it does not have."""

    def items(self) -> Any:
        """Return a wrong result."""
        return {"b": 2}.items()

    def __iter__(self) -> Iterator[Any]:
        return iter("b")

    def copy(self) -> Any:
        """Return a wrong result."""
        return {"b": 2}


class Secretive(dict[str, int]):
    """Hides keys that begin with an underscore."""

    def __iter__(self) -> Iterator[str]:
        return iter([key for key in dict.keys(self) if not key.startswith("_")])

    def keys(self) -> Any:
        """Return fewer keys than there are."""
        return [*self]


class TwiceNamed(tuple[int, ...]):
    """Gives both of its items the same name."""

    __slots__ = ()
    _fields = ("a", "a")


class BadlyNamed(tuple[int, ...]):
    """Gives its items names that are not texts."""

    __slots__ = ()
    _fields = (["a"], 1)


class Liar:
    """Claims to be a text."""

    __class__ = str  # type: ignore[assignment]


class RudeMapping(Mapping[str, int]):
    """Raises when it is read."""

    def __getitem__(self, key: str) -> int:
        raise OSError("hunter2")

    def __iter__(self) -> Iterator[str]:
        return iter("a")

    def __len__(self) -> int:
        return 1


class Meta(type):
    """A class that cannot be hashed itself."""

    def __hash__(cls) -> int:
        raise ZeroDivisionError


class OfMeta(metaclass=Meta):
    """An instance of it."""


@pytest.mark.req("R-4")
@pytest.mark.parametrize(
    "make",
    [Rude, Liar, RudeMapping, OfMeta, MagicMock],
    ids=["rude", "liar", "mapping", "meta", "mock"],
)
@pytest.mark.parametrize("wrap", [lambda each: each, lambda each: {"a": [each] * 20}], ids=["bare", "inside"])
def test_hostile_objects_are_refused(make: Any, wrap: Any) -> None:
    """The error does not contain the messages of their exceptions."""
    with pytest.raises(UnhashableInputError) as caught:
        content_hash(wrap(make()))
    assert caught.value.path in {"inputs", "inputs.a[0]"}
    assert "hunter2" not in str(caught.value)


@pytest.mark.req("R-4")
def test_fields_of_a_hostile_object_count() -> None:
    """The object need not be comparable, hashable or printable."""
    assert content_hash(RudePoint(1)) == content_hash(RudePoint(1)) != content_hash(RudePoint(2))


@pytest.mark.req("R-4")
def test_overridden_methods_of_a_subclass_are_not_called() -> None:
    """The content is that of the base class."""
    assert canonical_json(RudeText("\u00e9")).decode().endswith(',"RudeText",null,"é"]}')
    assert canonical_json(RudeDict(a=1)).decode().endswith(',"RudeDict",null,{"a":1}]}')
    with pytest.raises(UnhashableInputError, match="lone surrogate"):
        content_hash(RudeText("\ud800"))


@pytest.mark.req("R-4")
def test_keys_that_a_subclass_hides_count() -> None:
    """A step can read them."""
    assert canonical_json(Secretive(x=1, _y=2)).decode().endswith(',"Secretive",null,{"_y":2,"x":1}]}')


@pytest.mark.req("R-4")
@pytest.mark.parametrize("kind", [TwiceNamed, BadlyNamed])
def test_all_items_count_with_wrong_field_names(kind: Any) -> None:
    """They are encoded as those of a tuple without names."""
    assert canonical_json(kind((1, 2))).decode().endswith(f',"{kind.__name__}",null,{{"$tuple":[1,2]}}]}}')


@pytest.mark.req("R-4")
def test_keys_of_a_str_subclass_are_not_plain_keys() -> None:
    """Otherwise they would be encoded as plain texts."""
    assert content_hash({RudeText("a"): 1}) != content_hash({"a": 1})
    assert content_hash([{RudeText("a"): 1}] * 20) != content_hash([{"a": 1}] * 20)


@pytest.mark.req("R-4")
def test_undeclared_attributes_do_not_count() -> None:
    """The docs say so about attributes that were set on a dataclass instance."""
    point = Point(1)
    point.note = "x"  # type: ignore[attr-defined]
    assert content_hash(point) == content_hash(Point(1))


@pytest.mark.req("R-4")
def test_a_memory_error_is_raised_as_it_is() -> None:
    """It says nothing about the value."""

    @dataclass
    class Greedy:
        x: int

        def __getattribute__(self, name: str) -> Any:
            if name == "x":
                raise MemoryError
            return object.__getattribute__(self, name)

    greedy = object.__new__(Greedy)
    deep = greedy
    for _ in range(100):
        deep = [deep]
    for value in (greedy, deep):
        with pytest.raises(MemoryError):
            content_hash(value)


@pytest.mark.req("R-4")
def test_a_field_with_endless_recursion_is_refused() -> None:
    """It is treated like any field that raises."""

    @dataclass
    class Endless:
        x: int

        def __getattribute__(self, name: str) -> Any:
            return self.x if name == "x" else object.__getattribute__(self, name)

    with pytest.raises(UnhashableInputError) as caught:
        content_hash(object.__new__(Endless))
    assert caught.value.path == "inputs.x"
    with contextlib.suppress(UnhashableInputError):
        content_hash([object.__new__(Endless)] * 20)
