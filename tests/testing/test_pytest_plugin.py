"""The pytest plugin, in a separate pytest run."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"

SUITE = """
import sys

def test_pytest_alone_loads_no_langgraph():
    assert not {name for name in sys.modules if name.partition(".")[0] in {"langgraph", "pydantic"}}

def test_the_fixture_is_a_clock_of_its_own(fake_runtime):
    from langgraph_runner import create_node, runner_config
    calls = iter([ConnectionError(), None])
    def flaky(state):
        if (error := next(calls)) is not None:
            raise error
        return {"x": 1}
    node = create_node(flaky, retry={"max_attempts": 2, "backoff_ms": 3_600_000})
    assert node({}, runner_config(runtime=fake_runtime)) == {"x": 1}
    assert fake_runtime.sleeps == [3600.0]

def test_the_next_test_gets_another(fake_runtime):
    assert fake_runtime.sleeps == []
"""


@pytest.mark.req("N-31")
def test_the_plugin_gives_the_fixture_and_loads_nothing_before(tmp_path):
    """A test suite of a user requests `fake_runtime`."""
    (tmp_path / "test_it.py").write_text(SUITE, encoding="utf-8")
    plugin = entry_points()["langgraph_runner"]
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:langgraph_runner", "-p", plugin]
    done = subprocess.run(  # noqa: S603 - the code is ours
        [sys.executable, "-m", "pytest", *options, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PATH": ""},
    )
    assert "3 passed" in done.stdout, done.stdout + done.stderr


def entry_points():
    """Return the plugins that pytest loads automatically, as pyproject.toml declares them."""
    declared: dict[str, str] = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"][
        "entry-points"
    ]["pytest11"]
    return declared
