"""A writer that dies at each of its file operations in turn: `crashing_writer.py <folder> <kill|power|torn>`.

For every n it forks a child that works on a fresh store and dies right before its nth operation: by SIGKILL, or
as in a power cut, which loses what was not fsynced: the content of files, and the names in folders (`power`) or
the content only (`torn`), because a file system may write either first. Then it reads what is left, with a new
saver. It prints how often a child died, and fails if anything that was acknowledged is lost or anything cannot be
read.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from langgraph_runner.graph import JsonFileSaver

OPERATIONS = [
    *("open", "write", "pwrite", "fsync", "replace", "rename", "unlink", "mkdir", "rmdir"),
    *("listdir", "utime"),
]
REAL = {name: getattr(os, name) for name in [*OPERATIONS, "link"]}


class Disk:
    """Counts the operations of this process, dies before one of them, and tracks what is not durable yet."""

    def __init__(self, dies_at: int, *, mode: str, aside: Path) -> None:
        self._left = dies_at
        self._mode = mode
        self._aside = aside
        self._kept = 0
        self._unsynced_files: dict[tuple[int, int], int] = {}
        self._unsynced_names: list[tuple[Path, Callable[[], object]]] = []
        for name in OPERATIONS:
            setattr(os, name, self._counted(name))

    def _counted(self, name: str) -> Callable[..., Any]:
        after = getattr(self, f"_{name}", None)

        def call(*arguments: Any, **keywords: Any) -> Any:
            self._left -= 1
            if self._left == 0:
                self._die()
            if after is None or self._mode == "kill" or "dir_fd" in keywords:
                return REAL[name](*arguments, **keywords)
            return after(*arguments, **keywords)

        return call

    def _die(self) -> None:
        for name in OPERATIONS:
            setattr(os, name, REAL[name])
        for descriptor in self._unsynced_files.values():
            os.ftruncate(descriptor, 0)
        if self._mode == "power":
            for _, undo in reversed(self._unsynced_names):
                with contextlib.suppress(FileNotFoundError):  # The move of its folder is already durable.
                    undo()
        os.kill(os.getpid(), signal.SIGKILL)

    def _keep(self, path: Any) -> Path | None:
        """Another name for what is there now, out of sight."""
        if not os.path.lexists(path) or Path(path).is_dir():
            return None
        self._kept += 1
        kept = self._aside / str(self._kept)
        REAL["link"](path, kept, follow_symlinks=False)
        return kept

    def _remember(self, path: Any, undo: Callable[[], object]) -> None:
        self._unsynced_names.append((Path(path).parent, undo))

    def _open(self, path: Any, flags: int, *rest: Any) -> int:
        is_new = flags & os.O_CREAT and not os.path.lexists(path)
        descriptor = REAL["open"](path, flags, *rest)
        if is_new:
            self._remember(path, lambda: Path(path).unlink(missing_ok=True))
        return int(descriptor)

    def _write(self, descriptor: int, data: Any) -> int:
        self._lose_without_fsync(descriptor)
        return int(REAL["write"](descriptor, data))

    def _pwrite(self, descriptor: int, data: Any, offset: int) -> int:
        self._lose_without_fsync(descriptor)
        return int(REAL["pwrite"](descriptor, data, offset))

    def _lose_without_fsync(self, descriptor: int) -> None:
        found = os.fstat(descriptor)
        self._unsynced_files.setdefault((found.st_dev, found.st_ino), os.dup(descriptor))

    def _fsync(self, descriptor: int) -> None:
        REAL["fsync"](descriptor)
        found = os.fstat(descriptor)
        self._unsynced_files.pop((found.st_dev, found.st_ino), None)
        folder = Path(f"/proc/self/fd/{descriptor}").readlink()
        self._unsynced_names = [(parent, undo) for parent, undo in self._unsynced_names if parent != folder]

    def _replace(self, source: Any, target: Any) -> None:
        old = self._keep(target)
        REAL["replace"](source, target)

        def undo() -> None:
            REAL["rename"](target, source)
            if old is not None:
                REAL["link"](old, target)

        self._remember(target, undo)

    def _rename(self, source: Any, target: Any) -> None:
        REAL["rename"](source, target)
        self._remember(target, lambda: REAL["rename"](target, source))

    def _unlink(self, path: Any) -> None:
        kept = self._keep(path)
        REAL["unlink"](path)
        if kept is not None:
            self._remember(path, lambda: REAL["link"](kept, path))

    def _mkdir(self, path: Any, *rest: Any) -> None:
        REAL["mkdir"](path, *rest)
        self._remember(path, lambda: shutil.rmtree(path, ignore_errors=True))


def config_of(thread_id: str, checkpoint_id: str | None = None) -> Any:
    """The config that names a thread or a checkpoint."""
    return {"configurable": {"thread_id": thread_id, "checkpoint_ns": "", "checkpoint_id": checkpoint_id}}


def steps(saver: JsonFileSaver) -> list[tuple[str, Callable[[], object]]]:
    """The steps of a child, each with the line that it prints afterwards."""

    def put(thread_id: str, checkpoint_id: str, value: Any) -> Callable[[], object]:
        checkpoint: Any = {
            "v": 4,
            "id": checkpoint_id,
            "ts": "",
            "channel_values": {"value": value},
            "channel_versions": {},
            "versions_seen": {},
        }
        return lambda: saver.put(config_of(thread_id), checkpoint, {}, {})

    def write(thread_id: str, checkpoint_id: str, index: int) -> Callable[[], object]:
        writes = [("x", n) for n in range(index + 1)]
        return lambda: saver.put_writes(config_of(thread_id, checkpoint_id), writes, "task")

    def end(thread_id: str) -> object:
        now = datetime.now(UTC)
        return saver.record_run_end(config_of(thread_id), status="failed", started=now, ended=now)

    return [
        ("a 1", put("a", "1", ("tea", 1))),
        ("b 1", put("b", "1", "other thread")),
        ("write 0", write("a", "1", 0)),
        ("write 1", write("a", "1", 1)),
        ("a 2", put("a", "2", "coffee")),
        ("a 2 again", put("a", "2", "milk")),
        ("deleted b", lambda: saver.delete_thread("b")),
        ("b 2", put("b", "2", "anew")),
        ("ended b", lambda: end("b")),
        ("write b", write("b", "2", 1)),
        ("b 3", put("b", "3", "last")),
        ("pruned a", lambda: saver.prune(["a"])),
    ]


VALUES = {
    "a": {"a 1": ("tea", 1), "a 2": "coffee", "a 2 again": "milk"},
    "b": {"b 1": "other thread", "b 2": "anew", "b 3": "last"},
}


def child(path: Path, aside: Path, dies_at: int, pipe: int, *, mode: str) -> None:
    """Do the steps, and print a line after each."""
    saver = JsonFileSaver(path)
    todo = steps(saver)
    Disk(dies_at, mode=mode, aside=aside)
    for number, (_, step) in enumerate(todo):
        step()
        REAL["write"](pipe, bytes([number]))
    os._exit(0)


def survey(path: Path, done: list[str], under_way: str | None) -> None:
    """Check what is left. Each assertion is a guarantee of the saver."""
    saver = JsonFileSaver(path)
    for thread_id, names in VALUES.items():
        found = {tuple_.checkpoint["id"]: tuple_ for tuple_ in saver.list(config_of(thread_id))}
        allowed = newest_values(thread_id, names, done)
        if under_way is not None:
            allowed += newest_values(thread_id, names, [*done, under_way])
        newest = saver.get_tuple(config_of(thread_id))
        value = None if newest is None else newest.checkpoint["channel_values"]["value"]
        assert value in allowed, f"{thread_id}: {value} is not of {allowed}"
        assert (newest is None) == (not found)
    first = saver.get_tuple(config_of("a", "1"))
    if "a 1" in done and "pruned a" not in {*done, under_way}:
        assert first is not None, "a checkpoint is lost"
        assert len(first.pending_writes or ()) >= ("write 0" in done) + ("write 1" in done), "a write is lost"
    saver.put_writes(config_of("c", "1"), [("x", 1)], "task")  # Any write sweeps the whole store.
    left = [str(found) for pattern in (".*", "trash-*") for found in path.parent.rglob(pattern)]
    assert left == [], f"left behind: {left}"
    for _, step in steps(saver):  # The next process can continue.
        step()
    assert saver.get_tuple(config_of("b")) is not None


def newest_values(thread_id: str, names: dict[str, Any], done: list[str]) -> list[Any]:
    """The expected values of the newest checkpoint of a thread after these steps."""
    if f"deleted {thread_id}" in done:
        done = done[done.index(f"deleted {thread_id}") :]
    found = [names[name] for name in done if name in names]
    return found[-1:] or [None]


def run_once(folder: Path, dies_at: int, *, mode: str) -> bool:
    """Let one child die, and check the store. Return whether the child died."""
    store, aside = folder / "runs", folder / "aside"
    aside.mkdir()
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            child(store / "audit.json", aside, dies_at, write_end, mode=mode)
        except BaseException:
            traceback.print_exc()
            os._exit(3)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as acknowledged:
        names = [name for name, _ in steps(JsonFileSaver("unused"))]
        done = [names[number] for number in acknowledged.read()]
    status = os.waitpid(pid, 0)[1]
    has_died = os.WIFSIGNALED(status)
    assert has_died or os.WEXITSTATUS(status) == 0, f"the child failed: {status}"
    shutil.rmtree(aside)  # Its names are no part of the store.
    survey(store / "audit.json", done, names[len(done)] if len(done) < len(names) else None)
    return has_died


def main(parent: str, mode: str) -> None:
    """Repeat this for each operation, until a child completes."""
    deaths = 0
    while True:
        with tempfile.TemporaryDirectory(dir=parent) as folder:
            try:
                if not run_once(Path(folder), deaths + 1, mode=mode):
                    break
            except Exception as error:
                raise RuntimeError(f"killed before operation {deaths + 1}") from error
        deaths += 1
    print(deaths)  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    main(*sys.argv[1:])
