"""Names whose values are secrets: where they stand in a text, and how sure each name is.

`password_hash` and `AWS_SECRET_ACCESS_KEY` name a secret; `max_tokens`, `primary_key`, `token_type`
and `author` do not, although they contain the same letters.

To add a name, add its stem to `_STEMS` (or to the words of other languages), and the whole name to the
pattern of its kind.
"""

from __future__ import annotations

from enum import Enum, auto
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from langgraph_runner.redaction.patterns import LazyPattern

if TYPE_CHECKING:
    from collections.abc import Iterator


class NameKind(Enum):
    """How much a name says about its value, and so which values are hidden."""

    PASSWORD = auto()  # People choose the value: any value is hidden.
    SECRET = auto()  # Machines make the value: a short number or a plain word in a sentence stays.
    WEAK = auto()  # Often harmless: only a value that looks random is hidden.
    MIXED = auto()  # An address or a key, such as `routing_key`: random values and digests are hidden.


class SecretName(NamedTuple):
    """A name in a text, from `start` to `end`, without quotes and the dashes of a flag such as `--token`."""

    start: int
    end: int
    kind: NameKind
    is_flag: bool


# `str.find` looks for these, many times faster than a pattern; the patterns below check what it finds.
_STEM_WORDS: Final = """
    pass pw secret token key cred auth cookie sess sig jwt otp sid psk kennwort senha contrase wachtwoord heslo
    parola clave sandi
"""
_STEMS: Final = _STEM_WORDS.split()
# Words of other languages, which are looked for in texts that are not ASCII. Up to three letters may follow.
_FOREIGN_PASSWORDS: Final = (
    "парол|密码|密碼|口令|パスワード|暗証番号|비밀번호|암호|mật khẩu|şifre|lösenord|hasło|jelszó|parolă|κωδικ|סיסמ"
    "|كلمة المرور|كلمة السر|รหัสผ่าน|पासवर्ड"
)
_FOREIGN_SECRETS: Final = (
    "токен|секрет|ключ|密钥|密鑰|秘钥|令牌|トークン|秘密鍵|apiキー|토큰"
    "|clé secrète|clé d'api|clé api|clé d’api|schlüssel"
)


def _with_marks(words: str, kind: NameKind) -> list[tuple[str, str, NameKind]]:
    """Pair each word with its first character that is not ASCII: a text without that does not have the word."""
    return [(next(char for char in word if not char.isascii()), word, kind) for word in words.split("|")]


_FOREIGN: Final = (
    *_with_marks(_FOREIGN_PASSWORDS, NameKind.PASSWORD),
    *_with_marks(_FOREIGN_SECRETS, NameKind.SECRET),
)
_NOT_ASCII = LazyPattern(r"[^\x00-\x7f]")
_INFLECTION = LazyPattern(r"[^\W\d_]{0,3}(?![^\W_])")
# Scripts without blanks between words, so that the end of a word cannot be checked.
_UNSPACED = LazyPattern("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_IDENTIFIER: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."
_REACH: Final = 64
_REST = LazyPattern(r"[\w-]{0,40}")
_AFTER_ESCAPE: Final = "nrt"
# The name of an AWS resource: arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db.
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
# "pass=3 fail=1" counts tests, so these do not count as passwords.
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
# Public keys, which everyone may see.
_PUBLIC = LazyPattern(r"(?:.*[^a-z])?(?:public|pub|publishable|host)_?keys?(?:_\w{1,20})?")
_MIXED = LazyPattern(r"(?:.*_)?(?:routing|integration)_?key")
# "api key" in a sentence: the word before "key" is part of the name.
_OWNER = LazyPattern(rf"(?:.*[_.-])?(?:{_KEY_OWNERS})")


def aligned_lower(text: str) -> str:
    """Return the text in lower case, with each character at the place that it has in the text."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    # A few capitals would become two characters; they stay.
    return "".join(char if len(char.lower()) > 1 else char.lower() for char in text)


def find_names(text: str, lower: str) -> Iterator[SecretName]:
    """Yield the names of secrets in the text, those in English first. `lower` is `aligned_lower(text)`."""
    hits: list[int] = []
    for stem in _STEMS:
        at = lower.find(stem)
        while at >= 0:
            hits.append(at)
            at = lower.find(stem, at + len(stem))
    if not text.isascii():
        yield from _foreign_names(lower)
    done = 0
    for hit in sorted(hits):
        if hit < done:
            continue
        name, done = _name_around(text, lower, hit)
        if name is not None:
            yield name


def _foreign_names(lower: str) -> Iterator[SecretName]:
    present = set(_NOT_ASCII.findall(lower))
    for mark, word, kind in _FOREIGN:
        at = lower.find(word) if mark in present else -1
        while at >= 0:
            end = at + len(word)
            if _UNSPACED.match(word):
                yield SecretName(at, end, kind, is_flag=False)
            elif inflected := _INFLECTION.match(lower, end):
                end = inflected.end()
                yield SecretName(at, end, kind, is_flag=False)
            at = lower.find(word, end)


def _name_around(text: str, lower: str, hit: int) -> tuple[SecretName | None, int]:
    """Return the whole name that the stem at `hit` is part of, and from where to search on."""
    rest = _REST.match(text, hit)
    end = rest.end() if rest else hit
    start = hit
    if hit and text[hit - 1] in _IDENTIFIER:
        before = text[max(0, hit - _REACH) : hit]
        start -= len(before) - len(before.rstrip(_IDENTIFIER))
        if text[start] in _AFTER_ESCAPE and text.startswith("\\", start - 1):
            start += 1  # The letter of an escaped newline, as in "\nTOKEN=".
    bare = start
    while bare < hit and text[bare] in "-.":
        bare += 1
    # A dash at the end is not part of the name: "token->x", "password--".
    while end > hit and text[end - 1] == "-":
        end -= 1
    name = lower[bare:end]
    kind = _kind_of(name)
    if kind is NameKind.WEAK or name == "passe":
        kind = _kind_after(lower[max(0, start - _REACH) : start], name, kind)
    if kind and text.startswith(":", bare - 1) and _INSIDE_ARN.search(text, max(0, bare - _REACH), bare):
        kind = None
    return (SecretName(bare, end, kind, text[start] == "-") if kind else None), max(end, hit + 1)


def _kind_after(before: str, name: str, kind: NameKind | None) -> NameKind | None:
    """Return the kind of a name that the word before it can change: "api key", "public key", "mot de passe"."""
    if kind is None:
        return NameKind.PASSWORD if before.endswith("mot de ") else None
    if name.startswith("key") and before.endswith(" "):
        words = before[:-1]
        owner = words[len(words.rstrip(_IDENTIFIER)) :]
        if _OWNER.fullmatch(owner):
            return _kind_of(f"{owner}_{name}")
    return None if before.endswith(("public ", "publishable ", "host ")) else kind


# The cache is bounded and has names only, not values: a program uses the same few hundred names in its messages.
@lru_cache(maxsize=2_048)
def _kind_of(name: str) -> NameKind | None:
    """Return what kind of name it is; None if it does not name a secret."""
    name = name.translate(_SEPARATORS)
    if _PUBLIC.fullmatch(name):
        return None
    if _MIXED.fullmatch(name):
        return NameKind.MIXED
    if _NOT_SECRET.fullmatch(name):
        return NameKind.WEAK
    if name in _ALSO_COUNTED:
        return NameKind.SECRET
    if _PASSWORD.fullmatch(name):
        return NameKind.PASSWORD
    if _SECRET.fullmatch(name):
        return NameKind.SECRET
    return NameKind.WEAK if _WEAK.fullmatch(name) else None
