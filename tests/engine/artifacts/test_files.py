"""Files by their content: refused names, failing disks, and the attempt that counts."""

import errno
import threading
from dataclasses import dataclass

import pytest

from langgraph_runner.engine import ArtifactError, PlanAction, RunStatus
from langgraph_runner.engine.artifacts import local as local_artifacts
from langgraph_runner.engine.artifacts.files import ArtifactFiles
from langgraph_runner.engine.artifacts.local import LocalArtifactStore
from langgraph_runner.workflow import ChangeRequest, Workflow

TEXT = "text/plain"


@pytest.fixture
def store(tmp_path):
    """A store whose folder does not exist yet."""
    return files_in(tmp_path / "files")


def files_in(folder):
    """The files of an engine in a folder."""
    return ArtifactFiles(LocalArtifactStore(folder))


def kept(store):
    """The files of a store, including unfinished ones."""
    return [path for path in store.store.folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "name",
    ["", "/etc/passwd", "..", "a/../../b", "./a", "a//b", "a/", "a\\b", "a\nb", "a\x00", "n" * 513, "\ud800"],
)
def test_a_name_that_is_no_relative_path_is_refused(store, name):
    """Nothing is written."""
    with pytest.raises(ArtifactError, match="must be a relative path"):
        store.put(name, b"x", TEXT)
    assert not store.store.folder.exists()


@pytest.mark.parametrize("name", ["a", "images/hero.svg", "...", "a b", "ünï/✓ 名前.txt", "n" * 512])
def test_any_other_name_will_do(store, name):
    """The name is only a label of the step."""
    assert store.put(name, b"x", TEXT).name == name


@pytest.mark.parametrize(
    "media_type",
    [
        *(
            "",
            "text",
            "text/",
            "/plain",
            "a/" + "b" * 127,
            "text/plain; charset",
            "text/plain;",
            "text plain/x",
        ),
        *("text/plain\nx", "text/plain\r", 'text/plain; title="a\rb"'),
        *("text/plain; title=Ł", 'text/plain; title="Ł"', "tëxt/plain", "text/plain; title=é"),
    ],
)
def test_a_media_type_that_is_none_is_refused(store, media_type):
    """The message has an example."""
    with pytest.raises(ArtifactError, match=r"the media type must be such as 'image/svg\+xml'"):
        store.put("a", b"x", media_type)


@pytest.mark.parametrize(
    "media_type",
    ["text/plain; charset=utf-8", "image/svg+xml", "application/vnd.a-b.c", 'a/b;c="d; e" ; f=g'],
)
def test_a_media_type_may_have_parameters(store, media_type):
    """It is kept unchanged."""
    assert store.put("a", b"x", media_type).media_type == media_type


def test_the_same_bytes_are_kept_once(store):
    """Even under different names."""
    first, second = store.put("a", b"x", TEXT), store.put("b", b"x", TEXT)
    assert first.sha256 == second.sha256
    assert [path.read_bytes() for path in kept(store)] == [b"x"]


def test_a_full_disk_is_said_and_leaves_nothing_behind(store, monkeypatch):
    """Later no partial file counts as a complete one."""

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(local_artifacts.os, "fsync", full)
    with pytest.raises(ArtifactError, match=r"cannot be kept in .*No space left on device"):
        store.put("a", b"x", TEXT)
    assert kept(store) == []
    monkeypatch.undo()
    assert store.read(store.put("a", b"x", TEXT)) == b"x"


def test_a_file_where_the_folder_should_be_is_said(store):
    """The message has the path."""
    store.store.folder.write_text("in the way")
    with pytest.raises(ArtifactError, match=r"cannot be kept in .*files"):
        store.put("a", b"x", TEXT)


def test_a_file_that_is_gone_is_said(store):
    """`has()` does not find it either, and it can be saved again."""
    ref = store.put("a", b"x", TEXT)
    store.path(ref).unlink()
    assert not store.has(ref)
    with pytest.raises(ArtifactError, match="it cannot be read"):
        store.read(ref)
    assert store.has(store.put("a", b"x", TEXT))


def test_bytes_that_have_changed_are_not_served(store):
    """Not even with the same size."""
    ref = store.put("a", b"x", TEXT)
    store.path(ref).write_bytes(b"y")
    with pytest.raises(ArtifactError, match="not those that were kept"):
        store.read(ref)


@pytest.mark.req("R-23")
def test_a_file_with_other_bytes_is_none_and_is_written_anew(store):
    """Its size proves nothing. Another process checks its content, too."""
    ref = store.put("a", b"x", TEXT)
    store.path(ref).write_bytes(b"y")
    assert not store.has(ref)
    assert not files_in(store.store.folder).has(ref)
    store.put("a", b"x", TEXT)
    assert (store.has(ref), store.read(ref)) == (True, b"x")


def test_a_file_is_read_once_as_long_as_it_stays_as_it_is(store, monkeypatch):
    """Hashing it at each hit would cost more than many steps."""
    ref, reads = store.put("a", b"x", TEXT), []
    other = files_in(store.store.folder)
    opened = LocalArtifactStore.open
    monkeypatch.setattr(LocalArtifactStore, "open", lambda *given: reads.append(1) or opened(*given))
    assert [other.has(ref), other.has(ref), store.has(ref)] == [True, True, True]
    assert len(reads) == 1


