"""`ArtifactStoreSuite`: what an `ArtifactStore` of your own has to do. Subclass it in a test module.

The tests are plain functions and need pytest only.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier, Event
from typing import TYPE_CHECKING, Final
from unittest import SkipTest

from langgraph_runner.engine.artifacts.files import ArtifactFiles
from langgraph_runner.engine.errors import ArtifactError

if TYPE_CHECKING:
    from langgraph_runner.engine.artifacts.store import ArtifactStore
    from langgraph_runner.workflow import ArtifactRef

__all__ = ["ArtifactStoreSuite"]

_DAY_S: Final = 86_400.0
_LARGE: Final = 10_000_000
_AT_ONCE: Final = 8
_ROUNDS: Final = 25


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _put(store: ArtifactStore, data: bytes) -> str:
    sha256 = _sha256(data)
    store.put(sha256, data)
    return sha256


def _content(store: ArtifactStore, sha256: str) -> bytes:
    with store.open(sha256) as file:
        return file.read()


def _problem(files: ArtifactFiles, ref: ArtifactRef) -> str:
    """Return the message of a refused read."""
    try:
        data = files.read(ref)
    except ArtifactError as error:
        return str(error)
    raise AssertionError(f"{ref} was read: {data!r:.80}")


class ArtifactStoreSuite:
    """What an `ArtifactStore` has to do. Each test needs a place that is empty.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from langgraph_runner import LocalArtifactStore
        >>> class TestMyStore(ArtifactStoreSuite):
        ...     def __init__(self):
        ...         self.folder = Path(tempfile.mkdtemp())
        ...
        ...     def make(self):
        ...         return LocalArtifactStore(self.folder)
        ...
        ...     def overwrite(self, store, sha256, data):
        ...         store.path(sha256).write_bytes(data)
        >>> TestMyStore().test_what_is_put_is_read()
    """

    def make(self) -> ArtifactStore:
        """A store. All that are made in one test share their files."""
        raise NotImplementedError

    def overwrite(self, store: ArtifactStore, sha256: str, data: bytes) -> None:
        """Replace what is kept under `sha256` by other bytes, without the store: a disk that fails does so."""
        raise NotImplementedError

    def make_older(self, store: ArtifactStore, seconds: float) -> None:
        """Have all files that are there count as written so much earlier. Leave it out to skip tests of ages."""
        del store, seconds
        raise SkipTest("make_older() is not implemented.")

    def test_what_is_put_is_read(self) -> None:
        """By every store of the same place, with its size and its age."""
        sha256 = _put(self.make(), b"tea")
        other = self.make()
        found = other.stat(sha256)
        assert found is not None
        assert (found.size, _content(other, sha256)) == (3, b"tea")
        assert found.age_s < _DAY_S

    def test_a_file_that_is_not_there_is_missing(self) -> None:
        """Also in an empty store. The error names the fix."""
        store = self.make()
        sha256 = _sha256(b"tea")
        assert store.stat(sha256) is None
        try:
            store.open(sha256)
        except FileNotFoundError:
            pass
        else:
            raise AssertionError("open() must raise FileNotFoundError for a file that is not there.")
        ref = ArtifactFiles(store).put("tea.txt", b"tea", "text/plain")
        gone = replace(ref, sha256=_sha256(b"coffee"))
        assert not ArtifactFiles(store).has(gone)
        assert "A further run makes it again." in _problem(ArtifactFiles(store), gone)

    def test_an_empty_file_is_a_file(self) -> None:
        """It has no bytes, and is there."""
        store = self.make()
        sha256 = _put(store, b"")
        found = store.stat(sha256)
        assert found is not None
        assert (found.size, _content(store, sha256)) == (0, b"")

    def test_a_large_file_comes_back(self) -> None:
        """Ten megabytes."""
        data = bytes(range(250)) * (_LARGE // 250)
        store = self.make()
        sha256 = _put(store, data)
        found = store.stat(sha256)
        assert found is not None
        assert found.size == _LARGE
        assert _sha256(_content(store, sha256)) == sha256

    def test_the_names_of_steps_do_not_matter(self) -> None:
        """Files are kept by content: names in any script, with blanks and dots, lead to the same file."""
        files = ArtifactFiles(self.make())
        names = ["ünï/✓ 名前.txt", "a b", "...", "con", "%2e%2e/x", "n" * 512]
        refs = [files.put(name, b"tea", "text/plain") for name in names]
        assert [ref.name for ref in refs] == names
        assert len({ref.uri for ref in refs}) == 1
        assert {files.read(ref) for ref in refs} == {b"tea"}

    def test_a_reference_that_leads_elsewhere_is_refused(self) -> None:
        """Its SHA-256 comes from a database that others may write to."""
        files = ArtifactFiles(self.make())
        ref = files.put("tea.txt", b"tea", "text/plain")
        for forged in (
            "../../etc/passwd",
            "A" * 64,
            "a" * 63,
            "",
            f"{'a' * 64}\n",
            "/" * 64,
            f"..{'/' * 62}",
        ):
            wrong = replace(ref, sha256=forged)
            assert not files.has(wrong)
            assert "64 lower-case hex digits" in _problem(files, wrong)

    def test_an_address_names_the_file(self) -> None:
        """It begins with a scheme, is the same in every store of the place, and asks nothing."""
        sha256 = _sha256(b"tea")
        uri = self.make().uri(sha256)
        assert "://" in uri
        assert uri.endswith(sha256)
        assert self.make().uri(sha256) == uri
        assert self.make().stat(sha256) is None

    def test_changed_bytes_are_noticed_and_mended(self) -> None:
        """Those of the same length, too few and none; also by a store that has verified the file before."""
        for changed in (b"pea", b"te", b""):
            store = self.make()
            files = ArtifactFiles(store)
            ref = files.put("tea.txt", b"tea", "text/plain")
            assert files.has(ref)
            self.overwrite(store, ref.sha256, changed)
            for reader in (files, ArtifactFiles(self.make())):
                assert not reader.has(ref)
                assert "not those that were kept. A further run makes it again." in _problem(reader, ref)
            files.put("tea.txt", b"tea", "text/plain")
            assert files.has(ref)
            assert ArtifactFiles(self.make()).read(ref) == b"tea"

    def test_equal_files_are_put_at_the_same_time(self) -> None:
        """All callers succeed, and concurrent readers see the whole file or none."""
        data = b"tea" * 100_000
        sha256 = _sha256(data)
        barrier, is_over = Barrier(_AT_ONCE), Event()
        seen: set[str] = set()

        def put(store: ArtifactStore) -> None:
            barrier.wait()
            for _ in range(3):
                store.put(sha256, data)

        def read(store: ArtifactStore) -> None:
            while not is_over.is_set():
                try:
                    seen.add(_sha256(_content(store, sha256)))
                except FileNotFoundError:
                    continue

        with ThreadPoolExecutor(_AT_ONCE + 1) as threads:
            reading = threads.submit(read, self.make())
            try:
                for each in [threads.submit(put, self.make()) for _ in range(_AT_ONCE)]:
                    each.result()
            finally:
                is_over.set()
            reading.result()
        assert seen <= {sha256}
        assert _content(self.make(), sha256) == data
        assert self.make().old_files(0.0) == [sha256]

    def test_different_files_are_put_at_the_same_time(self) -> None:
        """Through one store, which is thread-safe."""
        store = self.make()
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            kept = list(threads.map(lambda number: _put(store, b"%d" % number), range(40)))
        assert [_content(store, sha256) for sha256 in kept] == [b"%d" % number for number in range(40)]

    def test_old_files_are_listed_and_deleted(self) -> None:
        """By their SHA-256; young ones are not."""
        store = self.make()
        assert store.old_files(_DAY_S) == []
        old = [_put(store, b"old"), _put(store, b"older")]
        self.make_older(store, 2 * _DAY_S)
        young = _put(store, b"young")
        assert sorted(store.old_files(_DAY_S)) == sorted(old)
        assert self.make().delete([*old, young], _DAY_S) == (2, 8)
        assert [store.stat(sha256) for sha256 in old] == [None, None]
        assert _content(store, young) == b"young"

    def test_what_is_gone_is_not_deleted_again(self) -> None:
        """Two engines may collect at the same time."""
        store = self.make()
        assert store.delete([_sha256(b"tea")], 0.0) == (0, 0)
        sha256 = _put(store, b"tea")
        assert [self.make().delete([sha256], 0.0) for _ in range(2)] == [(1, 3), (0, 0)]

    def test_a_file_that_is_kept_again_is_not_deleted(self) -> None:
        """It counts as new, though it was there all the time."""
        store = self.make()
        ref = ArtifactFiles(store).put("tea.txt", b"tea", "text/plain")
        self.make_older(store, 2 * _DAY_S)
        (old,) = self.make().old_files(_DAY_S)
        ArtifactFiles(self.make()).put("tea.txt", b"tea", "text/plain")
        assert store.delete([old], _DAY_S) == (0, 0)
        assert ArtifactFiles(store).read(ref) == b"tea"

    def test_a_file_that_is_kept_while_it_is_deleted_stays(self) -> None:
        """Whichever comes first: after both the file is there."""
        keeper, deleter = self.make(), self.make()
        sha256 = _sha256(b"tea")
        with ThreadPoolExecutor(2) as threads:
            for _ in range(_ROUNDS):
                keeper.put(sha256, b"tea")
                self.make_older(keeper, 2 * _DAY_S)
                barrier = Barrier(2)

                def put(together: Barrier = barrier) -> None:
                    together.wait()
                    keeper.put(sha256, b"tea")

                def delete(together: Barrier = barrier) -> None:
                    together.wait()
                    deleter.delete([sha256], _DAY_S)

                for each in [threads.submit(put), threads.submit(delete)]:
                    each.result()
                assert _content(keeper, sha256) == b"tea"

    def test_owners_are_noted_once(self) -> None:
        """Every store of the place knows them. They are no files of steps."""
        store = self.make()
        assert store.owners() == set()
        store.mark_owner("0a1b")
        store.mark_owner("0a1b")
        self.make().mark_owner("2c3d")
        assert store.owners() == {"0a1b", "2c3d"}
        assert store.old_files(0.0) == []
