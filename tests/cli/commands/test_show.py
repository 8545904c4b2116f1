"""Commands that only read."""

import contextlib
import json
import sqlite3
import sys

import pytest

from langgraph_runner.engine import Run, RunEvent, RunStep
from tests.memory_filesystem import memory_prefix

__all__ = ["memory_prefix"]
pytestmark = pytest.mark.req("R-54")


def test_status_shows_a_run(cli):
    """The output is a list of fields or JSON."""
    run = cli.run("--tenant", "acme", "--set", "budget=4")
    done = cli("status", run["id"], "--tenant", "acme")
    assert done.out.startswith("✓ shop.v1 completed\n")
    assert f"run      {run['id']}\n" in done.out
    assert "tenant   acme\n" in done.out
    assert '"budget": 4' in done.out
    assert Run.model_validate_json(cli("status", "last", "--tenant", "acme", "--json").out).id == run["id"]


def test_status_of_an_update_names_its_base_and_its_change(cli):
    """The base and the change are two fields."""
    base = cli.run()
    cli("update", "last", "change_theme", "--set", "brand.hue=99", "--yes")
    out = cli("status", "last").out
    assert f"base run  {base['id']}\n" in out
    assert 'change    change_theme {"brand": {"hue": 99}}\n' in out


def test_control_characters_are_escaped(cli):
    """Text of a user cannot command the terminal."""
    cli.run("--detach")
    out = cli("cancel", "last", "--reason", "no \x1b]0;title\x07 \N{RIGHT-TO-LEFT OVERRIDE}").out
    assert r"cancelled  no \x1b]0;title\x07 \u202e" in out
    assert "\x1b" not in out


def test_steps_are_listed_in_columns(cli):
    """One line for each step, without blanks at its end."""
    cli.run("--set", "fails=true")
    lines = cli("steps", "last").out.splitlines()
    assert lines[0].split() == ["step", "status", "took", "attempts", "error"]
    assert lines[1].startswith("✓  theme   completed")
    assert lines[3] == "○  bundle  blocked: a dependency failed"
    assert [line for line in lines if line != line.rstrip()] == []


def test_an_error_of_several_lines_is_one_row(cli):
    """Each line of the table begins with the mark of a step."""
    (cli.folder / "lines.py").write_text(
        "from langgraph_runner.workflow import Workflow\nflow = Workflow('lines')\n"
        "@flow.step\ndef a(inputs): raise ValueError('one\\n\\ttwo')\n"
    )
    cli("run", "lines", "--app", "lines:flow")
    lines = cli("steps", "last").out.splitlines()
    assert (len(lines), lines[1].endswith("ValueError: one two")) == (2, True)


def test_a_reason_of_several_lines_is_one_field(cli):
    """An event with such a reason is one line."""
    cli.run("--detach")
    assert "cancelled  one two\n" in cli("cancel", "last", "--reason", "one\ntwo").out
    assert len(cli("events", "last").out.splitlines()) == len(
        cli("events", "last", "--json").out.splitlines()
    )


def test_steps_are_listed_by_status(cli):
    """Several statuses may be given."""
    cli.run("--set", "fails=true")
    listed = cli("steps", "last", "--status", "failed", "--status", "skipped", "--json").json
    assert [RunStep.model_validate(each).step for each in listed] == ["media", "bundle"]


def test_one_step_is_shown_with_its_output(cli):
    """The JSON answer is the step with one more field."""
    cli.run()
    out = cli("steps", "last", "media").out
    assert out.startswith("✓ media completed\n")
    assert '{\n  "search": 10\n}' in out
    shown = cli("steps", "last", "media", "--json").json
    assert (shown["step"], shown["output"]) == ("media", {"search": 10})


def test_a_step_that_failed_has_an_error_and_no_output(cli):
    """The error names the step."""
    cli.run("--set", "fails=true")
    out = cli("steps", "last", "media").out
    assert "NODE_EXECUTION_FAILED at media: " in out
    assert cli("steps", "last", "media", "--json").json["output"] is None


def test_files_are_listed_and_copied_out(cli):
    """Copies are at STEP/NAME."""
    cli.run()
    assert "media  ads/search.txt   3 B  text/plain  file://" in cli("artifacts", "last").out
    done = cli("artifacts", "last", "--out", "files", "--json")
    assert done.json["media"][0]["size"] == 3
    assert (cli.folder / "files" / "media" / "ads" / "search.txt").read_text() == "buy"


