"""What follows a secret's name, read as its value: `name=value` in every dialect, and sentences.

One reader per dialect. Each gets the text and the name and hands back the spans to hide; the first
that recognises its dialect decides. No reader looks further than the value, so time stays linear.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeAlias

from langgraph_runner.errors.sanitizing.keys import Key, KeyKind, keys_in
from langgraph_runner.errors.sanitizing.quoting import Quoted, quoted_at
from langgraph_runner.errors.sanitizing.tables import table_spans
from langgraph_runner.errors.sanitizing.unquoted import unquoted_value
from langgraph_runner.errors.sanitizing.values import (
    is_count,
    is_digest,
    is_placeholder,
    is_prose,
    looks_chosen,
    looks_random,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from langgraph_runner.errors.sanitizing.spans import Span

# The spans to hide; None when the text after the name is no such dialect.
Found: TypeAlias = "list[Span] | None"

_CLOSE: Final = r"(?:\\{0,31}[\"'`]|&(?:quot|apos|\#34|\#39|\#x27);)"
_TYPE: Final = r"(?:str|bytes|SecretStr|Optional\[\w{1,20}\]|str ?\| ?None|string|String)"
_ASSIGNED = re.compile(
    rf"{_CLOSE}?\]?\)?[ \t]{{0,20}}(?:\??: ?{_TYPE} ?=(?!=)|=>|:=|->|[!=]?==?|:)[ \t]{{0,40}}"
    r"(?:\r?\n[ \t]{1,40}(?=[\"']|\w{1,12}\(\d)|[|>][+-]?[ \t]*\n[ \t]{1,40})?"
)
_SCHEME = re.compile(
    r"(?:bearer|basic|token|digest|negotiate|apikey|api-key|key|bot|dpop|ssws|geniekey|oauth|hmac)(?:[ \t]{1,4}|%20)",
    re.IGNORECASE,
)
_WRAPPER = re.compile(
    r"(?:[A-Za-z_][\w.:]{0,60}[({\[]\s?(?:\w{1,30}=)?|\w{1,12}\(\d{1,6}\) ?){1,3}(?=[bru]?\\*[\"'])"
)
_LIST = re.compile(r"[\[({]\s{0,20}(?=[bru]?\\*[\"'])")
_NEXT_ITEM = re.compile(r"\s{0,4},\s{0,40}(?=[bru]?\\*[\"'])")
_ARROW = re.compile(r"[ \t]{1,4}(?:->|=>|to)[ \t]{1,4}(?=\\*[\"'])")
_BRACES = re.compile(r"\{([^{}\"'\n:]{1,200})\}")
_LONGEST_LIST: Final = 1_000
_LONGEST_JUDGED: Final = 200


def assignment_spans(text: str, lower: str) -> Iterator[Span]:
    """Where the values of secrets' names stand. `lower` is `aligned_lower(text)`."""
    done = 0
    for key in keys_in(text, lower):
        if key.start < done:
            continue
        yield from _refused(text, key)
        for read in _BY_NEXT.get(text[key.end : key.end + 1], _READERS):
            spans = read(text, key)
            if spans is None:
                continue
            yield from spans
            done = max([done, *(end for _, end in spans)])
            break


def _quoted_span(text: str, key: Key, quoted: Quoted) -> list[Span]:
    scheme = _SCHEME.match(text, quoted.start, quoted.end)
    start = scheme.end() if scheme else quoted.start
    value = text[start : min(quoted.end, start + _LONGEST_JUDGED)]
    if not value or is_placeholder(value):
        return []
    if scheme is None and (_is_harmless(key, value) or (" " in value.strip() and is_prose(value))):
        return []
    return [(start, quoted.end)]


def _is_harmless(key: Key, value: str) -> bool:
    if key.kind is KeyKind.WEAK:
        return not looks_random(value)
    if key.kind is KeyKind.SECRET:
        # A word or a sign in quotes is what a parser stumbled on, not what a machine drew.
        return is_count(value) or not any(c.isalnum() for c in value) or (value.isalpha() and is_prose(value))
    return False


