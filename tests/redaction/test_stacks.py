"""Stacks of exceptions and their causes."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
from blockbuster import BlockBuster

from langgraph_runner.redaction import DEFAULT_SANITIZER, Sanitizer

pytestmark = pytest.mark.req("N-20")

SECRET = "Zq8" + "fK2mW9" + "pL4vX7"


def _caught(raiser, *args):
    """Return the exception that the call raises."""
    try:
        raiser(*args)
    except BaseException as error:
        return error
    raise AssertionError


def _fail(message="boom"):
    raise ValueError(message)


def _chained(*, explicit):
    try:
        _fail(f"token={SECRET}")
    except ValueError as error:
        if explicit:
            raise RuntimeError("outer") from error
        raise RuntimeError("outer")  # noqa: B904 - the implicit context is what is tested


def _suppressed():
    try:
        _fail()
    except ValueError:
        raise RuntimeError("outer") from None


def _deep(depth):
    return _fail() if depth == 0 else _deep(depth - 1)


def _nested_group(depth):
    error = ValueError("innermost")
    for level in range(depth):
        error = ExceptionGroup(f"level {level}", [error])
    return error


def test_a_stack_names_frames_relative_and_the_error_last():
    """Frames of the user are shown without source lines."""
    stack = DEFAULT_SANITIZER.stack(_caught(_fail))
    here = "tests/redaction/test_stacks.py"
    assert re.fullmatch(
        rf'Traceback \(most recent call last\):\n  File "{here}", line \d+, in _caught\n'
        rf'  File "{here}", line \d+, in _fail\nValueError: boom',
        stack,
    )


def test_installed_frames_are_folded():
    """A run of frames of the standard library and of packages becomes one line."""
    stack = DEFAULT_SANITIZER.stack(_caught(json.loads, "{"))
    assert re.search(r"^  \.\.\. \d frames in json$", stack, re.MULTILINE)
    assert stack.endswith(
        "json.decoder.JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
    )


def test_a_stack_has_the_explicit_cause():
    """The cause comes first, without its secret."""
    stack = DEFAULT_SANITIZER.stack(_caught(lambda: _chained(explicit=True)))
    assert "ValueError: token=[REDACTED]" in stack
    assert "direct cause" in stack
    assert stack.endswith("RuntimeError: outer")


def test_a_stack_has_the_context():
    """The exception that was being handled is shown, too."""
    assert "During handling" in DEFAULT_SANITIZER.stack(_caught(lambda: _chained(explicit=False)))


def test_a_suppressed_context_is_not_shown():
    """`from None` hides the context."""
    assert "boom" not in DEFAULT_SANITIZER.stack(_caught(_suppressed))


def test_notes_follow_the_message_without_secrets():
    """Notes are part of the stack."""
    error = _caught(_fail)
    error.add_note(f"with api_key={SECRET}")
    assert DEFAULT_SANITIZER.stack(error).endswith("ValueError: boom\nwith api_key=[REDACTED]")


@pytest.mark.parametrize("notes", [17, "text", None, {"a": 1}, [3, None, b"x"], [[]]])
def test_odd_notes_are_left_out(notes):
    """`__notes__` that is not a list of strings is ignored."""
    error = ValueError("boom")
    error.__notes__ = notes
    assert DEFAULT_SANITIZER.stack(error) == "ValueError: boom"


def test_a_group_shows_each_member():
    """Members are numbered and indented."""
    group = ExceptionGroup("both", [_caught(_fail, "one"), TypeError("two")])
    stack = DEFAULT_SANITIZER.stack(group)
    assert "  | ---- 1 of 2 ----" in stack
    assert "  | ValueError: one" in stack
    assert stack.endswith("  | TypeError: two")


def test_values_of_variables_are_not_shown():
    """Values of local variables are not shown."""

    def with_local():
        secret_value = f"local {SECRET}"
        raise ValueError(len(secret_value))

    assert SECRET not in DEFAULT_SANITIZER.stack(_caught(with_local))


def test_a_deep_stack_keeps_its_innermost_frames():
    """Of a thousand frames, the innermost are left, within the bound."""
    stack = Sanitizer(max_stack_chars=1_000).stack(_caught(_deep, 900))
    assert len(stack) <= 1_000
    assert ", in _fail\nValueError: boom" in stack
    assert stack.startswith("Traceback")


def test_a_long_chain_keeps_its_first_and_last_failure():
    """Where there is too little room, the middle of the chain is cut."""

    def chain(links):
        error = _caught(_fail, "first failure")
        for link in range(links):
            outer = _caught(_fail, f"link {link} {'word ' * 30}")
            outer.__cause__ = error
            error = outer
        return error

    stack = Sanitizer(max_stack_chars=1_500).stack(chain(15))
    assert len(stack) <= 1_500
    assert "first failure" in stack
    assert "ValueError: link 14" in stack


@pytest.mark.parametrize("bound", [64, 100, 500, 8_000])
def test_a_stack_is_bounded(bound):
    """The bound holds for long messages, too."""
    error = _caught(_fail, "word " * 10_000)
    assert len(Sanitizer(max_stack_chars=bound).stack(error)) <= bound


def _cyclic():
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    return one


def _self_caused():
    error = ValueError("self")
    error.__context__ = ValueError("other")
    error.__context__.__cause__ = error
    return error


class HostileError(Exception):
    """An exception whose attributes raise."""

    __cause__ = property(lambda self: _fail("cause"))
    __context__ = property(lambda self: _fail("context"))
    __notes__ = property(lambda self: _fail("notes"))
    __traceback__ = property(lambda self: _fail("traceback"))
    __suppress_context__ = property(lambda self: _fail("suppress"))


class HostileType(type):
    """A class whose attributes raise."""

    def __getattribute__(cls, name):
        raise ValueError(name)


class NamelessError(Exception, metaclass=HostileType):
    """An exception of such a class."""


@pytest.mark.parametrize(
    "make",
    [
        _cyclic,
        _self_caused,
        lambda: HostileError("h"),
        lambda: NamelessError("n"),
        lambda: _nested_group(500),
        lambda: ValueError("\ud800\x00"),
    ],
)
def test_no_exception_makes_the_sanitizer_raise(make):
    """Each of them has a stack, a message and causes, as UTF-8."""
    error = make()
    for text in (DEFAULT_SANITIZER.stack(error), DEFAULT_SANITIZER.message(error)):
        assert text.encode("utf-8")
    assert len(DEFAULT_SANITIZER.causes(error)) <= 5


def test_the_nearest_cause_comes_first():
    """Each cause has its class and its safe message."""
    causes = DEFAULT_SANITIZER.causes(_caught(lambda: _chained(explicit=True)))
    assert causes == [{"error_type": "ValueError", "message": "token=[REDACTED]"}]


def test_causes_of_a_cycle_are_listed_once():
    """A cycle of causes ends."""
    assert [cause["message"] for cause in DEFAULT_SANITIZER.causes(_cyclic())] == ["two"]


def test_causes_go_through_groups_up_to_five():
    """Members of groups are causes, the nearest first."""
    group = ExceptionGroup("g", [ValueError(str(number)) for number in range(9)])
    assert [cause["message"] for cause in DEFAULT_SANITIZER.causes(group)] == ["0", "1", "2", "3", "4"]


async def test_nothing_blocks_an_event_loop():
    """No method reads a file or asks for the working directory while a loop is running."""
    error = _caught(lambda: _chained(explicit=True))
    guard = BlockBuster()
    guard.activate()
    try:
        await asyncio.sleep(0)
        sanitizer = Sanitizer(project_root="src")
        results = (
            sanitizer.stack(error),
            sanitizer.message(error),
            sanitizer.causes(error),
            sanitizer.text("/home/b/c/d.py"),
        )
    finally:
        guard.deactivate()
    assert all(results)
