"""The command line as a process: signals, pipes, terminals, and packages that are missing."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.req("R-54")
ROOT = Path(__file__).parent.parent.parent


def read_until(process, text, stream=None):
    """Read lines of stdout, or of another stream, up to one with `text`."""
    for line in stream or process.stdout:
        if text in line:
            return
    raise AssertionError(process.stderr.read())


def in_terminal(folder, *arguments, columns=80, **environment):
    """Run a command in a terminal. Return the exit code and the output."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        # A new environment, because readline sets COLUMNS and LINES where `os.environ` does not show them.
        kept = {
            name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES", "NO_COLOR"}
        }
        command = [sys.executable, "-m", "langgraph_runner", *arguments]
        os.execve(sys.executable, command, {**kept, "TERM": "xterm-256color", **environment})  # noqa: S606 - ours
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    written = b""
    while select.select([terminal], [], [], 60)[0]:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # Linux raises this at the end of the output.
            break
        written += piece
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), written.decode()


def test_the_console_script_is_the_command_line():
    """The entry point that an installer uses."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    module, _, function = scripts["langgraph-runner"].partition(":")
    code = f"import sys; sys.argv = ['langgraph-runner', '--help']; from {module} import {function} as f; f()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.startswith("Usage: langgraph-runner [OPTIONS] COMMAND")


@pytest.mark.parametrize("missing", ["typer", "rich", "sqlalchemy"])
def test_a_missing_extra_is_named(missing):
    """The message is one line without a traceback."""
    code = f"import sys; sys.modules[{missing!r}] = None; from langgraph_runner.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 8
    assert done.stderr == f"langgraph-runner needs {missing}: pip install 'langgraph-runner[cli]'\n"


def test_the_package_imports_neither_typer_nor_rich():
    """They belong to the extra."""
    code = (
        "import sys, langgraph.graph, langgraph.runtime, langchain_core.runnables\n"
        "before = set(sys.modules)\n"
        "import langgraph_runner, langgraph_runner.engine, langgraph_runner.cli\n"
        "print({'typer', 'rich'} & set(sys.modules) - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout == "set()\n"


@pytest.mark.req("R-51")
def test_one_interrupt_cancels_the_run(process, cli):
    """The command prints that it cancels the run, and the next command."""
    with process.start("run", "shop.v1", "--set", "hangs=true") as running:
        read_until(running, "media started")
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30)
    assert (running.returncode, "Press Ctrl-C again to leave the run." in err) == (6, True)
    assert "■ shop.v1 cancelled" in out
    run = cli("status", "last", "--json").json
    assert (run["status"], run["cancel_reason"]) == ("cancelled", "interrupted (Ctrl-C)")
    assert f"langgraph-runner retry {run['id']}" in out


@pytest.fixture(
    params=[signal.SIG_IGN, signal.default_int_handler, lambda *_: None], ids=["ignored", "default", "own"]
)
def sigint_before(request):
    """The handler of SIGINT before the command line is called."""
    before = signal.signal(signal.SIGINT, request.param)
    yield request.param
    signal.signal(signal.SIGINT, before)


def test_the_handler_of_ctrl_c_is_restored(cli, sigint_before):
    """An ignored signal stays ignored during the command and after it."""
    assert cli("run", "shop.v1").code == 0
    assert signal.getsignal(signal.SIGINT) == sigint_before


def test_a_run_in_the_background_is_not_interrupted(process, cli):
    """A shell starts background jobs with SIGINT ignored: Ctrl-C is meant for the foreground."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        running = process.start("run", "shop.v1", "--set", "hangs=true")
    finally:
        signal.signal(signal.SIGINT, before)
    with running:
        read_until(running, "media started")
        running.send_signal(signal.SIGINT)
        running.send_signal(signal.SIGTERM)
        _, err = running.communicate(timeout=30)
    assert (running.returncode, "Cancelling" in err) == (130, False)
    assert cli("status", "last", "--json").json["status"] == "running"


