"""`docs/service.md`: its quick start works against a real server, and its table is complete."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from langgraph_runner.server.problems import STATUS_OF_CODE

PAGE = (Path(__file__).parents[2] / "docs" / "service.md").read_text(encoding="utf-8")


@pytest.mark.req("R-52")
def test_the_quick_start_works(tmp_path):
    """The test runs its commands in a shell, with curl."""
    start = PAGE.partition("## Quick start")[2].partition("## Routes")[0]
    (tmp_path / "shop.py").write_text(re.search(r"```python\n(.*?)```", start, re.DOTALL)[1])
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = str(taken.getsockname()[1])
    commands = "\n".join(re.findall(r"```sh\n(.*?)```", start, re.DOTALL)).replace("8000", port)
    done = subprocess.run(  # noqa: S603 - our own commands
        ["/bin/bash", "-euc", f"trap 'kill %1; wait' EXIT\n{commands}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for shown in (
        "Serving at http://127.0.0.1:",
        "event: run_completed",
        '"a guest pays 12.50"',
        '"changed_fields":["customer"]',
        '"trigger":"update"',
    ):
        assert shown in done.stdout, shown


def test_the_table_has_each_code_with_its_status():
    """The table equals `STATUS_OF_CODE`."""
    refusals = PAGE.partition("## Errors")[2].partition("## API keys")[0]
    rows = re.findall(r"^\| ([\d, ]+) \| (.+) \|$", refusals, re.MULTILINE)
    for code, status in STATUS_OF_CODE.items():
        assert any(f"`{code}`" in said and str(status.value) in found for found, said in rows), code
