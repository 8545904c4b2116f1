"""Pages of runs."""

import pytest

from langgraph_runner.server.reading import pages

pytestmark = pytest.mark.req("R-52")


async def test_a_page_of_long_runs_ends_early(service, acme, monkeypatch):
    """It has at least one run, and a cursor with which no run is lost or repeated."""
    monkeypatch.setattr(pages, "_MAX_BYTES", 250_000)
    monkeypatch.setattr(pages, "_ROWS_PER_QUERY", 3)
    sizes = [100_000, 100, 100_000, 300_000, 100, 100, 100_000, 100]
    ids = [
        (
            await acme.post(
                "/runs", json={"workflow": "shop.v1", "inputs": {"net": 1, "customer": "x" * size}}
            )
        ).json()["id"]
        for size in sizes
    ]
    found, cursor = [], None
    while True:
        answer = await acme.get("/runs", params={"limit": 4, **({"cursor": cursor} if cursor else {})})
        page = answer.json()
        assert len(answer.content) < 251_000 or len(page["items"]) == 1
        found.append([each["id"] for each in page["items"]])
        if (cursor := page["next_cursor"]) is None:
            break
    assert [run_id for items in found for run_id in items] == ids[::-1]
    assert [len(each) for each in found] == [4, 1, 3]
