"""A response that is not a success, as an exception; event streams."""

import pickle

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_runner.client import (
    RateLimitedError,
    ServiceRefusedError,
    ServiceUnreachableError,
)
from langgraph_runner.client.responses import ApiResponse, EventParser, error_from
from langgraph_runner.server.problems import STATUS_OF_CODE, ApiCode
from tests.client.fakes import KEY, URL, problem

pytestmark = pytest.mark.req("R-58")


@pytest.mark.parametrize("code", sorted(STATUS_OF_CODE))
def test_every_code_of_the_service_has_an_error(code):
    """This also holds if the service does not name the class."""
    status = STATUS_OF_CODE[code]
    response = problem(status, code)
    error = error_from(ApiResponse(status, response.headers, response.content), URL)
    assert (str(error), isinstance(error, ServiceRefusedError)) == (f"It is {code}.", code in [*ApiCode])


@pytest.mark.parametrize("kind", [ServiceUnreachableError, RateLimitedError])
async def test_an_error_survives_pickle(responses_of, kind):
    """It keeps its attributes and its text, without the key."""
    answer = httpx.ConnectError("down") if kind is ServiceUnreachableError else problem(429, "RATE_LIMITED")
    client, _ = responses_of(answer, max_attempts=1, api_key=KEY)
    with pytest.raises(kind) as caught:
        await client.get_run("r1")
    assert b"secret" not in pickle.dumps(caught.value)
    back = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own
    assert (type(back), str(back), vars(back)) == (kind, str(caught.value), vars(caught.value))


@given(st.binary(max_size=200), st.integers(1, 20))
def test_the_parser_accepts_chunks_of_any_size(data, size):
    """The events are those of the whole stream."""
    text = b"data: 1\n\n" + data + b"\n\ndata: 2\ndata: 3\n\n"
    parser, events = EventParser(), []
    for begin in range(0, len(text), size):
        events += parser.feed(text[begin : begin + size])
    assert events == EventParser().feed(text)
    assert (events[0], events[-1]) == (b"1", b"2\n3")
