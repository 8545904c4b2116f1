"""Names whose values are secrets, found in a text and told apart by how sure the name is.

`password_hash` and `AWS_SECRET_ACCESS_KEY` name a secret; `max_tokens`, `primary_key`, `token_type`
and `author` do not, though the same letters are in them.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from langgraph_runner.redaction.patterns import LazyPattern

if TYPE_CHECKING:
    from collections.abc import Iterator


class KeyKind(Enum):
    """How much a name says about its value."""

    PASSWORD = auto()  # Chosen by people: any value counts.
    SECRET = auto()  # Made by machines: a short number or a plain word in a sentence does not count.
    WEAK = auto()  # Often harmless: only a value that looks random counts.
    MIXED = auto()  # An address or a key, as `routing_key`: what looks random counts, and a digest.


class Key(NamedTuple):
    """A name at `start` to `end` of the text (quotes and flags' dashes outside), and its kind."""

    start: int
    end: int
    kind: KeyKind
    flag: bool


# Found by `str.find`, which is many times faster than a pattern; the patterns below judge the hits.
_STEMS: Final = (
    *("pass", "pw", "secret", "token", "key", "cred", "auth", "cookie", "sess", "sig", "jwt", "otp"),
    *("sid", "psk", "kennwort", "senha", "contrase", "wachtwoord", "heslo", "parola", "clave", "sandi"),
)
# Words of other languages, looked for only in texts that are not ASCII. Inflected in at most three letters.
_FOREIGN_PASSWORDS: Final = (
    *(
        "парол",
        "密码",
        "密碼",
        "口令",
        "パスワード",
        "暗証番号",
        "비밀번호",
        "암호",
        "mật khẩu",
        "şifre",
        "lösenord",
    ),
    *("hasło", "jelszó", "parolă", "κωδικ", "סיסמ", "كلمة المرور", "كلمة السر", "รหัสผ่าน", "पासवर्ड"),
)
_FOREIGN_SECRETS: Final = (
    *(
        "токен",
        "секрет",
        "ключ",
        "密钥",
        "密鑰",
        "秘钥",
        "令牌",
        "トークン",
        "秘密鍵",
        "apiキー",
        "토큰",
        "clé secrète",
    ),
    *("clé d'api", "clé api", "clé d’api", "schlüssel"),
)
# A character of each word that is not ASCII: where it is missing, so is the word.
_FOREIGN: Final = tuple(
    (next(char for char in word if not char.isascii()), word, kind)
    for words, kind in ((_FOREIGN_PASSWORDS, KeyKind.PASSWORD), (_FOREIGN_SECRETS, KeyKind.SECRET))
    for word in words
)
_NOT_ASCII = LazyPattern(r"[^\x00-\x7f]")
_INFLECTION = LazyPattern(r"[^\W\d_]{0,3}(?![^\W_])")
# Written without blanks, so that a word has no end of its own.
_UNSPACED = LazyPattern("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_IDENTIFIER: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."
_REACH: Final = 64
_REST = LazyPattern(r"[\w-]{0,40}")
_AFTER_ESCAPE: Final = "nrt"
# The name of a resource: arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db.
_INSIDE_ARN = LazyPattern(r"arn:[\w:-]*:$")
_SEPARATORS: Final = str.maketrans("-. ", "___")

_SUFFIX = (
    r"(?:_?\d{1,4}|_?(?:key|access_?key|key_?base|value|hash|digest|base|id_?token|prod|production|dev|staging|stage"
    r"|live|test|old|new|current|prev|previous|b64|base64|raw|plain|plaintext|text|string|str|encoded|enc|encrypted"
    r"|data|confirm|confirmation|confirmed|again|repeat|repeated|main|default|admin|user|root|db|pem|json|primary"
    r"|secondary|1|2|3))?"
)
_KEY_OWNERS = (
    "api|access|secret|private|account|encryption|encrypt|signing|sign|master|auth|shared|service|subscription"
    "|license|client|deploy|ssh|pgp|gpg|age|hmac|crypto|cipher|storage|app|user|server|host|admin|data|openai"
    "|anthropic|mistral|cohere|groq|gemini|google|azure|aws|gcp|stripe|langsmith|tavily|pinecone|mailgun|sendgrid"
    "|twilio|algolia|datadog|dd|webhook|session|jwt|fernet|aes|rsa|ecdsa|tls|ssl"
)
_LOGINS = "db|user|my|root|admin|pg|smtp|mail|ftp|ssh|login|proxy|sudo|vnc|redis|mysql|auth|https?|require|key|store"
_PASSWORD = LazyPattern(
    rf".*(?:passwords?|passwd|passphrase|passcode|passwort|kennwort|senha|contrase(?:n|ñ)a|wachtwoord|heslo|parola|clave|sandi){_SUFFIX}"
    rf"|(?:.*_|.*(?:{_LOGINS}))?(?:pass|pwd|pw|psk|otp|totp){_SUFFIX}"
)
# "pass=3 fail=1" counts tests.
_ALSO_COUNTED: Final = frozenset({"pass", "pw"})
_SECRET = LazyPattern(
    rf".*(?:secret|token){_SUFFIX}|.*secret_id|.*authorization|(?:.*_|.*(?:{_KEY_OWNERS}))?(?:{_KEY_OWNERS})_?key{_SUFFIX}"
)
_WEAK = LazyPattern(
    r".*(?:tokens|secrets|keys?|cred|creds|credentials?|cookies?|signature|sessid|session_?(?:id|key)?|key_?id|token_?id)"
    r"|(?:.*_)?(?:auth|sig|sid|jwt|session)|.*_auth_\w{1,20}"
)
_NOT_SECRET = LazyPattern(
    r".*(?:primary|foreign|cache|sort|partition|object|lookup|group|index|row|hash|idempotency|dedup"
    r"|next_?page|page|continuation|sync|fencing|lock|pad|eos|bos|unk|mask|stop|cls|sep|special|max|min|num)_?(?:key|token)s?"
)
# Meant to be seen by everyone.
_PUBLIC = LazyPattern(r"(?:.*[^a-z])?(?:public|pub|publishable|host)_?keys?(?:_\w{1,20})?")
_MIXED = LazyPattern(r"(?:.*_)?(?:routing|integration)_?key")
# "api key" in a sentence: the word before "key" is part of the name.
_OWNER_BEFORE = LazyPattern(rf"(?:^|[^\w])((?:{_KEY_OWNERS}|[\w.-]*_(?:{_KEY_OWNERS})))[ ]$", re.IGNORECASE)


def aligned_lower(text: str) -> str:
    """The text in lower case, character by character, so that places in it are places in the text."""
    lower = text.lower()
    # A few capitals become two characters.
    return lower if len(lower) == len(text) else "".join(c if len(c.lower()) > 1 else c.lower() for c in text)


def keys_in(text: str, lower: str) -> Iterator[Key]:
    """The names of secrets in the text, in order. `lower` is `aligned_lower(text)`."""
    hits: list[int] = []
    for stem in _STEMS:
        at = lower.find(stem)
        while at >= 0:
            hits.append(at)
            at = lower.find(stem, at + len(stem))
    if not text.isascii():
        yield from _foreign_keys(lower)
    done = 0
    for hit in sorted(hits):
        if hit < done:
            continue
        key, done = _key_around(text, lower, hit)
        if key is not None:
            yield key


def _foreign_keys(lower: str) -> Iterator[Key]:
    present = set(_NOT_ASCII.findall(lower))
    for mark, word, kind in _FOREIGN:
        at = lower.find(word) if mark in present else -1
        while at >= 0:
            end = at + len(word)
            if _UNSPACED.match(word):
                yield Key(at, end, kind, flag=False)
            elif inflected := _INFLECTION.match(lower, end):
                end = inflected.end()
                yield Key(at, end, kind, flag=False)
            at = lower.find(word, end)


def _key_around(text: str, lower: str, hit: int) -> tuple[Key | None, int]:
    """The whole name that the stem at `hit` is part of, and where it ends."""
    rest = _REST.match(text, hit)
    end = rest.end() if rest else hit
    before = text[max(0, hit - _REACH) : hit]
    outside = before.rstrip(_IDENTIFIER)
    start = hit - (len(before) - len(outside))
    if start < hit and text[start] in _AFTER_ESCAPE and outside.endswith("\\"):
        start += 1  # The letter of an escaped newline, as in "\nTOKEN=".
    flag = text.startswith("-", start)
    bare = start
    while bare < hit and text[bare] in "-.":
        bare += 1
    # A trailing dash is no part of a name: "token->x", "password--".
    while end > hit and text[end - 1] == "-":
        end -= 1
    name = lower[bare:end]
    kind = _kind_of(name)
    if kind is KeyKind.WEAK and name.startswith("key") and (owner := _OWNER_BEFORE.search(outside)):
        kind = _kind_of(f"{owner[1].lower()}_{name}")
    elif kind is KeyKind.WEAK and outside.lower().endswith(("public ", "publishable ", "host ")):
        kind = None
    elif kind is None and name == "passe" and outside.lower().endswith("mot de "):
        kind = KeyKind.PASSWORD
    elif text.startswith(":", bare - 1) and _INSIDE_ARN.search(text, max(0, bare - _REACH), bare):
        kind = None
    return (Key(bare, end, kind, flag) if kind else None), max(end, hit + 1)


# Bounded, and names alone: a program's messages use the same few hundred of them.
@lru_cache(maxsize=2_048)
def _kind_of(name: str) -> KeyKind | None:
    name = name.translate(_SEPARATORS)
    if _PUBLIC.fullmatch(name):
        return None
    if _MIXED.fullmatch(name):
        return KeyKind.MIXED
    if _NOT_SECRET.fullmatch(name):
        return KeyKind.WEAK
    if name in _ALSO_COUNTED:
        return KeyKind.SECRET
    if _PASSWORD.fullmatch(name):
        return KeyKind.PASSWORD
    if _SECRET.fullmatch(name):
        return KeyKind.SECRET
    return KeyKind.WEAK if _WEAK.fullmatch(name) else None
