r"""The value of a name: where it ends, and whether it is a secret.

Each notation finds where a value starts; this module does the rest, the same for all of them.

- `quoted_at()` and `unquoted_value()` find the end. Quotes may be escaped, because the text was quoted
  again: JSON inside a JSON string writes its quotes as `\"`, one level deeper as `\\\"`, and web pages write
  `&quot;`. A value ends at the same quote at the same depth.
- `is_placeholder()`, `is_prose()`, `is_harmless()` and similar functions decide whether a value is harmless. To
  make the sanitizer leave more values unchanged, extend these.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from langgraph_runner.redaction.names import NameKind, SecretName
from langgraph_runner.redaction.patterns import MARKER, LazyPattern, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

CLOSE: Final = r"(?:\\{0,31}[\"'`]|&(?:quot|apos|\#34|\#39|\#x27);)"
"""A pattern of the quote after a name, escaped or not."""
LONGEST_JUDGED: Final = 200
"""How many characters of a value decide whether it is a secret."""

Found: TypeAlias = "list[Span] | None"
"""What a reader returns: the spans to hide; None when the text is not in its notation."""

_OPENER = LazyPattern(
    r"""(?:[bBrRuUfF]{1,2}(?=["']))?(?:(\\{0,31})(["'`])|(&(?:quot|apos|\#34|\#39|\#x27);)|([“„‘‚«‹「『]))"""
)
# Quotation marks of prose, and the ones that close them in some language.
_CLOSING: Final = {"“": "”“", "„": "“”", "‘": "’", "‚": "‘’", "«": "»", "‹": "›", "「": "」", "『": "』"}
_COMMA = LazyPattern(r"\s{0,4},\s{0,40}(?=[bru]?\\*[\"'])")


class Quoted(NamedTuple):
    """A value in quotes: where its content starts and ends, and where the closing quote ends."""

    start: int
    end: int
    after: int
    closed: bool


class Unquoted(NamedTuple):
    """A value without quotes: where it starts, where its head ends, and whether it fills the rest of its line."""

    start: int
    end: int
    alone: bool


def head_of(text: str, value: Quoted | Unquoted) -> str:
    """Return as much of the value as judging needs."""
    return text[value.start : min(value.end, value.start + LONGEST_JUDGED)]


def quoted_at(text: str, at: int) -> Quoted | None:
    """Return the quoted value that opens at `at`, or None. An unclosed one ends with its line."""
    opener = _OPENER.match(text, at)
    if opener is None:
        return None
    start = opener.end()
    if opener[3]:
        end = text.find(opener[3], start)
        return Quoted(start, end, end + len(opener[3]), closed=True) if end >= 0 else _unclosed(text, start)
    if opener[4]:
        ends = [text.find(mark, start, line_end(text, start)) for mark in _CLOSING[opener[4]]]
        end = min((end for end in ends if end >= 0), default=-1)
        return Quoted(start, end, end + 1, closed=True) if end >= 0 else None
    depth = len(opener[1])
    end = text.find(opener[2], start)
    while end >= 0:
        backslashes = 0
        while end - backslashes > start and text[end - backslashes - 1] == "\\":
            backslashes += 1
        if _closes(backslashes, depth):
            # Backslashes up to the depth of the opening quote belong to the closing one; further ones to the content.
            return Quoted(start, end - min(depth, backslashes), end + 1, closed=True)
        end = text.find(opener[2], end + 1)
    return _unclosed(text, start)


def quoted_list(text: str, at: int, most: int) -> Iterator[Quoted]:
    """Yield the quoted values from `at` on that commas separate, at most `most` of them."""
    for _ in range(most):
        quoted = quoted_at(text, at)
        if quoted is None:
            return
        yield quoted
        comma = _COMMA.match(text, quoted.after)
        if comma is None:
            return
        at = comma.end()


def _closes(backslashes: int, depth: int) -> bool:
    """Return whether a quote after `backslashes` backslashes closes one that opened after `depth` of them."""
    if backslashes <= depth:
        return True
    if depth and backslashes % 2 == 0:  # A quote of the enclosing string, after a backslash.
        return True
    return (backslashes - depth) % (2 * (depth + 1)) == 0


def _unclosed(text: str, start: int) -> Quoted:
    end = line_end(text, start)
    return Quoted(start, end, end, closed=False)


def line_end(text: str, at: int) -> int:
    """Return where the line that `at` is in ends."""
    end = text.find("\n", at)
    return len(text) if end < 0 else end


_LINE_START = LazyPattern(
    r"[\s>+|*#-]{0,40}(?:(?:export|set|setx|ENV|ARG|env|declare -x|-e|--env)[ \t]{1,4}|\$env:|[\w-]{1,20}: ?)?"
    r"[\"']?"
)
_LINE_START_REACH: Final = 48
# A separator ends the value when a blank, the end or another name follows it; a quote when no letter follows it.
_PIECE: Final = (
    r"(?:[^\s\"'`<>&,;\\%|]++"
    r"|[&,;|](?!\s|$|[\"'{\[(<]|[\w.\- ]{1,40}[=:])"
    r"|\\(?![nrt\"'\\]|$)"
    r"|%(?!22|7[dD])"
    r"|[\"'`](?=\w))"
)
# The head is enough to judge a value by. Only a value that is to be hidden is read to its end, and then skipped:
# a harmless value is read again for each name in it, which would take quadratic time.
_LONGEST_HEAD: Final = 256
_HEAD = LazyPattern(_PIECE + "+")
_REST = LazyPattern(_PIECE + "*")
_NEXT_NAME = LazyPattern(r"[;&,|][\w.-]{1,40}=")
_CLOSERS: Final = ".,;:!?)]}"


def unquoted_value(text: str, name_at: int, at: int, *, whole_line: bool = True) -> Unquoted | None:
    """Return the value that starts at `at`, of the name that starts at `name_at`; None when there is no value.

    In a line of its own (`password: a b;c` in YAML, an environment dump) it ends with the line. In the middle
    of a text it ends at a blank, a closing bracket, or a separator before another name.
    """
    run = _HEAD.match(text, at, at + _LONGEST_HEAD)
    if run is None:
        return None
    if whole_line and _starts_line(text, name_at):
        rest = text[at : line_end(text, at)].rstrip()
        is_one_word = "\\n" not in rest and " " not in rest and "\t" not in rest
        if is_one_word and not _NEXT_NAME.match(text, run.end()):
            return Unquoted(at, at + len(rest), alone=True)
    return Unquoted(at, _without_closers(text, at, run.end()), alone=False)


def whole_span(text: str, value: Unquoted) -> tuple[int, int]:
    """Return where a value that is to be hidden starts and ends."""
    rest = None if value.alone else _REST.match(text, value.end)
    if rest is None or rest.end() == value.end:
        return value.start, value.end
    return value.start, _without_closers(text, value.start, rest.end())


def _starts_line(text: str, name_at: int) -> bool:
    line_start = text.rfind("\n", max(0, name_at - _LINE_START_REACH), name_at) + 1
    if line_start == 0 and name_at > _LINE_START_REACH:
        return False
    return _LINE_START.fullmatch(text, line_start, name_at) is not None


def _without_closers(text: str, start: int, end: int) -> int:
    while end > start + 1 and text[end - 1] in _CLOSERS and not text.endswith(MARKER, start, end):
        end -= 1
    return end


_EMPTY: Final = """
    none null nil true false undefined nan empty unset yes no on off n/a na str string int integer float
    bool boolean bytes object any optional secretstr redacted masked hidden filtered removed sensitive
    omitted truncated unknown value secret token password await
"""
_PROSE: Final = """
    a about absent after already an and are as at authentication authorization be been before blank but by
    can cannot characters client configure configured contain contains could denied did disabled do does
    empty enabled ensure env error exceeded expected expired expires failed failure field fields for format
    found from given had has have header if in incorrect input invalid is it its length less limit long
    malformed match matches may mismatch missing more must mutual need needed needs never no not of on or
    out please property provided punctuation read rejected require required requires revoked see set should
    since some strategy support supported supports than that the there this to too type unable unauthorized
    unexpected unknown unrecognized unsupported until use used uses using valid value verification via was
    were when which will with without wrong you your
"""

# Words for nothing and names of types: not a value.
_EMPTY_WORDS: Final = frozenset(_EMPTY.split())
# Words of sentences about a secret. A value rarely contains them.
_PROSE_WORDS: Final = frozenset(_PROSE.split())
_MASK = LazyPattern(r"[^\w]*|[xX]{3,}|(?i:your?[-_ ][\w -]{0,40})")
_TEMPLATE_SIGN = LazyPattern(r"[*<\[{$%.(@:]")
_PLACEHOLDER = LazyPattern(
    r"[^\w]*|\*+[\w.-]{0,4}|[\w-]{0,8}\*{3,}[\w-]{0,4}"
    r"|<[^<>]{0,60}>|\[[a-zA-Z _-]{0,30}\]|\{\{?[\w .-]{0,60}\}?\}"
    r"|\$\{[^{}]{1,60}\}|\$\{\{[^{}]{1,60}\}\}|\$\([^()]{1,60}\)?|\$[A-Z_][A-Z0-9_]{2,40}"
    r"|%[sdr]|%\(\w{1,40}\)[sdr]|%[A-Z_]{2,40}%"
    r"|(?:~|\.{0,2})/?(?:[\w.-]{1,40}/){0,8}[\w-]{1,40}\.(?:pem|key|txt|json|crt|cer|env|ya?ml|toml|py|pub)"
    r"|(?i:os\.(?:environ|getenv).{0,60}|settings\.\w{1,40}|self\.\w{1,40}|Field\(.*)"
    # A call or an attribute in code.
    r"|(?:[A-Za-z_]\w{0,40}(?:\.|::|->))*[A-Za-z_]\w{0,40}\(\)?;?|[a-z_]{2,40}\(.{0,60}"
    r"|(?:[A-Za-z_]\w{0,40}(?:\.|::|->)){1,6}[A-Za-z_]\w{0,40}[(\[].{0,60}"
    r"|(?:self|cls|this|settings|config|cfg|conf|args|opts|options|process|params|request|req|ctx|context|var|local"
    r"|data|module|each|st|app|env|secrets|payload|os|random_\w{1,20})(?:\??\.[A-Za-z_]\w{0,40}){1,6};?"
    r"|(?i:n?varchar2?|n?char|varbinary|binary)\(\d{1,5}\)?"
    # A parameter of a statement.
    r"|\$\d{1,3}|[:@][A-Za-z_]{1,40}"
)
# Public keys, and the places where secrets are kept.
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
PUBLIC_ID = LazyPattern(
    r"(?:req|run|msg|chatcmpl|call|toolu|thread|asst|resp|cus|evt|ch|pi|batch|file|sub|prod|price|in|acct|txn|vs"
    r"|step|gen|srvtoolu|ft|chatcmpl-tool)[-_](?!live|test)"
)
"""The first characters of ids that are public."""
_INNER_ID = LazyPattern(
    rf"(?<![0-9A-Za-z])(?:{_UUID.source}|[0-9a-f]{{64}}|[0-9a-f]{{40}}|[0-9a-f]{{32}})(?![0-9A-Za-z])"
)
_SEGMENT = LazyPattern(r"[A-Za-z0-9+]{10,}")
_CHANGE = LazyPattern(r"[a-z][A-Z0-9]|[0-9][A-Za-z]|[A-Z](?:[0-9]|[A-Z][a-z])")
_CHOSEN = LazyPattern(r"\d|[!@#$%^&*+=~?]|[a-z][A-Z]")
# Numbers with units, dates and times, identifiers, file names, versions, dashed words.
_ORDINARY = LazyPattern(
    rf"{_UUID.source}|{_DIGEST.source}|[\d.,:%+TZ-]*\d[\d.,:%+TZ-]*[a-zA-Z]{{0,3}}|[A-Za-z]{{1,8}}[_-]?\d{{1,3}}"
    r"|[\w.+-]{1,64}+@[\w-]{1,60}(?:\.[\w-]{1,60}){1,5}|\w++(?:/\w++)*\.[a-z]{1,5}|v?\d++(?:\.\w++)+"
    r"|[a-z]++(?:[-_/][a-z]++)*|[A-Z][A-Z0-9_]*+|[a-z_]++\d{0,6}\(?\)?"
)
# A whole word: letters inside a key do not count.
_WORD = LazyPattern(r"(?<![^\W_])[^\W\d_]+(?![^\W_])")

_WORDS_READ = 5
_LONGEST_COUNT = 6


def is_placeholder(value: str) -> bool:
    """Return whether the value is empty, a mask, the slot of a template, or a word such as `null`."""
    if _PUBLIC_VALUE.match(value):
        return True
    if len(value) > 80:  # noqa: PLR2004 - longer than any pattern below matches
        return value == MARKER
    bare = value.replace(MARKER, "").strip().rstrip(",;")
    if bare.lower() in _EMPTY_WORDS:
        return True
    if _TEMPLATE_SIGN.search(bare) is None:  # Most values have none of these, and the pattern is slow.
        return _MASK.fullmatch(bare) is not None
    return _PLACEHOLDER.fullmatch(bare) is not None


def is_plain_path(value: str) -> bool:
    """Return whether the value is a path of words, such as the names in a secret manager."""
    return _PLAIN_PATH.fullmatch(value) is not None and not looks_random(value)


def is_prose(words: str) -> bool:
    """Return whether the words after a name are a sentence about it, such as "must be at least 8 characters"."""
    start = words[:120]
    first_words = islice(_WORD.finditer(start.lower()), _WORDS_READ)
    hits = len([word for word in first_words if word[0] in _PROSE_WORDS])
    # A single such word may be part of a passphrase.
    return hits > 1 or (hits == 1 and not any(looks_chosen(word) for word in start.split()[:_WORDS_READ]))


def is_digest(value: str) -> bool:
    """Return whether the value is hexadecimal and as long as a digest, as many keys are."""
    return _DIGEST.fullmatch(value) is not None


def is_count(value: str) -> bool:
    """Return whether the value is a small number, such as a count of tokens."""
    return value.isdecimal() and len(value) <= _LONGEST_COUNT


def looks_chosen(value: str) -> bool:
    """Return whether a person chose the value as a password: it mixes letters, digits, signs and capitals.

    Plain words, numbers, dates, file names and similar texts do not count.
    """
    bare = value.rstrip(".,;:!?)")
    if len(bare) < 5 or "://" in bare or _CHOSEN.search(bare) is None:  # noqa: PLR2004
        return False
    return not _ORDINARY.fullmatch(bare[:200]) and not PUBLIC_ID.match(bare)


def looks_random(value: str) -> bool:
    """Return whether the value looks random: a long run in which letters and digits alternate.

    Identifiers that are public by their form (UUIDs, digests, request ids) do not count.
    """
    if len(value) < 12 or _UUID.fullmatch(value) or _DIGEST.fullmatch(value) or PUBLIC_ID.match(value):  # noqa: PLR2004
        return False
    value = value[:512]
    # A digest or UUID inside a name, such as `user:42:<digest>`, is public, too.
    return _has_random_part(value) and _has_random_part(_INNER_ID.sub("", value))


def _has_random_part(value: str) -> bool:
    if any(alternations(run) >= 3 for run in _SEGMENT.findall(value)):  # noqa: PLR2004
        return True
    return len(value) >= 20 and "." not in value and alternations(value) >= 4  # noqa: PLR2004


def alternations(run: str) -> int:
    """Return how often letters and digits, or small letters and capitals, alternate at the start of the run."""
    return len(_CHANGE.findall(run[:64]))


SCHEME = LazyPattern(
    r"(?:bearer|basic|token|digest|negotiate|apikey|api-key|key|bot|dpop|ssws|geniekey|oauth|hmac)(?:[ \t]{1,4}|%20)",
    re.IGNORECASE,
)
"""A word such as `Bearer` in front of a credential; it stays."""


def quoted_span(text: str, name: SecretName, quoted: Quoted) -> list[Span]:
    """Return the span to hide of a quoted value: all but its scheme ("Bearer"), or none when it is harmless."""
    scheme = SCHEME.match(text, quoted.start, quoted.end)
    start = scheme.end() if scheme else quoted.start
    value = text[start : min(quoted.end, start + LONGEST_JUDGED)]
    if is_placeholder(value):
        return []
    if scheme is None and (is_harmless(name, value) or (" " in value.strip() and is_prose(value))):
        return []
    return [(start, quoted.end)]


def quoted_span_after(text: str, name: SecretName, before: re.Match[str] | None) -> list[Span]:
    """Return the span to hide of a quoted value right after a match; none without both."""
    quoted = quoted_at(text, before.end()) if before else None
    return quoted_span(text, name, quoted) if quoted else []


def is_public(kind: NameKind, value: str) -> bool:
    """Return whether the value does not look random, under a name that is often harmless."""
    if kind is NameKind.MIXED:
        return not looks_random(value) and not is_digest(value)
    return kind is NameKind.WEAK and not looks_random(value)


def is_secret(name: SecretName, value: str) -> bool:
    """Return whether a value under this name is to be hidden."""
    return not is_placeholder(value) and not is_harmless(name, value)


def is_harmless(name: SecretName, value: str) -> bool:
    """Return whether the value is not a secret under this name, such as the count in `token: 17`."""
    if is_public(name.kind, value):
        return True
    if name.kind is NameKind.SECRET:
        # A word or a sign in quotes is what a parser refused, not what a machine made.
        return (
            is_count(value)
            or is_plain_path(value)
            or not any(c.isalnum() for c in value)
            or (value.isalpha() and is_prose(value))
        )
    return False
