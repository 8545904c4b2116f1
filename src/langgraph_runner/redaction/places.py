r"""Secrets known by their place: after a scheme such as `Bearer`, in URLs, cookies, commands, SQL and calls.

Each rule is tried only where one of its anchors is. Every quantifier is bounded or runs over characters that
what follows cannot match, so the time stays linear.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from langgraph_runner.redaction.patterns import MARKER, LazyPattern, Span, found_spans
from langgraph_runner.redaction.values import is_placeholder, looks_random

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Rule(NamedTuple):
    """A pattern, the words that it may start with, and a check of what it found.

    `anchors` are in lower case. What the group `secret` matches is hidden, or the whole match when there is
    no such group.
    """

    anchors: tuple[str, ...]
    pattern: LazyPattern
    check: Callable[[str], bool] | None = None

    def spans(self, text: str, lower: str, anchor: str) -> Iterator[Span]:
        """Yield the secrets that start with the anchor. `lower` is `aligned_lower(text)`."""
        at = lower.find(anchor)
        while at >= 0:
            found = self.pattern.match(text, at)
            if found is None:
                at = lower.find(anchor, at + 1)
                continue
            yield from found_spans((found,), self.check)
            # Search on after the match: nothing is read twice.
            at = lower.find(anchor, found.end())


def _rule(anchors: tuple[str, ...], pattern: str) -> Rule:
    return Rule(anchors, LazyPattern(pattern, re.IGNORECASE), _is_value)


def _is_value(found: str) -> bool:
    return not is_placeholder(found)


def _is_long(found: str) -> bool:
    if len(found) < 12 or found.isdecimal():  # noqa: PLR2004 - shorter signatures do not sign
        return False
    # The rest after the marker of a hidden value, such as its closing bracket, is not a value.
    return any(char.isalnum() for char in found.replace(MARKER, ""))


def _is_credential(value: str) -> bool:
    """Return whether the word after "Bearer" is a credential, and not a word of a sentence."""
    return not value.rstrip(".").isalpha() or not value[1:].islower()


_PARAMETER: Final = r"[A-Za-z_-]{1,30}=(?:\\{0,7}[\"'][^\"'\\\n]*\\{0,7}[\"']|[^\s,\"'\\&]+)"
_SCHEME: Final = Rule(
    ("bearer", "basic", "negotiate", "apikey", "geniekey", "ssws"),
    LazyPattern(
        r"\b(?i:bearer|basic|negotiate|apikey|geniekey|ssws)(?:[ \t]{1,8}|%20|\+)b?['\"]?"
        r"(?P<secret>[A-Za-z0-9._~+/=-]{8,})"
    ),
    _is_credential,
)
# Signature schemes name their algorithm first: AWS4-HMAC-SHA256, GOOG4-RSA-SHA256 and similar ones.
_SIGNATURE: Final = Rule(
    ("aws4-", "goog4-", "oss4-", "acs3-", "tc3-", "sdk-hmac-", "hmac-sha", "digest", "hawk", "oauth"),
    LazyPattern(
        r"(?i:(?:aws4|goog4|oss4|acs3|tc3|sdk)-[a-z0-9-]{1,30}|hmac-sha\d{1,3}|\b(?:digest|hawk|oauth))"
        r"[ \t]{1,8}"
        rf"(?P<secret>{_PARAMETER}(?:[\s,&]{{1,8}}{_PARAMETER})*)"
    ),
)

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

# Query parameters whose names are too common to be hidden elsewhere.
_QUERY: Final = Rule(
    ("key=", "sig=", "signature=", "auth=", "code=", "hmac=", "x-amz-", "x-goog-", "client_assertion="),
    LazyPattern(
        r"(?<=[?&;])(?i:key|sig|signature|auth|code|hmac|x-amz-(?:signature|credential)|x-goog-(?:signature|credential)"
        r"|client_assertion)=(?P<secret>[^\s&\"'<>#\\]{1,4096})"
    ),
    _is_long,
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

# A password as the second argument of a call.
_CALL: Final = _rule(
    ("auth(", "auth=(", "auth = (", "login(", "authenticate(", "signin(", "sign_in("),
    r"[\w =]{4,14}\(\s{0,8}b?[\"'][^\"'\n]{0,128}[\"'],\s{0,8}b?[\"'](?P<secret>[^\"'\n]{1,512})[\"']",
)

# All rules, as pairs of an anchor and its rule. The rules of a group are tried only in a text that contains one of
# the words before them.
_GROUPS: Final = tuple(
    (words, tuple((anchor, rule) for rule in rules for anchor in rule.anchors))
    for words, rules in (
        (("",), (_SCHEME, *_URLS, *_COOKIES, *_SENTENCES)),
        (("-sha", "-hmac", "digest", "hawk", "oauth"), (_SIGNATURE,)),
        (("?", "&"), (_QUERY,)),
        ((" -", "'-", '"-'), _COMMANDS),
        (("('", '("', "(b"), (_CALL,)),
    )
)


def rules_in(lower: str) -> list[tuple[str, Rule]]:
    """Return the anchors in the text, each with its rule. `lower` is `aligned_lower(text)`."""
    found: list[tuple[str, Rule]] = []
    for words, pairs in _GROUPS:
        if any(word in lower for word in words):
            found += [pair for pair in pairs if pair[0] in lower]
    return found


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
