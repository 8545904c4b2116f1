"""`Dag`: which step comes after which. Plain data, no recursion, so depth has no limit."""

from __future__ import annotations

from collections import deque
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Dag", "cycle_in"]


class Dag:
    """The dependencies of a workflow. Immutable after it was made, so threads may share it.

    Args:
        dependencies: For each step the steps that it waits for. All of them are steps; there is no cycle.

    Raises:
        graphlib.CycleError: There is one; `cycle_in` tells it.
    """

    def __init__(self, dependencies: Mapping[str, Iterable[str]]) -> None:
        self.dependencies: dict[str, tuple[str, ...]] = {
            step: tuple(dict.fromkeys(before)) for step, before in dependencies.items()
        }
        dependents: dict[str, list[str]] = {step: [] for step in self.dependencies}
        for step, before in self.dependencies.items():
            for each in before:
                dependents[each].append(step)
        self.dependents: dict[str, tuple[str, ...]] = {
            step: tuple(after) for step, after in dependents.items()
        }
        self.order: tuple[str, ...] = tuple(TopologicalSorter(self.dependencies).static_order())
        """Each step after all that it waits for; the same in each process."""

    def downstream(self, seeds: Iterable[str]) -> frozenset[str]:
        """The downstream closure: `seeds` and every step that waits for one of them, directly or not."""
        found = set(seeds)
        queue = deque(found)
        while queue:
            for step in self.dependents[queue.popleft()]:
                if step not in found:
                    found.add(step)
                    queue.append(step)
        return frozenset(found)

    def waves(self) -> list[list[str]]:
        """Steps by depth: those of the first need nothing, those of the next only what came before."""
        depth: dict[str, int] = {}
        waves: list[list[str]] = []
        for step in self.order:
            depth[step] = 1 + max((depth[before] for before in self.dependencies[step]), default=-1)
            if depth[step] == len(waves):
                waves.append([])
            waves[depth[step]].append(step)
        return waves


def cycle_in(dependencies: Mapping[str, Iterable[str]]) -> list[str] | None:
    """A cycle as its path in the order of the work, the first step named again at the end; None without one."""
    try:
        TopologicalSorter(dependencies).prepare()
    except CycleError as error:
        path: list[str] = list(error.args[1])
        return path
    return None
