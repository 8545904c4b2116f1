"""Values assigned to a secret's name: `name=value` and `name: value` in every dialect of quotes.

A reader gets the text and the name, and looks no further than the value, so time stays linear.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from langgraph_runner.redaction.keys import Key, KeyKind, keys_in
from langgraph_runner.redaction.patterns import LazyPattern
from langgraph_runner.redaction.quoting import quoted_at
from langgraph_runner.redaction.unquoted import unquoted_value, whole_span
from langgraph_runner.redaction.values import is_placeholder, is_prose, looks_chosen
from langgraph_runner.redaction.verdicts import (
    CLOSE,
    LONGEST_JUDGED,
    SCHEME,
    Found,
    is_harmless,
    quoted_span,
)

if TYPE_CHECKING:
    from langgraph_runner.redaction.spans import Span

_TYPE: Final = r"(?:str|bytes|SecretStr|Optional\[\w{1,20}\]|str ?\| ?None|string|String)"
# What a prompt shows before its colon: `AWS Secret Access Key [None]:`.
_PROMPT: Final = r"[ \t](?:\[[^\[\]\n=]{0,40}\]|\([^()\n=]{0,60}\))"
_ASSIGNED = LazyPattern(
    rf"(?:\[\d{{1,3}}\])?{CLOSE}?\]?\)?(?:{_PROMPT}(?=:))?[ \t\u00a0\u202f\u3000]{{0,20}}"
    rf"(?:\??: ?{_TYPE} ?=(?!=)|=>|:=|->|<-|\?\?=|\|\|=|\?=|\+=|[!=]?==?|::|[:：＝→]|\.(?= \\*[\"']))"
    r"[ \t\u00a0\u3000]{0,40}"
    r"(?:!!?[\w/]{1,20}[ \t]|&\w{1,20}[ \t])?"
    r"(?:\r?\n[ \t]{0,40}-[ \t]{1,4}|\r?\n[ \t]{1,40}(?=[\"']|\w{1,12}\(\d)|[|>][+-]?[ \t]*\n[ \t]{1,40})?"
)
_WRAPPER = LazyPattern(
    r"(?:[A-Za-z_][\w.:]{0,60}[({\[]\s?(?:\w{1,30}=)?|\w{1,12}\(\d{1,6}\) ?){1,3}(?=[bru]?\\*[\"'])"
)
# A call or a subscript that looks the value up: its string is the name, not the secret.
_LOOKUP = LazyPattern(
    r"[\w.:]*\["
    r"|(?:[\w.:]{0,60}[.:])?(?i:environ|getenv|get[\w]{0,40}|env|fetch\w{0,40}|read\w{0,40}|load\w{0,40}|input|prompt\w{0,20}"
    r"|ask\w{0,20}|open|config|lookup|require\w{0,20}|find\w{0,20}|var|param\w{0,20}|resolve\w{0,20}|create\w{0,40}"
    r"|retrieve\w{0,20})\("
    r"|\w{1,40}\((?:alias|validation_alias|env|description|title|help|prompt|name|key)="
)
_DEFAULT = LazyPattern(r",\s{0,8}(?:default|fallback|fallback_value)?\s?=?\s?(?=[bru]?\\*[\"'])")
_LIST = LazyPattern(r"[\[({]\s{0,20}(?=[bru]?\\*[\"'])")
_NEXT_ITEM = LazyPattern(r"\s{0,4},\s{0,40}(?=[bru]?\\*[\"'])")
_ARROW = LazyPattern(r"[ \t]{1,4}(?:->|=>|to)[ \t]{1,4}(?=\\*[\"'])")
_BRACES = LazyPattern(r"\{([^{}\"'\n:]{1,200})\}")
_LONGEST_LIST: Final = 1_000


def assigned(text: str, key: Key) -> Found:
    """A value behind `=`, `:`, `=>` and their kin."""
    sign = _ASSIGNED.match(text, key.end)
    if sign is None:
        return None
    at = sign.end()
    if wrapper := _WRAPPER.match(text, at):
        if _LOOKUP.match(text, at):
            return _default_span(text, key, wrapper.end())
        at = wrapper.end()
    elif opening := _LIST.match(text, at):
        return _list_spans(text, key, opening.end())
    if quoted := quoted_at(text, at):
        return quoted_span(text, key, quoted) + _changed(text, key, quoted.after)
    if braces := _BRACES.match(text, at):
        hidden = not is_placeholder(braces[0]) and not is_harmless(key, braces[1])
        return [braces.span(1)] if hidden else []
    loose = sign[0].rstrip(" \t").endswith(":")
    return _unquoted_spans(text, key, at, loose=loose)


def _default_span(text: str, key: Key, at: int) -> list[Span]:
    """The default of a look-up: `os.getenv("DB_PASSWORD", "hunter2")`."""
    name = quoted_at(text, at)
    default = _DEFAULT.match(text, name.after) if name else None
    quoted = quoted_at(text, default.end()) if default else None
    return quoted_span(text, key, quoted) if quoted else []


def _changed(text: str, key: Key, at: int) -> list[Span]:
    """The new value behind an old one, as plans of changes print it: `password = "old" -> "new"`."""
    arrow = _ARROW.match(text, at)
    quoted = quoted_at(text, arrow.end()) if arrow else None
    return quoted_span(text, key, quoted) if quoted else []


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
        spans += quoted_span(text, key, quoted)
        if after is None:
            break
        at = after.end()
    return spans


# The shell's working directory has the name that databases give to a password.
_DIRECTORIES: Final = frozenset({"pwd", "oldpwd"})
_PATH = LazyPattern(r"[/~\\]|[A-Za-z]:[\\/]")


def _unquoted_spans(text: str, key: Key, at: int, *, loose: bool) -> list[Span]:
    """An unquoted value; `loose` is for a colon, which also ends the first part of a sentence."""
    scheme = SCHEME.match(text, at)
    value = unquoted_value(text, key.start, scheme.end() if scheme else at)
    if value is None:
        return []
    head = text[value.start : min(value.end, value.start + LONGEST_JUDGED)]
    name = text[key.start : key.end]
    if (
        is_placeholder(head)
        or head == name
        or _names_a_secret(head)
        or (name.lower() in _DIRECTORIES and _PATH.match(head))
    ):
        return []
    if scheme is not None and key.kind is not KeyKind.WEAK:
        return [] if is_prose(head) else [whole_span(text, value)]
    if is_harmless(key, head) or (loose and _is_sentence(text, key, value.start, head, alone=value.alone)):
        return []
    return [whole_span(text, value)]


_VARIABLE = LazyPattern(r"[a-z]+(?:_[a-z]+)+|[a-z]+(?:[A-Z][a-z]+)+")


def _names_a_secret(head: str) -> bool:
    """Whether the value is a variable: `password=hashed_password`."""
    bare = head.rstrip(");,")
    return _VARIABLE.fullmatch(bare) is not None and any(True for _ in keys_in(bare, bare.lower()))


def _is_sentence(text: str, key: Key, start: int, head: str, *, alone: bool) -> bool:
    line_end = text.find("\n", start, start + LONGEST_JUDGED)
    words = text[start : line_end if line_end >= 0 else start + LONGEST_JUDGED]
    if is_prose(head) or (" " in words and not looks_chosen(head) and is_prose(words)):
        return True
    return key.kind is not KeyKind.PASSWORD and not alone and head.isalpha() and not looks_chosen(head)
