"""The check of commit messages that pre-commit runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[1] / "tools" / "commit_subject.py"


def check(folder: Path, message: str) -> subprocess.CompletedProcess[str]:
    """Run the tool on a message."""
    file = folder / "message"
    file.write_text(message, encoding="utf-8")
    return subprocess.run([sys.executable, TOOL, file], capture_output=True, text=True, check=False)  # noqa: S603 - ours


@pytest.mark.parametrize("message", ["Refuse mutable defaults", "Refuse it\n\nBecause it is shared.\n# note"])
def test_a_good_message_passes(tmp_path, message):
    """A subject, and a body after an empty line."""
    done = check(tmp_path, message)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ("", "must not be empty"),
        ("# only a comment", "must not be empty"),
        ("R" * 73, "at most 72 characters, got 73"),
        ("Refuse mutable defaults.", "must not end with a full stop"),
        ("refuse mutable defaults", "must begin with a capital letter"),
        ("Refuse it\nat once", "second line must be empty"),
    ],
)
def test_a_bad_message_is_refused(tmp_path, message, problem):
    """The reason is printed."""
    done = check(tmp_path, message)
    assert done.returncode == 1
    assert problem in done.stderr
