"""Timelines: the values, as text and as SVG, at every size."""

from datetime import UTC, datetime, timedelta

import pytest

from langgraph_runner.cli.drawing.svg import text_width
from langgraph_runner.cli.drawing.timeline import bar_lines, summary, timeline_of
from langgraph_runner.cli.drawing.timeline_svg import timeline_svg
from langgraph_runner.engine import Run, RunStep
from tests.cli.svg import SVG, parsed

pytestmark = pytest.mark.req("R-54")


BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def run_of(steps, status="completed", ms=1000):
    """Return a run, and its steps from (name, start, end) in ms, or (name, reason, end)."""
    run = Run(
        id="r",
        tenant="t",
        workflow="w",
        workflow_version="1",
        status=status,
        trigger="manual",
        created_at=BEGIN,
        started_at=BEGIN,
        completed_at=None if ms is None else BEGIN + timedelta(milliseconds=ms),
    )
    made = []
    for name, start, end in steps:
        is_skipped = isinstance(start, str)
        made.append(
            RunStep(
                run_id="r",
                step=name,
                status="skipped" if is_skipped else "running" if end is None else "completed",
                reason=start if is_skipped else None,
                started_at=None if is_skipped else BEGIN + timedelta(milliseconds=start),
                completed_at=None if end is None else BEGIN + timedelta(milliseconds=end),
            )
        )
    return run, made


NEEDS = {"a": (), "b": (), "c": ("a", "b"), "d": ("c",), "e": ("a",)}


NOW = BEGIN + timedelta(milliseconds=2000)


def timeline(steps, **options):
    """Return the timeline of a run with the dependencies in `NEEDS`."""
    return timeline_of(*run_of(steps, **options), NEEDS, NOW)


USUAL = [("a", 0, 100), ("b", 0, 400), ("c", 420, 700), ("d", 705, 1000), ("e", 300, 350)]


def test_the_critical_path_leads_back_from_the_last_step():
    """The path consists of the steps that others waited for."""
    found = timeline(USUAL)
    assert (found.critical_path, found.critical_work_ms) == (["b", "c", "d"], 975)
    assert [bar.step for bar in found.bars] == ["a", "b", "e", "c", "d"]
    assert summary(found, is_unicode=True) == "Critical path, 975 ms of 1.0 s (98 %): b → c → d"


def test_a_bar_has_its_wait():
    """The wait is from the end of the last dependency to the start of the step."""
    bars = {bar.step: bar for bar in timeline(USUAL).bars}
    assert (bars["c"].waited_for, bars["c"].ready_ms, bars["c"].start_ms) == ("b", 400, 420)
    assert (bars["e"].waited_for, bars["e"].start_ms - bars["e"].ready_ms) == ("a", 200)
    assert (bars["a"].waited_for, bars["a"].ready_ms) == (None, 0)


def test_the_critical_path_leads_through_cached_steps():
    """A cached step waited, too. One that was there from the start took no time."""
    steps = [("a", "cache_hit", 5), ("b", 0, 400), ("c", "cache_hit", 401), ("d", 405, 1000)]
    assert timeline(steps).critical_path == ["b", "c", "d"]
    steps = [("a", "cache_hit", 5), ("b", "reused_from_base", 0), ("c", 10, 300), ("d", 305, 1000)]
    assert timeline(steps).critical_path == ["c", "d"]


def test_the_bar_of_a_running_step_ends_now():
    """The timeline ends now, too."""
    found = timeline([("a", 0, 100), ("b", 50, None)], status="running", ms=None)
    assert (found.duration_ms, found.critical_path) == (2000, ["b"])
    assert {bar.step: bar.end_ms for bar in found.bars} == {"a": 100, "b": 2000}


def test_a_run_in_which_nothing_ran_has_no_critical_path():
    """All steps came from the cache."""
    found = timeline([("a", "cache_hit", 5), ("b", "cache_hit", 5)], ms=5)
    assert (found.critical_path, summary(found, is_unicode=True)) == ([], "No step ran.")
    assert parsed(timeline_svg(found)) is not None


