"""What commands print in a terminal: colours, columns that fit, prompts, and lines that can be copied."""

import json

import pytest

pytestmark = pytest.mark.req("R-54")
GREEN, YELLOW, DIM, RED = "\x1b[32m", "\x1b[33m", "\x1b[2m", "\x1b[1;31m"
MANY = """
from langgraph_runner.workflow import StepSpec, WorkflowSpec

def work(inputs):
    return 1

def fail(inputs):
    raise ValueError("no luck")

def steps(count, run):
    return tuple(StepSpec(id=f"s{i}", run=run) for i in range(count))

failing = WorkflowSpec(id="failing", steps=steps(7, fail))
mixed = WorkflowSpec(
    id="mixed",
    steps=(
        StepSpec(id="bad", run=fail),
        StepSpec(id="next", run=work, depends_on=("bad",)),
        StepSpec(id="else", run=fail, fallback=lambda: 1),
    ),
)
large = WorkflowSpec(id="large", steps=(*steps(50, work), StepSpec(id="bad", run=fail)))
"""


@pytest.fixture
def many(cli):
    """An app of workflows with many steps."""
    (cli.folder / "many.py").write_text(MANY)
    return "many"


def test_a_plan_is_in_the_colours_of_a_diff(cli, screen):
    """Green runs, yellow may run, reused is dim."""
    cli.run()
    out = screen("plan", "last", "change_theme", "--set", "brand.hue=99", colours=True).out
    assert f"{GREEN}+\x1b[0m  {GREEN}theme" in out
    assert f"{YELLOW}~\x1b[0m  {YELLOW}bundle" in out
    assert f"{DIM}=\x1b[0m  {DIM}media" in out


def test_the_critical_path_of_a_timeline_is_red(cli, screen):
    """Its steps have a red star and a red bar."""
    cli.run()
    lines = screen("timeline", "last", colours=True).out.splitlines()
    path = cli("timeline", "last", "--json").json["critical_path"]
    starred = [line for line in lines[1:-1] if line.startswith(f"{RED}*")]
    assert [line.count(f"{RED}█") for line in starred] == [1] * len(path)
    assert all(any(step in line for line in starred) for step in path)


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 200])
@pytest.mark.parametrize("command", [("steps", "last"), ("timeline", "last")], ids=" ".join)
def test_no_row_is_broken_in_a_narrow_terminal(cli, screen, command, columns):
    """Columns are left out, and names are cut."""
    cli.run()
    lines = screen(*command, columns=columns).out.splitlines()
    width = max(columns, 30 if command[0] == "timeline" else 0)
    assert max(map(len, lines)) <= width


@pytest.mark.parametrize("columns", [40, 80, 120])
@pytest.mark.parametrize("option", [(), ("--out", "a folder of its own/" * 5)], ids=["kept", "copied"])
def test_the_location_of_a_file_is_not_broken(cli, screen, columns, option):
    """If the table does not fit, the location is on a separate line, so that it can be copied."""
    cli.run()
    lines = screen("artifacts", "last", *option, columns=columns).out.splitlines()
    assert lines[0] == "media/ads/search.txt  3 B  text/plain"
    uri = cli("artifacts", "last", "--json").json["media"][0]["uri"]
    assert lines[1:] == [f"  {option[1]}media/ads/search.txt" if option else f"  {uri}"]


def test_files_are_a_table_in_a_wide_terminal(cli, screen):
    """The table has the locations of the files."""
    cli.run()
    titles, row = screen("artifacts", "last", columns=300).out.splitlines()
    assert titles.split() == ["step", "name", "size", "type", "location"]
    assert row.split()[-1].startswith("file:///")


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 120])
def test_the_status_of_a_step_is_never_left_out(many, screen, columns):
    """This holds for errors of any length. Next to an error the label is short."""
    screen("run", "mixed", "--app", f"{many}:mixed")
    lines = screen("steps", "last", columns=columns).out.splitlines()
    assert "status" in lines[0]
    blocked = next(line for line in lines if line.startswith("○"))
    assert ("blocked:" in blocked, "blocked" in blocked) == (columns < 60, True)


@pytest.mark.parametrize(("columns", "is_beside"), [(40, False), (59, False), (60, True), (120, True)])
def test_errors_are_below_the_steps_in_a_narrow_terminal(many, screen, columns, is_beside):
    """Each error is a separate line."""
    screen("run", "mixed", "--app", f"{many}:mixed")
    out = screen("steps", "last", columns=columns).out
    assert ("error" in out.splitlines()[0], "NODE_EXECUTION_FAILED at bad:" in out) == (
        is_beside,
        not is_beside,
    )


def test_long_needs_leave_room_for_the_description(cli, screen):
    """They wrap, and names are not broken."""
    (cli.folder / "wide.py").write_text(
        "from langgraph_runner.workflow import StepSpec, WorkflowSpec\n"
        "def work(inputs): ...\n"
        "names = [f'a_step_{i}' for i in range(9)]\n"
        "last = StepSpec(id='the_last_step', run=work, depends_on=tuple(names), description='All of them.')\n"
        "x = WorkflowSpec(id='wide', steps=(*(StepSpec(id=n, run=work) for n in names), last))\n"
    )
    out = screen("workflows", "wide", "--app", "wide:x", columns=60).out
    assert "the_last_step" in out
    assert "All of them." in out
    assert all(f"a_step_{i}" in out for i in range(9))


