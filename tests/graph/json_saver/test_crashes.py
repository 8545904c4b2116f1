"""After a kill or a power cut at any moment, no acknowledged write is lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "crashing_writer.py"


@pytest.mark.parametrize("mode", ["kill", "power", "torn"])
@pytest.mark.req("G-4")
def test_death_at_any_file_operation_loses_nothing_acknowledged(tmp_path, mode):
    """A kill before each operation in turn. A power cut also loses everything without an fsync."""
    done = subprocess.run(  # noqa: S603 - ours
        [sys.executable, str(SCRIPT), str(tmp_path), mode],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 150
