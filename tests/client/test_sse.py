"""The parser of server-sent events."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_runner.client.sse import EventParser

pytestmark = pytest.mark.req("R-58")


@given(st.binary(max_size=200), st.integers(1, 20))
def test_the_parser_accepts_chunks_of_any_size(data, size):
    """The events are those of the whole stream."""
    text = b"data: 1\n\n" + data + b"\n\ndata: 2\ndata: 3\n\n"
    parser, events = EventParser(), []
    for begin in range(0, len(text), size):
        events += parser.feed(text[begin : begin + size])
    assert events == EventParser().feed(text)
    assert (events[0], events[-1]) == (b"1", b"2\n3")
