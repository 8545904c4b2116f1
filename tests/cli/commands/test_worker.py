"""`langgraph-runner worker` as a real process: it runs what other processes trigger, drains, and is killed."""

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import requests
from typer.testing import CliRunner

from langgraph_runner import RunEngine, Workflow
from langgraph_runner.cli.app import app
from tests.redis_server import redis_server
from tests.waiting import eventually_blocking

__all__ = ["redis_server"]
pytestmark = pytest.mark.req("R-54", "R-61")

ROOT = Path(__file__).parents[3]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
"""With it, the app below can import `tests.waiting`."""
APP = """
    import os
    from pathlib import Path
    from langgraph_runner import RunEngine, Workflow
    from tests.waiting import eventually

    shop = Workflow("shop.v1")

    @shop.step(effects=True)
    async def price(inputs) -> float:
        with open("begun", "a") as file:
            file.write("x")
        if "gate" in inputs:
            await eventually(Path(inputs["gate"]).exists)
        return inputs["net"] * 1.25

    drawn = Workflow("drawn.v1")

    @drawn.step(queue="gpu", cache="none")
    def draw(inputs) -> int:
        return os.getpid()

    def quick():
        return RunEngine([shop], store="sqlite:///runs.db", lease_ms=500, poll_ms=50)
"""


class WorkerProcess:
    """A worker in a folder, with its output."""

    def __init__(self, folder, *options, served="shop:shop"):
        self.folder = folder
        (folder / "shop.py").write_text(textwrap.dedent(APP))
        self._log = folder / f"{time.monotonic_ns()}.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-m", "langgraph_runner", "worker", "--app", served, *options],
                cwd=folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**ENVIRONMENT, "PYTHONUNBUFFERED": "1"},
            )

    @property
    def output(self):
        """All lines so far."""
        return self._log.read_text()

    def wait_for(self, words):
        """Wait until the output has this text."""

        def is_there():
            assert words in self.output or self.process.poll() is None, self.output
            return words in self.output

        eventually_blocking(is_there)

    def signal(self, number):
        """Send a signal to the process."""
        self.process.send_signal(number)


@pytest.fixture
def worker(tmp_path):
    """Starts workers, and kills those that are running at the end."""
    made = []

    def start(*options, **keywords):
        made.append(WorkerProcess(tmp_path, *options, **keywords))
        return made[-1]

    yield start
    for each in made:
        each.process.kill()
        each.process.wait()


@pytest.fixture
def client(tmp_path):
    """Makes engines that trigger runs for workers."""
    made = []

    def engine(**options):
        flow = Workflow("shop.v1")
        flow.step(lambda inputs: 0.0, id="price", output=float, effects=True)
        found = RunEngine.sync([flow], store=f"sqlite:///{tmp_path / 'runs.db'}", **options)
        found.take_on("none")
        made.append(found)
        return found

    yield engine
    for each in made:
        each.close()


def wait_for_starts(folder, times):
    """Wait until steps have started this many times."""
    file = folder / "begun"
    eventually_blocking(lambda: file.exists() and len(file.read_text()) >= times)


def test_a_worker_of_a_queue_runs_only_its_steps(worker, tmp_path):
    """Of two workers, one has the run, and the other runs the step that names the queue."""
    pool = worker("--queue", "gpu", "--store", "sqlite:///runs.db", served="shop:drawn")
    other = worker("--store", "sqlite:///runs.db", served="shop:drawn")
    pool.wait_for("Working on steps of queue gpu in drawn.v1.")
    other.wait_for("Working on drawn.v1.")
    drawn = Workflow("drawn.v1")
    drawn.step(lambda inputs: 0, id="draw", output=int)
    engine = RunEngine.sync([drawn], store=f"sqlite:///{tmp_path}/runs.db", poll_ms=20)
    engine.take_on("none")
    with engine:
        run = engine.run("drawn.v1", {})
        assert (run.status, engine.get_result(run.id)) == ("completed", pool.process.pid)


def test_a_refused_option_has_its_name_of_the_command_line(cli):
    """The message does not use the engine's name of the option."""
    (cli.folder / "pool.py").write_text(textwrap.dedent(APP))
    assert (
        "--queue cannot be used with --app pool:quick, which is an engine"
        in cli("worker", "--app", "pool:quick", "--queue", "gpu").err
    )


def test_a_worker_runs_what_other_processes_trigger(worker, client):
    """It finds the runs in the database, and logs them as JSON, because its output is a file."""
    working = worker()
    working.wait_for("Working on shop.v1.")
    engine = client()
    run = engine.wait(engine.trigger("shop.v1", {"net": 10}).id)
    assert (run.status, run.output("price")) == ("completed", 12.5)
    working.wait_for('"event": "run.completed"')


def test_a_worker_gets_runs_from_a_queue(worker, client, redis_server):
    """The worker also uses a shared cache."""
    url = f"bullmq+{redis_server.url}"
    worker("--dispatch", url, "--cache", redis_server.url).wait_for("Working on")
    engine = client(dispatch=url)
    assert engine.wait(engine.trigger("shop.v1", {"net": 10}).id).status == "completed"


