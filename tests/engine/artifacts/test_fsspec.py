"""Files in an object store: addresses, deletions during puts, and the calls of the engine."""

import re
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest

from langgraph_runner import FsspecArtifactStore, LocalArtifactStore, RunEngine, Workflow
from langgraph_runner.engine import ArtifactError, RunStatus
from langgraph_runner.engine.artifacts import fsspec as fsspec_artifacts
from langgraph_runner.engine.artifacts.files import ArtifactFiles, open_artifact_store
from langgraph_runner.engine.store.commands import retention
from langgraph_runner.workflow import ChangeRequest
from tests.memory_filesystem import memory_prefix

__all__ = ["memory_prefix"]
pytestmark = pytest.mark.req("R-23", "R-46")
DAY_S = 86_400
TEA = "ef1d5f9aba3a9ad09bd9f0d6ea1b8a23e9eb9b8f5a2dd2ed84ad4c35e7d7f7d5"


@pytest.fixture
def store(memory_prefix):
    """An empty store."""
    return FsspecArtifactStore(memory_prefix.url)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        (
            "memroy://files",
            "the scheme must be one that fsspec knows, .* got 'memroy'. Did you mean 'memory'?",
        ),
        ("file://other-host/files", "the URL must be file:/// and a path, got 'file://other-host/files'"),
        ("://files", "the URL must begin with a scheme such as s3://, got '://files'"),
    ],
)
def test_an_address_that_leads_nowhere_is_refused(url, problem):
    """The message has the right form. Nothing is opened."""
    with pytest.raises(ValueError, match=problem.replace("?", r"\?")):
        RunEngine(store="sqlite://", artifacts=url)


@pytest.mark.parametrize("url", ["file://", "file:///"])
def test_an_address_without_a_folder_is_refused(url):
    """Files must not be in the root of a disk, or be taken for buckets."""
    with pytest.raises(ValueError, match="must name a bucket or a folder, got"):
        FsspecArtifactStore(url)


def test_an_address_needs_a_scheme():
    """Use `LocalArtifactStore` for a path."""
    with pytest.raises(ValueError, match="must begin with a scheme such as s3://, got 'files'"):
        FsspecArtifactStore("files")


def test_a_library_that_is_missing_is_named(monkeypatch):
    """The message has the command that installs it. Each filesystem needs another library."""
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(ModuleNotFoundError, match=r"^artifacts: s3:// needs s3fs: pip install s3fs$"):
        RunEngine(store="sqlite://", artifacts="s3://bucket/runs")


def test_a_store_of_another_kind_is_refused():
    """The message lists the accepted types."""
    with pytest.raises(
        TypeError, match=r"artifacts must be of type ArtifactStore, got int; give a folder, a URL"
    ):
        RunEngine(store="sqlite://", artifacts=5)


def test_an_address_of_a_folder_is_the_folder(tmp_path):
    """Its files are flushed to disk, like those of a path."""
    store = open_artifact_store((tmp_path / "a b").as_uri())
    assert isinstance(store, LocalArtifactStore)
    assert store.folder == tmp_path / "a b"


def test_both_stores_read_the_same_folder(tmp_path):
    """So files can move from a folder to a bucket, and back."""
    ref = ArtifactFiles(LocalArtifactStore(tmp_path / "files")).put("a.txt", b"tea", "text/plain")
    files = ArtifactFiles(FsspecArtifactStore((tmp_path / "files").as_uri()))
    assert (files.read(ref), files.put("b.txt", b"tea", "text/plain").uri) == (b"tea", ref.uri)


