"""Ended runs are archived in a file, and restored unchanged."""

import json
import zipfile
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from langgraph_runner import Workflow
from langgraph_runner.engine import ArchiveError, ArtifactUnavailableError
from langgraph_runner.engine.artifacts.local import LocalArtifactStore
from langgraph_runner.engine.maintenance import archiving
from langgraph_runner.engine.store.schema import METADATA
from langgraph_runner.workflow import ChangeRequest
from tests.engine.conftest import edited

pytestmark = pytest.mark.req("R-46")
NOW = timedelta()

flow = Workflow("w", cache="run_only")
flow.on_change("set")


@flow.step
def first(inputs, ctx):
    """Save a file. The output looks like encoded bytes in an archive."""
    ctx.save_artifact("a.txt", b"text " + str(inputs["n"]).encode())
    return f"base64:{inputs['n']}"


@flow.step
def second(first):
    """Fail if the inputs say so."""
    if first == "base64:0":
        raise ValueError("as asked")
    return {"é": first}


OF_RUNS = ("runs", "run_tags", "run_steps", "run_events", "artifacts", "outputs")


def rows(engine):
    """All rows of runs in the database."""
    with edited(engine) as connection:
        return {
            name: sorted(map(repr, connection.execute(select(METADATA.tables[name])))) for name in OF_RUNS
        }


@pytest.fixture
async def engine(engine_of):
    """An engine with runs of two tenants: completed, updated and failed."""
    async with engine_of(flow) as made:
        run = await made.run("w", {"n": 1}, tenant="a", tags={"team": "x"}, idempotency_key="k")
        await made.update(run.id, ChangeRequest("set", {"n": 2}), tenant="a")
        await made.run("w", {"n": 0}, tenant="a", metadata={"by": "me"})
        await made.run("w", {"n": 5}, tenant="b")
        yield made


async def test_runs_come_back_as_they_were(engine, tmp_path):
    """All rows are equal. A restored run can be updated."""
    before = rows(engine)
    archive = await engine.archive(tmp_path / "old", older_than=NOW)
    assert (archive.runs, archive.size) == (4, archive.path.stat().st_size)
    assert [len(found) for name, found in rows(engine).items() if name != "outputs"] == [0, 0, 0, 0, 0]
    assert await engine.restore(archive.path) == 4
    after = rows(engine)
    assert {**after, "outputs": None} == {**before, "outputs": None}
    assert {*before["outputs"]} <= {*after["outputs"]}
    (run,) = await engine.list_runs(
        tenant="a", tags={"team": "x"}, status="completed", base_run_id=None, limit=1
    )
    assert await engine.get_result(run.id, tenant="a") == {"é": "base64:2"}


async def test_files_come_back(engine, tmp_path):
    """Also if the folder of files was deleted."""
    archive = await engine.archive(tmp_path / "old", older_than=NOW, tenant="b")
    for file in (tmp_path / "files").glob("??/*"):
        file.unlink()
    await engine.restore(archive.path)
    (run,) = await engine.list_runs(tenant="b")
    (file,) = (await engine.get_run_artifacts(run.id, tenant="b"))["first"]
    assert await engine.read_artifact(file, tenant="b") == b"text 5"


async def test_only_the_runs_of_the_tenant_go(engine, tmp_path):
    """Only the runs of the tenant are restored."""
    everything = await engine.archive(tmp_path, older_than=NOW, tenant="a")
    assert everything.runs == 3
    assert len(await engine.list_runs(tenant="b")) == 1
    assert await engine.restore(everything.path, tenant="b") == 0
    assert await engine.restore(everything.path, tenant="a") == 3


async def test_runs_that_are_there_stay_as_they_are(engine, tmp_path):
    """A second restore changes nothing."""
    archive = await engine.archive(tmp_path, older_than=NOW)
    await engine.restore(archive.path)
    before = rows(engine)
    assert await engine.restore(archive.path) == 0
    assert rows(engine) == before


async def test_a_key_that_a_later_run_has_taken_stays_with_that(engine, tmp_path):
    """The restored run has no key."""
    archive = await engine.archive(tmp_path, older_than=NOW)
    later = await engine.run("w", {"n": 1}, tenant="a", idempotency_key="k")
    assert await engine.restore(archive.path) == 4
    again = await engine.trigger("w", {"n": 1}, tenant="a", idempotency_key="k")
    assert again.id == later.id


async def test_runs_that_are_young_or_live_stay(engine, tmp_path):
    """Then there is no archive."""
    assert await engine.archive(tmp_path / "old", older_than=timedelta(days=1)) is None
    assert not (tmp_path / "old").exists()


async def test_nothing_is_deleted_if_the_file_cannot_be_written(engine, tmp_path):
    """For example, because its folder is a file."""
    before = rows(engine)
    (tmp_path / "old").write_text("")
    with pytest.raises(ArchiveError, match="cannot be made"):
        await engine.archive(tmp_path / "old", older_than=NOW)
    assert rows(engine) == before


async def test_a_death_before_the_deletion_loses_nothing(engine, tmp_path, monkeypatch):
    """The runs are in the archive and in the database. The next archive has them again."""
    before = rows(engine)

    class Killed(archiving.DeleteRuns):
        @classmethod
        def apply(cls, connection, writes):
            raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(archiving, "DeleteRuns", Killed)
        with pytest.raises(RuntimeError, match="killed"):
            await engine.archive(tmp_path / "old", older_than=NOW)
    assert rows(engine) == before
    (file,) = (tmp_path / "old").iterdir()
    assert await engine.restore(file) == 0
    assert rows(engine) == before


async def test_a_file_of_a_step_that_is_gone_keeps_no_run_from_the_archive(engine, tmp_path, caplog):
    """The log names the run."""
    for file in (tmp_path / "files").glob("??/*"):
        file.unlink()
    archive = await engine.archive(tmp_path / "old", older_than=NOW)
    assert "archive.file_missing" in caplog.text
    assert await engine.restore(archive.path) == 4


async def test_nothing_is_archived_while_the_files_cannot_be_read(engine, tmp_path, monkeypatch):
    """Otherwise the archive would lose the files."""
    before = rows(engine)

    def refuse(*_):
        raise ConnectionError("no answer")

    monkeypatch.setattr(LocalArtifactStore, "open", refuse)
    with pytest.raises(ArtifactUnavailableError, match="no answer"):
        await engine.archive(tmp_path / "old", older_than=NOW)
    assert rows(engine) == before


def truncated(path):
    """Cut off the end."""
    path.write_bytes(path.read_bytes()[:-200])


def damaged(path):
    """Change one byte in the middle."""
    data = bytearray(path.read_bytes())
    data[60] ^= 0xFF
    path.write_bytes(data)


def foreign(path):
    """Put another ZIP file in its place."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.txt", "text")


def later(path):
    """Put an archive of a later release in its place."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("manifest.json", json.dumps({"format": 1, "schema": "9999", "runs": 0}))


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (truncated, "cannot be read"),
        (damaged, "damaged|cannot be read"),
        (foreign, "not an archive of runs"),
        (later, "later release"),
        (lambda path: path.unlink(), "cannot be read"),
    ],
)
async def test_a_file_that_is_no_whole_archive_is_refused(engine, tmp_path, spoil, problem):
    """Nothing of it is restored."""
    archive = await engine.archive(tmp_path, older_than=NOW)
    spoil(archive.path)
    with pytest.raises(ArchiveError, match=problem):
        await engine.restore(archive.path)
    with edited(engine) as connection:
        assert connection.execute(select(func.count()).select_from(METADATA.tables["runs"])).scalar() == 0
