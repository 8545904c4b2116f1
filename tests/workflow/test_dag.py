"""The dependency graph: order, closure, waves, cycles."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_runner.workflow import Dag
from langgraph_runner.workflow.dag import find_cycles

pytestmark = pytest.mark.req("R-3")

MANY = 10_000


@st.composite
def dags(draw: Any, max_steps: int = 12) -> dict[str, list[str]]:
    """DAGs whose steps are written in any order."""
    count = draw(st.integers(1, max_steps))
    names = draw(st.permutations([f"s{n}" for n in range(count)]))
    before = {
        name: draw(st.lists(st.sampled_from(names[:position]), unique=True)) if position else []
        for position, name in enumerate(names)
    }
    return {name: before[name] for name in draw(st.permutations(names))}


@st.composite
def any_graphs(draw: Any) -> dict[str, list[str]]:
    """Graphs whose steps may wait for any steps, also for themselves."""
    names = [f"s{n}" for n in range(draw(st.integers(1, 8)))]
    return {name: draw(st.lists(st.sampled_from(names), unique=True, max_size=3)) for name in names}


def reachable(dependencies: dict[str, list[str]], start: str) -> set[str]:
    """Return everything that comes after `start`, computed in the slow way."""
    found = {start}
    while more := {step for step, before in dependencies.items() if found & {*before}} - found:
        found |= more
    return found


@given(dags())
def test_each_step_comes_after_its_dependencies(dependencies: dict[str, list[str]]) -> None:
    """Each step comes once."""
    order = Dag(dependencies).order
    assert sorted(order) == sorted(dependencies)
    assert all(order.index(before) < order.index(step) for step in order for before in dependencies[step])


@given(dags())
def test_the_order_is_reproducible(dependencies: dict[str, list[str]]) -> None:
    """Another process orders the same workflow in the same way."""
    assert (
        Dag(dependencies).order == Dag({step: tuple(before) for step, before in dependencies.items()}).order
    )


@given(dags(), st.data())
def test_downstream_is_the_set_of_reachable_steps(dependencies: dict[str, list[str]], data: Any) -> None:
    """It contains the seeds, and every step that waits for one of them, directly or not."""
    seeds = data.draw(st.sets(st.sampled_from([*dependencies])))
    expected = set().union(*(reachable(dependencies, seed) for seed in seeds))
    assert Dag(dependencies).downstream(seeds) == expected


@given(dags())
def test_a_wave_depends_only_on_earlier_waves(dependencies: dict[str, list[str]]) -> None:
    """Each step is in the earliest possible wave."""
    waves = Dag(dependencies).waves()
    depth = {step: number for number, wave in enumerate(waves) for step in wave}
    assert depth.keys() == dependencies.keys()
    for step, before in dependencies.items():
        assert depth[step] == max((depth[each] + 1 for each in before), default=0)


@given(any_graphs())
def test_each_cycle_is_a_closed_path(dependencies: dict[str, list[str]]) -> None:
    """Each of its steps waits for the previous one. There is a cycle if and only if some step can never run."""
    cycles = find_cycles(dependencies)
    for path in cycles:
        assert path[0] == path[-1]
        assert len(set(path)) == len(path) - 1
        assert all(one in dependencies[other] for one, other in pairwise(path))
    on_a_cycle = {
        step
        for step in dependencies
        for before in dependencies[step]
        if before in reachable(dependencies, step)
    }
    assert bool(cycles) is bool(on_a_cycle)
    assert len({step for path in cycles for step in path}) == sum(len(path) - 1 for path in cycles)


def test_all_disjoint_cycles_are_found() -> None:
    """The result has all cycles, not only the first."""
    found = find_cycles({"a": ["b"], "b": ["a"], "c": ["c"], "d": ["a", "c"], "e": []})
    assert sorted(sorted(set(path)) for path in found) == [["a", "b"], ["c"]]


def test_a_dependency_that_is_named_twice_counts_once() -> None:
    """A parameter and `depends_on` may name the same step."""
    dag = Dag({"a": (), "b": ("a", "a")})
    assert (dag.dependencies["b"], dag.dependents["a"]) == (("a",), ("b",))


@pytest.mark.parametrize(
    "dependencies",
    [
        {f"s{n}": [f"s{n - 1}"] if n else [] for n in range(MANY)},
        {**{f"s{n}": [] for n in range(MANY)}, "end": [f"s{n}" for n in range(MANY)]},
        {f"s{n}": ["s0"] if n else [] for n in range(MANY)},
    ],
    ids=["chain", "fan-in", "fan-out"],
)
def test_depth_and_width_have_no_limit(dependencies: dict[str, list[str]]) -> None:
    """No function uses recursion."""
    dag = Dag(dependencies)
    assert len(dag.order) == len(dependencies)
    assert "s0" in dag.downstream(["s0"])
    assert sum(map(len, dag.waves())) == len(dependencies)
    assert find_cycles(dependencies) == []


def test_a_cycle_of_10_000_steps_is_found() -> None:
    """The path has all of its steps."""
    (path,) = find_cycles({f"s{n}": [f"s{(n - 1) % MANY}"] for n in range(MANY)})
    assert len(path) == MANY + 1
