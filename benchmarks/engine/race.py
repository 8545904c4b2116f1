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
def rivals(*inside: Rival, processes: Sequence[str] = (), **limits: int) -> Iterator[tuple[list[Rival], str]]:
    """The contenders, those that are processes too, and a sentence for the document on those that are not there."""
    found, missing = [*inside], []
    with contextlib.ExitStack() as stack:
        for name in processes:
            label = f"{LABELS[name]} {outside.versions()[name]}"
            try:
                started = stack.enter_context(outside.child(name))
            except outside.NotInstalledError as error:
                missing.append(f"{label} could not be installed here ({error}), so it is not in the tables.")
                continue
            found.append(Rival(label, started.take, **limits))
        yield found, "\n".join(missing)


def race(field: Sequence[Rival], loads: dict[str, Load], rounds: int) -> dict[str, dict[str, list[Turn]]]:
    """The turns of each contender by load; a contender that cannot carry a load is not in it."""
    found: dict[str, dict[str, list[Turn]]] = {name: {} for name in loads}
    for number in range(rounds):
        first = number % len(field)
        for rival in (*field[first:], *field[:first]):
            for name, load in loads.items():
                if len(load.dag.before) <= rival.max_steps:
                    runs = min(load.runs, rival.max_runs)
                    turn = rival.take(replace(load, runs=runs))
                    found[name].setdefault(rival.name, []).append(turn)
    for name, turns in found.items():
        found[name] = {rival.name: turns[rival.name] for rival in field if rival.name in turns}
    return found


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