STUBBORN = """
from langgraph_runner.workflow import Workflow
import asyncio

flow = Workflow("stubborn")

@flow.step
async def stay():
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            print("not yet", flush=True)
"""


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
def test_further_interrupts_leave_a_step_that_does_not_stop(process, cli, first):
    """This holds after a Ctrl-C and after a termination signal."""
    (cli.folder / "stubborn.py").write_text(STUBBORN)
    with process.start("run", "stubborn", "--app", "stubborn:flow") as running:
        read_until(running, "stay started")
        running.send_signal(first)
        read_until(running, "not yet")
        if first == signal.SIGINT:
            running.send_signal(signal.SIGINT)
        read_until(running, "Left the run before it ended.", running.stderr)
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=30) == 130


@pytest.mark.req("R-42")
def test_a_terminated_command_gives_up_its_run_at_once(process, cli):
    """The run can be resumed without waiting for the lease to expire."""
    with process.start("run", "shop.v1", "--set", "hangs=true") as running:
        read_until(running, "media started")
        running.send_signal(signal.SIGTERM)
        _, err = running.communicate(timeout=30)
    assert (running.returncode, "Left the run before it ended. Resume it: " in err) == (130, True)
    assert "If its process died: langgraph-runner resume" in cli("status", "last").out
    (cli.folder / "go_on").touch()
    resumed = cli("resume", "last")
    assert (resumed.code, "theme completed" in resumed.out, "media completed" in resumed.out) == (
        0,
        False,
        True,
    )


LEASED = """
from langgraph_runner.engine import RunEngine
from shop import shop

def engine():
    return RunEngine([shop], store="sqlite:///leased.db", lease_ms=3_000)
"""


@pytest.mark.req("R-42")
def test_the_run_of_a_killed_process_needs_wait(process, cli):
    """Until the lease expires, `resume` is refused and `resume --wait` waits."""
    (cli.folder / "leased.py").write_text(LEASED)
    app = ("--app", "leased:engine")
    with process.start("run", "shop.v1", "--set", "hangs=true", *app) as running:
        read_until(running, "media started")
        running.kill()
    (cli.folder / "go_on").touch()
    refused = cli("resume", "last", *app)
    assert (refused.code, "`--wait`" in refused.err) == (5, True)
    assert cli("resume", "last", "--wait", "--json", *app).json["status"] == "completed"


@pytest.mark.parametrize("command", [("events", "last"), ("runs", "--json"), ("run", "--help")], ids=" ".join)
def test_a_closed_pipe_is_not_a_failure(process, cli, command):
    """An example is `| head -1`, also under `pipefail`."""
    cli.run()
    with process.start(*command, PYTHONUNBUFFERED="1") as running:
        running.stdout.close()
        assert running.stderr.read() == ""
        running.wait(timeout=30)
    assert running.returncode == 0


def test_following_events_ends_with_a_closed_pipe(process, cli):
    """The run may continue for long."""
    cli.run("--detach")
    with process.start("events", "last", "--follow") as running:
        running.stdout.close()
        assert running.wait(timeout=30) == 0


CHATTY = """
from langgraph_runner.workflow import Workflow
import asyncio, os
from pathlib import Path

flow = Workflow("chatty")

@flow.step(effects=False)
async def talk():
    await asyncio.to_thread(Path("go_on").read_text)
    print("word " * 20_000, flush=True)
    if os.path.exists("fail"):
        raise ValueError("no more words")
"""


@pytest.mark.parametrize("status", ["completed", "failed"])
def test_a_run_continues_after_a_closed_pipe(process, cli, status):
    """It ends normally and without a message, also if a step prints. The exit code is that of the run."""
    (cli.folder / "chatty.py").write_text(CHATTY)
    os.mkfifo(cli.folder / "go_on")  # The step reads from the named pipe, so it waits until the test writes.
    if status == "failed":
        (cli.folder / "fail").touch()
    with process.start("run", "chatty", "--app", "chatty:flow") as running:
        read_until(running, "talk started")
        running.stdout.close()
        (cli.folder / "go_on").write_text("")
        assert running.stderr.read() == ""
        running.wait(timeout=30)
    assert running.returncode == (0 if status == "completed" else 1)
    assert cli("status", "last", "--json").json["status"] == status