def test_json_is_indented_in_a_terminal(cli, screen):
    """In a pipe it is one line."""
    cli.run()
    out = screen("status", "last", "--json").out
    assert out.startswith('{\n  "id": ')
    assert json.loads(out) == cli("status", "last", "--json").json


def test_a_suggested_command_is_not_broken(cli, screen):
    """It can be copied from any terminal."""
    run = cli.run("--set", "fails=true")
    for command in (["status", "last"], ["run", "shop.v1", "--set", "fails=true"]):
        again = f"langgraph-runner retry {run['id'] if command[0] == 'status' else ''}"
        assert again in screen(*command, columns=40).out


@pytest.mark.parametrize("columns", [20, 40, 60])
@pytest.mark.parametrize(
    "command", ["runs", "status last", "status nope-nope-nope-nope-nope-nope", "run shop.v1"]
)
def test_an_id_is_not_broken(cli, screen, command, columns):
    """It can be copied from any terminal."""
    cli.run()
    done = screen(*command.split(), columns=columns)
    run_id = cli("status", "last", "--json").json["id"]
    shown = done.out.rpartition("\x1b[2K")[2] + done.err
    assert ("nope-nope-nope-nope-nope-nope" if "nope" in command else run_id) in shown


@pytest.mark.parametrize(
    ("columns", "titles"),
    [
        (36, ["run"]),
        (50, ["run", "workflow"]),
        (60, ["run", "workflow", "status"]),
        (80, ["run", "workflow", "status", "created", "took"]),
        (100, ["run", "workflow", "status", "created", "took", "trigger"]),
    ],
)
def test_the_least_important_columns_of_runs_are_left_out_first(cli, screen, columns, titles):
    """No column is broken."""
    cli.run()
    assert screen("runs", columns=columns).out.splitlines()[0].split() == titles


def test_long_inputs_are_cut(cli, screen):
    """With `--json` they are complete."""
    cli.run("--set", f"brand.name={'x' * 5000}")
    for out in (cli("status", "last").out, screen("status", "last").out):
        assert "... (use --json for all of it)" in " ".join(out.split())
        assert out.count("x") < 400
    assert cli("status", "last", "--json").json["inputs"]["brand"]["name"] == "x" * 5000


def test_each_failed_step_is_shown_once(many, screen):
    """Below the table: the first five errors, then the command that lists all."""
    done = screen("run", "failing", "--app", f"{many}:failing", columns=200)
    assert done.code == 1
    errors = [line for line in done.out.splitlines() if "no luck" in line]
    assert [line.partition(":")[0] for line in errors] == [f"NODE_EXECUTION_FAILED at s{i}" for i in range(5)]
    assert "and 2 more failed steps: langgraph-runner steps " in done.out


def test_only_steps_without_output_of_a_large_run_are_listed(many, screen):
    """The others are counted."""
    done = screen("run", "large", "--app", f"{many}:large")
    assert done.code == 1
    lines = done.out.rpartition("\x1b[2K")[2].splitlines()
    assert lines[1].startswith("✗  bad")
    assert "and 50 more steps" in lines


@pytest.mark.parametrize(
    ("answer", "code", "runs"), [("y\n", 0, 2), ("n\n", 6, 1), ("\n", 6, 1)], ids=["yes", "no", "nothing"]
)
def test_a_terminal_gets_a_prompt(cli, screen, answer, code, runs):
    """Any answer but yes does nothing, and exits like a cancellation."""
    cli.run()
    done = screen("update", "last", "change_theme", "--set", "brand.hue=99", answer=answer)
    assert (done.code, "Run this plan? [y/N]" in done.err) == (code, True)
    assert done.err.endswith("Nothing was done.\n") == (code == 6)
    assert "Error" not in done.err
    assert len(cli("runs", "--json").json) == runs


def test_an_unanswered_prompt_does_nothing(cli, screen):
    """An example is Ctrl-D."""
    cli.run()
    done = screen("prune", "--older-than", "0s", answer="")
    assert (done.code, done.err.endswith("\nNothing was done.\n")) == (130, True)
    assert len(cli("runs", "--json").json) == 1


def test_a_problem_is_coloured_unless_no_color_is_set(screen):
    """With NO_COLOR it has no escape sequence."""
    assert screen("run", "shop.v2", colours=True).err.startswith(f"{RED}Error: \x1b[0mThere is no workflow")
    assert screen("run", "shop.v2").err.startswith("Error: There is no workflow")


def test_runs_have_their_age_in_a_terminal(cli, screen):
    """A pipe gets the time."""
    cli.run()
    assert " s ago" in screen("runs", columns=120).out
    assert " s ago" not in cli("runs").out


def test_a_cache_key_is_not_broken(cli, screen):
    """It can be copied from any terminal."""
    cli.run()
    key = cli("steps", "last", "media", "--json").json["cache_key"]
    assert key in screen("steps", "last", "media", columns=40).out
