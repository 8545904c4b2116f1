"""Graphs and timelines: what is drawn is right, in every format, at every size."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_runner.cli.drawing.graph_svg import graph_svg
from langgraph_runner.cli.drawing.graph_text import mermaid, rails
from langgraph_runner.cli.drawing.layout import lay_out
from langgraph_runner.cli.drawing.svg import text_width
from langgraph_runner.cli.drawing.timeline import timeline_of
from langgraph_runner.cli.drawing.timeline_svg import timeline_svg
from langgraph_runner.cli.drawing.timeline_text import bar_lines, summary
from langgraph_runner.cli.render.status_style import status_style
from langgraph_runner.engine import Run, RunStep
from langgraph_runner.workflow import Dag

pytestmark = pytest.mark.req("R-54")
SVG = "{http://www.w3.org/2000/svg}"
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)

DIAMOND = Dag(
    {
        "theme": (),
        "headlines": ("theme",),
        "media": (),
        "bundle": ("headlines", "media"),
        "report": ("bundle", "theme"),
    }
)


def parsed(text):
    """The root of a document, which is XML."""
    return ET.fromstring(text)  # noqa: S314 - it is ours


def drawn(dag, **options):
    """The rails as lines."""
    return ["".join(row[:3]).rstrip() + f" {row.step}" for row in rails(dag, **options)]


@st.composite
def dags(draw):
    """Any graph of up to 30 steps."""
    count = draw(st.integers(1, 30))
    return Dag(
        {
            f"s{i}": tuple(f"s{j}" for j in draw(st.sets(st.integers(0, i - 1), max_size=4))) if i else ()
            for i in range(count)
        }
    )


def test_rails_lead_from_each_step_to_those_that_need_it():
    """A crossing is a gap in the line, a joint is none."""
    assert drawn(DIAMOND) == [
        "● theme",
        "├─● headlines",
        "│ │ ● media",
        "│ ●─╯ bundle",
        "●─╯ report",
    ]


def test_rails_can_be_ascii():
    """For streams that have nothing else."""
    assert drawn(DIAMOND, is_unicode=False)[3] == "| *-' bundle"


def test_a_step_without_dependents_has_no_mark_right_below_it():
    """That would look as if the next one needed it."""
    assert drawn(Dag({"a": (), "b": (), "c": ()})) == ["● a", "  ● b", "● c"]


def test_too_many_rails_become_a_list():
    """What each needs is named."""
    wide = Dag({**{f"s{i}": () for i in range(60)}, "end": tuple(f"s{i}" for i in range(60))})
    rows = rails(wide)
    assert (rows[0].before, rows[-1].needs) == ("", "s0, s1, s2, s3, s4, s5 and 54 more")


@settings(max_examples=150, deadline=None)
@given(dags())
def test_rails_can_be_read_back(dag):
    """From the signs alone each step's dependencies follow, whatever the graph."""
    above: list[str | None] = []
    for row in rails(dag):
        own = len(row.before) // 2
        cells = row.before + "\N{BULLET}" + row.after
        found = set()
        for index in range((len(cells) + 1) // 2):
            sign = cells[2 * index]
            rail = above[index] if index < len(above) else None
            if sign in "┼├┤┴╰╯":
                assert rail is not None
                found.add(rail)
            if index == own and rail is not None:
                found.add(rail)
        assert found == set(dag.dependencies[row.step])
        width = max(len(above), own + 1)
        above = [
            None
            if index != own and cells[2 * index : 2 * index + 1] in ("┴", "╰", "╯", " ", "─", "")
            else each
            for index, each in enumerate([*above, *[None] * (width - len(above))])
        ]
        above[own] = row.step


def test_mermaid_names_steps_and_edges():
    """Ids are its own, so that no name can break its syntax."""
    text = mermaid(DIAMOND)
    assert text.startswith('flowchart LR\n    s0["theme"]\n')
    assert text.count(" --> ") == 5


def test_mermaid_colours_the_steps_of_a_run():
    """One class for each status."""
    styles = {step: status_style("completed") for step in DIAMOND.order} | {
        "report": status_style("skipped", "upstream_failed")
    }
    text = mermaid(DIAMOND, styles)
    assert "    classDef completed stroke:#2e8b57,stroke-width:2px\n" in text
    assert "    class s4 blocked\n" in text


@settings(max_examples=100, deadline=None)
@given(dags())
def test_no_two_boxes_of_a_graph_touch(dag):
    """And each edge goes to a later layer, one layer at a time."""
    layout = lay_out(dag, box=30, waypoint=6, gap=10)
    for layer in layout.layers:
        for one, other in pairwise(layer):
            assert other.y - one.y >= (one.height + other.height) / 2 + 10 - 1e-6
    for edge in layout.edges:
        assert [place.layer for place in edge] == [*range(edge[0].layer, edge[-1].layer + 1)]
    assert sum(len(before) for before in dag.dependencies.values()) == len(layout.edges)
    assert all(place.y - place.height / 2 >= -1e-6 for place in layout.steps.values())


def test_a_graph_is_valid_svg_with_a_box_for_each_step_and_a_path_for_each_edge():
    """With a title that readers for the blind can read."""
    root = parsed(graph_svg("a <b> & 'c'\x00", DIAMOND))
    assert root.find(f"{SVG}title").text == "a <b> & 'c'\N{REPLACEMENT CHARACTER}"
    assert root.attrib["role"] == "img"
    assert len(root.findall(f"{SVG}g/{SVG}rect")) == 5
    assert len(root.findall(f"{SVG}path")) == 5


def test_a_graph_of_a_run_has_marks_and_a_legend():
    """Each status once."""
    styles = {step: status_style("completed") for step in DIAMOND.order} | {"report": status_style("failed")}
    text = graph_svg("run", DIAMOND, styles)
    assert (text.count("✓"), text.count("✗")) == (5, 2)
    assert parsed(text) is not None


@pytest.mark.no_cover
@pytest.mark.parametrize(
    "dag",
    [
        Dag(
            {
                "root": (),
                **{f"w{i}": ("root",) for i in range(998)},
                "end": tuple(f"w{i}" for i in range(998)),
            }
        ),
        Dag({f"c{i}": tuple({f"c{i - 1}", "c0"}) if i else () for i in range(1000)}),
    ],
    ids=["wide", "long"],
)
def test_a_thousand_steps_are_drawn(dag):
    """In each format."""
    assert len(parsed(graph_svg("big", dag)).findall(f"{SVG}g")) == 1000
    assert len(rails(dag)) == 1000
    assert mermaid(dag).count("\n") > 2000


# Timelines.


def run_of(steps, status="completed", ms=1000):
    """A run, and its steps from (name, start, end) in ms, or (name, reason, end)."""
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
    """Of a run with `NEEDS`."""
    return timeline_of(*run_of(steps, **options), NEEDS, NOW)


USUAL = [("a", 0, 100), ("b", 0, 400), ("c", 420, 700), ("d", 705, 1000), ("e", 300, 350)]


def test_the_critical_path_leads_back_from_what_ended_last():
    """Over those that were waited for."""
    found = timeline(USUAL)
    assert (found.critical_path, found.critical_work_ms) == (["b", "c", "d"], 975)
    assert [bar.step for bar in found.bars] == ["a", "b", "e", "c", "d"]
    assert summary(found, is_unicode=True) == "Critical path, 975 ms of 1.0 s (98 %): b → c → d"


def test_who_waited_for_whom_and_for_how_long_is_known():
    """From the end of the last step that it needs to its own start."""
    bars = {bar.step: bar for bar in timeline(USUAL).bars}
    assert (bars["c"].waited_for, bars["c"].ready_ms, bars["c"].start_ms) == ("b", 400, 420)
    assert (bars["e"].waited_for, bars["e"].start_ms - bars["e"].ready_ms) == ("a", 200)
    assert (bars["a"].waited_for, bars["a"].ready_ms) == (None, 0)


def test_the_critical_path_goes_through_what_came_from_the_cache():
    """It had to wait, too; what was there from the start took no time."""
    steps = [("a", "cache_hit", 5), ("b", 0, 400), ("c", "cache_hit", 401), ("d", 405, 1000)]
    assert timeline(steps).critical_path == ["b", "c", "d"]
    steps = [("a", "cache_hit", 5), ("b", "reused_from_base", 0), ("c", 10, 300), ("d", 305, 1000)]
    assert timeline(steps).critical_path == ["c", "d"]


def test_a_run_that_goes_on_ends_now():
    """As do its steps that run."""
    found = timeline([("a", 0, 100), ("b", 50, None)], status="running", ms=None)
    assert (found.duration_ms, found.critical_path) == (2000, ["b"])
    assert {bar.step: bar.end_ms for bar in found.bars} == {"a": 100, "b": 2000}


def test_a_run_in_which_nothing_ran_has_no_critical_path():
    """All from the cache, or not begun."""
    found = timeline([("a", "cache_hit", 5), ("b", "cache_hit", 5)], ms=5)
    assert (found.critical_path, summary(found, is_unicode=True)) == ([], "No step ran.")
    assert parsed(timeline_svg(found)) is not None


@pytest.mark.parametrize("width", [20, 40, 80, 300])
def test_bars_fit_the_width(width):
    """And show where each step was."""
    lines = bar_lines(timeline(USUAL), width=width, is_unicode=True)
    total = {len(f" {each.name} {each.lead}{each.wait}{each.work}{each.rest} {each.took}") for each in lines}
    assert len(total) == 1
    assert total.pop() <= max(width, 30)
    assert all(each.work for each in lines)


def test_bars_can_be_ascii():
    """Waiting is dots, work is hashes."""
    lines = {each.bar.step: each for each in bar_lines(timeline(USUAL), width=80, is_unicode=False)}
    assert set(lines["e"].wait) == {"."}
    assert set(lines["e"].work) == {"#"}


def test_a_step_that_did_not_run_is_a_mark_where_that_was_known():
    """With a word in place of a time, and a long name cut."""
    name = "a_step_with_a_name_of_forty_signs_or_more"
    lines = bar_lines(timeline([*USUAL, (name, "upstream_failed", 500)]), width=80, is_unicode=True)
    line = next(each for each in lines if each.bar.step == name)
    assert (line.name, line.work, line.took.strip()) == (f"{name[:24]}..", "○", "blocked")
    other = next(each for each in lines if each.bar.step == "b")
    assert len(line.lead) == round(len(other.work) * 500 / 400)


def test_a_step_that_waits_is_an_empty_row():
    """Nothing is known of it."""
    run, steps = run_of([("a", 0, None)], status="running", ms=None)
    waiting = RunStep(run_id="r", step="e", status="pending")
    found = timeline_of(run, [*steps, waiting], NEEDS, NOW)
    line = bar_lines(found, width=80, is_unicode=True)[1]
    assert ((line.lead + line.wait + line.work).strip(), line.took.strip()) == ("", "pending")
    assert "e: pending, after a" in timeline_svg(found)


def test_a_run_that_took_no_time_has_an_axis_of_nothing():
    """It can be drawn all the same."""
    root = parsed(timeline_svg(timeline([("a", 0, 0)], ms=0)))
    assert [text.text for text in root.findall(f"{SVG}text") if text.get("text-anchor") == "middle"] == ["0"]


def test_a_timeline_is_valid_svg():
    """A group for each step, with what there is to know of it."""
    root = parsed(timeline_svg(timeline([*USUAL, ("<x> & y", "upstream_failed", 900)])))
    titles = [group.find(f"{SVG}title").text for group in root.findall(f"{SVG}g")]
    assert "c: completed, ran 280 ms, waited 20 ms to start, after b" in titles
    assert "<x> & y: blocked: a dependency failed" in titles


def test_the_legend_of_a_timeline_explains_all_that_is_drawn():
    """Each kind of bar and each mark, within the drawing, and nothing that is not there."""
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
    """As text and as SVG."""
    run, steps = run_of([(f"s{i}", i, i + 1) for i in range(1000)])
    needs = {f"s{i}": (f"s{i - 1}",) if i else () for i in range(1000)}
    found = timeline_of(run, steps, needs, NOW)
    assert len(found.critical_path) == 1000
    assert len(summary(found, is_unicode=True)) < 200
    assert len(parsed(timeline_svg(found)).findall(f"{SVG}g")) == 1000


# The commands.


@pytest.mark.parametrize("options", [[], ["--run", "last"]])
def test_graph_draws_a_workflow_in_each_format(cli, options):
    """To stdout, or to a file."""
    cli.run("--set", "fails=true")
    assert parsed(cli("graph", "shop.v1", "--format", "svg", *options).out) is not None
    assert cli("graph", "shop.v1", "--format", "mermaid", *options).out.startswith("flowchart LR\n")
    done = cli("graph", "shop.v1", "--out", "graph.txt", *options)
    assert (done.code, done.out) == (0, "Wrote graph.txt.\n")
    assert (cli.folder / "graph.txt").read_text() == cli("graph", "shop.v1", *options).out


def test_graph_marks_the_steps_of_a_run(cli):
    """By its status."""
    cli.run("--set", "fails=true")
    assert cli("graph", "shop.v1", "--run", "last").out.splitlines() == [
        "✓    theme  completed",
        "│ ✗  media  failed",
        "○─╯  bundle  blocked: a dependency failed",
    ]
    steps = cli("graph", "shop.v1", "--run", "last", "--json").json["steps"]
    assert [(each["id"], each["wave"], each["status"]) for each in steps] == [
        ("theme", 0, "completed"),
        ("media", 0, "failed"),
        ("bundle", 1, "skipped"),
    ]


@pytest.mark.parametrize("format_", ["ascii", "mermaid", "svg"])
def test_a_step_that_was_added_since_has_no_status_in_a_run(cli, format_):
    """It is none that waits: it looks as in the workflow itself."""
    (cli.folder / "grown.py").write_text(
        "from langgraph_runner.workflow import Workflow\nold, new = Workflow('grown'), Workflow('grown')\n"
        "@old.step\n@new.step\ndef a(inputs): ...\n@new.step\ndef b(a): ...\n"
    )
    cli("run", "grown", "--app", "grown:old")
    arguments = ("graph", "grown", "--run", "last", "--app", "grown:new")
    drawn = cli(*arguments, "--format", format_)
    assert (drawn.code, "completed" in drawn.out, "pending" in drawn.out) == (0, True, False)
    assert format_ != "ascii" or drawn.out == "✓  a  completed\n●  b\n"
    assert [each["status"] for each in cli(*arguments, "--json").json["steps"]] == ["completed", None]


def test_a_step_with_effects_is_marked_in_each_format(cli):
    """And in the list of workflows: it acts on the world in each run."""
    (cli.folder / "mails.py").write_text(
        "from langgraph_runner.workflow import Workflow\nmails = Workflow('mails')\n"
        "@mails.step\ndef text(inputs) -> str: return 'hello'\n"
        "@mails.step(effects=True)\ndef send(text): ...\n"
    )
    arguments = ("graph", "mails", "--app", "mails:mails")
    assert cli(*arguments).out.splitlines() == ["●  text", "●  send (effects)"]
    assert "send (effects)" in cli(*arguments, "--format", "mermaid").out
    assert "send (effects)" in "".join(parsed(cli(*arguments, "--format", "svg").out).itertext())
    assert [each["effects"] for each in cli(*arguments, "--json").json["steps"]] == [False, True]
    assert "send (effects)" in cli("workflows", "mails", "--app", "mails:mails").out


def test_graph_refuses_a_run_of_another_workflow(cli):
    """Its steps are others."""
    cli.run()
    (cli.folder / "two.py").write_text(
        "from shop import shop\nfrom langgraph_runner.workflow import Workflow\nw = Workflow('w')\n"
        "@w.step\ndef a(): ...\nx = [shop, w]\n"
    )
    done = cli("graph", "w", "--run", "last", "--app", "two:x")
    assert (done.code, "it is a run of shop.v1, not of w." in done.err) == (5, True)


def test_timeline_draws_a_run_in_each_format(cli):
    """To stdout, or to a file."""
    cli.run()
    lines = cli("timeline", "last").out.splitlines()
    assert lines[0].startswith("shop.v1 completed in ")
    assert lines[-1].startswith("Critical path, ")
    assert [line for line in lines[1:-1] if line.startswith("*") and "█" in line] != []
    assert cli("timeline", "last", "--json").json["workflow"] == "shop.v1"
    done = cli("timeline", "last", "--format", "svg", "--out", "t.svg")
    assert (done.code, done.out) == (0, "Wrote t.svg.\n")
    assert parsed((cli.folder / "t.svg").read_text()) is not None