@pytest.mark.parametrize("is_removed_first", [False, True])
def test_a_put_waits_for_a_deletion_that_is_under_way(store, memory_prefix, monkeypatch, is_removed_first):
    """The deletion has already read the age and would delete the new file, so the put writes it again."""
    store.put(TEA, b"tea")
    memory_prefix.age(2 * DAY_S)
    other = FsspecArtifactStore(memory_prefix.url)
    remove, written = other._remove, Event()
    listed = store._listed

    def look(folder):
        written.set()  # It has written the file twice, and looked for marks.
        return listed(folder)

    with ThreadPoolExecutor(1) as threads:
        puts = []

        def remove_beside_a_put(path):
            if path.endswith(TEA) and not puts:
                is_gone = remove(path) if is_removed_first else None
                puts.append(threads.submit(store.put, TEA, b"tea"))
                assert written.wait(30)
                return remove(path) if is_gone is None else is_gone
            return remove(path)

        monkeypatch.setattr(store, "_listed", look)
        monkeypatch.setattr(other, "_remove", remove_beside_a_put)
        assert other.delete([TEA], DAY_S) == (1, 3)
        assert puts[0].result(30).size == 3
    assert memory_prefix.contents() == [b"tea"]
    assert [path for path in memory_prefix.all() if path.startswith(".deleting")] == []


def test_the_mark_of_a_dead_process_does_not_block_a_put(store, memory_prefix):
    """The process was killed between the mark and the deletion. After a minute the mark is removed."""
    memory_prefix.filesystem.pipe_file(f"{memory_prefix.path}/.deleting/{TEA}.dead", b"")
    memory_prefix.age(61)
    store.put(TEA, b"tea")
    assert [*memory_prefix.all()] == [f"{TEA[:2]}/{TEA}"]


def test_a_deletion_that_takes_too_long_is_given_up(store, memory_prefix, monkeypatch):
    """Its mark could soon count as that of a dead process."""
    store.put(TEA, b"tea")
    memory_prefix.age(2 * DAY_S)
    monkeypatch.setattr(fsspec_artifacts, "_MAX_DELETION_S", -1.0)
    assert store.delete([TEA], DAY_S) == (0, 0)
    assert memory_prefix.contents() == [b"tea"]


def test_a_file_that_goes_at_each_write_is_an_error(store, monkeypatch):
    """The put does not retry forever."""
    monkeypatch.setattr(store, "stat", lambda _: None)
    with pytest.raises(OSError, match="was deleted 100 times while it was written"):
        store.put(TEA, b"tea")


def test_a_filesystem_that_does_not_replace_files_is_helped(tmp_path, monkeypatch):
    """Some filesystems refuse to rename onto an existing file."""
    store = FsspecArtifactStore((tmp_path / "files").as_uri())
    move = store._fs.mv

    def move_if_free(source, target):
        if (tmp_path / "files" / TEA[:2] / TEA).exists():
            raise OSError("File exists")
        move(source, target)

    monkeypatch.setattr(store._fs, "mv", move_if_free)
    store.put(TEA, b"pea")
    store.put(TEA, b"tea")
    assert [each.read_bytes() for each in (tmp_path / "files").glob("??/*")] == [b"tea"]


def test_a_write_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    """Later no partial file counts as a complete one. The step gets the error."""
    files = ArtifactFiles(FsspecArtifactStore((tmp_path / "files").as_uri()))

    def full(path, data):
        (tmp_path / path).write_bytes(data[:1])
        raise OSError("No space left on device")

    monkeypatch.setattr(files.store._fs, "pipe_file", full)
    with pytest.raises(ArtifactError, match=r"cannot be kept in file://.*: No space left on device"):
        files.put("a.txt", b"tea", "text/plain")
    assert list((tmp_path / "files").glob("??/*")) == []


def test_what_a_killed_process_has_left_is_collected(tmp_path):
    """With the name from the listing."""
    store = FsspecArtifactStore((tmp_path / "files").as_uri())
    store.put(TEA, b"tea")
    left = tmp_path / "files" / TEA[:2] / f".{TEA}.0011"
    left.write_bytes(b"te")
    (name,) = [each for each in store.old_files(0.0) if each != TEA]
    assert store.delete([name], 0.0) == (1, 2)
    assert not left.exists()