async def test_a_long_file_is_not_read_on_the_event_loop(store):
    """A process that has not written the file has to read it once."""
    ref, threads = store.put("a", b"x" * 300_000, TEXT), []
    other = files_in(store.store.folder)
    has = other.has
    other.has = lambda file: threads.append(threading.get_ident()) or has(file)
    assert await other.has_all([ref])
    assert await other.has_all([ref])
    store.path(ref).touch()
    assert await other.has_all([ref])
    assert [each == threading.get_ident() for each in threads] == [False, True, False]


@dataclass
class Page:
    """The inputs."""

    title: str
    note: str


@pytest.fixture
def pages():
    """A workflow whose step saves a page as a file, and the list of its calls."""
    flow, made = Workflow("w", inputs=Page), []

    @flow.step
    def page(title, ctx) -> str:
        made.append(title)
        return ctx.save_artifact("page.html", title).name

    flow.step(lambda page, note: f"{page}: {note}", id="mail", output=str)
    flow.on_change("say")
    return flow, made


@pytest.mark.req("R-23")
async def test_a_result_whose_file_has_other_bytes_is_no_hit(engine_of, pages):
    """The run that notices it repairs the file, for all runs that refer to it."""
    flow, made = pages
    async with engine_of(flow) as engine:
        first = await engine.run("w", {"title": "Tea", "note": "new"})
        (file,) = (await engine.get_run_artifacts(first.id))["page"]
        engine.artifact_path(file).write_bytes(b"Pea")
        await engine.run("w", {"title": "Tea", "note": "new"})
        assert await engine.read_artifact(file) == b"Tea"
    assert made == ["Tea", "Tea"]


@pytest.mark.req("R-23", "R-31")
async def test_a_step_whose_file_is_gone_is_not_taken_over(engine_of, pages):
    """An update runs the step again, and its plan says so."""
    flow, made = pages
    change = ChangeRequest("say", {"note": "old"})
    async with engine_of(flow) as engine:
        base = await engine.run("w", {"title": "Tea", "note": "new"})
        (file,) = (await engine.get_run_artifacts(base.id))["page"]
        engine.artifact_path(file).unlink()
        plan = await engine.plan(base.id, change)
        assert [step.why for step in plan.steps if step.step == "page"] == [
            "one of its files is missing or damaged"
        ]
        await engine.update(base.id, change)
        assert await engine.read_artifact(file) == b"Tea"
    assert made == ["Tea", "Tea"]


@pytest.mark.req("R-31")
async def test_an_engine_that_runs_nothing_leaves_the_files_to_others(engine_of, pages, tmp_path):
    """It may have another folder for files, or none."""
    flow, _ = pages
    async with engine_of(flow) as engine, engine_of(flow, artifacts=tmp_path / "other") as client:
        client.take_on("none")
        base = await engine.run("w", {"title": "Tea", "note": "new"})
        plan = await client.plan(base.id, ChangeRequest("say", {"note": "old"}))
    assert plan.of(PlanAction.REUSE) == ["page"]


def test_a_file_that_was_cut_short_is_none(store):
    """The file is written again."""
    ref = store.put("a", b"xyz", TEXT)
    store.path(ref).write_bytes(b"x")
    assert not store.has(ref)
    store.put("a", b"xyz", TEXT)
    assert store.read(ref) == b"xyz"


def test_a_folder_is_durable_before_it_is_relied_upon(store, monkeypatch):
    """Its directory entry is flushed, too. Otherwise a power cut could lose the file."""
    flushed = []
    monkeypatch.setattr(local_artifacts, "sync_folder", flushed.append)
    place = store.path(store.put("a", b"x", TEXT))
    assert flushed == [store.store.folder, place.parent]


@pytest.mark.req("R-41")
async def test_files_of_an_attempt_that_failed_do_not_count(engine_of):
    """Only files of the successful attempt count; of two with one name, the last."""
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


async def test_an_async_step_saves_files_without_holding_up_the_loop(engine_of, tmp_path, monkeypatch):
    """It saves them in a thread. Files of a failed attempt do not count here either."""
    flow, threads, attempts = Workflow("w"), [], []
    put = LocalArtifactStore.put
    monkeypatch.setattr(
        LocalArtifactStore, "put", lambda *given: threads.append(threading.get_ident()) or put(*given)
    )

    @flow.step(retry={"max_attempts": 2, "backoff_ms": 0, "retry_on": ValueError})
    async def work(ctx) -> None:
        attempts.append(1)
        await ctx.asave_artifact(f"{len(attempts)}.txt", f"of {len(attempts)}")
        if len(attempts) == 1:
            raise ValueError

    async with engine_of(flow) as engine:
        run = await engine.run("w")
        (file,) = (await engine.get_run_artifacts(run.id))["work"]
        assert (file.name, await engine.read_artifact(file)) == ("2.txt", b"of 2")
    assert len(threads) == 2
    assert threading.get_ident() not in threads


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
