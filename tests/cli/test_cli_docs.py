"""`docs/cli.md` has the exit codes and the error codes of the command line, `docs/reference/cli.md` the help."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from langgraph_runner.cli.app import COMMANDS, app
from langgraph_runner.cli.problems import CliCode
from langgraph_runner.errors.codes import ExitCode

pytestmark = pytest.mark.req("R-54")
DOCS = Path(__file__).parent.parent.parent / "docs"
PAGE = DOCS / "cli.md"
REFERENCE = DOCS / "reference" / "cli.md"
NAMES = [
    [],
    *([function.__name__] for _, group in COMMANDS for function in group),
    ["db", "upgrade"],
    ["db", "current"],
    ["db", "downgrade"],
    ["db", "row-security"],
    *(["keys", name] for name in ("create", "list", "rotate", "revoke")),
]


EXIT_CODES = {
    ExitCode.OK: "Success. If the command waited for a run, the run completed.",
    ExitCode.RUN_FAILED: "The run failed.",
    ExitCode.USAGE: "A command, an argument or an option is wrong, or the app cannot be loaded.",
    ExitCode.NOT_FOUND: "There is no such run, workflow, step, API key or database.",
    ExitCode.INVALID: "The inputs, the change or the workflow are invalid.",
    ExitCode.CONFLICT: "The status of the run does not allow this, or another process has the run.",
    ExitCode.CANCELLED: "The run was cancelled, or you answered no.",
    ExitCode.TIMEOUT: "The run exceeded its timeout.",
    ExitCode.OTHER: "The database, a file, the engine or the service failed, or a package is not installed.",
    ExitCode.WOULD_RUN: "`plan --exit-code`: a step would run, or may run.",
    ExitCode.LEFT: "You left a run before its end, by a second Ctrl-C or a termination signal.",
}


def help_of(command):
    """Return what `--help` prints in a pipe."""
    done = CliRunner().invoke(app, [*command, "--help"], prog_name="langgraph-runner")
    return "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())


def section(command):
    """Return the section of the page about a command."""
    title = f"### {' '.join(command)}" if command else "## All commands"
    return f"{title}\n\n```text\n{help_of(command)}\n```\n"


@pytest.mark.parametrize("command", NAMES, ids=lambda names: " ".join(names) or "all")
def test_the_help_of_each_command_is_in_the_docs(command):
    """The text in the docs is identical."""
    assert section(command) in REFERENCE.read_text(encoding="utf-8")


def test_the_docs_have_a_heading_for_each_command():
    """The docs have no other headings of commands."""
    headings = re.findall(r"^### (.+)$", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE)
    assert headings == [" ".join(names) for names in NAMES if names]


def test_the_docs_have_every_exit_code_and_every_code():
    """Each exit code with its meaning."""
    text = PAGE.read_text(encoding="utf-8")
    assert set(EXIT_CODES) == set(ExitCode)
    rows = [f"| {int(code)} | {meaning} |\n" for code, meaning in EXIT_CODES.items()]
    assert [row for row in rows if row not in text] == []
    assert [code for code in CliCode if f"`{code}`" not in text] == []


def test_the_tour_of_the_docs_works(cli):
    """Its file and commands are run in order, as in a script. Each prints what the page shows."""
    tour = PAGE.read_text(encoding="utf-8").partition("## Apps and databases")[0]
    (cli.folder / "shop.py").write_text(re.search(r"```python\n(.*?)```", tour, re.DOTALL)[1])
    shown = re.findall(r"^\$ langgraph-runner (.+)\n((?:[^$`].*\n)*)", tour, re.MULTILINE)
    assert len(shown) == tour.count("\n$ langgraph-runner ")
    for command, out in shown:
        done = cli(*shlex.split(command))
        assert (done.code, out in {"", done.out}) == (0, True), command


def test_the_list_of_commands_says_what_each_is_for():
    """No sentence is cut."""
    listed = help_of([]).partition("Commands:\n")[2].splitlines()
    assert [line for line in listed if not line.endswith(".") or line.endswith("...")] == []


if __name__ == "__main__":  # Writes the help: PYTHONPATH=src python tests/cli/test_cli_docs.py
    kept = REFERENCE.read_text(encoding="utf-8").partition("## All commands")[0]
    REFERENCE.write_text(kept + "\n".join(map(section, NAMES)), encoding="utf-8")
