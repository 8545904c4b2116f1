"""The options of a client, its URL and its API key."""

import logging
import traceback

import httpx
import pytest

from langgraph_runner.client import (
    RunClient,
    ServiceUnreachableError,
)
from langgraph_runner.testing import FakeRuntime
from tests.client.fakes import KEY, RUN, URL

pytestmark = pytest.mark.req("R-58")


@pytest.mark.parametrize(
    ("url", "options", "words"),
    [
        ("http://runs.example.com", {"api_key": KEY}, "over plain http the API key is sent unencrypted"),
        (f"https://{KEY}@runs.example.com", {}, "url must not contain a user or a password"),
        ("ftp://runs.example.com", {}, "url must be a URL with http"),
        ("runs.example.com", {}, "url must be a URL with http"),
        ("http://here:port", {}, "url must be a URL such as"),
        ("https://runs.example.com?key=1", {}, "url must not have a query"),
        (URL, {"api_key": f"{KEY}\nX: y"}, "api_key must be one word"),
        (URL, {"api_key": ""}, "api_key must be one word"),
        (URL, {"max_attempts": 0}, "max_attempts must be"),
        (URL, {"read_timeout_ms": 0}, "read_timeout_ms must be above 0"),
        (URL, {"read_timeout_ms": None}, "read_timeout_ms must be ms or a timedelta, got None"),
    ],
)
def test_invalid_options_are_refused(url, options, words):
    """The message does not contain the key."""
    with pytest.raises((ValueError, TypeError), match=words) as caught:
        RunClient(url, **options)
    assert "secret" not in "".join(traceback.format_exception(caught.value))


async def test_allow_insecure_sends_the_key_over_plain_http(responses_of):
    """Https and this machine need no permission."""
    for url, options in (
        ("http://runs.example.com/below/", {"allow_insecure": True}),
        ("https://runs.example.com/below", {}),
        ("http://[::1]:8000/below", {}),
    ):
        client, requests = responses_of(httpx.Response(200, json=RUN), url=url, api_key=KEY, **options)
        await client.get_run("r1")
        assert requests[0].headers["authorization"] == f"Bearer {KEY}"
        assert str(requests[0].url) == f"{url.rstrip('/')}/runs/r1"


async def test_the_key_is_shown_nowhere(responses_of, caplog):
    """Errors, their causes, the log and the `repr` of the client do not contain it."""
    caplog.set_level(logging.DEBUG)
    client, _ = responses_of(httpx.ConnectError("down"), api_key=KEY, max_attempts=2, runtime=FakeRuntime())
    with pytest.raises(ServiceUnreachableError) as caught:
        await client.get_run("r1")
    found = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    own = [line for line in found.format() if "langgraph_runner" in line]
    assert "secret" not in "".join(own) + caplog.text + repr(client) + str(vars(caught.value))


async def test_a_proxy_of_the_environment_does_not_get_a_key_for_this_machine(
    client_of, live, api_key, monkeypatch
):
    """Plain http to this machine uses no proxy."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert await client_of(live.url, api_key=api_key, max_attempts=1).describe_workflows()
