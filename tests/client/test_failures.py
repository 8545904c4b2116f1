"""Failures between a client and a service: retries, broken streams, foreign responses, secrets."""

import gzip
import json
import logging
import pickle
import socket
import subprocess
import sys
import threading
import traceback
from datetime import timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_runner.client import (
    RateLimitedError,
    RunClient,
    ServiceInvalidError,
    ServiceRefusedError,
    ServiceUnreachableError,
)
from langgraph_runner.client.responses import ApiResponse, error_from
from langgraph_runner.client.sse import EventParser
from langgraph_runner.engine import StoreUnavailableError
from langgraph_runner.server.problems import STATUS_OF_CODE, ApiCode
from langgraph_runner.testing import FakeRuntime
from tests.client.live import GATE, Live

pytestmark = pytest.mark.req("R-58")
URL = "http://127.0.0.1:9"
KEY = "lgr_0123_secret"
RUN = {
    "id": "r1",
    "tenant": "acme",
    "workflow": "shop.v1",
    "workflow_version": "1",
    "status": "completed",
    "trigger": "manual",
    "created_at": "2026-01-01T00:00:00Z",
}


def problem(status, code, headers=None, **more):
    """Return a problem document as a response."""
    body = {"code": code, "detail": f"It is {code}.", "status": status, **more}
    return httpx.Response(
        status, json=body, headers={"content-type": "application/problem+json", **(headers or {})}
    )


