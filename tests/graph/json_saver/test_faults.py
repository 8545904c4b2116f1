"""A full or failing disk leads to a typed error, and the previous state stays."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Any

import pytest

from langgraph_runner.graph import CheckpointError, CheckpointWriteError, JsonFileSaver
from tests.graph.json_saver.stores import Files, config_of, put, values_of

OPERATIONS = ["open", "write", "fsync", "replace", "rename", "unlink", "mkdir", "listdir"]


class FailingDisk:
    """Lets the nth call of a function of `os` fail; with `stays_broken` also all calls after it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self.failed = False

    def fail(self, name: str, nth: int, number: int, *, stays_broken: bool = False) -> None:
        """Begin to fail, until `repair()`."""
        original = getattr(os, name)
        calls = 0
        self.failed = False

        def maybe(*arguments: Any, **keywords: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == nth or (stays_broken and calls > nth):
                self.failed = True
                raise OSError(number, os.strerror(number))
            return original(*arguments, **keywords)

        self._patch.setattr(os, name, maybe)

    def repair(self) -> None:
        """All calls succeed again."""
        self._patch.undo()


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> FailingDisk:
    """A disk that works until the test lets it fail."""
    return FailingDisk(monkeypatch)


def put_new(saver: JsonFileSaver) -> None:
    """Add a checkpoint to the thread."""
    put(saver, "2", config_of(checkpoint_id="1"), topic="new")


def put_again(saver: JsonFileSaver) -> None:
    """Replace the existing checkpoint."""
    put(saver, "1", topic="new")


def put_write(saver: JsonFileSaver) -> None:
    """Add to the existing writes of a task."""
    saver.put_writes(config_of(checkpoint_id="1"), [("topic", 1), ("other", 2)], "task")


def put_other_task(saver: JsonFileSaver) -> None:
    """Add the writes of another task."""
    saver.put_writes(config_of(checkpoint_id="1"), [("topic", 1)], "other")


def put_other_thread(saver: JsonFileSaver) -> None:
    """Begin a thread."""
    put(saver, "9", config_of("u"), topic="new")


def seen(files: Files) -> Any:
    """Everything that a reader finds, and the content of the head."""
    found = [(item.config, item.checkpoint, item.pending_writes) for item in files.saver().list(None)]
    return found, files.head.read_bytes()


@pytest.mark.parametrize("change", [put_new, put_again, put_write, put_other_task, put_other_thread])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_any_failing_call_leaves_the_state_before(
    files: Files, disk: FailingDisk, operation: str, change: Callable[[JsonFileSaver], None]
):
    """Each call of each function fails in turn: either all is stored, or nothing and there is an error."""
    saver = files.saver()
    saver.put_writes(put(saver, "1", topic="old"), [("topic", 0)], "task")
    for nth in range(1, 100):
        before = seen(files)
        disk.fail(operation, nth, errno.ENOSPC)
        try:
            change(files.saver())
        except CheckpointError as error:
            disk.repair()
            assert (error.errno, seen(files), files.leftovers()) == (errno.ENOSPC, before, [])  # noqa: PT017
        else:
            disk.repair()
            break
    assert seen(files) != before


@pytest.mark.parametrize("operation", ["write", "fsync", "replace"])
def test_a_disk_that_stays_broken_leaves_one_of_both_states(files, disk, operation):
    """The rollback fails too. Then the state is the old or the new one, and can be read and written."""
    saver = files.saver()
    put(saver, "1", topic="old")
    for nth in range(1, 100):
        disk.fail(operation, nth, errno.EIO, stays_broken=True)
        try:
            put(files.saver(), f"2{nth:03}", topic="new")
        except CheckpointWriteError:
            disk.repair()
            assert values_of(files.saver()) in [{"topic": "old"}, {"topic": "new"}]
            put(files.saver(), f"2{nth:03}-again", topic="old")
            assert values_of(files.saver()) == {"topic": "old"}
            continue
        disk.repair()
        break
    assert nth > 1


def test_a_full_disk_is_named(files, disk):
    """The error names the file and the reason."""
    put(files.saver(), "1", topic="old")
    disk.fail("write", 1, errno.ENOSPC)
    with pytest.raises(CheckpointWriteError, match="No space left") as caught:
        put_new(files.saver())
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.code == "CHECKPOINT_NOT_WRITTEN"
    assert caught.value.path.endswith("2.json")


def test_a_disk_that_takes_only_a_part_gets_the_rest(files, monkeypatch):
    """A short write is not an error."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:100]))
    put(files.saver(), "1", topic="x" * 1_000)
    assert values_of(files.saver()) == {"topic": "x" * 1_000}


@pytest.mark.parametrize("operation", ["fsync", "rename", "unlink", "replace"])
def test_a_failing_delete_keeps_all_or_nothing(files, disk, operation):
    """A thread is never half deleted."""
    for nth in range(1, 50):
        for checkpoint_id in "12":
            put(files.saver(), checkpoint_id, topic=checkpoint_id)
        put(files.saver(), "0", config_of("u"))
        disk.fail(operation, nth, errno.EIO)
        try:
            files.saver().delete_thread("t")
        except CheckpointError:
            disk.repair()
            assert len(list(files.saver().list(config_of()))) in {0, 2}
            files.saver().delete_thread("t")
            assert list(files.saver().list(config_of())) == []
            continue
        disk.repair()
        break
    assert list(files.saver().list(config_of())) == []


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO])
def test_a_thread_that_cannot_be_looked_at_is_not_taken_for_deleted(files, monkeypatch, number):
    """The caller learns that it is still there."""
    put(files.saver(), "1", topic="tea")
    folder = files.checkpoints()[0].parent.parent
    lstat = os.lstat

    def refuse(path: Any, **options: Any) -> os.stat_result:
        if os.fspath(path) == os.fspath(folder):
            raise OSError(number, os.strerror(number))
        return lstat(path, **options)

    with monkeypatch.context() as broken:
        broken.setattr(os, "lstat", refuse)
        with pytest.raises(CheckpointError) as caught:
            files.saver().delete_thread("t")
    assert caught.value.errno == number
    assert values_of(files.saver()) == {"topic": "tea"}


def test_a_delete_that_is_not_durable_changes_nothing(files, disk):
    """If any fsync fails, the error means that the thread still has all its checkpoints."""
    for nth in range(1, 50):
        put(files.saver(), "1", topic="tea")
        put(files.saver(), "2", topic="tea")
        disk.fail("fsync", nth, errno.EIO)
        try:
            files.saver().delete_thread("t")
        except CheckpointError:
            disk.repair()
            assert len(list(files.saver().list(config_of()))) == 2
            continue
        disk.repair()
        break
    assert nth > 2
    assert list(files.saver().list(config_of())) == []


def test_the_thread_that_is_shown_can_be_deleted_from_a_full_disk(files, disk):
    """The head is deleted; the next checkpoint writes a new one."""
    put(files.saver(), "1", config_of("u"), topic="coffee")
    put(files.saver(), "2", topic="tea")
    disk.fail("write", 1, errno.ENOSPC, stays_broken=True)
    files.saver().delete_thread("t")
    disk.repair()
    assert values_of(files.saver()) is None
    assert values_of(files.saver(), config_of("u")) == {"topic": "coffee"}
    assert not files.head.exists()
