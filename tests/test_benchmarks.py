"""The benchmarks measure what they say: every contender runs and returns the right thing. No time is asserted."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks import graph_chain, graph_runner, import_time
from benchmarks.contenders import flaky
from benchmarks.harness import RESULT, STATE, Contender, race
from benchmarks.report import Goal, Section, Table, render


def call(contender: Contender) -> Any:
    """Call a contender once, in its setting."""
    with contender.setting():
        if not contender.is_async:
            return contender.call(STATE)

        async def awaited() -> Any:
            return await contender.call(STATE)

        return asyncio.run(awaited())


@pytest.fixture
def success_path() -> Any:
    """The module, where the libraries that it compares with are installed (`make bench` installs them)."""
    return pytest.importorskip("benchmarks.success_path", exc_type=ModuleNotFoundError)


@pytest.fixture
def failed_attempt() -> Any:
    """The same."""
    return pytest.importorskip("benchmarks.failed_attempt", exc_type=ModuleNotFoundError)


def test_contenders_of_a_success_return_what_the_function_does(success_path: Any) -> None:
    """Whatever is wrapped around it."""
    for contender in [*success_path.sync_contenders(), *success_path.async_contenders()]:
        assert call(contender) == RESULT, contender.name


def test_contenders_of_a_failure_retry_until_success(failed_attempt: Any) -> None:
    """Bare, in a node, in a graph; each twice, so that each begins anew."""
    for is_async in (False, True):
        for contender in failed_attempt.contenders(3, is_async=is_async):
            for _ in range(2):
                assert call(contender)["b"] == RESULT["b"], contender.name


def test_flaky_function_fails_as_often_as_it_says() -> None:
    """Then succeeds, then begins anew."""
    function = flaky(2, is_async=False)
    seen = []
    for _ in range(6):
        try:
            seen.append(function(STATE))
        except ConnectionError:
            seen.append(None)
    assert seen == [None, None, RESULT] * 2


def test_chains_run_from_end_to_end() -> None:
    """All of them leave the state as it was, and record no errors."""
    for is_async in (False, True):
        for contender in graph_chain.contenders(is_async=is_async, nodes=3):
            assert call(contender) == STATE, contender.name


@pytest.mark.parametrize("shape", graph_runner.SHAPES, ids=lambda shape: shape.short)
@pytest.mark.parametrize("is_async", [False, True])
def test_a_graph_ends_with_the_same_state_however_it_is_run(
    shape: graph_runner.Shape, is_async: bool
) -> None:
    """By itself, and by a runner with each of its options."""
    for contender in graph_runner.contenders(shape, is_async=is_async):
        found = call(contender)
        assert getattr(found, "state", found) == STATE, contender.name


@pytest.mark.parametrize("shape", graph_runner.SHAPES, ids=lambda shape: shape.short)
def test_graphs_have_as_many_waves_as_the_figures_are_divided_by(shape: graph_runner.Shape) -> None:
    """Those of nested graphs count as well."""
    steps = shape.make(graph_chain.nothing).stream(STATE, subgraphs=True, stream_mode="debug")
    assert len({(place, event["step"]) for place, event in steps}) == shape.waves


def test_every_saver_is_measured_on_every_history(tmp_path: Path) -> None:
    """With next to no checkpoints: each row has its ratio and its figures, and no file is left behind."""
    json_saver: Any = pytest.importorskip("benchmarks.json_saver", exc_type=ModuleNotFoundError)
    section = json_saver.measure(rounds=2, counts=(1, 2), parent=str(tmp_path))
    assert [table.title for table in section.tables] == [json_saver.PUT, json_saver.STEP, json_saver.READ]
    for table in section.tables:
        assert [row[0] for row in table.rows] == ["1 KB on 1", "1 KB on 2", "1 MB on 1", "1 MB on 2"]
        assert {len(row) for row in table.rows} == {len(table.columns)}
        assert all(float(figure) > 0 for row in table.rows for figure in row[1:])
    assert list(tmp_path.iterdir()) == []


def test_race_gives_every_contender_its_turns() -> None:
    """In both colours."""
    contenders = [Contender("sync", dict), Contender("async", _awaited, is_async=True)]
    figures = race(contenders, rounds=3, turn_s=1e-6)
    assert {name: len(turns) for name, turns in figures.turns.items()} == {"sync": 3, "async": 3}
    assert figures.ratio("sync", "sync") == 1
    assert figures.best.keys() == {"sync", "async"}


async def _awaited(state: dict[str, Any]) -> dict[str, Any]:
    return state


def test_sections_are_measured_and_rendered(success_path: Any, failed_attempt: Any) -> None:
    """With as few rounds as there can be, each race makes a section that renders."""
    sections = [
        success_path.measure(1),
        failed_attempt.measure(1),
        graph_chain.measure(1),
        graph_runner.measure(1),
    ]
    text = render(sections)
    for section in sections:
        assert f"\n## {section.title}\n" in text
        for goal in section.goals:
            assert goal.row() in text


def test_import_is_timed_in_a_process_of_its_own(tmp_path: Path) -> None:
    """Of a module that costs next to nothing."""
    assert import_time.import_s("sys", str(tmp_path)) >= 0


@pytest.mark.parametrize(
    ("measured", "at_least", "reached"), [(4.0, False, True), (4.1, False, False), (4.1, True, True)]
)
def test_goal_says_whether_it_is_reached(measured: float, at_least: bool, reached: bool) -> None:
    """And the report says why only where it is not."""
    goal = Goal("call", measured, 4, "µs", at_least=at_least, if_missed="because.")
    text = render([Section("A call", "Method.", [Table("", ["who", "µs"], [["we", "1"]])], [goal])])
    assert goal.is_reached is reached
    assert re.search(r"\| call: at (?:most|least) 4 µs \| 4\.\d\d µs \| (yes|\*\*no\*\*) \|", text)
    assert ("- call: because." in text) is not reached
