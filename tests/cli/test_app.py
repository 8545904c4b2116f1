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


def test_each_option_has_an_environment_variable(cli):
    """Its name has the command; an option on the command line wins."""
    (cli.folder / "pool.py").write_text("from langgraph_runner import Workflow\npool = Workflow('pool.v1')\n")
    environment = {"LANGGRAPH_RUNNER_WORKER_GRACE": "soon", "LANGGRAPH_RUNNER_DB_CURRENT_STORE": "nothing://"}
    assert "--grace must be a duration" in cli("worker", "--app", "pool:pool", env=environment).err
    assert "nothing" in cli("db", "current", env=environment).err
    assert "nothing" not in cli("db", "current", "--store", "sqlite:///x.db", env=environment).err


def test_a_wrong_log_level_is_a_usage_error(cli):
    """The message lists the levels."""
    refused = cli("serve", env={"LANGGRAPH_RUNNER_LOG_LEVEL": "loud"})
    assert refused.code == 2
    assert (
        "LANGGRAPH_RUNNER_LOG_LEVEL'): 'loud' is not one of 'debug', 'info', 'warning', 'error'."
        in refused.err
    )
