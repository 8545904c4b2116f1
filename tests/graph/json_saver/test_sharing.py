"""Many writers, in threads and in processes: no write is lost, and no writer hangs."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from langgraph_runner.graph import CheckpointLockError, CheckpointWriteError
from langgraph_runner.graph.json_saver.lock import StoreLock
from tests.graph.json_saver.stores import config_of, put, values_of

HERE = Path(__file__).parent


def test_threads_lose_nothing(files):
    """Two savers with four threads each keep every checkpoint, and every write of a task that all share."""
    savers = [files.saver(), files.saver()]
    shared = put(savers[0], "0")

    def work(worker: int) -> None:
        saver = savers[worker % 2]
        for number in range(6):
            put(saver, f"{worker}-{number}", config_of(f"thread-{worker % 3}"), worker=worker)
            saver.put_writes(shared, [("x", 0)] * (6 * worker + number), "task")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    found = {item.checkpoint["id"] for item in files.saver().list(None)}
    assert found == {"0"} | {f"{worker}-{number}" for worker in range(8) for number in range(6)}
    assert len(files.saver().get_tuple(shared).pending_writes) == 6 * 7 + 5


def test_processes_lose_nothing(files):
    """Four processes write to one thread, and all add writes to one checkpoint."""
    put(files.saver(), "0")
    done = subprocess.run(  # noqa: S603 - ours
        [sys.executable, str(HERE / "many_writers.py"), str(files.head), "4", "12"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = [item.checkpoint["id"] for item in files.saver().list(config_of())]
    assert found == sorted(["0", *(f"{w}-{n:03}" for w in range(4) for n in range(12))], reverse=True)
    writes = files.saver().get_tuple(config_of(checkpoint_id="0")).pending_writes
    assert sorted(write[2] for write in writes) == [(w, n) for w in range(4) for n in range(12)]
    assert values_of(files.saver()) == {"worker": 3}
    assert files.leftovers() == []


def test_a_lock_that_is_held_too_long_is_a_typed_error(files):
    """For a reader and a writer, in another saver, which stands for another process."""
    put(files.saver(), "1", topic="tea")
    with (files.history / "lock").open("r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        saver = files.saver(lock_timeout_s=0.05)
        with pytest.raises(CheckpointLockError, match=r"0\.05 s"):
            saver.get_tuple(config_of())
        with pytest.raises(CheckpointLockError):
            put(saver, "2")
    assert values_of(saver) == {"topic": "tea"}


def test_a_lock_that_is_given_back_is_taken(files):
    """The waiting caller gets it."""
    put(files.saver(), "1", topic="tea")
    with (files.history / "lock").open("r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        timer = threading.Timer(0.1, fcntl.flock, (held, fcntl.LOCK_UN))
        timer.start()
        put(files.saver(), "2", topic="coffee")
        timer.join()
    assert values_of(files.saver()) == {"topic": "coffee"}


def test_readers_do_not_wait_for_each_other(files):
    """A shared lock of another process does not block a read."""
    put(files.saver(), "1", topic="tea")
    with (files.history / "lock").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        assert values_of(files.saver(lock_timeout_s=0.05)) == {"topic": "tea"}


def test_a_thread_that_waits_too_long_for_another_gets_a_typed_error(tmp_path):
    """Within one saver, too."""
    lock = StoreLock(tmp_path / "lock", timeout_s=0.05)
    with lock.exclusive(), ThreadPoolExecutor(1) as pool, pytest.raises(CheckpointLockError):
        pool.submit(lock.exclusive().__enter__).result()


def test_a_lock_file_that_was_replaced_locks_nobody(tmp_path, monkeypatch):
    """A caller that has locked the old file tries again with the new one."""
    path = tmp_path / "lock"
    lock = StoreLock(path, timeout_s=5)
    flock = fcntl.flock

    def replaced_meanwhile(descriptor: int, kind: int) -> None:
        monkeypatch.undo()
        path.unlink()
        flock(descriptor, kind)

    monkeypatch.setattr(fcntl, "flock", replaced_meanwhile)
    with lock.exclusive(), path.open("rb") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_failing_flock_is_a_typed_error(files, monkeypatch):
    """For example, on a file system without locks."""

    def refuse(_descriptor: int, _kind: int) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(CheckpointWriteError, match="not implemented"):
        put(files.saver(), "1")


def test_a_platform_without_flock_is_told(files, monkeypatch):
    """The error says so, and nothing is written without a lock."""
    monkeypatch.setattr("langgraph_runner.graph.json_saver.lock.fcntl", None)
    with pytest.raises(CheckpointLockError, match="flock"):
        put(files.saver(), "1")
    assert not files.head.exists()
