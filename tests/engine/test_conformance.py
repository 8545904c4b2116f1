"""The adapters of this package pass the conformance suites that it offers to other packages."""

import os

import pytest

from langgraph_runner import (
    BullMQDispatcher,
    FsspecArtifactStore,
    LocalArtifactStore,
    MemoryTier,
    RedisTier,
)
from langgraph_runner.testing import ArtifactStoreSuite, DispatcherSuite, HotTierSuite, StoreSuite
from tests.memory_filesystem import memory_prefix
from tests.redis_server import redis_server

__all__ = ["memory_prefix", "redis_server"]
pytestmark = pytest.mark.req("R-21", "R-61")


class TestMemoryTier(HotTierSuite):
    """The tier in memory."""

    def make(self):
        """A tier of the default size."""
        return MemoryTier()


class TestRedisTier(HotTierSuite):
    """The tier in Redis."""

    @pytest.fixture(autouse=True)
    def _server(self, redis_server):
        self.url = redis_server.url

    def make(self):
        """An adapter with all its connections."""
        return RedisTier(self.url, namespace="test")


class TestBullMQOnRedis(DispatcherSuite):
    """The queue on Redis."""

    @pytest.fixture(autouse=True)
    def _server(self, redis_server):
        self.url = redis_server.url

    def make(self):
        """An adapter with all its connections."""
        return BullMQDispatcher(f"bullmq+{self.url}")


class TestBullMQOnPostgreSQL(DispatcherSuite):
    """The queue on PostgreSQL."""

    @pytest.fixture(autouse=True)
    def _server(self, new_postgresql):
        self.url = new_postgresql()

    def make(self):
        """An adapter with all its connections."""
        return BullMQDispatcher(f"bullmq+{self.url}")


class _InAFolder(ArtifactStoreSuite):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path):
        self.folder = tmp_path / "files"

    def overwrite(self, store, sha256, data):
        """Overwrite a file, like a failing disk."""
        (self.folder / sha256[:2] / sha256).write_bytes(data)

    def make_older(self, store, seconds):
        """Make files older, by their times in the folder."""
        for file in self.folder.glob("??/*"):
            then = file.stat().st_mtime - seconds
            os.utime(file, (then, then))


@pytest.mark.req("R-23", "R-46")
class TestLocalArtifactStore(_InAFolder):
    """Files in a folder."""

    def make(self):
        """A store in a folder that does not exist yet."""
        return LocalArtifactStore(self.folder)


@pytest.mark.req("R-23", "R-46")
class TestFsspecArtifactStoreOnFiles(_InAFolder):
    """Files in a folder, through fsspec: a filesystem that can rename."""

    def make(self):
        """A store in a folder, through fsspec."""
        return FsspecArtifactStore(self.folder.as_uri())


@pytest.mark.req("R-23", "R-46")
class TestFsspecArtifactStoreInMemory(ArtifactStoreSuite):
    """Files in memory, through fsspec: without renames, as in an object store."""

    @pytest.fixture(autouse=True)
    def _prefix(self, memory_prefix):
        self.prefix = memory_prefix

    def make(self):
        """A store below a prefix for this test."""
        return FsspecArtifactStore(self.prefix.url)

    def overwrite(self, store, sha256, data):
        """Overwrite a file with another object of the same name."""
        self.prefix.filesystem.pipe_file(f"{self.prefix.path}/{sha256[:2]}/{sha256}", data)

    def make_older(self, store, seconds):
        """Make files older, by their times in the filesystem."""
        self.prefix.age(seconds)


class TestSQLiteFile(StoreSuite):
    """A database in a file."""

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path):
        self.url = f"sqlite:///{tmp_path / 'runs.db'}"

    def make(self):
        """The address of the file."""
        return self.url


class TestSQLiteInMemory(StoreSuite):
    """A database in memory."""

    is_shared = False

    def make(self):
        """A new database."""
        return "sqlite://"


class TestPostgreSQL(StoreSuite):
    """A database on a real server."""

    @pytest.fixture(autouse=True)
    def _server(self, new_postgresql):
        self.url = new_postgresql()

    def make(self):
        """The address of the database."""
        return self.url
