"""Verdicts on values: whether what stands where a value of this name would is one to hide."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeAlias

from langgraph_runner.redaction.keys import Key, KeyKind
from langgraph_runner.redaction.patterns import LazyPattern
from langgraph_runner.redaction.values import (
    is_count,
    is_digest,
    is_placeholder,
    is_plain_path,
    is_prose,
    looks_random,
)

if TYPE_CHECKING:
    from langgraph_runner.redaction.quoting import Quoted
    from langgraph_runner.redaction.spans import Span

# What a reader of a dialect hands back: the spans to hide; None when it is not that dialect.
Found: TypeAlias = "list[Span] | None"

CLOSE: Final = r"(?:\\{0,31}[\"'`]|&(?:quot|apos|\#34|\#39|\#x27);)"
SCHEME = LazyPattern(
    r"(?:bearer|basic|token|digest|negotiate|apikey|api-key|key|bot|dpop|ssws|geniekey|oauth|hmac)(?:[ \t]{1,4}|%20)",
    re.IGNORECASE,
)
LONGEST_JUDGED: Final = 200


def quoted_span(text: str, key: Key, quoted: Quoted) -> list[Span]:
    """What to hide of a quoted value: all but its scheme ("Bearer"), or nothing when it is harmless."""
    scheme = SCHEME.match(text, quoted.start, quoted.end)
    start = scheme.end() if scheme else quoted.start
    value = text[start : min(quoted.end, start + LONGEST_JUDGED)]
    if not value or is_placeholder(value):
        return []
    if scheme is None and (is_harmless(key, value) or (" " in value.strip() and is_prose(value))):
        return []
    return [(start, quoted.end)]


def is_public(kind: KeyKind, value: str) -> bool:
    """Whether a name that is often harmless stands before a value that does not look random."""
    if kind is KeyKind.MIXED:
        return not looks_random(value) and not is_digest(value)
    return kind is KeyKind.WEAK and not looks_random(value)


def is_harmless(key: Key, value: str) -> bool:
    """Whether such a value is no secret under such a name, such as the count in `token: 17`."""
    if is_public(key.kind, value):
        return True
    if key.kind is KeyKind.SECRET:
        # A word or a sign in quotes is what a parser stumbled on, not what a machine drew.
        return (
            is_count(value)
            or is_plain_path(value)
            or not any(c.isalnum() for c in value)
            or (value.isalpha() and is_prose(value))
        )
    return False
