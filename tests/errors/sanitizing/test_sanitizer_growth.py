"""Time grows with the text, not with its square: shown by work that is counted, not by a clock."""

from __future__ import annotations

import sys

import pytest

from benchmarks.sanitizer_corpus import adversarial_texts
from langgraph_runner.errors.sanitizing import DEFAULT_SANITIZER

pytestmark = pytest.mark.req("N-20")


def _calls(text):
    """How many functions are called, in Python and in C, to sanitize the text."""
    count = 0

    def counted(frame, event, argument):
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        DEFAULT_SANITIZER.text(text)
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("name", sorted(adversarial_texts(10)))
def test_ten_times_the_text_is_ten_times_the_work(name):
    """No text makes the number of steps grow faster than its length."""
    small, large = _calls(adversarial_texts(2_000)[name]), _calls(adversarial_texts(20_000)[name])
    assert large <= 13 * small + 500


@pytest.mark.parametrize("name", sorted(adversarial_texts(10)))
def test_a_large_adversarial_text_ends(name):
    """100,000 characters come back; a quadratic pattern would keep the test run waiting for minutes."""
    assert isinstance(DEFAULT_SANITIZER.text(adversarial_texts(100_000)[name]), str)
