"""The benchmarks measure what they say: every contender runs and returns the right thing. No time is asserted."""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import call_counts, graph_chain, graph_runner, hashing, import_time, service, state_copy
from benchmarks.contenders import flaky
from benchmarks.engine import bare, dag, outside, turns
from benchmarks.engine import race as racing
from benchmarks.harness import RESULT, STATE, Contender, race
from benchmarks.report import Goal, Section, Table, render

pytestmark = pytest.mark.no_cover


@pytest.fixture(autouse=True)
def stay_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the tests themselves out of garbage collections, as `conftest.py` does."""
    monkeypatch.setattr(gc, "unfreeze", lambda: None)


def call(contender: Contender) -> Any:
    """Call a contender once, in its environment."""
    with contender.setting():
        if not contender.is_async:
            return contender.call(STATE)

        async def awaited() -> Any:
            return await contender.call(STATE)

        return asyncio.run(awaited())


@pytest.fixture
def success_path() -> Any:
    """The module, if the libraries for the comparison are installed (`make bench` installs them)."""
    return pytest.importorskip("benchmarks.success_path", exc_type=ModuleNotFoundError)


@pytest.fixture
def failed_attempt() -> Any:
    """The module, if the libraries for the comparison are installed."""
    return pytest.importorskip("benchmarks.failed_attempt", exc_type=ModuleNotFoundError)


def test_contenders_of_a_success_return_what_the_function_does(success_path: Any) -> None:
    """Regardless of the wrapper."""
    for contender in [*success_path.sync_contenders(), *success_path.async_contenders()]:
        assert call(contender) == RESULT, contender.name


def test_contenders_of_a_failure_retry_until_success(failed_attempt: Any) -> None:
    """Bare, in a node and in a graph; each twice, so each starts again."""
    for is_async in (False, True):
        for contender in failed_attempt.contenders(3, is_async=is_async):
            for _ in range(2):
                assert call(contender)["b"] == RESULT["b"], contender.name


def test_flaky_function_fails_as_often_as_it_says() -> None:
    """Then it succeeds, and then it fails again."""
    function = flaky(2, is_async=False)
    seen = []
    for _ in range(6):
        try:
            seen.append(function(STATE))
        except ConnectionError:
            seen.append(None)
    assert seen == [None, None, RESULT] * 2


def test_chains_run_from_end_to_end() -> None:
    """All of them leave the state unchanged, and record no errors."""
    for is_async in (False, True):
        for contender in graph_chain.contenders(is_async=is_async, nodes=3):
            assert call(contender) == STATE, contender.name


@pytest.mark.parametrize("shape", graph_runner.SHAPES, ids=lambda shape: shape.short)
@pytest.mark.parametrize("is_async", [False, True])
def test_a_graph_ends_with_the_same_state_however_it_is_run(
    shape: graph_runner.Shape, is_async: bool
) -> None:
    """Without a runner, and by a runner with each of its options."""
    for contender in graph_runner.contenders(shape, is_async=is_async):
        found = call(contender)
        assert getattr(found, "state", found) == STATE, contender.name


@pytest.mark.parametrize("shape", graph_runner.SHAPES, ids=lambda shape: shape.short)
def test_graphs_have_as_many_waves_as_the_figures_are_divided_by(shape: graph_runner.Shape) -> None:
    """Waves of nested graphs count, too."""
    steps = shape.make(graph_chain.nothing).stream(STATE, subgraphs=True, stream_mode="debug")
    assert len({(place, event["step"]) for place, event in steps}) == shape.waves


def test_every_saver_is_measured_on_every_history(tmp_path: Path) -> None:
    """With few checkpoints: each row has its ratio and its figures, and no file is left."""
    json_saver: Any = pytest.importorskip("benchmarks.json_saver", exc_type=ModuleNotFoundError)
    section = json_saver.measure(rounds=2, counts=(1, 2), parent=str(tmp_path), large=100_000)
    assert [table.title for table in section.tables] == [json_saver.PUT, json_saver.STEP, json_saver.READ]
    for table in section.tables:
        assert [row[0] for row in table.rows] == ["1 KB on 1", "1 KB on 2", "1 MB on 1", "1 MB on 2"]
        assert {len(row) for row in table.rows} == {len(table.columns)}
        assert all(float(figure.replace(",", "")) > 0 for row in table.rows for figure in row[1:])
    assert list(tmp_path.iterdir()) == []


def test_race_gives_every_contender_its_turns() -> None:
    """Sync and async."""
    contenders = [Contender("sync", dict), Contender("async", _awaited, is_async=True)]
    figures = race(contenders, rounds=3, turn_s=1e-6)
    assert {name: len(turns) for name, turns in figures.turns.items()} == {"sync": 3, "async": 3}
    assert figures.ratio("sync", "sync") == 1
    assert figures.best.keys() == {"sync", "async"}


async def _awaited(state: dict[str, Any]) -> dict[str, Any]:
    return state


def test_sections_are_measured_and_rendered(success_path: Any, failed_attempt: Any) -> None:
    """With the fewest possible rounds, each race makes a section that renders."""
    sections = [
        success_path.measure(1),
        call_counts.measure(),
        failed_attempt.measure(1),
        graph_chain.measure(1, processes=0),
        graph_runner.measure(1, processes=0),
    ]
    text = render(sections)
    for section in sections:
        assert f"\n## {section.title}\n" in text
        for goal in section.goals:
            assert goal.row() in text


DAGS = [dag.campaign(), dag.row(5), dag.layers(25)]


@pytest.fixture
def rivals() -> dict[str, Any]:
    """How to open each contender of the run engine that needs no separate process."""
    langgraph: Any = pytest.importorskip(
        "benchmarks.engine.langgraph_contenders", exc_type=ModuleNotFoundError
    )
    from benchmarks.engine.ours import ours

    return {
        "ours": ours(),
        "ours in memory": ours(in_memory=True),
        "graph": langgraph.graph(),
        "graph in memory": langgraph.graph(langgraph.in_memory),
        "functional": langgraph.functional(),
        "asyncio": bare.asyncio_alone,
        "inserts": bare.inserts,
        "grouped": bare.grouped,
    }


@dataclass(frozen=True)
class Noted(turns.Load):
    """A load that records which steps have run."""

    seen: list[str] = field(default_factory=list)

    async def work(self, step: str, _received: Any = None) -> Any:
        """Record the step and do its work."""
        self.seen.append(step)
        return await super().work(step)


@pytest.mark.parametrize("shape", DAGS, ids=["campaign", "row", "layers"])
def test_every_engine_runs_every_step_once_and_after_those_it_needs(
    shape: dag.Dag, rivals: dict[str, Any], tmp_path: Path
) -> None:
    """Except for plain SQLite, which only inserts a row for each step."""
    for name, opens in rivals.items():
        folder = tmp_path / name
        folder.mkdir()
        load = Noted(replace(shape, durations_ms={}), runs=2, warm_up=0)
        assert len(asyncio.run(turns.take_turn(opens, load, folder)).runs_ms) == 2
        if name in {"inserts", "grouped"}:
            continue
        for run in (load.seen[: len(shape.before)], load.seen[len(shape.before) :]):
            assert sorted(run) == sorted(shape.before), name
            assert all(run.index(b) < run.index(step) for step in run for b in shape.before[step]), name


def test_critical_path_is_the_longest_way_through() -> None:
    """It is calculated by hand for the campaign; of a chain it is all steps, of a row one step."""
    assert dag.campaign(sleeps=True).critical_path_ms == 80 + 120 + 90 + 200 + 300 + 180 + 90 + 40
    for shape, expected in ((dag.chain(4), 8), (dag.row(4), 2)):
        assert replace(shape, durations_ms=dict.fromkeys(shape.before, 2)).critical_path_ms == expected


def test_random_dag_is_the_same_each_time() -> None:
    """Each step needs only steps before it."""
    shape = dag.scattered(100)
    assert shape == dag.scattered(100)
    order = [*shape.before]
    assert all(order.index(b) < order.index(step) for step in order for b in shape.before[step])


def test_load_goes_to_another_process_as_json() -> None:
    """The other process gets an equal load."""
    load = turns.Load(dag.campaign(sleeps=True), runs=3, output_bytes=10, has_ticker=True)
    assert turns.Load.of(json.loads(json.dumps(asdict(load)))) == load


def test_outside_contenders_have_pinned_versions() -> None:
    """Each contender that a section may use has one."""
    assert racing.LABELS.keys() <= outside.versions().keys()


def test_outputs_are_as_large_as_they_say_and_differ_by_step() -> None:
    """Their size is within 10 %."""
    load = turns.Load(dag.campaign(), output_bytes=100_000)
    assert 90_000 < len(json.dumps(load.output("a"))) < 110_000
    assert load.output("a") != load.output("b")


@pytest.mark.parametrize("is_wanted", [True, False])
async def test_ticker_sees_who_holds_the_event_loop(is_wanted: bool) -> None:
    """Without `is_wanted`, no ticker is started."""
    async with turns.ticking(is_wanted=is_wanted) as lag:
        await asyncio.sleep(0)
        time.sleep(0.05)  # noqa: ASYNC251 - to hold it
    assert (lag.worst_ms > 20) is is_wanted


TINY = dag.Dag({"a": [], "b": ["a"]}, {"a": 1, "b": 1})


def carried_by_loop_lag(module: Any) -> dict[str, turns.Load]:
    """Two of its loads, with almost no work."""
    return {name: turns.Load(TINY, has_ticker=True) for name in [*module.loads()][:2]}


@pytest.mark.parametrize(
    ("name", "measure"),
    [
        ("makespan", lambda module: module.measure(1, {"2 steps": TINY}, processes=())),
        ("durable_steps", lambda module: module.measure(1, steps=3, runs=1, processes=())),
        ("throughput", lambda module: module.measure(1, runs=4, in_flight=2, processes=())),
        ("cached_runs", lambda module: module.measure(1, runs=1, large=1_000)),
        ("cached_on_postgresql", lambda module: module.measure(1, runs=1)),
        ("step_cost", lambda module: module.measure(1, counts=(10, 20))),
        ("backlog", lambda module: module.measure(1, waiting=(0, 500), runs=20)),
        ("memory", lambda module: module.measure(1, steps=10, large=2_000_000)),
        ("on_postgresql", lambda module: module.measure(1, steps=3, runs=1, processes=())),
        ("scale", lambda module: module.measure((130, 1_300), 3, 2, 0.1)),
        ("workers", lambda module: module.measure(1, (1,), 4, 1, ("BullMQ on Redis",))),
        ("large_outputs", lambda module: module.measure(1, count=10)),
        ("loop_lag", lambda module: module.measure(1, carried_by_loop_lag(module), processes=())),
    ],
)
@pytest.mark.usefixtures("rivals")
def test_a_section_of_the_run_engine_is_measured_and_rendered(
    name: str, measure: Callable[[Any], Section]
) -> None:
    """With almost no work, and without contenders in other processes."""
    assert_is_rendered(measure(importlib.import_module(f"benchmarks.engine.{name}")))


def test_the_section_of_the_service_is_rendered() -> None:
    """From recorded output of wrk, because a run takes minutes."""
    settings = {"rounds": 1, "seconds": 1, "runs": 1, "streams": 10, "held": 1}
    routes = (service.BARE, service.ANOTHER_PAGE, "`GET /runs/{id}`", "`GET /runs`", "`POST /runs`")
    assert_is_rendered(
        service._section({what: service.Load(100.0, 1.0, 2.0) for what in routes}, 30.0, **settings)
    )


def test_what_wrk_says_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its latencies have units. A refused request ends the measurement."""
    said = "    50%    1.25ms\n    99%  250.00us\nRequests/sec:   1234.50\n"
    monkeypatch.setattr(service.shutil, "which", lambda name: name)
    monkeypatch.setattr(service.subprocess, "run", lambda *_, **__: SimpleNamespace(stdout=said))
    assert service._wrk("http://127.0.0.1", 1, {}, ()) == (1234.5, 1.25, 0.25)
    said += "  Non-2xx or 3xx responses: 3\n"
    with pytest.raises(RuntimeError, match="Non-2xx"):
        service._wrk("http://127.0.0.1", 1, {}, ())


