"""Notations of a name with its value: assignments, elements, pairs, fields and arguments.

Each reader gets the text and a name, and returns the spans to hide; an empty list when the value is
harmless; None when the name is not written in this notation. A reader looks no further than the value, so
the time stays linear.
"""

from __future__ import annotations

import re
from typing import Final

from langgraph_runner.redaction.names import NameKind, SecretName, find_names
from langgraph_runner.redaction.patterns import LazyPattern, Span
from langgraph_runner.redaction.values import (
    CLOSE,
    LONGEST_JUDGED,
    SCHEME,
    Found,
    Unquoted,
    head_of,
    is_harmless,
    is_placeholder,
    is_prose,
    is_public,
    is_secret,
    looks_chosen,
    quoted_at,
    quoted_list,
    quoted_span,
    quoted_span_after,
    unquoted_value,
    whole_span,
)

_TYPE: Final = r"(?:str|bytes|SecretStr|Optional\[\w{1,20}\]|str ?\| ?None|string|String)"
# The default that a prompt shows before its colon: `AWS Secret Access Key [None]:`.
_PROMPT: Final = r"[ \t](?:\[[^\[\]\n=]{0,40}\]|\([^()\n=]{0,60}\))"
# Bold in Markdown and HTML: `**Password:** hunter2`, `<b>Password</b>: hunter2`.
_MARKUP: Final = r"(?:\*\*|__|</\w{1,10}>)?"
_ASSIGNED = LazyPattern(
    rf"(?:\[\d{{1,3}}\])?{CLOSE}?\]?\)?{_MARKUP}(?:{_PROMPT}(?=:))?[ \t\u00a0\u202f\u3000]{{0,20}}"
    rf"(?:\??: ?{_TYPE} ?=(?!=)|=>|:=|->|<-|\?\?=|\|\|=|\?=|\+=|[!=]?==?|::|\.{{4,40}}:?|[:：＝→⇒»]|\.(?= \\*[\"']))"
    rf"{_MARKUP}[ \t\u00a0\u3000]{{0,40}}"
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
_ARROW = LazyPattern(r"[ \t]{1,4}(?:->|=>|to)[ \t]{1,4}(?=\\*[\"'])")
_BRACES = LazyPattern(r"\{([^{}\"'\n:]{1,200})\}")
_LONGEST_LIST: Final = 1_000
# A value that is elsewhere: the output of a command, Terraform's value of a later step, a tag of CloudFormation.
_REFERENCE = LazyPattern(
    r"\$\(|\((?:known after apply|sensitive)|!(?:Ref|GetAtt|Sub|ImportValue|vault|reference)\b"
)
_TAG = LazyPattern(r"!(?:Ref|GetAtt|Sub|ImportValue|vault|reference)[ \t]$")


def read_assignment(text: str, name: SecretName) -> Found:
    """Read a value after `=`, `:`, `=>` and similar signs."""
    sign = _ASSIGNED.match(text, name.end)
    if sign is None:
        return None
    at = sign.end()
    if wrapper := _WRAPPER.match(text, at):
        if _LOOKUP.match(text, at):
            return _read_default(text, name, wrapper.end())
        at = wrapper.end()
    elif opening := _LIST.match(text, at):
        return _read_list(text, name, opening.end())
    if quoted := quoted_at(text, at):
        # Terraform prints the new value after the old one: `password = "old" -> "new"`.
        new_value = quoted_span_after(text, name, _ARROW.match(text, quoted.after))
        return quoted_span(text, name, quoted) + new_value
    if braces := _BRACES.match(text, at):
        hidden = not is_placeholder(braces[0]) and not is_harmless(name, braces[1])
        return [braces.span(1)] if hidden else []
    if _REFERENCE.match(text, at) or _TAG.search(sign[0]):
        return []
    loose = sign[0].rstrip(" \t").endswith((":", "."))
    return _read_unquoted(text, name, at, loose=loose)


def _read_default(text: str, name: SecretName, at: int) -> list[Span]:
    """Read the default of a look-up: `os.getenv("DB_PASSWORD", "hunter2")`."""
    looked_up = quoted_at(text, at)
    default = _DEFAULT.match(text, looked_up.after) if looked_up else None
    return quoted_span_after(text, name, default)


def _read_list(text: str, name: SecretName, at: int) -> list[Span]:
    """Read each string of a list of strings, except sentences about the name."""
    spans: list[Span] = []
    for quoted in quoted_list(text, at, _LONGEST_LIST):
        if text[quoted.after : quoted.after + 4].lstrip().startswith((":", "=")):
            break  # A dictionary, which has names of its own.
        spans += quoted_span(text, name, quoted)
    return spans


# The shell calls its working directory PWD, which is also short for "password".
_DIRECTORIES: Final = frozenset({"pwd", "oldpwd"})
_PATH = LazyPattern(r"[/~\\]|[A-Za-z]:[\\/]")


def _read_unquoted(text: str, name: SecretName, at: int, *, loose: bool) -> list[Span]:
    """Read an unquoted value. `loose` is set after a colon, after which a sentence may follow instead."""
    scheme = SCHEME.match(text, at)
    value = unquoted_value(text, name.start, scheme.end() if scheme else at)
    if value is None:
        return []
    head = head_of(text, value)
    written = text[name.start : name.end]
    if (
        is_placeholder(head)
        or head == written
        or _names_a_secret(head)
        or (written.lower() in _DIRECTORIES and _PATH.match(head))
    ):
        return []
    if scheme is not None and name.kind is not NameKind.WEAK:
        harmless = is_prose(head)
    else:
        harmless = is_harmless(name, head) or (loose and _is_sentence(text, name, value))
    return [] if harmless else [whole_span(text, value)]


_VARIABLE = LazyPattern(r"[a-z]+(?:_[a-z]+)+|[a-z]+(?:[A-Z][a-z]+)+")


def _names_a_secret(head: str) -> bool:
    """Return whether the value is a variable: `password=hashed_password`."""
    bare = head.rstrip(");,")
    return _VARIABLE.fullmatch(bare) is not None and any(True for _ in find_names(bare, bare.lower()))


def _is_sentence(text: str, name: SecretName, value: Unquoted) -> bool:
    """Return whether a sentence about the name follows it, not a value: `token: not found`."""
    head = head_of(text, value)
    words = text[value.start : value.start + LONGEST_JUDGED].partition("\n")[0]
    if is_prose(head) or (" " in words and is_prose(words) and not looks_chosen(head)):
        return True
    if name.kind is NameKind.PASSWORD or value.alone:
        return False
    return head.isalpha() and not looks_chosen(head)


_XML = LazyPattern(
    r"(?:\s[^<>]{0,200})?>(?:<!\[CDATA\[)?(?P<secret>[^<\]]+(?=</|\]\]>)|[^<\s\]]+)|(?:\s[^<>&]{0,200})?&gt;(?P<escaped>[^<&]+)"
)
_TAG_BEFORE = LazyPattern(r"(?:<|&lt;)(?:[\w-]{1,30}:)?$")


def read_element(text: str, name: SecretName) -> Found:
    """Read an element, escaped or not: `<password>hunter2</password>`."""
    before = text[max(0, name.start - 40) : name.start]
    if not before.endswith(("<", ";", ":")) or _TAG_BEFORE.search(before) is None:
        return None
    found = _XML.match(text, name.end)
    if found is None:
        return None
    group = "secret" if found["secret"] else "escaped"
    value = found[group].strip()
    if is_placeholder(value) or is_public(name.kind, value):
        return []
    return [found.span(group)]


_SIBLING = LazyPattern(
    r"</[\w:-]{1,20}>\s{0,20}<[\w:-]{1,20}>\s{0,20}(?:<[\w:-]{1,20}>\s{0,20})?(?P<secret>[^<]{1,4096})</"
)


def read_next_element(text: str, name: SecretName) -> Found:
    """Read the element after the one with the name: `<key>password</key><string>...</string>`."""
    found = _SIBLING.match(text, name.end)
    if found is None:
        return None
    value = found["secret"].strip()
    if " " in value and is_prose(value):
        return []
    return [found.span("secret")] if is_secret(name, value) else []


_TUPLE = LazyPattern(rf"{CLOSE},\s{{0,4}}(?=[bru]?\\*[\"'])")
_TUPLE_OPEN = LazyPattern(r"[(\[]\s?[bru]?\\*[\"']$")
_FIELD_NAME = LazyPattern(r"[a-z_]+")


_NUMBERED = LazyPattern(rf"{CLOSE}\r?\n[ \t]{{0,8}}\d{{1,6}}\) (?=\")")


def read_numbered(text: str, name: SecretName) -> Found:
    """Read the next string of a numbered list, as Redis prints a hash."""
    following = _NUMBERED.match(text, name.end)
    return quoted_span_after(text, name, following) if following else None


def read_pair(text: str, name: SecretName) -> Found:
    """Read the second of two strings in brackets, of which the first is the name: `('x-api-key', '...')`."""
    comma = _TUPLE.match(text, name.end)
    before = text[max(0, name.start - 40) : name.start]
    if comma is None or name.is_flag or _TUPLE_OPEN.search(before) is None:
        return None
    quoted = quoted_at(text, comma.end())
    if quoted is None or not text[quoted.after : quoted.after + 2].lstrip().startswith((")", "]")):
        return None
    if _FIELD_NAME.fullmatch(text[quoted.start : quoted.end]):
        return []
    return quoted_span(text, name, quoted)


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


def read_named_field(text: str, name: SecretName) -> Found:
    """Read a value beside its name: `{"name": "DB_TOKEN", "value": "..."}`, `<input name="token" value="...">`."""
    if _NAME_BEFORE.search(text[max(0, name.start - 60) : name.start]) is None:
        return None
    if content := _CONTENT.match(text, name.end):
        return [content.span("secret")] if is_secret(name, content["secret"]) else []
    value = _NAMED.match(text, name.end)
    if value is None:
        return _read_value_first(text, name)
    if quoted := quoted_at(text, value.end()):
        return quoted_span(text, name, quoted)
    bare = unquoted_value(text, name.start, value.end(), whole_line=False)
    if bare is None:
        return None
    return [whole_span(text, bare)] if is_secret(name, head_of(text, bare)) else []


def _read_value_first(text: str, name: SecretName) -> Found:
    """Read a value before its name: `{"value": "hunter2", "name": "DB_PASSWORD"}`."""
    window = max(0, name.start - _REACH_BACK)
    before = text[window : name.start]
    # "val" and "Value" share these letters; without them the search would be wasted.
    found = _VALUE_FIRST.search(before) if "al" in before else None
    if found is None:
        return None
    group = "secret" if found["secret"] else "bare"
    if not is_secret(name, found[group]):
        return []
    return [(window + found.start(group), window + found.end(group))]


_ARGUMENT = LazyPattern(r"(?:[ \t]{1,8}|[\"'],\s{0,4}(?=[bu]?[\"']))")
_METAVARIABLE = LazyPattern(
    r"[A-Z][A-Z_]+|[-\[{<(|].*|flag|option|argument|arguments|flags|options", re.DOTALL
)


def read_argument(text: str, name: SecretName) -> Found:
    """Read the argument of a flag: `--password hunter2`, also in a list of arguments."""
    gap = _ARGUMENT.match(text, name.end) if name.is_flag else None
    if gap is None:
        return None
    if quoted := quoted_at(text, gap.end()):
        return quoted_span(text, name, quoted)
    value = unquoted_value(text, name.start, gap.end(), whole_line=False)
    if value is None:
        return []
    head = head_of(text, value)
    if is_prose(head) or _METAVARIABLE.fullmatch(head):
        return []
    return [whole_span(text, value)] if is_secret(name, head) else []
