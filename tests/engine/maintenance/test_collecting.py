"""Unused files, invalid references, and permissions to read files."""

import os
from dataclasses import replace
from datetime import timedelta

import pytest

from langgraph_runner.engine import ArtifactError
from langgraph_runner.engine.artifacts.files import ArtifactFiles
from langgraph_runner.engine.artifacts.local import LocalArtifactStore
from langgraph_runner.engine.store.commands import retention
from langgraph_runner.workflow import ArtifactRef, Workflow

DAY_S = 86_400


@pytest.fixture
def flow():
    """A workflow of one step, which saves its input."""
    workflow = Workflow("w")

    @workflow.step
    def save(inputs, ctx) -> int:
        ctx.save_artifact("a.txt", inputs["text"].encode(), "text/plain")
        return len(inputs["text"])

    return workflow


def files_in(folder):
    """The content of all files, except for the marks of owners."""
    return sorted(each.read_text() for each in folder.glob("??/*") if each.is_file())


def age(folder, seconds=2 * DAY_S):
    """Make all files older."""
    for file in folder.glob("??/*"):
        then = file.stat().st_mtime - seconds
        os.utime(file, (then, then))


@pytest.fixture
def folder(tmp_path):
    """Where the engines of `engine_of` keep files."""
    return tmp_path / "files"


@pytest.mark.req("R-46")
async def test_files_go_with_the_last_run_that_refers_to_them(engine_of, flow, folder, monkeypatch):
    """When they are a day old, and the cache no longer serves them."""
    monkeypatch.setattr(retention, "_GRACE_MS", -60_000)
    async with engine_of(flow) as engine:
        await engine.run("w", {"text": "old"})
        age(folder)
        await engine.run("w", {"text": "young"})
        await engine.prune(older_than=timedelta())
    assert files_in(folder) == ["young"]


@pytest.mark.req("R-46")
@pytest.mark.parametrize("cached", [False, True], ids=["run", "cache"])
async def test_a_file_that_something_refers_to_stays(engine_of, flow, folder, cached):
    """If a run refers to it, or a cache entry that other processes may still serve."""
    async with engine_of(flow) as engine:
        await engine.run("w", {"text": "kept"})
        age(folder)
        await engine.prune(older_than=timedelta() if cached else timedelta(days=1))
    assert files_in(folder) == ["kept"]


@pytest.mark.req("R-46")
async def test_a_half_written_file_goes_when_it_is_old(engine_of, flow, folder):
    """It is left by a killed process."""
    async with engine_of(flow) as engine:
        await engine.run("w", {"text": "kept"})
        for name in (".old.tmp", ".young.tmp"):
            (next(folder.glob("??")) / name).write_text(name)
        age(folder)
        (next(folder.glob("??")) / ".young.tmp").touch()
        await engine.prune(older_than=timedelta(days=1))
    assert files_in(folder) == [".young.tmp", "kept"]


@pytest.mark.req("R-46")
async def test_a_folder_that_two_databases_use_is_left_alone(
    engine_of, flow, folder, tmp_path, caplog, monkeypatch
):
    """One database does not know the files of the other's runs."""
    monkeypatch.setattr(retention, "_GRACE_MS", -60_000)
    async with (
        engine_of(flow) as first,
        engine_of(flow, store=f"sqlite:///{tmp_path / 'other.db'}") as second,
    ):
        await first.run("w", {"text": "first"})
        await second.run("w", {"text": "second"})
        age(folder)
        await first.prune(older_than=timedelta())
    assert files_in(folder) == ["first", "second"]
    assert "files.shared" in caplog.text


def stored(tmp_path, text="x"):
    """A store with one old file, and the reference of the file."""
    files = ArtifactFiles(LocalArtifactStore(tmp_path / "files"))
    ref = files.put("a.txt", text.encode(), "text/plain")
    age(files.store.folder)
    return files, ref


@pytest.mark.req("R-46")
def test_a_file_that_is_kept_again_is_not_deleted(tmp_path):
    """A running step may need it. The order of saving it and checking its age does not matter."""
    files, ref = stored(tmp_path)
    (old,) = files.store.old_files(DAY_S)
    assert files.put("again.txt", b"x", "text/plain").sha256 == ref.sha256
    assert files.store.delete([old], DAY_S) == (0, 0)
    assert files.read(ref) == b"x"


@pytest.mark.req("R-46")
def test_a_file_that_goes_while_it_is_kept_again_is_written_anew(tmp_path, monkeypatch):
    """It was complete when the store checked it."""
    files, ref = stored(tmp_path)
    stat = files.store.stat

    def whole_then_gone(sha256):
        found = stat(sha256)
        files.store.delete(files.store.old_files(DAY_S), DAY_S)
        return found

    monkeypatch.setattr(files.store, "stat", whole_then_gone)
    files.put("again.txt", b"x", "text/plain")
    monkeypatch.undo()
    assert files.read(ref) == b"x"


@pytest.mark.parametrize("sha256", ["../../etc/passwd", "A" * 64, "a" * 63, "", None, "a" * 64 + "\n"])
def test_a_reference_that_leads_elsewhere_is_refused(tmp_path, sha256):
    """Because of its form, before anything is read."""
    store, ref = stored(tmp_path)
    forged = replace(ref, sha256=sha256)
    with pytest.raises(ArtifactError, match="64 lower-case hex digits"):
        store.path(forged)
    with pytest.raises(ArtifactError, match="64 lower-case hex digits"):
        store.read(forged)
    assert not store.has(forged)


@pytest.mark.req("R-53")
async def test_a_file_is_read_by_the_tenant_whose_run_has_it(engine_of, flow):
    """Another tenant does not learn that it exists."""
    async with engine_of(flow) as engine:
        run = await engine.run("w", {"text": "mine"}, tenant="a")
        (ref,) = (await engine.get_run_artifacts(run.id, tenant="a"))["save"]
        assert await engine.read_artifact(ref, tenant="a") == b"mine"
        unknown = ArtifactRef(ref.name, ref.uri, ref.media_type, ref.size, "0" * 64)
        problems = []
        for asked in (ref, unknown):
            with pytest.raises(ArtifactError) as refused:
                await engine.read_artifact(asked, tenant="b")
            problems.append(str(refused.value))
    assert problems[0] == problems[1]
