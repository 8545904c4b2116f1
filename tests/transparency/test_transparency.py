"""Each graph twice, as it is and with every action wrapped: nothing that can be seen differs."""

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
    """Results, streams, events, states, drawings: the same with the nodes and without."""
    difference = comparison.difference()
    left = expected_difference(comparison.graph, comparison.observation)
    if left is None:
        assert difference is None
    else:
        assert difference is not None, f"Not left any more, take it out of the table: {left.what}"


def stubborn(action, **options):
    """A node that says something of its own."""
    node = create_node(action, **options)

    def other(state):
        return {**node(state), "said": ["something else"]}

    return other


@pytest.mark.parametrize("look", BY_COLOUR["sync"], ids=lambda look: look.__name__)
def test_a_node_that_does_something_else_is_noticed(look):
    """A comparison can fail: each observation tells a graph from one whose nodes say one word more."""
    scenario = ALL["routing.loop"]
    expected = observed(scenario, Form("sync", wrapped=False), look)
    found = observed(scenario, Form("sync", wrapped=True, make=stubborn), look)
    # A drawing knows nothing of what nodes do, but it knows what they are called.
    assert (first_difference(expected, found) is None) == (look.__name__ == "structure")


def renamed(action, **options):
    """A node whose signature says something else."""
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
    """The table has no row that nothing holds it to."""
    shown = {expected_difference(each.graph, each.observation) for each in COMPARISONS}
    assert [left.what for left in LEFT if left not in shown] == []


def test_the_document_tells_of_this_comparison_as_it_is():
    """Its counts, and each difference that is left with its reason."""
    text = " ".join(DOCUMENT.read_text(encoding="utf-8").split())
    assert f"{len(ALL)} graphs" in text
    assert f"{len(COMPARISONS):,} comparisons" in text
    assert [left.what for left in LEFT if f"| {left.what} | {left.reason} |" not in text] == []
