"""Contenders that are not dependencies: installed into a separate environment, and run there as processes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import tempfile
import venv
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING

from benchmarks.engine.turns import Turn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.engine.turns import Load

ROOT = Path(__file__).parent.parent.parent
ENVIRONMENT = ROOT / ".bench-venv"
PINS = Path(__file__).parent / "rivals.txt"
_INSTALL_S = 600
_END_S = 20


class NotThereError(Exception):
    """A contender could not be installed, did not start, or has ended; the message says which."""


@cache
def versions() -> dict[str, str]:
    """Return the pinned versions, by name."""
    return dict(line.split("==") for line in PINS.read_text(encoding="utf-8").split())


def python() -> Path:
    """Return the interpreter of the environment; create the environment and install the packages if necessary.

    Raises:
        NotThereError: The packages could not be installed.
    """
    installed = _installed()
    if isinstance(installed, NotThereError):
        raise installed
    return installed


@cache
def _installed() -> Path | NotThereError:
    found = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = ENVIRONMENT / "installed.txt"
    pins = PINS.read_text(encoding="utf-8")
    if stamp.exists() and stamp.read_text(encoding="utf-8") == pins:
        return found
    print(f"  installing {', '.join(pins.split())} into {ENVIRONMENT.name} ...", flush=True)
    install: list[str | Path] = [
        found,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
        PINS,
    ]
    try:
        venv.create(ENVIRONMENT, with_pip=True)
        subprocess.run(install, check=True, capture_output=True, text=True, timeout=_INSTALL_S)  # noqa: S603 - ours
    except subprocess.CalledProcessError as error:
        why = re.search("No matching distribution found for .*", str(error.stderr))
        return NotThereError(f"could not be installed ({why[0] if why else 'pip has failed'})")
    except (OSError, subprocess.TimeoutExpired) as error:
        return NotThereError(f"could not be installed ({type(error).__name__})")
    stamp.write_text(pins, encoding="utf-8")
    return found


@dataclass
class Child:
    """A process that runs loads, one after another."""

    process: subprocess.Popen[str]

    def take(self, load: Load) -> Turn:
        """Run a load in the process.

        Raises:
            NotThereError: The process has ended.
        """
        requests, answers = self._pipes()
        with contextlib.suppress(BrokenPipeError):  # If the process has ended, there is no answer.
            requests.write(json.dumps(asdict(load)) + "\n")
            requests.flush()
        line = answers.readline()
        if not line:
            raise NotThereError("ended in the middle of a turn")
        return Turn(**json.loads(line))

    def wait_ready(self) -> None:
        """Wait until the process has finished its imports.

        Raises:
            NotThereError: The process did not start.
        """
        if self._pipes()[1].readline() != "ready\n":
            raise NotThereError("did not start")

    def end(self) -> None:
        """Let the process end, and kill it if it does not."""
        with contextlib.suppress(BrokenPipeError):
            self._pipes()[0].close()
        try:
            self.process.wait(timeout=_END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._pipes()[1].close()

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        return self.process.stdin, self.process.stdout


@contextlib.contextmanager
def child(name: str) -> Iterator[Child]:
    """Start `benchmarks.engine.{name}_contender` in the environment; its files are deleted at the end.

    Its output is dropped unless `BENCH_VERBOSE` is set.

    Raises:
        NotThereError: The contender could not be installed, or did not start.
    """
    interpreter = python()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen(  # noqa: S603 - ours
            [interpreter, "-m", f"benchmarks.engine.{name}_contender", folder],
            cwd=ROOT,
            env=_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if os.environ.get("BENCH_VERBOSE") else subprocess.DEVNULL,
            text=True,
        )
        started = Child(process)
        try:
            started.wait_ready()
            yield started
        finally:
            started.end()


def _environment() -> dict[str, str]:
    """Return the environment without settings of the contenders, and without this one's packages."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("DBOS_", "PYTHONPATH"))}
