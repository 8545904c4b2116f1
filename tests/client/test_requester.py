"""One request: retries, foreign responses, and what a retry must not do twice."""

import gzip
import json
import socket

import httpx
import pytest

from langgraph_runner.client import (
    RateLimitedError,
    ServiceInvalidError,
    ServiceRefusedError,
    ServiceUnreachableError,
)
from langgraph_runner.engine import StoreUnavailableError
from langgraph_runner.testing import FakeRuntime
from tests.client.fakes import RUN, URL, Chunks, problem

pytestmark = pytest.mark.req("R-58")


@pytest.mark.parametrize(
    ("first", "delays"),
    [
        ([httpx.ConnectError("refused"), httpx.ReadTimeout("late")], [0.2, 0.4]),
        ([problem(503, "STORE_UNAVAILABLE"), problem(503, "NOT_READY")], [0.2, 0.4]),
        ([httpx.Response(502, text="<html>"), httpx.Response(504)], [0.2, 0.4]),
        ([problem(429, "RATE_LIMITED", {"retry-after": "3"})], [3.0]),
        ([problem(503, "NOT_READY", {"retry-after": "Thu, 01 Jan 2026 00:00:07 GMT"})], [7.0]),
        ([problem(503, "NOT_READY", {"retry-after": "soon"})], [0.2]),
    ],
)
async def test_a_request_is_sent_again(responses_of, first, delays):
    """The retry comes after a back-off, or after the time in `Retry-After`."""
    fake = FakeRuntime()
    client, requests = responses_of(*first, httpx.Response(200, json=RUN), runtime=fake)
    assert (await client.get_run("r1")).id == "r1"
    assert (fake.sleeps, len(requests)) == (delays, len(first) + 1)


async def test_jitter_spreads_the_retries_of_many_clients(responses_of):
    """It lengthens each wait, also a wait that the service requests."""
    fake = FakeRuntime(random=0.5)
    limited = problem(429, "RATE_LIMITED", {"retry-after": "10"})
    client, _ = responses_of(httpx.ConnectError("down"), limited, httpx.Response(200, json=RUN), runtime=fake)
    await client.get_run("r1")
    assert fake.sleeps == [0.25, 10.5]


@pytest.mark.parametrize(
    ("response", "kind", "words", "count"),
    [
        (httpx.ConnectError("Connection refused"), ServiceUnreachableError, ": Connection", 3),
        (httpx.Response(502, text="Bad gateway"), ServiceUnreachableError, "a proxy responded 502", 3),
        (problem(429, "RATE_LIMITED"), RateLimitedError, "It is RATE_LIMITED", 3),
        (problem(429, "RATE_LIMITED", {"retry-after": "3600"}), RateLimitedError, "It is RATE_LIMITED", 1),
        (httpx.Response(429, text="slow down"), RateLimitedError, "A proxy in front .* 429 Too Many", 3),
        (
            httpx.Response(413, text="<html>"),
            ServiceRefusedError,
            "A proxy in front .* 413 ",
            1,
        ),
        (problem(503, "STORE_UNAVAILABLE"), StoreUnavailableError, "It is STORE_UNAVAILABLE", 3),
        (problem(500, "INTERNAL", request_id="q7"), ServiceRefusedError, "It is INTERNAL", 1),
        (problem(418, "NEW_CODE"), ServiceRefusedError, "It is NEW_CODE", 1),
        (httpx.Response(200, text="<html>"), ServiceInvalidError, "cannot be read", 1),
        (httpx.Response(200, json={"id": 1}), ServiceInvalidError, "cannot be read", 1),
        (httpx.Response(404, text="nginx"), ServiceInvalidError, "it responded 404 with text/plain", 1),
        (
            httpx.Response(404, content=b"{", headers={"content-type": "application/problem+json"}),
            ServiceInvalidError,
            "it responded 404",
            1,
        ),
        (
            httpx.Response(307, headers={"location": "https://elsewhere.example/runs"}),
            ServiceInvalidError,
            "it redirects to https://elsewhere.example/runs, and redirects are not followed",
            1,
        ),
    ],
)
async def test_a_failure_has_its_error(responses_of, response, kind, words, count):
    """The number of attempts is as small as it can be."""
    client, requests = responses_of(response, max_attempts=3, runtime=FakeRuntime())
    with pytest.raises(kind, match=words) as caught:
        await client.get_run("r1")
    assert (type(caught.value), len(requests)) == (kind, count)
    assert URL in str(caught.value) or isinstance(caught.value, (ServiceRefusedError, StoreUnavailableError))


async def test_an_unreachable_server_is_named(client_of):
    """The message says what to check."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(ServiceUnreachableError) as caught:
        await client_of(url, max_attempts=1).list_runs()
    assert str(caught.value).startswith(f"The service at {url} cannot be reached: ")
    assert str(caught.value).endswith("Check the URL, and that `langgraph-runner serve` runs there.")
    assert isinstance(caught.value, ConnectionError)


async def test_a_lost_response_leads_to_one_run(client_of, live, api_key):
    """The service created the run. The retry has the same idempotency key."""
    keys = []
    with httpx.Client() as real:

        def respond(request):
            keys.append(request.headers["idempotency-key"])
            made = real.send(
                httpx.Request(request.method, request.url, headers=request.headers, content=request.content)
            )
            if len(keys) == 1:
                raise httpx.ReadError("lost")
            return httpx.Response(made.status_code, headers=made.headers, content=made.content)

        client = client_of(
            live.url, api_key=api_key, http_transport=httpx.MockTransport(respond), runtime=FakeRuntime()
        )
        run = await client.trigger("shop.v1", {"net": 77}, tags={"lost": "answer"})
        assert keys == [run.idempotency_key] * 2
        other = await client.trigger("shop.v1", {"net": 77}, tags={"lost": "answer"})
    plain = client_of(live.url, api_key=api_key)
    assert [each.id for each in await plain.list_runs(tags={"lost": "answer"})] == [other.id, run.id]


async def test_a_compressed_response_is_read(responses_of):
    """A response that cannot be decompressed is an error."""
    headers = {"content-encoding": "gzip"}
    for data in (gzip.compress(json.dumps(RUN).encode()), b"no gzip"):
        client, _ = responses_of(
            lambda _, data=data: httpx.Response(200, stream=Chunks([data]), headers=headers)
        )
        if data == b"no gzip":
            with pytest.raises(ServiceInvalidError, match="cannot be decompressed"):
                await client.get_run("r1")
        else:
            assert (await client.get_run("r1")).workflow == "shop.v1"
