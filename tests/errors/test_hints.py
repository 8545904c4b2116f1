"""Suggestions and articles in error messages."""

import pytest

from langgraph_runner.errors.hints import Hints, did_you_mean, refuse_unknown_options, with_article


def test_the_closest_name_is_suggested():
    """A name without a similar one gets no suggestion."""
    assert did_you_mean("rety", ["timeout", "retry"]) == " Did you mean 'retry'?"
    assert did_you_mean("qqq", ["timeout", "retry"]) == ""


def test_hints_are_given_for_the_first_names_only():
    """Comparing thousands of names with thousands would take minutes."""
    hints = Hints(["retry"], limit=2)
    given = [hints.suggest("rety"), hints.suggest("timeoot", "timeout"), hints.suggest("rety")]
    assert given == [" Did you mean 'retry'?", " Did you mean 'timeout'?", ""]


@pytest.mark.parametrize(("noun", "found"), [("int", "an int"), ("Order", "an Order"), ("dict", "a dict")])
def test_a_noun_gets_its_article(noun, found):
    """The first letter decides."""
    assert with_article(noun) == found


def test_an_unknown_option_is_refused_with_the_known_ones():
    """The message names the option, the closest name and all names."""
    with pytest.raises(TypeError, match=r"rety: .* Did you mean 'retry'\? It takes retry, timeout\."):
        refuse_unknown_options(["rety"], ["timeout", "retry"], of="run()")
