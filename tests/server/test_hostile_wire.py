"""Hostile clients on the wire: silent, slow, endless, not reading, or ambiguous."""

import asyncio
import os
import signal
import socket
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest
import requests

from langgraph_runner.server import serving
from tests.server.processes import Served
from tests.waiting import eventually

pytestmark = pytest.mark.req("R-52")
HOST = b"Host: localhost\r\n"
POST = b"POST /runs HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"


@asynccontextmanager
async def listening(service_of):
    """Run a server without keys; yield the service, its port and a client."""
    addresses = asyncio.Queue()
    async with service_of() as service:
        running = asyncio.ensure_future(
            serving.serve_app(
                service.engine,
                host="127.0.0.1",
                port=0,
                dev_tenant="acme",
                requests_per_s=1,
                on_listening=addresses.put_nowait,
            )
        )
        address = await addresses.get()
        async with httpx.AsyncClient(base_url=address, trust_env=False) as client:
            try:
                yield service, int(address.rpartition(":")[2]), client
            finally:
                os.kill(os.getpid(), signal.SIGTERM)
                await running


@pytest.fixture
def store_url(tmp_path):
    """The kind of database makes no difference here."""
    return f"sqlite:///{tmp_path}/runs.db"


def test_idle_connections_fail_no_run(tmp_path):
    """The service raises its limit of file descriptors to 512, and keeps a quarter for the runs."""
    with Served(tmp_path, "--dev", files=512) as served, requests.Session() as session, ExitStack() as idle:
        session.get(f"{served.url}/runs", timeout=30)  # Its connection stays open.
        for _ in range(600):
            idle.enter_context(socket.create_connection(("127.0.0.1", served.port)))
        ids = []
        for net in range(20):
            body = {"workflow": "shop.v1", "inputs": {"net": net}}
            ids.append(session.post(f"{served.url}/runs", json=body, timeout=30).json()["id"])
        ended = [session.get(f"{served.url}/runs/{each}?wait_ms=20000", timeout=30).json() for each in ids]
        assert {each["status"] for each in ended} == {"completed"}
        assert "out of system resource" not in served.log
        assert served.log.count("server.connections_refused") == 1


async def test_connections_above_the_limit_are_closed(service_of, monkeypatch):
    """Open ones go on, and their places become free."""
    monkeypatch.setattr(serving, "max_connections", lambda: 2)
    async with listening(service_of) as (_, port, client):
        assert (await client.get("/runs")).status_code == 200
        _, other = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            with suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()
        assert (await client.get("/runs")).status_code == 200
        other.close()

        async def is_admitted():
            async with httpx.AsyncClient(trust_env=False) as another:
                with suppress(httpx.TransportError):
                    return (await another.get(client.base_url)).status_code == 200

        await eventually(is_admitted)


