"""Messages that name a secret in words: sentences, and the reports of pydantic and jsonschema.

Examples are "the password for bob is hunter2" and "using password hunter2". The readers work as those in
`notations` do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from langgraph_runner.redaction.names import NameKind, SecretName, find_names
from langgraph_runner.redaction.patterns import LazyPattern, Span
from langgraph_runner.redaction.values import (
    CLOSE,
    Found,
    head_of,
    is_digest,
    is_placeholder,
    is_prose,
    is_public,
    line_end,
    looks_chosen,
    looks_random,
    quoted_at,
    quoted_list,
    quoted_span,
    quoted_span_after,
    unquoted_value,
    whole_span,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


_LINK_WORDS: Final = (
    "is|was|are|were|being|to|of|as|namely|ist|war|lautet|est|es|era|é|è|era|jest|je|är|er|on"
)
# Other things that belong to a password or a token: "password policy: min 12", "token usage: 512/4096".
_ATTRIBUTE_WORDS: Final = """
    policy policies rule rules requirement requirements length size strength age expiry expiration
    lifetime ttl usage limit limits count budget type kind format scheme algorithm alg endpoint url uri
    manager reset rotation file path name version id page field column status state hint history
    complexity rounds cost hashing provider source store fingerprint pair rate quota bucket window
    header prompt attempts error
