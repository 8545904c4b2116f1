"""Take screenshots of each view of the dashboard: `python tools/screenshots.py [FOLDER [VIEW ...]]`.

The tool starts a service with runs of the campaign demo, a failed run and a slow run, and visits it with Chromium.
Without a FOLDER the pictures go to out/screenshots.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent))

from examples.campaign.reading import SAMPLE, read_brief
from examples.campaign.story import story
from examples.campaign.workflow import campaign
from langgraph_runner.engine import RunEngine
from langgraph_runner.server import DevAuth, create_app
from tests.dashboard.workflows import shop, wide

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SIZES = {"desktop": {"width": 1360, "height": 850}, "phone": {"width": 375, "height": 760}}


class Demo:
    """A service in a thread, with runs of all kinds."""

    def __init__(self, folder: str) -> None:
        self.url = ""
        self.runs: dict[str, str] = {}
        self._folder = folder
        self._is_ready = threading.Event()
        threading.Thread(target=asyncio.run, args=[self._serve()], daemon=True).start()
        self._is_ready.wait(120)

    async def _serve(self) -> None:
        engine = RunEngine([campaign, shop(), wide()], store=f"sqlite:///{self._folder}/runs.db")
        server = uvicorn.Server(uvicorn.Config(create_app(engine, auth=[DevAuth()]), port=0, log_config=None))
        serving = asyncio.ensure_future(server.serve())
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event to wait for
            await asyncio.sleep(0.01)  # noqa: TID251 - the same reason
        brief = read_brief(SAMPLE)
        chapters = [chapter.run async for chapter in story(engine, brief)]
        self.runs.update(base=chapters[0].id, update=chapters[1].id, last=chapters[2].id)
        for number in range(6):
            await engine.run(
                "shop.v1", {"net": 10 * number + 1, "customer": "acme"}, tags={"customer": "acme"}
            )
        self.runs["failed"] = (await engine.run("shop.v1", {"net": -1})).id
        self.runs["wide"] = (await engine.run("wide.v1", {})).id
        self.runs["slow"] = (await engine.trigger("shop.v1", {"net": 5, "slow": True})).id
        self.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        self._is_ready.set()
        await serving


def views(demo: Demo) -> dict[str, tuple[str, Any]]:
    """Return each view: its address, and what to do there before the picture."""

    def click(name: str) -> Any:
        return lambda page: page.get_by_role("button", name=name).first.click()

    def plan(page: Page) -> None:
        page.get_by_role("button", name="Update …").click()
        page.get_by_role("spinbutton", name="Hue").fill("200")
        page.get_by_role("button", name="Show the plan").click()
        page.get_by_role("group", name="Plan").scroll_into_view_if_needed()

    runs = demo.runs
    return {
        "runs": ("runs", None),
        "no-runs": ("runs?status=cancelled", None),
        "run": (f"runs/{runs['update']}?tab=graph", None),
        "step": (f"runs/{runs['update']}?tab=graph&step=landing_page", None),
        "timeline": (f"runs/{runs['base']}?tab=timeline", None),
        "steps": (f"runs/{runs['update']}?tab=steps", None),
        "details": (f"runs/{runs['update']}?tab=details", None),
        "failed": (f"runs/{runs['failed']}?tab=graph&step=check", None),
        "slow": (f"runs/{runs['slow']}", None),
        "wide": (f"runs/{runs['wide']}?tab=graph", None),
        "compare": (f"compare/{runs['base']}/{runs['update']}", None),
        "start": ("start/campaign.build.v1", click("Use the inputs of the last run")),
        "workflows": ("start", None),
        "workers": ("workers", None),
        "metrics": ("metrics/campaign.build.v1", None),
        "update": (f"runs/{runs['base']}", plan),
        "cancel": (f"runs/{runs['slow']}", click("Cancel …")),
        "retry": (f"runs/{runs['failed']}", click("Retry …")),
    }


def take(browser: Browser, demo: Demo, folder: Path, only: list[str]) -> None:
    """Take pictures in light and dark, on a desktop and on a phone."""
    for size, viewport in SIZES.items():
        for scheme in ("light", "dark"):
            context = browser.new_context(
                base_url=demo.url, viewport=viewport, color_scheme=scheme, is_mobile=size == "phone"
            )
            for name, (place, prepare) in views(demo).items():
                if only and name not in only:
                    continue
                page = context.new_page()
                page.on("console", lambda message: print(message.text))
                page.goto(f"/#/{place}")
                page.wait_for_selector("h1", timeout=60_000)
                page.wait_for_timeout(800)
                if prepare:
                    prepare(page)
                page.wait_for_timeout(400)
                page.screenshot(path=folder / f"{name}-{size}-{scheme}.png")
                page.close()
            context.close()


def main() -> None:
    """Take the pictures that the command line names."""
    folder = Path(sys.argv[1] if sys.argv[1:] else "out/screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        take(browser, Demo(data), folder, sys.argv[2:])
        browser.close()


if __name__ == "__main__":
    main()
