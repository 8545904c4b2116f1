"""Killed at any moment, or the power cut: nothing that was acknowledged is lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "crashing_writer.py"


@pytest.mark.parametrize("mode", ["kill", "power", "torn"])
@pytest.mark.req("G-4")
def test_death_at_any_file_operation_loses_nothing_acknowledged(tmp_path, mode):
    """Before each of them in turn; in a power cut, all that was not fsynced is lost as well."""
    done = subprocess.run(  # noqa: S603 - ours
        [sys.executable, str(SCRIPT), str(tmp_path), mode],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 150
