"""LangGraph's own tests of one version, and an environment to run them in, both cached in a folder."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tomllib
import venv
from dataclasses import dataclass
from importlib.metadata import distributions, version
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
# Makes a test that hangs fail; LangGraph's own requirements have nothing for that.
EXTRA = ("pytest-timeout",)


@dataclass(frozen=True)
class Upstream:
    """The folder of the tests, and the Python that runs them."""

    version: str
    tests: Path
    """The folder that contains `tests/`."""
    python: Path


def prepared(cache: Path) -> Upstream:
    """Fetch the tests of the installed LangGraph and their requirements, unless `cache` has them."""
    langgraph = version("langgraph")
    folder = (cache / langgraph).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    tests = folder / f"langgraph-{langgraph}"
    if not tests.exists():
        _fetch(langgraph, folder, tests)
    return Upstream(langgraph, tests, _environment(folder, tests))


def _fetch(langgraph: str, folder: Path, tests: Path) -> None:
    requirement = f"langgraph=={langgraph}"
    _pip(
        Path(sys.executable),
        *("download", "--no-deps", "--no-binary", ":all:", "--dest", str(folder), requirement),
    )
    with tarfile.open(folder / f"{tests.name}.tar.gz") as archive:
        # Without LangGraph's sources, so that the installed version is tested.
        wanted = (f"{tests.name}/tests/", f"{tests.name}/pyproject.toml")
        members = [member for member in archive.getmembers() if member.name.startswith(wanted)]
        archive.extractall(folder, members, filter="data")


def _environment(folder: Path, tests: Path) -> Path:
    """Make a virtual environment with the requirements of the tests and ours, in the installed versions."""
    upstream = tomllib.loads((tests / "pyproject.toml").read_text(encoding="utf-8"))
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    needed = sorted({*upstream["dependency-groups"]["test"], *ours, *EXTRA})
    # LangGraph pins some packages that do not matter here; its pins take precedence.
    pinned = {parsed.name for parsed in map(Requirement, needed) if "==" in str(parsed.specifier)}
    versions = sorted(
        f"{name}=={installed.version}"
        for installed in distributions()
        if (name := installed.name.lower()) not in {"langgraph-runner", "pip", "setuptools", *pinned}
    )
    wanted = "\n".join([*needed, "", *versions])
    python, ready = folder / "env" / "bin" / "python", folder / "env" / "ready"
    if not ready.exists() or ready.read_text(encoding="utf-8") != wanted:
        venv.create(folder / "env", with_pip=True, clear=True)
        constraints = folder / "constraints.txt"
        constraints.write_text("\n".join(versions), encoding="utf-8")
        _pip(python, "install", "--constraint", str(constraints), "langgraph", *needed)
        ready.write_text(wanted, encoding="utf-8")
    return python


def _pip(python: Path, *arguments: str) -> None:
    command = [python, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True)  # noqa: S603 - the arguments are written here
