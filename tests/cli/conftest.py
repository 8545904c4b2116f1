"""A folder with a small app, and the command line in this folder: called in this process, or as a process."""

import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner
from typer.main import get_command

from langgraph_runner.cli.app import app
from tests.databases import new_postgresql, postgresql_server

__all__ = ["new_postgresql", "postgresql_server"]

COMMAND = get_command(app)
"""Made once, because typer takes 20 ms to read the signatures of all commands."""
SHOP = '''
"""A workflow with files, retries, a step that can fail, and a step that can hang."""

import asyncio
import os

from pydantic import BaseModel

from langgraph_runner.engine import RunEngine
from langgraph_runner.workflow import Workflow


class Brand(BaseModel):
    hue: int = 10
    name: str = "ACME"


class Brief(BaseModel):
    brand: Brand = Brand()
    budget: int = 10
    fails: bool = False
    hangs: bool = False


shop = Workflow("shop.v1", inputs=Brief, description="A small shop")


@shop.step(description="The colours")
def theme(brand: Brand) -> str:
    print("the theme is made")
    return f"hsl({brand.hue})"


@shop.step(retry={"max_attempts": 2, "backoff_ms": 1})
async def media(budget: int, fails: bool, hangs: bool, ctx) -> dict[str, int]:
    if hangs and not os.path.exists("go_on"):
        open("hanging", "w").close()
        await asyncio.Event().wait()
    if fails and not os.path.exists("go_on"):
        raise ValueError("no \\x1b[31mbudget\\x1b[0m [bold]at all[/bold]")
    ctx.save_artifact("ads/search.txt", "buy", "text/plain")
    return {"search": budget}


@shop.step
def bundle(theme: str, media: dict[str, int]) -> dict[str, object]:
    """Both together."""
    return {"theme": theme, "media": media}


shop.on_change("change_theme", reruns=[theme], description="Other colours")
everything = [shop]
number = 3


def engine():
    return RunEngine([shop], store="sqlite:///own.db")


def broken():
    raise KeyError("no key")


async def later():
    return engine()
'''


@dataclass
class Done:
    """The result of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        """The JSON answer."""
        return json.loads(self.out)


class Cli:
    """The command line, called in this process, in the folder of the app."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, *arguments, input=None, env=None):  # noqa: A002 - as of `subprocess.run`
        result = CliRunner().invoke(
            COMMAND, [*map(str, arguments)], input=input, env=env, prog_name="langgraph-runner"
        )
        return Done(result.exit_code, result.stdout, result.stderr)

    def run(self, *arguments, **keywords):
        """Run the workflow and return the run."""
        done = self("run", "shop.v1", "--json", *arguments, **keywords)
        assert done.out, done.err
        return done.json


@pytest.fixture
def cli(tmp_path, monkeypatch):
    """The command line in a folder with `shop.py`."""
    (tmp_path / "shop.py").write_text(SHOP)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("LANGGRAPH_RUNNER_APP", "shop:shop")
    for name in (
        "LANGGRAPH_RUNNER_ARTIFACTS",
        "LANGGRAPH_RUNNER_STORE",
        "LANGGRAPH_RUNNER_TENANT",
        "LANGGRAPH_RUNNER_DEBUG",
        "LANGGRAPH_RUNNER_SERVER",
        "LANGGRAPH_RUNNER_API_KEY",
    ):
        monkeypatch.delenv(name, raising=False)
    yield Cli(tmp_path)
    # The next test has an app of the same name in another folder.
    for name, module in [*sys.modules.items()]:
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self):
        """Return True. The environment has the size of the terminal."""
        return True


class Screen:
    """The command line in a terminal, called in this process. Stdout and stderr are separate terminals."""

    def __init__(self, monkeypatch):
        self._monkeypatch = monkeypatch

    def terminal(self, *, columns=80, lines=24, colours=False, encoding="utf-8"):
        """Replace stdout by a terminal."""
        environment = {"TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": str(lines)}
        for name, value in {**environment, "NO_COLOR": "" if colours else "1"}.items():
            self._monkeypatch.setenv(name, value)
        terminal = Terminal()
        terminal.encoding = encoding
        self._monkeypatch.setattr(sys, "stdout", terminal)
        return terminal

    def __call__(self, *arguments, answer="", **options):
        """Run a command, with an answer to its prompt."""
        out, err, stdin = self.terminal(**options), Terminal(), Terminal(answer)
        self._monkeypatch.setattr(sys, "stderr", err)
        self._monkeypatch.setattr(sys, "stdin", stdin)
        with pytest.raises(SystemExit) as ended:
            COMMAND([*arguments], prog_name="langgraph-runner")
        return Done(ended.value.code, out.getvalue(), err.getvalue())


@pytest.fixture
def screen(cli, monkeypatch):
    """The command line in a terminal, in the folder of the app."""
    del cli
    return Screen(monkeypatch)


@dataclass
class Process:
    """The command line as a process."""

    folder: Path

    def start(self, *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **environment):
        """Start the process, with pipes as stdout and stderr unless files are given."""
        return subprocess.Popen(  # noqa: S603 - ours
            [sys.executable, "-m", "langgraph_runner", *arguments],
            cwd=self.folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            text=True,
        )

    def __call__(self, *arguments, **environment):
        """Run the process to its end."""
        with self.start(*arguments, **environment) as process:
            out, err = process.communicate(timeout=60)
        return Done(process.returncode, out, err)


@pytest.fixture
def process(cli, ctrl_c):
    """The command line as a process, in the folder of the app."""
    del ctrl_c
    return Process(cli.folder)