def test_a_copied_file_is_shown_with_the_path_of_the_copy(cli):
    """The path in the store is not shown."""
    cli.run()
    out = cli("artifacts", "last", "--out", "files").out
    assert out.splitlines()[1].split() == [
        "media", "ads/search.txt", "3", "B", "text/plain", "files/media/ads/search.txt"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("folder", "problem"),
    [
        ("shop.py", "--out must be a folder, got the file shop.py."),
        ("half", "--out cannot be written: [Errno "),
    ],
)
def test_a_folder_that_cannot_be_written_is_refused(cli, folder, problem):
    """It is a file, or a file is in the way."""
    cli.run()
    (cli.folder / "half").mkdir()
    (cli.folder / "half" / "media").touch()
    done = cli("artifacts", "last", "--out", folder)
    assert (done.code, problem in done.err) == (8, True)


def test_a_run_without_files_has_no_table(cli):
    """A sentence says that there are none."""
    cli.run("--detach")
    assert cli("artifacts", "last").out == "The run saved no files.\n"


def test_a_missing_file_is_an_error(cli):
    """The message says how to get it again."""
    cli.run()
    for path in (cli.folder / "runs.db.artifacts").rglob("*"):
        if path.is_file():
            path.unlink()
    done = cli("artifacts", "last", "--out", "files", "--json")
    error = json.loads(done.err)
    assert (done.code, error["code"]) == (8, "ARTIFACT_FAILED")
    assert error["message"].endswith(". A further run makes it again.")


def test_events_are_one_line_each(cli):
    """This also holds for JSON. `--after` leaves out earlier events."""
    cli.run()
    lines = cli("events", "last").out.splitlines()
    assert lines[0].split()[0] == "1"
    assert lines[0].endswith("run_created      workflow=shop.v1 trigger=manual")
    listed = [RunEvent.model_validate_json(line) for line in cli("events", "last", "--json").out.splitlines()]
    assert [event.seq for event in listed] == list(range(1, len(lines) + 1))
    assert len(cli("events", "last", "--after", "3", "--follow").out.splitlines()) == len(lines) - 3


def test_runs_are_listed_the_newest_first(cli):
    """Filtered by workflow and status, page by page."""
    first, second = cli.run(), cli.run("--set", "fails=true")
    assert [run["id"] for run in cli("runs", "--json").json] == [second["id"], first["id"]]
    assert [run["id"] for run in cli("runs", "--status", "completed", "--json").json] == [first["id"]]
    assert cli("runs", "--workflow", "other", "--json").json == []
    assert [run["id"] for run in cli("runs", "--before", second["id"], "--json").json] == [first["id"]]
    lines = cli("runs", "-n", "1").out.splitlines()
    assert lines[0].split() == ["run", "workflow", "status", "created", "took", "trigger"]
    assert lines[1].startswith(f"✗  {second['id']}  shop.v1   failed")
    assert len(lines) == 2


def test_no_runs_have_no_table(cli):
    """A sentence says that there are none."""
    run = cli.run()
    assert cli("runs", "--tenant", "other").out == "No runs.\n"
    assert run["status"] == "completed"


def test_workflows_are_listed(cli):
    """The list has their descriptions."""
    assert cli("workflows").out.splitlines()[1].split() == ["shop.v1", "1", "3", "1", "A", "small", "shop"]
    assert [each["id"] for each in cli("workflows", "--json").json] == ["shop.v1"]


def test_no_workflows_have_no_table(cli):
    """A sentence says that there are none."""
    (cli.folder / "empty.py").write_text("x = []\n")
    assert cli("workflows", "--app", "empty:x").out == "No workflows.\n"


def test_one_workflow_is_shown_with_its_steps_changes_and_inputs(cli):
    """The JSON answer has the schema of the inputs."""
    out = cli("workflows", "shop.v1").out
    assert "bundle  theme, media  Both together." in out
    assert "change_theme  theme   Other colours" in out
    assert "brand     Brand\n" in out
    shown = cli("workflows", "shop.v1", "--json").json
    assert shown["steps"][2]["depends_on"] == ["theme", "media"]
    assert shown["inputs"]["properties"]["budget"]["type"] == "integer"


