"""Which files a read touches, the order of locks, and the store after an interruption."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from langgraph_runner.graph import CheckpointCorruptedError, CheckpointNotAFileError, JsonFileSaver
from langgraph_runner.graph.json_saver import files as files_module
from langgraph_runner.graph.json_saver.lock import StoreLock
from tests.graph.json_saver.stores import Files, config_of, put, values_of
from tests.graph.json_saver.test_round_trip import encrypted


class Reads:
    """Counts the listings of folders, and the files that are read, whole or in part."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.listed: list[str] = []
        self.bytes_read = 0
        listdir, reader = os.listdir, files_module.FileIO

        def counted(folder: Any) -> list[str]:
            self.listed.append(Path(folder).name)
            return listdir(folder)

        class Counting(reader):  # type: ignore[misc, valid-type] # the class is only known here
            def read(this, size: int = -1) -> Any:  # noqa: N805 - `self` is the counter
                return self._count(super().read(size))

            def readall(this) -> Any:  # noqa: N805
                return self._count(super().readall())

        monkeypatch.setattr(os, "listdir", counted)
        monkeypatch.setattr(files_module, "FileIO", Counting)

    def _count(self, data: bytes) -> bytes:
        self.bytes_read += len(data)
        return data


def test_the_newest_checkpoint_is_found_without_listing_the_history(files, monkeypatch):
    """By the saver that writes, and by another saver from its second read on."""
    writer, reader = files.saver(), files.saver()
    for number in range(20):
        put(writer, f"{number:02}", topic=str(number))
    assert values_of(reader) == {"topic": "19"}
    reads = Reads(monkeypatch)
    for saver in (writer, reader):
        assert values_of(saver) == {"topic": "19"}
    assert reads.listed == []


def test_what_another_process_writes_is_found_at_once(files):
    """A new checkpoint, an older one, one of the same id, the writes of a task, and a removal."""
    writer, reader = files.saver(), files.saver()
    for number in range(30):
        put(writer, f"{number:02}", topic=str(number))
        assert values_of(reader) == {"topic": str(number)}
        put(writer, f"-{number:02}", topic="older")
        put(writer, f"{number:02}", topic="again")
        writer.put_writes(config_of(checkpoint_id=f"{number:02}"), [("a", 1)], "task")
        assert values_of(reader) == {"topic": "again"}
    writer.delete_for_runs(["none"])
    writer.prune(["t"], strategy="delete")
    assert values_of(reader) is None


def test_what_is_removed_by_hand_is_not_given(files):
    """Then the checkpoint before it is the newest."""
    saver = files.saver()
    put(saver, "1", topic="tea")
    put(saver, "2", topic="coffee")
    files.checkpoints()[-1].unlink()
    files.head.unlink()
    assert values_of(saver) == {"topic": "tea"}


def test_a_large_state_of_another_thread_is_not_read(files, monkeypatch):
    """Only the first lines of the head file are read; they name the thread."""
    put(files.saver(), "1", topic="tea")
    put(files.saver(), "2", config_of("large"), topic="x" * 1_000_000)
    reads = Reads(monkeypatch)
    for saver in (files.saver(), files.saver()):
        assert values_of(saver) == {"topic": "tea"}
    assert reads.bytes_read < 50_000


def test_damage_in_the_file_to_open_is_found_before_it_is_replaced(files):
    """Also if the file shows another thread, whose damage a reader ignores."""
    put(files.saver(), "1", topic="tea")
    put(files.saver(), "2", config_of("other"), topic="coffee")
    files.head.write_text(files.head.read_text().replace("coffee", "cookie"))
    assert values_of(files.saver()) == {"topic": "tea"}
    with pytest.raises(CheckpointCorruptedError, match="edited"):
        put(files.saver(), "3", topic="milk")


def test_an_id_of_many_lines_is_known_from_the_first_ones(files):
    """Its text is escaped in a list, or longer than the part that is read."""
    for thread_id in ("\ud83d\ude00", "x" * 20_000):
        put(files.saver(), "2", config_of(thread_id), topic="other")
        put(files.saver(), "1", topic="tea")
        put(files.saver(), "3", config_of(thread_id), topic="other")
        assert values_of(files.saver()) == {"topic": "tea"}
        assert values_of(files.saver(), config_of(thread_id)) == {"topic": "other"}


def test_a_writer_that_waits_closes_the_gate(tmp_path):
    """Later readers wait behind the writer, so polling readers cannot starve it."""
    reader = StoreLock(tmp_path / "lock", timeout_s=30)
    with reader.exclusive():
        pass
    waits, wrote = threading.Event(), threading.Event()

    def write() -> None:
        with StoreLock(tmp_path / "lock", timeout_s=30).exclusive():
            wrote.set()

    thread = threading.Thread(target=write)
    with reader.shared():
        thread.start()
        late = StoreLock(tmp_path / "lock", timeout_s=0.001)
        while not waits.is_set():
            try:
                with late.shared():
                    pass
            except Exception:
                waits.set()
        assert not wrote.is_set()
    thread.join()
    assert wrote.is_set()


