"""The routes of runs: each gives what the engine gives, to whoever may see it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

pytestmark = pytest.mark.req("R-52")


async def test_a_run_is_made_and_found(service, acme):
    """201 with its address."""
    made = await acme.post(
        "/runs",
        json={"workflow": "shop.v1", "inputs": {"net": 10}, "tags": {"who": "ada"}, "metadata": {"n": 1}},
    )
    assert (made.status_code, made.headers["location"]) == (201, f"/runs/{made.json()['id']}")
    run = await service.engine.wait(made.json()["id"], tenant="acme")
    found = await acme.get(made.headers["location"])
    assert found.json() == json.loads(run.model_dump_json())
    assert (run.status, run.tags, run.metadata) == ("completed", {"who": "ada"}, {"n": 1})


async def test_an_etag_saves_what_is_known(service, acme):
    """304 until the run changes."""
    run_id = await service.ended(acme)
    found = await acme.get(f"/runs/{run_id}")
    again = await acme.get(f"/runs/{run_id}", headers={"If-None-Match": found.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = await acme.get(f"/runs/{run_id}", headers={"If-None-Match": '"other"'})
    assert other.status_code == 200


async def test_steps_outputs_and_artifacts_are_told(service, acme):
    """By step; with a filter by status."""
    run_id = await service.ended(acme)
    steps = (await acme.get(f"/runs/{run_id}/steps")).json()
    assert [(each["step"], each["status"]) for each in steps] == [
        ("price", "completed"),
        ("page", "completed"),
    ]
    assert (await acme.get(f"/runs/{run_id}/steps?status=failed")).json() == []
    assert (await acme.get(f"/runs/{run_id}/steps/price/output")).json() == 12.5
    (file,) = (await acme.get(f"/runs/{run_id}/artifacts")).json()
    assert (file["step"], file["name"], file["size"]) == ("page", "shown/page 1.html", 25)
    content = await acme.get(file["href"])
    assert content.content == b"<script>alert(1)</script>"
    assert content.headers["content-security-policy"].startswith("sandbox;")
    assert content.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    "path", ["steps/nothing/output", "artifacts/page/nothing.html", "artifacts/nothing/shown/page 1.html"]
)
async def test_what_a_run_does_not_have_is_not_found(service, acme, path):
    """With a code of the service."""
    run_id = await service.ended(acme)
    found = await acme.get(f"/runs/{run_id}/{path}")
    assert (found.status_code, found.json()["code"]) == (404, "NOT_FOUND")


async def test_a_change_is_planned_and_applied(service, acme):
    """The plan says what the update does."""
    run_id = await service.ended(acme)
    change = {"change": {"type": "set", "payload": {"customer": "ada"}}}
    plan = (await acme.post(f"/runs/{run_id}/plan", json=change)).json()
    assert plan["changed_fields"] == ["customer"]
    made = await acme.post(f"/runs/{run_id}/update", json=change)
    assert (made.status_code, made.json()["base_run_id"]) == (201, run_id)
    run = await service.engine.wait(made.json()["id"], tenant="acme")
    assert run.inputs["customer"] == "ada"
    listed = (await acme.get(f"/runs?base_run_id={run_id}")).json()["items"]
    assert [each["id"] for each in listed] == [run.id]


async def test_a_run_is_cancelled(service, acme):
    """For good, with the reason."""
    made = (await acme.post("/runs", json={"workflow": "shop.v1", "inputs": {"net": 1_000}})).json()
    asked = await acme.post(f"/runs/{made['id']}/cancel", json={"reason": "too dear"})
    assert asked.status_code == 200
    run = await service.engine.wait(made["id"], tenant="acme")
    assert (run.status, run.cancel_reason) == ("cancelled", "too dear")


async def test_a_cancelled_run_is_retried(service, acme):
    """As a new run, which may be given other options; a completed one is refused."""
    made = (await acme.post("/runs", json={"workflow": "shop.v1", "inputs": {"net": 1_000}})).json()
    await acme.post(f"/runs/{made['id']}/cancel")
    await service.engine.wait(made["id"], tenant="acme")
    service.flow.gate.set()
    again = await acme.post(f"/runs/{made['id']}/retry", json={"tags": {"try": "2"}})
    assert (again.status_code, again.json()["tags"]) == (201, {"try": "2"})
    run = await service.engine.wait(again.json()["id"], tenant="acme")
    assert run.status == "completed"
    refused = await acme.post(f"/runs/{run.id}/retry")
    assert (refused.status_code, refused.json()["code"]) == (409, "RUN_STATE")


async def test_a_list_is_paged_without_gap_or_repeat(service, acme):
    """Also where runs are made meanwhile."""
    ids = [await service.ended(acme, net=number) for number in range(5)]
    found, cursor = [], None
    while True:
        page = (await acme.get("/runs", params={"limit": 2, **({"cursor": cursor} if cursor else {})})).json()
        found += [each["id"] for each in page["items"]]
        if not found[2:]:
            await service.ended(acme, net=99)
        if (cursor := page["next_cursor"]) is None:
            break
    assert found == ids[::-1]


async def test_runs_are_found_by_what_is_known_of_them(service, acme):
    """Each filter alone leaves the one that it describes."""
    good = await service.ended(acme, tags={"customer": "ada"})
    bad = await service.ended(acme, net=-1)
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    for given, expected in (
        ({"tag": "customer:ada"}, [good]),
        ({"status": "failed"}, [bad]),
        ({"status": ["failed", "completed"]}, [bad, good]),
        ({"failed_step": "price"}, [bad]),
        ({"error_contains": "NEGATIVE"}, [bad]),
        ({"workflow": "other"}, []),
        ({"id_prefix": good}, [good]),
        ({"created_after": later}, []),
        ({"created_before": later}, [bad, good]),
    ):
        listed = (await acme.get("/runs", params=given)).json()["items"]
        assert [each["id"] for each in listed] == expected, given


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "query:limit"),
        ("status=lost", "query:status.0"),
        ("lmit=3", "query:lmit"),
        ("created_after=2026-01-01", "query:created_after"),
    ],
)
async def test_a_filter_that_cannot_be_meant_is_refused(acme, query, pointer):
    """A misspelled one would show everything."""
    refused = await acme.get(f"/runs?{query}")
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)


@pytest.mark.parametrize(
    "given", ["tag=customer", "cursor=!!", "cursor=eA", "cursor=OTk5OTk5OTk5OTk5OTk5OTk5OS5h"]
)
async def test_a_tag_without_value_and_a_forged_cursor_are_refused(acme, given):
    """With the way out."""
    refused = await acme.get(f"/runs?{given}")
    assert (refused.status_code, refused.json()["code"]) == (422, "REQUEST_INVALID")


async def test_each_fault_of_the_inputs_has_its_place(service, acme):
    """No run is made."""
    body = {"workflow": "shop.v1", "inputs": {"net": "ten", "customer": 3}}
    refused = await acme.post("/runs", json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "VALIDATION_FAILED")
    assert [each["pointer"] for each in refused.json()["errors"]] == ["/inputs/net", "/inputs/customer"]
    assert (await acme.get("/runs")).json()["items"] == []


@pytest.mark.req("R-57")
async def test_an_idempotency_key_is_for_one_request(acme):
    """The second gets the run of the first; another request is refused."""
    body, key = {"workflow": "shop.v1", "inputs": {"net": 1}}, {"Idempotency-Key": "order-1"}
    first = await acme.post("/runs", json=body, headers=key)
    assert (await acme.post("/runs", json=body, headers=key)).json()["id"] == first.json()["id"]
    other = await acme.post("/runs", json={**body, "inputs": {"net": 2}}, headers=key)
    assert (other.status_code, other.json()["code"]) == (409, "IDEMPOTENCY_CONFLICT")
    assert "other inputs" in other.json()["detail"]


async def test_workflows_are_described(acme):
    """With what a form needs to start a run."""
    (listed,) = (await acme.get("/workflows")).json()
    found = (await acme.get("/workflows/shop.v1")).json()
    assert found == listed
    assert found["inputs"]["required"] == ["net"]
    assert [(each["id"], each["depends_on"]) for each in found["steps"]] == [
        ("price", []),
        ("page", ["price"]),
    ]
    assert [each["type"] for each in found["changes"]] == ["set"]
    assert (await acme.get("/workflows/shop.v9")).json()["code"] == "WORKFLOW_UNKNOWN"
