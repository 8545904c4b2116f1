"""Accessibility of each view, checked by axe in light and dark, and large amounts of data."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.dashboard.workflows import GATE

pytestmark = pytest.mark.req("R-59")
AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()


def dialog(name):
    """Return a function that opens a dialog by its button."""
    return lambda page: page.get_by_role("button", name=name).click()


def plan(page):
    """Plan a change."""
    page.get_by_role("button", name="Update …").click()
    page.get_by_label("Customer").fill("Ada")
    page.get_by_role("button", name="Show the plan").click()
    expect(page.get_by_role("group", name="Plan")).to_be_visible()


def views(live):
    """Return each view: its address, an element that it shows when it is ready, and what to do then."""
    done, failed = live.ended(net=101), live.ended(net=-101)
    slow, other = live.start(net=102, slow=True), live.ended(net=103, customer="Bo")
    return [
        ("runs", "tbody .badge", None),
        ("runs?q=customer:none", ".empty", None),
        (f"runs/{done}?tab=graph", ".node", None),
        (f"runs/{done}?tab=timeline&step=page", "iframe.preview", None),
        (f"runs/{done}?tab=steps", "table.steps", None),
        (f"runs/{done}?tab=details", ".json", None),
        (f"runs/{failed}?step=check", ".panel .error-box", lambda page: page.get_by_text("Stack").click()),
        (f"runs/{done}", ".node", plan),
        (f"runs/{slow}", ".node", dialog("Cancel …")),
        (f"runs/{failed}", ".node", dialog("Retry …")),
        (f"compare/{done}/{other}", "iframe.preview", None),
        (f"compare/{done}", "select", None),
        ("start", ".cards", None),
        ("start/shop.v1", "form", dialog("Add items")),
        ("metrics/shop.v1", "table.metrics", None),
        ("workers", "table.workers", None),
        ("runs/unknown", ".problem", None),
    ]


def findings(page, scheme, options):
    """Return the serious and critical findings of axe, with their elements."""
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    found = page.evaluate(f"axe.run(document, {{iframes: false, resultTypes: ['violations'], {options}}})")
    return [
        (scheme, each["id"], [(node["target"], node["failureSummary"]) for node in each["nodes"]][:3])
        for each in found["violations"]
        if each["impact"] in {"serious", "critical"}
    ]


def test_each_view_is_accessible_and_fits_a_phone(reader, live):
    """Axe finds nothing serious, light and dark (which differ in contrast only); nothing is wider than 375 pixels."""
    user, guest = reader(), reader(None)
    found, wide = {}, {}

    def look(page, place):
        page.evaluate(AXE)
        rules = "runOnly: ['color-contrast']"
        found[place] = [*findings(page, "light", ""), *findings(page, "dark", rules)]
        page.set_viewport_size({"width": 375, "height": 760})
        wide[place] = page.evaluate("document.documentElement.scrollWidth")
        page.set_viewport_size({"width": 1280, "height": 860})

    for place, sign, prepare in views(live):
        user.open(place)
        user.page.locator(sign).first.wait_for()
        if prepare:
            prepare(user.page)
        look(user.page, place)
    GATE.set()
    guest.open("runs").get_by_label("API key").wait_for()
    look(guest.page, "sign-in")
    assert {place: these for place, these in found.items() if these} == {}
    assert {place: width for place, width in wide.items() if width > 375} == {}
    # Chromium logs each response with status 400 or more; axe tries inline styles.
    expected = ("401", "404", "Applying inline style")
    for each in (user, guest):
        each.faults = [fault for fault in each.faults if not any(word in fault for word in expected)]


def test_a_graph_of_500_steps_is_drawn(reader, live):
    """The web worker lays out the whole graph; the list has the same steps."""
    page = reader().open(f"runs/{live.ended('wide.v1')}")
    expect(page.locator(".node")).to_have_count(500, timeout=30_000)
    page.get_by_role("tab", name="Steps").click()
    expect(page.locator("table.steps tbody tr")).to_have_count(500)


def test_a_long_list_keeps_only_the_visible_rows(reader, live):
    """1,000 runs are loaded page by page while the user scrolls; the page keeps fewer than 100 rows."""
    rows = [
        {
            "id": f"{number:032x}",
            "tenant": "acme",
            "workflow": "shop.v1",
            "workflow_version": "1",
            "status": "completed",
        }
        | {"trigger": "manual", "tags": {}, "steps": {"completed": 5}, "measured_ms": 5, "inputs": {}}
        | {"created_at": f"2026-01-01T00:{number // 60 % 60:02}:{number % 60:02}Z"}
        for number in range(1_000, 0, -1)
    ]

    def page_of(route):
        begin = int(route.request.url.partition("cursor=")[2] or 0)
        more = str(begin + 100) if begin + 100 < len(rows) else None
        route.fulfill(json={"items": rows[begin : begin + 100], "next_cursor": more})

    user = reader()
    user.context.route("**/runs?*", page_of)
    page = user.open("runs")
    page.locator(".table-foot").wait_for()
    for loaded in range(200, 1_001, 100):
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        shown = f"{loaded:,} runs"
        expect(page.locator(".table-foot")).to_contain_text(shown)
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    assert page.locator("tbody tr").count() < 100
    expect(page.locator("tbody tr").last).to_contain_text("00000001")
