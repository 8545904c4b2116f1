"""Texts: paths, bounds, characters, and values that raise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.sanitizer_shapes import HELD_OUT, TUNED
from langgraph_runner.redaction import DEFAULT_SANITIZER, Sanitizer

pytestmark = pytest.mark.req("N-20")

SECRET = "Zq8" + "fK2mW9" + "pL4vX7" + "tB1nR6"
PIECES = st.sampled_from(
    [
        *(
            "password",
            "token",
            "api_key",
            "sk-",
            "eyJ",
            "Bearer ",
            "=",
            ": ",
            '"',
            "'",
            '\\"',
            "\\",
            "{",
            "}",
            "[",
            "]",
        ),
        *(
            "(",
            ")",
            ",",
            ";",
            "&",
            "?",
            "://",
            "@",
            ":",
            "%22",
            "%3A",
            "<",
            ">",
            "</",
            "|",
            "-----BEGIN A PRIVATE KEY-----",
        ),
        *(
            "-----END A PRIVATE KEY-----",
            "\n",
            " ",
            "--",
            "/",
            "/home/",
            "a.py",
            "C:\\",
            "[REDACTED]",
            "is",
            "hunter2",
        ),
        *(
            "cookie",
            "authorization",
            "\x1b[31m",
            "\x00",
            "\ud800",
            "İ",
            "\u200b",
            "&quot;",
            "secret",
            "x",
            "0",
            SECRET,
        ),
    ]
)
MESSY = st.lists(PIECES | st.text(max_size=6), max_size=25).map("".join)


@given(MESSY)
@settings(max_examples=400, deadline=None)
def test_twice_is_once(text):
    """Sanitizing a second time changes nothing."""
    once = DEFAULT_SANITIZER.text(text)
    assert DEFAULT_SANITIZER.text(once) == once


@given(st.sampled_from([*TUNED.values(), *HELD_OUT.values()]), st.text(max_size=40))
@settings(max_examples=200, deadline=None)
def test_twice_is_once_in_every_notation(shape, value):
    """For any value, sanitizing a second time finds nothing more."""
    once = DEFAULT_SANITIZER.text(shape("password", value))
    assert DEFAULT_SANITIZER.text(once) == once


@given(MESSY)
@settings(max_examples=200, deadline=None)
def test_the_result_is_printable_utf8(text):
    """Lone surrogates, NUL and escape codes are removed; newlines and tabs may stay."""
    clean = DEFAULT_SANITIZER.text(text)
    clean.encode("utf-8")
    assert not [char for char in clean if ord(char) < 32 and char not in "\n\t"]


@given(MESSY, st.integers(0, 300))
@settings(max_examples=200, deadline=None)
def test_the_bound_holds(text, bound):
    """The result is never longer than `max_chars`."""
    assert len(DEFAULT_SANITIZER.text(text * 20, max_chars=bound)) <= bound


@pytest.mark.parametrize("before", range(40))
def test_a_secret_across_the_cut_does_not_leak(before):
    """Wherever the cut falls, no piece of eight characters of a secret is left."""
    text = f"{'x' * (60 + before)} password={SECRET} and more {'y ' * 5_000}"
    clean = DEFAULT_SANITIZER.text(text, max_chars=100)
    assert not [i for i in range(len(SECRET) - 7) if SECRET[i : i + 8] in clean]


def test_a_secret_across_the_window_does_not_leak():
    """When redacting shrinks the text so far that the end of the window shows, its last word is dropped."""
    text = f"{f'password={SECRET} ' * 40}postgres://bob:{SECRET}@db/x " + "z" * 5_000
    for bound in range(200, 1_000, 7):
        assert SECRET[:8] not in DEFAULT_SANITIZER.text(text, max_chars=bound)


def test_ten_megabytes_are_cut_before_they_are_read():
    """A huge message takes about as long as one of the length of its bound."""
    clean = DEFAULT_SANITIZER.text(f"password={SECRET} " * 400_000, max_chars=2_000)
    assert len(clean) <= 2_000
    assert clean.endswith("... [truncated]")


def test_a_cut_text_says_so_without_padding():
    """The note follows the rest of the text, also when redacting left little."""
    clean = DEFAULT_SANITIZER.text(f"password={SECRET}{'x' * 5_000}", max_chars=200)
    assert clean.startswith(("password=[REDACTED]", "..."))
    assert "  " not in clean


@pytest.mark.parametrize("bound", range(20, 60))
def test_a_cut_leaves_no_half_marker(bound):
    """A marker is never cut in half."""
    clean = DEFAULT_SANITIZER.text(f"{'x' * 12}.password={SECRET};{'y' * 50}", max_chars=bound)
    assert "[REDACTED]" in clean or "[" not in clean.removesuffix("... [truncated]")


def test_a_short_text_is_not_marked_as_cut():
    """The note is added only when something was cut."""
    assert DEFAULT_SANITIZER.text("all well", max_chars=64) == "all well"


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        (f"in {Path.cwd()}/src/shop/a.py", "in src/shop/a.py"),
        ("No such file: '/home/bob/shop/data/x.json'", "No such file: 'shop/data/x.json'"),
        ("at /usr/lib/python3/site-packages/httpx/_client.py", "at httpx/_client.py"),
        ("at /home/bob", "at ~"),
        ("C:\\Users\\bob\\shop\\a.py failed", "shop/a.py failed"),
        ("/very/long/way/to/the/file.txt", "to/the/file.txt"),
    ],
)
def test_absolute_paths_become_relative(raw, clean):
    """Paths lose the parts that identify the machine and its user."""
    assert DEFAULT_SANITIZER.text(raw) == clean


@pytest.mark.parametrize(
    "raw",
    [
        "GET /v1/users/42",
        "https://x.com/home/a/b.py",
        "and/or",
        "1/2",
        "url: /v1/models",
        "a /b c",
        "src/shop/a.py",
    ],
)
def test_routes_and_urls_stay(raw):
    """URLs, routes and fractions are not paths of a file system."""
    assert DEFAULT_SANITIZER.text(raw) == raw


def test_paths_are_relative_to_the_project_root():
    """A given root takes precedence over the working directory."""
    sanitizer = Sanitizer(project_root="/deep/in/the/tree/shop")
    assert sanitizer.text("/deep/in/the/tree/shop/app/sub/very/far/a.py") == "app/sub/very/far/a.py"


def test_an_import_in_a_deleted_directory_works(tmp_path):
    """Paths are then relative to no working directory."""
    (gone := tmp_path / "gone").mkdir()
    program = (
        f"import os; os.chdir({str(gone)!r}); os.rmdir({str(gone)!r});"
        "from langgraph_runner.redaction import DEFAULT_SANITIZER;"
        "print(DEFAULT_SANITIZER.text('/home/bob/shop/a.py'))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)  # noqa: S603 - our own program
    assert done.stdout.strip() == "shop/a.py"


def test_colour_codes_do_not_hide_a_secret():
    """Escape codes are removed before secrets are looked for."""
    assert DEFAULT_SANITIZER.text(f"\x1b[31mpass\x1b[0mword=\x1b[1m{SECRET}\x1b[0m") == "password=[REDACTED]"


@pytest.mark.parametrize("value", [None, 17, b"x", object])
def test_a_value_that_is_not_a_string_is_converted(value):
    """A value of a wrong type does not raise."""
    assert DEFAULT_SANITIZER.text(value) == str(value)


def test_a_text_that_fails_is_unreadable():
    """A `__str__` that raises does not raise here."""

    class Broken:
        def __str__(self):
            raise ValueError

    assert DEFAULT_SANITIZER.text(Broken()) == "[unreadable]"
