"""The real server behind Studio, started with ``langgraph dev``, which detects blocking calls."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from langgraph_sdk import get_sync_client
from langgraph_sdk.client import SyncLangGraphClient

from tests.waiting import eventually_blocking

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Server:
    """A server under test, a client of it, and the folder that it runs in."""

    url: str
    client: SyncLangGraphClient
    folder: Path

    @property
    def log(self) -> str:
        """Return the end of the server's log."""
        return (self.folder / "log").read_text(errors="replace")[-10_000:]


@contextmanager
def serving(folder: Path, config: str = "langgraph.json", **environment: str) -> Iterator[Server]:
    """Start a server offline, and stop it at the end, even after an error.

    Args:
        folder: Its working directory, where it stores its threads.
        config: The configuration of the repository that it serves.
        environment: Its environment variables.
    """
    for name in ("langgraph.json", "examples"):
        (folder / name).symlink_to(REPOSITORY / name)
    url = f"http://127.0.0.1:{free_port()}"
    with get_sync_client(url=url) as client, (folder / "log").open("wb") as log:
        served = Server(url, client, folder)
        process = subprocess.Popen(  # noqa: S603 - the command is written here
            [
                Path(sys.executable).with_name("langgraph"),
                *("dev", "--no-browser", "--no-reload", "--config", config),
                *("--port", url.rpartition(":")[2]),
            ],
            cwd=folder,
            env=offline_environment() | environment,
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
    """Return a free port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def offline_environment() -> dict[str, str]:
    """Return this environment without tracing, keys and usage reports."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("LANG", "PYTEST", "COV"))
    }
    return kept | {"LANGSMITH_TRACING": "false", "LANGGRAPH_CLI_NO_ANALYTICS": "1"}


def wait_until_ready(process: subprocess.Popen[bytes], served: Server) -> None:
    """Ask until the server answers; fail when it has ended, or after 60 seconds."""

    def answers() -> bool:
        if process.poll() is not None:
            pytest.fail(f"langgraph dev has ended (exit code {process.poll()}):\n{served.log}")
        try:
            return httpx.get(f"{served.url}/ok").is_success
        except httpx.TransportError:
            return False

    eventually_blocking(answers, within_s=60)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop the server and its child processes."""
    for number in (signal.SIGINT, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, number)
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            continue
        return
