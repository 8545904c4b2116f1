"""Messages of exceptions, also of those whose `str()` raises."""

from __future__ import annotations

import asyncio
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_runner.redaction import DEFAULT_SANITIZER, Sanitizer

pytestmark = pytest.mark.req("N-20")

SECRET = "Zq8" + "fK2mW9" + "pL4vX7"


def test_a_message_is_safe():
    """Secrets are hidden; the rest stays."""
    assert DEFAULT_SANITIZER.message(ValueError(f"password={SECRET}")) == "password=[REDACTED]"


def test_a_message_is_bounded():
    """The bound includes the note on the cut."""
    message = Sanitizer(max_message_chars=100).message(ValueError("word " * 100))
    assert len(message) <= 100
    assert message.endswith("... [truncated]")


def test_an_exception_without_message_gives_its_class():
    """An empty message becomes the name of the class."""
    assert DEFAULT_SANITIZER.message(TimeoutError()) == "TimeoutError"


class WordedError(Exception):
    """An exception whose `str()` calls a function."""

    def __init__(self, make):
        self.make = make

    def __str__(self):
        return self.make()


def _raise(error):
    raise error


def _endless():
    return _endless()


@pytest.mark.parametrize(
    "make",
    [
        lambda: _raise(ValueError("no")),
        lambda: _raise(SystemExit(3)),
        lambda: _raise(asyncio.CancelledError),
        lambda: _raise(GeneratorExit),
        lambda: _raise(MemoryError),
        lambda: 17,
        lambda: None,
        lambda: b"bytes",
        _endless,
    ],
)
def test_a_message_that_fails_gives_the_class(make):
    """If `str()` raises or does not return text, the message is the name of the class."""
    assert DEFAULT_SANITIZER.message(WordedError(make)) == "WordedError"


def test_a_ctrl_c_during_a_message_is_not_swallowed():
    """A KeyboardInterrupt during `str()` is raised."""
    with pytest.raises(KeyboardInterrupt):
        DEFAULT_SANITIZER.message(WordedError(lambda: _raise(KeyboardInterrupt)))


def test_methods_of_a_str_subclass_are_not_called():
    """Methods of a subclass of str are not called."""

    class Liar(str):
        __slots__ = ()

        def __len__(self):
            return 0

        def lower(self):
            raise ValueError

    assert DEFAULT_SANITIZER.message(WordedError(lambda: Liar("token expired"))) == "token expired"


def test_a_message_at_the_bottom_of_a_deep_stack_does_not_raise():
    """At the end of the stack, the methods still return a text."""

    def sink(depth):
        return DEFAULT_SANITIZER.message(ValueError("a=1")) if depth == 0 else sink(depth - 1)

    answers = {sink(depth) for depth in range(1, _frames_left() - 20)}
    assert answers <= {"a=1", "ValueError", "[unreadable]"}


def _frames_left():
    frame, used = sys._getframe(), 0
    while frame is not None:
        frame, used = frame.f_back, used + 1
    return sys.getrecursionlimit() - used


@given(st.text())
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_message(text):
    """Never longer than the bound, always UTF-8, never empty."""
    message = Sanitizer(max_message_chars=64).message(ValueError(text))
    assert len(message.encode("utf-8", "strict").decode()) <= 64
