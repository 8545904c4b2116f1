"""What people do with the dashboard, in a real Chromium."""

import re

import pytest
from playwright.sync_api import expect

from tests.dashboard.workflows import GATE

pytestmark = pytest.mark.req("R-59")


def test_a_run_is_watched_to_its_end(reader, live):
    """The graph colours by itself, the status changes, and the list follows."""
    run_id = live.start(net=10, slow=True)
    page = reader().open("runs")
    row = page.get_by_role("row").filter(has=page.locator(f"[href='#/runs/{run_id}']"))
    expect(row).to_contain_text("Running")
    row.get_by_role("link").click()
    node = page.locator("[data-step=wait]")
    expect(node).to_have_attribute("aria-label", re.compile("wait: Running"))
    expect(page.locator("[data-step=page]")).to_have_attribute("aria-label", "page: Pending")
    GATE.set()
    expect(page.locator("[data-step=page]")).to_have_attribute("aria-label", re.compile("page: Completed"))
    expect(page.locator("h1")).to_contain_text("Completed")
    page.go_back()
    expect(row).to_contain_text("Completed")