def test_one_workflow_is_shown_with_the_options_of_its_steps(cli):
    """In a table of their own, with the steps that have any."""
    (cli.folder / "careful.py").write_text(
        "from langgraph_runner import Workflow\ncareful = Workflow('careful')\n"
        "def guess(inputs) -> int: return 0\n"
        "@careful.step(retry=3, timeout_ms=500, total_timeout_ms=2_000, fallback=guess, queue='gpu')\n"
        "def count(inputs) -> int: return 1\n"
        "@careful.step\ndef show(count): ...\n"
    )
    out = cli("workflows", "careful", "--app", "careful:careful").out
    assert "count  3 attempts, timeout 500 ms, total timeout 2.0 s, fallback guess, queue gpu\n" in out
    assert out.count("\nshow") == 1
    step = cli("workflows", "careful", "--app", "careful:careful", "--json").json["steps"][0]
    assert (step["retry"]["max_attempts"], step["output"]) == (3, {"type": "integer"})


def test_a_workflow_without_changes_and_inputs_has_no_tables_of_them(cli):
    """A field that may have several types is shown with all of them."""
    (cli.folder / "small.py").write_text(
        "from pydantic import BaseModel\nfrom langgraph_runner.workflow import Workflow\n"
        "class Brief(BaseModel):\n    limit: int | None = None\n    more: object = None\n"
        "bare, typed = Workflow('bare'), Workflow('typed', inputs=Brief)\n"
        "@bare.step\n@typed.step\ndef a(): ...\nx = [bare, typed]\n"
    )
    assert cli("workflows", "bare", "--app", "small:x").out == (
        "bare version 1\n\nstep  needs  description\na\n"
    )
    lines = cli("workflows", "typed", "--app", "small:x").out.splitlines()
    assert lines[-2:] == ["limit    integer or null", "more     any"]


def test_reading_creates_no_database(cli):
    """The message names the missing file."""
    done = cli("status", "last", env={"LANGGRAPH_RUNNER_APP": None})
    assert (done.code, "There is no database at runs.db" in done.err) == (3, True)
    assert not (cli.folder / "runs.db").exists()


