"""`Output`: what a command says. Laid out in a terminal, plain lines in a pipe, JSON with `--json`."""

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
from langgraph_runner.cli.render.words import in_one_line, no_controls

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from langgraph_runner.cli.problems import Problem
    from langgraph_runner.cli.render.words import Face

__all__ = ["Cell", "Output", "show_problem"]

_NARROW: Final = 60
_PROSE: Final = 30
"""How many signs a last column that may wrap needs at least."""
_WHOLE: Final = 64
"""A value of one word up to so many signs is an id or a hash: it stays whole, so that it can be copied."""


class Cell(NamedTuple):
    """A piece of text with a style of rich."""

    text: str
    style: str = ""


class Output:
    """The stdout of one command.

    While it is in use with `--json`, nothing else gets there: what the program of the user prints goes to stderr.

    Args:
        as_json: Whether the answer is to be JSON.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self._stream = sys.stdout
        self.is_terminal = _is_terminal(self._stream)
        self.has_unicode = _has_unicode(self._stream)
        if not self.has_unicode:
            # What names and messages hold is not ours: a sign that cannot be shown must not end the command.
            with contextlib.suppress(AttributeError):
                self._stream.reconfigure(errors="replace")  # type: ignore[union-attr]
        self.console = _console(file=self._stream, force_terminal=self.is_terminal)

    @contextlib.contextmanager
    def for_answers_only(self) -> Iterator[None]:
        """Keep others from stdout, if it is to be JSON."""
        with contextlib.redirect_stdout(sys.stderr) if self.as_json else contextlib.nullcontext():
            yield

    @property
    def is_narrow(self) -> bool:
        """Whether there is room for what is needed only."""
        return self.is_terminal and self.console.width < _NARROW

    @property
    def has_reader(self) -> bool:
        """Whether somebody may still read it: not so once the other end of a pipe is closed."""
        return has_reader(self._stream)

    # Machines.

    def json(self, value: Any) -> None:
        """Write one JSON document."""
        text = json.dumps(_jsonable(value), indent=2 if self.is_terminal else None, ensure_ascii=False)
        self.raw(f"{text}\n")

    def json_line(self, value: Any) -> None:
        """Write one of many JSON documents, on one line."""
        self.raw(f"{json.dumps(_jsonable(value), ensure_ascii=False)}\n")

    def raw(self, text: str) -> None:
        """Write text as it is."""
        self._stream.write(text)
        self._stream.flush()

    # People.

    def line(self, *cells: Cell | str) -> None:
        """Write one line. In a terminal it may wrap, between words only."""
        text = _text(*cells)
        if self.is_terminal:
            _print(self.console, text)
        else:
            self.raw(f"{text.plain.rstrip()}\n")

    def block(self, text: str) -> None:
        """Write text of several lines, such as a stack, each as it is."""
        for line in text.splitlines():
            self.whole(Cell(line, "dim"))

    def whole(self, *cells: Cell | str) -> None:
        """Write one line that a terminal breaks without an end of line, so that it can be copied."""
        if self.is_terminal:
            self.console.print(_text(*cells), soft_wrap=True)
        else:
            self.line(*cells)

    def hint(self, words: str, command: str) -> None:
        """Write a command to go on with."""
        self.whole(Cell(f"{words} {command}", "dim"))

    def has_room_for(self, titles: Sequence[str], rows: Iterable[Sequence[Cell | str]]) -> bool:
        """Whether a table fits as it is, with nothing cut or broken."""
        cells = [[*map(Text, titles)], *([_line_of(cell) for cell in row] for row in rows)]
        return not self.is_terminal or _width(cells, sys.maxsize) <= self.console.width

    def table(
        self,
        titles: Sequence[str],
        rows: Iterable[Sequence[Cell | str]],
        *,
        right: str = "",
        wraps: str = "",
        whole: str = "",
        first_to_go: str = "",
    ) -> None:
        """Write columns; the last one takes what room there is, and wraps if it has to stay.

        Args:
            titles: Of the columns.
            rows: Their cells.
            right: The titles of columns of numbers, separated by spaces.
            wraps: The title of another column that wraps in a terminal; of the others cells are cut.
            whole: The title of a column that is never cut nor broken: the terminal may be too narrow for it.
            first_to_go: The titles of columns that are left out where a terminal is too narrow, in that order.
        """
        laid_out = [[_line_of(cell) for cell in row] for row in rows]
        for title in first_to_go.split() if self.is_terminal else ():
            prose = sys.maxsize if titles[-1] in first_to_go.split() else _PROSE
            if title in titles and _width([[*map(Text, titles)], *laid_out], prose) > self.console.width:
                gone = titles.index(title)
                titles = [each for each in titles if each != title]
                laid_out = [row[:gone] + row[gone + 1 :] for row in laid_out]
        if not self.is_terminal:
            self.raw(_columns([[Text(title) for title in titles], *laid_out], titles, right.split()))
            return
        table = Table(box=None, pad_edge=False, header_style="dim")
        for index, title in enumerate(titles):
            is_last = index == len(titles) - 1
            table.add_column(
                title,
                justify="right" if title in right.split() else "left",
                min_width=_least(laid_out, index, is_whole=title == whole)
                if title in {whole, wraps}
                else None,
                no_wrap=not is_last and title != wraps,
                overflow="fold" if is_last else "ellipsis",
            )
        for row in laid_out:
            table.add_row(*row)
        self.console.print(table, crop=not whole)

    def fields(self, pairs: Iterable[tuple[str, Cell | str]]) -> None:
        """Write names with their values, leaving out what is empty."""
        shown = [(name, text) for name, value in pairs if (text := _line_of(value)).plain]
        width = max((len(name) for name, _ in shown), default=0)
        for name, value in shown:
            if not self.is_terminal:
                self.raw(f"{name:{width}}  {value.plain}\n")
            elif " " not in value.plain and len(value) <= _WHOLE:
                self.console.print(Text(f"{name:{width}}  ", "dim").append_text(value), soft_wrap=True)
            else:
                grid = Table.grid(padding=(0, 2))
                grid.add_column(style="dim", no_wrap=True, width=width)
                grid.add_column(overflow="fold")
                grid.add_row(name, value)
                self.console.print(grid)

    def mark(self, face: Face) -> Cell:
        """The mark of a status, in signs that the stream can show."""
        return Cell(face.mark if self.has_unicode else face.ascii_mark, face.style)


def show_problem(problem: Problem, *, as_json: bool) -> None:
    """Write a problem to stderr. A no of the reader's is none to them."""
    if as_json:
        sys.stderr.write(f"{json.dumps(problem._asdict(), ensure_ascii=False)}\n")
        return
    console = _console(stderr=True)
    kind = "" if problem.code == CliCode.DECLINED else "Error: "
    if console.is_terminal:
        _print(console, _text(Cell(kind, "bold red"), problem.message))
    else:
        sys.stderr.write(f"{kind}{no_controls(problem.message)}\n")


