"""Values of columns with the names of secrets, in tables and in SQL.

The tables are CSV, TSV, Markdown, and what database shells print. In SQL the values stand in the statement
or beside it, as its parameters.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from langgraph_runner.redaction.names import NameKind, SecretName, aligned_lower, find_names
from langgraph_runner.redaction.patterns import LazyPattern, Span
from langgraph_runner.redaction.values import (
    Found,
    is_count,
    is_placeholder,
    is_prose,
    is_public,
    looks_chosen,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


_BESIDE = LazyPattern(r"[\"']?[ \t]{0,40}(?P<bar>[|,;\t])")
_BEFORE = LazyPattern(r"(?P<bar>[|,;\t])[ \t]{0,40}[\"']?$")
_HEADER_CELL = LazyPattern(r"[ \t]*[\"']?[A-Za-z_][\w.-]{0,40}(?: [\w.-]{1,20}){0,2}[\"']?[ \t]*")
# In a table that is drawn with bars, a line of dashes follows the names.
_RULED = LazyPattern(r"\n[|+ :-]*---")
_RULE = LazyPattern(r"[|+ :=-]*--[|+ :=-]*|[ =]*==[ =]*")
# A name in a line of columns that blanks align: two blanks or an end of the line on both sides.
_ALIGNED = LazyPattern(r"(?=  |[ \t]*(?:\n|$))")
_COLUMN = LazyPattern(r"\S+(?: \S+)*")
_LONGEST_LINE: Final = 500
_FEWEST_COLUMNS: Final = 2


class Tables:
    """The tables of one text, read from top to bottom.

    A line below the names of a table cannot be the names of another one, so each line is read once per column
    and time stays linear, however many rows there are. Lines of more than 500 characters end a table.
    """

    def __init__(self) -> None:
        self._body = (0, 0)  # Where the rows of the last table start and end.

    def read(self, text: str, name: SecretName) -> Found:
        """Read the cells under the name, when it is the head of a column."""
        if self._body[0] <= name.start < self._body[1]:
            return None
        beside = _BESIDE.match(text, name.end) or _BEFORE.search(text, max(0, name.start - 44), name.start)
        if beside is None:
            return self._aligned(text, name)
        bar = beside["bar"]
        start, end = _line_around(text, name)
        if end < 0:
            return None
        header = text[start:end].split(bar)
        column = text.count(bar, start, name.start)
        if not _is_header(header, bar) or (bar == "|" and _RULED.match(text, end) is None):
            return _cell_beside(text, name, bar, header, column)
        spans: list[Span] = []
        at = end + 1
        for row_start, row_end in _lines(text, at):
            cells = text[row_start:row_end].split(bar)
            if len(cells) != len(header) and not _RULE.fullmatch(text, row_start, row_end):
                break
            at = row_end
            if column < len(cells):
                spans += _cell(
                    text, name, row_start + sum(len(cell) + 1 for cell in cells[:column]), cells[column]
                )
        if at <= end + 1:
            return None  # A sentence: no line below it has as many cells.
        self._body = (end + 1, at)
        return spans

    def _aligned(self, text: str, name: SecretName) -> Found:
        """Read a column of a table whose columns are aligned with blanks, as pandas, tabulate and kubectl print."""
        if not _ALIGNED.match(text, name.end):
            return None
        start, end = _line_around(text, name)
        if not 0 <= end < len(text):
            return None
        header = [found.span() for found in _COLUMN.finditer(text, start, end)]
        if len(header) < _FEWEST_COLUMNS or (name.start, name.end) not in header:
            return None
        left, right = name.start - start, name.end - start
        spans: list[Span] = []
        at = end + 1
        for row_start, row_end in _lines(text, at):
            if row_start == row_end:
                break
            if not _RULE.fullmatch(text, row_start, row_end):
                cells = [
                    (found.start() - row_start, found.end() - row_start)
                    for found in _COLUMN.finditer(text, row_start, row_end)
                ]
                cell = next(((first, last) for first, last in cells if first == left or last == right), None)
                if len(cells) < _FEWEST_COLUMNS or cell is None:
                    break
                spans += _cell(
                    text, name, row_start + cell[0], text[row_start + cell[0] : row_start + cell[1]]
                )
            at = row_end
        if at <= end + 1:
            return None
        self._body = (end + 1, at)
        return spans


def _line_around(text: str, name: SecretName) -> Span:
    """Return the line that the name is in; its end is -1 when the line is too long."""
    start = text.rfind("\n", max(0, name.start - _LONGEST_LINE), name.start) + 1
    end = text.find("\n", name.end, start + _LONGEST_LINE)
    if end < 0 and len(text) <= start + _LONGEST_LINE:
        end = len(text)
    return start, end


def _lines(text: str, at: int) -> Iterator[Span]:
    """Yield the lines from `at` on, until one is too long."""
    while at < len(text):
        end = text.find("\n", at, at + _LONGEST_LINE + 1)
        if end < 0:
            yield at, min(len(text), at + _LONGEST_LINE)
            return
        yield at, end
        at = end + 1


def read_table(text: str, name: SecretName) -> Found:
    """Read a single table; the tables of a whole text are read by one `Tables`."""
    return Tables().read(text, name)


def _is_header(cells: list[str], bar: str) -> bool:
    # A line that bars enclose has an empty cell at both ends.
    named = [cell for cell in cells if cell.strip()] if bar == "|" else cells
    if len(named) < _FEWEST_COLUMNS or not all(_HEADER_CELL.fullmatch(cell) for cell in named):
        return False
    return not any(looks_chosen(word) for cell in named if " " in cell.strip() for word in cell.split())


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
_ITEM = LazyPattern(
    r"\s{0,40}(?:[A-Za-z]?'(?P<secret>(?:[^']|'')*)'|[^,()']{0,200})\s{0,40}(?:(?P<comma>,)|\)?)"
)
_NEXT_ROW = LazyPattern(r"\s{0,8},\s{0,8}\(")


def insert_spans(text: str, lower: str) -> Iterator[Span]:
    """Yield the secrets that INSERT statements write."""
    at = lower.find("insert into ")
    while at >= 0:
        found = _INSERT.match(text, at)
        if found is None:
            at = lower.find("insert into ", at + 1)
            continue
        kinds = [_kind_of_column(column) for column in found["columns"].split(",")]
        at = found.end()
        while True:
            spans, at = _row_spans(text, at, kinds, _ITEM)
            yield from spans
            following = _NEXT_ROW.match(text, at)
            if following is None:
                break
            at = following.end()
        at = lower.find("insert into ", at)


def _kind_of_column(column: str) -> NameKind | None:
    """Return what the name of the column says about its values; None when it does not name a secret."""
    return next((name.kind for name in find_names(column, aligned_lower(column))), None)


def _row_spans(
    text: str, at: int, kinds: list[NameKind | None], item_pattern: LazyPattern
) -> tuple[list[Span], int]:
    """Return the secrets of one row of values, one for each column, and where the row ends."""
    spans: list[Span] = []
    for kind in kinds:
        item = item_pattern.match(text, at)
        if item is None:
            break
        at = item.end()
        if kind is not None and item["secret"] and _is_secret_in_column(kind, item["secret"]):
            spans.append(item.span("secret"))
        if not item["comma"]:
            break
    return spans, at


def _is_secret_in_column(kind: NameKind, value: str) -> bool:
    if is_placeholder(value) or (kind is not NameKind.PASSWORD and is_count(value)):
        return False
    return not is_public(kind, value)


_PARAMETERS: Final = "[parameters: "
# PostgreSQL logs a statement, and its parameters in the next line.
_DETAIL = LazyPattern(r"DETAIL:\s{1,4}[Pp]arameters: (?=\$1 = )")
_NUMBERED = LazyPattern(r"\$(?P<number>\d{1,5}) = (?:'(?P<secret>(?:[^']|'')*)'|[^,'\n]{0,200})(?:, )?")
_STATEMENT: Final = "[sql: "
_LONGEST_STATEMENT: Final = 4_000
_COLUMN_PLACEHOLDER = LazyPattern(
    r"(?P<column>[\w.\"`]{1,64})?\s{0,4}=?\s{0,4}(?:\?|%s|\$\d{1,3}(?!\d)|:\d{1,3})(?!\w)"
)
_COLUMNS = LazyPattern(r"insert into [^\s()]{1,100} ?\((?P<columns>[^()]{1,2000})\)", re.IGNORECASE)
# Its quotes are escaped in a text that was quoted again. The arguments of a call belong to it: `Decimal('3')`.
_PARAMETER = LazyPattern(
    r"\s{0,4}(?:[bru]?(?P<quote>\\{0,7}['\"])(?P<secret>(?:(?!(?P=quote))(?:[^\\\n]|\\.)){0,2000})(?P=quote)"
    r"|[^,()'\"\\]{0,200}(?:\([^()\n]{0,200}\))?)\s{0,4}(?P<comma>,)?"
)
_ROW = LazyPattern(r"\s{0,4}\(")
# Between the rows of `executemany`; SQLAlchemy leaves rows out in the middle.
_TO_NEXT_ROW = LazyPattern(r"\s{0,4}\)(?:,\s{0,4}|[\s.]{1,10}displaying [\w ]{1,80}\.{3}\s{1,8})(?=\()")


def parameter_spans(text: str, lower: str) -> Iterator[Span]:
    """Yield the parameters of secret columns that SQLAlchemy and PostgreSQL print beside a statement."""
    floor = 0
    at = lower.find(_PARAMETERS)
    while at >= 0:
        start = lower.rfind(_STATEMENT, max(floor, at - _LONGEST_STATEMENT), at)
        floor = at + len(_PARAMETERS)
        if start >= 0:
            columns = _columns_of(text[start:at])
            place = floor + text.startswith("[", floor)
            while columns and (row := _ROW.match(text, place)):
                spans, place = _row_spans(text, row.end(), columns, _PARAMETER)
                yield from spans
                following = _TO_NEXT_ROW.match(text, place)
                if following is None:
                    break
                place = following.end()
        at = lower.find(_PARAMETERS, floor)
    if "$1 = " in text:
        yield from _detail_spans(text)


def _detail_spans(text: str) -> Iterator[Span]:
    floor = 0
    for detail in _DETAIL.finditer(text):
        if detail.start() < floor:
            continue  # A part of the last parameter.
        columns = _columns_of(text[max(floor, detail.start() - _LONGEST_STATEMENT) : detail.start()])
        place = floor = detail.end()
        while item := _NUMBERED.match(text, place):
            place = floor = item.end()
            index = int(item["number"]) - 1
            kind = columns[index] if index < len(columns) else None
            if kind is not None and item["secret"] and _is_secret_in_column(kind, item["secret"]):
                yield item.span("secret")


def _columns_of(statement: str) -> list[NameKind | None]:
    """Return the kind of the column of each positional parameter, in their order."""
    insert = _COLUMNS.search(statement)
    if insert is not None:
        return [_kind_of_column(column) for column in insert["columns"].split(",")]
    return [_kind_of_column(found["column"] or "") for found in _COLUMN_PLACEHOLDER.finditer(statement)]
