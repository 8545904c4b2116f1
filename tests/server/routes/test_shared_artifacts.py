"""Files in an object store that several engines share."""

from datetime import timedelta

import pytest

from langgraph_runner import RunEngine
from langgraph_runner.engine import FsspecArtifactStore
from langgraph_runner.engine.store.commands import retention
from langgraph_runner.server import create_app
from tests.memory_filesystem import memory_prefix
from tests.server.conftest import Service, shop

__all__ = ["memory_prefix"]
PAGE = b"<script>alert(1)</script>"
PATH = "artifacts/page/shown/page 1.html"


@pytest.fixture
async def run_and_acme(store_url, memory_prefix):
    """A run of an engine without a service, and a caller of a service with another engine."""
    address = memory_prefix.url
    async with RunEngine([shop()], store=store_url, artifacts=address, poll_ms=20, migrate=True) as engine:
        run = await engine.run("shop.v1", {"net": 10}, tenant="acme")
    engine = RunEngine([shop()], store=store_url, artifacts=address, poll_ms=20)
    app = create_app(engine)
    async with app.router.lifespan_context(app):
        service = Service(app, engine, None)
        yield run, await service.caller()
        await service.close()


@pytest.mark.req("R-52")
async def test_a_file_of_another_engine_is_served(run_and_acme):
    """The headers are the same as for a file on disk."""
    run, acme = run_and_acme
    found = await acme.get(f"/runs/{run.id}/{PATH}")
    assert (found.status_code, found.content) == (200, PAGE)
    assert found.headers["content-type"].startswith("text/html")
    assert found.headers["content-security-policy"].startswith("sandbox;")
    assert found.headers["content-disposition"] == "inline; filename*=utf-8''page%201.html"
    assert found.headers["cache-control"] == "private, max-age=31536000, immutable"


@pytest.mark.req("R-23", "R-52")
@pytest.mark.parametrize("damage", ["gone", "changed"])
async def test_a_missing_or_changed_file_is_not_served(run_and_acme, memory_prefix, damage):
    """410, with the fix."""
    run, acme = run_and_acme
    (place,) = memory_prefix.files()
    if damage == "gone":
        memory_prefix.remove()
    else:
        memory_prefix.filesystem.pipe_file(f"{memory_prefix.path}/{place}", PAGE[::-1])
    found = await acme.get(f"/runs/{run.id}/{PATH}")
    assert (found.status_code, found.json()["code"]) == (410, "ARTIFACT_FAILED")
    assert "A further run makes it again." in found.text


@pytest.mark.req("R-52")
async def test_a_storage_outage_is_not_a_missing_file(run_and_acme, monkeypatch, caplog):
    """503, so that callers try again. Only the log says where the storage is."""
    run, acme = run_and_acme

    def refuse(*_):
        raise ConnectionError("s3.internal does not answer")

    monkeypatch.setattr(FsspecArtifactStore, "open", refuse)
    found = await acme.get(f"/runs/{run.id}/{PATH}")
    assert (found.status_code, found.json()["code"]) == (503, "ARTIFACT_UNAVAILABLE")
    assert found.json()["error"] == "ArtifactUnavailableError"
    assert "s3.internal" not in found.text
    assert "s3.internal" in caplog.text


@pytest.mark.req("R-46")
async def test_a_pruned_file_is_gone_for_every_engine(run_and_acme, store_url, memory_prefix, monkeypatch):
    """An engine on another machine deletes it; then the service has neither run nor file."""
    run, acme = run_and_acme
    monkeypatch.setattr(retention, "_GRACE_MS", -60_000)
    memory_prefix.age(2 * 86_400)
    async with RunEngine([shop()], store=store_url, artifacts=memory_prefix.url, poll_ms=20) as engine:
        assert await engine.prune(older_than=timedelta()) == 1
    assert memory_prefix.contents() == []
    assert (await acme.get(f"/runs/{run.id}/{PATH}")).status_code == 404
