"""The sanitizer: makes texts and exceptions safe to store. Its options are checked here, too."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from typing import Final

from langgraph_runner.redaction.search import without_secrets
from langgraph_runner.redaction.stacks import causes_of, raw_message, stack_text, type_name
from langgraph_runner.redaction.text import bounded, printable, relative_paths, roots_of, without_tail

__all__ = ["DEFAULT_SANITIZER", "Sanitizer", "compile_patterns", "sanitize_stack", "sanitize_text"]

_UNREADABLE: Final = "[unreadable]"
_SMALLEST_BOUND: Final = 64
_LARGEST_BOUND: Final = 10_000_000
_MOST_CAUSES: Final = 5
_MOST_ROUNDS: Final = 4
# So much beyond the bound is redacted, too, so that a secret that crosses the bound is seen whole.
_MARGIN: Final = 1_000
# The most characters that are dropped at the end of that window.
_LONGEST_CUT_WORD: Final = 300


# The checks of the options. Each error names the option and how to put it right.


def _checked_patterns(name: str, value: object) -> tuple[re.Pattern[str], ...]:
    """Return the patterns of the option, compiled; strings are regular expressions."""
    if isinstance(value, str | bytes | re.Pattern) or not isinstance(value, Iterable):
        raise TypeError(f"{name} must be a list of patterns, got {type(value).__name__}: write {name}=[...]")
    return tuple(_checked_pattern(f"{name}[{index}]", item) for index, item in enumerate(value))


def _checked_pattern(name: str, item: object) -> re.Pattern[str]:
    if isinstance(item, str):
        try:
            item = re.compile(item)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(
                f"{name} must be a regular expression ({error}): put re.escape() around text to match as it is"
            ) from error
    if not isinstance(item, re.Pattern) or not isinstance(item.pattern, str):
        raise TypeError(f"{name} must be a string or a re.Pattern of strings, got {item!r:.60}")
    if item.search("") is not None:
        raise ValueError(f"{name} must not match the empty string: make it need at least one character")
    return item


def _check_bound(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be a whole number of characters, got {value!r:.60}")
    if not _SMALLEST_BOUND <= value <= _LARGEST_BOUND:
        raise ValueError(f"{name} must be {_SMALLEST_BOUND} to {_LARGEST_BOUND} characters, got {value}")


def _checked_root(value: object) -> str | None:
    """Return the directory of the project as text; it need not exist."""
    if value is None:
        return None
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"project_root must be a path or None, got {value!r:.60}")
    path = os.fspath(value)
    if not isinstance(path, str):
        raise TypeError("project_root must be a path of text, got one of bytes: use os.fsdecode()")
    if not path.strip() or "\0" in path:
        raise ValueError("project_root must name a directory: give a path, or None for the working directory")
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Sanitizer:
    """Makes messages and stacks safe to store: without secrets and absolute paths, bounded, valid UTF-8.

    Immutable, so threads and event loops may share it. No method reads a file, asks the operating system, or
    raises. The time is linear in the length of the text, except for patterns of your own.

    Args:
        extra_patterns: Further secrets: regular expressions, as strings or compiled. What the group named
            `secret` matches is hidden, or the whole match when there is no such group.
        keep: Regular expressions, as strings or compiled, whose matches are never hidden. Put
            `re.escape` around text to keep as it is.
        max_message_chars: Longest message, in characters, 64 to 10 million.
        max_stack_chars: Longest stack, in characters, 64 to 10 million.
        project_root: Directory that paths become relative to. Default: the working directory at the time
            when this package was imported.

    Raises:
        TypeError: An option has the wrong type.
        ValueError: An option is out of range, or a pattern does not compile or matches the empty string.
    """

    # Not in the repr: a pattern may contain the secret that it is for.
    extra_patterns: Iterable[str | re.Pattern[str]] = field(default=(), repr=False)
    keep: Iterable[str | re.Pattern[str]] = field(default=(), repr=False)
    max_message_chars: int = 2_000
    max_stack_chars: int = 8_000
    project_root: str | os.PathLike[str] | None = None
    _extra: tuple[re.Pattern[str], ...] = field(init=False, repr=False, compare=False)
    _kept: tuple[re.Pattern[str], ...] = field(init=False, repr=False, compare=False)
    _roots: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        extra = _checked_patterns("extra_patterns", self.extra_patterns)
        kept = _checked_patterns("keep", self.keep)
        _check_bound("max_message_chars", self.max_message_chars)
        _check_bound("max_stack_chars", self.max_stack_chars)
        root = _checked_root(self.project_root)
        # The options are replaced, too: an iterator would be empty the second time.
        checked = {"extra_patterns": extra, "keep": kept, "project_root": root}
        derived = {"_extra": extra, "_kept": kept, "_roots": roots_of(root)}
        for name, value in {**checked, **derived}.items():
            object.__setattr__(self, name, value)

    def text(self, value: str, *, max_chars: int | None = None) -> str:
        """Return the text with secrets replaced by `[REDACTED]` and absolute paths made relative.

        Doing it twice gives the same as doing it once.

        Args:
            value: Any text; `str()` of anything else.
            max_chars: Longest result, in characters, at least 0. Only a little more than that is read,
                however long the text is. None: no bound.
        """
        try:
            plain = str.__str__(value) if isinstance(value, str) else str(value)
            return self._clean(plain) if max_chars is None else self._cleaned_start(plain, max(0, max_chars))
        except Exception:  # The caller must not lose the failure that the text is about.
            return _UNREADABLE if max_chars is None else _UNREADABLE[: max(0, max_chars)]

    def message(self, exc: BaseException) -> str:
        """Return the message of the exception, safe and at most `max_message_chars` long.

        An exception without a message, or whose `str()` fails, gives the name of its class.
        """
        try:
            return self._part(raw_message(exc))
        except Exception:  # Such as RecursionError, when called at the bottom of a deep stack.
            return _UNREADABLE

    def stack(self, exc: BaseException) -> str:
        """Return the traceback with causes, groups and notes, safe and at most `max_stack_chars` long.

        Frames of installed and standard code become lines such as `... 6 frames in langgraph, asyncio`.
        Source lines and values of variables are left out.
        """
        try:
            return stack_text(
                exc, max_chars=self.max_stack_chars, roots=self._roots, part=self._part, whole=self.text
            )
        except Exception:
            return self.message(exc)[: self.max_stack_chars]

    def causes(self, exc: BaseException) -> list[dict[str, str]]:
        """Return `error_type` and `message` of what led to the exception, nearest first, at most five."""
        try:
            return [
                {"error_type": self.text(type_name(found), max_chars=200), "message": self.message(found)}
                for found in islice(causes_of(exc), _MOST_CAUSES)
            ]
        except Exception:
            return []

    def _clean(self, text: str) -> str:
        clean = relative_paths(printable(text), self._roots)
        for _ in range(_MOST_ROUNDS):
            hidden = without_secrets(clean, self._extra, self._kept)
            # A marker in place of a secret can turn the text after it into a path.
            clean = relative_paths(hidden, self._roots)
            if clean == hidden:
                break
        return clean

    def _cleaned_start(self, text: str, max_chars: int) -> str:
        window = max_chars + _MARGIN
        if len(text) <= window:
            return bounded(self._clean(text), max_chars)
        # When redacting leaves so little that the end of the window shows, its last word may be half a secret.
        clean = without_tail(self._clean(text[:window]), _LONGEST_CUT_WORD)
        return bounded(clean, max_chars, cut=True)

    def _part(self, text: str) -> str:
        """Return a message or a note, safe and bounded."""
        return self.text(text, max_chars=self.max_message_chars)


DEFAULT_SANITIZER: Final = Sanitizer()

# A sample of error messages that needs each common pattern once.
_SAMPLE: Final = r"""
ValueError: login failed for bob@db:5432, the password for bob is hunter2x and "token" was 'a1b2c3d4e5f6g7'
> POST https://bob:hunter2x@example.com/v1?key=a1b2c3d4e5f6g7&n=1 HTTP/1.1
> Authorization: Bearer a1b2c3d4e5f6g7
> Cookie: sid=a1b2c3d4e5f6g7; lang=en
{"user": "bob", "api_key": "sk-a1B2c3D4e5F6g7H8i9J0k1", "body": "{\"secret\": \"a1b2c3d4\"}", "loc": ["token"]}
DB_PASSWORD=hunter2x, password: |, api_key=os.environ["API_KEY"], token=None, --password hunter2x, x.password(y)
[('x-api-key', 'a1b2c3d4e5f6g7'), ('cache_key', 'user:42')] name=password value=hunter2x <password>x</password>
1 validation error for Login
password
  String too short [type=short, input_value='hunter2x', input_type=str]
