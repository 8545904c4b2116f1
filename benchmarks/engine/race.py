"""Races of the run engine's sections. Each turn has a new database, except for contenders in other processes.

In each round every contender has one turn for each load; each round starts with another contender.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.engine import outside
from benchmarks.engine.turns import Turn, take_turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.engine.turns import Load, Opens

LABELS = {"dbos": "DBOS"}


@dataclass(frozen=True)
class Rival:
    """A contender that runs loads."""

    name: str
    take: Callable[[Load], Turn]
    max_runs: int = 1_000_000
    """The limit of runs in one turn, if more would take too long."""
    max_steps: int = 1_000_000
    """The limit of steps in a run; loads with longer runs are left out."""
    has_cache: bool = True
    """Whether it can serve steps from a cache; other contenders leave out loads that are cached."""


def here(name: str, opens: Opens, **limits: int) -> Rival:
    """A contender in this process, in a fresh folder and event loop for each turn."""

    def take(load: Load) -> Turn:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            return asyncio.run(take_turn(opens, load, Path(folder)))

    return Rival(name, take, **limits)


@contextlib.contextmanager
def rivals(
    *inside: Rival, processes: Sequence[str] = (), **limits: Any
) -> Iterator[tuple[list[Rival], list[str]]]:
    """Yield the contenders, and a note for the document on each process that could not be started."""
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
    """Return the turns of each contender by load.

    Contenders for which a load is too long are left out. So are contenders whose process has ended; `notes` gets a
    sentence about each of them.
    """
    gone: set[str] = set()
    found: dict[str, dict[str, list[Turn]]] = {name: {} for name in loads}
    for number in range(rounds):
        first = number % len(field)
        for rival in (*field[first:], *field[:first]):
            for name, load in loads.items():
                if rival.name in gone or len(load.dag.before) > rival.max_steps:
                    continue
                if load.is_cached and not rival.has_cache:
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
    return f"{name} is missing from the tables: on this machine it {error}."


def all_runs_ms(turns: Sequence[Turn]) -> list[float]:
    """Return the times of the runs of all turns."""
    return [each for turn in turns for each in turn.runs_ms]


def median_ms(turns: Sequence[Turn]) -> float:
    """Return the median over all runs of all turns."""
    return median(all_runs_ms(turns))


def best_ms(turns: Sequence[Turn]) -> float:
    """Return the time of the shortest run."""
    return min(all_runs_ms(turns))


def beside(turns: dict[str, list[Turn]], name: str, base: str) -> float:
    """Return the ratio of the times of two contenders in the median round."""
    pairs = zip(turns[name], turns[base], strict=True)
    return median(median(mine.runs_ms) / median(other.runs_ms) for mine, other in pairs)
