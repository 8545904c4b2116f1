"""Long random runs: keys of formats that no table lists, known by their mix of small letters, capitals and digits.

Digests, UUIDs and ULIDs have one case. Identifiers such as `OrderServiceImplV2` consist of words. Public keys,
certificates, integrity hashes, file contents, ids of requests and paths of URLs are recognised by what stands
before or around them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from langgraph_runner.redaction.patterns import LazyPattern, Span, merged, without
from langgraph_runner.redaction.shapes import public_blocks
from langgraph_runner.redaction.values import PUBLIC_ID, alternations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_RUN = LazyPattern(r"[A-Za-z0-9+/_-]{20,}={0,2}")
_HEAD: Final = 64
_MIX = LazyPattern(r"(?=[^a-z]{0,64}[a-z])(?=[^A-Z]{0,64}[A-Z])(?=[^0-9]{0,64}[0-9])")
# Keys of one case: longer than ULIDs, and not hexadecimal as digests are.
_ONE_CASE = LazyPattern(
    r"(?<![A-Za-z0-9])(?!0x|bc1|tb1|ltc1|addr1)(?=[0-9a-f]{0,40}[g-z]|[0-9A-F]{0,40}[G-Z])(?:[a-z0-9]{28,}|[A-Z0-9]{28,})(?![A-Za-z0-9])"
)
_SHORTEST_OF_ONE_CASE: Final = 28
# Further segments of a key whose longest one is random.
_BEFORE = LazyPattern(r"(?:[A-Za-z0-9_-]*\d[A-Za-z0-9_-]*[.!~:]){1,2}$")
_AFTER = LazyPattern(r"(?:[.!~:](?=[A-Za-z_-]{0,40}\d)[A-Za-z0-9_-]{5,}){1,2}")
_ONLY_HEX = LazyPattern(r"(?:0x)?[0-9a-fA-F-]+")
_LABEL = LazyPattern(r"(?:[A-Za-z]{2,20}[_-]){1,3}(?=[^/]{18})")
_WORDS = LazyPattern(r"[A-Za-z][a-z]{3,}")
# The first characters of SSH public keys and of pictures, documents and archives in base64.
_PUBLIC_START = LazyPattern(
    r"AAAA[BCE]3Nza|iVBORw0KGgo|/9j/|R0lGOD|JVBERi0|UEsDB|H4sI|pk[_-](?:live|test|prod)|(?:sha(?:1|256|384|512)|md5)[-:]",
    re.IGNORECASE,
)
# What stands before a value that is public. Ids of requests, entity tags and cursors help to read an error.
_PUBLIC_NAMES: Final = (
    *(
        "sha1",
        "sha256",
        "sha384",
        "sha512",
        "md5",
        ";base64,",
        "etag",
        "integrity",
        "nonce",
        "digest",
        "checksum",
    ),
    *(
        "hash",
        "fingerprint",
        "thumbprint",
        "public key",
        "public_key",
        "public-key",
        "publickey",
        "publishable",
    ),
    *(
        " id",
        "_id",
        "-id",
        "id-2",
        "\nid",
        '"id',
        "'id",
        " kid",
        '"kid',
        "'kid",
        '"x5c',
        '"x5t',
        '"n',
        '"x',
        '"y',
    ),
    *("cursor", "sec-websocket-key", "sec-websocket-accept"),
)
_BETWEEN: Final = " :=\"'\\W/"
_FEW: Final = 20
_REACH: Final = 48
_LONGEST_URL: Final = 400


def random_runs(runs: str, is_readable: Callable[[str], bool]) -> frozenset[str]:
    """Return which of the runs look random. Most texts have none. `is_readable` tells base64 of a plain text."""
    return frozenset(run for run in _RUN.findall(runs) if is_random_run(run) and not is_readable(run))


def run_spans(text: str, values: frozenset[str]) -> Iterator[Span]:
    """Yield where the random runs are, except public ones."""
    for start, end in without(_places_of(values, text), public_blocks(text)):
        at = start
        if text[at] in "nrt" and text.startswith("\\", at - 1):
            at += 1  # The letter of an escaped newline.
        elif text.startswith("%", at - 1):
            at += 2  # A percent code.
        value = text[at:end]
        if (at == start or is_random_run(value)) and not _is_public(text, at, value):
            joined = at > 0 and text[at - 1] in ".!~:"
            before = _BEFORE.search(text, max(0, at - _REACH), at) if joined else None
            after = _AFTER.match(text, end)
            yield (before.start() if before else at), (after.end() if after else end)


def _places_of(values: frozenset[str], text: str) -> list[Span]:
    if len(values) > _FEW:  # Searching for each of them would take quadratic time.
        return [found.span() for found in _RUN.finditer(text) if found[0] in values]
    spans: list[Span] = []
    for value in values:
        at = text.find(value)
        while at >= 0:
            spans.append((at, at + len(value)))
            at = text.find(value, at + len(value))
    return merged(spans)


def is_random_run(value: str) -> bool:
    """Return whether the run mixes small letters, capitals and digits as only a machine does."""
    if _MIX.match(value):
        label = _LABEL.match(value)
        head = value[label.end() if label else 0 :][:_HEAD]
        if _alternates(head) and not _ONLY_HEX.fullmatch(head):
            return True
    one_case = _ONE_CASE.search(value) if len(value) >= _SHORTEST_OF_ONE_CASE else None
    return one_case is not None and _alternates(one_case[0][:_HEAD])


def _alternates(head: str) -> bool:
    if alternations(head) * 4 < len(head):
        return False
    return sum(map(len, _WORDS.findall(head))) * 2 < len(head)


def _is_public(text: str, start: int, value: str) -> bool:
    if PUBLIC_ID.match(value) or _PUBLIC_START.match(value):
        return True
    name = text[max(0, start - _REACH) : start].rstrip(_BETWEEN).removesuffix(" is").lower()
    if name.endswith(_PUBLIC_NAMES) or name == "id":
        return True
    before = text[max(0, start - _LONGEST_URL) : start]
    url = before[max(map(before.rfind, " \n\t\"'")) + 1 :] + value
    return "://" in url and "?" not in url and "@" not in url
