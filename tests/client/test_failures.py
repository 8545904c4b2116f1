"""What goes wrong between a client and a service: retries, streams that break, answers of others, secrets."""

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
from langgraph_runner.client.refusals import Answer, error_in
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
    """A refusal of the service."""
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
    """The same answer again: a client consumes it. One with a stream is for one use."""
    if not hasattr(response, "_content"):
        return response
    return httpx.Response(response.status_code, headers=response.headers, content=response.content)


@pytest.fixture
def answers_of(client_of):
    """Clients of a service that gives these answers, one after the other; an exception is raised."""

    def make(*answers, url=URL, **options):
        left, asked = [*answers], []

        def answer(request):
            asked.append(request)
            found = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(found, Exception):
                raise found
            return found(request) if callable(found) else copied(found)

        client = client_of(url, http_transport=httpx.MockTransport(answer), **options)
        return client, asked

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
async def test_a_request_is_sent_again(answers_of, first, delays):
    """After a back-off, or after as long as the service says."""
    fake = FakeRuntime()
    client, asked = answers_of(*first, httpx.Response(200, json=RUN), runtime=fake)
    assert (await client.get_run("r1")).id == "r1"
    assert (fake.sleeps, len(asked)) == (delays, len(first) + 1)


async def test_chance_spreads_the_attempts_of_many_clients(answers_of):
    """It lengthens each wait, also one that the service asks for."""
    fake = FakeRuntime(random=0.5)
    limited = problem(429, "RATE_LIMITED", {"retry-after": "10"})
    client, _ = answers_of(httpx.ConnectError("down"), limited, httpx.Response(200, json=RUN), runtime=fake)
    await client.get_run("r1")
    assert fake.sleeps == [0.25, 10.5]


@pytest.mark.parametrize(
    ("answer", "kind", "words", "count"),
    [
        (httpx.ConnectError("Connection refused"), ServiceUnreachableError, ": Connection", 3),
        (httpx.Response(502, text="Bad gateway"), ServiceUnreachableError, "a proxy answered 502", 3),
        (problem(429, "RATE_LIMITED"), RateLimitedError, "It is RATE_LIMITED", 3),
        (problem(429, "RATE_LIMITED", {"retry-after": "3600"}), RateLimitedError, "It is RATE_LIMITED", 1),
        (problem(503, "STORE_UNAVAILABLE"), StoreUnavailableError, "It is STORE_UNAVAILABLE", 3),
        (problem(500, "INTERNAL", request_id="q7"), ServiceRefusedError, "It is INTERNAL", 1),
        (problem(418, "NEW_CODE"), ServiceRefusedError, "It is NEW_CODE", 1),
        (httpx.Response(200, text="<html>"), ServiceInvalidError, "cannot be read", 1),
        (httpx.Response(200, json={"id": 1}), ServiceInvalidError, "cannot be read", 1),
        (httpx.Response(404, text="nginx"), ServiceInvalidError, "it answered 404 with text/plain", 1),
        (
            httpx.Response(404, content=b"{", headers={"content-type": "application/problem+json"}),
            ServiceInvalidError,
            "it answered 404",
            1,
        ),
        (
            httpx.Response(307, headers={"location": "https://elsewhere.example/runs"}),
            ServiceInvalidError,
            "it redirects to https://elsewhere.example/runs, which is not followed",
            1,
        ),
    ],
)
async def test_what_cannot_be_answered_is_told(answers_of, answer, kind, words, count):
    """With the URL where that is at fault; no attempt is wasted."""
    client, asked = answers_of(answer, max_attempts=3, runtime=FakeRuntime())
    with pytest.raises(kind, match=words) as caught:
        await client.get_run("r1")
    assert (type(caught.value), len(asked)) == (kind, count)
    assert URL in str(caught.value) or isinstance(caught.value, (ServiceRefusedError, StoreUnavailableError))