def test_a_signal_lets_runs_end(worker, client, tmp_path):
    """No further run starts."""
    working = worker("--store", "sqlite:///runs.db")
    engine = client()
    run = engine.trigger("shop.v1", {"net": 10, "gate": "go"})
    wait_for_starts(tmp_path, 1)
    working.signal(signal.SIGTERM)
    working.wait_for("Stopping: runs may continue for 30s.")
    left = engine.trigger("shop.v1", {"net": 20})
    (tmp_path / "go").touch()
    assert working.process.wait(60) == 0
    assert "All runs have ended." in working.output
    assert [engine.get_run(each.id).status for each in (run, left)] == ["completed", "pending"]


@pytest.mark.parametrize("options", [(), ("--grace", "1ms")], ids=["second signal", "end of the grace"])
def test_unfinished_runs_are_handed_back(worker, client, tmp_path, options):
    """Another worker continues them at once, without waiting for the lease to expire."""
    working = worker(*options)
    engine = client()
    run = engine.trigger("shop.v1", {"net": 10, "gate": "go"})
    wait_for_starts(tmp_path, 1)
    working.signal(signal.SIGTERM)
    working.wait_for("Stopping")
    if not options:
        working.signal(signal.SIGTERM)
    assert working.process.wait(60) == 0
    assert "Handed back the runs that have not ended." in working.output
    (tmp_path / "go").touch()
    worker()
    assert engine.wait(run.id).status == "completed"


def test_a_killed_worker_loses_nothing(worker, client, tmp_path):
    """Another worker takes its runs over when the lease expires."""
    working = worker(served="shop:quick")
    engine = client()
    run = engine.trigger("shop.v1", {"net": 10, "gate": "go"})
    wait_for_starts(tmp_path, 1)
    working.signal(signal.SIGKILL)
    (tmp_path / "go").touch()
    worker(served="shop:quick")
    assert engine.wait(run.id).status == "completed"


def test_health_and_metrics_need_no_key(worker):
    """They are at the printed address. Nothing else is served there."""
    working = worker("--port", "0")
    working.wait_for("Working on")
    address = re.search(r"http://127\.0\.0\.1:\d+", working.output)[0]
    answers = {
        path: requests.get(f"{address}{path}", timeout=30) for path in ("/healthz", "/readyz", "/runs")
    }
    assert {path: answer.status_code for path, answer in answers.items()} == {
        "/healthz": 200,
        "/readyz": 200,
        "/runs": 404,
    }
    assert (
        'langgraph_runner_runs{status="pending"} 0.0' in requests.get(f"{address}/metrics", timeout=30).text
    )
    working.signal(signal.SIGTERM)
    assert working.process.wait(60) == 0
    assert "Traceback" not in working.output


def test_a_port_in_use_is_an_error(worker):
    """The worker does not start."""
    first = worker("--port", "0")
    first.wait_for("Working on")
    port = re.search(r"http://127\.0\.0\.1:(\d+)", first.output)[1]
    second = worker("--port", port)
    assert second.process.wait(60) == 8
    assert f"cannot listen on 127.0.0.1:{port}" in second.output


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--dispatch", "redis://x"), "dispatch must begin with bullmq+redis://"),
        (("--cache", "http://x"), "cache must begin with redis://"),
        (("--grace", "soon"), "--grace"),
        (
            ("--app", "shop:quick", "--cache", "redis://x"),
            "--cache cannot be used with --app shop:quick, which is an engine with its own options.",
        ),
    ],
)
def test_a_wrong_option_is_a_usage_error(tmp_path, monkeypatch, options, problem):
    """The message names the option."""
    (tmp_path / "shop.py").write_text(textwrap.dedent(APP))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "shop", None)  # Whatever is there now comes back after the test.
    del sys.modules["shop"]
    refused = CliRunner().invoke(app, ["worker", "--app", "shop:shop", *options])
    assert (refused.exit_code, problem in refused.stderr) == (2, True), refused.output


def test_an_api_only_service_leaves_runs_to_workers(worker, client, tmp_path):
    """`serve --api-only` creates runs, and runs none."""
    (tmp_path / "shop.py").write_text(textwrap.dedent(APP))
    command = [
        sys.executable,
        "-m",
        "langgraph_runner",
        "serve",
        "--app",
        "shop:shop",
        "--port",
        "0",
        "--dev",
    ]
    with subprocess.Popen(  # noqa: S603 - our own command
        [*command, "--api-only"], cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
    ) as serving:
        address = re.search(r"http://\S+", serving.stdout.readline())[0]
        asked = {"workflow": "shop.v1", "inputs": {"net": 10}}
        run = f"{address}/runs/{requests.post(f'{address}/runs', json=asked, timeout=30).json()['id']}"
        assert requests.get(f"{run}?wait_ms=200", timeout=30).json()["status"] == "pending"
        worker()
        # Not with `wait_ms`: on a busy machine the worker may need longer than that to start.
        ended = eventually_blocking(
            lambda: requests.get(run, timeout=30).json()["status"],
            lambda status: status not in {"pending", "running"},
        )
        assert ended == "completed"
        serving.terminate()
