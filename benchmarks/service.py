"""The service under load, compared with a bare FastAPI route. Needs `wrk` (Debian: `apt-get install wrk`).

`python -m benchmarks service` measures it, in about four minutes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.report import Goal, Section, Table, milliseconds
from langgraph_runner.engine import RunEngine
from langgraph_runner.workflow import Workflow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fastapi import FastAPI

ROUNDS = 3
SECONDS = 5
RUNS = 10_000
STREAMS = 1_000
HELD_S = 60
CONNECTIONS = 32
MOST_KB = 60
ANOTHER_PAGE = "`GET /runs`, no two requests alike"
BARE = "a bare FastAPI route, one query by the primary key"

GOALS = {
    "`GET /runs/{id}`": (
        0.6,
        "each request is authenticated, rate-limited and counted, which the bare route does not do.",
    ),
    "`GET /runs`": (
        0.5,
        "a page has 20 runs: 20 times the rows and the JSON of the bare route.",
    ),
    "`POST /runs`": (
        0.3,
        "a run is checked and committed to disk before the response, and is executed in the same process.",
    ),
}
"""The smallest share of the bare route's requests per second, and why a route may miss it."""

_PAGES = """
local number = 0
request = function()
  number = number + 1
  return wrk.format('GET', string.format('/runs?created_before=2100-01-01T00:00:00.%06dZ', number % 1000000))
end
"""
"""A script for `wrk`: each request gets the same runs with a different query."""

METHOD = """
`langgraph-runner serve` with an API key, on a SQLite file with {runs:,} runs, in its own process. `wrk`
keeps {connections} connections busy for {seconds} s in each of {rounds} turns; the table shows the median.
The bare route has its own process, too: `def`, with `sqlite3` and the row's inputs as JSON. Equal concurrent
requests of `GET /runs` share one read, so that route is also measured with requests that differ. The started runs
are executed in the server, one `async` step each. Then {streams:,} event streams of unfinished runs are held open
for {held} s; the memory is the growth of the server.
"""


class Load(NamedTuple):
    """Figures of `wrk` for one turn."""

    a_second: float
    p50_ms: float
    p99_ms: float


bench = Workflow("bench.v1")


@bench.step(cache="none")
async def work(inputs: dict[str, Any]) -> int:
    """Do nothing."""
    return len(inputs)


waiting = Workflow("waiting.v1")


@waiting.step(effects=False)
async def wait() -> None:
    """Wait forever."""
    await asyncio.Event().wait()


def engine() -> RunEngine:
    """Return the engine that the service serves."""
    return RunEngine([bench, waiting], store="sqlite:///runs.db")


def bare() -> FastAPI:
    """Return the application that a team would write for one table."""
    from fastapi import FastAPI  # noqa: PLC0415 - of an extra

    app, local = FastAPI(), threading.local()

    @app.get("/runs/{run_id}")
    def get_run(run_id: str) -> dict[str, Any]:
        if not hasattr(local, "connection"):
            local.connection = sqlite3.connect("runs.db", check_same_thread=False)
        asked = "SELECT id, workflow_name, status, inputs, created_at FROM runs WHERE id = ?"
        found = local.connection.execute(asked, (run_id,)).fetchone()
        names = ("id", "workflow", "status", "inputs", "created_at")
        return {**dict(zip(names, found, strict=True)), "inputs": json.loads(found[3])}

    return app


