"""A service and a Chromium for each test module, and a window with its own storage for each test.

The fixtures do not last for the session: Playwright keeps an event loop in the thread of the tests, and a thread can
have only one.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from pathlib import Path

import pytest
import requests
import uvicorn
from playwright.sync_api import Error, expect, sync_playwright

from langgraph_runner.engine import RunEngine
from langgraph_runner.server import ApiKeys, create_app
from tests.client.live import Server
from tests.dashboard.workflows import GATE, shop, wide

playwright_api = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is not installed: make .venv/.dev"
)

expect.set_options(timeout=20_000)  # Other tests may use the machine at the same time.

SHOTS = os.environ.get("DASHBOARD_SHOTS")
"""A folder to keep screenshots in."""


class Live:
    """A service in a thread, with a key of each role."""

    def __init__(self, folder: Path) -> None:
        self._is_listening = threading.Event()
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self.loop.run_until_complete, args=[self._serve(folder)], daemon=True
        )
        self._thread.start()
        assert self._is_listening.wait(60)
        self.keys = {role: self._key(role) for role in ("read", "run", "admin")}

    async def _serve(self, folder: Path) -> None:
        self.engine = RunEngine(
            [shop(), wide()], store=f"sqlite:///{folder / 'runs.db'}", artifacts=folder / "files", poll_ms=20
        )
        app = create_app(self.engine, requests_per_s=10_000)
        config = uvicorn.Config(app, port=0, log_config=None, timeout_graceful_shutdown=1)
        self._server = Server(config)
        await self._server.serve_then_call(self._listening)

    def _listening(self):
        self.url = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"
        self._is_listening.set()

    def ask(self, coroutine):
        """Run a coroutine on the event loop of the service."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(60)

    def _key(self, role):
        made = self.ask(ApiKeys(self.engine.store).create(tenant="acme", name=role, role=role))
        return made.key

    def post(self, path, body):
        """Send a change to the service."""
        headers = {"Authorization": f"Bearer {self.keys['admin']}"}
        answer = requests.post(f"{self.url}{path}", json=body, headers=headers, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def start(self, workflow="shop.v1", **inputs):
        """Start a run, and return its id."""
        return self.post("/runs", {"workflow": workflow, "inputs": inputs, "tags": {"customer": "acme"}})[
            "id"
        ]

    def ended(self, workflow="shop.v1", **inputs):
        """Return the id of a run that is over."""
        run_id = self.start(workflow, **inputs)
        self.ask(self.engine.wait(run_id, tenant="acme"))
        return run_id

    def stop(self):
        """Stop the service."""
        GATE.set()
        self._server.should_exit = True
        self._thread.join(30)
        self.loop.close()


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """The service."""
    service = Live(tmp_path_factory.mktemp("dashboard"))
    yield service
    service.stop()


@pytest.fixture(scope="module")
def browser():
    """Chromium: the installed one, or the one of `playwright install chromium`."""
    with sync_playwright() as playwright:
        own = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        try:
            chromium = playwright.chromium.launch(executable_path=own, args=["--no-sandbox"])
        except Error as error:
            pytest.skip(f"Chromium is not installed (make .venv/.dev installs it where it can): {error}")
        yield chromium
        chromium.close()


class Reader:
    """A user of the dashboard in a separate window."""

    def __init__(self, browser, live, role, **options) -> None:
        self.live = live
        self.context = browser.new_context(
            base_url=live.url, **{"viewport": {"width": 1280, "height": 860}, **options}
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(30_000)
        self.faults = []
        self.blocked = []  # What the browser refused to HTML artifacts.
        self.hosts = set()
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", lambda request: self.hosts.add(request.url))
        self.page.on("requestfailed", self._on_failure)
        if role is not None:
            self.page.add_init_script(
                f"if (origin === '{live.url}') sessionStorage.setItem('langgraph-runner.key', '{live.keys[role]}')"
            )

    def _on_failure(self, request):
        if request.failure == "csp":  # The policy stopped it before it was sent.
            self.hosts.discard(request.url)

    def _on_console(self, message):
        if message.type in {"error", "warning"}:
            is_of_artifact = (
                message.location["url"].startswith("about:srcdoc") or "about:srcdoc" in message.text
            )
            (self.blocked if is_of_artifact else self.faults).append(message.text + str(message.location))

    def open(self, place):
        """Open an address of the dashboard."""
        self.page.goto(f"/#/{place}")
        return self.page

    def shot(self, name):
        """Save a screenshot, if a folder for them is given."""
        if SHOTS:
            self.page.screenshot(path=Path(SHOTS, f"{name}.png"))


@pytest.fixture
def reader(browser, live):
    """Create users. Afterwards no page may have an error, a breach of the policy, or a request to another host."""
    made = []

    def new(role="run", **options):
        made.append(Reader(browser, live, role, **options))
        return made[-1]

    GATE.clear()
    yield new
    GATE.set()
    for each in made:
        each.context.close()
    assert [fault for each in made for fault in each.faults] == []
    foreign = {
        url
        for each in made
        for url in each.hosts
        if not url.startswith((live.url, "blob:", "about:", "data:"))
    }
    assert foreign == set()
