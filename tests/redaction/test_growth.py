"""Time grows linearly with the length of the text, by counted steps and by processor time."""

from __future__ import annotations

import sys
import time

import pytest

from benchmarks.sanitizer_corpus import adversarial_texts
from langgraph_runner.redaction import DEFAULT_SANITIZER
from langgraph_runner.redaction.patterns import LazyPattern
from langgraph_runner.redaction.shape_table import PREFIXED
from langgraph_runner.redaction.shapes import PrefixedShape

pytestmark = [pytest.mark.req("N-20"), pytest.mark.no_cover]


def _calls(text):
    """Return how many functions, in Python and in C, sanitizing the text calls."""
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
    """The number of steps grows no faster than the text."""
    small, large = _calls(adversarial_texts(2_000)[name]), _calls(adversarial_texts(20_000)[name])
    assert large <= 13 * small + 500


@pytest.mark.parametrize("name", sorted(adversarial_texts(10)))
def test_no_pattern_backtracks(name):
    """Ten times the text takes far less than a hundred times as long, as a quadratic pattern would.

    The test measures processor time of this thread, which other work on the machine does not lengthen.
    """
    small, large = adversarial_texts(5_000)[name], adversarial_texts(50_000)[name]
    DEFAULT_SANITIZER.text(small)
    assert _seconds(large) <= 40 * min(_seconds(small) for _ in range(3)) + 0.1


def _seconds(text):
    started = time.thread_time()
    DEFAULT_SANITIZER.text(text)
    return time.thread_time() - started


@pytest.mark.parametrize("tail", ["", "A1", "7aB9" * 4])
@pytest.mark.parametrize("row", PREFIXED, ids=lambda row: row.name)
def test_a_run_of_prefixes_is_read_once(row, tail):
    """A body that goes on over thousands of further prefixes is matched once, not once per prefix."""
    for prefix in row.prefixes.split():
        body = LazyPattern(f"[{row.alphabet}]*")
        matched = []

        class Counted:
            def match(self, text, at, body=body, matched=matched):
                found = body.match(text, at)
                matched.append(found.end() - at)
                return found

        text = prefix * 2_000 + tail
        list(PrefixedShape(prefix, Counted(), row.length).spans(text))
        assert sum(matched) <= 2 * len(text)
