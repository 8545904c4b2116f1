"""The dependency graph: order, closure, waves, cycles."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_runner.workflow import Dag
from langgraph_runner.workflow.dag import cycles_in

pytestmark = pytest.mark.req("R-3")

MANY = 10_000


@st.composite
def dags(draw: Any, max_steps: int = 12) -> dict[str, list[str]]:
    """Steps that wait for some of those before them, written in any order."""
    count = draw(st.integers(1, max_steps))
    names = draw(st.permutations([f"s{n}" for n in range(count)]))
    before = {
        name: draw(st.lists(st.sampled_from(names[:position]), unique=True)) if position else []
        for position, name in enumerate(names)
    }
    return {name: before[name] for name in draw(st.permutations(names))}


@st.composite
def any_graphs(draw: Any) -> dict[str, list[str]]:
    """Steps that wait for any, themselves too."""
    names = [f"s{n}" for n in range(draw(st.integers(1, 8)))]
    return {name: draw(st.lists(st.sampled_from(names), unique=True, max_size=3)) for name in names}


def reachable(dependencies: dict[str, list[str]], start: str) -> set[str]:
    """What comes after `start`, the slow way."""
    found = {start}
    while more := {step for step, before in dependencies.items() if found & {*before}} - found:
        found |= more
    return found


@given(dags())
def test_each_step_comes_after_all_that_it_waits_for(dependencies: dict[str, list[str]]) -> None:
    """And each comes once."""
    order = Dag(dependencies).order
    assert sorted(order) == sorted(dependencies)
    assert all(order.index(before) < order.index(step) for step in order for before in dependencies[step])


@given(dags())
def test_the_order_depends_on_nothing_but_what_is_written(dependencies: dict[str, list[str]]) -> None:
    """Another process orders the same workflow in the same way."""
    assert (
        Dag(dependencies).order == Dag({step: tuple(before) for step, before in dependencies.items()}).order
    )


@given(dags(), st.data())
def test_downstream_is_what_can_be_reached(dependencies: dict[str, list[str]], data: Any) -> None:
    """The seeds, and every step that waits for one of them, directly or not."""
    seeds = data.draw(st.sets(st.sampled_from([*dependencies])))
    expected = set().union(*(reachable(dependencies, seed) for seed in seeds))
    assert Dag(dependencies).downstream(seeds) == expected


@given(dags())
def test_a_wave_needs_nothing_but_the_waves_before(dependencies: dict[str, list[str]]) -> None:
    """And no step stands later than it must."""
    waves = Dag(dependencies).waves()
    depth = {step: number for number, wave in enumerate(waves) for step in wave}
    assert depth.keys() == dependencies.keys()
    for step, before in dependencies.items():
        assert depth[step] == max((depth[each] + 1 for each in before), default=0)


@given(any_graphs())
def test_each_cycle_is_a_path_that_comes_back(dependencies: dict[str, list[str]]) -> None:
    """Each step of it waits for the one before; there is one if and only if some step is stuck."""
    cycles = cycles_in(dependencies)
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


def test_cycles_that_share_no_step_are_all_told() -> None:
    """Not only the first."""
    found = cycles_in({"a": ["b"], "b": ["a"], "c": ["c"], "d": ["a", "c"], "e": []})
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
    """Nothing recurses."""
    dag = Dag(dependencies)
    assert len(dag.order) == len(dependencies)
    assert "s0" in dag.downstream(["s0"])
    assert sum(map(len, dag.waves())) == len(dependencies)
    assert cycles_in(dependencies) == []


def test_a_cycle_of_10_000_steps_is_found() -> None:
    """As its whole path."""
    (path,) = cycles_in({f"s{n}": [f"s{(n - 1) % MANY}"] for n in range(MANY)})
    assert len(path) == MANY + 1
