"""`Output`: what a command prints. Laid out in a terminal, plain lines in a pipe, JSON with `--json`."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from pydantic import BaseModel
from pydantic_core import to_jsonable_python
from rich.console import Console
from rich.table import Table
from rich.text import Text

from langgraph_runner.cli.problems import CliCode
from langgraph_runner.cli.render.pipes import has_reader
from langgraph_runner.cli.render.text import escape_controls, in_one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from langgraph_runner.cli.problems import Problem
    from langgraph_runner.cli.render.text import StatusStyle

__all__ = ["Cell", "Output", "print_problem"]

_NARROW_BELOW: Final = 60
_PROSE_WIDTH: Final = 30
"""The minimum width of a last column that may wrap."""


class Cell(NamedTuple):
    """A piece of text with a style of rich."""

    text: str
    style: str = ""


class Output:
    """The stdout of one command.

    Args:
        as_json: Whether the answer is JSON.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self._stream = sys.stdout
        self.is_terminal = _is_terminal(self._stream)
        self.has_unicode = _has_unicode(self._stream)
        if not self.has_unicode:
            # Names and messages of the user may hold any character: one that cannot be encoded is no failure.
            with contextlib.suppress(AttributeError):
                self._stream.reconfigure(errors="replace")  # type: ignore[union-attr]
        self.console = _console(file=self._stream, force_terminal=self.is_terminal)

    @contextlib.contextmanager
    def reserved_for_json(self) -> Iterator[None]:
        """With `--json`, send to stderr what others print to stdout, such as the steps of the user."""
        if not self.as_json:
            yield
            return
        with contextlib.redirect_stdout(sys.stderr):
            yield

    @property
    def is_narrow(self) -> bool:
        """Whether the terminal has room for the most important columns only."""
        return self.is_terminal and self.console.width < _NARROW_BELOW

    @property
    def has_reader(self) -> bool:
        """Whether stdout still has a reader; False after the other end of a pipe was closed."""
        return has_reader(self._stream)

    def answer(self, value: Any, text: str) -> None:
        """Print the answer of a command: the value with `--json`, else the text as a line."""
        if self.as_json:
            self.json(value)
        else:
            self.line(text)

    # For programs.

    def json(self, value: Any, *, one_line: bool = False) -> None:
        """Print one JSON document; with `one_line`, one of several."""
        indent = 2 if self.is_terminal and not one_line else None
        self.raw(f"{json.dumps(_jsonable(value), indent=indent, ensure_ascii=False)}\n")

    def raw(self, text: str) -> None:
        """Print text unchanged."""
        self._stream.write(text)
        self._stream.flush()

    # For people.

    def line(self, *cells: Cell | str) -> None:
        """Print one line. A terminal may wrap it between words."""
        text = _text(*cells)
        if self.is_terminal:
            _print_wrapped(self.console, text)
        else:
            self.raw(f"{text.plain.rstrip()}\n")

    def unwrapped(self, *cells: Cell | str) -> None:
        """Print one line without breaks, so that it can be copied from a terminal."""
        if self.is_terminal:
            self.console.print(_text(*cells), soft_wrap=True)
        else:
            self.line(*cells)

    def hint(self, text: str, command: str) -> None:
        """Print a command that the user may run next."""
        self.unwrapped(Cell(f"{text} {command}", "dim"))

    def has_room_for(self, titles: Sequence[str], rows: Iterable[Sequence[Cell | str]]) -> bool:
        """Return whether a table fits without a cut or broken cell."""
        cells = [[Text(title) for title in titles]]
        cells += [[_text_in_one_line(cell) for cell in row] for row in rows]
        return not self.is_terminal or _table_width(cells, sys.maxsize) <= self.console.width

    def table(
        self,
        titles: Sequence[str],
        rows: Iterable[Sequence[Cell | str]],
        *,
        right: str = "",
        wraps: str = "",
        whole: str = "",
        drop_order: str = "",
    ) -> None:
        """Print a table. In a terminal the last column wraps; cells of other columns are cut.

        Args:
            titles: The titles of the columns.
            rows: The cells.
            right: The titles of columns that are aligned right, separated by spaces.
            wraps: The title of a further column that wraps.
            whole: The title of a column that is never cut or broken, even in a terminal that is too narrow for it.
            drop_order: The titles of columns that are left out if the terminal is too narrow, in this order.
        """
        texts = [[_text_in_one_line(cell) for cell in row] for row in rows]
        if not self.is_terminal:
            self.raw(_plain_table([[Text(title) for title in titles], *texts], titles, right.split()))
            return
        for title in drop_order.split():
            # The last column wraps, so it needs less room than its longest cell; unless it may be dropped itself.
            last_width = sys.maxsize if titles[-1] in drop_order.split() else _PROSE_WIDTH
            if _table_width([[Text(each) for each in titles], *texts], last_width) <= self.console.width:
                break
            dropped = titles.index(title)
            titles = [each for each in titles if each != title]
            texts = [row[:dropped] + row[dropped + 1 :] for row in texts]
        table = Table(box=None, pad_edge=False, header_style="dim")
        for index, title in enumerate(titles):
            is_last = index == len(titles) - 1
            min_width = None
            if title in {whole, wraps}:
                min_width = _min_width([row[index] for row in texts], is_whole=title == whole)
            table.add_column(
                title,
                justify="right" if title in right.split() else "left",
                min_width=min_width,
                no_wrap=not is_last and title != wraps,
                overflow="fold" if is_last else "ellipsis",
            )
        for row in texts:
            table.add_row(*row)
        self.console.print(table, crop=not whole)

    def fields(self, pairs: Iterable[tuple[str, Cell | str]]) -> None:
        """Print names with their values, without those whose value is empty."""
        shown = [(name, text) for name, value in pairs if (text := _text_in_one_line(value)).plain]
        width = max((len(name) for name, _ in shown), default=0)
        for name, value in shown:
            if not self.is_terminal:
                self.raw(f"{name:{width}}  {value.plain}\n")
            elif " " not in value.plain:  # An id or a hash: unbroken, so that it can be copied.
                self.console.print(Text(f"{name:{width}}  ", "dim").append_text(value), soft_wrap=True)
            else:
                grid = Table.grid(padding=(0, 2))
                grid.add_column(style="dim", no_wrap=True, width=width)
                grid.add_column(overflow="fold")
                grid.add_row(name, value)
                self.console.print(grid)

    def mark(self, style: StatusStyle) -> Cell:
        """Return the mark of a status, in characters that the stream can encode."""
        return Cell(style.mark if self.has_unicode else style.ascii_mark, style.rich_style)


