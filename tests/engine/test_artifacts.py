"""Files by their content: what is refused, what goes wrong with disks, and which attempt counts."""

import errno

import pytest

from langgraph_runner.engine import ArtifactError, RunStatus
from langgraph_runner.engine import artifacts as module
from langgraph_runner.engine.artifacts import ArtifactStore
from langgraph_runner.workflow import Workflow

TEXT = "text/plain"


@pytest.fixture
def store(tmp_path):
    """One whose folder is not there yet."""
    return ArtifactStore(tmp_path / "files")


def kept(store):
    """The files of a store, those under way too."""
    return [path for path in store.folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "name",
    ["", "/etc/passwd", "..", "a/../../b", "./a", "a//b", "a/", "a\\b", "a\nb", "a\x00", "n" * 513, "\ud800"],
)
def test_a_name_that_is_no_relative_path_is_refused(store, name):
    """Nothing is written."""
    with pytest.raises(ArtifactError, match="is no relative path"):
        store.put(name, b"x", TEXT)
    assert not store.folder.exists()


@pytest.mark.parametrize("name", ["a", "images/hero.svg", "...", "a b", "ünï/✓ 名前.txt", "n" * 512])
def test_any_other_name_will_do(store, name):
    """It is only what the step calls it."""
    assert store.put(name, b"x", TEXT).name == name


@pytest.mark.parametrize("media_type", ["", "text", "text/", "/plain", "text/plain\nx", "a/" + "b" * 127])
def test_a_media_type_that_is_none_is_refused(store, media_type):
    """With an example."""
    with pytest.raises(ArtifactError, match=r"is no media type, such as 'image/svg\+xml'"):
        store.put("a", b"x", media_type)


@pytest.mark.parametrize(
    "media_type", ["text/plain; charset=utf-8", "image/svg+xml", "application/vnd.a-b.c"]
)
def test_a_media_type_may_have_parameters(store, media_type):
    """It is kept as it is."""
    assert store.put("a", b"x", media_type).media_type == media_type


def test_the_same_bytes_are_kept_once(store):
    """Under whatever name."""
    first, second = store.put("a", b"x", TEXT), store.put("b", b"x", TEXT)
    assert first.sha256 == second.sha256
    assert [path.read_bytes() for path in kept(store)] == [b"x"]


def test_a_full_disk_is_said_and_leaves_nothing_behind(store, monkeypatch):
    """No half file is taken for a whole one later."""

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", full)
    with pytest.raises(ArtifactError, match=r"cannot be kept in .*No space left on device"):
        store.put("a", b"x", TEXT)
    assert kept(store) == []
    monkeypatch.undo()
    assert store.read(store.put("a", b"x", TEXT)) == b"x"


def test_a_file_where_the_folder_should_be_is_said(store):
    """With the place."""
    store.folder.write_text("in the way")
    with pytest.raises(ArtifactError, match=r"cannot be kept in .*files"):
        store.put("a", b"x", TEXT)


def test_a_file_that_is_gone_is_said(store):
    """It is not there for `has()` either, and can be kept again."""
    ref = store.put("a", b"x", TEXT)
    store.path(ref).unlink()
    assert not store.has(ref)
    with pytest.raises(ArtifactError, match="it cannot be read"):
        store.read(ref)
    assert store.has(store.put("a", b"x", TEXT))


def test_bytes_that_have_changed_are_not_served(store):
    """Not even those of the same size."""
    ref = store.put("a", b"x", TEXT)
    store.path(ref).write_bytes(b"y")
    with pytest.raises(ArtifactError, match="not those that were kept"):
        store.read(ref)


def test_a_file_that_was_cut_short_is_none(store):
    """It is written anew."""
    ref = store.put("a", b"xyz", TEXT)
    store.path(ref).write_bytes(b"x")
    assert not store.has(ref)
    store.put("a", b"xyz", TEXT)
    assert store.read(ref) == b"xyz"


def test_a_folder_is_durable_before_it_is_relied_upon(store, monkeypatch):
    """Its entry is flushed too: a power cut would take the file along with it."""
    flushed = []
    monkeypatch.setattr(module, "_sync_folder", flushed.append)
    place = store.path(store.put("a", b"x", TEXT))
    assert flushed == [store.folder, place.parent]


@pytest.mark.req("R-41")
async def test_files_of_an_attempt_that_failed_do_not_count(engine_of):
    """Only those of the one that succeeded; of two with one name the last."""
    flow, attempts = Workflow("w"), []

    @flow.step(retry={"max_attempts": 2, "backoff_ms": 0, "retry_on": ValueError})
    def work(ctx) -> None:
        attempts.append(1)
        ctx.save_artifact(f"{len(attempts)}.txt", "first")
        ctx.save_artifact(f"{len(attempts)}.txt", "second")
        if len(attempts) == 1:
            raise ValueError

    async with engine_of(flow) as engine:
        run = await engine.run("w")
        (file,) = (await engine.get_run_artifacts(run.id))["work"]
        assert (file.name, await engine.read_artifact(file)) == ("2.txt", b"second")


async def test_a_file_that_cannot_be_kept_fails_its_step(engine_of, tmp_path):
    """The error says why."""
    flow = Workflow("w")

    @flow.step
    def work(ctx) -> None:
        ctx.save_artifact("a.txt", "x")

    async with engine_of(flow, artifacts=tmp_path / "files") as engine:
        (tmp_path / "files").write_text("in the way")
        run = await engine.run("w")
    assert run.status is RunStatus.FAILED
    assert "cannot be kept" in run.error["message"]
