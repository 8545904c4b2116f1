"""The adapters of this package pass the suites that it offers for those of others."""

import pytest

from langgraph_runner import BullMQDispatcher, MemoryTier, RedisTier
from langgraph_runner.testing import DispatcherSuite, HotTierSuite, StoreSuite
from tests.redis_server import redis_server

__all__ = ["redis_server"]
pytestmark = pytest.mark.req("R-21", "R-61")


class TestMemoryTier(HotTierSuite):
    """The tier in the process."""

    def make(self):
        """One of the default size."""
        return MemoryTier()


class TestRedisTier(HotTierSuite):
    """The tier in Redis."""

    @pytest.fixture(autouse=True)
    def _server(self, redis_server):
        self.url = redis_server.url

    def make(self):
        """One with all its connections."""
        return RedisTier(self.url, namespace="test")


class TestBullMQOnRedis(DispatcherSuite):
    """The queue on Redis."""

    @pytest.fixture(autouse=True)
    def _server(self, redis_server):
        self.url = redis_server.url

    def make(self):
        """One with all its connections."""
        return BullMQDispatcher(f"bullmq+{self.url}")


class TestBullMQOnPostgreSQL(DispatcherSuite):
    """The queue on PostgreSQL."""

    @pytest.fixture(autouse=True)
    def _server(self, new_postgresql):
        self.url = new_postgresql()

    def make(self):
        """One with all its connections."""
        return BullMQDispatcher(f"bullmq+{self.url}")


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
        """A database of its own."""
        return "sqlite://"


class TestPostgreSQL(StoreSuite):
    """A database on a real server."""

    @pytest.fixture(autouse=True)
    def _server(self, new_postgresql):
        self.url = new_postgresql()

    def make(self):
        """The address of the database."""
        return self.url
