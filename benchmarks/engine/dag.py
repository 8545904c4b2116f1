"""The DAGs of the benchmarks, and a runner for them in plain asyncio. Standard library only."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


@dataclass(frozen=True)
class Dag:
    """Steps in topological order, and how long each sleeps."""

    before: dict[str, list[str]]
    durations_ms: dict[str, float] = field(default_factory=dict)

    @property
    def critical_path_ms(self) -> float:
        """The lower bound of a run: the longest sum of durations along a path."""
        ends: dict[str, float] = {}
        for step, before in self.before.items():
            ends[step] = self.durations_ms.get(step, 0) + max((ends[each] for each in before), default=0)
        return max(ends.values())

    @property
    def last(self) -> str:
        """The last step in order."""
        return [*self.before][-1]

    def halved(self) -> Dag:
        """The same DAG with steps that take half as long."""
        return Dag(self.before, {step: ms / 2 for step, ms in self.durations_ms.items()})


async def walk(dag: Dag, step: Callable[[str, list[Any]], Awaitable[Any]]) -> None:
    """Call `step` with the name of each step and what it receives, as soon as its dependencies are done."""
    tasks: dict[str, asyncio.Task[Any]] = {}

    async def one(name: str) -> Any:
        return await step(name, [await tasks[each] for each in dag.before[name]])

    for name in dag.before:
        tasks[name] = asyncio.create_task(one(name))
    await asyncio.gather(*tasks.values())


_CAMPAIGN: dict[str, tuple[float, list[str]]] = {
    "brief": (80, []),
    "audience": (380, ["brief"]),
    "theme": (120, ["brief"]),
    "pillars": (90, ["theme"]),
    "images": (370, ["theme"]),
    "headlines": (200, ["pillars"]),
    "copy": (300, ["headlines", "audience"]),
    "layout": (60, ["images", "pillars"]),
    "posts": (300, ["headlines"]),
    "video": (380, ["images"]),
    "emails": (180, ["copy"]),
    "bundle": (90, ["emails", "posts", "layout", "video"]),
    "report": (40, ["bundle"]),
}


def campaign(*, sleeps: bool = False) -> Dag:
    """Thirteen steps of several lengths and eight levels, whose longest steps are not all on one path."""
    before = {step: [*needs] for step, (_, needs) in _CAMPAIGN.items()}
    return Dag(before, {step: ms for step, (ms, _) in _CAMPAIGN.items()} if sleeps else {})


def scattered(count: int, seed: int = 19) -> Dag:
    """A random DAG: each step depends on up to three of the twenty before it, and sleeps 20 to 400 ms.

    The logarithm of the duration is uniform, so half of the steps take less than 90 ms.
    """
    chance = random.Random(seed)  # noqa: S311 - a shape, not a secret
    names = [f"s{number}" for number in range(count)]
    before = {
        name: sorted(chance.sample(names[max(0, number - 20) : number], min(number, chance.randint(0, 3))))
        for number, name in enumerate(names)
    }
    return Dag(before, {name: float(round(20 * 20 ** chance.random())) for name in names})


def chain(count: int) -> Dag:
    """A chain of steps."""
    return Dag({f"s{number}": [f"s{number - 1}"] if number else [] for number in range(count)})


def row(count: int) -> Dag:
    """Independent steps."""
    return Dag({f"s{number}": [] for number in range(count)})


def layers(count: int, width: int = 10) -> Dag:
    """Layers of `width` steps; each step depends on two of the layer above."""
    before: dict[str, list[str]] = {}
    for number in range(count):
        layer, place = divmod(number, width)
        above = {(layer - 1) * width + each % width for each in (place, place + 1)} if layer else set()
        before[f"s{number}"] = [f"s{each}" for each in sorted(above)]
    return Dag(before)
