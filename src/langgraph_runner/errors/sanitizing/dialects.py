"""Other ways to write a name and its value: elements, pairs, arguments, messages of validators."""

from __future__ import annotations

import re
from typing import Final

from langgraph_runner.errors.sanitizing.keys import Key, KeyKind
from langgraph_runner.errors.sanitizing.patterns import LazyPattern
from langgraph_runner.errors.sanitizing.quoting import quoted_at
from langgraph_runner.errors.sanitizing.unquoted import unquoted_value, whole_span
from langgraph_runner.errors.sanitizing.values import is_placeholder, is_prose, looks_random
from langgraph_runner.errors.sanitizing.verdicts import CLOSE, LONGEST_JUDGED, Found, is_harmless, quoted_span

_XML = LazyPattern(
    r"(?:\s[^<>]{0,200})?>(?:<!\[CDATA\[)?(?P<secret>[^<\]]+(?=</|\]\]>)|[^<\s\]]+)|(?:\s[^<>&]{0,200})?&gt;(?P<escaped>[^<&]+)"
)
_TAG_BEFORE = LazyPattern(r"(?:<|&lt;)(?:[\w-]{1,30}:)?$")


def element(text: str, key: Key) -> Found:
    """`<password>hunter2</password>`, escaped or not."""
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


_SIBLING = LazyPattern(
    r"</[\w:-]{1,20}>\s{0,20}<[\w:-]{1,20}>\s{0,20}(?:<[\w:-]{1,20}>\s{0,20})?(?P<secret>[^<]{1,4096})</"
)


def sibling(text: str, key: Key) -> Found:
    """`<key>password</key><string>...</string>`: the name in one element, the value in the next."""
    found = _SIBLING.match(text, key.end)
    if found is None:
        return None
    value = found["secret"].strip()
    harmless = is_placeholder(value) or is_harmless(key, value) or (" " in value and is_prose(value))
    return [] if harmless else [found.span("secret")]


_TUPLE = LazyPattern(rf"{CLOSE},\s{{0,4}}(?=[bru]?\\*[\"'])")
_TUPLE_OPEN = LazyPattern(r"[(\[]\s?[bru]?\\*[\"']$")
_FIELD_NAME = LazyPattern(r"[a-z_]+")


def pair(text: str, key: Key) -> Found:
    """`('x-api-key', '...')`: two strings in brackets, the first one the name."""
    comma = _TUPLE.match(text, key.end)
    if comma is None or key.flag or _TUPLE_OPEN.search(text[max(0, key.start - 40) : key.start]) is None:
        return None
    quoted = quoted_at(text, comma.end())
    if quoted is None or not text.startswith((")", "]"), quoted.after):
        return None
    if _FIELD_NAME.fullmatch(text[quoted.start : quoted.end]):
        return []
    return quoted_span(text, key, quoted)


_NAMED = LazyPattern(
    rf"{CLOSE}[^<>{{}}\[\]\n]{{0,80}}?\b(?:value|val|content|Value){CLOSE}?\s{{0,4}}[:=]\s{{0,4}}(?=[bru]?\\*[\"']|&quot;)"
)
_NAME_BEFORE = LazyPattern(
    r"(?:name|key|id|field|path|header|Name|Key)[\\\"'&quot;]{0,20}\s{0,4}[:=]\s{0,4}[\\\"'&quot;]{1,20}/?$"
)


def named(text: str, key: Key) -> Found:
    """`{"name": "DB_PASSWORD", "value": "..."}` and `<input name="password" value="...">`."""
    value = _NAMED.match(text, key.end)
    if value is None or _NAME_BEFORE.search(text[max(0, key.start - 60) : key.start]) is None:
        return None
    quoted = quoted_at(text, value.end())
    return quoted_span(text, key, quoted) if quoted else None


_ARGUMENT = LazyPattern(r"(?:[ \t]{1,8}|[\"'],\s{0,4}(?=[bu]?[\"']))")
_METAVARIABLE = LazyPattern(
    r"[A-Z][A-Z_]+|[-\[{<(|].*|flag|option|argument|arguments|flags|options", re.DOTALL
)


def argument(text: str, key: Key) -> Found:
    """`--password hunter2`, and the same in a list of arguments."""
    gap = _ARGUMENT.match(text, key.end) if key.flag else None
    if gap is None:
        return None
    if quoted := quoted_at(text, gap.end()):
        return quoted_span(text, key, quoted)
    value = unquoted_value(text, key.start, gap.end(), whole_line=False)
    if value is None:
        return []
    head = text[value.start : min(value.end, value.start + LONGEST_JUDGED)]
    if is_placeholder(head) or is_prose(head) or _METAVARIABLE.fullmatch(head) or is_harmless(key, head):
        return []
    return [whole_span(text, value)]


_INPUT = LazyPattern(r"\n[ \t]{1,8}[^\n]{0,400}?\[type=(?!missing)[\w.]{1,60}, input_value=")
_INPUT_END = LazyPattern(r", input_type=\w")
_LONGEST_INPUT: Final = 2_000


def validated(text: str, key: Key) -> Found:
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
