"""Values of columns with the names of secrets, in tables and in SQL.

The tables are CSV, TSV, Markdown, and what database shells print. In SQL the values stand in the statement
or beside it, as its parameters.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from langgraph_runner.redaction.names import NameKind, SecretName, aligned_lower, find_names
from langgraph_runner.redaction.patterns import LazyPattern, Span
from langgraph_runner.redaction.values import Found, is_count, is_placeholder, is_prose, is_public

if TYPE_CHECKING:
    from collections.abc import Iterator


_BESIDE = LazyPattern(r"[\"']?[ \t]{0,40}(?P<bar>[|,;\t])")
_BEFORE = LazyPattern(r"(?P<bar>[|,;\t])[ \t]{0,40}[\"']?$")
_HEADER_CELL = LazyPattern(r"[ \t]*[\"']?[A-Za-z_][\w.-]{0,40}(?: [\w.-]{1,20}){0,2}[\"']?[ \t]*")
# In a table that is drawn with bars, a line of dashes follows the names.
_RULED = LazyPattern(r"\n[|+ :-]*---")
_LONGEST_LINE: Final = 500
_MOST_TABLE_ROWS: Final = 20
_FEWEST_COLUMNS: Final = 2


def read_table(text: str, name: SecretName) -> Found:
    """Read the cells under the name, when it is the head of a column.

    At most 20 rows of at most 500 characters are read, so that time stays linear.
    """
    beside = _BESIDE.match(text, name.end) or _BEFORE.search(text[max(0, name.start - 44) : name.start])
    if beside is None:
        return None
    bar = beside["bar"]
    start = text.rfind("\n", max(0, name.start - _LONGEST_LINE), name.start) + 1
    end = text.find("\n", name.end, start + _LONGEST_LINE)
    if end < 0:
        return None
    header = text[start:end].split(bar)
    column = text.count(bar, start, name.start)
    if not _is_header(header, bar) or (bar == "|" and _RULED.match(text, end) is None):
        return _cell_beside(text, name, bar, header, column)
    return _column(text, name, bar, at=end + 1, column=column, width=len(header))


def _is_header(cells: list[str], bar: str) -> bool:
    # A line that bars enclose has an empty cell at both ends.
    named = [cell for cell in cells if cell.strip()] if bar == "|" else cells
    return len(named) >= _FEWEST_COLUMNS and all(_HEADER_CELL.fullmatch(cell) for cell in named)


def _column(text: str, name: SecretName, bar: str, *, at: int, column: int, width: int) -> list[Span]:
    """Read a column from `at` on, until a row has another number of cells than `width`."""
    spans: list[Span] = []
    for _ in range(_MOST_TABLE_ROWS):
        end = text.find("\n", at, at + _LONGEST_LINE)
        end = min(len(text), at + _LONGEST_LINE) if end < 0 else end
        cells = text[at:end].split(bar)
        if len(cells) != width:
            break
        start = at + sum(len(cell) + 1 for cell in cells[:column])
        spans += _cell(text, name, start, cells[column])
        at = end + 1
    return spans


def _cell(text: str, name: SecretName, start: int, cell: str) -> list[Span]:
    value = cell.strip(" \t\"'")
    if not _is_secret_in_column(name.kind, value) or (" " in value and is_prose(value)):
        return []
    if name.kind is not NameKind.PASSWORD and value.isalpha():
        return []
    at = text.index(value, start)
    return [(at, at + len(value))]


def _cell_beside(text: str, name: SecretName, bar: str, cells: list[str], column: int) -> Found:
    """Read the next cell of a row `| password | hunter2 |`."""
    if bar != "|" or column + 1 >= len(cells) or cells[column].strip(" \t\"'") != text[name.start : name.end]:
        return None
    start = text.index(bar, name.end) + 1
    return _cell(text, name, start, cells[column + 1])


_INSERT = LazyPattern(
    r"insert into [^\s()]{1,100} ?\((?P<columns>[^()]{1,2000})\)\s{1,8}values\s{0,8}\(", re.IGNORECASE
)
_ITEM = LazyPattern(r"\s{0,40}(?:[A-Za-z]?'(?P<secret>(?:[^']|'')*)'|[^,()']{0,200})\s{0,40}(?P<next>[,)]?)")
_NEXT_ROW = LazyPattern(r"\s{0,8},\s{0,8}\(")
_MOST_INSERTED_ROWS: Final = 100


def insert_spans(text: str, lower: str) -> Iterator[Span]:
    """Yield the secrets that INSERT statements write, in at most 100 rows per statement."""
    at = lower.find("insert into ")
    while at >= 0:
        found = _INSERT.match(text, at)
        if found is None:
            at = lower.find("insert into ", at + 1)
            continue
        kinds = [_kind_of_column(column) for column in found["columns"].split(",")]
        at = found.end()
        for _ in range(_MOST_INSERTED_ROWS):
            spans, at = _row_spans(text, at, kinds)
            yield from spans
            following = _NEXT_ROW.match(text, at)
            if following is None:
                break
            at = following.end()
        at = lower.find("insert into ", at)


def _kind_of_column(column: str) -> NameKind | None:
    """Return what the name of the column says about its values; None when it does not name a secret."""
    return next((name.kind for name in find_names(column, aligned_lower(column))), None)


def _row_spans(text: str, at: int, kinds: list[NameKind | None]) -> tuple[list[Span], int]:
    spans: list[Span] = []
    for kind in kinds:
        item = _ITEM.match(text, at)
        if item is None:
            break
        at = item.end()
        if kind is not None and item["secret"] and _is_secret_in_column(kind, item["secret"]):
            spans.append(item.span("secret"))
        if item["next"] != ",":
            break
    return spans, at


def _is_secret_in_column(kind: NameKind, value: str) -> bool:
    if is_placeholder(value) or (kind is not NameKind.PASSWORD and is_count(value)):
        return False
    return not is_public(kind, value)


_PARAMETERS: Final = "[parameters: ("
_STATEMENT: Final = "[sql: "
_LONGEST_STATEMENT: Final = 4_000
_COLUMN_PLACEHOLDER = LazyPattern(
    r"(?P<column>[\w.\"`]{1,64})?\s{0,4}=?\s{0,4}(?:\?|%s|\$\d{1,3}(?!\d)|:\d{1,3})(?!\w)"
)
_COLUMNS = LazyPattern(r"insert into [^\s()]{1,100} ?\((?P<columns>[^()]{1,2000})\)", re.IGNORECASE)
_PARAMETER = LazyPattern(
    r"\s{0,4}(?:[bru]?(?P<quote>['\"])(?P<secret>(?:(?!(?P=quote))[^\\\n]|\\.){0,2000})(?P=quote)|[^,()'\"]{0,200})\s{0,4},?"
)


def parameter_spans(text: str, lower: str) -> Iterator[Span]:
    """Yield the parameters of secret columns that SQLAlchemy prints: `[parameters: ('bob', 'hunter2')]`."""
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
                if kind is not None and item["secret"] and _is_secret_in_column(kind, item["secret"]):
                    yield item.span("secret")
        at = lower.find(_PARAMETERS, floor)


def _columns_of(statement: str) -> list[NameKind | None]:
    """Return the kind of the column of each positional parameter, in their order."""
    insert = _COLUMNS.search(statement)
    if insert is not None:
        return [_kind_of_column(column) for column in insert["columns"].split(",")]
    return [_kind_of_column(found["column"] or "") for found in _COLUMN_PLACEHOLDER.finditer(statement)]
