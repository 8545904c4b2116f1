"""The log of `serve` and `worker`: what it has by default, its forms, and who else may configure it."""

import asyncio
import io
import json
import logging
import re
import signal
import sqlite3
import textwrap

import pytest
import requests
import structlog
from bullmq import Queue

from langgraph_runner.cli.logs import log_to_stderr
from langgraph_runner.engine import RUN_ORCHESTRATION, BullMQDispatcher
from tests.redis_server import redis_server
from tests.waiting import eventually_blocking

__all__ = ["redis_server"]
pytestmark = pytest.mark.req("P-2")

APP = """
    import logging, os
    from langgraph_runner import RunEngine, Workflow

    shop = Workflow("shop.v1")

    @shop.step
    async def price(inputs):
        if inputs.get("waits"):
            import asyncio
            await asyncio.Event().wait()
        logging.getLogger("shop").info("Pricing.")
        raise KeyError("no price password=hunter2-and-more")

    def quick():
        engine = RunEngine(
            [shop],
            store="sqlite:///runs.db",
            lease_ms=600,
            poll_ms=50,
            dispatch=os.environ["QUEUE"],
            cache=os.environ["CACHE"],
        )
        async def get_workers(**_):
            raise RuntimeError("no workers password=hunter2-and-more")
        engine.get_workers = get_workers
        return engine
"""


class Log:
    """The log of a process so far."""

    def __init__(self, file):
        self._file = file

    def events(self, name):
        """The events of this name."""
        lines = [json.loads(line) for line in self._file.read_text().splitlines() if line.endswith("}")]
        return [line for line in lines if line["event"] == name]

    def wait_for(self, name):
        """Wait for an event, and return the first one."""
        return eventually_blocking(lambda: self.events(name))[0]


def test_a_service_logs_what_happens(process, redis_server):
    """One process: a failed step, a lost lease, a refused job, the fault behind a 500, a request, a dead Redis."""
    (process.folder / "shop.py").write_text(textwrap.dedent(APP))
    url = f"bullmq+{redis_server.url}"
    out, err = process.folder / "out", process.folder / "err"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        serving = process.start(
            *("serve", "--app", "shop:quick", "--dev", "--port", "0"),
            QUEUE=url,
            CACHE=redis_server.url,
            PYTHONUNBUFFERED="1",
            stdout=stdout,
            stderr=stderr,
        )
    log = Log(err)
    try:
        eventually_blocking(lambda: "--dev" in out.read_text())
        address = re.search(r"http://\S+", out.read_text())[0]
        session = requests.Session()
        failed = session.post(
            f"{address}/runs", json={"workflow": "shop.v1", "inputs": {}}, timeout=30
        ).json()
        assert log.wait_for("step.failed")["run_id"] == failed["id"]
        assert log.wait_for("node.failed")["error"].endswith("'no price password=[REDACTED]'")
        assert log.wait_for("Pricing.")["story_id"] == failed["id"]
        assert log.wait_for("run.failed")["level"] == "error"

        answer = session.get(f"{address}/workers?token=hunter2-and-more", timeout=30)
        fault = log.wait_for("request.failed")
        assert (answer.status_code, fault["request_id"]) == (500, answer.headers["X-Request-ID"])
        assert (fault["error"], "shop.py" in fault["stack"]) == ("no workers password=[REDACTED]", True)
        request = eventually_blocking(
            lambda: [e for e in log.events("request.completed") if e["status"] == 500]
        )[0]
        assert (request["method"], request["path"], request["tenant"]) == ("GET", "/workers", "default")
        assert request["duration_ms"] > 0

        asyncio.run(add_job(url, {"workflow": "unknown", "secret": "hunter2-and-more"}))
        assert log.wait_for("dispatch.job_refused")["queue"] == RUN_ORCHESTRATION

        session.post(f"{address}/runs", json={"workflow": "shop.v1", "inputs": {"waits": True}}, timeout=30)
        eventually_blocking(lambda: len(log.events("step.started")) == 2)
        with sqlite3.connect(process.folder / "runs.db") as database:
            database.execute("UPDATE runs SET fence = fence + 1 WHERE status = 'running'")
        database.close()
        log.wait_for("run.lease_lost")

        redis_server.kill()
        session.post(f"{address}/runs", json={"workflow": "shop.v1", "inputs": {"n": 1}}, timeout=30)
        log.wait_for("cache.hot_tier_failed")
        serving.send_signal(signal.SIGTERM)
        assert serving.wait(60) == 0
    finally:
        serving.kill()
        serving.wait()
    assert "hunter2" not in err.read_text()
    assert all(line.startswith("{") for line in err.read_text().splitlines())  # No traceback of its own.