def _assigned(text: str, key: Key) -> Found:
    sign = _ASSIGNED.match(text, key.end)
    if sign is None:
        return None
    at = sign.end()
    if wrapper := _WRAPPER.match(text, at):
        at = wrapper.end()
    elif opening := _LIST.match(text, at):
        return _list_spans(text, key, opening.end())
    if quoted := quoted_at(text, at):
        return _quoted_span(text, key, quoted) + _changed(text, key, quoted.after)
    if braces := _BRACES.match(text, at):
        hidden = not is_placeholder(braces[0]) and not _is_harmless(key, braces[1])
        return [braces.span(1)] if hidden else []
    loose = sign[0].rstrip(" \t").endswith(":")
    return _unquoted_spans(text, key, at, loose=loose)


def _changed(text: str, key: Key, at: int) -> list[Span]:
    """The new value behind an old one, as plans of changes print it: `password = "old" -> "new"`."""
    arrow = _ARROW.match(text, at)
    quoted = quoted_at(text, arrow.end()) if arrow else None
    return _quoted_span(text, key, quoted) if quoted else []


def _list_spans(text: str, key: Key, at: int) -> list[Span]:
    """Each string of a list of strings; a list of one sentence about the name is left alone."""
    spans: list[Span] = []
    for _ in range(_LONGEST_LIST):
        quoted = quoted_at(text, at)
        if quoted is None:
            break
        after = _NEXT_ITEM.match(text, quoted.after)
        if text[quoted.after : quoted.after + 4].lstrip().startswith((":", "=")):
            return spans  # A dictionary: its own names decide.
        spans += _quoted_span(text, key, quoted)
        if after is None:
            break
        at = after.end()
    return spans


# The shell's working directory has the name that databases give to a password.
_DIRECTORIES: Final = frozenset({"pwd", "oldpwd"})
_PATH = re.compile(r"[/~\\]|[A-Za-z]:[\\/]")


def _unquoted_spans(text: str, key: Key, at: int, *, loose: bool) -> list[Span]:
    """An unquoted value; `loose` is for a colon, which also ends the first part of a sentence."""
    scheme = _SCHEME.match(text, at)
    value = unquoted_value(text, key.start, scheme.end() if scheme else at)
    if value is None:
        return []
    head = text[value.start : min(value.end, value.start + _LONGEST_JUDGED)]
    name = text[key.start : key.end]
    if is_placeholder(head) or head == name or (name.lower() in _DIRECTORIES and _PATH.match(head)):
        return []
    if scheme is not None and key.kind is not KeyKind.WEAK:
        return [] if is_prose(head) else [(value.start, value.end)]
    if _is_harmless(key, head) or (loose and _is_sentence(text, key, value.start, head, alone=value.alone)):
        return []
    return [(value.start, value.end)]


def _is_sentence(text: str, key: Key, start: int, head: str, *, alone: bool) -> bool:
    line_end = text.find("\n", start, start + _LONGEST_JUDGED)
    words = text[start : line_end if line_end >= 0 else start + _LONGEST_JUDGED]
    if is_prose(head) or (" " in words and not looks_chosen(head) and is_prose(words)):
        return True
    return key.kind is not KeyKind.PASSWORD and not alone and head.isalpha() and not looks_chosen(head)


_XML = re.compile(
    r"(?:\s[^<>]{0,200})?>(?:<!\[CDATA\[)?(?P<secret>[^<\]]+(?=</|\]\]>)|[^<\s\]]+)|(?:\s[^<>&]{0,200})?&gt;(?P<escaped>[^<&]+)"
)
_TAG_BEFORE = re.compile(r"(?:<|&lt;)(?:[\w-]{1,30}:)?$")


