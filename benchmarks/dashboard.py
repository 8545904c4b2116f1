"""The dashboard with large amounts of data, in a real Chromium: `python -m benchmarks.dashboard`.

It serves 10,000 runs and one run of 500 steps. It measures the time until the first view is ready, the size of the
assets, and the long tasks (50 ms or more, W3C Long Tasks) while a user scrolls, pans and zooms.
"""

from __future__ import annotations

import asyncio
import gzip
import shutil
import statistics
import tempfile
import threading

import uvicorn
from playwright.sync_api import Page, sync_playwright
from sqlalchemy import create_engine, insert

from langgraph_runner.engine import RunEngine
from langgraph_runner.engine.store.schema import run_steps, runs
from langgraph_runner.server import DevAuth, create_app
from langgraph_runner.server.routes.dashboard import DASHBOARD
from tests.dashboard.workflows import shop, wide

RUNS = 10_000
LOADS = 9
WATCH = """
new MutationObserver(() => {
  if (window.ready || !document.querySelector("tbody .badge")) return;
  requestAnimationFrame(() => { window.ready ??= performance.now(); });
}).observe(document, { childList: true, subtree: true });
window.long = [];
new PerformanceObserver((list) => { for (const each of list.getEntries()) window.long.push(each.duration); })
  .observe({ type: "longtask", buffered: true });
window.gaps = [];
let last = performance.now();
const frame = (now) => { window.gaps.push(now - last); last = now; requestAnimationFrame(frame); };
requestAnimationFrame(frame);
"""
RUN_AGAIN = """
fetch("runs", { method: "POST", headers: { "Content-Type": "application/json" },
                body: JSON.stringify({ workflow: "wide.v1", inputs: {}, use_cache: false }) })
  .then((answer) => answer.json()).then((run) => { location.hash = `#/runs/${run.id}`; })
"""


def copies(connection, model_id: str) -> None:
    """Insert 10,000 copies of a run that has completed."""
    model = dict(connection.execute(runs.select().where(runs.c.id == model_id)).one()._mapping)  # noqa: SLF001
    steps = [
        dict(row._mapping)  # noqa: SLF001
        for row in connection.execute(run_steps.select().where(run_steps.c.run_id == model_id))
    ]
    for begin in range(0, RUNS, 1_000):
        ids = [f"{number:032x}" for number in range(begin, begin + 1_000)]
        made = [
            {
                **model,
                "id": each,
                "root_run_id": each,
                "created_at": model["created_at"] - 1_000 * (begin + place),
            }
            for place, each in enumerate(ids)
        ]
        connection.execute(insert(runs), made)
        connection.execute(insert(run_steps), [{**step, "run_id": each} for each in ids for step in steps])


class Served:
    """A service in a thread."""

    def __init__(self, folder: str) -> None:
        self.url = self.wide = ""
        self._is_ready = threading.Event()
        threading.Thread(target=asyncio.run, args=[self._serve(folder)], daemon=True).start()
        self._is_ready.wait(300)

    async def _serve(self, folder: str) -> None:
        engine = RunEngine([shop(), wide()], store=f"sqlite:///{folder}/runs.db")
        server = uvicorn.Server(uvicorn.Config(create_app(engine, auth=[DevAuth()]), port=0, log_config=None))
        serving = asyncio.ensure_future(server.serve())
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event to wait for
            await asyncio.sleep(0.01)
        model = await engine.run("shop.v1", {"net": 1})
        with create_engine(f"sqlite:///{folder}/runs.db").begin() as connection:
            copies(connection, model.id)
        self.wide = (await engine.run("wide.v1", {})).id
        self.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        self._is_ready.set()
        await serving


def tasks(page: Page, name: str) -> None:
    """Print the long tasks and the frames since the last call."""
    long, gaps = page.evaluate("[window.long.splice(0), window.gaps.splice(0)]")
    slow = sum(gap > 50 for gap in gaps)
    print(
        f"{name}: {len(long)} long tasks, the longest {max(long, default=0):.0f} ms;"
        f" {len(gaps)} frames, median {statistics.median(gaps):.1f} ms, longest {max(gaps):.0f} ms, {slow} over 50 ms"
    )


def main() -> None:
    """Measure the dashboard, and print the figures."""
    loaded = [each for each in DASHBOARD.rglob("*") if each.suffix in {".html", ".js", ".css", ".svg"}]
    print(
        f"assets: {sum(len(gzip.compress(each.read_bytes(), 9)) for each in loaded) / 1000:.0f} kB compressed"
    )
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        served = Served(folder)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        first = []
        for _ in range(LOADS):
            context = browser.new_context(base_url=served.url, viewport={"width": 1280, "height": 860})
            page = context.new_page()
            page.add_init_script(WATCH)
            page.goto("/")
            page.locator("tbody .badge").first.wait_for()
            page.wait_for_timeout(50)
            first.append(page.evaluate("window.ready"))
            context.close()
        middle, worst = statistics.median(first), max(first)
        print(f"first view with {RUNS:,} runs, without a cache: median {middle:.0f} ms, worst {worst:.0f} ms")
        page = browser.new_page(base_url=served.url, viewport={"width": 1280, "height": 860})
        page.add_init_script(WATCH)
        page.goto("/")
        page.locator("tbody .badge").first.wait_for()
        while "scroll for more" in page.locator(".table-foot").inner_text():
            page.evaluate("scrollTo(0, document.body.scrollHeight)")
            page.wait_for_timeout(60)
        print(f"rows in the page with all runs loaded: {page.locator('tbody tr').count()}")
        tasks(page, f"loading {RUNS:,} runs page by page")
        for place in range(40):
            page.evaluate(f"scrollTo(0, {place} * document.body.scrollHeight / 40)")
            page.wait_for_timeout(50)
        tasks(page, f"scrolling through {RUNS:,} runs, with live updates")
        page.goto(f"/#/runs/{served.wide}")
        page.locator(".node").nth(499).wait_for()
        tasks(page, "opening a run of 500 steps")
        page.evaluate(RUN_AGAIN)
        page.wait_for_url(lambda url: served.wide not in url)
        page.locator("h1 .badge.s-completed").wait_for()
        page.wait_for_timeout(500)
        tasks(page, "watching 500 steps run")
        box = page.locator(".dag svg").bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        for step in range(60):
            page.mouse.move(x + 4 * step, y + 2 * step)
        page.mouse.up()
        tasks(page, "panning 500 steps")
        page.keyboard.down("Control")
        for step in range(40):
            page.mouse.wheel(0, -60 if step < 20 else 60)
            page.wait_for_timeout(20)
        page.keyboard.up("Control")
        tasks(page, "zooming 500 steps")
        browser.close()


if __name__ == "__main__":
    main()