def print_problem(problem: Problem, *, as_json: bool) -> None:
    """Print a problem to stderr. A declined prompt is not called an error."""
    if as_json:
        sys.stderr.write(f"{json.dumps(problem._asdict(), ensure_ascii=False)}\n")
        return
    console = _console(stderr=True)
    prefix = "" if problem.code == CliCode.DECLINED else "Error: "
    if console.is_terminal:
        _print_wrapped(console, _text(Cell(prefix, "bold red"), problem.message))
    else:
        sys.stderr.write(f"{prefix}{escape_controls(problem.message)}\n")


def _console(**options: Any) -> Console:
    """Make a console that interprets no markup. With NO_COLOR it prints no bold and dim either: rich would."""
    color_system: Literal["auto"] | None = None if os.environ.get("NO_COLOR") else "auto"
    return Console(highlight=False, markup=False, emoji=False, color_system=color_system, **options)


def _print_wrapped(console: Console, text: Text) -> None:
    """Wrap between words. If a word does not fit, let the terminal break the line: then it can still be copied."""
    longest = max(map(len, text.plain.split()), default=0)
    console.print(text, soft_wrap=longest > console.width)


def _is_terminal(stream: Any) -> bool:
    return bool(stream.isatty()) and os.environ.get("TERM", "") not in {"dumb", "unknown"}


def _has_unicode(stream: Any) -> bool:
    try:
        "✓▶█│├".encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _jsonable(value: Any) -> Any:
    if isinstance(value, list):
        return [_jsonable(each) for each in value]
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else to_jsonable_python(value)


def _text(*cells: Cell | str) -> Text:
    text = Text()
    for cell in cells:
        content, style = (cell, "") if isinstance(cell, str) else cell
        text.append(escape_controls(content), style)
    return text


def _text_in_one_line(cell: Cell | str) -> Text:
    content, style = (cell, "") if isinstance(cell, str) else cell
    return _text(Cell(in_one_line(content), style))


def _table_width(rows: list[list[Text]], last_width: int) -> int:
    """Return the width of a table whose last column takes at most `last_width`."""
    widths: list[int] = [max(text.cell_len for text in column) for column in zip(*rows, strict=True)]
    return sum(widths[:-1]) + min(widths[-1], last_width) + 2 * len(widths)


def _min_width(cells: list[Text], *, is_whole: bool) -> int:
    """Return the width of a column in which no cell, or else no word, is broken."""
    parts = cells if is_whole else [word for cell in cells for word in cell.split(" ")]
    return max((part.cell_len for part in parts), default=0)


def _plain_table(rows: list[list[Text]], titles: Sequence[str], right: Sequence[str]) -> str:
    cells = [[text.plain for text in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for row in cells:
        aligned = [
            cell.rjust(width) if title in right else cell.ljust(width)
            for cell, width, title in zip(row, widths, titles, strict=True)
        ]
        lines.append("  ".join(aligned).rstrip())
    return "".join(f"{line}\n" for line in lines)