def measure(
    rounds: int = ROUNDS,
    seconds: float = SECONDS,
    runs: int = RUNS,
    streams: int = STREAMS,
    held_s: float = HELD_S,
) -> Section:
    """Put load on all routes in turns, then hold event streams open."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run_id = asyncio.run(_made(folder, runs))
        key = _command(folder, "keys", "create", "bench").splitlines()[-1]
        headers = {"Authorization": f"Bearer {key}"}
        serve = ["langgraph_runner", "serve", "--app", "benchmarks.service:engine"]
        with (
            _served(folder, "uvicorn", "benchmarks.service:bare", "--factory", "--no-access-log") as (
                other,
                _,
            ),
            _served(folder, *serve, "--requests-per-s", "1000000") as (ours, pid),
        ):
            post = folder / "post.lua"
            body = '{"workflow": "bench.v1", "inputs": {"net": 10}}'
            post.write_text(
                f"wrk.method, wrk.body = 'POST', '{body}'\nwrk.headers['Content-Type'] = 'application/json'\n"
            )
            pages = folder / "pages.lua"
            pages.write_text(_PAGES)
            loads: dict[str, tuple[str, tuple[str, ...]]] = {
                BARE: (f"{other}/runs/{run_id}", ()),
                "`GET /runs/{id}`": (f"{ours}/runs/{run_id}", ()),
                "`GET /runs`": (f"{ours}/runs", ()),
                ANOTHER_PAGE: (f"{ours}/runs", ("-s", str(pages))),
                "`POST /runs`": (f"{ours}/runs", ("-s", str(post))),
            }
            turns: dict[str, list[Load]] = {what: [] for what in loads}
            for _ in range(rounds):
                for what, (url, options) in loads.items():
                    turns[what].append(_wrk(url, seconds, headers, options))
                    _finish_runs(ours, headers)
            kilobytes = asyncio.run(_held(ours, pid, headers, streams, held_s))
    found = {what: Load(*map(median, zip(*each, strict=True))) for what, each in turns.items()}
    return _section(found, kilobytes, rounds=rounds, seconds=seconds, runs=runs, streams=streams, held=held_s)


def _section(found: Mapping[str, Load], kilobytes: float, **settings: float) -> Section:
    best = found[BARE].a_second
    rows = [
        [
            what,
            f"{load.a_second:,.0f}",
            f"{load.a_second / best:.2f}",
            milliseconds(load.p50_ms),
            milliseconds(load.p99_ms),
        ]
        for what, load in found.items()
    ]
    goals = [
        Goal(
            f"{what} compared with a bare route",
            found[what].a_second / best,
            limit,
            at_least=True,
            if_missed=why,
        )
        for what, (limit, why) in GOALS.items()
    ]
    goals.append(Goal("kB of memory for an open stream", kilobytes, MOST_KB))
    streams = [[f"{settings['streams']:,}", f"{kilobytes:,.1f}"]]
    return Section(
        "The service",
        METHOD.format(connections=CONNECTIONS, **settings),
        [
            Table("", ["", "Requests a second", "relative to the bare route", "p50, ms", "p99, ms"], rows),
            Table("", ["Open streams", "kB each"], streams),
        ],
        goals,
    )


async def _made(folder: Path, runs: int) -> str:
    """Make a database with completed runs, and return the id of one."""
    async with RunEngine([bench], store=f"sqlite:///{folder / 'runs.db'}") as engine:
        for start in range(0, runs, 200):
            numbers = range(start, min(start + 200, runs))
            made = await asyncio.gather(*(engine.run("bench.v1", {"net": number}) for number in numbers))
        return made[-1].id


def _command(folder: Path, *words: str) -> str:
    command = [sys.executable, "-m", "langgraph_runner", *words, "--store", "sqlite:///runs.db"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)  # noqa: S603 - our own
    return done.stdout


@contextlib.contextmanager
def _served(folder: Path, module: str, *options: str) -> Iterator[tuple[str, int]]:
    """Start a server in its own process; yield its address and the process id."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    here = str(Path(__file__).parent.parent)
    command = [sys.executable, "-m", module, *options, "--port", str(port)]
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # The server inherits this limit.
    with (folder / f"{port}.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, cwd=folder, stdout=log, stderr=log, env={"PYTHONPATH": here, "PATH": "/usr/bin:/bin"}
        )
    address = f"http://127.0.0.1:{port}"
    try:
        while not _answers(f"{address}/openapi.json"):
            if process.poll() is not None:
                raise RuntimeError((folder / f"{port}.log").read_text())
            time.sleep(0.05)
        yield address, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):  # noqa: S310 - an address on loopback
        return True
    return False


def _wrk(url: str, seconds: float, headers: Mapping[str, str], options: tuple[str, ...]) -> Load:
    wrk = shutil.which("wrk")
    if wrk is None:
        raise RuntimeError("wrk is missing; on Debian: apt-get install wrk")
    given = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    command = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "--latency", *given, *options, url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - see above
    if "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(said)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    latencies = dict(re.findall(r"(50|99)%\s+([\d.]+(?:us|ms|s))", said))
    if rate is None:
        raise RuntimeError(said)
    return Load(float(rate[1]), _ms(latencies["50"]), _ms(latencies["99"]))


def _ms(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()  # type: ignore[union-attr] # wrk's own format
    return float(number) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[unit]


def _finish_runs(address: str, headers: Mapping[str, str]) -> None:
    """Wait until the runs of a turn are over; otherwise they would slow down the next turn."""
    unfinished = f"{address}/runs?workflow=bench.v1&status=pending&status=running&limit=1"
    request = urllib.request.Request(unfinished, headers=dict(headers))  # noqa: S310 - an address on loopback
    while True:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - see above
            if not json.load(answer)["items"]:
                return
        time.sleep(0.1)


async def _held(address: str, pid: int, headers: Mapping[str, str], streams: int, held_s: float) -> float:
    """Hold event streams of unfinished runs open, and return the growth of the server for each, in kB."""
    host, port = address.removeprefix("http://").split(":")
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    ids = [_posted(address, headers) for _ in range(10)]
    before = _resident_kb(pid)
    opened = []
    for number in range(streams):
        reader, writer = await asyncio.open_connection(host, int(port))
        path = f"/runs/{ids[number % len(ids)]}/events"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n".encode())
        opened.append((reader, writer))
        await reader.readuntil(b"run_started")
    await asyncio.sleep(held_s)
    after = _resident_kb(pid)
    for reader, writer in opened:
        if reader.at_eof():
            raise RuntimeError("The server has closed a stream.")
        writer.close()
    return (after - before) / streams


def _posted(address: str, headers: Mapping[str, str]) -> str:
    request = urllib.request.Request(  # noqa: S310 - an address on loopback
        f"{address}/runs",
        json.dumps({"workflow": "waiting.v1"}).encode(),
        {**headers, "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - see above
        made: dict[str, Any] = json.load(answer)
    return str(made["id"])


def _resident_kb(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return float(found[1]) if found else 0.0