def test_a_closed_stdout_is_not_a_failure(process, cli):
    """An example is `>&-`."""
    cli.run()
    command = f'"{sys.executable}" -m langgraph_runner runs >&-'
    done = subprocess.run(command, shell=True, cwd=cli.folder, capture_output=True, text=True, check=False)  # noqa: S602 - ours
    assert (done.returncode, done.stderr) == (0, "")


def test_a_terminal_gets_a_live_table(cli):
    """A progress bar during the run, and the steps at its end."""
    code, written = in_terminal(cli.folder, "run", "shop.v1")
    assert code == 0
    assert "\x1b[?25l" in written  # The cursor is hidden while the table is shown.
    assert "/3  " in written
    assert "━" in written
    assert "\x1b[32m✓" in written
    assert "run created" not in written


@pytest.mark.parametrize(("columns", "has_frames"), [(60, False), (80, True)])
def test_help_has_frames_in_a_wide_terminal(cli, columns, has_frames):
    """Names of options are not cut."""
    _, written = in_terminal(cli.folder, "run", "--help", columns=columns, NO_COLOR="1")
    assert ("╭─" in written) == has_frames
    assert "--idempotency-key" in re.sub(r"\x1b\[[0-9;]*m", "", written)


def test_no_color_removes_all_colours(cli):
    """This also holds in a terminal."""
    cli.run()
    _, written = in_terminal(cli.folder, "steps", "last", NO_COLOR="1")
    assert "✓" in written
    assert "\x1b" not in written


def test_output_fits_the_terminal(cli):
    """The width is that of the terminal, without a variable."""
    cli.run()
    _, written = in_terminal(cli.folder, "steps", "last", columns=20, NO_COLOR="1")
    lines = [line for line in written.splitlines() if line.strip()]
    assert max(map(len, lines)) <= 20


def test_a_stream_without_unicode_gets_ascii(process, cli):
    """There is no encoding error."""
    cli.run("--set", "brand.name=Ünï")
    done = process("status", "last", PYTHONIOENCODING="ascii")
    assert (done.code, done.out.splitlines()[0]) == (0, "+ shop.v1 completed")
    assert "?n?" in done.out
    assert process("timeline", "last", PYTHONIOENCODING="ascii").code == 0


def test_a_thousand_steps_are_followed(process, cli):
    """A pipe gets a line for each event; a terminal as many steps as fit."""
    (cli.folder / "big.py").write_text(
        "from langgraph_runner.workflow import StepSpec, WorkflowSpec\n"
        "def work(inputs):\n    return 1\n"
        "x = WorkflowSpec(id='big', steps=tuple(StepSpec(id=f's{i}', run=work) for i in range(1000)))\n"
    )
    done = process("run", "big", "--app", "big:x")
    assert done.code == 0
    assert done.out.count(" completed (") == 1000
    code, written = in_terminal(cli.folder, "run", "big", "--app", "big:x", "--input", '{"a": 1}')
    assert code == 0
    assert "1000 completed" in written
    assert " more steps" in written


def test_an_unexpected_error_is_one_line(cli, monkeypatch):
    """With LANGGRAPH_RUNNER_DEBUG it is a traceback."""

    def fail(*_, **__):
        raise ZeroDivisionError("by zero\nand more")

    monkeypatch.setattr("langgraph_runner.engine.RunEngine.list_runs", fail)
    cli.run("--detach")
    done = cli("runs")
    assert (done.code, done.err) == (
        8,
        "Error: ZeroDivisionError: by zero (set LANGGRAPH_RUNNER_DEBUG=1 for a traceback)\n",
    )
    assert cli("runs", env={"LANGGRAPH_RUNNER_DEBUG": "1"}).err == ""
