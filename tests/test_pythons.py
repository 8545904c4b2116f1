"""`make pythons` where neither debootstrap nor another Python can be used."""

import os
import subprocess
from pathlib import Path

TOOL = Path(__file__).parent.parent / "tools" / "pythons.sh"
VERSIONS = ["3.12", "3.13", "3.14"]
SKIPPED = [f"Python {version} is skipped: there is no python{version} on the PATH." for version in VERSIONS]


def run_tool(folder, suites, **programs):
    """Run the tool where no other Python works; `programs` are shell scripts by name."""
    scripts = programs | dict.fromkeys(
        [f"python{version}" for version in VERSIONS], "exit 127"
    )  # As pyenv's.
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(  # noqa: S603
        [TOOL],
        env={"PATH": path, "XDG_CACHE_HOME": str(folder), "SUITES": suites},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_versions_that_are_not_there_are_skipped_with_a_message(tmp_path):
    """The tool names each version that it skips, and succeeds: CI runs it on any machine."""
    done = run_tool(tmp_path, suites="")
    assert (done.returncode, done.stdout.splitlines()) == (0, SKIPPED)


def test_a_system_that_debootstrap_cannot_make_is_skipped_with_its_message(tmp_path):
    """A machine may have debootstrap, and no way to Debian's packages."""
    fails = "echo 'E: no such script'; exit 1"
    done = run_tool(tmp_path, "trixie", **{"apt-get": "exit 0", "unshare": "exit 0", "debootstrap": fails})
    message = "debootstrap cannot make Debian trixie here: E: no such script"
    assert (done.returncode, done.stdout.splitlines()) == (0, ["Debian trixie ...", message, *SKIPPED])


def test_without_the_right_to_mount_no_system_is_made(tmp_path):
    """Containers often run as root without that right."""
    done = run_tool(tmp_path, "trixie", **{"apt-get": "exit 0", "unshare": "exit 1"})
    message = "No system is made with debootstrap: it needs root, and the right to mount, on a Debian."
    assert (done.returncode, done.stdout.splitlines()) == (0, [message, *SKIPPED])
