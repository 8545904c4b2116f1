"""A store of JSON files for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from langgraph_runner.graph import JsonFileSaver
from tests.graph.json_saver.stores import Files


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """An empty store."""
    return Files(tmp_path)


@pytest.fixture
def saver(files: Files) -> JsonFileSaver:
    """A saver of it."""
    return files.saver()
