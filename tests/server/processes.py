"""`Served`: a real `langgraph-runner serve`, which can be killed and started again."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import requests

from tests.waiting import eventually_blocking

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
"""With it, the app below can import `tests.waiting`."""
APP = """
    from pathlib import Path
    from pydantic import BaseModel
    from langgraph_runner import Workflow
    from tests.waiting import eventually_blocking

    class Order(BaseModel):
        net: float
        customer: str = "a guest"
        waits: bool = False

    shop = Workflow("shop.v1", inputs=Order, description="Prices an order.")

    @shop.step(effects=True)
    def price(inputs: Order) -> float:
        if inputs.waits:
            eventually_blocking(Path("go").exists)
        return inputs.net * 1.25

    @shop.step
    def page(price, ctx) -> str:
        ctx.save_artifact("page.html", f"<b>{price}</b>", "text/html")
        return str(price)

    shop.on_change("set", description="Another order.")

    def quick():
        from langgraph_runner.engine import RunEngine

        return RunEngine([shop], store="sqlite:///runs.db", lease_ms=1_000, poll_ms=50)
"""


class Served:
    """A server with its own folder, for `with`. `files` is the hard limit of its file descriptors."""

    def __init__(self, folder: Path, *options: str, app: str = "shop:shop", files: int | None = None) -> None:
        self.folder = folder
        self.app = app
        self.options = options
        self.limit = (
            [] if files is None else ["sh", "-c", f'ulimit -Sn 128; ulimit -Hn {files}; exec "$@"', "sh"]
        )
        (folder / "shop.py").write_text(textwrap.dedent(APP))
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self.port = taken.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop(signal.SIGTERM)

    def start(self):
        """Start the server, and wait until it answers."""
        command = ["serve", "--app", self.app, "--port", str(self.port), *self.options]
        with (self.folder / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own command
                [*self.limit, sys.executable, "-m", "langgraph_runner", *command],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                env={**ENVIRONMENT, "PYTHONUNBUFFERED": "1"},
            )
        eventually_blocking(self._is_ready)

    def _is_ready(self):
        assert self.process.poll() is None, self.log
        try:
            return requests.get(f"{self.url}/readyz", timeout=30).ok
        except requests.RequestException:
            return False

    def stop(self, number):
        """Send a signal, and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(60)

    @property
    def log(self):
        """The output of the server so far."""
        return (self.folder / "serve.log").read_text()

    def key(self, *options: str) -> str:
        """Create an API key."""
        return self.command("keys", "create", "test", *options).splitlines()[-1]

    def command(self, *words: str) -> str:
        """Run a command, and return its output."""
        return subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "langgraph_runner", *words],
            cwd=self.folder,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
