"""Graphs: as rails, as Mermaid and as SVG, at every size."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_runner.cli.drawing.graph_svg import graph_svg, lay_out
from langgraph_runner.cli.drawing.graph_text import mermaid, rails
from langgraph_runner.cli.render.text import status_style
from langgraph_runner.workflow import Dag
from tests.cli.svg import SVG, parsed

pytestmark = pytest.mark.req("R-54")


DIAMOND = Dag(
    {
        "theme": (),
        "headlines": ("theme",),
        "media": (),
        "bundle": ("headlines", "media"),
        "report": ("bundle", "theme"),
    }
)


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


def test_rails_lead_from_each_step_to_its_dependents():
    """Each row shows which rails end at it."""
    assert drawn(DIAMOND) == [
        "● theme",
        "├─● headlines",
        "│ │ ● media",
        "│ ●─╯ bundle",
        "●─╯ report",
    ]


def test_rails_can_be_ascii():
    """Streams without Unicode get ASCII."""
    assert drawn(DIAMOND, is_unicode=False)[3] == "| *-' bundle"


def test_a_step_without_dependents_has_no_mark_right_below_it():
    """A mark there would look like a dependent."""
    assert drawn(Dag({"a": (), "b": (), "c": ()})) == ["● a", "  ● b", "● c"]


def test_too_many_rails_become_a_list():
    """Each step names its dependencies."""
    wide = Dag({**{f"s{i}": () for i in range(60)}, "end": tuple(f"s{i}" for i in range(60))})
    rows = rails(wide)
    assert (rows[0].before, rows[-1].needs) == ("", "s0, s1, s2, s3, s4, s5 and 54 more")


@settings(max_examples=150, deadline=None)
@given(dags())
def test_rails_can_be_read_back(dag):
    """For any graph, the characters alone give the dependencies of each step."""
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
    """Mermaid gets generated ids, so that no name of a step can break the syntax."""
    text = mermaid(DIAMOND)
    assert text.startswith('flowchart LR\n    s0["theme"]\n')
    assert text.count(" --> ") == 5


def test_mermaid_colours_the_steps_of_a_run():
    """Each status has a class."""
    styles = {step: status_style("completed") for step in DIAMOND.order} | {
        "report": status_style("skipped", "upstream_failed")
    }
    text = mermaid(DIAMOND, styles)
    assert "    classDef completed stroke:#2e8b57,stroke-width:2px\n" in text
    assert "    class s4 blocked\n" in text


@settings(max_examples=100, deadline=None)
@given(dags())
def test_no_two_boxes_of_a_graph_touch(dag):
    """Each edge leads to later layers, one layer at a time."""
    layout = lay_out(dag)
    for layer in layout.layers:
        for one, other in pairwise(layer):
            assert other.y - one.y >= (one.height + other.height) / 2 + 16 - 1e-6
    for edge in layout.edges:
        assert [place.layer for place in edge] == [*range(edge[0].layer, edge[-1].layer + 1)]
    assert sum(len(before) for before in dag.dependencies.values()) == len(layout.edges)
    assert all(place.y - place.height / 2 >= -1e-6 for place in layout.steps.values())


def test_a_graph_is_valid_svg_with_a_box_for_each_step_and_a_path_for_each_edge():
    """It has a title for screen readers."""
    root = parsed(graph_svg("a <b> & 'c'\x00", DIAMOND))
    assert root.find(f"{SVG}title").text == "a <b> & 'c'\N{REPLACEMENT CHARACTER}"
    assert root.attrib["role"] == "img"
    assert len(root.findall(f"{SVG}g/{SVG}rect")) == 5
    assert len(root.findall(f"{SVG}path")) == 5


def test_a_graph_of_a_run_has_marks_and_a_legend():
    """The legend has each status once."""
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
    """This holds for each format."""
    assert len(parsed(graph_svg("big", dag)).findall(f"{SVG}g")) == 1000
    assert len(rails(dag)) == 1000
    assert mermaid(dag).count("\n") > 2000
