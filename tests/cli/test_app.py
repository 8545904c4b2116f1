"""The application: its help, its version, and what a command imports."""

import ast
import subprocess
import sys
from importlib.metadata import version

import pytest
from typer.testing import CliRunner

from langgraph_runner.cli.app import app, make_app

pytestmark = pytest.mark.req("R-54")


@pytest.mark.parametrize(
    ("command", "libraries"),
    [
        (["--help"], {"langgraph", "langchain_core", "sqlalchemy", "rich", "pydantic"}),
        (["status", "last", "--store", "sqlite:///runs.db"], {"langgraph", "langchain_core"}),
    ],
    ids=["help", "status"],
)
def test_a_command_imports_only_what_it_needs(cli, command, libraries):
    """LangGraph alone takes a second to import."""
    cli.run()
    code = (
        "import sys; from langgraph_runner.cli.app import app\n"
        f"try: app({command!r})\n"
        "finally: sys.stderr.write(repr(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(  # noqa: S603 - ours
        [sys.executable, "-c", code], cwd=cli.folder, capture_output=True, text=True, check=True
    )
    assert libraries & set(ast.literal_eval(done.stderr)) == set()


def test_a_terminal_gets_help_in_frames():
    """Commands are grouped."""
    done = CliRunner().invoke(make_app(is_rich=True), ["--help"], prog_name="langgraph-runner")
    assert "╭─ Run ─" in done.stdout
    assert "╭─ Inspect ─" in done.stdout


def test_the_version_is_that_of_the_package():
    """The version is the one in the package metadata."""
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.stdout) == (0, f"langgraph-runner {version('langgraph-runner')}\n")
