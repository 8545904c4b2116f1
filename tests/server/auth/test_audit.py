"""The audit log."""

import pytest

pytestmark = pytest.mark.req("R-57")


async def test_the_audit_log_has_each_change(service, acme):
    """Refused changes, too, but none of another tenant."""
    run_id = await service.ended(acme)
    await acme.post("/runs", json={"workflow": "gone"}, headers={"X-Request-Id": "mine"})
    await acme.post(f"/runs/{run_id}/cancel")
    admin = await service.caller("admin")
    page = (await admin.get("/audit?limit=2")).json()
    assert [(each["action"], each["target"], each["status"]) for each in page["items"]] == [
        ("run.cancel", run_id, 200),
        ("run.create", "gone", 404),
    ]
    assert page["items"][1]["request_id"] == "mine"
    rest = (await admin.get(f"/audit?cursor={page['next_cursor']}")).json()
    assert [(each["action"], each["status"]) for each in rest["items"]] == [("run.create", 200)]
    other = await service.caller("admin", tenant="other")
    assert (await other.get("/audit")).json()["items"] == []


async def test_the_name_of_an_unknown_workflow_is_sanitized(service, acme):
    """A caller can send any text as the name, such as a key by mistake."""
    await acme.post("/runs", json={"workflow": "password=" + "hunter2x", "inputs": {}})
    admin = await service.caller("admin")
    assert [entry["target"] for entry in (await admin.get("/audit")).json()["items"]] == [
        "password=[REDACTED]"
    ]


async def test_a_change_succeeds_even_if_its_audit_entry_fails(service, acme, monkeypatch, caplog):
    """The caller must learn that the change was made; the log has the missing entry."""
    write = service.engine.store.write

    async def refuse(what):
        if type(what).__name__ == "AddAudit":
            raise RuntimeError("no room")
        return await write(what)

    monkeypatch.setattr(service.engine.store, "write", refuse)
    made = await acme.post("/runs", json={"workflow": "shop.v1", "inputs": {"net": 1}})
    assert made.status_code == 201
    assert "audit.write_failed" in caplog.text
