"""Damaged files lead to a typed error at once, never to wrong data or a hang."""

from __future__ import annotations

import errno
import os
import pickle
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from langgraph_runner.errors import ErrorCode
from langgraph_runner.graph import (
    CheckpointCorruptedError,
    CheckpointError,
    CheckpointForeignError,
    CheckpointNotAFileError,
    CheckpointReadError,
    CheckpointTooLargeError,
    CheckpointVersionError,
)
from langgraph_runner.graph.json_saver.documents import seal
from tests.graph.json_saver.stores import Files, checkpoint_of, config_of, put, values_of

PLACES = ["head", "checkpoint", "writes"]


@pytest.fixture(params=PLACES)
def victim(request: pytest.FixtureRequest, files: Files) -> Path:
    """One file of each kind, in a store that holds a checkpoint with a write."""
    saver = files.saver()
    saver.put_writes(put(saver, "1", topic="tea"), [("topic", "coffee")], "task")
    return {"head": files.head, "checkpoint": files.checkpoints()[0], "writes": files.writes()[0]}[
        request.param
    ]


def within(seconds: float, call: Callable[[], Any]) -> Any:
    """Return or raise the outcome of `call`. If it takes too long, fail and abandon its thread."""
    done: list[Any] = []

    def run() -> None:
        try:
            done.append(call())
        except BaseException as error:
            done.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert done, "it hangs"
    if isinstance(done[0], BaseException):
        raise done[0]
    return done[0]


def read(files: Files) -> Any:
    """Read the checkpoint and its writes, with a saver that has seen nothing yet."""
    return within(10, lambda: files.saver().get_tuple(config_of()))


def test_every_flipped_bit_is_noticed(files, victim):
    """In each byte of each file, also by a saver that has read the file before."""
    whole = victim.read_bytes()
    knowing = files.saver()
    assert knowing.get_tuple(config_of()) is not None
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        victim.write_bytes(damaged)
        for saver in (knowing, files.saver()):
            with pytest.raises(CheckpointError):
                saver.get_tuple(config_of())
    victim.write_bytes(whole)
    assert knowing.get_tuple(config_of()).pending_writes == [("task", "topic", "coffee")]


def test_every_truncation_is_noticed(files, victim):
    """At any length. Only an empty head is accepted, because a power cut may leave one."""
    whole = victim.read_bytes()
    for length in range(1 if victim == files.head else 0, len(whole)):
        victim.write_bytes(whole[:length])
        with pytest.raises(CheckpointCorruptedError):
            files.saver().get_tuple(config_of())


@pytest.mark.parametrize(
    "torn",
    [
        lambda whole: b"",
        lambda whole: whole[:4096],
        lambda whole: bytes(len(whole)),
        lambda whole: bytes(4096) + whole[4096:],
        lambda whole: whole[:4096] + bytes(4096) + whole[8192:],
        lambda whole: whole[:8192] + bytes(len(whole) - 8192),
    ],
    ids=["empty", "begun", "zeros", "no first block", "no second block", "no last block"],
)
def test_a_head_that_a_power_cut_has_torn_counts_as_none(files, torn):
    """The head is not fsynced. Reads use the history, and the next checkpoint writes a new head."""
    saver = files.saver()
    put(saver, "1", topic="tea" * 3_000)
    files.head.write_bytes(torn(files.head.read_bytes()))
    for reader in (saver, files.saver()):
        assert values_of(reader) == {"topic": "tea" * 3_000}
    put(files.saver(), "2", topic="coffee")
    assert "coffee" in files.head.read_text()


def test_a_torn_head_goes_with_its_thread(files):
    """Because it holds a part of the state."""
    put(files.saver(), "1", topic="tea" * 3_000)
    files.head.write_bytes(files.head.read_bytes()[:4096])
    files.saver().delete_thread("t")
    assert not files.head.exists()


def test_an_edit_is_noticed(files, victim):
    """An edit that is valid JSON, and one that only adds a line."""
    whole = victim.read_text()
    for edited in (whole.replace("tea", "pie").replace("coffee", "cookie"), f"{whole}\n"):
        victim.write_text(edited)
        with pytest.raises(CheckpointCorruptedError, match=r"edited"):
            read(files)


@pytest.mark.parametrize("content", [b"{}", b"[1]", b"hello", b"\x00" * 99 + b"x", b'{"format": "other"}'])
def test_a_foreign_file_is_left_alone(files, victim, content):
    """It is not read, and as a head it is not overwritten."""
    victim.write_bytes(content)
    with pytest.raises(CheckpointForeignError):
        read(files)
    assert victim.read_bytes() == content


def test_a_foreign_head_is_not_overwritten(files):
    """A file of another program is where the store would be created."""
    files.head.parent.mkdir()
    files.head.write_text('{"my": "notes"}')
    with pytest.raises(CheckpointForeignError):
        put(files.saver(), "1")
    assert files.head.read_text() == '{"my": "notes"}'
    assert files.checkpoints() == []


def test_another_version_is_told_from_damage(files, victim):
    """A later release may have written the file."""
    victim.write_bytes(victim.read_bytes().replace(b'"version": 2,', b'"version": 3,'))
    with pytest.raises(CheckpointVersionError, match="version 3"):
        read(files)


