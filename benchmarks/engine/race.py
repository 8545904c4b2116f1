"""Contenders of the run engine's sections take turns; each turn has a fresh database, except those of processes.

Each round gives every contender one turn of each load, and each next round begins with another contender.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.engine import outside
from benchmarks.engine.turns import Turn, take_turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.engine.turns import Load, Opens

LABELS = {"dbos": "DBOS", "prefect": "Prefect"}


@dataclass(frozen=True)
class Rival:
    """Somebody who carries loads."""

    name: str
    take: Callable[[Load], Turn]
    max_runs: int = 1_000_000
    """Of one turn, where more would take too long."""
    max_steps: int = 1_000_000
    """The same; a load of longer runs is left out."""


def here(name: str, opens: Opens, **limits: int) -> Rival:
    """A contender in this process, in a fresh folder and event loop for each turn."""

    def take(load: Load) -> Turn:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            return asyncio.run(take_turn(opens, load, Path(folder)))

    return Rival(name, take, **limits)


@contextlib.contextmanager
def rivals(
    *inside: Rival, processes: Sequence[str] = (), **limits: int
) -> Iterator[tuple[list[Rival], list[str]]]:
    """The contenders, those that are processes too, and sentences for the document on those that are not there."""
    found, notes = [*inside], list[str]()
    with contextlib.ExitStack() as stack:
        for name in processes:
            label = f"{LABELS[name]} {outside.versions()[name]}"
            try:
                started = stack.enter_context(outside.child(name))
            except outside.NotThereError as error:
                notes.append(_note(label, error))
                continue
            found.append(Rival(label, started.take, **limits))
        yield found, notes


def race(
    field: Sequence[Rival], loads: dict[str, Load], rounds: int, notes: list[str] | None = None
) -> dict[str, dict[str, list[Turn]]]:
    """The turns of each contender by load.

    A contender that a load is too long for is not in it; nor is one whose process has ended, and `notes` gets a
    sentence that says so.
    """
    gone: set[str] = set()
    found: dict[str, dict[str, list[Turn]]] = {name: {} for name in loads}
    for number in range(rounds):
        first = number % len(field)
        for rival in (*field[first:], *field[:first]):
            for name, load in loads.items():
                if rival.name in gone or len(load.dag.before) > rival.max_steps:
                    continue
                try:
                    turn = rival.take(replace(load, runs=min(load.runs, rival.max_runs)))
                except outside.NotThereError as error:
                    gone.add(rival.name)
                    if notes is not None:
                        notes.append(_note(rival.name, error))
                else:
                    found[name].setdefault(rival.name, []).append(turn)
    there = [rival.name for rival in field if rival.name not in gone]
    return {name: {each: turns[each] for each in there if each in turns} for name, turns in found.items()}


def _note(name: str, error: outside.NotThereError) -> str:
    return f"{name} is not in the tables: here it {error}."


def all_runs_ms(turns: Sequence[Turn]) -> list[float]:
    """Of all turns together."""
    return [each for turn in turns for each in turn.runs_ms]


def median_ms(turns: Sequence[Turn]) -> float:
    """Of all runs of all turns."""
    return median(all_runs_ms(turns))


def best_ms(turns: Sequence[Turn]) -> float:
    """The shortest run."""
    return min(all_runs_ms(turns))


def beside(turns: dict[str, list[Turn]], name: str, base: str) -> float:
    """How much longer the runs of one contender take than those of another, in the median round."""
    pairs = zip(turns[name], turns[base], strict=True)
    return median(median(mine.runs_ms) / median(other.runs_ms) for mine, other in pairs)
