r"""Secrets known by their place: in URLs, cookies, command lines, SQL statements and calls.

The rules keep the same promises as those in `shapes`: an anchor before each pattern, and every quantifier
bounded or running over characters that what follows cannot match.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from langgraph_runner.redaction.patterns import LazyPattern
from langgraph_runner.redaction.shapes import Rule
from langgraph_runner.redaction.text import MARKER
from langgraph_runner.redaction.values import is_placeholder, looks_random

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langgraph_runner.redaction.text import Span


def _rule(anchors: tuple[str, ...], pattern: str) -> Rule:
    return Rule(anchors, LazyPattern(pattern, re.IGNORECASE), _is_value)


def _is_value(found: str) -> bool:
    return not is_placeholder(found)


def _is_long(found: str) -> bool:
    if len(found) < 12 or found.isdecimal():  # noqa: PLR2004 - shorter signatures do not sign
        return False
    # The rest after the marker of a hidden value, such as its closing bracket, is not a value.
    return any(char.isalnum() for char in found.replace(MARKER, ""))


_URLS: Final = (
    # scheme://user:password@host. A password may contain a slash, but a port with a slash after it is not one.
    _rule(
        ("://",),
        r"://[^\s/?#:@\"'<>\\]{0,128}:(?!\d{1,5}(?:[/?#\"'\s]|$))"
        r"(?P<secret>[^\s\"'<>`/?#@]{1,512}(?:@[^\s\"'<>`/?#@]{1,256}){0,3}|[^\s\"'<>`]{1,256}?)@(?=[\w\[(%-])",
    ),
    # scheme://token@host
    Rule(("://",), LazyPattern(r"://(?P<secret>[^\s/?#:@\"'<>\\]{12,256})@"), looks_random),
    _rule(("jdbc:oracle",), r"jdbc:oracle:\w{1,10}:[\w.$#-]{1,64}/(?P<secret>[^\s@\"']{1,128})@"),
)

_QUERIES: Final = (
    # Query parameters whose names are too common to be hidden elsewhere.
    Rule(
        ("key=", "sig=", "signature=", "auth=", "code=", "hmac=", "x-amz-", "x-goog-", "client_assertion="),
        LazyPattern(
            r"(?<=[?&;])(?i:key|sig|signature|auth|code|hmac|x-amz-(?:signature|credential)|x-goog-(?:signature|credential)"
            r"|client_assertion)=(?P<secret>[^\s&\"'<>#\\]{1,4096})"
        ),
        _is_long,
    ),
)

_PAIR: Final = r"[\w.!#$%&*+^`|~-]{1,128}=[^;\s\"'\\,]*"
_COOKIES: Final = (
    _rule(
        ("cookie",),
        rf"cookie2?[\"'\\]{{0,8}}\s{{0,4}}[:=,]\s{{0,4}}b?[\"'\\]{{0,8}}"
        rf"(?P<secret>{_PAIR}(?:;[ ]{{0,4}}(?:{_PAIR})?)*)",
    ),
    _rule(("<cookie ",), r"<cookie (?P<secret>[^\s=<>]{1,128}=[^\s<>]+) for "),
)

_GAP: Final = r"\b[^\n;|]{0,300}?[\s'\"]"
_COMMANDS: Final = (
    _rule(
        ("mysql", "mariadb"),
        rf"\b(?:mysql\w{{0,12}}|mariadb[\w-]{{0,12}}){_GAP}(?-i:-p)['\", ]{{0,4}}(?P<secret>[^\s'\"-][^\s'\"]{{2,}})",
    ),
    _rule(("sshpass",), rf"\bsshpass{_GAP}-p['\", ]{{0,4}}(?P<secret>[^\s'\"-][^\s'\"]+)"),
    _rule(("redis-cli",), rf"\bredis-cli{_GAP}(?:-a|--pass)['\", ]{{1,4}}(?P<secret>[^\s'\"-][^\s'\"]+)"),
    _rule(
        ("docker", "podman", "helm", "az ", "oc "),
        rf"\b(?:docker|podman|helm|az|oc){_GAP}login{_GAP}-p['\", ]{{1,4}}(?P<secret>[^\s'\"-][^\s'\"]+)",
    ),
    _rule(
        ("curl", "wget", "http "),
        rf"\b(?:curl|wget|http){_GAP}"
        rf"(?-i:-u|-U|--user|--proxy-user|-a)['\",= ]{{1,4}}[^\s:'\"]{{0,64}}:(?P<secret>[^\s'\"]+)",
    ),
    _rule(("curl",), rf"\bcurl{_GAP}(?-i:-b)['\", ]{{1,4}}(?P<secret>{_PAIR}(?:;[ ]?{_PAIR})*)"),
    _rule(("-pass",), r"-pass(?:in|out)?['\", ]{1,4}pass:(?P<secret>[^\s'\"]+)"),
)

_SENTENCES: Final = (
    _rule(
        ("identified",),
        r"\bidentified (?:by|with \w{1,40} by) (?:password )?['\"](?P<secret>[^'\"\n]+)['\"]",
    ),
    _rule(
        ("convertto-securestring",),
        r"convertto-securestring\s{1,8}(?:-string\s{1,8})?['\"](?P<secret>[^'\"\n]+)['\"]",
    ),
    # .netrc
    _rule(("login ",), r"login\s{1,8}\S{1,64}\s{1,8}password\s{1,8}(?P<secret>[^\s\"',]{3,256})(?=\s|$)"),
    _rule(("requirepass", "masterauth"), r"\b(?:requirepass|masterauth)\s{1,8}\"?(?P<secret>[^\s\"]+)"),
    # Request bodies of forms in parts.
    _rule(
        ("form-data",),
        r"form-data; name=\\{0,7}\"[\w.\[\]-]{0,60}(?:pass|pwd|secret|token|key|auth)[\w.\[\]-]{0,40}\\{0,7}\""
        r"(?:\\[rn]|[\r\n]){2,4}(?P<secret>[^\s\\]+)",
    ),
)

_CALLS: Final = (
    # A password as the second argument of a call.
    _rule(
        ("auth(", "auth=(", "auth = (", "login(", "authenticate(", "signin(", "sign_in("),
        r"[\w =]{4,14}\(\s{0,8}b?[\"'][^\"'\n]{0,128}[\"'],\s{0,8}b?[\"'](?P<secret>[^\"'\n]{1,512})[\"']",
    ),
)

# Rules that are tried only in a text that contains one of the words before them.
GATED_PLACES: Final = (
    (("?", "&"), _QUERIES),
    ((" -", "'-", '"-'), _COMMANDS),
    (("('", '("', "(b"), _CALLS),
)
PLACES: Final = (*_URLS, *_COOKIES, *_SENTENCES)


# user:password@host:port, as MySQL drivers and error texts write it.
_HOST = LazyPattern(r"@(?:(?:tcp|unix)\(|[\w.-]{1,100}(?::\d|/\w))")
_LOGIN_BEFORE = LazyPattern(r"[^\s:@/\"'<>,;]{3,128}")
_USER: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
_LONGEST_LOGIN: Final = 200


def login_spans(text: str) -> Iterator[Span]:
    """Yield the password in `user:password@host:5432` without a scheme."""
    if "@" not in text:
        return
    for found in _HOST.finditer(text):
        before = text[max(0, found.start() - _LONGEST_LOGIN) : found.start()]
        head, colon, password = before.rpartition(":")
        outside = head.rstrip(_USER)
        if not colon or outside == head or outside.endswith(("/", "@", ":", "%")):
            continue
        if _LOGIN_BEFORE.fullmatch(password) and not is_placeholder(password):
            yield found.start() - len(password), found.start()