def test_a_document_of_another_kind_is_foreign(files):
    """For example, the writes of a task are not a checkpoint."""
    saver = files.saver()
    saver.put_writes(put(saver, "1"), [("a", 1)], "task")
    files.checkpoints()[0].write_bytes(files.writes()[0].read_bytes())
    with pytest.raises(CheckpointForeignError, match="holds writes, not checkpoint"):
        read(files)


def test_a_moved_file_is_noticed(files):
    """An intact file in the place of another checkpoint, thread or task."""
    saver = files.saver()
    saver.put_writes(put(saver, "1", topic="tea"), [("a", 1)], "task")
    (first,) = files.checkpoints()
    put(saver, "1", config_of("u"), topic="coffee")
    (second,) = {*files.checkpoints()} - {first}
    first.write_bytes(second.read_bytes())
    with pytest.raises(CheckpointCorruptedError, match="belongs to"):
        saver.get_tuple(config_of())
    files.writes()[0].rename(files.writes()[0].with_name("other.json"))
    second.with_name("2.json").write_bytes(second.read_bytes())
    with pytest.raises(CheckpointCorruptedError, match="belongs to"):
        saver.get_tuple(config_of("u"))


def folder(path: Path) -> None:
    """Put a folder there."""
    path.mkdir()


def fifo(path: Path) -> None:
    """Put a named pipe there that no process has opened."""
    os.mkfifo(path)


def symlink(path: Path) -> None:
    """Put a symbolic link there, to an intact document."""
    path.with_name("elsewhere").write_bytes(WHOLE[path])
    path.symlink_to("elsewhere")


def dangling(path: Path) -> None:
    """Put a symbolic link there, to nothing."""
    path.symlink_to("nowhere")


def listening(path: Path) -> None:
    """Put a socket there, through a short path, because the length of its path is limited."""
    with socket.socket(socket.AF_UNIX) as server:
        short = Path(f"/tmp/{os.getpid()}.sock")  # noqa: S108 - moved at once
        server.bind(str(short))
        short.rename(path)


def hard_link(path: Path) -> None:
    """Put a second name of an intact document there, whose first name is outside of the store."""
    outside = path.with_name("elsewhere")
    outside.write_bytes(WHOLE[path])
    path.hardlink_to(outside)


WHOLE: dict[Path, bytes] = {}


@pytest.mark.parametrize(
    "kind", [folder, fifo, symlink, dangling, listening, hard_link], ids=lambda kind: kind.__name__
)
def test_what_is_no_file_is_a_typed_error_at_once(files, victim, kind):
    """The saver does not wait for the other end of a named pipe, and follows no link."""
    WHOLE[victim] = victim.read_bytes()
    victim.unlink()
    kind(victim)
    with pytest.raises(CheckpointNotAFileError):
        read(files)


@pytest.mark.parametrize("kind", [folder, fifo, dangling], ids=lambda kind: kind.__name__)
def test_a_head_that_is_no_file_is_not_replaced(files, kind):
    """A writer does not change it."""
    put(files.saver(), "1")
    files.head.unlink()
    kind(files.head)
    with pytest.raises(CheckpointNotAFileError):
        within(10, lambda: put(files.saver(), "2"))
    assert len(files.checkpoints()) == 1


@pytest.mark.parametrize("kind", [folder, fifo, dangling], ids=lambda kind: kind.__name__)
def test_a_lock_that_is_no_file_is_a_typed_error(files, kind):
    """Readers and writers get the error at once."""
    put(files.saver(), "1")
    (files.history / "lock").unlink()
    kind(files.history / "lock")
    for call in (lambda: put(files.saver(), "2"), lambda: files.saver().get_tuple(config_of())):
        with pytest.raises(CheckpointNotAFileError):
            within(10, call)


def test_a_history_that_is_a_file_is_a_typed_error(files):
    """The same holds for a history whose folders are files."""
    files.head.parent.mkdir()
    files.history.write_text("mine")
    with pytest.raises(CheckpointNotAFileError):
        put(files.saver(), "1")
    files.history.unlink()
    put(files.saver(), "1")
    (files.history / "threads" / "u").write_text("mine")
    with pytest.raises(CheckpointNotAFileError):
        files.saver().get_tuple(config_of("u"))
    assert values_of(files.saver()) == {}


def test_a_file_of_2_gb_is_not_read(files, victim):
    """Its size alone decides."""
    with victim.open("r+b") as file:
        file.truncate(2**31)
    with pytest.raises(CheckpointTooLargeError, match="2,147,483,648"):
        read(files)