def test_threads_get_the_lock_in_their_order(tmp_path):
    """First come, first served, within one process."""
    lock = StoreLock(tmp_path / "lock", timeout_s=30)
    order: list[int] = []

    def work(number: int) -> None:
        with lock.exclusive():
            order.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
    with lock.exclusive():
        for number, thread in enumerate(threads):
            thread.start()
            while len(lock.queue()) < number + 2:
                pass
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3, 4]


class InterruptedAt:
    """Raises KeyboardInterrupt at the nth line of this package that is run."""

    def __init__(self, line: int) -> None:
        self.left = line

    def __call__(self, frame: Any, event: str, _argument: Any) -> Any:
        """The trace function."""
        if "json_saver" not in frame.f_code.co_filename:
            return None
        if event == "line":
            self.left -= 1
            if self.left == 0:
                sys.settrace(None)
                raise KeyboardInterrupt
        return self


def interrupted(line: int, call: Any) -> bool:
    """Whether a call reached its nth line, where it was interrupted.

    In a thread of its own: an exception that is raised at any line, such as the end of an `except` block, can stay
    the one that the thread is handling, and would be the context of all exceptions of later tests.
    """
    trace = InterruptedAt(line)

    def calling() -> None:
        sys.settrace(trace)
        try:
            call()
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)

    thread = threading.Thread(target=calling)
    thread.start()
    thread.join()
    return trace.left <= 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_at_any_line_of_a_put_leaves_the_lock_free_and_the_store_whole(files, monkeypatch):
    """At each line in turn: other savers can write at once, and the state is the old one or the new one."""
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)  # Hundreds of puts, and no power cut.
    saver, other = files.saver(), files.saver(lock_timeout_s=1)
    line = 0
    while True:
        line += 1
        put(saver, f"{line:04}", topic="before")
        if not interrupted(line, lambda: put(saver, f"{line:04}-new", topic="after")):  # noqa: B023 - called at once
            break
        assert values_of(other) in ({"topic": "before"}, {"topic": "after"}), line
        put(other, f"{line:04}-other", topic="other")
        assert values_of(saver) == {"topic": "other"}
    assert line > 100


@pytest.mark.parametrize("place", ["thread", "namespace", "writes"])
def test_a_folder_that_is_a_symbolic_link_is_refused(files, tmp_path, place):
    """For readers and writers: it may lead anywhere."""
    saver = files.saver()
    config = put(saver, "1", topic="tea")
    saver.put_writes(config, [("a", 1)], "task")
    writes = files.writes()[0].parent
    folder = {"thread": writes.parent.parent, "namespace": writes.parent, "writes": writes}[place]
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    for each in (saver, files.saver()):
        with pytest.raises(CheckpointNotAFileError, match="symbolic link is in the place of a folder"):
            each.get_tuple(config_of())
        with pytest.raises(CheckpointNotAFileError, match="symbolic link"):
            each.put_writes(config, [("b", 2)], "other")
    if place != "writes":
        with pytest.raises(CheckpointNotAFileError, match="symbolic link"):
            list(files.saver().list(None))
        with pytest.raises(CheckpointNotAFileError, match="symbolic link"):
            put(files.saver(), "2")


def test_a_folder_above_the_store_may_be_a_symbolic_link(tmp_path):
    """Such a link belongs to the user."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    store = Files(tmp_path / "link")
    put(store.saver(), "1", topic="tea")
    assert values_of(store.saver()) == {"topic": "tea"}


def test_what_a_killed_writer_left_is_removed_by_the_next_write_of_any_thread(files):
    """Also by a saver that has written before."""
    saver = files.saver()
    put(saver, "1")
    left = files.history / f".task.json.{'0' * 16}.tmp"
    left.write_text("half")
    saver.put_writes(config_of("other", checkpoint_id="1"), [("a", 1)], "task")
    assert files.leftovers() == []


def test_channel_names_and_task_paths_are_encrypted(files):
    """They come back, and the writes keep their order."""
    saver = files.saver(serde=encrypted())
    config = put(saver, "1", topic="tea")
    saver.put_writes(config, [("salary", 2)], "b", "~__pregel_pull, b")
    saver.put_writes(config, [("salary", 1)], "a", "~__pregel_pull, a")
    for path in files.writes():
        assert "salary" not in path.read_text()
        assert "pregel" not in path.read_text()
    assert files.saver(serde=encrypted()).get_tuple(config).pending_writes == [
        ("a", "salary", 1),
        ("b", "salary", 2),
    ]


async def test_the_async_history_of_delta_channels_is_that_of_the_blocking_one(saver):
    """It is a separate method, which conformance suites count, and walks along the parents in one thread."""
    first = put(saver, "1", log=["snapshot"])
    saver.put_writes(first, [("log", "a")], "task")
    second = put(saver, "2", first)
    found = await saver.aget_delta_channel_history(config=second, channels=["log"])
    assert found == saver.get_delta_channel_history(config=second, channels=["log"])
    assert found == {"log": {"writes": [("task", "log", "a")], "seed": ["snapshot"]}}
    assert (
        JsonFileSaver.aget_delta_channel_history is not JsonFileSaver.__mro__[2].aget_delta_channel_history  # type: ignore[attr-defined] # LangGraph's
    )
