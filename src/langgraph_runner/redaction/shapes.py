r"""How secrets with a shape of their own are found: the rows of `shape_table`, and schemes such as `Bearer`.

A row is looked for by a fixed word, which is some hundred times cheaper than a pattern; most texts have
none of them. Every quantifier is bounded or runs over characters that what follows cannot match, so time
stays linear. All prefixed rows together need one pattern for each alphabet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from langgraph_runner.redaction.patterns import LazyPattern
from langgraph_runner.redaction.shape_table import MARKED, PREFIXED

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator

    from langgraph_runner.redaction.spans import Span


class Rule(NamedTuple):
    """A pattern, the words it may start with, and a judgement of what it found.

    `anchors` are in lower case. The group `secret` is what to hide, or the whole match when there is
    no such group.
    """

    anchors: tuple[str, ...]
    pattern: LazyPattern
    check: Callable[[str], bool] | None = None

    def spans(self, text: str, lower: str, anchor: str) -> Iterator[Span]:
        """Where secrets stand that start with the anchor. `lower` is the text in lower case, as long."""
        at = lower.find(anchor)
        while at >= 0:
            found = self.pattern.match(text, at)
            if found is None:
                at = lower.find(anchor, at + 1)
                continue
            if span := checked_span(found, self.check):
                yield span
            # From the end of the match on: what was read once is not read again.
            at = lower.find(anchor, found.end())


class PrefixedShape(NamedTuple):
    """A key that starts with a fixed word: one row and prefix of the table."""

    prefix: str
    body: LazyPattern
    length: int

    def spans(self, text: str) -> Iterator[Span]:
        """Where such keys stand. Case matters."""
        at = text.find(self.prefix)
        while at >= 0:
            start = at + len(self.prefix)
            # A pattern that always matches: at worst nothing.
            end = self.body.match(text, start).end()  # type: ignore[union-attr]
            if end - start >= self.length and _EDGE.match(text, at) and self._is_made(text, start, end):
                yield at, end
                # From the end of the match on: what was read once is not read again.
                at = text.find(self.prefix, end)
            else:
                at = text.find(self.prefix, at + 1)

    def _is_made(self, text: str, start: int, end: int) -> bool:
        """Whether a machine drew the characters: `sk-learn-contrib-v2` is made of words."""
        return not self.prefix.islower() or len(_CHANGE.findall(text[start : min(end, start + _JUDGED)])) > 1


class MarkedShape(NamedTuple):
    """A key with its mark in the middle, searched for only where the mark is."""

    mark: str
    gate: LazyPattern | None
    pattern: LazyPattern

    @property
    def in_run(self) -> bool:
        """Whether the mark is part of a long run, so that it need not be looked for elsewhere."""
        return len(self.mark) > 1 and self.mark.replace(".", "").replace("-", "").replace("_", "").isalnum()

    def spans(self, text: str) -> Iterator[Span]:
        """Where such keys stand. Case matters."""
        if self.gate and self.gate.search(text) is None:
            return
        for found in self.pattern.finditer(text):
            if span := checked_span(found):
                yield span


def checked_span(found: re.Match[str], check: Callable[[str], bool] | None = None) -> Span | None:
    """The part of the match to hide: its group `secret` or all of it; None when the check says no."""
    group = "secret" if "secret" in found.re.groupindex else 0
    value = found[group]
    return found.span(group) if value and (check is None or check(value)) else None


# Not inside a word, but right after an escaped newline, an escaped character or a percent code is outside.
_EDGE: Final = LazyPattern(
    r"(?<![A-Za-z0-9])|(?<=\\[nrtb])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u[0-9A-Fa-f]{4})|(?<=\\x[0-9A-Fa-f]{2})"
)
# Where letters and digits, or small letters and capitals, take turns.
_CHANGE = LazyPattern(r"[a-z][A-Z0-9]|[A-Z][0-9]|[0-9][A-Za-z]|[A-Z]{2}[a-z]")
_JUDGED: Final = 64


def _is_credential(value: str) -> bool:
    """Whether what follows "Bearer" is one, and not a word of a sentence."""
    return not value.rstrip(".").isalpha() or not value[1:].islower()


def _outside_words(pattern: str) -> LazyPattern:
    return LazyPattern(pattern if pattern.startswith("(?<") else f"(?:{_EDGE.source}){pattern}")


_BODIES: Final = {row.alphabet: LazyPattern(f"[{row.alphabet}]*") for row in PREFIXED}
PREFIXED_SHAPES: Final = tuple(
    PrefixedShape(prefix, _BODIES[row.alphabet], row.length)
    for row in PREFIXED
    for prefix in row.prefixes.split()
)
MARKED_SHAPES: Final = tuple(
    MarkedShape(row.mark, LazyPattern(row.gate) if row.gate else None, _outside_words(row.pattern))
    for row in MARKED
)
# What a prefixed shape finds is part of one run of at least so many characters of this sort.
LONG_RUN: Final = LazyPattern(r"[A-Za-z0-9_+/=.-]{15,}")

# Signature schemes name their algorithm first: AWS4-HMAC-SHA256, GOOG4-RSA-SHA256 and their kin.
_SIGNED: Final = "aws4- goog4- oss4- acs3- tc3- sdk-hmac- hmac-sha"
_PARAMETER: Final = r"[A-Za-z_-]{1,30}=(?:\\{0,7}[\"'][^\"'\\\n]*\\{0,7}[\"']|[^\s,\"'\\&]+)"

SCHEMES: Final = (
    Rule(
        ("bearer", "basic", "negotiate", "apikey", "geniekey", "ssws"),
        LazyPattern(
            r"\b(?i:bearer|basic|negotiate|apikey|geniekey|ssws)(?:[ \t]{1,8}|%20|\+)b?['\"]?"
            r"(?P<secret>[A-Za-z0-9._~+/=-]{8,})"
        ),
        _is_credential,
    ),
)
# With the words without one of which no text has such a scheme.
GATED_SCHEMES: Final = (
    (
        ("-sha", "-hmac", "digest", "hawk", "oauth"),
        (
            Rule(
                (*_SIGNED.split(), "digest", "hawk", "oauth"),
                LazyPattern(
                    r"(?i:(?:aws4|goog4|oss4|acs3|tc3|sdk)-[a-z0-9-]{1,30}|hmac-sha\d{1,3}|\b(?:digest|hawk|oauth))"
                    r"[ \t]{1,8}"
                    rf"(?P<secret>{_PARAMETER}(?:[\s,&]{{1,8}}{_PARAMETER})*)"
                ),
            ),
        ),
    ),
)
