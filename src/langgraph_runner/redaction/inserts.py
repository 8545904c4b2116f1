"""Values that an SQL statement writes into columns with the names of secrets, in it or as its parameters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from langgraph_runner.redaction.keys import KeyKind, aligned_lower, keys_in
from langgraph_runner.redaction.patterns import LazyPattern
from langgraph_runner.redaction.values import is_count, is_placeholder
from langgraph_runner.redaction.verdicts import is_public

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langgraph_runner.redaction.spans import Span

_INSERT = LazyPattern(
    r"insert into [^\s()]{1,100} ?\((?P<columns>[^()]{1,2000})\)\s{1,8}values\s{0,8}\(", re.IGNORECASE
)
_ITEM = LazyPattern(r"\s{0,40}(?:[A-Za-z]?'(?P<secret>(?:[^']|'')*)'|[^,()']{0,200})\s{0,40}(?P<next>[,)]?)")
_NEXT_ROW = LazyPattern(r"\s{0,8},\s{0,8}\(")
_MOST_ROWS: Final = 100


def insert_spans(text: str, lower: str) -> Iterator[Span]:
    """Where the inserted secrets stand, in at most 100 rows a statement."""
    at = lower.find("insert into ")
    while at >= 0:
        found = _INSERT.match(text, at)
        if found is None:
            at = lower.find("insert into ", at + 1)
            continue
        kinds = [_kind(column) for column in found["columns"].split(",")]
        at = found.end()
        for _ in range(_MOST_ROWS):
            spans, at = _row(text, at, kinds)
            yield from spans
            following = _NEXT_ROW.match(text, at)
            if following is None:
                break
            at = following.end()
        at = lower.find("insert into ", at)


def _kind(column: str) -> KeyKind | None:
    return next((key.kind for key in keys_in(column, aligned_lower(column))), None)


def _row(text: str, at: int, kinds: list[KeyKind | None]) -> tuple[list[Span], int]:
    spans: list[Span] = []
    for kind in kinds:
        item = _ITEM.match(text, at)
        if item is None:
            break
        at = item.end()
        if kind is not None and item["secret"] and _is_secret(kind, item["secret"]):
            spans.append(item.span("secret"))
        if item["next"] != ",":
            break
    return spans, at


def _is_secret(kind: KeyKind, value: str) -> bool:
    if is_placeholder(value) or (kind is not KeyKind.PASSWORD and is_count(value)):
        return False
    return not is_public(kind, value)


_PARAMETERS: Final = "[parameters: ("
_STATEMENT: Final = "[sql: "
_LONGEST_STATEMENT: Final = 4_000
_PLACEHOLDER = LazyPattern(
    r"(?P<column>[\w.\"`]{1,64})?\s{0,4}=?\s{0,4}(?:\?|%s|\$\d{1,3}(?!\d)|:\d{1,3})(?!\w)"
)
_COLUMNS = LazyPattern(r"insert into [^\s()]{1,100} ?\((?P<columns>[^()]{1,2000})\)", re.IGNORECASE)
_PARAMETER = LazyPattern(
    r"\s{0,4}(?:[bru]?(?P<quote>['\"])(?P<secret>(?:(?!(?P=quote))[^\\\n]|\\.){0,2000})(?P=quote)|[^,()'\"]{0,200})\s{0,4},?"
)


def parameter_spans(text: str, lower: str) -> Iterator[Span]:
    """Where SQLAlchemy prints positional parameters of secret columns: `[parameters: ('bob', 'hunter2')]`."""
    floor = 0
    at = lower.find(_PARAMETERS)
    while at >= 0:
        start = lower.rfind(_STATEMENT, max(floor, at - _LONGEST_STATEMENT), at)
        floor = at + len(_PARAMETERS)
        if start >= 0:
            place = floor
            for kind in _columns_of(text[start:at]):
                item = _PARAMETER.match(text, place)
                if item is None:
                    break
                place = item.end()
                if kind is not None and item["secret"] and _is_secret(kind, item["secret"]):
                    yield item.span("secret")
        at = lower.find(_PARAMETERS, floor)


def _columns_of(statement: str) -> list[KeyKind | None]:
    """What the name of each positional parameter's column says, in their order."""
    insert = _COLUMNS.search(statement)
    if insert is not None:
        return [_kind(column) for column in insert["columns"].split(",")]
    return [_kind(found["column"] or "") for found in _PLACEHOLDER.finditer(statement)]
