"""The sanitizer: what of an exception may be stored, and what of it must not."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Final

from langgraph_runner.redaction.chains import below, raw_message, type_name
from langgraph_runner.redaction.options import checked_bound, checked_patterns, checked_root
from langgraph_runner.redaction.paths import relative_paths, roots_of
from langgraph_runner.redaction.redaction import without_secrets
from langgraph_runner.redaction.stacks import Reader, stack_text
from langgraph_runner.redaction.text import UNREADABLE, bounded, printable, without_tail

if TYPE_CHECKING:
    import os
    import re
    from collections.abc import Iterable

_MOST_CAUSES: Final = 5
_MOST_ROUNDS: Final = 4
# Redacted beyond the bound, so that a secret that stands across it is seen whole.
_MARGIN: Final = 1_000
# How much is dropped at most where the window ends.
_LONGEST_CUT_WORD: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Sanitizer:
    """Makes messages and stacks safe to store: no secrets, no absolute paths, bounded, valid UTF-8.

    Immutable, so safe to share between threads and event loops; no method reads a file, asks the
    operating system, or raises. Time is linear in the length of the text (own patterns apart).

    Args:
        extra_patterns: Further secrets: regular expressions as strings or compiled. What their group
            named `secret` matches is hidden, or the whole match when there is no such group.
        keep: Regular expressions, as strings or compiled, whose matches are never hidden. Put
            `re.escape` around text to keep as it is.
        max_message_chars: Bound of a message, in characters, 64 to 10 million.
        max_stack_chars: Bound of a stack, in characters, 64 to 10 million.
        project_root: Directory that paths are told relative to. Default: the working directory as it
            was when this package was imported.

    Raises:
        TypeError: When an option is of the wrong type.
        ValueError: When an option is out of range, or a pattern is broken or matches the empty string.
    """

    # Not in the repr: a pattern may quote the very secret it is for.
    extra_patterns: Iterable[str | re.Pattern[str]] = field(default=(), repr=False)
    keep: Iterable[str | re.Pattern[str]] = field(default=(), repr=False)
    max_message_chars: int = 2_000
    max_stack_chars: int = 8_000
    project_root: str | os.PathLike[str] | None = None
    _extra: tuple[re.Pattern[str], ...] = field(init=False, repr=False, compare=False)
    _kept: tuple[re.Pattern[str], ...] = field(init=False, repr=False, compare=False)
    _roots: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        extra = checked_patterns("extra_patterns", self.extra_patterns)
        kept = checked_patterns("keep", self.keep)
        checked_bound("max_message_chars", self.max_message_chars)
        checked_bound("max_stack_chars", self.max_stack_chars)
        root = checked_root(self.project_root)
        # An iterator given once must not be empty the second time it is read.
        for name, value in (
            *(("extra_patterns", extra), ("keep", kept), ("project_root", root)),
            *(("_extra", extra), ("_kept", kept), ("_roots", roots_of(root))),
        ):
            object.__setattr__(self, name, value)

    def text(self, value: str, *, max_chars: int | None = None) -> str:
        """The text with secrets replaced by `[REDACTED]` and absolute paths made relative.

        Doing it twice gives the same as doing it once.

        Args:
            value: Any text; what is no string is told by its `str()`.
            max_chars: Bound of the result, in characters, at least 0. Only a little more than that is
                looked at, however long the text. None: no bound.
        """
        try:
            plain = str.__str__(value) if isinstance(value, str) else str(value)
            return self._clean(plain) if max_chars is None else self._cleaned_start(plain, max(0, max_chars))
        except Exception:  # A text must never cost the caller the failure it tells about.
            return UNREADABLE if max_chars is None else UNREADABLE[: max(0, max_chars)]

    def message(self, exc: BaseException) -> str:
        """The exception's message, safe and at most `max_message_chars` long.

        An exception without one, or whose `str()` fails, is told by the name of its class.
        """
        try:
            return self.text(raw_message(exc), max_chars=self.max_message_chars)
        except Exception:  # Such as RecursionError, when called at the bottom of a deep stack.
            return UNREADABLE

    def stack(self, exc: BaseException) -> str:
        """The traceback with causes, groups and notes, safe and at most `max_stack_chars` long.

        Installed and standard code is folded into lines such as `... 6 frames in langgraph, asyncio`.
        There are no source lines and no values of variables.
        """
        try:
            reader = Reader(self._roots, self.message, self._part, self.text)
            return stack_text(exc, self.max_stack_chars, reader)
        except Exception:
            return self.message(exc)[: self.max_stack_chars]

    def causes(self, exc: BaseException) -> list[dict[str, str]]:
        """What led to the exception, nearest first, at most five: `error_type` and `message` of each."""
        try:
            return [
                {"error_type": self.text(type_name(found), max_chars=200), "message": self.message(found)}
                for found in islice(below(exc), _MOST_CAUSES)
            ]
        except Exception:
            return []

    def _clean(self, text: str) -> str:
        clean = relative_paths(printable(text), self._roots)
        for _ in range(_MOST_ROUNDS):
            hidden = without_secrets(clean, self._extra, self._kept)
            # A mark in place of a secret can make a path of what stands behind it.
            clean = relative_paths(hidden, self._roots)
            if clean == hidden:
                break
        return clean

    def _cleaned_start(self, text: str, max_chars: int) -> str:
        window = max_chars + _MARGIN
        if len(text) <= window:
            return bounded(self._clean(text), max_chars)
        # When redacting leaves so little that the window's end shows, its last word may be half a secret.
        clean = without_tail(self._clean(text[:window]), _LONGEST_CUT_WORD)
        return bounded(clean, max_chars, cut=True)

    def _part(self, text: str) -> str:
        return self.text(text, max_chars=self.max_message_chars)


DEFAULT_SANITIZER: Final = Sanitizer()

# A bit of what errors are made of, so that each common pattern is needed once.
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
    """Compile the patterns that messages commonly need, once a process; takes some milliseconds.

    Nodes call it when the first of them is made, so that the first failure does not wait for it.
    """
    DEFAULT_SANITIZER.text(_SAMPLE)
