"""All the rules over one text, until nothing is left for them to find."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from langgraph_runner.errors.sanitizing.assignments import assignment_spans
from langgraph_runner.errors.sanitizing.keys import aligned_lower
from langgraph_runner.errors.sanitizing.pem import pem_spans
from langgraph_runner.errors.sanitizing.shapes import SHAPES
from langgraph_runner.errors.sanitizing.spans import Span, merged, redacted, without
from langgraph_runner.errors.sanitizing.structures import STRUCTURES
from langgraph_runner.errors.sanitizing.text import MARKER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# A secret that is gone can bring another name next to its value. Each pass hides at least one
# character more; texts of people need two passes, and ones made to need many stop here.
_MOST_PASSES: Final = 6
_MARKER = re.compile(re.escape(MARKER))


def without_secrets(text: str, extra: Sequence[re.Pattern[str]], keep: Sequence[re.Pattern[str]]) -> str:
    """The text with every secret replaced by the marker; what `keep` matches is never replaced."""
    for _ in range(_MOST_PASSES):
        clean = _one_pass(text, extra, keep)
        if clean == text:
            break
        text = clean
    return text


def _one_pass(text: str, extra: Sequence[re.Pattern[str]], keep: Sequence[re.Pattern[str]]) -> str:
    spans = merged(_spans(text, extra))
    if not spans:
        return text
    # Marks of an earlier pass are kept, so that no pattern can hide one inside another.
    kept = merged(found.span() for pattern in (_MARKER, *keep) for found in pattern.finditer(text))
    return redacted(text, without(spans, kept))


def _spans(text: str, extra: Sequence[re.Pattern[str]]) -> Iterator[Span]:
    lower = aligned_lower(text)
    yield from pem_spans(text)
    for rule in SHAPES:
        yield from rule.spans(text, lower)
    for rule in STRUCTURES:
        yield from rule.spans(text, lower)
    yield from assignment_spans(text, lower)
    for pattern in extra:
        group = "secret" if "secret" in pattern.groupindex else 0
        for found in pattern.finditer(text):
            if found[group]:
                yield found.span(group)
