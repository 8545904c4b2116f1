"""Files of runs on the disk of the service: conditional and partial requests, and files that were changed."""

import dataclasses

import pytest

from langgraph_runner import RunEngine

pytestmark = pytest.mark.req("R-52")
CONTENT = b"<script>alert(1)</script>"


@pytest.fixture
async def file(service, acme):
    """The path of a file on the disk, and its address."""
    run_id = await service.ended(acme)
    ((ref,),) = (await service.engine.get_run_artifacts(run_id, tenant="acme")).values()
    return service.engine.artifact_path(ref), f"/runs/{run_id}/artifacts/page/shown/page 1.html"


@pytest.mark.req("R-23")
@pytest.mark.parametrize("damage", ["gone", "changed", "shorter"])
async def test_a_missing_or_changed_file_is_not_served(acme, file, damage):
    """410, also if the service has verified the file before."""
    path, address = file
    assert (await acme.get(address)).content == CONTENT
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(CONTENT[::-1] if damage == "changed" else CONTENT[:-1])
    refused = await acme.get(address)
    assert (refused.status_code, refused.json()["code"]) == (410, "ARTIFACT_FAILED")
    assert str(path) not in refused.text


async def test_an_unchanged_file_is_not_sent_again(acme, file):
    """The `ETag` is the hash of the content."""
    _, address = file
    etag = (await acme.get(address)).headers["etag"]
    for value in (etag, f'"other", W/{etag}', "*"):
        again = await acme.get(address, headers={"If-None-Match": value})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert (await acme.get(address, headers={"If-None-Match": '"other"'})).content == CONTENT


@pytest.mark.parametrize(
    ("asked", "status", "content"),
    [
        ("bytes=0-7", 206, CONTENT[:8]),
        ("bytes=8-", 206, CONTENT[8:]),
        ("bytes=-9", 206, CONTENT[-9:]),
        ("bytes=99-", 416, b""),
        ("bytes", 200, CONTENT),
        ("bytes=", 200, CONTENT),
        ("bytes=x-y", 200, CONTENT),
        ("bytes=7-0", 200, CONTENT),
        ("lines=0-1", 200, CONTENT),
    ],
)
async def test_a_part_of_a_file(acme, file, asked, status, content):
    """A header that is not valid is ignored (RFC 9110, section 14.2)."""
    answer = await acme.get(file[1], headers={"Range": asked})
    assert (answer.status_code, answer.content) == (status, content)


async def test_a_file_with_a_media_type_that_no_header_holds(service, acme, file, monkeypatch):
    """Only an earlier release could save it."""

    async def get_run_artifacts(*arguments, **options):
        ((ref,),) = (await RunEngine.get_run_artifacts(service.engine, *arguments, **options)).values()
        return {"page": [dataclasses.replace(ref, media_type="text/plain; title=Ł\r")]}

    monkeypatch.setattr(service.engine, "get_run_artifacts", get_run_artifacts)
    found = await acme.get(file[1])
    assert (found.content, found.headers["content-type"]) == (CONTENT, "application/octet-stream")
