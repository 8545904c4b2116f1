"""The values of all names of secrets in a text, each read in the dialect that it is written in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from langgraph_runner.redaction.assignments import assigned
from langgraph_runner.redaction.dialects import (
    argument,
    element,
    located,
    named,
    pair,
    sibling,
    validated,
)
from langgraph_runner.redaction.keys import Key, keys_in
from langgraph_runner.redaction.sentences import bracketed, refused, told
from langgraph_runner.redaction.tables import table_spans

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from langgraph_runner.redaction.spans import Span
    from langgraph_runner.redaction.verdicts import Found

_Reader: TypeAlias = "Callable[[str, Key], Found]"

# By the character after the name, so that a reader is not asked in vain; any other character asks all.
_BY_NEXT: Final[dict[str, tuple[_Reader, ...]]] = {
    "": (),
    ".": (),
    "=": (assigned,),
    ":": (assigned,),
    "\n": (validated, named, table_spans),
    " ": (assigned, element, argument, table_spans, told),
    ",": (named, table_spans),
    ";": (table_spans,),
    "<": (sibling,),
}
_READERS: Final[tuple[_Reader, ...]] = (
    *(assigned, located, element, pair, named, argument, validated, bracketed, table_spans, told),
)


def value_spans(text: str, lower: str) -> Iterator[Span]:
    """Where the values stand. `lower` is `aligned_lower(text)`.

    The first reader that recognises its dialect decides for a name.
    """
    done = 0
    for key in keys_in(text, lower):
        if key.start < done:
            continue
        yield from refused(text, key)
        for read in _BY_NEXT.get(text[key.end : key.end + 1], _READERS):
            spans = read(text, key)
            if spans is None:
                continue
            yield from spans
            done = max([done, *(end for _, end in spans)])
            break
