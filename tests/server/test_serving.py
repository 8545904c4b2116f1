"""A real server: started, killed, started again, interrupted."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest
import requests

from langgraph_runner.client import RunClient
from langgraph_runner.server.serving import is_loopback, serve_app
from tests.server.processes import ENVIRONMENT, Served
from tests.waiting import eventually_blocking

pytestmark = pytest.mark.req("R-52", "R-54")


def read_events(url, seen):
    """Follow a run across restarts of the server, as a browser does."""
    while True:
        last = {"Last-Event-ID": str(seen[-1])} if seen else {}
        try:
            with requests.get(url, headers=last, stream=True, timeout=30) as answer:
                if answer.status_code == 204:
                    return
                for line in answer.iter_lines():
                    if line.startswith(b"id: "):
                        seen.append(int(line[4:]))
        except requests.RequestException:
            continue


@pytest.mark.req("R-42")
def test_a_killed_server_loses_no_run_and_no_event(tmp_path):
    """It is killed with 200 open runs: all complete, and streams resume without a gap or a repeat."""
    with Served(tmp_path, "--dev", app="shop:quick") as server:
        session = requests.Session()
        ids = []
        for number in range(200):
            body = {"workflow": "shop.v1", "inputs": {"net": number, "waits": number % 4 == 0}}
            ids.append(session.post(f"{server.url}/runs", json=body, timeout=30).json()["id"])
        followed = ids[::25]
        seen = {run_id: [] for run_id in followed}
        readers = [
            threading.Thread(target=read_events, args=(f"{server.url}/runs/{run_id}/events", seen[run_id]))
            for run_id in followed
        ]
        for reader in readers:
            reader.start()
        assert server.stop(signal.SIGKILL) == -signal.SIGKILL
        (tmp_path / "go").touch()
        server.start()
        for reader in readers:
            reader.join(240)
        session, recovered = requests.Session(), []
        for run_id in ids:
            events = session.get(f"{server.url}/runs/{run_id}/events", timeout=240).text
            recovered.append("event: run_recovered" in events)
            assert session.get(f"{server.url}/runs/{run_id}", timeout=30).json()["status"] == "completed"
        assert any(recovered)
        for run_id in followed:
            assert seen[run_id] == [*range(1, len(seen[run_id]) + 1)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_shuts_the_server_down(tmp_path, ctrl_c, number):
    """The exit code is 0."""
    with Served(tmp_path, "--dev") as served:
        body = {"workflow": "shop.v1", "inputs": {"net": 1}}
        requests.post(f"{served.url}/runs", json=body, timeout=30).raise_for_status()
        assert served.stop(number) == 0
    assert "Traceback" not in served.log


@pytest.mark.parametrize("signals", [1, 2])
def test_runs_may_end_after_a_signal(tmp_path, ctrl_c, signals):
    """A second signal hands them back at once."""
    with Served(tmp_path, "--dev", app="shop:quick") as served:
        body = {"workflow": "shop.v1", "inputs": {"net": 1, "waits": True}}
        run = requests.post(f"{served.url}/runs", json=body, timeout=30).json()
        eventually_blocking(lambda: "step.started" in served.log)
        served.process.send_signal(signal.SIGTERM)
        eventually_blocking(lambda: "Stopping" in served.log)
        if signals == 2:
            served.process.send_signal(signal.SIGTERM)
            eventually_blocking(lambda: "Handed back" in served.log)
        (tmp_path / "go").touch()
        assert served.process.wait(60) == 0
        status = json.loads(served.command("status", run["id"], "--json"))["status"]
    assert status == ("completed" if signals == 1 else "running"), served.log


async def events_of(client, run_id, first):
    """Return the numbers of a run's events, and set `first` at the first one."""
    numbers = []
    async for event in client.events(run_id):
        numbers.append(event.seq)
        first.set()
    return numbers


async def test_a_stop_breaks_no_caller(tmp_path):
    """Streams and long polls end at once, and their clients continue with the next server."""
    with Served(tmp_path, "--dev", "--api-only") as served:
        async with RunClient(served.url) as client, httpx.AsyncClient(trust_env=False) as http:
            run = await client.trigger("shop.v1", {"net": 1})
            path = f"{served.url}/runs/{run.id}"
            first = [asyncio.Event() for _ in range(20)]
            streams = [asyncio.create_task(events_of(client, run.id, each)) for each in first]
            waits = [asyncio.create_task(client.wait(run.id, timeout_ms=60_000)) for _ in range(20)]
            poll = asyncio.create_task(http.get(f"{path}?wait_ms=20000", timeout=30))
            async with http.stream("GET", f"{path}/events", timeout=30) as stream:
                lines = stream.aiter_lines()
                assert await anext(lines) == "retry: 1000"
                for each in first:
                    await each.wait()
                await http.get(
                    f"{served.url}/runs"
                )  # The server has read the long polls before this request.
                started = time.monotonic()
                served.process.send_signal(signal.SIGTERM)
                assert [line async for line in lines if line][-1] == "retry: 1000"
                assert ((await poll).status_code, (await poll).json()["status"]) == (200, "pending")
            assert await asyncio.to_thread(served.process.wait, 30) == 0
            assert time.monotonic() - started < 4, "uvicorn's grace of 5 s was not needed"
            served.options = ("--dev",)
            await asyncio.to_thread(served.start)
            assert {ended.status for ended in await asyncio.gather(*waits)} == {"completed"}
            numbers = await asyncio.gather(*streams)
    assert all(each == [*range(1, len(each) + 1)] for each in numbers)
    assert not re.search("Traceback|Cancel ", served.log), served.log


