"""Measurements as values, and their Markdown in docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PACKAGES = (
    "langgraph",
    "langgraph-checkpoint-sqlite",
    "tenacity",
    "stamina",
    "aiobreaker",
    "hyx",
    "prometheus-client",
    "structlog",
    "pydantic",
)


@dataclass(frozen=True)
class Goal:
    """The goal of a measurement."""

    text: str
    measured: float
    limit: float
    unit: str = ""
    at_least: bool = False
    """Whether larger values are better."""
    if_missed: str = ""
    """Why it was missed, and what would help; printed only if it was missed."""

    @property
    def is_reached(self) -> bool:
        """Whether the measurement, rounded as printed, is within the limit."""
        measured = round(self.measured, self._digits)
        return measured >= self.limit if self.at_least else measured <= self.limit

    @property
    def _digits(self) -> int:
        return 3 if self.unit == "ms" else 2

    def row(self) -> str:
        """Return the row of the goal in the table of goals."""
        word = "at least" if self.at_least else "at most"
        goal = f"{self.text}: {word} {_with_unit(f'{self.limit:g}', self.unit)}"
        measured = _with_unit(f"{self.measured:.{self._digits}f}", self.unit)
        return _row([goal, measured, "yes" if self.is_reached else "**no**"])


@dataclass(frozen=True)
class Table:
    """A table of figures."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Section:
    """One benchmark, with its method and its results."""

    title: str
    method: str
    tables: Sequence[Table]
    goals: Sequence[Goal] = ()


def render(sections: Iterable[Section]) -> str:
    """Return the whole document."""
    sections = list(sections)
    goals = [goal for section in sections for goal in section.goals]
    lines = [
        "# Benchmarks",
        "",
        "`make bench` writes this page; do not edit it.",
        f"Measured on {_machine()} with {_versions()}.",
        "",
        "Ratios should hold on other machines, absolute times will not. The contenders of a race take turns, and",
        "each round starts with another one. Unless a section says otherwise, a turn takes about a millisecond and",
        "the figures are those of the best turn; the sections on the run engine measure whole runs and show",
        "the median. Garbage collection is on, and logging is not configured unless a row says otherwise.",
        "",
        "## Goals",
        "",
        *_table(["Goal", "Measured", "Reached"]),
        *(goal.row() for goal in goals),
        *_missed(goals),
    ]
    for section in sections:
        lines += ["", f"## {section.title}", "", *section.method.strip().splitlines()]
        for table in section.tables:
            if table.title:
                lines += ["", f"### {table.title}"]
            lines += ["", *_table(table.columns), *(_row(cells) for cells in table.rows)]
    return "\n".join(lines) + "\n"


def microseconds(value: float) -> str:
    """Return a figure in µs with its significant digits."""
    return f"{value:,.2f}" if value < 100 else f"{value:,.0f}"


def milliseconds(value: float) -> str:
    """Return a figure in ms with its significant digits."""
    return f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def times(value: float) -> str:
    """Return a ratio with its significant digits."""
    return f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def _missed(goals: Sequence[Goal]) -> list[str]:
    missed = [goal for goal in goals if not goal.is_reached]
    if not missed:
        return []
    return ["", "Goals that were missed:", "", *(f"- {goal.text}: {goal.if_missed}" for goal in missed)]


def _table(columns: Sequence[str]) -> list[str]:
    return [_row(columns), _row(["---", *("---:" for _ in columns[1:])])]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _with_unit(number: str, unit: str) -> str:
    return f"{number} {unit}".rstrip()


def _machine() -> str:
    major, minor, _ = platform.python_version_tuple()
    return f"{os.cpu_count()} cores, {platform.python_implementation()} {major}.{minor}"


def _versions() -> str:
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)
