"""A server for all tests, and one fixture for async and sync clients."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from langgraph_runner.client import RunClient
from tests.client.fakes import URL, copied
from tests.client.live import GATE, Live, shop


@pytest.fixture(scope="package")
def live(tmp_path_factory):
    """A server for all tests."""
    live = Live(tmp_path_factory.mktemp("live"))
    yield live
    GATE.set()
    live.stop()


@pytest.fixture(scope="package")
def api_key(live):
    """A key of tenant `acme` with the role `run`."""
    return asyncio.run(live.key())


@pytest.fixture(autouse=True)
def closed_gate():
    """Close the gate before each test."""
    GATE.clear()
    yield
    GATE.set()


class Awaited:
    """A `SyncRunClient` whose methods can be awaited. Each call runs in a thread."""

    def __init__(self, client):
        self._client = client

    def __getattr__(self, name):
        """The method of this name."""
        method = getattr(self._client, name)
        if name == "events":
            return lambda *arguments, **options: self._events(method(*arguments, **options))
        return lambda *arguments, **options: asyncio.to_thread(method, *arguments, **options)

    async def _events(self, events):
        try:
            while (event := await asyncio.to_thread(next, events, None)) is not None:
                yield event
        finally:
            await asyncio.to_thread(events.close)


@pytest.fixture(params=["async", "sync"])
async def client_of(request):
    """Makes clients of one kind, async or sync, and closes them."""
    made = []

    def make(*arguments, **options):
        is_async = request.param == "async"
        kind = RunClient if is_async else RunClient.sync
        client = kind(*arguments, **options)
        made.append(client if is_async else Awaited(client))
        return made[-1]

    yield make
    for client in made:
        await client.close()


@pytest.fixture
def client(client_of, live, api_key):
    """A client of the server."""
    return client_of(live.url, api_key=api_key, workflows=[shop])


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