@pytest.mark.parametrize("width", [20, 40, 80, 300])
def test_bars_fit_the_width(width):
    """Each step has a bar."""
    lines = bar_lines(timeline(USUAL), width=width, is_unicode=True)
    total = {len(f" {each.name} {each.lead}{each.wait}{each.work}{each.rest} {each.took}") for each in lines}
    assert len(total) == 1
    assert total.pop() <= max(width, 30)
    assert all(each.work for each in lines)


def test_bars_can_be_ascii():
    """Waiting is dots, running is hashes."""
    lines = {each.bar.step: each for each in bar_lines(timeline(USUAL), width=80, is_unicode=False)}
    assert set(lines["e"].wait) == {"."}
    assert set(lines["e"].work) == {"#"}


def test_a_step_that_did_not_run_has_a_mark():
    """Its label replaces the duration. A long name is shortened."""
    name = "a_step_with_a_name_of_forty_signs_or_more"
    lines = bar_lines(timeline([*USUAL, (name, "upstream_failed", 500)]), width=80, is_unicode=True)
    line = next(each for each in lines if each.bar.step == name)
    assert (line.name, line.work, line.took.strip()) == (f"{name[:24]}..", "○", "blocked")
    other = next(each for each in lines if each.bar.step == "b")
    assert len(line.lead) == round(len(other.work) * 500 / 400)


def test_a_pending_step_has_an_empty_row():
    """The row has the label of the step."""
    run, steps = run_of([("a", 0, None)], status="running", ms=None)
    waiting = RunStep(run_id="r", step="e", status="pending")
    found = timeline_of(run, [*steps, waiting], NEEDS, NOW)
    line = bar_lines(found, width=80, is_unicode=True)[1]
    assert ((line.lead + line.wait + line.work).strip(), line.took.strip()) == ("", "pending")
    assert "e: pending, after a" in timeline_svg(found)


def test_a_run_of_0_ms_can_be_drawn():
    """Its axis has one tick."""
    root = parsed(timeline_svg(timeline([("a", 0, 0)], ms=0)))
    assert [text.text for text in root.findall(f"{SVG}text") if text.get("text-anchor") == "middle"] == ["0"]


def test_a_timeline_is_valid_svg():
    """Each step has a group with a title."""
    root = parsed(timeline_svg(timeline([*USUAL, ("<x> & y", "upstream_failed", 900)])))
    titles = [group.find(f"{SVG}title").text for group in root.findall(f"{SVG}g")]
    assert "c: completed, ran 280 ms, waited 20 ms to start, after b" in titles
    assert "<x> & y: blocked: a dependency failed" in titles


def test_the_legend_of_a_timeline_explains_each_colour_and_mark():
    """The legend has only those of the drawing, and fits its width."""
    run, steps = run_of([*USUAL, ("f", "cache_hit", 500), ("g", "upstream_failed", 900)])
    steps[1] = steps[1].model_copy(update={"status": "cancelled", "reason": "run_timeout"})
    root = parsed(timeline_svg(timeline_of(run, steps, NEEDS, NOW)))
    last = max(float(text.get("y")) for text in root.findall(f"{SVG}text"))
    entries = [text for text in root.findall(f"{SVG}text") if float(text.get("y")) == last]
    words = [text.text for text in entries if text.get("class") == "dim"]
    assert words == [
        "critical path",
        "completed",
        "cancelled",
        "ready, waiting to start",
        "cached",
        "blocked",
    ]
    lefts = [float(text.get("x")) for text in entries if text.get("class") == "dim"]
    ends = [left + text_width(word) for left, word in zip(lefts, words, strict=True)]
    assert all(end < left for end, left in zip(ends, lefts[1:], strict=False))
    assert ends[-1] <= float(root.get("width"))


def test_a_thousand_steps_have_a_timeline():
    """The timeline is available as text and as SVG."""
    run, steps = run_of([(f"s{i}", i, i + 1) for i in range(1000)])
    needs = {f"s{i}": (f"s{i - 1}",) if i else () for i in range(1000)}
    found = timeline_of(run, steps, needs, NOW)
    assert len(found.critical_path) == 1000
    assert len(summary(found, is_unicode=True)) < 200
    assert len(parsed(timeline_svg(found)).findall(f"{SVG}g")) == 1000
