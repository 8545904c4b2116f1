"""`Dag`: the dependencies between steps. No function here uses recursion, so depth has no limit."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Dag", "find_cycles"]


class Dag:
    """The dependencies of a workflow. Immutable, so threads may share it.

    Args:
        dependencies: For each step, the steps that it waits for. Each of these must be a key, too.

    Attributes:
        dependencies: As given, without duplicates.
        dependents: For each step, the steps that wait for it.
        order: All steps, each after the steps that it waits for; the same order in each process.

    Raises:
        graphlib.CycleError: There is a cycle; `find_cycles` returns it.
    """

    def __init__(self, dependencies: Mapping[str, Iterable[str]]) -> None:
        self.dependencies: dict[str, tuple[str, ...]] = {
            step: tuple(dict.fromkeys(before)) for step, before in dependencies.items()
        }
        dependents: dict[str, list[str]] = {step: [] for step in self.dependencies}
        for step, before in self.dependencies.items():
            for each in before:
                dependents[each].append(step)
        self.dependents = {step: tuple(after) for step, after in dependents.items()}
        self.order: tuple[str, ...] = tuple(TopologicalSorter(self.dependencies).static_order())

    def downstream(self, seeds: Iterable[str]) -> frozenset[str]:
        """Return the downstream closure: `seeds` and all steps that depend on them, directly or not."""
        found = set(seeds)
        queue = deque(found)
        while queue:
            for step in self.dependents[queue.popleft()]:
                if step not in found:
                    found.add(step)
                    queue.append(step)
        return frozenset(found)

    def waves(self) -> list[list[str]]:
        """Return the steps by depth: each waits only for steps of earlier waves."""
        depth: dict[str, int] = {}
        waves: list[list[str]] = []
        for step in self.order:
            depth[step] = 1 + max((depth[before] for before in self.dependencies[step]), default=-1)
            if depth[step] == len(waves):
                waves.append([])
            waves[depth[step]].append(step)
        return waves


def find_cycles(dependencies: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Return cycles, each as a path in the order of execution that ends with its first step.

    Of cycles that share steps, only one may be returned. Takes linear time in the number of dependencies.

    Args:
        dependencies: For each step, the steps that it waits for. Each of these must be a key, too.
    """
    blocked = _blocked_steps(dependencies)
    cycles: list[list[str]] = []
    seen: set[str] = set()
    for start in blocked:
        walk: dict[str, int] = {}
        step = start
        while step not in seen:
            seen.add(step)
            walk[step] = len(walk)
            # There is such a dependency: otherwise this step would not be blocked.
            step = next(before for before in dependencies[step] if before in blocked)
        if step in walk:
            path = [*walk][walk[step] :][::-1]
            cycles.append([*path, path[0]])
    return cycles


def _blocked_steps(dependencies: Mapping[str, Iterable[str]]) -> dict[str, None]:
    """Return the steps that can never run: those on a cycle, and those that wait for one."""
    sorter = TopologicalSorter(dependencies)
    with suppress(CycleError):  # The sorter still returns the steps before the cycles.
        sorter.prepare()
    blocked = dict.fromkeys(dependencies)
    while ready := sorter.get_ready():
        sorter.done(*ready)
        for step in ready:
            del blocked[step]
    return blocked
