"""Time contenders against each other, on a machine that may do other work at the same time.

The contenders of a race take turns: in each round every contender has one short turn, and each round starts with
another contender, so a disturbance of the machine affects all of them alike.

Short calls are compared by the best turn of each contender, because noise can only make a turn longer. Calls that
take longer than a turn are seldom undisturbed; they are compared within each round, and the median round counts.
"""

from __future__ import annotations

import asyncio
import gc
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import repeat
from multiprocessing import get_context
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

STATE = {"a": 1}
RESULT = {"b": 2}
TURN_S = 0.001
"""Shorter than a time slice of the operating system, so that most turns are not interrupted."""


@dataclass(frozen=True)
class Contender:
    """A callable under test."""

    name: str
    call: Callable[[Any], Any]
    """A function, or a coroutine function if `is_async`."""
    is_async: bool = False
    setting: Callable[[], AbstractContextManager[object]] = nullcontext
    """Set up before each of its turns and torn down after it; not timed."""


@dataclass(frozen=True)
class Figures:
    """The microseconds per call of every contender in every round."""

    turns: dict[str, list[float]]

    @property
    def best(self) -> dict[str, float]:
        """Return the best turn of each contender."""
        return {name: min(turns) for name, turns in self.turns.items()}

    def ratio(self, name: str, base: str) -> float:
        """Return the ratio of the times of two contenders in the median round."""
        return median(mine / other for mine, other in zip(self.turns[name], self.turns[base], strict=True))


def race(contenders: Iterable[Contender], *, rounds: int, turn_s: float = TURN_S) -> Figures:
    """Time the contenders in turns.

    Args:
        contenders: The contenders.
        rounds: How many turns each contender gets.
        turn_s: The approximate length of a turn, in seconds; a turn is at least one call.
    """
    with asyncio.Runner() as runner:
        turns = [_Turn(contender, runner, turn_s) for contender in contenders]
        gc.collect()
        gc.freeze()  # Collections during a turn do not scan objects that exist already.
        try:
            for number in range(rounds):
                first = number % len(turns)
                for turn in turns[first:] + turns[:first]:
                    turn.take()
        finally:
            gc.unfreeze()
    return Figures({turn.contender.name: turn.taken_us for turn in turns})


def race_in_processes(
    make: Callable[..., Iterable[Contender]], *arguments: Any, rounds: int, processes: int, **keywords: Any
) -> Figures:
    """Race the contenders in several new processes, one after the other, and put their turns together.

    Where objects lie in memory differs from process to process, and moves the ratio of two chains by half a percent.

    Args:
        make: A function of a module, which makes the contenders of its arguments.
        *arguments: What it is called with; they are pickled.
        rounds: How many turns each contender gets in each process.
        processes: How many processes; 0 for a race in this one.
        **keywords: What it is called with, too.
    """
    if not processes:
        return race(make(*arguments, **keywords), rounds=rounds)
    turns: dict[str, list[float]] = {}
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as pool:
        for _ in range(processes):
            found = pool.submit(_race_of, make, arguments, keywords, rounds).result()
            for name, taken_us in found.turns.items():
                turns.setdefault(name, []).extend(taken_us)
    return Figures(turns)


def _race_of(
    make: Callable[..., Iterable[Contender]],
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
    rounds: int,
) -> Figures:
    return race(make(*arguments, **keywords), rounds=rounds)


class _Turn:
    def __init__(self, contender: Contender, runner: asyncio.Runner, turn_s: float) -> None:
        self.contender = contender
        self.taken_us: list[float] = []
        self._runner = runner
        self._calls = 1
        with contender.setting():
            self._calls = max(1, round(turn_s / self._warm_call_s(turn_s)))

    def take(self) -> None:
        with self.contender.setting():
            self._run(1)  # The setting may have emptied caches.
            self.taken_us.append(self._run(self._calls) / self._calls * 1e6)

    def _warm_call_s(self, turn_s: float) -> float:
        calls = 1
        while (elapsed := self._run(calls)) < turn_s / 2:
            calls *= 2
        return elapsed / calls

    def _run(self, calls: int) -> float:
        if self.contender.is_async:
            return self._runner.run(_timed_awaits(self.contender.call, repeat(STATE, calls)))
        return _timed_calls(self.contender.call, repeat(STATE, calls))


def _timed_calls(call: Callable[[Any], Any], states: Iterator[Any]) -> float:
    started = perf_counter()
    for state in states:
        call(state)
    return perf_counter() - started


async def _timed_awaits(call: Callable[[Any], Any], states: Iterator[Any]) -> float:
    started = perf_counter()
    for state in states:
        await call(state)
    return perf_counter() - started