async def add_job(url, data):
    """Add a job as another program would."""
    dispatcher = BullMQDispatcher(url)
    queue = Queue(RUN_ORCHESTRATION, dispatcher._connection(10))
    await queue.add("run", data, {})
    await queue.close()
    await dispatcher.close()


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self):
        """Yes."""
        return True


@pytest.fixture
def stderr(monkeypatch, structlog_restored):
    """Replaces stderr by a stream of a type, in a program that has configured no log."""
    del structlog_restored

    def replace(kind=io.StringIO):
        stream = kind()
        monkeypatch.setattr("sys.stderr", stream)
        monkeypatch.setattr(logging.getLogger(), "handlers", [])  # Those of pytest.
        return stream

    return replace


def test_a_terminal_gets_text(stderr):
    """A value cannot begin a line of its own."""
    stream = stderr(Terminal)
    with log_to_stderr("info", None):
        logging.getLogger("shop").info("Pricing.", extra={"order": "5\nfaked"})
    assert "Pricing." in stream.getvalue()
    assert stream.getvalue().count("\n") == 1


def test_a_level_leaves_lower_events_out(stderr):
    """It applies to the package, the app and other libraries; chatty libraries log from warning on."""
    stream = stderr()
    with log_to_stderr("info", "json"):
        logging.getLogger("shop").debug("no")
        logging.getLogger("httpx").info("no: GET /?token=x")
        structlog.get_logger("shop").debug("no")
        structlog.get_logger("shop").info("yes")
        logging.getLogger("httpx").warning("yes")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["yes", "yes"]


@pytest.mark.parametrize("get_logger", [logging.getLogger, structlog.get_logger])
def test_an_exception_is_sanitized(stderr, get_logger):
    """Its stack is one field."""
    stream = stderr()
    with log_to_stderr("info", "json"):
        try:
            int("password=hunter2-and-more")
        except ValueError:
            get_logger("shop").exception("failed")
    line = json.loads(stream.getvalue())
    assert ("password=[REDACTED]" in line["stack"], line["level"]) == (True, "error")


def test_an_app_keeps_its_logging(stderr):
    """Neither its handlers nor its levels change."""
    stream, own = stderr(), io.StringIO()
    logging.getLogger().addHandler(logging.StreamHandler(own))
    with log_to_stderr("info", "json"):
        assert not structlog.is_configured()
        logging.getLogger("shop").warning("own")
        logging.getLogger("shop").info("below its level")
    assert (stream.getvalue(), own.getvalue()) == ("", "own\n")


def test_an_app_keeps_its_structlog(stderr):
    """Its events keep their form; `logging` still goes to stderr."""
    stream, captured = stderr(), structlog.testing.LogCapture()
    structlog.configure(processors=[captured])
    with log_to_stderr("info", "json"):
        structlog.get_logger().info("own")
        logging.getLogger("uvicorn.error").info("Started.")
    assert [event["event"] for event in captured.entries] == ["own"]
    assert json.loads(stream.getvalue())["event"] == "Started."


def test_the_log_ends_with_its_block(stderr):
    """Handlers, levels and structlog are restored."""
    stderr()
    root = logging.getLogger()
    before = root.level, [*root.handlers], logging.getLogger("httpx").level
    with log_to_stderr("debug", "text"):
        assert root.level == logging.DEBUG
    assert (root.level, [*root.handlers], logging.getLogger("httpx").level) == before
    assert not structlog.is_configured()