@pytest.mark.parametrize(
    "given",
    [
        {"LastModified": datetime(2026, 1, 2, tzinfo=UTC)},
        {"last_modified": datetime(2026, 1, 2)},  # noqa: DTZ001 - as some filesystems give it
        {"updated": "2026-01-02T00:00:00.000Z", "mtime": None},
        {"mtime": datetime(2026, 1, 2, tzinfo=UTC).timestamp()},
    ],
)
def test_the_age_of_a_file_is_read_as_filesystems_tell_it(store, given):
    """S3, Azure, Google Cloud Storage and SFTP use different names and types."""
    expected = datetime.now(UTC) - datetime(2026, 1, 2, tzinfo=UTC)
    assert timedelta(seconds=store._age_s(given)) - expected < timedelta(minutes=1)


def test_a_file_whose_age_is_not_known_is_never_old(store, monkeypatch):
    """It is never deleted, because that could be too early."""

    def modified(_):
        raise NotImplementedError

    monkeypatch.setattr(store._fs, "modified", modified)
    assert store._age_s({"name": "x", "updated": "yesterday"}) == 0.0


@pytest.fixture
def flow():
    """A workflow of one step, which saves its input and counts its calls."""
    workflow, made = Workflow("w"), []

    @workflow.step
    async def save(inputs, ctx) -> int:
        made.append(inputs["text"])
        await ctx.asave_artifact("ünï/✓.txt", inputs["text"])
        return len(inputs["text"])

    workflow.on_change("set", reruns=[])
    workflow.made = made
    return workflow


async def test_what_one_engine_keeps_another_one_reads(engine_of, flow, memory_prefix):
    """Both have the same address. The second engine serves the result with its file."""
    async with engine_of(flow, artifacts=memory_prefix.url) as first:
        await first.run("w", {"text": "tea"})
    async with engine_of(flow, artifacts=memory_prefix.url) as second:
        run = await second.run("w", {"text": "tea"})
        (ref,) = (await second.get_run_artifacts(run.id))["save"]
        assert await second.read_artifact(ref) == b"tea"
    assert flow.made == ["tea"]
    assert (ref.name, ref.uri) == (
        "ünï/✓.txt",
        f"memory://{memory_prefix.path}/{ref.sha256[:2]}/{ref.sha256}",
    )


async def test_no_transaction_waits_for_another_machine(engine_of, flow, memory_prefix, monkeypatch):
    """Files of results from the database are checked before the transaction begins."""
    async with engine_of(flow, artifacts=memory_prefix.url) as first:
        await first.run("w", {"text": "tea"})
    asked = []
    monkeypatch.setattr(ArtifactFiles, "has_recently", lambda *_: asked.append(1))
    async with engine_of(flow, artifacts=memory_prefix.url) as second:
        run = await second.run("w", {"text": "tea"})
    assert (asked, run.steps) == ([], {"skipped": 1})


async def test_what_was_looked_for_a_moment_ago_is_not_looked_for_again(memory_prefix):
    """A transaction may ask for a file that was just found missing."""
    files = ArtifactFiles(FsspecArtifactStore(memory_prefix.url))
    ref = files.put("a.txt", b"tea", "text/plain")
    memory_prefix.remove()
    assert files.has_recently(ref)
    assert not await files.has_all([ref])
    assert not files.has_recently(ref)


async def test_a_result_whose_file_is_gone_is_no_hit(engine_of, flow, memory_prefix):
    """The next run creates it again, and an update does not reuse it."""
    async with engine_of(flow, artifacts=memory_prefix.url) as engine:
        run = await engine.run("w", {"text": "tea"})
        (ref,) = (await engine.get_run_artifacts(run.id))["save"]
        for again in (
            lambda: engine.run("w", {"text": "tea"}),
            lambda: engine.update(run.id, ChangeRequest("set", {})),
        ):
            memory_prefix.remove()
            with pytest.raises(ArtifactError, match=r"is gone\. A further run makes it again\."):
                await engine.read_artifact(ref)
            await again()
            assert await engine.read_artifact(ref) == b"tea"
    assert flow.made == ["tea"] * 3


