"""The comparison of two runs of LangGraph's own tests. `make upstream` makes the runs."""

import sys
from collections import Counter
from pathlib import Path

import pytest

TOOLS = str(Path(__file__).parent.parent / "tools")


@pytest.fixture
def suite(monkeypatch):
    """The tool. Its modules are in its folder."""
    monkeypatch.syspath_prepend(TOOLS)
    import upstream_suite

    yield upstream_suite
    for name in ("upstream_suite", "upstream_environment"):
        sys.modules.pop(name, None)


PASSED = {"t::a": "passed", "t::b[1]": "passed"}


def run_of(suite, outcomes=PASSED, seen=200, made=200, calls=900):
    """A recorded run of some tests that add actions."""
    seen = Counter({"add_node": seen, "left out": 7})
    return suite.Run(outcomes, 2, seen, Counter({"add_node": made, "calls": calls}), 1.0)


def doubts(suite, wrapped, *, plain=None, differing=(), is_whole=False):
    """The doubts about a comparison."""
    return suite._doubts(plain or run_of(suite, made=0, calls=0), wrapped, list(differing), is_whole=is_whole)


def test_a_run_whose_actions_were_nodes_is_trusted(suite):
    """Some actions may be missing if a test failed before it added them."""
    assert doubts(suite, run_of(suite)) == []
    assert doubts(suite, run_of(suite, seen=199, made=199)) == []


@pytest.mark.parametrize(
    ("wrapped", "doubt"),
    [
        ({"made": 0, "calls": 0}, "only 0 of 200 actions were wrapped in nodes."),
        ({"made": 190}, "only 190 of 200 actions were wrapped in nodes."),
        ({"calls": 3}, "200 nodes were called only 3 times."),
        ({"outcomes": {"t::a": "passed"}}, "1 tests did not run with nodes."),
    ],
)
def test_a_run_that_shows_nothing_is_not_trusted(suite, wrapped, doubt):
    """All its tests pass, but no action was a node."""
    assert doubts(suite, run_of(suite, **wrapped)) == [doubt]


def test_tests_that_fail_as_they_are_show_nothing(suite):
    """There is nothing to compare with."""
    plain = run_of(suite, dict.fromkeys(PASSED, "failed"))
    assert doubts(suite, run_of(suite), plain=plain) == ["no test passed without nodes."]


def test_a_reason_that_no_longer_holds_is_told(suite, monkeypatch):
    """If all tests ran, each known difference has to occur."""
    monkeypatch.setattr(suite, "KNOWN", {"t::b": "because", "t::gone": "once"})
    (doubt,) = doubts(suite, run_of(suite), differing=["t::b[1]"], is_whole=True)
    assert doubt == "known differences that no longer differ: t::gone."


def test_a_difference_without_a_reason_is_told(suite, monkeypatch, capsys):
    """All cases of a test share one reason."""
    monkeypatch.setattr(suite, "KNOWN", {"t::b": "because"})
    assert suite._print_differences(["t::a", "t::b[1]", "t::b[2]"], []) == ["t::a"]
    assert "Differs (2): t::b\n    because" in capsys.readouterr().out
