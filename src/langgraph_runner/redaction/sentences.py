"""Sentences that tell a secret: "the password for bob is hunter2", "using password hunter2"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from langgraph_runner.redaction.keys import Key, KeyKind
from langgraph_runner.redaction.patterns import LazyPattern
from langgraph_runner.redaction.quoting import quoted_at
from langgraph_runner.redaction.unquoted import unquoted_value, whole_span
from langgraph_runner.redaction.values import (
    is_digest,
    is_placeholder,
    is_prose,
    looks_chosen,
    looks_random,
)
from langgraph_runner.redaction.verdicts import CLOSE, LONGEST_JUDGED, Found, is_public, quoted_span

if TYPE_CHECKING:
    from langgraph_runner.redaction.spans import Span

_LINK_WORDS: Final = (
    "is|was|are|were|being|to|of|as|namely|ist|war|lautet|est|es|era|é|è|era|jest|je|är|er|on"
)
# What a password or a token has besides its value: "password policy: min 12", "token usage: 512/4096".
_ATTRIBUTES: Final = frozenset(
    [
        "policy",
        "policies",
        "rule",
        "rules",
        "requirement",
        "requirements",
        "length",
        "size",
        "strength",
        "age",
        "expiry",
        "expiration",
        "lifetime",
        "ttl",
        "usage",
        "limit",
        "limits",
        "count",
        "budget",
        "type",
        "kind",
        "format",
        "scheme",
        "algorithm",
        "alg",
        "endpoint",
        "url",
        "uri",
        "manager",
        "reset",
        "rotation",
        "file",
        "path",
        "name",
        "version",
        "id",
        "page",
        "field",
        "column",
        "status",
        "state",
        "hint",
        "history",
        "complexity",
        "rounds",
        "cost",
        "hashing",
        "provider",
        "source",
        "store",
        "fingerprint",
        "pair",
        "rate",
        "quota",
        "bucket",
        "window",
        "header",
        "prompt",
        "attempts",
        "error",
    ]
)
_LINKED = LazyPattern(
    rf"{CLOSE}?(?:[ \t]{{1,4}}(?:[\w'@./-]|:(?=/)){{1,60}}){{0,4}}?"
    rf"(?:[ \t]{{1,4}}(?:{_LINK_WORDS})\b:?|[ \t]{{0,4}}[:=：])"
    r"(?:[ \t]{1,8}|[ \t]{0,4}\n\s{0,40}(?=\S+[ \t]*(?:\n|$)))"
)
# Scripts without blanks: パスワードはabc123です
_LINKED_UNSPACED = LazyPattern(
    r"[ \u3000]?(?:是|为|為|は|が|を|：|:|은|는|이|가)[ \u3000]?(?P<secret>[!-~]{4,256})"
)
_BESIDE = LazyPattern(r"[ \t]{1,8}")
_SHORTEST_BESIDE: Final = 6
_SHORTEST_SECRET: Final = 8


def told(text: str, key: Key) -> Found:
    """A sentence: "password for bob is hunter2", "using password hunter2", "API key provided: ..."."""
    beside_name = text[key.end - 1 : key.end + 1]
    if not beside_name.isascii() and (unspaced := _LINKED_UNSPACED.match(text, key.end)):
        return [unspaced.span("secret")] if _is_told(key, unspaced["secret"]) else []
    if linked := _LINKED.match(text, key.end):
        between = linked[0].lower().replace(":", " ").split()
        if not _ATTRIBUTES.isdisjoint(between):
            return []
        quoted = quoted_at(text, linked.end())
        if quoted and quoted.closed:
            value = text[quoted.start : min(quoted.end, quoted.start + LONGEST_JUDGED)]
            is_secret = not is_prose(value) and _is_told(key, value, quoted=True)
            return quoted_span(text, key, quoted) if is_secret else []
        word = unquoted_value(text, key.start, linked.end(), whole_line=False)
        if word and _is_told(key, text[word.start : word.end]):
            return [whole_span(text, word)]
    if beside := _BESIDE.match(text, key.end):
        return _told_beside(text, key, beside.end())
    return None


def _told_beside(text: str, key: Key, at: int) -> Found:
    quoted = quoted_at(text, at)
    if quoted and quoted.closed:
        value = text[quoted.start : min(quoted.end, quoted.start + LONGEST_JUDGED)]
        return [(quoted.start, quoted.end)] if _is_beside(key, value) else None
    word = unquoted_value(text, key.start, at, whole_line=False)
    return [whole_span(text, word)] if word and _is_beside(key, text[word.start : word.end]) else None


_VALUE_BEFORE = LazyPattern(r"[\"'](?P<secret>[^\"'\s]{4,512})[\"'] (?:is|was)(?: [a-z]{1,12}){1,4} $")
_REACH_BACK: Final = 560


def refused(text: str, key: Key) -> list[Span]:
    """A value in quotes before its name: "'hunter2' is not a valid password"."""
    near = text[max(0, key.start - 60) : key.start]
    if " is " not in near and " was " not in near:
        return []
    before = text[max(0, key.start - _REACH_BACK) : key.start]
    found = _VALUE_BEFORE.search(before)
    if found is None or not _is_told(key, found["secret"]):
        return []
    offset = key.start - len(before)
    return [(offset + found.start("secret"), offset + found.end("secret"))]


def _is_told(key: Key, value: str, *, quoted: bool = False) -> bool:
    if is_placeholder(value):
        return False
    if key.kind is KeyKind.PASSWORD:
        return quoted or looks_chosen(value) or (value.isdecimal() and len(value) >= _SHORTEST_BESIDE)
    if key.kind is KeyKind.SECRET:
        return len(value) >= _SHORTEST_SECRET and (looks_chosen(value) or is_digest(value))
    return not is_public(key.kind, value)


def _is_beside(key: Key, value: str) -> bool:
    if key.kind is KeyKind.PASSWORD:
        return len(value) >= _SHORTEST_BESIDE and looks_chosen(value) and not is_placeholder(value)
    return looks_random(value) or (key.kind is KeyKind.MIXED and not is_public(key.kind, value))


_BRACKETED = LazyPattern(r"[\[(](?P<secret>[^\s\[\]()\"'`<>,]{6,512})[\])]")


def bracketed(text: str, key: Key) -> Found:
    """`password[hunter2]` and `password(hunter2)`."""
    found = _BRACKETED.match(text, key.end)
    if found is None:
        return _called(text, key)
    if found["secret"].isidentifier() and not any(char.isdecimal() for char in found["secret"]):
        return []  # A base class, a parameter, a type.
    return [found.span("secret")] if _is_told(key, found["secret"]) else []


_CALLED = LazyPattern(r"\(\s{0,8}(?=[bru]?\\*[\"'])")
_NEXT_ARGUMENT = LazyPattern(r"\s{0,4},\s{0,40}(?=[bru]?\\*[\"'])")
_MOST_ARGUMENTS: Final = 6


def _called(text: str, key: Key) -> Found:
    """`set_password('service', 'bob', 'hunter2')`: strings that look chosen, in a call of that name."""
    opening = _CALLED.match(text, key.end)
    if opening is None:
        return None
    spans: list[Span] = []
    at = opening.end()
    for _ in range(_MOST_ARGUMENTS):
        quoted = quoted_at(text, at)
        if quoted is None or not quoted.closed:
            break
        if _is_beside(key, text[quoted.start : min(quoted.end, quoted.start + LONGEST_JUDGED)]):
            spans.append((quoted.start, quoted.end))
        following = _NEXT_ARGUMENT.match(text, quoted.after)
        if following is None:
            break
        at = following.end()
    return spans
