"""`make serve`."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

pytestmark = pytest.mark.req("R-59")
ROOT = Path(__file__).parents[2]


def test_make_serve_shows_the_runs_of_the_demo(tmp_path):
    """The command builds the campaign, prints the address, and serves the page and the three runs."""
    options = [f"BIN={Path(sys.executable).parent}", f"OUT={tmp_path}", "PORT=0"]
    process = subprocess.Popen(  # noqa: S603 - our own Makefile
        [shutil.which("make"), "-o", ".venv/.serve", "serve", *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        said = []
        for line in process.stdout:
            said.append(line)
            if address := re.search(r"Serving at (http://127\.0\.0\.1:\d+)", line):
                break
        assert address, said
        runs = requests.get(f"{address[1]}/runs", timeout=30).json()["items"]
        assert [(each["trigger"], each["status"]) for each in runs] == [
            ("update", "completed"),
            ("update", "completed"),
            ("manual", "completed"),
        ]
        files = requests.get(f"{address[1]}/runs/{runs[0]['id']}/artifacts", timeout=30).json()
        page = next(each for each in files if each["media_type"].startswith("text/html"))
        assert requests.get(address[1] + page["href"], timeout=30).status_code == 200
        assert "<title>langgraph-runner</title>" in requests.get(address[1], timeout=30).text
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)
        process.stdout.close()
