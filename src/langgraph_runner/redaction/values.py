"""What may be a secret value, and what only stands where one could: the judgement of single values."""

from __future__ import annotations

from langgraph_runner.redaction.patterns import LazyPattern
from langgraph_runner.redaction.text import MARKER
from langgraph_runner.redaction.words import EMPTY_WORDS, PROSE_WORDS

_PLACEHOLDER = LazyPattern(
    r"[^\w]*"
    r"|[xX]{3,}|\*+[\w.-]{0,4}|[\w-]{0,8}\*{3,}[\w-]{0,4}"
    r"|<[^<>]{0,60}>|\[[a-zA-Z _-]{0,30}\]|\{\{?[\w .-]{0,60}\}?\}"
    r"|\$\{[^{}]{1,60}\}|\$\{\{[^{}]{1,60}\}\}|\$\([^()]{1,60}\)|\$[A-Z_][A-Z0-9_]{2,40}"
    r"|%[sdr]|%\(\w{1,40}\)[sdr]|%[A-Z_]{2,40}%"
    r"|(?:~|\.{0,2})/?(?:[\w.-]{1,40}/){0,8}[\w-]{1,40}\.(?:pem|key|txt|json|crt|cer|env|ya?ml|toml|py|pub)"
    r"|(?i:your?[-_ ][\w -]{0,40}|os\.(?:environ|getenv).{0,60}|settings\.\w{1,40}|self\.\w{1,40}|await|Field\(.*)"
    # A call or an attribute in code.
    r"|(?:[A-Za-z_]\w{0,40}(?:\.|::|->))*[A-Za-z_]\w{0,40}\(\)?;?|[a-z_]{2,40}\(.{0,60}"
    r"|(?:[A-Za-z_]\w{0,40}(?:\.|::|->)){1,6}[A-Za-z_]\w{0,40}[(\[].{0,60}"
    r"|(?:self|cls|this|settings|config|cfg|conf|args|opts|options|process|params|request|req|ctx|context|var|local"
    r"|data|module|each|st|app|env|secrets|payload|os|random_\w{1,20})(?:\??\.[A-Za-z_]\w{0,40}){1,6};?"
    r"|(?i:n?varchar2?|n?char|varbinary|binary)\(\d{1,5}\)?"
    # A parameter of a statement.
    r"|\$\d{1,3}|[:@][A-Za-z_]{1,40}"
)
# Keys for everyone, and the places where secrets are kept instead of the secrets.
_PUBLIC_VALUE = LazyPattern(
    r"ssh-(?:rsa|dss|ed25519)\b|ecdsa-sha2-|sk-(?:ssh|ecdsa)-|AAAA[BCE]3Nza|pk_(?:live|test|prod)_|(?:SHA256|MD5):"
    r"|arn:[a-z-]{2,20}:|projects/[^/\s]{1,64}/secrets/|/run/secrets/|secretsmanager:|keyvault:"
    r"|-----BEGIN (?:PUBLIC|CERT)"
    r"|(?:op|vault|awssm|aws-sm|ssm|gcpsm|gcp-secret|azurekeyvault|akv|doppler|sops|ref|file|secret)://"
    r"|https://[\w-]{1,40}\.vault\.azure\.net/"
)
_PLAIN_PATH = LazyPattern(r"/?[a-z][a-z0-9_.-]{0,60}(?:/[A-Za-z][A-Za-z0-9_.-]{0,60}){1,8}")
_UUID = LazyPattern(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DIGEST = LazyPattern(r"(?:[a-z0-9]{2,8}:)?(?:[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{32}|[0-9a-f]{16})")
_PUBLIC_ID = LazyPattern(r"(?:req|run|msg|chatcmpl|call|toolu|thread|asst|resp|cus|evt|ch|pi|batch|file)[-_]")
_INNER_ID = LazyPattern(
    rf"(?<![0-9A-Za-z])(?:{_UUID.source}|[0-9a-f]{{64}}|[0-9a-f]{{40}}|[0-9a-f]{{32}})(?![0-9A-Za-z])"
)
_SEGMENT = LazyPattern(r"[A-Za-z0-9+]{10,}")
_CHANGE = LazyPattern(r"[a-z][A-Z0-9]|[A-Z][0-9]|[0-9][A-Za-z]|[A-Z]{2}[a-z]")
_CHOSEN = LazyPattern(r"\d|[!@#$%^&*+=~?]|[a-z][A-Z]")
# Numbers with units, dates and times, identifiers, file names, versions, dashed words.
_ORDINARY = LazyPattern(
    rf"{_UUID.source}|{_DIGEST.source}|[\d.,:%+TZ-]*\d[\d.,:%+TZ-]*[a-zA-Z]{{0,3}}|[A-Za-z]{{1,8}}[_-]?\d{{1,3}}"
    r"|[\w.+-]{1,64}@[\w-]{1,60}(?:\.[\w-]{1,60}){1,5}|\w+(?:/\w+)*\.[a-z]{1,5}|v?\d+(?:\.\w+)+|[a-z]+(?:[-_/][a-z]+)*|[A-Z][A-Z0-9_]*|[a-z_]+\d{0,6}\(?\)?"
)
# A word of its own: the letters inside a key are none.
_WORD = LazyPattern(r"(?<![^\W_])[^\W\d_]+(?![^\W_])")

_WORDS_READ = 5
_LONGEST_COUNT = 6


def is_placeholder(value: str) -> bool:
    """Whether the value is empty, a mask, a template's slot or the name of nothing."""
    if _PUBLIC_VALUE.match(value):
        return True
    if len(value) > 80:  # noqa: PLR2004 - longer than any pattern below matches
        return value == MARKER
    bare = value.replace(MARKER, "").strip()
    return bare.lower() in EMPTY_WORDS or _PLACEHOLDER.fullmatch(bare) is not None


def is_plain_path(value: str) -> bool:
    """Whether the value is a path of words, as secret managers name what they keep."""
    return _PLAIN_PATH.fullmatch(value) is not None and not looks_random(value)


def is_prose(words: str) -> bool:
    """Whether the words after a name tell about it ("must be at least 8 characters")."""
    start = words[:120]
    hits = sum(word.lower() in PROSE_WORDS for word in _WORD.findall(start)[:_WORDS_READ])
    # One such word may stand in a passphrase, beside words that are none.
    return hits > 1 or (hits == 1 and not any(looks_chosen(word) for word in start.split()[:_WORDS_READ]))


def is_digest(value: str) -> bool:
    """Whether the value is in hexadecimal, of a length that digests and many keys have."""
    return _DIGEST.fullmatch(value) is not None


def is_count(value: str) -> bool:
    """Whether the value is a small number, as tokens are counted with."""
    return value.isdecimal() and len(value) <= _LONGEST_COUNT


def looks_chosen(value: str) -> bool:
    """Whether the value is no plain word, number or date: it has digits and letters, signs, inner capitals."""
    bare = value.rstrip(".,;:!?)")
    if len(bare) < 5 or "://" in bare or _ORDINARY.fullmatch(bare[:200]) or _PUBLIC_ID.match(bare):  # noqa: PLR2004
        return False
    return _CHOSEN.search(bare) is not None


def looks_random(value: str) -> bool:
    """Whether the value looks drawn at random: a long run in which letters and digits take turns.

    Identifiers that are public by their form (UUIDs, digests, request ids) are not.
    """
    if len(value) < 12 or _UUID.fullmatch(value) or _DIGEST.fullmatch(value) or _PUBLIC_ID.match(value):  # noqa: PLR2004
        return False
    # Part of a name, as in `user:42:<digest>`, digests and UUIDs are no more secret than alone.
    value = _INNER_ID.sub("", value[:512])
    if any(len(_CHANGE.findall(run[:64])) >= 3 for run in _SEGMENT.findall(value)):  # noqa: PLR2004
        return True
    return len(value) >= 20 and "." not in value and len(_CHANGE.findall(value[:64])) >= 4  # noqa: PLR2004
