"""The benchmark of hashing measures what it claims to. No time is asserted."""

from __future__ import annotations

import pytest

from benchmarks import hashing
from benchmarks.report import render
from langgraph_runner.workflow.hashing import content_hash


@pytest.mark.parametrize("name", sorted(hashing.INPUTS))
def test_every_contender_makes_a_hash(name):
    """Our hash is that of the input."""
    made = {each.name: each.call(None) for each in hashing.contenders(hashing.INPUTS[name])}
    assert made[hashing.OURS] == content_hash(hashing.INPUTS[name])
    assert {len(digest) for digest in made.values()} == {64}


def test_a_race_makes_a_section():
    """It runs one round each, and shows every input."""
    text = render([hashing.measure(1)])
    assert hashing.OURS in text
    assert all(name in text for name in hashing.INPUTS)
