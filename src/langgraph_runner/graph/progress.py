"""`LiveProgress`: shows waves and nodes in the terminal while they run. Needs the extra `rich`."""

from __future__ import annotations

import io
import logging
import sys
import threading
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any, Final, cast

from langgraph_runner.errors.hints import importing_extra
from langgraph_runner.errors.logs import emit

with importing_extra("rich", "progress=True needs rich", extra="rich"):
    from rich.console import Console, Group
    from rich.live import Live
    from rich.spinner import Spinner
    from rich.table import Table
    from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import RenderableType

    from langgraph_runner.graph.listener import NodeRun

__all__ = ["LiveProgress"]

_MARKS: Final = {
    "done": ("✓", "green"),
    "failed": ("✗", "red"),
    "interrupted": ("‖", "yellow"),
    "cancelled": ("■", "yellow"),
}
_MAX_ROWS: Final = 200
"""How many nodes are kept to be shown; beyond that, those that ended first are dropped."""
_LINES_AROUND: Final = 4
"""Lines of the screen that are not nodes: how many nodes are not shown, the title, the header, and the cursor."""


class LiveProgress:
    """A table that grows with the run: each wave, its nodes, how long they take and how they end.

    For one run at a time; runs that overlap share the table. Thread-safe. Where the output is not a terminal, the
    table is written once, at the end.

    Args:
        console: Where to show it; None for one on stderr, so that a program's output stays its own. A stderr that
            cannot be written to, such as a closed pipe, hides the table and does not affect the run.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(file=cast("IO[str]", _Stderr()))
        self._lock = threading.Lock()
        self._nodes: list[NodeRun] = []
        self._dropped = 0
        self._is_over = False

    @contextmanager
    def shown(self, graph: str) -> Iterator[None]:
        """Show the table while a run of `graph` is under way."""
        with self._lock:
            self._nodes.clear()
            self._dropped = 0
            self._is_over = False
        live = Live(
            get_renderable=lambda: self._rendered(graph),
            console=self._console,
            refresh_per_second=8,
            # What a program prints into a pipe or a file has to go there: rich would show it above the table.
            redirect_stdout=_is_terminal(sys.stdout),
        )
        _log_failure_of(live.start)
        try:
            yield
            self._is_over = True
        finally:
            _log_failure_of(live.stop)
            if not self._console.is_terminal:
                _log_failure_of(self._console.line)  # rich leaves out this end of the line there.

    def node_started(self, node: NodeRun) -> None:
        """Add a row."""
        with self._lock:
            if len(self._nodes) >= _MAX_ROWS:
                ended = next((each for each in self._nodes if each.outcome is not None), self._nodes[0])
                self._nodes.remove(ended)
                self._dropped += 1
            self._nodes.append(node)

    def node_ended(self, node: NodeRun) -> None:
        """Do nothing: the row reads its node."""

    def _rendered(self, graph: str) -> RenderableType:
        with self._lock:
            nodes, dropped = tuple(self._nodes), self._dropped
        if not self._is_over and self._console.is_terminal:
            fitting = _fitting(nodes, self._console.height - _LINES_AROUND)
            nodes, dropped = fitting, dropped + len(nodes) - len(fitting)
        table = Table(title=graph, title_justify="left", box=None, pad_edge=False)
        table.add_column("wave", justify="right", style="dim")
        table.add_column("")
        table.add_column("node")
        table.add_column("ms", justify="right")
        shown_wave: Any = None
        for node in sorted(nodes, key=_place):
            wave = _place(node)[0]
            table.add_row("" if wave == shown_wave else str(wave), _mark(node), _name(node), _duration(node))
            shown_wave = wave
        return Group(Text(f"… {dropped} earlier nodes", style="dim"), table) if dropped else table


class _Stderr(io.TextIOBase):
    """Writes to what `sys.stderr` is at the moment, and drops what cannot be written there.

    rich would answer a closed pipe by pointing stdout at the null device and ending the program.
    """

    @property
    def _stream(self) -> Any:
        # While rich shows something, sys.stderr is a proxy that writes to the console, and so to here.
        return getattr(sys.stderr, "rich_proxied_file", sys.stderr)

    @property
    def encoding(self) -> str:  # type: ignore[override] # which has an attribute
        """The encoding, from which rich knows which characters it may use."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return _is_terminal(self._stream)

    def fileno(self) -> int:
        """Return its descriptor."""
        number: int = self._stream.fileno()
        return number

    def write(self, text: str, /) -> int:
        """Write, if that is possible."""
        with suppress(OSError, ValueError, AttributeError):  # A broken pipe, a closed file, no stderr at all.
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, if that is possible."""
        with suppress(OSError, ValueError, AttributeError):
            self._stream.flush()


def _is_terminal(stream: Any) -> bool:
    try:
        return bool(stream.isatty())
    except (OSError, ValueError, AttributeError):
        return False


def _log_failure_of(show: Callable[[], object]) -> None:
    try:
        show()
    except (Exception, SystemExit) as error:  # SystemExit: rich, where the reader of the console is gone.
        emit(
            "langgraph_runner.graph", logging.WARNING, "run.progress_failed", error_type=type(error).__name__
        )


def _fitting(nodes: tuple[NodeRun, ...], room: int) -> tuple[NodeRun, ...]:
    """Return the nodes that fit on the screen; of those that have ended, the first ones are left out."""
    surplus, kept = len(nodes) - room, []
    for node in nodes:
        if surplus > 0 and node.outcome is not None:
            surplus -= 1
        else:
            kept.append(node)
    return tuple(kept)


def _path(node: NodeRun) -> list[NodeRun]:
    path = [node]
    while path[0].parent is not None:
        path.insert(0, path[0].parent)
    return path


def _place(node: NodeRun) -> tuple[Any, ...]:
    """Return the sort key of a node: by wave of the outermost graph, then each node before those that it called."""
    return tuple(part for each in _path(node) for part in (each.step, each.started))


def _name(node: NodeRun) -> Text:
    depth = len(_path(node)) - 1
    return Text(
        "  " * depth + node.name, style="" if node.outcome is None or node.outcome == "done" else "bold"
    )


def _mark(node: NodeRun) -> RenderableType:
    if node.outcome is None:
        return Spinner("dots")
    mark, style = _MARKS[node.outcome]
    return Text(mark, style=style)


def _duration(node: NodeRun) -> str:
    return "" if node.outcome is None else f"{node.duration_ms:,.0f}"
