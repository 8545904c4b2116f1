"""Time contenders against each other, on a machine that may do other work at the same time.

The contenders of a race take turns: in each round every contender has one short turn, and each round starts with
another contender, so a disturbance of the machine affects all of them alike.

Short calls are compared by the best turn of each contender, because noise can only make a turn longer. Calls that
take longer than a turn are seldom undisturbed; they are compared within each round, and the median round counts.
"""

from __future__ import annotations

import asyncio
import gc
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import repeat
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