def test_reading_needs_no_app(cli):
    """The database is enough."""
    run = cli.run()
    none = {"LANGGRAPH_RUNNER_APP": None}
    for command in ("status", "steps", "events", "artifacts", "cancel"):
        assert cli(command, run["id"], env=none).code == (5 if command == "cancel" else 0)
    assert cli("steps", run["id"], "media", "--json", env=none).json["output"] == {"search": 10}
    assert cli("runs", env=none).code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        (["status", "nope"], 3, "RUN_NOT_FOUND"),
        (["steps", "nope"], 3, "RUN_NOT_FOUND"),
        (["artifacts", "nope"], 3, "RUN_NOT_FOUND"),
        (["events", "nope"], 3, "RUN_NOT_FOUND"),
        (["timeline", "nope"], 3, "RUN_NOT_FOUND"),
        (["cancel", "nope"], 3, "RUN_NOT_FOUND"),
        (["plan", "nope", "change_theme"], 3, "RUN_NOT_FOUND"),
        (["runs", "--before", "nope"], 3, "RUN_NOT_FOUND"),
        (["graph", "shop.v1", "--run", "nope"], 3, "RUN_NOT_FOUND"),
        (["graph", "shop"], 3, "WORKFLOW_UNKNOWN"),
        (["workflows", "shop"], 3, "WORKFLOW_UNKNOWN"),
        (["steps", "last", "thema"], 3, "STEP_NOT_FOUND"),
        (["steps", "last", "qqq"], 3, "STEP_NOT_FOUND"),
        (["plan", "last", "paint"], 4, "VALIDATION_FAILED"),
        (["graph", "shop.v1", "--out", "x.svg"], 2, "USAGE"),
        (["graph", "shop.v1", "--format", "mermaid"], 2, "USAGE"),
        (["timeline", "last", "--format", "svg"], 2, "USAGE"),
        (["status", "last", "--tenant", ""], 2, "USAGE"),
        (["status", ""], 2, "USAGE"),
        (["cancel", "last", "--reason", "x" * 2001], 2, "USAGE"),
        (["runs", "--before", "\udcff"], 2, "USAGE"),
        (["artifacts", "last", "--out", "shop.py"], 8, "FILE_FAILED"),
        (["status", "last", "--store", "mysql://x"], 2, "STORE_INVALID"),
        (["status", "last", "--store", "nonsense"], 2, "STORE_INVALID"),
        (["db", "current", "--store", "nonsense"], 2, "STORE_INVALID"),
        (["status", "last", "--store", "sqlite:///shop.py"], 8, "DATABASE_FAILED"),
        (["db", "current", "--store", "sqlite:///shop.py/x.db"], 8, "FILE_FAILED"),
        (["db", "upgrade", "--store", "postgresql://localhost:1/x"], 8, "NOT_INSTALLED"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_an_error_is_one_line_with_a_code(cli, monkeypatch, arguments, code, problem):
    """The exit code belongs to the code of the error."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    cli.run()
    done = cli(*arguments, "--json")
    assert (done.code, done.out) == (code, "")
    error = json.loads(done.err)
    assert (error["code"], error["exit_code"]) == (problem, code)
    if problem != "USAGE":
        assert cli(*arguments).err == f"Error: {error['message']}\n"


def test_a_foreign_database_is_not_changed(cli):
    """It has tables of another program. The message says that it has no schema."""
    with contextlib.closing(sqlite3.connect("theirs.db")) as theirs:
        theirs.execute("CREATE TABLE things (x)")
        done = cli("runs", "--store", "sqlite:///theirs.db")
        tables = theirs.execute("SELECT name FROM sqlite_master").fetchall()
    assert (done.code, done.out, tables) == (8, "", [("things",)])
    assert "no schema of langgraph-runner" in done.err


def test_a_drawing_that_cannot_be_written_is_an_error(cli):
    """Its folder does not exist."""
    done = cli("graph", "shop.v1", "--out", "no/such/folder.svg", "--format", "svg")
    assert (done.code, done.err.startswith("Error: --out cannot be written: [Errno 2]")) == (8, True)


def test_a_step_is_shown_with_its_stack(cli):
    """The stack has the line of the app."""
    cli("run", "shop.v1", "--set", "fails=true")
    out = cli("steps", "last", "media").out
    assert "Traceback (most recent call last):\n" in out
    assert 'shop.py", line 40, in media\n' in out


def test_a_state_has_one_label_everywhere(cli):
    """A blocked step is `blocked` in each view, and for the filter."""
    cli.run()
    cli("run", "shop.v1", "--set", "fails=true")
    assert "  1 cached, 1 failed, 1 blocked\n" in cli("status", "last").out
    assert "skipped" not in cli("status", "last").out + cli("steps", "last").out + cli("timeline", "last").out
    assert [step["step"] for step in cli("steps", "last", "--status", "blocked", "--json").json] == ["bundle"]
    assert [step["step"] for step in cli("steps", "last", "--status", "skipped", "--json").json] == [
        "theme",
        "bundle",
    ]


LOOKING = ["status", "steps", "artifacts", "events", "timeline"]


@pytest.mark.parametrize("command", LOOKING)
def test_a_command_that_reads_does_not_load_the_app(cli, monkeypatch, command):
    """With `--store`, the variable may name an app that cannot be imported."""
    cli.run()
    monkeypatch.delenv("LANGGRAPH_RUNNER_APP")
    assert cli(command, "last").code == 0
    monkeypatch.setenv("LANGGRAPH_RUNNER_APP", "no_such_module:app")
    if command != "timeline":  # It takes what steps need from the app.
        assert cli(command, "last", "--store", "sqlite:///runs.db").code == 0


def test_a_timeline_without_an_app_has_bars_only(cli, monkeypatch):
    """The database does not have the dependencies. The output says so."""
    cli.run()
    monkeypatch.delenv("LANGGRAPH_RUNNER_APP")
    drawn = cli("timeline", "last", "--json").json
    steps = [bar["step"] for bar in drawn["bars"]]
    assert (sorted(steps[:2]), steps[2], drawn["critical_path"]) == (["media", "theme"], "bundle", [])
    assert "Give --app" in cli("timeline", "last").out


@pytest.mark.req("R-56")
def test_runs_are_found_by_tag_failed_step_error_and_age(cli):
    """Filters are combined. A tag must be NAME=VALUE."""
    run = cli.run("--tag", "customer=acme", "--tag", "plan=a=b")
    assert run["tags"] == {"customer": "acme", "plan": "a=b"}
    found = cli("runs", "--tag", "customer=acme", "--tag", "plan=a=b", "--since", "1h", "--json").json
    assert [each["id"] for each in found] == [run["id"]]
    assert cli("runs", "--tag", "customer=other", "--json").json == []
    assert cli("runs", "--tag", "customer=acme", "--failed-step", "theme", "--json").json == []
    assert cli("runs", "--tag", "customer=acme", "--error", "down", "--json").json == []
    refused = cli("runs", "--tag", "customer")
    assert (refused.code, "--tag must be NAME=VALUE" in refused.err) == (2, True)
    refused = cli("runs", "--tag", "customer=acme", "--tag", "customer=eve")
    assert (refused.code, "--tag must have one value for a name" in refused.err) == (2, True)


def test_the_files_of_a_tenant_are_copied_out(cli):
    """This also holds for a tenant that is not the default."""
    run = cli.run("--tenant", "acme")["id"]
    assert cli("artifacts", run, "--out", "files", "--tenant", "acme").code == 0
    assert (cli.folder / "files/media/ads/search.txt").read_text() == "buy"


@pytest.mark.parametrize("is_option", [True, False], ids=["option", "variable"])
def test_files_may_be_in_an_object_store(cli, memory_prefix, monkeypatch, is_option):
    """The URL comes from an option or from the environment. `run` has no such option."""
    monkeypatch.setenv("LANGGRAPH_RUNNER_ARTIFACTS", memory_prefix.url)
    cli.run()
    options = ["--store", "sqlite:///runs.db"]
    if is_option:
        monkeypatch.delenv("LANGGRAPH_RUNNER_ARTIFACTS")
        options += ["--artifacts", memory_prefix.url]
    assert "text/plain  memory://" in cli("artifacts", "last", *options).out
    assert cli("artifacts", "last", "--out", "files", *options).code == 0
    assert (cli.folder / "files" / "media" / "ads" / "search.txt").read_text() == "buy"
    assert cli("archive", "--older-than", "0s", "--to", "old", *options).code == 0
    (archive,) = (cli.folder / "old").iterdir()
    memory_prefix.remove()
    assert cli("restore", archive, *options).out == "Restored 1 run.\n"
    assert memory_prefix.contents() == [b"buy"]
    assert cli("prune", "--older-than", "0s", "--yes", *options).out == "Deleted 1 run.\n"


@pytest.mark.parametrize(
    ("place", "code", "problem"),
    [
        ("s4://bucket", "STORE_INVALID", "artifacts: the scheme must be one that fsspec knows"),
        ("s3://bucket", "NOT_INSTALLED", "artifacts: s3:// needs s3fs: pip install s3fs"),
    ],
)
def test_an_unusable_place_for_files_is_refused(cli, monkeypatch, place, code, problem):
    """The message says what to do. A command that reads no files works."""
    cli.run()
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.setenv("LANGGRAPH_RUNNER_ARTIFACTS", place)
    done = cli("artifacts", "last", "--json")
    error = json.loads(done.err)
    assert (error["code"], error["message"].startswith(problem)) == (code, True)
    assert cli("status", "last").code == 0


def test_a_service_has_a_place_for_files_of_its_own(cli):
    """The option would be ignored."""
    done = cli("--server", "http://localhost:1", "artifacts", "last", "--artifacts", "files")
    assert (done.code, "--artifacts cannot be used with --server" in done.err) == (2, True)


def test_the_cause_of_a_fallback_is_shown(cli):
    """It is an error of the step, not of the run."""
    (cli.folder / "shop.py").write_text(
        "from langgraph_runner import Workflow\nshop = Workflow('shop.v1')\n"
        "@shop.step(fallback=lambda: 1)\ndef price() -> int:\n    raise KeyError('no price')\n"
    )
    run = cli("run", "shop.v1")
    assert (run.code, "no price" in run.out) == (0, False)
    shown = cli("steps", "last", "price").out
    assert "completed by its fallback" in shown
    assert "NODE_EXECUTION_FAILED at price: Node 'price' failed: KeyError: 'no price'" in shown
    assert cli("steps", "last", "--json").json[0]["error"]["error_type"] == "KeyError"
