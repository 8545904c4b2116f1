"""All the rules over one text, until nothing is left for them to find."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from langgraph_runner.redaction.inserts import insert_spans, parameter_spans
from langgraph_runner.redaction.keys import aligned_lower
from langgraph_runner.redaction.messages import jwk_spans, schema_spans
from langgraph_runner.redaction.patterns import LazyPattern
from langgraph_runner.redaction.pem import pem_spans
from langgraph_runner.redaction.readers import value_spans
from langgraph_runner.redaction.shapes import (
    GATED_SCHEMES,
    LONG_RUN,
    MARKED_SHAPES,
    PREFIXED_SHAPES,
    SCHEMES,
    MarkedShape,
    PrefixedShape,
    checked_span,
)
from langgraph_runner.redaction.spans import Span, merged, redacted, without
from langgraph_runner.redaction.structures import GATED_STRUCTURES, STRUCTURES, login_spans
from langgraph_runner.redaction.text import MARKER
from langgraph_runner.redaction.views import base64_texts, decoded_views, has_base64

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from langgraph_runner.redaction.shapes import Rule

_Rules: TypeAlias = "Sequence[tuple[str, Rule]]"


class _Chosen(NamedTuple):
    """What is worth trying in a text: shapes whose fixed word is there, and rules with the anchor that is."""

    prefixed: list[PrefixedShape]
    marked: list[MarkedShape]
    base64: bool
    rules: _Rules


# A secret that is gone can bring another name next to a value. Each pass hides at least one character
# more; texts of people need one, and ones made to need many stop here.
_MOST_PASSES: Final = 6


def _by_anchor(rules: Iterable[Rule]) -> _Rules:
    return tuple((anchor, rule) for rule in rules for anchor in rule.anchors)


_GRAM: Final = 3


def _by_gram(shapes: Iterable[PrefixedShape]) -> dict[str, list[PrefixedShape]]:
    """The shapes by the first three characters of their prefixes."""
    groups: dict[str, list[PrefixedShape]] = {}
    for shape in shapes:
        groups.setdefault(shape.prefix[:_GRAM], []).append(shape)
    return groups


_PREFIXED: Final = _by_gram(PREFIXED_SHAPES)
_MARKED_IN_RUNS: Final = tuple(shape for shape in MARKED_SHAPES if shape.in_run)
_MARKED_ANYWHERE: Final = tuple(shape for shape in MARKED_SHAPES if not shape.in_run)
_ANYWHERE: Final = _by_anchor((*SCHEMES, *STRUCTURES))
_GATED: Final = tuple((gates, _by_anchor(rules)) for gates, rules in (*GATED_SCHEMES, *GATED_STRUCTURES))
_STARTS = LazyPattern(r"(?<![A-Za-z0-9])(?=(.{3}))")
# Digests, identifiers and words; no key with a prefix is made of these alone.
_PLAIN = LazyPattern(r"[0-9a-f-]+|[a-z+/=._-]+")
_MARKER = LazyPattern(re.escape(MARKER))


def without_secrets(text: str, extra: Sequence[re.Pattern[str]], keep: Sequence[re.Pattern[str]]) -> str:
    """The text with every secret replaced by the marker; what `keep` matches is never replaced."""
    # Once for all passes: marks have no anchors, so none comes up that was not there.
    rules = _rules_for(text, aligned_lower(text))
    for _ in range(_MOST_PASSES):
        clean = _one_pass(text, rules, extra, keep)
        if clean == text:
            return text
        text = clean
        near = _near_marks(text)
        if near is not text and _one_pass(near, rules, extra, keep) == near:
            return text
    return text


def _near_marks(text: str) -> str:
    """The lines with marks and their neighbours: what a pass can have changed the meaning of."""
    lines = text.split("\n")
    marked = [MARKER in line for line in lines]
    near = [
        line
        for line, *around in zip(lines, [False, *marked], marked, [*marked[1:], False], strict=False)
        if any(around)
    ]
    return "\n".join(near) if len(near) < len(lines) else text


def _one_pass(
    text: str, rules: _Chosen, extra: Sequence[re.Pattern[str]], keep: Sequence[re.Pattern[str]]
) -> str:
    lower = aligned_lower(text)
    spans = merged([*_spans(text, lower, rules), *_encoded_spans(text, rules), *_extra_spans(text, extra)])
    if not spans:
        return text
    # Marks of an earlier pass are kept, so that no pattern can hide one inside another.
    marks = [found.span() for found in _MARKER.finditer(text)]
    kept = merged([*marks, *(found.span() for pattern in keep for found in pattern.finditer(text))])
    return redacted(text, without(spans, kept))


def _spans(text: str, lower: str, chosen: _Chosen) -> Iterator[Span]:
    yield from pem_spans(text)
    for shape in chosen.prefixed:
        yield from shape.spans(text)
    for marked in chosen.marked:
        yield from marked.spans(text)
    for anchor, rule in chosen.rules:
        yield from rule.spans(text, lower, anchor)
    yield from login_spans(text)
    yield from value_spans(text, lower)
    yield from insert_spans(text, lower)
    yield from parameter_spans(text, lower)
    yield from schema_spans(text, lower)
    yield from jwk_spans(text, lower)


def _rules_for(text: str, lower: str) -> _Chosen:
    """The shapes and rules worth trying: those with their fixed word in the text.

    The many prefixes of keys are looked for in its long runs only, which most texts have few of.
    """
    joined = "\n".join([run for run in LONG_RUN.findall(text) if not _PLAIN.fullmatch(run)])
    if "\\" in text or "%" in text:  # After an escape such as \n or %2F a key stands behind a letter.
        grams = {joined[at : at + _GRAM] for at in range(len(joined) - _GRAM + 1)}
    else:
        grams = set(_STARTS.findall(joined))
    prefixed = [
        shape for gram in _PREFIXED.keys() & grams for shape in _PREFIXED[gram] if shape.prefix in joined
    ]
    marked = [shape for shape in _MARKED_IN_RUNS if shape.mark in joined]
    marked += [shape for shape in _MARKED_ANYWHERE if shape.mark in text]
    rules = [pair for pair in _ANYWHERE if pair[0] in lower]
    for gates, pairs in _GATED:
        if any(gate in lower for gate in gates):
            rules += [pair for pair in pairs if pair[0] in lower]
    return _Chosen(prefixed, marked, has_base64(joined), rules)


def _encoded_spans(text: str, chosen: _Chosen) -> Iterator[Span]:
    for view in decoded_views(text):
        lower = aligned_lower(view.text)
        yield from view.original(merged(_spans(view.text, lower, _rules_for(view.text, lower))))
    for span, plain in base64_texts(text) if chosen.base64 else ():
        lower = aligned_lower(plain)
        if next(_spans(plain, lower, _rules_for(plain, lower)), None):
            yield span


def _extra_spans(text: str, extra: Sequence[re.Pattern[str]]) -> Iterator[Span]:
    for pattern in extra:
        for found in pattern.finditer(text):
            if span := checked_span(found):
                yield span
