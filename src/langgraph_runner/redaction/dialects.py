"""Other ways to write a name and its value: elements, pairs, arguments, messages of validators."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from langgraph_runner.redaction.patterns import LazyPattern
from langgraph_runner.redaction.quoting import quoted_at
from langgraph_runner.redaction.unquoted import unquoted_value, whole_span
from langgraph_runner.redaction.values import is_placeholder, is_prose
from langgraph_runner.redaction.verdicts import (
    CLOSE,
    LONGEST_JUDGED,
    Found,
    is_harmless,
    is_public,
    quoted_span,
)

if TYPE_CHECKING:
    from langgraph_runner.redaction.keys import Key

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
    if is_placeholder(value) or is_public(key.kind, value):
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
    if quoted is None or not text[quoted.after : quoted.after + 2].lstrip().startswith((")", "]")):
        return None
    if _FIELD_NAME.fullmatch(text[quoted.start : quoted.end]):
        return []
    return quoted_span(text, key, quoted)


_NAMED = LazyPattern(
    rf"{CLOSE}?(?:[^<>{{}}\[\]\n]{{0,80}}?|\n[ \t]{{1,40}})\b(?:value|val|content|Value){CLOSE}?"
    r"\s{0,4}[:=]\s{0,4}"
)
_CONTENT = LazyPattern(r"[\"'](?:\s[^<>]{0,200})?>(?P<secret>[^<]{1,4096})</")
_VALUE_FIRST = LazyPattern(
    r"\b(?:value|val|content|Value)[\\\"']{0,8}\s{0,4}[:=]\s{0,4}(?:[\\]{0,7}[\"'](?P<secret>[^\"'\\\n]{1,512})[\\]{0,7}[\"']"
    r"|(?P<bare>[^\s\"',{}]{1,512})),\s{0,40}[\\\"']{0,8}(?:name|key|id|Name|Key)[\\\"']{0,8}\s{0,4}[:=]\s{0,4}[\\\"']{0,8}$"
)
_REACH_BACK: Final = 640
_NAME_BEFORE = LazyPattern(
    r"(?:name|key|id|field|path|header|Name|Key)[\\\"'&quot;]{0,20}\s{0,4}[:=]\s{0,4}[\\\"'&quot;]{0,20}/?$"
)


def named(text: str, key: Key) -> Found:
    """`{"name": "DB_PASSWORD", "value": "..."}` and `<input name="password" value="...">`."""
    if _NAME_BEFORE.search(text[max(0, key.start - 60) : key.start]) is None:
        return None
    if content := _CONTENT.match(text, key.end):
        harmless = is_placeholder(content["secret"]) or is_harmless(key, content["secret"])
        return [] if harmless else [content.span("secret")]
    value = _NAMED.match(text, key.end)
    if value is None:
        return _value_first(text, key)
    if quoted := quoted_at(text, value.end()):
        return quoted_span(text, key, quoted)
    bare = unquoted_value(text, key.start, value.end(), whole_line=False)
    if bare is None:
        return None
    head = text[bare.start : min(bare.end, bare.start + LONGEST_JUDGED)]
    return [] if is_placeholder(head) or is_harmless(key, head) else [whole_span(text, bare)]


def _value_first(text: str, key: Key) -> Found:
    """`{"value": "hunter2", "name": "DB_PASSWORD"}`."""
    window = max(0, key.start - _REACH_BACK)
    found = _VALUE_FIRST.search(text[window : key.start]) if "al" in text[window : key.start] else None
    if found is None:
        return None
    group = "secret" if found["secret"] else "bare"
    if is_placeholder(found[group]) or is_harmless(key, found[group]):
        return []
    return [(window + found.start(group), window + found.end(group))]


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
    if is_placeholder(value) or is_public(key.kind, value):
        return []
    return [(start, stop)]


_LOCATION = LazyPattern(r"[\"']loc\\{0,7}[\"']: ?[(\[](?:[^()\[\]\n]{0,200}, ?)?\\{0,7}[\"']$")
_REFUSED = LazyPattern(r"[\"']input\\{0,7}[\"']: ?(?=[bru]?\\{0,7}[\"'])")
_LONGEST_DETAIL: Final = 600


def located(text: str, key: Key) -> Found:
    """Pydantic's `errors()`: the field in `loc`, the value it refused in `input`, in either order."""
    if _LOCATION.search(text[max(0, key.start - 240) : key.start]) is None:
        return None
    brace = text.find("}", key.end, key.end + _LONGEST_DETAIL)
    refused = _REFUSED.search(text, key.end, brace if brace >= 0 else key.end + _LONGEST_DETAIL)
    if refused is None:
        brace = text.rfind("{", max(0, key.start - _LONGEST_DETAIL), key.start)
        refused = _REFUSED.search(text, brace, key.start) if brace >= 0 else None
    quoted = quoted_at(text, refused.end()) if refused else None
    return quoted_span(text, key, quoted) if quoted else []
