"""Each graph is run twice, unchanged and with every action wrapped: the observations are equal."""

from __future__ import annotations

from pathlib import Path

import pytest

from langgraph_runner import create_node
from tests.transparency.comparisons import COMPARISONS, Comparison
from tests.transparency.difference import first_difference
from tests.transparency.differences import LEFT, expected_difference
from tests.transparency.graphs import ALL
from tests.transparency.observations import BY_COLOUR, OBSERVATIONS
from tests.transparency.observing import observed
from tests.transparency.scenario import Form

DOCUMENT = Path(__file__).parents[2] / "docs" / "transparency.md"


@pytest.mark.no_cover
@pytest.mark.req("N-26")
@pytest.mark.parametrize("comparison", COMPARISONS, ids=str)
def test_a_wrapped_graph_shows_the_same(comparison: Comparison) -> None:
    """Results, streams, events, states and drawings are the same with and without nodes."""
    difference = comparison.difference()
    left = expected_difference(comparison.graph, comparison.observation)
    if left is None:
        assert difference is None
    else:
        assert difference is not None, f"No longer a difference, remove it from the table: {left.what}"


def stubborn(action, **options):
    """A wrapped node that adds another word to its update."""
    node = create_node(action, **options)

    def other(state):
        return {**node(state), "said": ["something else"]}

    return other


@pytest.mark.parametrize("look", BY_COLOUR["sync"], ids=lambda look: look.__name__)
def test_a_node_that_does_something_else_is_noticed(look):
    """A comparison can fail: each observation detects a graph whose nodes write one word more."""
    scenario = ALL["routing.loop"]
    expected = observed(scenario, Form("sync", wrapped=False), look)
    found = observed(scenario, Form("sync", wrapped=True, make=stubborn), look)
    # A drawing does not show what nodes do, but it shows their names.
    assert (first_difference(expected, found) is None) == (look.__name__ == "structure")


def renamed(action, **options):
    """A node with another signature."""
    node = create_node(action, **options)
    node.__annotations__ = {}
    del node.__signature__, node.__wrapped__
    return node


def test_a_node_with_other_annotations_is_noticed():
    """The edges of its commands are not drawn."""
    scenario, look = ALL["returns.drawn_destinations"], OBSERVATIONS["structure"]
    expected = observed(scenario, Form("sync", wrapped=False), look)
    found = observed(scenario, Form("sync", wrapped=True, make=renamed), look)
    assert first_difference(expected, found) is not None


def test_each_difference_that_is_left_is_shown_by_a_comparison():
    """Each row of the table applies to at least one comparison."""
    shown = {expected_difference(each.graph, each.observation) for each in COMPARISONS}
    assert [left.what for left in LEFT if left not in shown] == []


def test_the_document_tells_of_this_comparison_as_it_is():
    """The document has the counts, and each known difference with its reason."""
    text = " ".join(DOCUMENT.read_text(encoding="utf-8").split())
    assert f"{len(ALL)} graphs" in text
    assert f"{len(COMPARISONS):,} comparisons" in text
    assert [left.what for left in LEFT if f"| {left.what} | {left.reason} |" not in text] == []
