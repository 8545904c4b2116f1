"""Finding the newest checkpoint: its cost, and when the note in the folder is valid."""

from __future__ import annotations

import builtins
import gc
import os
import shutil
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from langgraph_runner.graph import CheckpointNotAFileError
from langgraph_runner.graph.json_saver import files as files_module
from tests.graph.json_saver.stores import Files, config_of, put, values_of

CALLS = ("open", "listdir", "scandir", "stat", "lstat", "fstat", "pread", "read")


def calls_of_a_read(monkeypatch: pytest.MonkeyPatch, saver: Any) -> Counter[str]:
    """Count the calls of the operating system that `get_tuple` of the newest checkpoint makes.

    Threads that other tests have left behind do not count, and nor do finalizers that the garbage collector runs.
    """
    counts: Counter[str] = Counter()
    reader = threading.get_ident()

    def counted(name: str, real: Any) -> Any:
        def call(*arguments: Any, **keywords: Any) -> Any:
            counts[name] += threading.get_ident() == reader
            return real(*arguments, **keywords)

        return call

    with monkeypatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, counted(name, getattr(os, name)))
        patch.setattr(builtins, "open", counted("builtins.open", open))
        patch.setattr(files_module, "FileIO", counted("FileIO", files_module.FileIO))
        gc.disable()
        try:
            assert values_of(saver) is not None
        finally:
            gc.enable()
    return counts


@pytest.mark.parametrize("kind", ["fresh", "warm", "of another process"])
@pytest.mark.req("G-4")
def test_the_newest_checkpoint_costs_the_same_calls_whatever_the_history_holds(files, monkeypatch, kind):
    """The same number on 10 and on 1,000 checkpoints, and no folder is listed."""
    writer, reader = files.saver(), files.saver()
    put(writer, "0000", topic="tea")
    folder = files.checkpoints()[0].parent
    found = []
    for start, end in ((1, 8), (8, 998)):
        for number in range(start, end):
            (folder / f"{number:04}.json").touch()  # Only the newest one is read.
        put(writer, f"{end:04}-1", topic="tea")
        assert values_of(reader) is not None
        if kind == "of another process":
            put(writer, f"{end:04}-2", topic="tea")
        saver = files.saver() if kind == "fresh" else reader
        found.append(calls_of_a_read(monkeypatch, saver))
    assert len(files.checkpoints()) >= 1_000
    assert found[0] == found[1]
    assert found[0]["lstat"] > 0
    assert found[0]["listdir"] + found[0]["scandir"] == 0


def test_a_note_with_any_flipped_bit_is_ignored(files):
    """The folder is listed instead, and the result is right."""
    put(files.saver(), "1", topic="tea")
    put(files.saver(), "2", topic="coffee")
    note = files.notes()[0]
    intact = note.read_bytes()
    for position in range(0, len(intact), 7):
        damaged = bytearray(intact)
        damaged[position] ^= 1 << (position % 8)
        note.write_bytes(damaged)
        assert values_of(files.saver()) == {"topic": "coffee"}


@pytest.mark.parametrize("content", [b"", b"x", b"\0" * 512, b"\xff" * 4_096])
def test_a_note_that_is_torn_or_foreign_is_ignored_and_replaced(files, monkeypatch, content):
    """A power cut may leave such a note; the next checkpoint writes a valid one."""
    put(files.saver(), "1", topic="tea")
    note = files.notes()[0]
    note.write_bytes(content)
    assert values_of(files.saver()) == {"topic": "tea"}
    put(files.saver(), "2", topic="coffee")
    assert calls_of_a_read(monkeypatch, files.saver())["listdir"] == 0
    assert values_of(files.saver()) == {"topic": "coffee"}


def test_a_note_of_earlier_content_is_ignored(files):
    """After a power cut that lost the last note, or after a writer of a release without notes."""
    put(files.saver(), "1", topic="tea")
    note = files.notes()[0]
    earlier = note.read_bytes()
    put(files.saver(), "2", topic="coffee")
    note.write_bytes(earlier)
    assert values_of(files.saver()) == {"topic": "coffee"}


def test_a_note_is_ignored_once_a_file_was_added_or_removed_by_hand(files):
    """Both change the times of the folder."""
    put(files.saver(), "1", topic="tea")
    put(files.saver(), "2", topic="coffee")
    newest = files.checkpoints()[-1]
    aside = files.head.with_name("aside")
    newest.rename(aside)
    files.head.unlink()
    assert values_of(files.saver()) == {"topic": "tea"}
    aside.rename(newest)
    assert values_of(files.saver()) == {"topic": "coffee"}


def test_a_note_is_ignored_where_a_backup_brought_back_the_modification_time(files):
    """An older note with its modification time does not hide a newer checkpoint: the change time differs."""
    put(files.saver(), "1", topic="tea")
    note = files.notes()[0]
    folder, backup = note.parent, note.read_bytes()
    times = folder.stat()
    put(files.saver(), "2", topic="coffee")
    note.write_bytes(backup)
    os.utime(folder, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert folder.stat().st_mtime_ns == times.st_mtime_ns
    assert values_of(files.saver()) == {"topic": "coffee"}


def test_a_copied_store_is_read_without_its_notes(files):
    """Its notes describe other folders."""
    put(files.saver(), "1", topic="tea")
    copy = Files(files.head.parent.parent / "copy")
    shutil.copytree(files.head.parent, copy.head.parent, copy_function=shutil.copy2)
    assert values_of(copy.saver()) == {"topic": "tea"}
    put(copy.saver(), "2", topic="coffee")
    assert values_of(copy.saver()) == {"topic": "coffee"}


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to], ids=["symbolic", "hard"])
def test_a_link_in_the_place_of_a_note_is_not_followed(files, link):
    """Readers and writers raise, and do not change its target."""
    put(files.saver(), "1", topic="tea")
    target = files.head.with_name("target")
    target.write_text("mine")
    writer = files.saver()
    assert values_of(writer) == {"topic": "tea"}
    note = files.notes()[0]
    note.unlink()
    link(note, target)
    with pytest.raises(CheckpointNotAFileError, match="link"):
        files.saver().get_tuple(config_of())
    with pytest.raises(CheckpointNotAFileError, match="link"):
        put(writer, "2", topic="coffee")
    assert target.read_text() == "mine"


def test_the_newest_by_id_is_noted_not_the_last_written(files, monkeypatch):
    """The note ignores a later checkpoint with a smaller id."""
    put(files.saver(), "2", topic="coffee")
    put(files.saver(), "1", topic="tea")
    assert calls_of_a_read(monkeypatch, files.saver())["listdir"] == 0
    assert values_of(files.saver()) == {"topic": "coffee"}
