"""Messages in which name and value stand far apart: jsonschema's, and JSON web keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from langgraph_runner.redaction.keys import Key, keys_in
from langgraph_runner.redaction.patterns import LazyPattern
from langgraph_runner.redaction.quoting import quoted_at
from langgraph_runner.redaction.verdicts import quoted_span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langgraph_runner.redaction.spans import Span

_FAILED: Final = "failed validating "
_ON_INSTANCE: Final = "on instance["
_LONGEST_MESSAGE: Final = 4_000
_LONGEST_PATH: Final = 300


def schema_spans(text: str, lower: str) -> Iterator[Span]:
    """The value that jsonschema quotes in its first line, when the schema's path names a secret."""
    floor = 0
    at = lower.find(_FAILED)
    while at >= 0:
        end = text.find("\n", at, at + _LONGEST_PATH)
        path_end = end if end >= 0 else at + _LONGEST_PATH
        key = _last_key(text, lower, at, path_end)
        if key is None:
            instance = lower.find(_ON_INSTANCE, at, at + _LONGEST_MESSAGE)
            if instance >= 0:
                key = _last_key(
                    text, lower, instance, min(instance + _LONGEST_PATH, _line_end(text, instance))
                )
        if key is not None:
            # The message is a paragraph of its own before the path.
            paragraph = text.rfind("\n\n", max(floor, at - _LONGEST_MESSAGE), max(floor, at - 2))
            start = paragraph + 2 if paragraph >= 0 else max(floor, at - _LONGEST_MESSAGE)
            yield from _first_quoted(text, key, start, at)
        floor = path_end
        at = lower.find(_FAILED, path_end)


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _last_key(text: str, lower: str, start: int, end: int) -> Key | None:
    """The innermost name of the path, when it is one of a secret."""
    return next(reversed(list(keys_in(text[start:end], lower[start:end]))), None)


_OPENING = LazyPattern(r"(?:^|\n|: )(?=[\"'])")


def _first_quoted(text: str, key: Key, start: int, end: int) -> list[Span]:
    opening = _OPENING.search(text[start:end])
    quoted = quoted_at(text, start + opening.end()) if opening else None
    return quoted_span(text, key, quoted) if quoted and quoted.closed and quoted.end <= end else []


_JWK: Final = '"kty'
_JWK_PRIVATE = LazyPattern(
    r"[\"'](?:d|p|q|dp|dq|qi|k)\\{0,7}[\"'] ?: ?\\{0,7}[\"'](?P<secret>[A-Za-z0-9_=-]{16,})\\{0,7}[\"']"
)
_LONGEST_JWK: Final = 6_000


def jwk_spans(text: str, lower: str) -> Iterator[Span]:
    """The private members of JSON web keys; `n`, `e`, `x` and `y` are public."""
    done = 0
    at = _next_jwk(lower, 0)
    while at >= 0:
        start = max(done, text.rfind("{", max(done, at - _LONGEST_JWK), at))
        end = text.find("}", at, at + _LONGEST_JWK)
        end = min(len(text), at + _LONGEST_JWK) if end < 0 else end
        for found in _JWK_PRIVATE.finditer(text[start:end]):
            yield start + found.start("secret"), start + found.end("secret")
        done = end
        at = _next_jwk(lower, max(end, at + 1))


def _next_jwk(lower: str, at: int) -> int:
    places = [place for mark in (_JWK, "'kty") if (place := lower.find(mark, at)) >= 0]
    return min(places, default=-1)
