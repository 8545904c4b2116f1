"""What a command imports."""

import ast
import subprocess
import sys

import pytest

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