def _element(text: str, key: Key) -> Found:
    if _TAG_BEFORE.search(text[max(0, key.start - 40) : key.start]) is None:
        return None
    found = _XML.match(text, key.end)
    if found is None:
        return None
    group = "secret" if found["secret"] else "escaped"
    value = found[group].strip()
    if is_placeholder(value) or (key.kind is KeyKind.WEAK and not looks_random(value)):
        return []
    return [found.span(group)]


_SIBLING = re.compile(
    r"</[\w:-]{1,20}>\s{0,20}<[\w:-]{1,20}>\s{0,20}(?:<[\w:-]{1,20}>\s{0,20})?(?P<secret>[^<]{1,4096})</"
)


def _sibling(text: str, key: Key) -> Found:
    """`<key>password</key><string>...</string>`: the name in one element, the value in the next."""
    found = _SIBLING.match(text, key.end)
    if found is None:
        return None
    value = found["secret"].strip()
    harmless = is_placeholder(value) or _is_harmless(key, value) or (" " in value and is_prose(value))
    return [] if harmless else [found.span("secret")]


_TUPLE = re.compile(rf"{_CLOSE},\s{{0,4}}(?=[bru]?\\*[\"'])")
_TUPLE_OPEN = re.compile(r"[(\[]\s?[bru]?\\*[\"']$")
_FIELD_NAME = re.compile(r"[a-z_]+")


def _pair(text: str, key: Key) -> Found:
    """`('x-api-key', '...')`: two strings in brackets, the first one the name."""
    comma = _TUPLE.match(text, key.end)
    if comma is None or key.flag or _TUPLE_OPEN.search(text[max(0, key.start - 40) : key.start]) is None:
        return None
    quoted = quoted_at(text, comma.end())
    if quoted is None or not text.startswith((")", "]"), quoted.after):
        return None
    if _FIELD_NAME.fullmatch(text[quoted.start : quoted.end]):
        return []
    return _quoted_span(text, key, quoted)


_NAMED = re.compile(
    rf"{_CLOSE}[^<>{{}}\[\]\n]{{0,80}}?\b(?:value|val|content|Value){_CLOSE}?\s{{0,4}}[:=]\s{{0,4}}(?=[bru]?\\*[\"']|&quot;)"
)
_NAME_BEFORE = re.compile(
    r"(?:name|key|id|field|path|header|Name|Key)[\\\"'&quot;]{0,20}\s{0,4}[:=]\s{0,4}[\\\"'&quot;]{1,20}/?$"
)


def _named(text: str, key: Key) -> Found:
    """`{"name": "DB_PASSWORD", "value": "..."}` and `<input name="password" value="...">`."""
    value = _NAMED.match(text, key.end)
    if value is None or _NAME_BEFORE.search(text[max(0, key.start - 60) : key.start]) is None:
        return None
    quoted = quoted_at(text, value.end())
    return _quoted_span(text, key, quoted) if quoted else None


_ARGUMENT = re.compile(r"(?:[ \t]{1,8}|[\"'],\s{0,4}(?=[bu]?[\"']))")
_METAVARIABLE = re.compile(
    r"[A-Z][A-Z_]+|[-\[{<(|].*|flag|option|argument|arguments|flags|options", re.DOTALL
)


def _argument(text: str, key: Key) -> Found:
    """`--password hunter2`, and the same in a list of arguments."""
    gap = _ARGUMENT.match(text, key.end) if key.flag else None
    if gap is None:
        return None
    if quoted := quoted_at(text, gap.end()):
        return _quoted_span(text, key, quoted)
    value = unquoted_value(text, key.start, gap.end(), whole_line=False)
    if value is None:
        return []
    head = text[value.start : min(value.end, value.start + _LONGEST_JUDGED)]
    if is_placeholder(head) or is_prose(head) or _METAVARIABLE.fullmatch(head) or _is_harmless(key, head):
        return []
    return [(value.start, value.end)]


_INPUT = re.compile(r"\n[ \t]{1,8}[^\n]{0,400}?\[type=(?!missing)[\w.]{1,60}, input_value=")
_INPUT_END = re.compile(r", input_type=\w")
_LONGEST_INPUT: Final = 2_000