async def test_a_server_that_is_not_there_is_named(client_of):
    """With what to do about it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(ServiceUnreachableError) as caught:
        await client_of(url, max_attempts=1).list_runs()
    assert str(caught.value).startswith(f"The service at {url} cannot be reached: ")
    assert str(caught.value).endswith("Check the URL, and that `langgraph-runner serve` runs there.")
    assert isinstance(caught.value, ConnectionError)


async def test_a_lost_answer_leads_to_one_run(client_of, live, api_key):
    """The service has made the run, and the answer is lost: the second attempt has the same key."""
    keys = []
    with httpx.Client() as real:

        def answer(request):
            keys.append(request.headers["idempotency-key"])
            made = real.send(
                httpx.Request(request.method, request.url, headers=request.headers, content=request.content)
            )
            if len(keys) == 1:
                raise httpx.ReadError("lost")
            return httpx.Response(made.status_code, headers=made.headers, content=made.content)

        client = client_of(
            live.url, api_key=api_key, http_transport=httpx.MockTransport(answer), runtime=FakeRuntime()
        )
        run = await client.trigger("shop.v1", {"net": 77}, tags={"lost": "answer"})
        assert keys == [run.idempotency_key] * 2
        other = await client.trigger("shop.v1", {"net": 77}, tags={"lost": "answer"})
    plain = client_of(live.url, api_key=api_key)
    assert [each.id for each in await plain.list_runs(tags={"lost": "answer"})] == [other.id, run.id]


async def test_events_go_on_at_a_server_that_was_started_again(client_of, tmp_path):
    """Without a gap or a repeat, and `wait()` too."""
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


async def test_a_stream_that_breaks_again_and_again_loses_nothing(answers_of):
    """Each attempt asks for what comes behind the last event; what comes twice is told once."""

    def event(seq, kind="step_started"):
        data = {"run_id": "r1", "seq": seq, "type": kind, "data": {}, "at": "2026-01-01T00:00:00Z"}
        return f"id: {seq}\r\nevent: {kind}\ndata: {json.dumps(data)}\n\n".encode()

    def stream(*chunks, breaks=False):
        return httpx.Response(
            200, stream=Chunks(chunks, breaks=breaks), headers={"content-type": "text/event-stream"}
        )

    first = event(1) + event(2)
    fake = FakeRuntime()
    client, asked = answers_of(
        stream(b"retry: 1000\n\n", first[:20], first[20:], event(3)[:-1], breaks=True),
        httpx.ConnectError("down"),
        problem(503, "NOT_READY", {"retry-after": "2"}),
        stream(event(2), event(3), b": still here\n\n"),
        stream(event(4, "run_completed"), breaks=True),
        httpx.Response(204),
        runtime=fake,
    )
    assert [each.seq async for each in client.events("r1")] == [1, 2, 3, 4]
    assert [request.headers["last-event-id"] for request in asked] == ["0", "2", "2", "2", "3", "4"]
    assert 2.0 in fake.sleeps


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (httpx.Response(200, text="<html>"), "not with text/event-stream"),
        (
            httpx.Response(200, content=b"data: no\n\n", headers={"content-type": "text/event-stream"}),
            "its event stream cannot be read",
        ),
    ],
)
async def test_a_stream_of_something_else_is_refused(answers_of, answer, words):
    """It is no service of ours."""
    client, _ = answers_of(answer, runtime=FakeRuntime())
    with pytest.raises(ServiceInvalidError, match=words):
        await anext(client.events("r1"))


async def test_a_service_that_stays_away_ends_a_wait(answers_of):
    """After `reconnect_ms`, however few attempts a single request has; after its own timeout sooner."""
    fake = FakeRuntime()
    client, _ = answers_of(
        httpx.ConnectError("down"), max_attempts=2, reconnect_ms=timedelta(seconds=20), runtime=fake
    )
    with pytest.raises(ServiceUnreachableError):
        await client.wait("r1")
    assert 20 <= fake.now < 30
    with pytest.raises(ServiceUnreachableError):
        await anext(client.events("r1"))
    with pytest.raises(TimeoutError, match="not over within 2,000 ms"):
        await client.wait("r1", timeout_ms=2_000)
    assert fake.now < 60


@given(st.binary(max_size=200), st.integers(1, 20))
def test_the_parser_does_not_mind_where_chunks_end(data, size):
    """The events are those of the whole."""
    text = b"data: 1\n\n" + data + b"\n\ndata: 2\ndata: 3\n\n"
    parser, events = EventParser(), []
    for begin in range(0, len(text), size):
        events += parser.feed(text[begin : begin + size])
    assert events == EventParser().feed(text)
    assert (events[0], events[-1]) == (b"1", b"2\n3")


@pytest.mark.parametrize("code", sorted(STATUS_OF_CODE))
def test_every_refusal_of_the_service_has_its_error(code):
    """Also from a service that does not say which class it was."""
    status = STATUS_OF_CODE[code]
    response = problem(status, code)
    error = error_in(Answer(response, response.content), URL)
    assert (str(error), isinstance(error, ServiceRefusedError)) == (f"It is {code}.", code in [*ApiCode])


@pytest.mark.parametrize(
    ("url", "options", "words"),
    [
        ("http://runs.example.com", {"api_key": KEY}, "is plain http"),
        (f"https://{KEY}@runs.example.com", {}, "must not hold a user or a password"),
        ("ftp://runs.example.com", {}, "must begin with http"),
        ("runs.example.com", {}, "must begin with http"),
        ("http://here:port", {}, "it is not a URL"),
        ("https://runs.example.com?key=1", {}, "must not have a query"),
        (URL, {"api_key": f"{KEY}\nX: y"}, "it must be one word"),
        (URL, {"api_key": ""}, "it must be one word"),
        (URL, {"max_attempts": 0}, "max_attempts must be"),
        (URL, {"read_timeout_ms": 0}, "read_timeout_ms: 0 is not"),
        (URL, {"read_timeout_ms": None}, "read_timeout_ms: expected ms or a timedelta, got None"),
    ],
)
def test_a_client_that_cannot_work_is_refused(url, options, words):
    """The message does not show the key."""
    with pytest.raises((ValueError, TypeError), match=words) as caught:
        RunClient(url, **options)
    assert "secret" not in "".join(traceback.format_exception(caught.value))


async def test_a_key_may_be_sent_in_the_clear_where_that_is_said(answers_of):
    """`allow_insecure=True`; https and this machine need no such word."""
    for url, options in (
        ("http://runs.example.com/below/", {"allow_insecure": True}),
        ("https://runs.example.com/below", {}),
        ("http://[::1]:8000/below", {}),
    ):
        client, asked = answers_of(httpx.Response(200, json=RUN), url=url, api_key=KEY, **options)
        await client.get_run("r1")
        assert asked[0].headers["authorization"] == f"Bearer {KEY}"
        assert str(asked[0].url) == f"{url.rstrip('/')}/runs/r1"


async def test_the_key_is_shown_nowhere(answers_of, caplog):
    """Neither in errors with all that led to them, nor in the log, nor as text of the client."""
    caplog.set_level(logging.DEBUG)
    client, _ = answers_of(httpx.ConnectError("down"), api_key=KEY, max_attempts=2, runtime=FakeRuntime())
    with pytest.raises(ServiceUnreachableError) as caught:
        await client.get_run("r1")
    found = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    own = [line for line in found.format() if "langgraph_runner" in line]
    assert "secret" not in "".join(own) + caplog.text + repr(client) + str(vars(caught.value))


async def test_a_proxy_of_the_environment_does_not_get_a_key_for_this_machine(
    client_of, live, api_key, monkeypatch
):
    """Plain http to loopback goes there directly."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert await client_of(live.url, api_key=api_key, max_attempts=1).describe_workflows()