def test_a_request_needs_a_key(tmp_path):
    """The key itself is not logged."""
    with Served(tmp_path) as served:
        assert requests.get(f"{served.url}/runs", timeout=30).status_code == 401
        token = served.key()
        answer = requests.get(f"{served.url}/runs", headers={"Authorization": f"Bearer {token}"}, timeout=30)
        assert answer.status_code == 200
        assert token not in served.log


def test_dev_mode_needs_no_key(server):
    """The server says so when it starts."""
    assert requests.get(f"{server.url}/runs", timeout=30).status_code == 200
    assert "No API key is needed (--dev)" in server.log


def test_a_slow_sender_does_not_delay_others(server):
    """It sends one byte of a body and then nothing."""
    with socket.create_connection(("127.0.0.1", server.port)) as slow:
        slow.sendall(b"POST /runs HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        assert requests.get(f"{server.url}/runs", timeout=30).status_code == 200


@pytest.mark.parametrize(
    "data",
    [
        b"GET /runs/%00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /runs/..%2f..%2fetc%2fpasswd HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /runs?workflow=%00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /runs?tag=a:%00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /runs?workflow=%ff%fe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /workflows/%00%ff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /runs HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\tb\r\n\r\n",
        b"GET /runs HTTP/1.1\r\nHost: x\r\nX-Tenant: other\r\nAuthorization: Bearer \xff\r\n\r\n",
        b"GET http://else.test/runs HTTP/1.1\r\nHost: x\r\n\r\n",
        b'POST /runs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 22\r\n\r\n{"workflow":"\\ud800"  }',  # noqa: E501 - bytes on the wire
        b"POST /runs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\nNaN",
        b"POST /runs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2000000\r\n\r\n"
        + b"[" * 2_000_000,
        b"POST /runs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 200000\r\n\r\n"
        + b"[" * 200_000,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_a_hostile_request_does_not_break_the_server(server, data):
    """It gets a refusal, and the server keeps serving."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(data)
        answer = client.makefile("rb").readline()
    assert answer.startswith((b"HTTP/1.1 2", b"HTTP/1.1 4")), answer
    assert requests.get(f"{server.url}/readyz", timeout=30).status_code == 200
    assert "Traceback" not in server.log


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "example.org"])  # noqa: S104 - refused
def test_dev_mode_listens_on_this_machine_only(tmp_path, host):
    """Another `--host` is refused before anything is opened."""
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "langgraph_runner", "serve", "--app", "x:y", "--dev", "--host", host],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "--host must be a loopback address" in done.stderr) == (2, True)


def test_loopback_addresses_are_recognized():
    """Names and numeric addresses are recognized."""
    assert all(map(is_loopback, ["localhost", "127.0.0.1", "127.9.9.9", "::1"]))
    assert not any(map(is_loopback, ["0.0.0.0", "::", "10.0.0.1", "localhost.example.org"]))  # noqa: S104 - refused


def test_a_port_in_use_is_reported(server):
    """The message is one line that names the address."""
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "langgraph_runner", "serve", "--app", "shop:shop", "--port", str(server.port)],
        cwd=server.folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (8, 1)
    assert f"127.0.0.1:{server.port}" in done.stderr


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1"])
async def test_an_engine_is_served_until_a_signal(service_of, host):
    """The server runs on the loop of the caller, and restores the signal handler."""
    before = signal.getsignal(signal.SIGTERM)
    addresses = asyncio.Queue()
    async with service_of() as service:
        engine = service.engine

        serving = asyncio.ensure_future(
            serve_app(
                engine,
                host=host,
                port=0,
                dev_tenant="acme",
                requests_per_s=1,
                on_listening=addresses.put_nowait,
            )
        )
        listening = asyncio.ensure_future(addresses.get())
        await asyncio.wait({serving, listening}, return_when=asyncio.FIRST_COMPLETED)
        assert not serving.done(), serving.result()
        address = listening.result()
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"{address}/runs")).json()["items"] == []
            rebound = await client.get(f"{address}/runs", headers={"Host": "evil.test"})
            assert rebound.status_code == 400
        os.kill(os.getpid(), signal.SIGTERM)
        await serving
    assert signal.getsignal(signal.SIGTERM) is before
