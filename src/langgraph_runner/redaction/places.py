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
_COOKIE: Final = _rule(
    ("cookie",),
    rf"cookie2?[\"'\\]{{0,8}}\s{{0,4}}[:=,]\s{{0,4}}b?[\"'\\]{{0,8}}"
    rf"(?P<secret>{_PAIR}(?:;[ ]{{0,4}}(?:{_PAIR})?)*)",
)
_COOKIE_OBJECT: Final = _rule(("<cookie ",), r"<cookie (?P<secret>[^\s=<>]{1,128}=[^\s<>]+) for ")

_GAP: Final = r"\b[^\n;|]{0,300}?[\s'\"]"
_WORD: Final = r"['\", ]{0,4}(?P<secret>[^\s'\"-][^\s'\"]+)"
_SPACED: Final = r"['\",= ]{1,4}(?P<secret>[^\s'\"-][^\s'\"]+)"
# Commands, and where their secret is: after an option, or after other arguments. Case matters in options.
_OPTIONS: Final = (
    (
        ("mysql", "mariadb"),
        r"(?:mysql\w{0,12}|mariadb[\w-]{0,12})",
        r"-p['\", ]{0,4}(?P<secret>[^\s'\"-][^\s'\"]{2,})",
    ),
    (("sshpass",), "sshpass", rf"-p{_WORD}"),
    (("7z ", "7za ", "rar "), r"(?:7za?|rar|unrar)", r"-p(?P<secret>[^\s'\"-][^\s'\"]+)"),
    (("redis-cli",), "redis-cli", rf"(?:-a|--pass){_SPACED}"),
    (
        ("docker", "podman", "helm", "az ", "oc "),
        rf"(?:docker|podman|helm|az|oc){_GAP}login",
        rf"-p{_SPACED}",
    ),
    (("cqlsh", "mongo"), r"(?:cqlsh|mongo\w{0,10})", rf"-p{_SPACED}"),
    (("ldap",), r"ldap\w{3,8}", rf"-w{_SPACED}"),
    (("sqlcmd", "bcp ", "zip ", "unzip "), r"(?:sqlcmd|bcp|(?:un)?zip)", rf"-P{_SPACED}"),
    (("snmp",), r"snmp\w{3,8}", rf"-[AX]{_SPACED}"),
    (
        ("smbclient", "rpcclient"),
        r"(?:smb|rpc)client",
        r"(?:-U|--user)['\",= ]{1,4}[^\s'\"%]{1,64}%(?P<secret>[^\s'\"]+)",
    ),
    (("ipmitool", "xfreerdp", "openssl enc"), r"(?:ipmitool|xfreerdp|openssl enc)", rf"(?:-P|-k|/p:){_WORD}"),
    (
        ("curl", "wget", "http "),
        r"(?:curl|wget|http)",
        r"(?:-u|-U|--user|--proxy-user|-a)['\",= ]{1,4}[^\s:'\"]{0,64}:(?P<secret>[^\s'\"]+)",
    ),
    (("curl",), "curl", rf"-b['\", ]{{1,4}}(?P<secret>{_PAIR}(?:;[ ]?{_PAIR})*)"),
)
_COMMANDS: Final = (
    *(_rule(anchors, rf"\b{command}{_GAP}(?-i:{place})") for anchors, command, place in _OPTIONS),
    _rule(("-pass",), r"-pass(?:in|out)?['\", ]{1,4}pass:(?P<secret>[^\s'\"]+)"),
)
_ARGUMENT: Final = r"[ ]{1,4}[^\s-]\S{0,63}[ ]{1,4}(?P<secret>[^\s'\"/-][^\s'\"]{3,})"
_POSITIONS: Final = (
    _rule(("net user ",), rf"net user{_ARGUMENT}"),
    _rule(("rabbitmqctl ",), rf"rabbitmqctl (?:add_user|change_password|authenticate_user){_ARGUMENT}"),
    _rule(
        ("htpasswd ",),
        r"htpasswd (?:-\w{1,8} ){1,3}(?:\S{1,100} )?\S{1,64} (?P<secret>[^\s'\"-][^\s'\"]{3,})(?=\s|$)",
    ),
    _rule(
        ("auth ",),
        r"(?<![\w.])(?-i:AUTH) (?:\w{1,32} )?(?P<secret>(?=[^\s\d]{0,60}\d)[^\s\"',;:]{6,128})(?=\s|$)",
    ),
    _rule(
        ("creds", "credentials", "logged in as "),
        r"(?:creds|credentials|logged in as):? ?[\w.@-]{1,64} ?[:/] ?"
        r"(?P<secret>(?=[^\s\d]{0,60}\d)[^\s,;'\"]{6,128})",
    ),
    # Words of a wallet.
    _rule(
        ("phrase", "mnemonic"),
        r"(?:(?<=recovery.)|(?<=seed.)|(?<=secret.)|(?<=backup.)|(?=mnemonic))(?:phrase|mnemonic)['\"]?\s{0,3}(?:is|was|[:=])\s{0,3}['\"]?"
        r"(?P<secret>[a-z]{3,8}(?:[ ,]{1,2}[a-z]{3,8}){5,23})",
    ),
)

