"""The measurements as values, and as the Markdown of docs/benchmarks.md."""

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
    "prometheus-client",
    "structlog",
    "pydantic",
)


@dataclass(frozen=True)
class Goal:
    """What a measurement should come to."""

    text: str
    measured: float
    limit: float
    unit: str = ""
    at_least: bool = False
    """Whether more is better."""
    if_missed: str = ""
    """Why it was not reached, and what would; printed only then."""

    @property
    def is_reached(self) -> bool:
        """Whether the measurement, to the digits that are printed, is within the limit."""
        measured = round(self.measured, self._digits)
        return measured >= self.limit if self.at_least else measured <= self.limit

    @property
    def _digits(self) -> int:
        return 3 if self.unit == "ms" else 2

    def row(self) -> str:
        """One line of the table of goals."""
        word = "at least" if self.at_least else "at most"
        goal = f"{self.text}: {word} {_with_unit(f'{self.limit:g}', self.unit)}"
        measured = _with_unit(f"{self.measured:.{self._digits}f}", self.unit)
        return _row([goal, measured, "yes" if self.is_reached else "**no**"])


@dataclass(frozen=True)
class Table:
    """Figures of one race."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Section:
    """One thing that was measured."""

    title: str
    method: str
    tables: Sequence[Table]
    goals: Sequence[Goal] = ()


def render(sections: Iterable[Section]) -> str:
    """The whole document."""
    sections = list(sections)
    goals = [goal for section in sections for goal in section.goals]
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`; do not edit.",
        f"Measured on {_machine()} with {_versions()}.",
        "",
        "Read the ratios first: microseconds are those of the machine, ratios travel.",
        "The contenders of a race take turns, each round beginning with another one, so what disturbs the machine",
        "disturbs all of them. Where nothing else is said, a turn is about a millisecond, and the best turn of each",
        "is its figure; the sections on the run engine take whole runs, and their median.",
        "Garbage collection is on.",
        "Logging is as a program has it that configures nothing, except where a row says otherwise.",
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
    """A figure in µs, with the digits that mean something."""
    return f"{value:,.2f}" if value < 100 else f"{value:,.0f}"


def milliseconds(value: float) -> str:
    """A figure in ms, with the digits that mean something."""
    return f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def times(value: float) -> str:
    """A ratio."""
    return f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def _missed(goals: Sequence[Goal]) -> list[str]:
    missed = [goal for goal in goals if not goal.is_reached]
    if not missed:
        return []
    return ["", "Not reached:", "", *(f"- {goal.text}: {goal.if_missed}" for goal in missed)]


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
