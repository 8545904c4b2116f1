"""`Dag`: which step comes after which. Plain data, no recursion, so depth has no limit."""

from __future__ import annotations

from collections import deque
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Dag", "cycles_in"]


class Dag:
    """The dependencies of a workflow. Immutable after it was made, so threads may share it.

    Args:
        dependencies: For each step the steps that it waits for. All of them are steps; there is no cycle.

    Raises:
        graphlib.CycleError: There is one; `cycles_in` tells it.
    """

    def __init__(self, dependencies: Mapping[str, Iterable[str]]) -> None:
        self.dependencies: dict[str, tuple[str, ...]] = {
            step: tuple(dict.fromkeys(before)) for step, before in dependencies.items()
        }
        self.dependents: dict[str, tuple[str, ...]] = {
            step: tuple(after) for step, after in _dependents(self.dependencies).items()
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


def cycles_in(dependencies: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Cycles, each as its path in the order of the work, the first step named again at the end.

    Cycles that share steps may be told by one of them. Takes time in proportion to the number of dependencies.

    Args:
        dependencies: For each step the steps that it waits for. All of them are steps.
    """
    stuck = _stuck(dependencies)
    cycles: list[list[str]] = []
    seen: set[str] = set()
    for start in stuck:
        walk: dict[str, int] = {}
        step = start
        while step not in seen:
            seen.add(step)
            walk[step] = len(walk)
            # There is one: otherwise this step would not be stuck.
            step = next(before for before in dependencies[step] if before in stuck)
        if step in walk:
            path = [*walk][walk[step] :][::-1]
            cycles.append([*path, path[0]])
    return cycles


def _stuck(dependencies: Mapping[str, Iterable[str]]) -> dict[str, int]:
    """The steps that never get their turn: those on a cycle, and those that wait for one."""
    dependents = _dependents(dependencies)
    waiting_for = {step: len([*before]) for step, before in dependencies.items()}
    ready = deque(step for step, count in waiting_for.items() if not count)
    while ready:
        step = ready.popleft()
        del waiting_for[step]
        for after in dependents[step]:
            waiting_for[after] -= 1
            if not waiting_for[after]:
                ready.append(after)
    return waiting_for


def _dependents(dependencies: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    dependents: dict[str, list[str]] = {step: [] for step in dependencies}
    for step, before in dependencies.items():
        for each in before:
            dependents[each].append(step)
    return dependents