async def test_a_store_that_fails_costs_a_hit_and_fails_the_step(
    engine_of, flow, memory_prefix, monkeypatch, caplog
):
    """The log and the error of the run say so. The rest of the engine continues."""
    async with engine_of(flow, artifacts=memory_prefix.url) as engine:
        await engine.run("w", {"text": "tea"})

        def refuse(*_):
            raise PermissionError("Access Denied")

        monkeypatch.setattr(FsspecArtifactStore, "stat", refuse)
        run = await engine.run("w", {"text": "tea"})
        assert run.status is RunStatus.FAILED
        assert re.search("cannot be kept in memory://.*: Access Denied", run.error["message"])
        assert "files.unreadable" in caplog.text
        monkeypatch.undo()
        assert (await engine.run("w", {"text": "coffee"})).status is RunStatus.COMPLETED


async def test_a_file_elsewhere_has_no_path(engine_of, flow, memory_prefix):
    """The error says how to read it."""
    async with engine_of(flow, artifacts=memory_prefix.url) as engine:
        run = await engine.run("w", {"text": "tea"})
        (ref,) = (await engine.get_run_artifacts(run.id))["save"]
        with pytest.raises(ArtifactError, match=r"is not a file of this machine; read it with read_artifact"):
            engine.artifact_path(ref)


async def test_prune_collects_what_no_run_refers_to(engine_of, flow, memory_prefix, monkeypatch):
    """When it is a day old."""
    monkeypatch.setattr(retention, "_GRACE_MS", -60_000)
    async with engine_of(flow, artifacts=memory_prefix.url) as engine:
        await engine.run("w", {"text": "old"})
        memory_prefix.age(2 * DAY_S)
        await engine.run("w", {"text": "young"})
        await engine.prune(older_than=timedelta())
    assert memory_prefix.contents() == [b"young"]


async def test_files_that_two_databases_refer_to_stay(
    engine_of, flow, memory_prefix, tmp_path, monkeypatch, caplog
):
    """One database does not know the files of the other's runs."""
    monkeypatch.setattr(retention, "_GRACE_MS", -60_000)
    async with (
        engine_of(flow, artifacts=memory_prefix.url) as first,
        engine_of(flow, artifacts=memory_prefix.url, store=f"sqlite:///{tmp_path / 'other.db'}") as second,
    ):
        await first.run("w", {"text": "first"})
        await second.run("w", {"text": "second"})
        memory_prefix.age(2 * DAY_S)
        await first.prune(older_than=timedelta())
    assert memory_prefix.contents() == [b"first", b"second"]
    assert "files.shared" in caplog.text


async def test_archived_runs_come_back_with_their_files(engine_of, flow, memory_prefix, tmp_path):
    """From a folder to the object store of another engine, also with its address."""
    async with engine_of(flow, artifacts=tmp_path / "files") as engine:
        run = await engine.run("w", {"text": "tea"})
        archive = await engine.archive(tmp_path / "archives", older_than=timedelta())
    async with engine_of(flow, artifacts=memory_prefix.url) as engine:
        assert await engine.restore(archive.path) == 1
        (ref,) = (await engine.get_run_artifacts(run.id))["save"]
        assert (ref.uri.partition(":")[0], await engine.read_artifact(ref)) == ("memory", b"tea")


def test_an_object_that_implements_the_protocol_is_taken(tmp_path):
    """The object itself is used."""
    store = LocalArtifactStore(tmp_path / "files")
    engine = RunEngine(store="sqlite://", artifacts=store)
    assert engine.artifact_files.store is store
    engine.store.close()