async def test_idle_clients_are_disconnected(service_of, monkeypatch):
    """Half a head or an endless refused request does not prevent this; others get responses meanwhile."""
    monkeypatch.setattr(serving, "_IDLE_S", 1.0)
    refused = POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{]{]{\r\n0\r\n\r\n"

    async def until_closed(port, sent, then):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        while not reader.at_eof():
            try:
                await asyncio.wait_for(reader.read(65_536), 0.2)
            except TimeoutError:
                writer.write(then)
            except ConnectionError:
                break
        writer.close()

    async with listening(service_of) as (_, port, client):
        clients = [until_closed(port, b"", b"") for _ in range(200)]
        clients += [until_closed(port, b"GET /ru", b"n"), until_closed(port, refused, b"G")]
        clients += [until_closed(port, b"GET /nothing HTTP/1.1\r\n" + HOST + b"\r\n", b"\r\n")]
        waiting = asyncio.gather(*clients)
        assert (await client.get("/healthz")).status_code == 200
        await waiting


async def test_an_endless_head_is_refused(service_of):
    """The service does not keep megabytes of headers, in the first request or in a later one."""
    async with listening(service_of) as (_, port, client):
        for before in (b"", b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(before + b"GET /healthz HTTP/1.1\r\n" + HOST + b"X: ")
            sent = 0
            try:
                while sent < 50_000_000:
                    writer.write(b"a" * 65_536)
                    await writer.drain()
                    sent += 65_536
                    await asyncio.sleep(0)
            except ConnectionError:
                pass
            assert sent < 20_000_000
            writer.close()
            del reader
        assert (await client.get("/healthz")).status_code == 200


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux has this option")
async def test_clients_that_do_not_read_are_disconnected(service_of, monkeypatch):
    """A long response and event streams stay unread; the run completes, and others get responses."""
    servers = []

    class Server(serving._Server):
        def __init__(self, *arguments, **keywords):
            super().__init__(*arguments, **keywords)
            servers.append(self)

    monkeypatch.setattr(serving, "_Server", Server)
    monkeypatch.setattr(serving, "_UNREAD_MS", 500)
    monkeypatch.setattr(serving, "_IDLE_S", 1.0)
    async with listening(service_of) as (service, port, client):
        inputs = {"net": 1_000, "customer": "x" * 900_000}
        made = (await client.post("/runs", json={"workflow": "shop.v1", "inputs": inputs})).json()
        path = f"/runs/{made['id']}".encode()
        sockets: list[socket.socket] = []
        for asked in [path] * 5 + [path + b"/events"] * 50:
            each = socket.socket()
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            each.connect(("127.0.0.1", port))
            # Ten responses are more than the buffers of the kernel hold.
            each.sendall((b"GET " + asked + b" HTTP/1.1\r\n" + HOST + b"\r\n") * 10)
            sockets.append(each)
        service.flow.gate.set()
        assert (await service.engine.wait(made["id"], tenant="acme")).status == "completed"
        assert (await client.get("/healthz")).status_code == 200
        (server,) = servers
        # The connection of `client` stays.
        await eventually(lambda: len(server.server_state.connections), lambda count: count <= 1)
        assert not server.should_exit
        for each in sockets:
            each.close()


async def test_a_slow_reader_does_not_delay_others(service_of):
    """It reads a long response and events byte by byte; others get responses, and its run completes."""
    async with listening(service_of) as (service, port, client):
        inputs = {"net": 1_000, "customer": "x" * 900_000}
        made = (await client.post("/runs", json={"workflow": "shop.v1", "inputs": inputs})).json()
        readers = []
        for path in (f"/runs/{made['id']}", f"/runs/{made['id']}/events"):
            slow = socket.socket()
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            slow.settimeout(0)
            await asyncio.get_running_loop().sock_connect(slow, ("127.0.0.1", port))
            slow.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            readers.append(slow)

        async def read_a_byte_each():
            return [await asyncio.get_running_loop().sock_recv(slow, 1) for slow in readers]

        seen = [await read_a_byte_each()]
        for _ in range(20):
            assert (await client.get("/healthz")).status_code == 200
            assert (await client.get("/runs?limit=1")).json()["items"][0]["status"] == "running"
            seen.append(await read_a_byte_each())
        service.flow.gate.set()
        assert (await service.engine.wait(made["id"], tenant="acme")).status == "completed"
        seen.append(await read_a_byte_each())
        for answer in zip(*seen, strict=True):
            assert b"".join(answer).startswith(b"HTTP/1.1 200 OK\r\n")
        for slow in readers:
            slow.close()


@pytest.mark.parametrize(
    "data",
    [
        POST
        + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: 2\r\nContent-Length: 4\r\n\r\n{}{}",
        POST + b"Content-Length: -1\r\n\r\n{}",
        POST + b"Content-Length: +2\r\n\r\n{}",
        POST + b"Content-Length : 2\r\n\r\n{}",
        POST + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        b"GET /runs HTTP/1.1\r\n" + HOST + b"X: a\r\n b\r\n\r\n",
        b"GET /runs HTTP/1.1\r\n" + HOST + b"X: a\x00b\r\n\r\n",
        b"GET /runs HTTP/1.1\r\n" + HOST + b"X-Request-Id: a\rSet-Cookie: x=1\r\n\r\n",
        b"GET /runs\xff HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /runs HTTP/1.1\r\nHost: evil.test\r\n\r\n",
        b"GET /runs HTTP/1.1\r\nHost: evil.test\r\n" + HOST + b"\r\n",
        b"GET /runs HTTP/1.1\r\nHost: localhost.evil.test\r\n\r\n",
        b"GET /runs HTTP/1.1\r\nHost: localhost:80@evil.test\r\n\r\n",
        b"GET /runs HTTP/1.1\r\n\r\n",
        b"GET /runs HTTP/1.1\r\n" + HOST + b"Host: evil.test\r\n\r\n",
        b"GET /runs HTTP/1.1\r\n" + HOST + HOST + b"\r\n",
        b"CONNECT evil.test:443 HTTP/1.1\r\n" + HOST + b"\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_an_ambiguous_request_is_refused(server, data):
    """It gets one response, so that no text after it is read as another request."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: client.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 400 "), answer
    assert answer.count(b"HTTP/1.1 ") == 1
    assert "Traceback" not in server.log


@pytest.mark.parametrize(
    "path", [b"/runs/", b"//evil.test/runs", b"/runs/../metrics", b"/runs;/x", b"/%2e%2e/runs"]
)
def test_a_path_is_not_normalized(server, path):
    """It leads nowhere else, and no redirect repeats a host that the client invented."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 404 "), answer


def figures(pid):
    """Return the resident memory of a process in KiB, and the number of its open files."""
    process = Path("/proc") / str(pid)
    lines = (process / "status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")), len(
        [*(process / "fd").iterdir()]
    )


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux has /proc")
def test_memory_stays_flat_under_hostile_requests(tmp_path):
    """Each request has 20 kB of new text; the test would detect if a fourth of it were kept."""
    with Served(tmp_path) as server:
        session = requests.Session()
        key = server.key()
        number = 0

        def attack(rounds):
            nonlocal number
            for _ in range(rounds):
                number += 1
                mark = f"{number:08d}" * 2_500
                bearer = {"Authorization": f"Bearer {key}"}
                wrong = {"Authorization": f"Bearer lgr_{number:012x}_{number:064x}"}
                made_up = {"Authorization": f"Bearer {mark[:16_000]}", "X-Request-Id": mark[:64]}
                for method, path, headers, body in (
                    ("GET", f"/{mark[:16_000]}", {}, None),
                    ("GET", "/runs", wrong, None),
                    ("GET", "/runs", made_up, None),
                    ("GET", f"/runs?workflow={mark[:9_000]}", bearer, None),
                    ("POST", "/runs", bearer | {"Idempotency-Key": mark[:200]}, {"workflow": mark}),
                    ("POST", "/runs", bearer, {"workflow": "shop.v1", "inputs": {"net": mark}}),
                    (f"X{number}", "/runs", bearer, None),
                ):
                    answer = session.request(
                        method, server.url + path, headers=headers, json=body, timeout=60
                    )
                    assert answer.status_code < 500

        attack(30)
        rss, files = figures(server.process.pid)
        attack(80)
        rss_after, files_after = figures(server.process.pid)
        assert rss_after - rss < 2_000, (rss, rss_after)
        assert files_after <= files + 2
        assert "Traceback" not in server.log
