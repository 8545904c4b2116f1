"""Tasks of users in the dashboard, in a real Chromium."""

import re

import pytest
from playwright.sync_api import expect

from langgraph_runner.server import ApiKeys
from tests.dashboard.workflows import GATE

pytestmark = pytest.mark.req("R-59")


def button(page, name):
    """A button by its name."""
    return page.get_by_role("button", name=name, exact=True)


def test_a_run_is_watched_to_its_end(reader, live):
    """The graph, the status and the list update by themselves; the back button leads to the list."""
    run_id = live.start(net=10, slow=True)
    page = reader().open("runs")
    row = page.get_by_role("row").filter(has=page.locator(f"[href='#/runs/{run_id}']"))
    expect(row).to_contain_text("Running")
    row.get_by_role("link").click()
    expect(page.locator("[data-step=wait]")).to_have_attribute("aria-label", re.compile("wait Running"))
    expect(page.locator("[data-step=page]")).to_have_attribute("aria-label", "page Pending")
    GATE.set()
    expect(page.locator("[data-step=page]")).to_have_attribute("aria-label", re.compile("page Completed"))
    expect(page.locator("h1")).to_contain_text("Completed")
    page.go_back()
    expect(row).to_contain_text("Completed")


def test_a_failure_is_inspected(reader, live):
    """The step shows its error without secrets, its stack and attempts; later steps say why they did not run."""
    run_id = live.ended(net=-1)
    page = reader().open(f"runs/{run_id}")
    page.get_by_role("region", name="Why the run failed").get_by_role("button", name="check").click()
    panel = page.get_by_role("complementary")
    expect(panel.get_by_role("heading", name="check")).to_be_focused()
    expect(panel).to_contain_text("a negative <b>price</b>: password=[REDACTED]")
    panel.get_by_text("Stack").click()
    expect(panel.locator("pre")).to_contain_text("ConnectionError")
    expect(panel).to_contain_text("Attempt 1 failed (ConnectionError)")
    panel.get_by_text("Output of price").click()
    expect(panel.get_by_role("region", name="Output of price")).to_have_text("-1.25")
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    page.locator("[data-step=page]").click()
    expect(panel).to_contain_text("A step that it depends on has no output.")


def test_a_change_is_planned_and_applied(reader, live):
    """The dialog shows what would run before it runs; the new run is compared with its base."""
    run_id = live.ended(net=21)
    page = reader().open(f"runs/{run_id}")
    button(page, "Update …").click()
    page.get_by_label("Customer").fill("Ada")
    expect(button(page, "Apply the change")).to_have_count(0)
    button(page, "Show the plan").click()
    plan = page.get_by_role("group", name="Plan")
    expect(plan).to_contain_text("Reused 3 steps")
    expect(plan).to_contain_text("reads customer, which changes")
    button(page, "Apply the change").click()
    expect(page.get_by_text("Base run")).to_be_visible()
    expect(page.locator("h1")).to_contain_text("Completed")
    page.get_by_role("link", name="Compare").click()
    expect(page.get_by_text("2 of 5 steps ran again, 3 reused.")).to_be_visible()
    expect(page.get_by_text("2 of 4 files differ.")).to_be_visible()
    expect(page.locator("iframe.preview")).to_have_count(2)
    page.get_by_text("page/order.zip").click()
    expect(page.get_by_text("application/zip, 8 B: there is no preview.")).to_be_visible()


def test_a_run_is_cancelled_and_retried(reader, live):
    """Both dialogs show first what will happen with each step."""
    run_id = live.start(net=31, slow=True)
    page = reader().open(f"runs/{run_id}")
    expect(page.locator("[data-step=wait]")).to_have_attribute("aria-label", re.compile("Running"))
    button(page, "Cancel …").click()
    expect(page.get_by_role("group", name="Plan")).to_contain_text("Will be stopped 1 step")
    page.get_by_label("Reason").fill("a wrong price")
    button(page, "Cancel the run").click()
    expect(page.locator("h1")).to_contain_text("Cancelled")
    expect(page.get_by_text("a wrong price")).to_be_visible()
    button(page, "Retry …").click()
    expect(page.get_by_role("group", name="Plan")).to_contain_text("wait was cancelled")
    GATE.set()
    button(page, "Retry").click()
    expect(page.get_by_text("Base run")).to_be_visible()
    expect(page.locator("h1")).to_contain_text("Completed")


def test_a_run_is_started_from_a_form(reader):
    """The form has numbers, enums, lists and nested objects. A fault is shown at its field, which gets the focus."""
    user = reader()
    page = user.open("start/shop.v1")
    button(page, "Start the run").click()
    net = page.get_by_role("spinbutton", name="Net")
    expect(net).to_be_focused()
    expect(page.locator("#field-net-fault")).to_contain_text("Field required")
    assert len(user.faults) == 1
    assert "422" in user.faults.pop()  # Chromium logs each response with status 400 or more.
    net.fill("12.5")
    page.get_by_label("Size").select_option("large")
    button(page, "Add items").click()
    page.get_by_label("Name").fill("bread")
    page.get_by_label("Tags").fill("customer:acme region:eu")
    button(page, "Start the run").click()
    expect(page.locator("h1")).to_contain_text("Completed")
    page.get_by_role("tab", name="Details").click()
    inputs = page.get_by_role("region", name="Inputs")
    expect(inputs).to_contain_text("net: 12.5")
    expect(inputs).to_contain_text('size: "large"')
    inputs.get_by_text("items:").click()
    inputs.get_by_text("0:").click()
    expect(inputs).to_contain_text('name: "bread"')
    expect(page.get_by_role("link", name="region:eu")).to_be_visible()


