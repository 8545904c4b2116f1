"""A prefix of fsspec's filesystem in memory, in place of an object store. A conftest imports the fixture."""

from datetime import timedelta
from secrets import token_hex

import fsspec
import pytest


class MemoryPrefix:
    """Files below their own prefix, because all tests of the process share the filesystem."""

    def __init__(self):
        self.filesystem = fsspec.filesystem("memory")
        self._top = f"/{token_hex(8)}"
        self.path = f"{self._top}/files"
        self.url = f"memory:/{self.path}"

    def all(self):
        """Everything below it, by path."""
        return {
            path.removeprefix(f"{self.path}/"): file
            for path, file in [*self.filesystem.store.items()]
            if path.startswith(f"{self.path}/")
        }

    def files(self):
        """The files of steps by path, without the marks."""
        return {path: file for path, file in self.all().items() if not path.startswith(".")}

    def contents(self):
        """The contents of the files of steps, sorted."""
        return sorted(file.getvalue() for file in self.files().values())

    def age(self, seconds):
        """Make all files older."""
        for file in self.all().values():
            file.created -= timedelta(seconds=seconds)
            file.modified -= timedelta(seconds=seconds)

    def remove(self):
        """Delete everything."""
        for path in [*self.filesystem.store]:
            if path.startswith(f"{self._top}/"):
                del self.filesystem.store[path]


@pytest.fixture
def memory_prefix():
    """An empty prefix for one test."""
    prefix = MemoryPrefix()
    yield prefix
    prefix.remove()