"""
_ATTRIBUTES: Final = frozenset(_ATTRIBUTE_WORDS.split())
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
_PLAIN_WORD = LazyPattern(r"[a-z]++(?=\s|$)")
_SHORTEST_BESIDE: Final = 6
_SHORTEST_SECRET: Final = 8


def read_sentence(text: str, name: SecretName) -> Found:
    """Read a sentence: "password for bob is hunter2", "using password hunter2", "API key provided: ..."."""
    beside_name = text[name.end - 1 : name.end + 1]
    if not beside_name.isascii() and (unspaced := _LINKED_UNSPACED.match(text, name.end)):
        return [unspaced.span("secret")] if _is_secret_in_sentence(name, unspaced["secret"]) else []
    if linked := _LINKED.match(text, name.end):
        between = linked[0].lower().replace(":", " ").split()
        if not _ATTRIBUTES.isdisjoint(between):
            return []
        quoted = quoted_at(text, linked.end())
        if quoted and quoted.closed:
            value = head_of(text, quoted)
            is_secret = not is_prose(value) and _is_secret_in_sentence(name, value, quoted=True)
            return quoted_span(text, name, quoted) if is_secret else []
        word = unquoted_value(text, name.start, linked.end(), whole_line=False)
        if word and _is_secret_in_sentence(name, text[word.start : word.end]):
            return [whole_span(text, word)]
    if (beside := _BESIDE.match(text, name.end)) and not _PLAIN_WORD.match(text, beside.end()):
        return _read_beside(text, name, beside.end())
    return None


def _read_beside(text: str, name: SecretName, at: int) -> Found:
    """Read a value right after its name: "using password hunter2"."""
    quoted = quoted_at(text, at)
    if quoted and quoted.closed:
        value = head_of(text, quoted)
        return [(quoted.start, quoted.end)] if _is_secret_beside(name, value) else None
    word = unquoted_value(text, name.start, at, whole_line=False)
    if word and _is_secret_beside(name, text[word.start : word.end]):
        return [whole_span(text, word)]
    return None


_VALUE_BEFORE = LazyPattern(r"[\"'](?P<secret>[^\"'\s]{4,512})[\"'] (?:is|was)(?: [a-z]{1,12}){1,4} $")
_REJECTED: Final = ("' is ", "' was ", '" is ', '" was ')
_REACH_BACK: Final = 560


def has_rejected_values(text: str) -> bool:
    """Return whether a value in quotes is the subject of a sentence in the text."""
    return any(mark in text for mark in _REJECTED)


def read_rejected_value(text: str, name: SecretName) -> list[Span]:
    """Read a value in quotes before its name: "'hunter2' is not a valid password"."""
    before = text[max(0, name.start - _REACH_BACK) : name.start]
    found = _VALUE_BEFORE.search(before)
    if found is None or not _is_secret_in_sentence(name, found["secret"]):
        return []
    offset = name.start - len(before)
    return [(offset + found.start("secret"), offset + found.end("secret"))]


def _is_secret_in_sentence(name: SecretName, value: str, *, quoted: bool = False) -> bool:
    if is_placeholder(value):
        return False
    if name.kind is NameKind.PASSWORD:
        return quoted or looks_chosen(value) or (value.isdecimal() and len(value) >= _SHORTEST_BESIDE)
    if name.kind is NameKind.SECRET:
        return len(value) >= _SHORTEST_SECRET and (looks_chosen(value) or is_digest(value))
    return not is_public(name.kind, value)


def _is_secret_beside(name: SecretName, value: str) -> bool:
    if name.kind is NameKind.PASSWORD:
        return len(value) >= _SHORTEST_BESIDE and looks_chosen(value) and not is_placeholder(value)
    return looks_random(value) or (name.kind is NameKind.MIXED and not is_public(name.kind, value))


_BRACKETED = LazyPattern(r"[\[(](?P<secret>[^\s\[\]()\"'`<>,]{6,512})[\])]")


def read_brackets(text: str, name: SecretName) -> Found:
    """Read a value in brackets after its name: `password[hunter2]`, `password(hunter2)`."""
    found = _BRACKETED.match(text, name.end)
    if found is None:
        return _read_call(text, name)
    if found["secret"].isidentifier() and not any(char.isdecimal() for char in found["secret"]):
        return []  # A base class, a parameter, a type.
    return [found.span("secret")] if _is_secret_in_sentence(name, found["secret"]) else []


_CALLED = LazyPattern(r"\(\s{0,8}(?=[bru]?\\*[\"'])")
_MOST_ARGUMENTS: Final = 6


def _read_call(text: str, name: SecretName) -> Found:
    """Read the arguments of a call that look like passwords: `set_password('service', 'bob', 'hunter2')`."""
    opening = _CALLED.match(text, name.end)
    if opening is None:
        return None
    spans: list[Span] = []
    for quoted in quoted_list(text, opening.end(), _MOST_ARGUMENTS):
        if not quoted.closed:
            break
        if _is_secret_beside(name, head_of(text, quoted)):
            spans.append((quoted.start, quoted.end))
    return spans


_FAILED: Final = "failed validating "
_ON_INSTANCE: Final = "on instance["
_LONGEST_MESSAGE: Final = 4_000
_LONGEST_PATH: Final = 300


def schema_spans(text: str, lower: str) -> Iterator[Span]:
    """Yield the value that jsonschema quotes in its first line, when the path in the schema names a secret."""
    floor = 0
    at = lower.find(_FAILED)
    while at >= 0:
        end = text.find("\n", at, at + _LONGEST_PATH)
        path_end = end if end >= 0 else at + _LONGEST_PATH
        name = _last_name(text, lower, at, path_end)
        if name is None:
            instance = lower.find(_ON_INSTANCE, at, at + _LONGEST_MESSAGE)
            if instance >= 0:
                instance_end = min(instance + _LONGEST_PATH, line_end(text, instance))
                name = _last_name(text, lower, instance, instance_end)
        if name is not None:
            # The message is a paragraph of its own before the path.
            paragraph = text.rfind("\n\n", max(floor, at - _LONGEST_MESSAGE), max(floor, at - 2))
            start = paragraph + 2 if paragraph >= 0 else max(floor, at - _LONGEST_MESSAGE)
            yield from _first_quoted(text, name, start, at)
        floor = path_end
        at = lower.find(_FAILED, path_end)


def _last_name(text: str, lower: str, start: int, end: int) -> SecretName | None:
    """Return the innermost name of a secret in the path between `start` and `end`, or None."""
    names = list(find_names(text[start:end], lower[start:end]))
    return names[-1] if names else None


_OPENING = LazyPattern(r"(?:^|\n|: )(?=[\"'])")


def _first_quoted(text: str, name: SecretName, start: int, end: int) -> list[Span]:
    opening = _OPENING.search(text[start:end])
    quoted = quoted_at(text, start + opening.end()) if opening else None
    return quoted_span(text, name, quoted) if quoted and quoted.closed and quoted.end <= end else []


_INPUT = LazyPattern(r"\n[ \t]{1,8}[^\n]{0,400}?\[type=(?!missing)[\w.]{1,60}, input_value=")
_INPUT_END = LazyPattern(r", input_type=\w")
_LONGEST_INPUT: Final = 2_000


def read_validation_error(text: str, name: SecretName) -> Found:
    """Read a message of pydantic: the field on a line of its own, the value that it refused on the next."""
    refused = _INPUT.match(text, name.end)
    if refused is None:
        return None
    start = refused.end()
    end = _INPUT_END.search(text, start, start + _LONGEST_INPUT)
    stop = end.start() if end else min(len(text), start + _LONGEST_INPUT)
    value = text[start:stop].strip("'\"")
    if is_placeholder(value) or is_public(name.kind, value):
        return []
    return [(start, stop)]


_LOCATION = LazyPattern(r"[\"']loc\\{0,7}[\"']: ?[(\[](?:[^()\[\]\n]{0,200}, ?)?\\{0,7}[\"']$")
_REFUSED = LazyPattern(r"[\"']input\\{0,7}[\"']: ?(?=[bru]?\\{0,7}[\"'])")
_LONGEST_DETAIL: Final = 600


def read_error_location(text: str, name: SecretName) -> Found:
    """Read `errors()` of pydantic: the field in `loc`, the value that it refused in `input`, in either order."""
    if _LOCATION.search(text[max(0, name.start - 240) : name.start]) is None:
        return None
    brace = text.find("}", name.end, name.end + _LONGEST_DETAIL)
    refused = _REFUSED.search(text, name.end, brace if brace >= 0 else name.end + _LONGEST_DETAIL)
    if refused is None:
        brace = text.rfind("{", max(0, name.start - _LONGEST_DETAIL), name.start)
        refused = _REFUSED.search(text, brace, name.start) if brace >= 0 else None
    return quoted_span_after(text, name, refused)