/home/bob/app/main.py, C:\app\main.py, name,password
-----BEGIN CERTIFICATE----- IGlzIGEgdGVzdCB0ZXh0IGlzIGEgdGVzdA== %7B%22a%22 \u0022 café
"""


@cache
def compile_patterns() -> None:
    """Compile the patterns that messages commonly need, once per process; takes some milliseconds.

    The first node that is made calls it, so that the first failure does not wait for it.
    """
    DEFAULT_SANITIZER.text(_SAMPLE)


def sanitize_text(text: str, *, max_chars: int | None = None) -> str:
    """Replace secrets in a text by `[REDACTED]`, and make absolute paths relative.

    Thread-safe; never raises. For rules of your own, make a `Sanitizer` and call its `text()`.

    Args:
        text: Any text.
        max_chars: The most characters to return, at least 0; None for no bound.

    Example:
        >>> sanitize_text("login failed: password=hunter2-and-more")
        'login failed: password=[REDACTED]'
    """
    return DEFAULT_SANITIZER.text(text, max_chars=max_chars)


def sanitize_stack(stack: BaseException | str) -> str:
    """Return the traceback of an exception, safe to store and at most 8,000 characters long.

    It has no secrets, source lines or absolute paths. Causes, groups and notes are in it; frames of installed
    and standard code are folded. Thread-safe; never raises.
    For rules of your own, make a `Sanitizer` and call its `stack()`.

    Args:
        stack: The exception, or a traceback as text, which is sanitized like any text.
    """
    if isinstance(stack, BaseException):
        return DEFAULT_SANITIZER.stack(stack)
    return DEFAULT_SANITIZER.text(stack, max_chars=DEFAULT_SANITIZER.max_stack_chars)
