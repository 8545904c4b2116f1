"""The search for secrets: all rules over one text and its encoded parts, repeated until they find nothing more.

`_spans()` lists every rule in the order in which they run. `value_spans()` is the rule for names: it finds
each name of a secret and asks the readers, in turn, for its value.
"""

from __future__ import annotations

import base64
import binascii
import re
from bisect import bisect_left
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from langgraph_runner.redaction.columns import Tables, insert_spans, parameter_spans, read_table
from langgraph_runner.redaction.messages import (
    has_rejected_values,
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
    read_numbered,
    read_pair,
)
from langgraph_runner.redaction.patterns import (
    MARKER,
    LazyPattern,
    Span,
    found_spans,
    merged,
    redacted,
    without,
)
from langgraph_runner.redaction.places import Rule, login_spans, rules_in
from langgraph_runner.redaction.runs import random_runs, run_spans
from langgraph_runner.redaction.shapes import Shape, jwk_spans, long_runs, pem_spans, shapes_in
from langgraph_runner.redaction.values import line_end

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from langgraph_runner.redaction.values import Found

_Patterns: TypeAlias = "Sequence[re.Pattern[str]]"
_MARKER = LazyPattern(re.escape(MARKER))
# A hidden secret can bring another name next to a value. Each pass hides at least one more character. Ordinary
# texts need one pass; a text that was made to need many stops here.
_MOST_PASSES: Final = 6


class _Selection(NamedTuple):
    """The shapes and rules to try in a text: those whose fixed word or anchor is in it."""

    shapes: list[Shape]
    rules: list[tuple[str, Rule]]
    has_base64: bool
    random_runs: frozenset[str]


def without_secrets(text: str, extra: _Patterns, keep: _Patterns) -> str:
    """Return the text with the marker in place of each secret; what `keep` matches is never replaced."""
    # Once for all passes: a marker contains no anchor, so a pass adds none.
    selected = _select(text)
    for _ in range(_MOST_PASSES):
        clean = _one_pass(text, selected, extra, keep)
        if clean == text:
            return text
        text = clean
        near = _near_marks(text)
        if near is not text and _one_pass(near, selected, extra, keep) == near:
            return text
    return text


def _select(text: str) -> _Selection:
    # Each line of a PEM block would be a random run.
    runs = long_runs(redacted(text, merged(pem_spans(text))))
    return _Selection(
        shapes_in(text, runs),
        rules_in(aligned_lower(text)),
        has_base64=_BASE64_RUN.search(runs) is not None,
        random_runs=random_runs(runs, _is_readable),
    )


def _near_marks(text: str) -> str:
    """Return the lines with markers and their neighbours: a pass can have changed the meaning of these only."""
    lines = text.split("\n")
    marked = [MARKER in line for line in lines]
    near = [line for at, line in enumerate(lines) if any(marked[max(0, at - 1) : at + 2])]
    return "\n".join(near) if len(near) < len(lines) else text


def _one_pass(text: str, selected: _Selection, extra: _Patterns, keep: _Patterns) -> str:
    spans = [*_spans(text, selected), *_encoded_spans(text, selected)]
    for pattern in extra:
        spans += found_spans(pattern.finditer(text))
    if not spans:
        return text
    # Markers of an earlier pass stay, so that no pattern can hide one inside another.
    kept = [found.span() for found in _MARKER.finditer(text)]
    for pattern in keep:
        kept += [found.span() for found in pattern.finditer(text)]
    return redacted(text, without(merged(spans), merged(kept)))


def _spans(text: str, selected: _Selection) -> Iterator[Span]:
    """Yield what each rule finds in the text, in any order; spans may overlap."""
    lower = aligned_lower(text)
    yield from pem_spans(text)
    for shape in selected.shapes:
        yield from shape.spans(text)
    if selected.random_runs:
        yield from run_spans(text, selected.random_runs)
    for anchor, rule in selected.rules:
        yield from rule.spans(text, lower, anchor)
    yield from login_spans(text)
    yield from value_spans(text, lower)
    yield from insert_spans(text, lower)
    yield from parameter_spans(text, lower)
    yield from schema_spans(text, lower)
    yield from jwk_spans(text, lower)


# Percent codes and escapes. The next two patterns find those of characters that the rules look at: quotes,
# separators, slashes, newlines; and zero-width marks. Each of them begins with a fixed character, which makes it
# many times faster than both in one.
_CODE = LazyPattern(r"%[0-7][0-9A-Fa-f]|\\u00[0-7][0-9A-Fa-f]|\\u200[b-f]|\\ufeff|\\x[2-7][0-9A-Fa-f]")
_PERCENT = LazyPattern(r"%(?:22|27|2[fF]|3[aAdD]|0[aA]|26|40)")
_ESCAPE = LazyPattern(r"\\(?:(?:u00|x)(?:22|27|3[aAdD]|26|40|3[cC])|u200[b-f]|ufeff)")
_TELLING = LazyPattern(f"{_PERCENT.source}|{_ESCAPE.source}")
# Every third byte of readable text is below 0x80 and above 0x1f, which leaves 24 characters for every fourth.
_BASE64_RUN = LazyPattern(r"(?<![A-Za-z0-9+/_-])(?:[I-Za-f][A-Za-z0-9+/_-]{3}){5,}[A-Za-z0-9+/_-]{0,3}={0,2}")
# Decoding starts with this many characters as a test: twelve random bytes are never all printable.
_TESTED: Final = 16