def test_what_could_not_be_read_is_not_written(files):
    """A checkpoint or a write above the limit is refused, and the store stays unchanged."""
    saver = files.saver(max_file_bytes=2_000)
    config = put(saver, "1", topic="tea")
    with pytest.raises(CheckpointTooLargeError):
        put(saver, "2", topic="x" * 2_000)
    with pytest.raises(CheckpointTooLargeError):
        saver.put_writes(config, [("a", "x" * 2_000)], "task")
    assert saver.get_tuple(config_of()).checkpoint == checkpoint_of("1", topic="tea")
    assert files.writes() == []


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.EMFILE])
def test_an_unreadable_file_is_a_typed_error(files, victim, monkeypatch, number):
    """The error has the number of the operating system's error."""
    open_any = os.open

    def refuse(path: Any, *arguments: Any, **keywords: Any) -> int:
        if Path(path) == victim:
            raise OSError(number, os.strerror(number), path)
        return open_any(path, *arguments, **keywords)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(CheckpointReadError) as caught:
        read(files)
    assert (caught.value.path, caught.value.errno) == (str(victim), number)


def test_an_unreadable_folder_is_a_typed_error(files, monkeypatch):
    """It does not count as empty, even if its note does not name the newest checkpoint."""
    put(files.saver(), "1")
    files.notes()[0].unlink()

    def refuse(_path: Any) -> list[str]:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(CheckpointReadError):
        files.saver().get_tuple(config_of())


def test_a_lost_history_is_noticed(files):
    """The head alone is not enough."""
    put(files.saver(), "1", topic="tea")
    files.history.rename(files.history.with_name("elsewhere"))
    for call in (files.saver().get_tuple, lambda config: put(files.saver(), "2", config)):
        with pytest.raises(CheckpointCorruptedError, match="history"):
            call(config_of())


def test_a_lost_head_is_no_loss(files):
    """The history is complete, and the next checkpoint writes a new head."""
    put(files.saver(), "1", topic="tea")
    files.head.unlink()
    assert values_of(files.saver()) == {"topic": "tea"}
    put(files.saver(), "2", topic="coffee")
    assert files.head.read_bytes() == files.checkpoints()[-1].read_bytes()


def test_what_others_put_into_the_history_is_ignored(files):
    """Files with foreign names are ignored; a file that looks like a checkpoint is an error."""
    put(files.saver(), "1", topic="tea")
    place = files.checkpoints()[0].parent
    (place / "notes.txt").write_text("mine")
    (place / ".DS_Store").write_text("theirs")
    (files.history / "threads" / "README").write_text("mine")
    assert len(list(files.saver().list(None))) == 1
    (place / "Copy of 1.json").write_text("mine")
    with pytest.raises(CheckpointForeignError):
        files.saver().get_tuple(config_of())


def test_a_damaged_checkpoint_does_not_hide_the_others(files):
    """They can be read by their ids, and the thread can be deleted."""
    saver = files.saver()
    for checkpoint_id in "12":
        put(saver, checkpoint_id, topic=checkpoint_id)
    files.checkpoints()[1].write_text("")
    assert values_of(saver, config_of(checkpoint_id="1")) == {"topic": "1"}
    saver.delete_thread("t")
    assert files.checkpoints() == []


def test_errors_survive_pickle():
    """They keep all attributes that a handler needs."""
    error = CheckpointReadError("a.json", "no", errno=5)
    error.__cause__ = OSError(5, "no")
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - ours
    assert (type(copy), copy.code) == (CheckpointReadError, "CHECKPOINT_UNREADABLE")
    assert (copy.path, copy.problem, copy.errno, str(copy)) == ("a.json", "no", 5, "a.json: no")
    assert isinstance(copy.__cause__, OSError)


def test_every_error_has_a_code_of_its_own():
    """Each code for checkpoints has its own exception."""
    kinds = [CheckpointError, *CheckpointError.__subclasses__()]
    assert sorted(kind.code for kind in kinds) == sorted(
        code for code in ErrorCode if code.startswith("CHECKPOINT_")
    )


@pytest.mark.parametrize(
    "fields",
    [{}, {"thread_id": 7}, {"state": {"$unknown": 1}}, {"state": {"$serde": "msgpack", "data": "?"}}],
    ids=["nothing", "no text", "unknown tag", "no base64"],
)
def test_a_sealed_file_with_other_content_is_a_typed_error(files, victim, fields):
    """A program that writes valid checksums may still write wrong content."""
    kind = "writes" if victim in files.writes() else "checkpoint"
    victim.write_bytes(seal(kind, fields))
    with pytest.raises(CheckpointCorruptedError):
        read(files)


def test_a_long_id_that_its_file_does_not_tell_is_a_typed_error(files):
    """The file name of a long id is not the id itself."""
    put(files.saver(), "a" * 300)
    files.notes()[0].unlink()
    files.checkpoints()[0].write_bytes(seal("checkpoint", {}))
    files.head.unlink()
    with pytest.raises(CheckpointCorruptedError, match="which checkpoint"):
        files.saver().get_tuple(config_of())


def test_an_unreadable_head_is_a_typed_error(files, monkeypatch):
    """Even its size cannot be read."""
    put(files.saver(), "1")
    lstat = os.lstat

    def refuse(path: Any) -> os.stat_result:
        if Path(path) == files.head:
            raise PermissionError(errno.EACCES, "Permission denied")
        return lstat(path)

    monkeypatch.setattr(os, "lstat", refuse)
    with pytest.raises(CheckpointReadError, match="Permission denied"):
        files.saver().get_tuple(config_of())