def _validated(text: str, key: Key) -> Found:
    """Pydantic's message: the field on a line of its own, the value it refused on the next."""
    refused = _INPUT.match(text, key.end)
    if refused is None:
        return None
    start = refused.end()
    end = _INPUT_END.search(text, start, start + _LONGEST_INPUT)
    stop = end.start() if end else min(len(text), start + _LONGEST_INPUT)
    value = text[start:stop].strip("'\"")
    if is_placeholder(value) or (key.kind is KeyKind.WEAK and not looks_random(value)):
        return []
    return [(start, stop)]


_LINKED = re.compile(
    rf"{_CLOSE}?(?:[ \t]{{1,4}}[\w'@.-]{{1,40}}){{0,4}}?(?:[ \t]{{1,4}}(?:is|was|are|were|being|to|of|as|ist|war|lautet|est|es|era)\b:?|[ \t]{{0,4}}[:=])"
    r"[ \t]{1,8}"
)
_BESIDE = re.compile(r"[ \t]{1,8}")
_WORD = re.compile(r"\S{1,4096}")
_SHORTEST_BESIDE: Final = 6
_SHORTEST_SECRET: Final = 8


def _told(text: str, key: Key) -> Found:
    """A sentence: "password for bob is hunter2", "using password hunter2", "API key provided: ..."."""
    if linked := _LINKED.match(text, key.end):
        if (quoted := quoted_at(text, linked.end())) and quoted.closed:
            value = text[quoted.start : quoted.end]
            return (
                _quoted_span(text, key, quoted)
                if not is_prose(value) and _is_told(key, value, quoted=True)
                else []
            )
        word = unquoted_value(text, key.start, linked.end(), whole_line=False)
        if word and _is_told(key, text[word.start : word.end]):
            return [(word.start, word.end)]
    if beside := _BESIDE.match(text, key.end):
        quoted = quoted_at(text, beside.end())
        word = (
            quoted
            if quoted and quoted.closed
            else unquoted_value(text, key.start, beside.end(), whole_line=False)
        )
        if word and _is_beside(key, text[word.start : min(word.end, word.start + 4096)]):
            return [(word.start, word.end)]
    return None


_VALUE_BEFORE = re.compile(r"[\"'](?P<secret>[^\"'\s]{4,512})[\"'] (?:is|was)(?: [a-z]{1,12}){1,4} $")
_REACH_BACK: Final = 560


def _refused(text: str, key: Key) -> list[Span]:
    """A value in quotes before its name: "'hunter2' is not a valid password"."""
    before = text[max(0, key.start - _REACH_BACK) : key.start]
    if " is " not in before[-60:] and " was " not in before[-60:]:
        return []
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
    return looks_random(value)


def _is_beside(key: Key, value: str) -> bool:
    if key.kind is KeyKind.PASSWORD:
        return len(value) >= _SHORTEST_BESIDE and looks_chosen(value) and not is_placeholder(value)
    return looks_random(value)


_BRACKETED = re.compile(r"[\[(](?P<secret>[^\s\[\]()\"'`<>,]{6,512})[\])]")


def _bracketed(text: str, key: Key) -> Found:
    """`password[hunter2]` and `password(hunter2)`."""
    found = _BRACKETED.match(text, key.end)
    if found is None:
        return None
    return [found.span("secret")] if _is_told(key, found["secret"]) else []


# By the character after the name, so that a reader is not asked in vain; any other character asks all.
_BY_NEXT: Final[dict[str, tuple[Callable[[str, Key], Found], ...]]] = {
    "": (),
    ".": (),
    "=": (_assigned,),
    ":": (_assigned,),
    "\n": (_validated,),
    " ": (_assigned, _element, _argument, table_spans, _told),
    ",": (table_spans,),
    ";": (table_spans,),
    "<": (_sibling,),
}
_READERS: Final = (
    *(_assigned, _element, _pair, _named, _argument, _validated, _bracketed, table_spans, _told),
)