async def test_a_closed_client_says_so(client_of, live, api_key):
    """Closing twice is fine."""
    client = client_of(live.url, api_key=api_key)
    run = await client.run("shop.v1", {"net": 1})
    await client.close()
    await client.close()
    with pytest.raises(RuntimeError, match="The client is closed"):
        await client.get_run(run.id)
    with pytest.raises(RuntimeError, match="The client is closed"):
        run.output("price")


@pytest.mark.parametrize("kind", [ServiceUnreachableError, RateLimitedError])
async def test_an_error_survives_pickle(answers_of, kind):
    """With its attributes and its text, and without the key."""
    answer = httpx.ConnectError("down") if kind is ServiceUnreachableError else problem(429, "RATE_LIMITED")
    client, _ = answers_of(answer, max_attempts=1, api_key=KEY)
    with pytest.raises(kind) as caught:
        await client.get_run("r1")
    assert b"secret" not in pickle.dumps(caught.value)
    back = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own
    assert (type(back), str(back), vars(back)) == (kind, str(caught.value), vars(caught.value))


async def test_a_compressed_answer_is_read(answers_of):
    """One that cannot be decompressed is no answer of the service."""
    headers = {"content-encoding": "gzip"}
    for data in (gzip.compress(json.dumps(RUN).encode()), b"no gzip"):
        client, _ = answers_of(
            lambda _, data=data: httpx.Response(200, stream=Chunks([data]), headers=headers)
        )
        if data == b"no gzip":
            with pytest.raises(ServiceInvalidError, match="cannot be decompressed"):
                await client.get_run("r1")
        else:
            assert (await client.get_run("r1")).workflow == "shop.v1"


async def test_an_output_that_is_not_json_is_no_answer_of_the_service(answers_of):
    """It may be the page of a proxy."""
    client, _ = answers_of(httpx.Response(200, text="<html>"))
    with pytest.raises(ServiceInvalidError, match="is not JSON"):
        await client.get_output("r1", "price")


async def test_a_workflow_without_one_result_says_so(answers_of):
    """As the engine does."""
    described = {"id": "shop.v1", "version": "1", "description": "", "steps": [], "changes": [], "inputs": {}}
    client, _ = answers_of(httpx.Response(200, json=RUN), httpx.Response(200, json=described))
    with pytest.raises(LookupError, match="name the step with Workflow"):
        await client.get_result("r1")


def test_the_client_needs_no_database_library():
    """And the package does not import httpx by itself."""
    code = (
        "import sys; sys.modules['sqlalchemy'] = None; sys.modules['alembic'] = None\n"
        "import langgraph_runner; assert 'httpx' not in sys.modules\n"
        "from langgraph_runner.client import RunClient, SyncRunClient\n"
        "from langgraph_runner.engine.models import Run\n"
        "print(RunClient.sync('http://127.0.0.1:1'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
    assert (done.stdout.strip(), done.stderr) == ("<SyncRunClient of http://127.0.0.1:1>", "")