def _console(**options: Any) -> Console:
    """One that shows text as it is; with NO_COLOR without bold and dim, too, which rich would still send."""
    color_system: Literal["auto"] | None = None if os.environ.get("NO_COLOR") else "auto"
    return Console(highlight=False, markup=False, emoji=False, color_system=color_system, **options)


def _print(console: Console, text: Text) -> None:
    """Wrap between words; where one does not fit, the terminal breaks it without an end of line: it can be copied."""
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
        text.append(no_controls(content), style)
    return text


def _line_of(cell: Cell | str) -> Text:
    content, style = (cell, "") if isinstance(cell, str) else cell
    return _text(Cell(in_one_line(content), style))


def _width(rows: list[list[Text]], prose: int) -> int:
    """Of a table; the last column counts as one of `prose` signs at most."""
    widths: list[int] = [max(text.cell_len for text in column) for column in zip(*rows, strict=True)]
    return sum(widths[:-1]) + min(widths[-1], prose) + 2 * len(widths)


def _least(rows: list[list[Text]], column: int, *, is_whole: bool) -> int:
    """The width of a column whose cells, or else whose words, are not to be broken."""
    cells = [row[column] for row in rows]
    parts = cells if is_whole else [word for cell in cells for word in cell.split(" ")]
    return max((part.cell_len for part in parts), default=0)


def _columns(rows: list[list[Text]], titles: Sequence[str], right: Sequence[str]) -> str:
    cells = [[text.plain for text in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = (
        "  ".join(
            cell.rjust(width) if title in right else cell.ljust(width)
            for cell, width, title in zip(row, widths, titles, strict=True)
        )
        for row in cells
    )
    return "".join(f"{line.rstrip()}\n" for line in lines)