def test_html_of_a_step_runs_no_script_and_loads_nothing(reader, live):
    """HTML keeps its own styles; images and JSON have previews, too."""
    user = reader()
    page = user.open(f"runs/{live.ended(net=41)}?step=page")
    inner = page.frame_locator("iframe.preview").frame_locator("iframe")
    expect(inner.get_by_role("heading", name="An order")).to_be_visible()
    expect(inner.locator("body")).to_have_css("background-color", "rgb(1, 2, 3)")
    assert page.locator("iframe.preview").content_frame.locator("iframe").get_attribute("sandbox") == ""
    button(page, "pixel.png").click()
    expect(page.locator("img.preview")).to_have_js_property("naturalWidth", 1)
    button(page, "order.json").click()
    expect(page.get_by_role("region", name="JSON")).to_contain_text("lines")
    assert page.title().startswith("Run")
    assert any("Blocked script execution" in each for each in user.blocked)
    assert any("spy.png" in each for each in user.blocked)


def test_a_key_with_the_role_read_sees_no_actions(reader, live):
    """The page says why."""
    page = reader("read").open(f"runs/{live.ended(net=51)}")
    expect(page.get_by_text("Your key can see runs, but not change them.")).to_be_visible()
    expect(button(page, "Update …")).to_have_count(0)
    page.goto("/#/start/shop.v1")
    expect(page.get_by_text("Your key can see runs, but not start them.")).to_be_visible()


def test_a_key_is_kept_for_the_tab_until_sign_out(reader, live):
    """A wrong key is refused. The key is never in the address or in local storage."""
    user = reader(role=None)
    page = user.open("runs")
    page.get_by_label("API key").fill("lgr_wrong")
    button(page, "Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("This key does not work")
    made = live.ask(ApiKeys(live.engine.store).create(tenant="acme", name="short", role="read"))
    page.get_by_label("API key").fill(made.key)
    button(page, "Sign in").click()
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()
    assert page.evaluate("Object.values(localStorage).join()").find("lgr_") == -1
    assert "lgr_" not in page.url
    page.reload()
    button(page, "Sign out").click()
    expect(page.get_by_label("API key")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0
    assert all("401" in each for each in user.faults)
    user.faults.clear()


def test_a_lost_connection_is_shown_and_restored(reader, live):
    """The page reconnects without a reload."""
    user = reader()
    page = user.open(f"runs?q={live.ended(net=61)}")
    expect(page.get_by_role("row")).to_have_count(2)
    user.context.set_offline(True)
    expect(page.get_by_text("Connection lost.")).to_be_visible()
    user.context.set_offline(False)
    expect(page.get_by_text("Connection lost.")).to_have_count(0)
    assert all("ERR_INTERNET_DISCONNECTED" in each for each in user.faults)
    user.faults.clear()


def test_runs_are_filtered_and_searched(reader, live):
    """Filters are status, tag, error text and id; the address contains them."""
    live.ended(net=-71)
    done = live.ended(net=71)
    page = reader().open("runs")
    button(page, "✕Failed").or_(page.get_by_role("button", name="Failed", exact=True)).click()
    expect(page.locator("tbody .badge:not(.s-failed)")).to_have_count(0)
    assert "status=failed" in page.url
    search = page.get_by_role("searchbox")
    search.fill("negative <b>")
    expect(page.get_by_text("Runs whose error contains “negative <b>”")).to_be_visible()
    page.goto(f"/#/runs?q={done}")
    expect(page.locator("tbody tr[aria-rowindex]")).to_have_count(1)
    search.fill("customer:nobody")
    expect(page.get_by_text("No run matches these filters.")).to_be_visible()


def test_the_graph_is_used_by_keyboard(reader, live):
    """Arrow keys move along the edges, Enter opens a step, Escape closes it and restores the focus."""
    page = reader().open(f"runs/{live.ended(net=81)}")
    page.locator("[data-step=price]").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("[data-step=check]")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="check")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("[data-step=check]")).to_be_focused()
    page.get_by_role("tab", name="Graph").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Timeline")).to_be_focused()
    expect(page.get_by_text("Critical path: 4 of")).to_be_visible()


def test_a_view_that_fails_leaves_the_rest_usable(reader):
    """The view fails here because of an unexpected response."""
    user = reader()
    user.context.route(
        "**/workflows/shop.v1/metrics?*", lambda route: route.fulfill(json={"runs": 1, "steps": None})
    )
    page = user.open("metrics/shop.v1")
    expect(page.get_by_role("heading", name="This view failed")).to_be_visible()
    page.get_by_role("link", name="Runs").click()
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()