def _encoded_spans(text: str, selected: _Selection) -> Iterator[Span]:
    """Yield what the rules find in the encoded parts of the text; of a base64 text with a secret, all of it."""
    if lines := _encoded_lines(text):
        yield from _spans_in_lines(text, lines)
    for found in _BASE64_RUN.finditer(text) if selected.has_base64 else ():
        plain = _plain_text(found[0]) if _plain_text(found[0][:_TESTED]) else ""
        if plain and next(_spans(plain, _select(plain)), None):
            yield found.span()


def _encoded_lines(text: str) -> list[Span]:
    """Return the lines that contain codes."""
    if _PERCENT.search(text) is None and _ESCAPE.search(text) is None:
        return []
    lines: list[Span] = []
    at = 0
    while found := _TELLING.search(text, at):
        at = line_end(text, found.end())
        lines.append((text.rfind("\n", 0, found.start()) + 1, at))
    return lines


def _spans_in_lines(text: str, lines: list[Span]) -> Iterator[Span]:
    """Decode these lines as one text, and yield what the rules find in it, as spans of the original text."""
    parts: list[str] = []
    codes: list[int] = []  # Where each code is in the decoded text.
    offsets = [0]  # The distance to the original place, before the first code and after each of them.
    at = 0
    for line_start, end in lines:
        codes_of_line = _CODE.finditer(text, line_start, end)
        replaced = [(code.start(), code.end(), _decoded(code[0])) for code in codes_of_line]
        # All that is between two lines counts as the code of a newline.
        for start, stop, char in [(at, line_start, "\n"), *replaced]:
            parts += (text[at:start], char)
            at = stop
            offsets.append(offsets[-1] + stop - start - 1)
            codes.append(stop - 1 - offsets[-1])
        parts.append(text[at:end])
        at = end
    decoded = "".join(parts)
    for start, end in _spans(decoded, _select(decoded)):
        yield start + offsets[bisect_left(codes, start)], end + offsets[bisect_left(codes, end)]


@cache
def _decoded(code: str) -> str:
    """Return the character of a code; a blank for a zero-width mark, so that each code is one character."""
    return " " if code.startswith(("\\u2", "\\uf")) else chr(int(code[-2:], 16))


def _plain_text(run: str) -> str:
    """Return a run of base64 decoded; an empty text if that is not readable."""
    padded = run.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        plain = base64.b64decode(padded + "=" * (-len(padded) % 4)).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return plain if all(char.isprintable() or char in "\n\t" for char in plain) else ""


def _is_readable(run: str) -> bool:
    """Return whether a run is base64 of a readable text, which has rules of its own."""
    return bool(_plain_text(run[:_TESTED]))


_Reader: TypeAlias = "Callable[[str, SecretName], Found]"

# The readers to ask, by the character after the name, which rules out the others. After any other character,
# all of `_READERS` are asked.
_QUOTED_READERS: Final[tuple[_Reader, ...]] = (
    read_assignment,
    read_error_location,
    read_pair,
    read_numbered,
    read_named_field,
    read_argument,
    read_table,
    read_sentence,
)
_BY_NEXT: Final[dict[str, tuple[_Reader, ...]]] = {
    "": (),
    ".": (read_assignment,),
    "=": (read_assignment,),
    ":": (read_assignment,),
    "\n": (read_validation_error, read_named_field, read_table),
    " ": (read_assignment, read_element, read_argument, read_table, read_sentence),
    ",": (read_named_field, read_table),
    ";": (read_table,),
    "<": (read_assignment, read_next_element),
    ">": (read_element, read_named_field),
    "(": (read_named_field, read_brackets),
    ")": (read_assignment, read_named_field),
    "]": (read_assignment, read_named_field),
    "}": (read_named_field,),
    "-": (read_assignment, read_named_field),
    "'": _QUOTED_READERS,
    '"': _QUOTED_READERS,
}
_READERS: Final[tuple[_Reader, ...]] = (
    read_assignment,
    read_error_location,
    read_element,
    read_pair,
    read_numbered,
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
    tables = Tables()
    has_rejected = has_rejected_values(text)
    for name in find_names(text, lower):
        if name.start < done:
            continue
        if has_rejected:
            yield from read_rejected_value(text, name)
        for read in _BY_NEXT.get(text[name.end : name.end + 1], _READERS):
            spans = tables.read(text, name) if read is read_table else read(text, name)
            if spans is None:
                continue
            yield from spans
            if read is not read_table:  # Between the cells of a column there are other names.
                done = max([done, *(end for _, end in spans)])
            break
