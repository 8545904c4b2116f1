"""All the rules over one text, until nothing is left for them to find."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeAlias

from langgraph_runner.errors.sanitizing.inserts import insert_spans
from langgraph_runner.errors.sanitizing.keys import aligned_lower
from langgraph_runner.errors.sanitizing.patterns import LazyPattern
from langgraph_runner.errors.sanitizing.pem import pem_spans
from langgraph_runner.errors.sanitizing.readers import value_spans
from langgraph_runner.errors.sanitizing.shapes import (
    LONG_RUN,
    LONG_SHAPES,
    SCHEMES,
    SEARCHED_SHAPES,
    checked_span,
)
from langgraph_runner.errors.sanitizing.spans import Span, merged, redacted, without
from langgraph_runner.errors.sanitizing.structures import GATED_STRUCTURES, STRUCTURES, login_spans
from langgraph_runner.errors.sanitizing.text import MARKER
from langgraph_runner.errors.sanitizing.views import decoded_views

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from langgraph_runner.errors.sanitizing.shapes import Rule

_Rules: TypeAlias = "Sequence[tuple[str, Rule]]"

# A secret that is gone can bring another name next to a value. Each pass hides at least one character
# more; texts of people need one, and ones made to need many stop here.
_MOST_PASSES: Final = 6


def _by_anchor(rules: Iterable[Rule]) -> _Rules:
    return tuple((anchor, rule) for rule in rules for anchor in rule.anchors)


def _by_separator(pairs: _Rules) -> tuple[tuple[str, _Rules], ...]:
    """The anchors with `_`, with `-`, with a dot and with none of these, which are looked for apart."""
    groups: dict[str, list[tuple[str, Rule]]] = {"_": [], "-": [], ".": [], "": []}
    for anchor, rule in pairs:
        groups[next(mark for mark in groups if mark in anchor)].append((anchor, rule))
    return tuple(groups.items())


_LONG: Final = _by_separator(_by_anchor(LONG_SHAPES))
_ANYWHERE: Final = _by_anchor((*SCHEMES, *STRUCTURES))
_GATED: Final = tuple((gates, _by_anchor(rules)) for gates, rules in GATED_STRUCTURES)
# Identifiers and digests; no prefix of a key is made of these alone.
_HEXADECIMAL = LazyPattern(r"[0-9a-f-]+")
_MARKER = LazyPattern(re.escape(MARKER))


def without_secrets(text: str, extra: Sequence[re.Pattern[str]], keep: Sequence[re.Pattern[str]]) -> str:
    """The text with every secret replaced by the marker; what `keep` matches is never replaced."""
    # Once for all passes: marks have no anchors, so none comes up that was not there.
    rules = _rules_for(aligned_lower(text))
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
    text: str, rules: _Rules, extra: Sequence[re.Pattern[str]], keep: Sequence[re.Pattern[str]]
) -> str:
    lower = aligned_lower(text)
    spans = merged([*_spans(text, lower, rules), *_encoded_spans(text), *_extra_spans(text, extra)])
    if not spans:
        return text
    # Marks of an earlier pass are kept, so that no pattern can hide one inside another.
    marks = [found.span() for found in _MARKER.finditer(text)]
    kept = merged([*marks, *(found.span() for pattern in keep for found in pattern.finditer(text))])
    return redacted(text, without(spans, kept))


def _spans(text: str, lower: str, rules: _Rules) -> Iterator[Span]:
    yield from pem_spans(text)
    for anchor, rule in rules:
        yield from rule.spans(text, lower, anchor)
    for searched in SEARCHED_SHAPES:
        yield from searched.spans(text)
    yield from login_spans(text)
    yield from value_spans(text, lower)
    yield from insert_spans(text, lower)


def _rules_for(lower: str) -> _Rules:
    """The rules worth trying: those with an anchor in the text.

    The many prefixes of keys are looked for in its long runs only, which most texts have few of.
    """
    rules: list[tuple[str, Rule]] = []
    runs = [run for run in LONG_RUN.findall(lower) if not _HEXADECIMAL.fullmatch(run)]
    for separator, pairs in _LONG if runs else ():
        joined = "\n".join([run for run in runs if separator in run])
        rules += [pair for pair in pairs if pair[0] in joined]
    rules += [pair for pair in _ANYWHERE if pair[0] in lower]
    for gates, pairs in _GATED:
        if any(gate in lower for gate in gates):
            rules += [pair for pair in pairs if pair[0] in lower]
    return rules


def _encoded_spans(text: str) -> Iterator[Span]:
    for view in decoded_views(text):
        lower = aligned_lower(view.text)
        yield from view.original(merged(_spans(view.text, lower, _rules_for(lower))))


def _extra_spans(text: str, extra: Sequence[re.Pattern[str]]) -> Iterator[Span]:
    for pattern in extra:
        for found in pattern.finditer(text):
            if span := checked_span(found):
                yield span
