"""Encodings that users register for their own classes."""

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
    objects,
    register_encoding,
)
from tests.workflow.hashing.samples import Point, Theme

HERE = '"tests.workflow.hashing.test_objects"'


class Shape:
    """Declares no fields."""

    def __init__(self, sides: Any) -> None:
        self.sides = sides


class Square(Shape):
    """A subclass of `Shape`."""


@pytest.fixture(autouse=True)
def _registrations_undone() -> Iterator[None]:
    before = dict(objects._registered)
    yield
    objects._registered.clear()
    objects._registered.update(before)
    objects._encoders.clear()


@pytest.mark.req("R-4")
def test_a_registered_class_has_the_given_encoding() -> None:
    """It has the tag and the class, also if a value was refused before."""
    with pytest.raises(UnhashableInputError):
        content_hash(Shape(4))
    register_encoding(Shape, "shape", lambda shape: shape.sides)
    assert canonical_json([Shape((4,))]).decode() == f'[{{"$shape":[{HERE},"Shape",{{"$tuple":[4]}}]}}]'


@pytest.mark.req("R-4")
def test_subclasses_inherit_an_encoding_and_differ() -> None:
    """A subclass may register another encoding."""
    register_encoding(Shape, "shape", lambda shape: shape.sides)
    assert canonical_json(Square(4)).decode() == f'{{"$shape":[{HERE},"Square",4]}}'
    register_encoding(Square, "square", lambda shape: None)
    assert canonical_json(Square(4)).decode() == f'{{"$square":[{HERE},"Square",null]}}'
    assert canonical_json(Shape(4)).decode() == f'{{"$shape":[{HERE},"Shape",4]}}'


@pytest.mark.req("R-4")
def test_a_registered_encoding_wins_over_the_built_in_one() -> None:
    """For example, it can leave out a field of a model or a dataclass."""
    before = content_hash(Point(1, 2))
    register_encoding(Point, "point", lambda point: point.x)
    register_encoding(Theme, "theme", lambda theme: theme.name)
    assert content_hash(Point(1, 2)) == content_hash(Point(1, 3)) != before
    assert content_hash(Theme(name="a", size=1)) == content_hash(Theme(name="a", size=2))


@pytest.mark.req("R-4")
def test_arrays_can_be_registered() -> None:
    """Type and shape count. The scalars of numpy can be registered, too."""
    register_encoding(np.ndarray, "ndarray", lambda a: (a.dtype.str, a.shape, a.tobytes()))
    register_encoding(np.generic, "numpy", lambda each: (each.dtype.str, each.tobytes()))
    arrays = [np.zeros(4), np.zeros((2, 2)), np.zeros(4, dtype="f4"), np.ones(4), np.float64(1), np.int64(1)]
    assert len({content_hash({"a": [each]}) for each in arrays}) == len(arrays)
    assert content_hash(np.zeros(4)) == content_hash(np.zeros(4))


@pytest.mark.req("R-4")
@pytest.mark.parametrize("tag", ["int", "dict", "model", "url"])
def test_tags_of_the_package_are_refused(tag: str) -> None:
    """Values of two kinds would have the same encoding."""
    with pytest.raises(ValueError, match="package's own"):
        register_encoding(Shape, tag, lambda shape: shape.sides)


@pytest.mark.req("R-4")
@pytest.mark.parametrize("tag", ["", "$x", "Shape", "1a", "a b", "é", "a\n", 'a"'])
def test_malformed_tags_are_refused(tag: str) -> None:
    """Tags are written into the encoding without escaping."""
    with pytest.raises(ValueError, match="tag must be a lower-case letter"):
        register_encoding(Shape, tag, lambda shape: shape.sides)


@pytest.mark.req("R-4")
def test_a_second_registration_is_refused() -> None:
    """Class and tag must both be new. The first registration stays."""
    register_encoding(Shape, "shape", lambda shape: shape.sides)
    with pytest.raises(ValueError, match="cls must be registered once, got Shape, which has the tag 'shape'"):
        register_encoding(Shape, "other", lambda shape: 0)
    with pytest.raises(ValueError, match="tag must be unique, got 'shape'"):
        register_encoding(Square, "shape", lambda shape: 0)
    assert content_hash(Shape(3)) != content_hash(Shape(4))


@pytest.mark.req("R-4")
@pytest.mark.parametrize("cls", [str, int, dict, object, BaseModel, set])
def test_classes_with_a_built_in_encoding_are_refused(cls: type) -> None:
    """Cached results depend on their encodings."""
    with pytest.raises(ValueError, match="cls must be a class without a built-in encoding"):
        register_encoding(cls, "mine", lambda value: 0)


@pytest.mark.req("R-4")
@pytest.mark.parametrize(("cls", "encode"), [("Shape", len), (Shape(1), len), (Shape, None)])
def test_registering_needs_a_class_and_a_function(cls: Any, encode: Any) -> None:
    """They are checked at once, not with the first value."""
    with pytest.raises(TypeError, match="needs a class and a function"):
        register_encoding(cls, "shape", encode)


@pytest.mark.req("R-4")
def test_an_encoding_that_raises_becomes_the_usual_error() -> None:
    """The exception is its cause."""
    register_encoding(Shape, "shape", lambda shape: shape.sides / 0)
    with pytest.raises(UnhashableInputError, match="cannot be read") as caught:
        content_hash({"a": [Shape(1)]})
    assert caught.value.path == "inputs.a[0]"
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


@pytest.mark.req("R-4")
def test_an_encoding_that_returns_the_value_itself_is_a_cycle() -> None:
    """One that always returns a new value is nested too deeply."""
    register_encoding(Shape, "shape", lambda shape: [shape])
    register_encoding(Square, "square", lambda shape: Square(1))
    with pytest.raises(UnhashableInputError, match="cycle"):
        content_hash(Shape(1))
    with pytest.raises(UnhashableInputError, match="500 levels"):
        content_hash(Square(1))


@pytest.mark.req("R-4")
def test_only_one_of_many_threads_registers() -> None:
    """The others are refused. Hashing works meanwhile."""
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