class Chunks(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body in chunks, which may break off."""

    def __init__(self, chunks, *, breaks=False):
        self._chunks, self._breaks = chunks, breaks

    def __iter__(self):
        """Blocking."""
        yield from self._chunks
        if self._breaks:
            raise httpx.ReadError("broken")

    async def __aiter__(self):
        """Awaited."""
        for chunk in self:
            yield chunk


def copied(response):
    """Copy a response, because a client consumes it. A response with a stream is used once."""
    if not hasattr(response, "_content"):
        return response
    return httpx.Response(response.status_code, headers=response.headers, content=response.content)


@pytest.fixture
def responses_of(client_of):
    """Makes clients of a service that gives these responses in order. The last is repeated; exceptions are raised."""

    def make(*responses, url=URL, **options):
        left, requests = [*responses], []

        def respond(request):
            requests.append(request)
            found = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(found, Exception):
                raise found
            return found(request) if callable(found) else copied(found)

        client = client_of(url, http_transport=httpx.MockTransport(respond), **options)
        return client, requests

    return make


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
    """After a back-off, or after the time in `Retry-After`."""
    fake = FakeRuntime()
    client, requests = responses_of(*first, httpx.Response(200, json=RUN), runtime=fake)
    assert (await client.get_run("r1")).id == "r1"
    assert (fake.sleeps, len(requests)) == (delays, len(first) + 1)


async def test_jitter_spreads_the_retries_of_many_clients(responses_of):
    """It lengthens each wait, also one that the service asks for."""
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


async def test_events_continue_after_a_restart_of_the_server(client_of, tmp_path):
    """No event is lost or repeated. `wait()` continues, too."""
    live = Live(tmp_path)
    try:
        client = client_of(live.url, api_key=await live.key())
        run = await client.trigger("shop.v1", {"net": 1_000}, use_cache=False)
        seen = []
        async for event in client.events(run.id):
            seen.append(event.seq)
            if (event.type, event.data.get("step")) == ("step_started", "bill") and not GATE.is_set():
                live.stop()
                GATE.set()
                threading.Timer(0.1, live.start).start()
        assert seen == [*range(1, len(seen) + 1)]
        assert (await client.wait(run.id)).status == "completed"
    finally:
        live.stop()


async def test_a_stream_that_breaks_repeatedly_loses_no_event(responses_of):
    """Each attempt asks for events after the last one. An event that comes twice is yielded once."""

    def event(seq, kind="step_started"):
        data = {"run_id": "r1", "seq": seq, "type": kind, "data": {}, "at": "2026-01-01T00:00:00Z"}
        return f"id: {seq}\r\nevent: {kind}\ndata: {json.dumps(data)}\n\n".encode()

    def stream(*chunks, breaks=False):
        return httpx.Response(
            200, stream=Chunks(chunks, breaks=breaks), headers={"content-type": "text/event-stream"}
        )

    first = event(1) + event(2)
    fake = FakeRuntime()
    client, requests = responses_of(
        stream(b"retry: 1000\n\n", first[:20], first[20:], event(3)[:-1], breaks=True),
        httpx.ConnectError("down"),
        problem(503, "NOT_READY", {"retry-after": "2"}),
        stream(event(2), event(3), b": still here\n\n"),
        stream(event(4, "run_completed"), breaks=True),
        httpx.Response(204),
        runtime=fake,
    )
    assert [each.seq async for each in client.events("r1")] == [1, 2, 3, 4]
    assert [request.headers["last-event-id"] for request in requests] == ["0", "2", "2", "2", "3", "4"]
    assert 2.0 in fake.sleeps


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (httpx.Response(200, text="<html>"), "not with text/event-stream"),
        (
            httpx.Response(200, content=b"data: no\n\n", headers={"content-type": "text/event-stream"}),
            "its event stream cannot be read",
        ),
    ],
)
async def test_a_stream_of_another_server_is_refused(responses_of, response, words):
    """Its content type is wrong, or its events are not JSON."""
    client, _ = responses_of(response, runtime=FakeRuntime())
    with pytest.raises(ServiceInvalidError, match=words):
        await anext(client.events("r1"))


async def test_a_service_that_stays_unreachable_ends_a_wait(responses_of):
    """After `reconnect_ms`, or after the timeout of the wait."""
    fake = FakeRuntime()
    client, _ = responses_of(
        httpx.ConnectError("down"), max_attempts=2, reconnect_ms=timedelta(seconds=20), runtime=fake
    )
    with pytest.raises(ServiceUnreachableError):
        await client.wait("r1")
    assert 20 <= fake.now < 30
    with pytest.raises(ServiceUnreachableError):
        await anext(client.events("r1"))
    with pytest.raises(TimeoutError, match="did not end within 2,000 ms"):
        await client.wait("r1", timeout_ms=2_000)
    assert fake.now < 60


@given(st.binary(max_size=200), st.integers(1, 20))
def test_the_parser_accepts_chunks_of_any_size(data, size):
    """The events are those of the whole stream."""
    text = b"data: 1\n\n" + data + b"\n\ndata: 2\ndata: 3\n\n"
    parser, events = EventParser(), []
    for begin in range(0, len(text), size):
        events += parser.feed(text[begin : begin + size])
    assert events == EventParser().feed(text)
    assert (events[0], events[-1]) == (b"1", b"2\n3")


@pytest.mark.parametrize("code", sorted(STATUS_OF_CODE))
def test_every_code_of_the_service_has_an_error(code):
    """Also if the service does not name the class."""
    status = STATUS_OF_CODE[code]
    response = problem(status, code)
    error = error_from(ApiResponse(response, response.content), URL)
    assert (str(error), isinstance(error, ServiceRefusedError)) == (f"It is {code}.", code in [*ApiCode])


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
        (URL, {"max_attempts": 0}, "max_attempts: 0 is not"),
        (URL, {"read_timeout_ms": 0}, "read_timeout_ms: 0 is not"),
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
    """Not in errors and their causes, in the log, or in the `repr` of the client."""
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


async def test_a_closed_client_refuses_calls(client_of, live, api_key):
    """A second `close()` does nothing."""
    client = client_of(live.url, api_key=api_key)
    run = await client.run("shop.v1", {"net": 1})
    await client.close()
    await client.close()
    with pytest.raises(RuntimeError, match="The client is closed"):
        await client.get_run(run.id)
    with pytest.raises(RuntimeError, match="The client is closed"):
        run.output("price")


@pytest.mark.parametrize("kind", [ServiceUnreachableError, RateLimitedError])
async def test_an_error_survives_pickle(responses_of, kind):
    """With its attributes and its text, and without the key."""
    answer = httpx.ConnectError("down") if kind is ServiceUnreachableError else problem(429, "RATE_LIMITED")
    client, _ = responses_of(answer, max_attempts=1, api_key=KEY)
    with pytest.raises(kind) as caught:
        await client.get_run("r1")
    assert b"secret" not in pickle.dumps(caught.value)
    back = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own
    assert (type(back), str(back), vars(back)) == (kind, str(caught.value), vars(caught.value))


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


async def test_an_output_that_is_not_json_is_refused(responses_of):
    """It may be the page of a proxy."""
    client, _ = responses_of(httpx.Response(200, text="<html>"))
    with pytest.raises(ServiceInvalidError, match="is not JSON"):
        await client.get_output("r1", "price")


async def test_a_workflow_without_a_result_is_refused(responses_of):
    """The message says how to name one."""
    described = {"id": "shop.v1", "version": "1", "description": "", "steps": [], "changes": [], "inputs": {}}
    client, _ = responses_of(httpx.Response(200, json=RUN), httpx.Response(200, json=described))
    with pytest.raises(LookupError, match="Name it with Workflow"):
        await client.get_result("r1")


def test_the_client_needs_no_database_library():
    """And the package does not import httpx."""
    code = (
        "import sys; sys.modules['sqlalchemy'] = None; sys.modules['alembic'] = None\n"
        "import langgraph_runner; assert 'httpx' not in sys.modules\n"
        "from langgraph_runner.client import RunClient, SyncRunClient\n"
        "from langgraph_runner.engine.models import Run\n"
        "print(RunClient.sync('http://127.0.0.1:1'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
    assert (done.stdout.strip(), done.stderr) == ("<SyncRunClient of http://127.0.0.1:1>", "")
