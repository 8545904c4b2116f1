"""The search for secrets: all rules over one text, repeated until they find nothing more.

`_spans()` lists every rule in the order in which they run. `value_spans()` is the rule for names: it finds
each name of a secret and asks the readers, in turn, for its value.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from langgraph_runner.redaction.columns import insert_spans, parameter_spans, read_table
from langgraph_runner.redaction.encodings import base64_texts, decoded_views, has_base64
from langgraph_runner.redaction.messages import (
    read_brackets,
    read_error_location,
    read_rejected_value,
    read_sentence,
    read_validation_error,
    schema_spans,
)
from langgraph_runner.redaction.names import SecretName, aligned_lower, find_names
from langgraph_runner.redaction.notations import (
    read_argument,
    read_assignment,
    read_element,
    read_named_field,
    read_next_element,
    read_pair,
)
from langgraph_runner.redaction.patterns import LazyPattern
from langgraph_runner.redaction.places import GATED_PLACES, PLACES, login_spans
from langgraph_runner.redaction.shapes import (
    GATED_SCHEMES,
    LONG_RUN,
    MARKED_SHAPES,
    PREFIXED_SHAPES,
    SCHEMES,
    MarkedShape,
    PrefixedShape,
    checked_span,
    jwk_spans,
    pem_spans,
)
from langgraph_runner.redaction.text import MARKER, Span, merged, redacted, without

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from langgraph_runner.redaction.shapes import Rule
    from langgraph_runner.redaction.values import Found

_Rules: TypeAlias = "Sequence[tuple[str, Rule]]"


class _Selection(NamedTuple):
    """The shapes and rules to try in a text: those whose fixed word or anchor is in it."""

    prefixed: list[PrefixedShape]
    marked: list[MarkedShape]
    base64: bool
    rules: _Rules


# A hidden secret can bring another name next to a value. Each pass hides at least one more character. Ordinary
# texts need one pass; a text that was made to need many stops here.
_MOST_PASSES: Final = 6


def _by_anchor(rules: Iterable[Rule]) -> _Rules:
    return tuple((anchor, rule) for rule in rules for anchor in rule.anchors)


_GRAM: Final = 3


def _by_gram(shapes: Iterable[PrefixedShape]) -> dict[str, list[PrefixedShape]]:
    """Group the shapes by the first three characters of their prefixes."""
    groups: dict[str, list[PrefixedShape]] = {}
    for shape in shapes:
        groups.setdefault(shape.prefix[:_GRAM], []).append(shape)
    return groups


_PREFIXED: Final = _by_gram(PREFIXED_SHAPES)
_MARKED_IN_RUNS: Final = tuple(shape for shape in MARKED_SHAPES if shape.in_run)
_MARKED_ANYWHERE: Final = tuple(shape for shape in MARKED_SHAPES if not shape.in_run)
_ANYWHERE: Final = _by_anchor((*SCHEMES, *PLACES))
_GATED: Final = tuple((gates, _by_anchor(rules)) for gates, rules in (*GATED_SCHEMES, *GATED_PLACES))
_STARTS = LazyPattern(r"(?<![A-Za-z0-9])(?=(.{3}))")
# Digests, identifiers and words: no key with a prefix consists of these alone.
_PLAIN = LazyPattern(r"[0-9a-f-]+|[a-z+/=._-]+")
_MARKER = LazyPattern(re.escape(MARKER))


def without_secrets(text: str, extra: Sequence[re.Pattern[str]], keep: Sequence[re.Pattern[str]]) -> str:
    """Return the text with the marker in place of each secret; what `keep` matches is never replaced."""
    # Once for all passes: a marker contains no anchor, so a pass adds none.
    rules = _select(text, aligned_lower(text))
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
    """Return the lines with markers and their neighbours: a pass can have changed the meaning of these only."""
    lines = text.split("\n")
    marked = [MARKER in line for line in lines]
    near = [line for at, line in enumerate(lines) if any(marked[max(0, at - 1) : at + 2])]
    return "\n".join(near) if len(near) < len(lines) else text


def _one_pass(
    text: str, rules: _Selection, extra: Sequence[re.Pattern[str]], keep: Sequence[re.Pattern[str]]
) -> str:
    lower = aligned_lower(text)
    spans = merged([*_spans(text, lower, rules), *_encoded_spans(text, rules), *_extra_spans(text, extra)])
    if not spans:
        return text
    # Markers of an earlier pass stay, so that no pattern can hide one inside another.
    markers = [found.span() for found in _MARKER.finditer(text)]
    kept = merged([*markers, *(found.span() for pattern in keep for found in pattern.finditer(text))])
    return redacted(text, without(spans, kept))


def _spans(text: str, lower: str, selected: _Selection) -> Iterator[Span]:
    """Yield what each rule finds in the text, in any order; spans may overlap."""
    yield from pem_spans(text)
    for shape in selected.prefixed:
        yield from shape.spans(text)
    for marked in selected.marked:
        yield from marked.spans(text)
    for anchor, rule in selected.rules:
        yield from rule.spans(text, lower, anchor)
    yield from login_spans(text)
    yield from value_spans(text, lower)
    yield from insert_spans(text, lower)
    yield from parameter_spans(text, lower)
    yield from schema_spans(text, lower)
    yield from jwk_spans(text, lower)


def _select(text: str, lower: str) -> _Selection:
    """Return the shapes and rules whose fixed word is in the text.

    The many prefixes of keys are looked for in its long runs only; most texts have few of them.
    """
    joined = "\n".join([run for run in LONG_RUN.findall(text) if not _PLAIN.fullmatch(run)])
    if "\\" in text or "%" in text:  # After an escape such as \n or %2F a key may start behind a letter.
        grams = {joined[at : at + _GRAM] for at in range(len(joined) - _GRAM + 1)}
    else:
        grams = set(_STARTS.findall(joined))
    prefixed: list[PrefixedShape] = []
    for gram in _PREFIXED.keys() & grams:
        prefixed += [shape for shape in _PREFIXED[gram] if shape.prefix in joined]
    marked = [shape for shape in _MARKED_IN_RUNS if shape.mark in joined]
    marked += [shape for shape in _MARKED_ANYWHERE if shape.mark in text]
    rules = [pair for pair in _ANYWHERE if pair[0] in lower]
    for gates, pairs in _GATED:
        if any(gate in lower for gate in gates):
            rules += [pair for pair in pairs if pair[0] in lower]
    return _Selection(prefixed, marked, has_base64(joined), rules)


def _encoded_spans(text: str, selected: _Selection) -> Iterator[Span]:
    """Yield what the rules find in the encoded parts of the text; of a base64 text with a secret, all of it."""
    for view in decoded_views(text):
        lower = aligned_lower(view.text)
        yield from view.original(merged(_spans(view.text, lower, _select(view.text, lower))))
    for span, plain in base64_texts(text) if selected.base64 else ():
        lower = aligned_lower(plain)
        if next(_spans(plain, lower, _select(plain, lower)), None):
            yield span


def _extra_spans(text: str, extra: Sequence[re.Pattern[str]]) -> Iterator[Span]:
    for pattern in extra:
        for found in pattern.finditer(text):
            if span := checked_span(found):
                yield span


_Reader: TypeAlias = "Callable[[str, SecretName], Found]"

# The readers to ask, by the character after the name, which rules out the others. After any other character,
# all of `_READERS` are asked.
_BY_NEXT: Final[dict[str, tuple[_Reader, ...]]] = {
    "": (),
    ".": (),
    "=": (read_assignment,),
    ":": (read_assignment,),
    "\n": (read_validation_error, read_named_field, read_table),
    " ": (read_assignment, read_element, read_argument, read_table, read_sentence),
    ",": (read_named_field, read_table),
    ";": (read_table,),
    "<": (read_next_element,),
}
_READERS: Final[tuple[_Reader, ...]] = (
    read_assignment,
    read_error_location,
    read_element,
    read_pair,
    read_named_field,
    read_argument,
    read_validation_error,
    read_brackets,
    read_table,
    read_sentence,
)


def value_spans(text: str, lower: str) -> Iterator[Span]:
    """Yield the values of the names of secrets in the text. `lower` is `aligned_lower(text)`.

    The first reader that recognises its notation decides for a name.
    """
    done = 0
    for name in find_names(text, lower):
        if name.start < done:
            continue
        yield from read_rejected_value(text, name)
        for read in _BY_NEXT.get(text[name.end : name.end + 1], _READERS):
            spans = read(text, name)
            if spans is None:
                continue
            yield from spans
            done = max([done, *(end for _, end in spans)])
            break
