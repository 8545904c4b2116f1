"""The options of a sanitizer."""

from __future__ import annotations

import copy
import os
import pickle
import re
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from langgraph_runner.redaction import DEFAULT_SANITIZER, Sanitizer

pytestmark = pytest.mark.req("N-20")

SECRET = "Zq8" + "fK2mW9" + "pL4vX7"


def test_an_own_pattern_hides_its_match():
    """A string is a regular expression."""
    assert Sanitizer(extra_patterns=[r"EMP-\d+"]).text("by EMP-123.") == "by [REDACTED]."


def test_an_own_pattern_hides_only_its_secret_group():
    """What the group named `secret` matches is hidden."""
    sanitizer = Sanitizer(extra_patterns=[re.compile(r"badge (?P<secret>\d+)")])
    assert sanitizer.text("badge 123 of bob") == "badge [REDACTED] of bob"


def test_an_own_pattern_does_not_hide_the_marker():
    """A pattern that matches the marker does not nest it."""
    sanitizer = Sanitizer(extra_patterns=["[A-Z]+", r"\["])
    once = sanitizer.text("by BOB")
    assert sanitizer.text(once) == once == "by [REDACTED]"


def test_a_match_of_keep_stays():
    """A match of `keep` stays where it would be hidden."""
    assert Sanitizer(keep=["demo-key"]).text("api_key=demo-key") == "api_key=demo-key"


def test_keep_does_not_protect_other_secrets():
    """Other values than the kept one are hidden."""
    sanitizer = Sanitizer(keep=[re.compile("demo-key")])
    assert sanitizer.text(f"api_key=demo-key password={SECRET}") == "api_key=demo-key password=[REDACTED]"


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"extra_patterns": "abc"}, TypeError, "extra_patterns must be a list"),
        ({"extra_patterns": 3}, TypeError, "extra_patterns must be a list"),
        ({"extra_patterns": ["("]}, ValueError, r"extra_patterns\[0\] must be a regular expression"),
        ({"extra_patterns": ["a*"]}, ValueError, r"extra_patterns\[0\] must not match the empty string"),
        ({"extra_patterns": [b"a"]}, TypeError, r"extra_patterns\[0\] must be a string"),
        ({"extra_patterns": [re.compile(b"a")]}, TypeError, r"extra_patterns\[0\] must be a string"),
        ({"keep": [None]}, TypeError, r"keep\[0\] must be a string"),
        ({"keep": re.compile("a")}, TypeError, "keep must be a list"),
        ({"max_message_chars": 0}, ValueError, "max_message_chars must be 64 to"),
        ({"max_message_chars": True}, TypeError, "max_message_chars must be a whole number"),
        ({"max_stack_chars": "9"}, TypeError, "max_stack_chars must be a whole number"),
        ({"max_stack_chars": 10**9}, ValueError, "max_stack_chars must be 64 to"),
        ({"project_root": 3}, TypeError, "project_root must be a path"),
        ({"project_root": b"/a"}, TypeError, "project_root must be a path"),
        ({"project_root": " "}, ValueError, "project_root must name a directory"),
    ],
)
def test_a_bad_option_is_refused(options, error, words):
    """The error names the option and its allowed values."""
    with pytest.raises(error, match=words):
        Sanitizer(**options)


def test_a_path_object_is_a_root():
    """`project_root` accepts what `os.fspath` accepts."""
    assert (
        Sanitizer(project_root=Path("/deep/in/the/tree")).text("/deep/in/the/tree/b/c/d/e.py") == "b/c/d/e.py"
    )


def test_patterns_from_a_generator_are_kept():
    """A generator is read only once."""
    sanitizer = Sanitizer(extra_patterns=(pattern for pattern in ["EMP"]))
    assert [sanitizer.text("EMP"), sanitizer.text("EMP")] == ["[REDACTED]", "[REDACTED]"]


def test_a_sanitizer_cannot_be_changed():
    """A sanitizer is frozen, so threads may share it."""
    with pytest.raises(FrozenInstanceError):
        DEFAULT_SANITIZER.max_message_chars = 3


@pytest.mark.parametrize("twin", [lambda s: pickle.loads(pickle.dumps(s)), copy.deepcopy])  # noqa: S301 - our own
def test_a_sanitizer_can_be_copied(twin):
    """Copies and pickles work as the original does."""
    sanitizer = Sanitizer(extra_patterns=["EMP"], max_message_chars=99)
    other = twin(sanitizer)
    assert other == sanitizer
    assert other.text("EMP") == "[REDACTED]"


def test_the_repr_quotes_no_pattern():
    """A pattern may contain the secret that it is for."""
    assert SECRET not in repr(Sanitizer(extra_patterns=[SECRET], keep=[SECRET]))


@pytest.mark.req("N-20")
def test_a_project_root_of_bytes_is_refused():
    """The message says how to convert it to text."""

    class BytesPath(os.PathLike):
        """A path whose `__fspath__()` returns bytes."""

        def __fspath__(self):
            """Return bytes."""
            return b"/srv/app"

    with pytest.raises(TypeError, match=r"use os.fsdecode\(\)"):
        Sanitizer(project_root=BytesPath())