# echo secret | command that reads it
_PIPED: Final = _rule(
    ("echo ", "printf "),
    r"(?:echo|printf)[ ]{1,4}(?:-\w{1,4} )?['\"]?(?:[\w.-]{1,64}:)?(?P<secret>[^\s'\"|]{3,512})['\"]?[ ]{0,4}\|"
    r"[ ]{0,4}(?:sudo )?(?:chpasswd|passwd\b|sudo\b|su\b|[^\n|]{1,100}?-stdin\b|[^\n|]{1,100}?--with-token)",
)

_SENTENCES: Final = (
    # .netrc
    _rule(("login ",), r"login\s{1,8}\S{1,64}\s{1,8}password\s{1,8}(?P<secret>[^\s\"',]{3,256})(?=\s|$)"),
    _rule(("requirepass", "masterauth"), r"\b(?:requirepass|masterauth)\s{1,8}\"?(?P<secret>[^\s\"]+)"),
)

_QUOTED: Final = (
    _rule(
        ("identified",),
        r"\bidentified (?:by|with \w{1,40} by) (?:password )?['\"](?P<secret>[^'\"\n]+)['\"]",
    ),
    _rule(
        ("convertto-securestring",),
        r"convertto-securestring\s{1,8}(?:-string\s{1,8})?['\"](?P<secret>[^'\"\n]+)['\"]",
    ),
    # Request bodies of forms in parts.
    _rule(
        ("form-data",),
        r"form-data; name=\\{0,7}\"[\w.\[\]-]{0,60}(?:pass|pwd|secret|token|key|auth)[\w.\[\]-]{0,40}\\{0,7}\""
        r"(?:\\[rn]|[\r\n]){2,4}(?P<secret>[^\s\\]+)",
    ),
)

# Keys and passwords as arguments of a call.
_CALLS: Final = (
    _rule(
        ("jwt.",),
        r"jwt\.(?:en|de)code\([^\n\"'()]{1,80}, {0,4}(?:key=)?b?[\"'](?P<secret>[^\"'\n]{1,512})[\"']",
    ),
    _rule(("jwt.",), r"jwt\.(?:sign|verify)\([^\n\"']{1,80}, {0,4}[\"'](?P<secret>[^\"'\n]{1,512})[\"']"),
    _rule(("hmac.new(",), r"hmac\.new\(b?[\"'](?P<secret>[^\"'\n]{1,512})[\"']"),
    _rule(("createhmac(",), r"createhmac\([\"'][\w-]{1,20}[\"'], {0,4}[\"'](?P<secret>[^\"'\n]{1,512})[\"']"),
)
_CALL: Final = _rule(
    ("auth(", "auth=(", "auth = (", "login(", "authenticate(", "signin(", "sign_in("),
    r"[\w =]{4,14}\(\s{0,8}b?[\"'][^\"'\n]{0,128}[\"'],\s{0,8}b?[\"'](?P<secret>[^\"'\n]{1,512})[\"']",
)

# All rules, as pairs of an anchor and its rule. The rules of a group are tried only in a text that contains one of
# the words before them. A search for a single character costs almost nothing.
_GROUPS: Final = tuple(
    (words, tuple((anchor, rule) for rule in rules for anchor in rule.anchors))
    for words, rules in (
        (("",), (_SCHEME, _COOKIE, *_SENTENCES, *_POSITIONS)),
        (("@",), _URLS),
        (("<",), (_COOKIE_OBJECT,)),
        (("|",), (_PIPED,)),
        (("'", '"'), _QUOTED),
        (("(",), _CALLS),
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
