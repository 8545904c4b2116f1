"""Values under a secret's name in a table: CSV and TSV, Markdown, and what database shells print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from langgraph_runner.redaction.keys import Key, KeyKind
from langgraph_runner.redaction.patterns import LazyPattern
from langgraph_runner.redaction.values import is_count, is_placeholder, is_prose
from langgraph_runner.redaction.verdicts import is_public

if TYPE_CHECKING:
    from langgraph_runner.redaction.spans import Span

_BESIDE = LazyPattern(r"[\"']?[ \t]{0,40}(?P<bar>[|,;\t])")
_BEFORE = LazyPattern(r"(?P<bar>[|,;\t])[ \t]{0,40}[\"']?$")
_HEADER_CELL = LazyPattern(r"[ \t]*[\"']?[A-Za-z_][\w.-]{0,40}(?: [\w.-]{1,20}){0,2}[\"']?[ \t]*")
# Below the names of a table drawn with bars stands a line of dashes.
_RULED = LazyPattern(r"\n[|+ :-]*---")
_LONGEST_LINE: Final = 500
_MOST_ROWS: Final = 20
_FEWEST_COLUMNS: Final = 2


def table_spans(text: str, key: Key) -> list[Span] | None:
    """The cells under the name, when it heads a column; None when it does not.

    At most 20 rows of at most 500 characters are read, so that time stays linear.
    """
    beside = _BESIDE.match(text, key.end) or _BEFORE.search(text[max(0, key.start - 44) : key.start])
    if beside is None:
        return None
    bar = beside["bar"]
    start = text.rfind("\n", max(0, key.start - _LONGEST_LINE), key.start) + 1
    end = text.find("\n", key.end, start + _LONGEST_LINE)
    if end < 0:
        return None
    header = text[start:end].split(bar)
    column = text.count(bar, start, key.start)
    if not _is_header(header, bar) or (bar == "|" and _RULED.match(text, end) is None):
        return _cell_beside(text, key, bar, header, column)
    return _column(text, key, bar, (end + 1, column, len(header)))


def _is_header(cells: list[str], bar: str) -> bool:
    named = [cell for cell in cells if cell.strip()] if bar == "|" else cells
    return len(named) >= _FEWEST_COLUMNS and all(_HEADER_CELL.fullmatch(cell) for cell in named)


def _column(text: str, key: Key, bar: str, place: tuple[int, int, int]) -> list[Span]:
    at, column, width = place
    spans: list[Span] = []
    for _ in range(_MOST_ROWS):
        end = text.find("\n", at, at + _LONGEST_LINE)
        end = min(len(text), at + _LONGEST_LINE) if end < 0 else end
        cells = text[at:end].split(bar)
        if len(cells) != width:
            break
        start = at + sum(len(cell) + 1 for cell in cells[:column])
        spans += _cell(text, key, start, cells[column])
        at = end + 1
    return spans


def _cell(text: str, key: Key, start: int, cell: str) -> list[Span]:
    value = cell.strip(" \t\"'")
    if not value or is_placeholder(value) or (" " in value and is_prose(value)):
        return []
    if key.kind is not KeyKind.PASSWORD and (is_count(value) or value.isalpha()):
        return []
    if is_public(key.kind, value):
        return []
    at = text.index(value, start)
    return [(at, at + len(value))]


def _cell_beside(text: str, key: Key, bar: str, cells: list[str], column: int) -> list[Span] | None:
    """The next cell of a row `| password | hunter2 |`."""
    if bar != "|" or column + 1 >= len(cells) or cells[column].strip(" \t\"'") != text[key.start : key.end]:
        return None
    start = text.index(bar, key.end) + 1
    return _cell(text, key, start, cells[column + 1])
