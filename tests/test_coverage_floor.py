"""The minimum coverage: `make test` fails if a package is below it."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parent.parent / "tools" / "coverage_floor.py"
PACKAGES = [*runpy.run_path(str(TOOL))["FLOORS"]]
COVERED = "x = 1\n"
HALF_COVERED = "def f(x):\n" + "    if x:\n        return 1\n    return 2\n" + "\n\ndef g():\n    return 3\n"


def run_floor(folder, sources):
    """Run the tool on a package of these sources, of which only the imports were executed."""
    package = folder / "src" / "langgraph_runner"
    for name in PACKAGES:
        (package / name).mkdir(parents=True)
        (package / name / "__init__.py").write_text(sources.get(name, COVERED))
    (package / "__init__.py").write_text("")
    (folder / "program.py").write_text(
        "import sys; sys.path.insert(0, 'src')\n"
        + "".join(f"import langgraph_runner.{name}\n" for name in PACKAGES)
    )
    for arguments in (["-m", "coverage", "run", "--branch", "--source=src", "program.py"], [str(TOOL)]):
        done = subprocess.run(  # noqa: S603
            [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=60
        )
    return done


@pytest.mark.req("N-11", "M-10")
def test_a_package_below_the_floor_fails(tmp_path):
    """The message names it, and how to see what is missing."""
    done = run_floor(tmp_path, {"metrics": HALF_COVERED})
    assert done.returncode == 1
    assert "metrics must have at least 95 %: " in done.stdout
    assert "--include='src/langgraph_runner/metrics/*'" in done.stdout
    assert "node must have" not in done.stdout


@pytest.mark.req("N-11", "M-10")
def test_packages_above_the_floor_pass(tmp_path):
    """Each is printed with its coverage."""
    done = run_floor(tmp_path, {})
    assert (done.returncode, done.stderr) == (0, "")
    assert "node     100.00 %" in done.stdout