def test_the_section_of_hashing_is_measured_and_rendered() -> None:
    """With a single round."""
    assert_is_rendered(hashing.measure(1))


def assert_is_rendered(section: Section) -> None:
    """Check the title, the goals, and that the rows of tables are as long as their headers."""
    text = render([section])
    assert f"\n## {section.title}\n" in text
    assert section.goals
    for goal in section.goals:
        assert goal.row() in text
        assert goal.measured > 0
    for table in section.tables:
        assert {len(row) for row in table.rows} == {len(table.columns)}


def test_contender_that_cannot_be_installed_is_left_out_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are still measured."""
    monkeypatch.setattr(
        outside, "_installed", lambda: outside.NotThereError("could not be installed (no such version)")
    )
    with racing.rivals(processes=("dbos",)) as (found, notes):
        assert found == []
    assert [note.partition(": ")[2] for note in notes] == [
        "on this machine it could not be installed (no such version)."
    ]


def test_contender_that_ends_is_left_out_and_named() -> None:
    """It is left out of all loads. The others are still measured."""

    def end(_load: turns.Load) -> turns.Turn:
        raise outside.NotThereError("ended in the middle of a turn")

    notes: list[str] = []
    stays = racing.here("stays", bare.asyncio_alone)
    found = racing.race([stays, racing.Rival("ends", end)], {"a": turns.Load(dag.row(2))}, 2, notes)
    assert {name: len(each) for name, each in found["a"].items()} == {"stays": 2}
    assert notes == ["ends is missing from the tables: on this machine it ended in the middle of a turn."]


def test_import_is_timed_in_a_process_of_its_own(tmp_path: Path) -> None:
    """With a module that imports quickly."""
    assert import_time.import_s("import sys", str(tmp_path)) >= 0


def test_commands_are_timed_as_whole_processes() -> None:
    """Each runs on a database with a run, the given number of times, and once before to compile the bytecode."""
    found = import_time.commands(1)
    assert {name: len(seconds) for name, seconds in found.items()} == dict.fromkeys(import_time.COMMANDS, 1)
    assert min(min(seconds) for seconds in found.values()) > 0


@pytest.mark.parametrize(
    ("measured", "at_least", "reached"), [(4.0, False, True), (4.1, False, False), (4.1, True, True)]
)
def test_goal_says_whether_it_is_reached(measured: float, at_least: bool, reached: bool) -> None:
    """The report says why only for goals that are not reached."""
    goal = Goal("call", measured, 4, "µs", at_least=at_least, if_missed="because.")
    text = render([Section("A call", "Method.", [Table("", ["who", "µs"], [["we", "1"]])], [goal])])
    assert goal.is_reached is reached
    assert re.search(r"\| call: at (?:most|least) 4 µs \| 4\.\d\d µs \| (yes|\*\*no\*\*) \|", text)
    assert ("- call: because." in text) is not reached


def test_a_large_state_goes_through_every_contender():
    """Each contender does the compared work."""
    state = state_copy.state_of(documents=3)
    found = {name: call(state) for name, call in state_copy.contenders().items()}
    assert found == {state_copy.WITHOUT: {"seen": 3}, state_copy.WITH: {"seen": 3}, state_copy.DEEP: state}
    assert state_copy.measure(rounds=1, documents=3).title == "A large state"
