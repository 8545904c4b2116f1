"""A user's own classes get an encoding, each once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel

from langgraph_runner.workflow.hashing import (
    UnhashableInputError,
    canonical_json,
    content_hash,
    register_encoding,
    registry,
)
from tests.workflow.hashing.samples import Point, Theme

HERE = '"tests.workflow.hashing.test_registry"'


class Shape:
    """Declares no fields."""

    def __init__(self, sides: Any) -> None:
        self.sides = sides


class Square(Shape):
    """A subclass of it."""


@pytest.fixture(autouse=True)
def _registrations_undone() -> Iterator[None]:
    before = dict(registry._registered)
    yield
    registry._registered.clear()
    registry._registered.update(before)
    registry._openers.clear()


@pytest.mark.req("R-4")
def test_a_registered_class_has_the_encoding_that_was_given() -> None:
    """Under its tag, with its class, and also after it was refused."""
    with pytest.raises(UnhashableInputError):
        content_hash(Shape(4))
    register_encoding(Shape, "shape", lambda shape: shape.sides)
    assert canonical_json([Shape((4,))]).decode() == f'[{{"$shape":[{HERE},"Shape",{{"$tuple":[4]}}]}}]'


@pytest.mark.req("R-4")
def test_subclasses_have_it_too_and_are_told_apart() -> None:
    """Unless they have one of their own."""
    register_encoding(Shape, "shape", lambda shape: shape.sides)
    assert canonical_json(Square(4)).decode() == f'{{"$shape":[{HERE},"Square",4]}}'
    register_encoding(Square, "square", lambda shape: None)
    assert canonical_json(Square(4)).decode() == f'{{"$square":[{HERE},"Square",null]}}'
    assert canonical_json(Shape(4)).decode() == f'{{"$shape":[{HERE},"Shape",4]}}'


@pytest.mark.req("R-4")
def test_it_goes_before_what_a_model_or_a_dataclass_has() -> None:
    """To leave out a field, say."""
    before = content_hash(Point(1, 2))
    register_encoding(Point, "point", lambda point: point.x)
    register_encoding(Theme, "theme", lambda theme: theme.name)
    assert content_hash(Point(1, 2)) == content_hash(Point(1, 3)) != before
    assert content_hash(Theme(name="a", size=1)) == content_hash(Theme(name="a", size=2))


@pytest.mark.req("R-4")
def test_arrays_can_be_registered() -> None:
    """With their type and shape, and the scalars of numpy beside them."""
    register_encoding(np.ndarray, "ndarray", lambda a: (a.dtype.str, a.shape, a.tobytes()))
    register_encoding(np.generic, "numpy", lambda each: (each.dtype.str, each.tobytes()))
    arrays = [np.zeros(4), np.zeros((2, 2)), np.zeros(4, dtype="f4"), np.ones(4), np.float64(1), np.int64(1)]
    assert len({content_hash({"a": [each]}) for each in arrays}) == len(arrays)
    assert content_hash(np.zeros(4)) == content_hash(np.zeros(4))


@pytest.mark.req("R-4")
@pytest.mark.parametrize("tag", ["int", "dict", "model", "url"])
def test_tags_of_the_package_are_refused(tag: str) -> None:
    """A value under one of them would meet another."""
    with pytest.raises(ValueError, match="package's own"):
        register_encoding(Shape, tag, lambda shape: shape.sides)


@pytest.mark.req("R-4")
@pytest.mark.parametrize("tag", ["", "$x", "Shape", "1a", "a b", "é", "a\n", 'a"'])
def test_malformed_tags_are_refused(tag: str) -> None:
    """They go into the encoding as they are."""
    with pytest.raises(ValueError, match="tag: a lower-case letter"):
        register_encoding(Shape, tag, lambda shape: shape.sides)


@pytest.mark.req("R-4")
def test_a_second_registration_is_refused() -> None:
    """Of the class, or of the tag; and the first one stays."""
    register_encoding(Shape, "shape", lambda shape: shape.sides)
    with pytest.raises(ValueError, match="Shape is registered already, as 'shape'"):
        register_encoding(Shape, "other", lambda shape: 0)
    with pytest.raises(ValueError, match="'shape' is taken"):
        register_encoding(Square, "shape", lambda shape: 0)
    assert content_hash(Shape(3)) != content_hash(Shape(4))


@pytest.mark.req("R-4")
@pytest.mark.parametrize("cls", [str, int, dict, object, BaseModel, set])
def test_classes_of_the_table_are_refused(cls: type) -> None:
    """Their encoding is what all caches hold."""
    with pytest.raises(ValueError, match="has an encoding of the package's own"):
        register_encoding(cls, "mine", lambda value: 0)


@pytest.mark.req("R-4")
@pytest.mark.parametrize(("cls", "encode"), [("Shape", len), (Shape(1), len), (Shape, None)])
def test_what_is_no_class_or_no_function_is_refused(cls: Any, encode: Any) -> None:
    """At once, and not when the first value comes."""
    with pytest.raises(TypeError, match="a class, a tag and a function"):
        register_encoding(cls, "shape", encode)


@pytest.mark.req("R-4")
def test_an_encoding_that_raises_is_the_one_error() -> None:
    """With its cause."""
    register_encoding(Shape, "shape", lambda shape: shape.sides / 0)
    with pytest.raises(UnhashableInputError, match="cannot be read") as caught:
        content_hash({"a": [Shape(1)]})
    assert caught.value.path == "inputs.a[0]"
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


@pytest.mark.req("R-4")
def test_an_encoding_that_gives_the_value_itself_is_a_cycle() -> None:
    """And one that gives ever new values is too deep."""
    register_encoding(Shape, "shape", lambda shape: [shape])
    register_encoding(Square, "square", lambda shape: Square(1))
    with pytest.raises(UnhashableInputError, match="cycle"):
        content_hash(Shape(1))
    with pytest.raises(UnhashableInputError, match="500 levels"):
        content_hash(Square(1))


@pytest.mark.req("R-4")
def test_one_of_many_threads_registers() -> None:
    """The others are refused, and hashing goes on meanwhile."""
    barrier, refused = threading.Barrier(8), []

    def register(number: int) -> None:
        barrier.wait()
        try:
            register_encoding(Shape, f"shape{number}", lambda shape: shape.sides)
        except ValueError:
            refused.append(number)
        content_hash([Point(number), Shape(number)])

    threads = [threading.Thread(target=register, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 7
