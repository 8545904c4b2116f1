"""The real server behind Studio serves the audit: ``langgraph dev``, offline, with its watch for blocking calls."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from langgraph_sdk import get_sync_client

from examples.package_audit.graph import builder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Sample
    from langgraph_sdk.client import SyncLangGraphClient

REPOSITORY = Path(__file__).parents[2]
GRAPH = "package_audit"


@dataclass(frozen=True)
class Server:
    """A server under test, a client of it, and the folder that it runs in."""

    url: str
    client: SyncLangGraphClient
    folder: Path

    def run(self, distribution: str, thread_id: str | None = None) -> dict[str, Any]:
        """Audit a distribution and wait for the state."""
        out = str(self.folder / "out" / distribution)
        request = {"distribution": distribution, "out_dir": out}
        state = self.client.runs.wait(thread_id, GRAPH, input=request)
        assert isinstance(state, dict)
        assert "__error__" not in state, f"{state}\n{self.log}"
        return state

    @property
    def log(self) -> str:
        """The last of what the server has printed."""
        return (self.folder / "log").read_text(errors="replace")[-10_000:]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, make_sample: type[Sample]) -> Iterator[Server]:
    """Start the server as a user would, with a spoilt distribution on its path; stop it whatever happens."""
    folder = tmp_path_factory.mktemp("server")
    # A folder of its own, because the server keeps its threads in the one it starts in.
    for name in ("langgraph.json", "examples"):
        (folder / name).symlink_to(REPOSITORY / name)
    sample = make_sample(folder / "site")
    sample.write("tiny/broken.py", "def (:\n")
    sample.record_only.append("tiny/gone.py")
    sample.install()
    url = f"http://127.0.0.1:{free_port()}"
    with get_sync_client(url=url) as client, (folder / "log").open("wb") as log:
        served = Server(url, client, folder)
        process = subprocess.Popen(  # noqa: S603 - the command is written here
            [
                Path(sys.executable).with_name("langgraph"),
                *("dev", "--no-browser", "--no-reload", "--port", url.rpartition(":")[2]),
            ],
            cwd=folder,
            env=offline_environment() | {"PYTHONPATH": str(sample.folder)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            wait_until_ready(process, served)
            yield served
        finally:
            stop(process)


def free_port() -> int:
    """Ask the system for a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def offline_environment() -> dict[str, str]:
    """Give this environment without tracing, keys and usage reports."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("LANG", "PYTEST", "COV"))
    }
    return kept | {"LANGSMITH_TRACING": "false", "LANGGRAPH_CLI_NO_ANALYTICS": "1"}


def wait_until_ready(process: subprocess.Popen[bytes], served: Server) -> None:
    """Ask until the server answers; give up when it is gone or 30 seconds have passed."""
    for _ in range(150):
        try:
            if httpx.get(f"{served.url}/ok").is_success:
                return
        except httpx.TransportError:
            pass
        try:
            process.wait(timeout=0.2)
        except subprocess.TimeoutExpired:
            continue
        break
    pytest.fail(f"langgraph dev does not answer (exit code {process.poll()}):\n{served.log}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the server and what it started."""
    for number in (signal.SIGINT, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, number)
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            continue
        return


@pytest.mark.req("N-2", "N-12")
def test_studio_sees_graph_and_input_form(server: Server):
    """The nodes, the routes between them, and a form with two fields."""
    assistants = server.client.assistants
    (assistant,) = assistants.search(graph_id=GRAPH)

    drawn = assistants.get_graph(assistant["assistant_id"])
    schemas = assistants.get_schemas(assistant["assistant_id"])

    assert {node["id"] for node in drawn["nodes"]} == {*builder.nodes, "__start__", "__end__"}
    conditional = {(edge["source"], edge["target"]) for edge in drawn["edges"] if edge.get("conditional")}
    assert {("resolve", "report"), ("inventory", "parse"), ("gate", "report")} <= conditional
    assert schemas["input_schema"]["required"] == ["distribution"]
    assert set(schemas["input_schema"]["properties"]) == {"distribution", "out_dir"}
    assert {"errors", "routing_flags", "figures"} <= set(schemas["output_schema"]["properties"])


@pytest.mark.req("N-2", "N-4", "N-6")
def test_one_thread_audits_good_spoilt_and_missing_distributions(server: Server):
    """A real one, one with two files that fail, and none: each state tells its story.

    A node that blocked the event loop would stand among the errors: the server raises in it.
    """
    thread_id = server.client.threads.create()["thread_id"]

    missing = server.run("no-such-distribution", thread_id)
    real = server.run("idna", thread_id)
    spoilt = server.run("tiny-sample", thread_id)

    assert missing["routing_flags"] == {"blocked": True, "proceed": False, "complete": False}
    assert [error["node_id"] for error in missing["errors"]] == ["resolve"]
    assert "No distribution 'no-such-distribution' is installed" in missing["errors"][0]["message"]
    assert real["routing_flags"] == {"blocked": False, "proceed": True, "complete": True}
    assert real["figures"]["modules"] == len(real["inventory"]["sources"]) > 0
    assert spoilt["routing_flags"] == {"blocked": False, "proceed": True, "complete": True}
    assert [error["error_type"] for error in spoilt["errors"][1:]] == ["SyntaxError", "FileNotFoundError"]
    assert spoilt["figures"]["modules"] == 3
    for state in (missing, real, spoilt):
        assert Path(state["artifact_paths"]["report"]).is_file()
