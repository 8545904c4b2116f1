"""`make pythons` where neither debootstrap nor another Python can be used."""

import os
import subprocess
from pathlib import Path

TOOL = Path(__file__).parent.parent / "tools" / "pythons.sh"
VERSIONS = ["3.12", "3.13", "3.14"]


def test_versions_that_are_not_there_are_skipped_with_a_message(tmp_path):
    """The tool names each version that it skips, and succeeds: CI runs it on any machine."""
    for version in VERSIONS:
        missing = tmp_path / f"python{version}"
        missing.write_text("#!/bin/sh\nexit 127\n")  # As the shims of pyenv do.
        missing.chmod(0o755)
    done = subprocess.run(  # noqa: S603
        [TOOL],
        env={
            "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
            "XDG_CACHE_HOME": str(tmp_path),
            "SUITES": "",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    lines = [f"Python {version} is skipped: there is no python{version} on the PATH." for version in VERSIONS]
    assert (done.returncode, done.stdout.splitlines()) == (0, lines)
