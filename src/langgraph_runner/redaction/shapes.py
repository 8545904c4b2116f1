"""Secrets with a shape of their own: keys and tokens, PEM blocks, JSON web keys.

The rows of `shape_table` are searched for by a fixed word, which is some hundred times cheaper than a
pattern; most texts have none of these words. Every quantifier is bounded or runs over characters that what
follows cannot match, so the time stays linear. All prefixed rows together need one pattern per alphabet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from langgraph_runner.redaction.patterns import LazyPattern, Span, found_spans, merged
from langgraph_runner.redaction.shape_table import MARKED, PREFIXED
from langgraph_runner.redaction.values import LONGEST_JUDGED, alternations

if TYPE_CHECKING:
    from collections.abc import Iterator


def _edge(after: str = "") -> str:
    """Return a pattern of the place where a key can start, `after` one more character when it is a dot.

    A key does not start inside a word. After an escaped newline, an escaped character or a percent code it may start.
    """
    codes = (r"\\[nrtb]", "%[0-9A-Fa-f]{2}", r"\\u[0-9A-Fa-f]{4}", r"\\x[0-9A-Fa-f]{2}")
    behind = "|".join([f"(?<={code}{after})" for code in codes])
    return f"(?:(?<![A-Za-z0-9]{after})|{behind})"


_EDGE: Final = LazyPattern(_edge())


class PrefixedShape(NamedTuple):
    """A key that starts with a fixed word: one prefix of one row of the table."""

    prefix: str
    body: LazyPattern
    length: int

    def spans(self, text: str) -> Iterator[Span]:
        """Yield where such keys stand. Case matters."""
        at = text.find(self.prefix)
        end = 0
        while at >= 0:
            start = at + len(self.prefix)
            if (
                start >= end
            ):  # Otherwise the same run of the alphabet goes on: it is read once, not once per prefix.
                # The pattern always matches, if only the empty string.
                end = self.body.match(text, start).end()  # type: ignore[union-attr]
            if end - start >= self.length and _EDGE.match(text, at) and self._is_generated(text, start, end):
                yield at, end
                at = text.find(self.prefix, end)
            else:
                at = text.find(self.prefix, at + 1)

    def _is_generated(self, text: str, start: int, end: int) -> bool:
        """Return whether a machine made the characters: `sk-learn-contrib-v2` is made of words."""
        return not self.prefix.islower() or alternations(text[start : min(end, start + LONGEST_JUDGED)]) > 1


class MarkedShape(NamedTuple):
    """A key with its mark in the middle, searched for only in texts with the mark."""

    mark: str
    gate: LazyPattern | None
    pattern: LazyPattern

    @property
    def in_run(self) -> bool:
        """Whether the mark is always part of a long run, so that it is not looked for elsewhere."""
        return len(self.mark) > 1 and self.mark.replace(".", "").replace("-", "").replace("_", "").isalnum()

    def spans(self, text: str) -> Iterator[Span]:
        """Yield where such keys stand. Case matters."""
        if self.gate is None or self.gate.search(text):
            yield from found_spans(self.pattern.finditer(text))


Shape: TypeAlias = PrefixedShape | MarkedShape

# So many characters of a prefix select its shapes.
_GRAM: Final = 3


def _prefixed_shapes() -> dict[str, list[PrefixedShape]]:
    """Return the shapes of the prefixes in the table, by the first characters of the prefix."""
    bodies = {row.alphabet: LazyPattern(f"[{row.alphabet}]*") for row in PREFIXED}
    shapes: dict[str, list[PrefixedShape]] = {}
    for row in PREFIXED:
        for prefix in row.prefixes.split():
            shape = PrefixedShape(prefix, bodies[row.alphabet], row.length)
            shapes.setdefault(prefix[:_GRAM], []).append(shape)
    return shapes


def _outside_words(pattern: str) -> LazyPattern:
    """Return the pattern with the edge after its first character, if it has one: a search jumps to that."""
    if pattern.startswith("(?<"):
        return LazyPattern(pattern)
    first = pattern.index("]") + 1 if pattern.startswith("[") else 1
    if pattern.startswith("(") or pattern[first] == "{":
        return LazyPattern(_edge() + pattern)
    return LazyPattern(pattern[:first] + _edge(".") + pattern[first:])


_PREFIXED: Final = _prefixed_shapes()
_MARKED: Final = tuple(
    MarkedShape(row.mark, LazyPattern(row.gate) if row.gate else None, _outside_words(row.pattern))
    for row in MARKED
)
_MARKED_IN_RUNS: Final = tuple(shape for shape in _MARKED if shape.in_run)
_MARKED_ANYWHERE: Final = tuple(shape for shape in _MARKED if not shape.in_run)
_LONG_RUN: Final = LazyPattern(r"[A-Za-z0-9_+/=.-]{15,}")
# Digests, identifiers and words: no key with a prefix consists of these alone.
_PLAIN = LazyPattern(r"[0-9a-f-]+|[a-z+/=._-]+")
_STARTS = LazyPattern(r"[^A-Za-z0-9](?=(.{3}))")
# A key may start behind the letters of a code: \nsk-, %2Fsk-, \x22sk-, \u0022sk-. A run starts with these letters.
_AFTER_CODE: Final = (1, 2, 3, 5)


def long_runs(text: str) -> str:
    """Return the long runs of the text that could contain a key, one a line. Most texts have few of them."""
    return "\n".join([run for run in _LONG_RUN.findall(text) if not _PLAIN.fullmatch(run)])


def shapes_in(text: str, runs: str) -> list[Shape]:
    """Return the shapes whose fixed word is in the text. The many prefixes are looked for in `long_runs()` only."""
    grams = set(_STARTS.findall(f"\n{runs}"))
    if "\\" in text or "%" in text:
        for run in runs.split("\n"):
            grams.update(run[start : start + _GRAM] for start in _AFTER_CODE)
    shapes: list[Shape] = []
    for gram in _PREFIXED.keys() & grams:
        shapes += [shape for shape in _PREFIXED[gram] if shape.prefix in runs]
    shapes += [shape for shape in _MARKED_IN_RUNS if shape.mark in runs]
    shapes += [shape for shape in _MARKED_ANYWHERE if shape.mark in text]
    return shapes


_BEGIN: Final = "-----BEGIN "
_END: Final = "-----END "
_PEM_EDGE = LazyPattern(r"-----(?:BEGIN|END) [A-Z0-9 ]{1,40}-----")
# Between lines: blanks, escaped newlines of any depth, and what quotes and joins lines in source code.
_PEM_GAP = r"(?:[\s>+|\"',-]|\\+[nrt\"'])"
_PEM_HEADER = r"(?:Proc-Type|DEK-Info|Version|Comment|Hash|MessageID|Charset): ?[^\n\\]{0,80}"
_PEM_LINE = r"=?[A-Za-z0-9+/]{1,}={0,2}"
# At least one long run before a short last one, so that prose after a cut block stays.
_PEM_BODY = LazyPattern(
    rf"(?:{_PEM_GAP}{{1,40}}(?:{_PEM_HEADER}|=?[A-Za-z0-9+/]{{20,}}={{0,2}}))*(?:{_PEM_GAP}{{1,40}}{_PEM_LINE}(?={_PEM_GAP}*-----|\s*$|\.\.\.))?"
)
_PUTTY = LazyPattern(
    r"Private-Lines: \d{1,4}(?P<secret>(?:\s{1,8}[A-Za-z0-9+/=]{1,76})+)|Private-MAC: (?P<mac>[0-9a-f]{20,})"
)
_LINE = LazyPattern(r"[^\n]*\n|[^\n]+")
_BASE64_LINE = LazyPattern(r"\s*[A-Za-z0-9+/=\\]{16,}\s*|\s*[A-Za-z0-9+/=]{1,64}\s*")
# These stay: they are public, and a reader of an error needs to see which certificate was refused.
_PUBLIC_BLOCK = LazyPattern(
    r"-----(?:BEGIN|END) (?:(?:RSA |DSA |EC |SSH2 |ECDSA )?PUBLIC KEY|PGP PUBLIC KEY BLOCK|PGP SIGNATURE"
    r"|(?:TRUSTED |X509 |NEW |ATTRIBUTE )*CERTIFICATE(?: REQUEST)?|X509 CRL|PKCS7|CMS|(?:DH|DSA|EC) PARAMETERS)-----"
)
_LONGEST_BLOCK: Final = 20_000


def public_blocks(text: str) -> list[Span]:
    """Return where public keys and certificates are, from their BEGIN line to the next line of dashes."""
    if _BEGIN not in text:
        return []
    blocks: list[Span] = []
    for found in _PUBLIC_BLOCK.finditer(text):
        end = text.find("-----", found.end(), found.end() + _LONGEST_BLOCK)
        blocks.append((found.start(), end if end >= 0 else min(len(text), found.end() + _LONGEST_BLOCK)))
    return merged(blocks)


def pem_spans(text: str) -> Iterator[Span]:
    r"""Yield private PEM blocks and PuTTY keys; public keys and certificates stay.

    A block may be closed, cut off at either end, indented, or on one line with `\n` for its newlines.
    """
    if "Private-" in text:
        for found in _PUTTY.finditer(text):
            yield found.span("secret") if found["secret"] else found.span("mac")
    if "-----" not in text:
        return
    at = 0
    while edge := _PEM_EDGE.search(text, at):
        if _PUBLIC_BLOCK.match(edge[0]):
            at = edge.end()
        elif edge[0].startswith(_BEGIN):
            end = _end_of_block(text, edge.end())
            yield edge.start(), end
            at = max(end, edge.end())
        else:
            yield _start_of_tail(text, edge.start(), at), edge.end()
            at = edge.end()


def _end_of_block(text: str, body: int) -> int:
    """Return the end of the block whose body starts at `body`: its END line, else the last line that fits."""
    nearest = _PEM_EDGE.search(text, body, body + _LONGEST_BLOCK)
    if nearest is not None and nearest[0].startswith(_END):
        return nearest.end()
    found = _PEM_BODY.match(text, body)
    return found.end() if found else body


def _start_of_tail(text: str, edge: int, floor: int) -> int:
    """Return the start of the lines before an END line whose BEGIN line was cut away."""
    window = max(floor, edge - 4_096)
    start = edge
    for line in reversed(_LINE.findall(text[window:edge])):
        if not _BASE64_LINE.fullmatch(line):
            break
        start -= len(line)
    return start


_JWK_MARK = LazyPattern(r"[\"']kty")
_JWK_PRIVATE = LazyPattern(
    r"[\"'](?:d|p|q|dp|dq|qi|k)\\{0,7}[\"'] ?: ?\\{0,7}[\"'](?P<secret>[A-Za-z0-9_=-]{16,})\\{0,7}[\"']"
)
_LONGEST_JWK: Final = 6_000


def jwk_spans(text: str, lower: str) -> Iterator[Span]:
    """Yield the private members of JSON web keys; `n`, `e`, `x` and `y` are public."""
    if "kty" not in lower:
        return
    done = 0
    for mark in _JWK_MARK.finditer(lower):
        at = mark.start()
        if at < done:
            continue
        start = max(done, text.rfind("{", max(done, at - _LONGEST_JWK), at))
        end = text.find("}", at, at + _LONGEST_JWK)
        done = end if end >= 0 else min(len(text), at + _LONGEST_JWK)
        for found in _JWK_PRIVATE.finditer(text, start, done):
            yield found.span("secret")
