"""Commands that look, and those that change what is kept."""

import ast
import contextlib
import json
import os
import re
import sqlite3
import subprocess
import sys

import pytest

from langgraph_runner.engine import PlanAction, Run, RunEvent, RunPlan, RunStep
from langgraph_runner.engine.store.migrating import HEAD
from tests.cli.conftest import SHOP
from tests.memory_filesystem import memory_prefix

__all__ = ["memory_prefix"]
pytestmark = pytest.mark.req("R-54")


def test_status_says_all_about_a_run(cli):
    """For people in fields, as JSON the run."""
    run = cli.run("--tenant", "acme", "--set", "budget=4")
    done = cli("status", run["id"], "--tenant", "acme")
    assert done.out.startswith("✓ shop.v1 completed\n")
    assert f"run      {run['id']}\n" in done.out
    assert "tenant   acme\n" in done.out
    assert '"budget": 4' in done.out
    assert Run.model_validate_json(cli("status", "last", "--tenant", "acme", "--json").out).id == run["id"]


def test_status_of_an_update_names_its_base_and_its_change(cli):
    """Where it came from."""
    base = cli.run()
    cli("update", "last", "change_theme", "--set", "brand.hue=99", "--yes")
    out = cli("status", "last").out
    assert f"base run  {base['id']}\n" in out
    assert 'change    change_theme {"brand": {"hue": 99}}\n' in out


def test_what_people_wrote_cannot_command_the_terminal(cli):
    """Control characters are shown, not sent."""
    cli.run("--detach")
    out = cli("cancel", "last", "--reason", "no \x1b]0;title\x07 \N{RIGHT-TO-LEFT OVERRIDE}").out
    assert r"cancelled  no \x1b]0;title\x07 \u202e" in out
    assert "\x1b" not in out


def test_steps_are_listed_in_columns(cli):
    """One line each, none with spaces at its end."""
    cli.run("--set", "fails=true")
    lines = cli("steps", "last").out.splitlines()
    assert lines[0].split() == ["step", "status", "took", "tries", "error"]
    assert lines[1].startswith("✓  theme   completed")
    assert lines[3] == "○  bundle  blocked: what it needs failed"
    assert [line for line in lines if line != line.rstrip()] == []


def test_an_error_of_several_lines_is_one_row(cli):
    """The first cell of a line is always the mark of a step."""
    (cli.folder / "lines.py").write_text(
        "from langgraph_runner.workflow import Workflow\nflow = Workflow('lines')\n"
        "@flow.step\ndef a(inputs): raise ValueError('one\\n\\ttwo')\n"
    )
    cli("run", "lines", "--app", "lines:flow")
    lines = cli("steps", "last").out.splitlines()
    assert (len(lines), lines[1].endswith("ValueError: one two")) == (2, True)


def test_a_reason_of_several_lines_is_one_field(cli):
    """Its name stands once, and an event is one line."""
    cli.run("--detach")
    assert "cancelled  one two\n" in cli("cancel", "last", "--reason", "one\ntwo").out
    assert len(cli("events", "last").out.splitlines()) == len(
        cli("events", "last", "--json").out.splitlines()
    )


def test_steps_are_listed_by_status(cli):
    """As JSON they are what the engine says."""
    cli.run("--set", "fails=true")
    listed = cli("steps", "last", "--status", "failed", "--status", "skipped", "--json").json
    assert [RunStep.model_validate(each).step for each in listed] == ["media", "bundle"]


def test_one_step_is_shown_with_its_output(cli):
    """As JSON its record has a field more."""
    cli.run()
    out = cli("steps", "last", "media").out
    assert out.startswith("✓ media completed\n")
    assert '{\n  "search": 10\n}' in out
    shown = cli("steps", "last", "media", "--json").json
    assert (shown["step"], shown["output"]) == ("media", {"search": 10})


def test_a_step_that_failed_has_an_error_and_no_output(cli):
    """The error says why."""
    cli.run("--set", "fails=true")
    out = cli("steps", "last", "media").out
    assert "NODE_EXECUTION_FAILED at media: " in out
    assert cli("steps", "last", "media", "--json").json["output"] is None


def test_files_are_listed_and_copied_out(cli):
    """By step and name."""
    cli.run()
    assert "media  ads/search.txt   3 B  text/plain  file://" in cli("artifacts", "last").out
    done = cli("artifacts", "last", "--out", "files", "--json")
    assert done.json["media"][0]["size"] == 3
    assert (cli.folder / "files" / "media" / "ads" / "search.txt").read_text() == "buy"


@pytest.mark.parametrize("is_option", [True, False], ids=["option", "variable"])
def test_files_may_be_in_an_object_store(cli, memory_prefix, monkeypatch, is_option):
    """Where it is said by an option or by the environment. `run` has no such option."""
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
def test_a_place_for_files_that_cannot_be_used_is_told(cli, monkeypatch, place, code, problem):
    """With what to do. A command that reads no files does not mind."""
    cli.run()
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.setenv("LANGGRAPH_RUNNER_ARTIFACTS", place)
    done = cli("artifacts", "last", "--json")
    error = json.loads(done.err)
    assert (error["code"], error["message"].startswith(problem)) == (code, True)
    assert cli("status", "last").code == 0


def test_a_service_has_a_place_for_files_of_its_own(cli):
    """The option would be left out of account."""
    done = cli("--server", "http://localhost:1", "artifacts", "last", "--artifacts", "files")
    assert (done.code, "--artifacts: http://localhost:1 has its own" in done.err) == (2, True)


def test_a_file_that_was_copied_out_is_told_with_its_place(cli):
    """Not with that of the store."""
    cli.run()
    out = cli("artifacts", "last", "--out", "files").out
    assert out.splitlines()[1].split() == [
        "media", "ads/search.txt", "3", "B", "text/plain", "files/media/ads/search.txt"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("folder", "problem"),
    [("shop.py", "--out: shop.py is a file; give a folder."), ("half", "--out: [Errno ")],
)
def test_a_folder_that_is_none_is_told_with_its_option(cli, folder, problem):
    """It is a file, or there is one in the way."""
    cli.run()
    (cli.folder / "half").mkdir()
    (cli.folder / "half" / "media").touch()
    done = cli("artifacts", "last", "--out", folder)
    assert (done.code, problem in done.err) == (8, True)


def test_a_run_without_files_says_so(cli):
    """No empty table."""
    cli.run("--detach")
    assert cli("artifacts", "last").out == "The run has saved no files.\n"


def test_a_file_that_is_gone_is_an_error(cli):
    """The database and files are two things."""
    cli.run()
    for path in (cli.folder / "runs.db.artifacts").rglob("*"):
        if path.is_file():
            path.unlink()
    done = cli("artifacts", "last", "--out", "files", "--json")
    error = json.loads(done.err)
    assert (done.code, error["code"]) == (8, "ARTIFACT_FAILED")
    assert error["message"].endswith(". A further run makes it again.")


def test_events_are_one_line_each(cli):
    """As JSON one document a line; `--after` leaves out what was seen."""
    cli.run()
    lines = cli("events", "last").out.splitlines()
    assert lines[0].split()[0] == "1"
    assert lines[0].endswith("run_created      workflow=shop.v1 trigger=manual")
    told = [RunEvent.model_validate_json(line) for line in cli("events", "last", "--json").out.splitlines()]
    assert [event.seq for event in told] == list(range(1, len(lines) + 1))
    assert len(cli("events", "last", "--after", "3", "--follow").out.splitlines()) == len(lines) - 3


def test_runs_are_listed_the_newest_first(cli):
    """By workflow and status, page by page."""
    first, second = cli.run(), cli.run("--set", "fails=true")
    assert [run["id"] for run in cli("runs", "--json").json] == [second["id"], first["id"]]
    assert [run["id"] for run in cli("runs", "--status", "completed", "--json").json] == [first["id"]]
    assert cli("runs", "--workflow", "other", "--json").json == []
    assert [run["id"] for run in cli("runs", "--before", second["id"], "--json").json] == [first["id"]]
    lines = cli("runs", "-n", "1").out.splitlines()
    assert lines[0].split() == ["run", "workflow", "status", "created", "took", "trigger"]
    assert lines[1].startswith(f"✗  {second['id']}  shop.v1   failed")
    assert len(lines) == 2


def test_no_runs_are_no_table(cli):
    """But a sentence."""
    run = cli.run()
    assert cli("runs", "--tenant", "other").out == "No runs.\n"
    assert run["status"] == "completed"


def test_a_tenant_without_runs_has_no_last_one(cli):
    """The name of the tenant may be what is wrong; `last` is right."""
    cli.run()
    done = cli("status", "last", "--tenant", "other")
    assert (done.code, done.err) == (3, "Error: Tenant 'other' has no runs yet.\n")
    problem = json.loads(cli("steps", "last", "--tenant", "other", "--json").err)
    assert (problem["code"], problem["exit_code"]) == ("RUN_NOT_FOUND", 3)


def test_workflows_are_listed(cli):
    """With what they are for."""
    assert cli("workflows").out.splitlines()[1].split() == ["shop.v1", "1", "3", "1", "A", "small", "shop"]
    assert [each["id"] for each in cli("workflows", "--json").json] == ["shop.v1"]


def test_no_workflows_are_no_table(cli):
    """But a sentence."""
    (cli.folder / "empty.py").write_text("x = []\n")
    assert cli("workflows", "--app", "empty:x").out == "No workflows.\n"


def test_one_workflow_is_shown_with_its_steps_changes_and_inputs(cli):
    """As JSON with the schema of its inputs."""
    out = cli("workflows", "shop.v1").out
    assert "bundle  theme, media  Both together." in out
    assert "change_theme  theme   Other colours" in out
    assert "brand     Brand\n" in out
    shown = cli("workflows", "shop.v1", "--json").json
    assert shown["steps"][2]["depends_on"] == ["theme", "media"]
    assert shown["inputs"]["properties"]["budget"]["type"] == "integer"


def test_a_workflow_without_changes_and_inputs_has_no_tables_of_them(cli):
    """Only of its steps; a type that may be several is told with all of them."""
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


def names_no_step(cli):
    """Let the change touch only what reads the fields that differ."""
    (cli.folder / "shop.py").write_text(SHOP.replace("reruns=[theme], ", ""))


@pytest.mark.req("R-34")
def test_a_plan_is_a_diff_with_reasons(cli):
    """Its exit code can say whether something would run."""
    names_no_step(cli)
    cli.run()
    arguments = ("plan", "last", "change_theme", "--set", "brand.hue=99")
    done = cli(*arguments)
    assert done.code == 0
    assert done.out.splitlines()[2:] == [
        "+  theme   runs    reads brand, which changes",
        "=  media   reused  nothing that it receives changes",
        "~  bundle  maybe   depends on what theme will give",
        "1 to run, 1 may run if what it gets changes, 1 reused",
    ]
    assert cli(*arguments, "--exit-code").code == 9
    assert cli("plan", "last", "change_theme", "--exit-code").code == 0
    plan = RunPlan.model_validate(cli(*arguments, "--json").json)
    assert (plan.of(PlanAction.RUN), len(cli("runs", "--json").json)) == (["theme"], 1)


def test_a_plan_shows_what_the_cache_knows(cli):
    """A change back to what was there before runs nothing."""
    names_no_step(cli)
    cli.run()
    cli("update", "last", "change_theme", "--set", "brand.hue=99", "--yes")
    out = cli("plan", "last", "change_theme", "--set", "brand.hue=10").out
    assert "◆  theme   cached  " in out
    assert out.splitlines()[-1] == "1 reused, 2 cached"


@pytest.mark.req("R-51")
def test_cancel_ends_a_run_that_waits(cli):
    """Once more does no harm; a run that is over stays as it is."""
    run = cli.run("--detach")
    done = cli("cancel", run["id"], "--reason", "not needed")
    assert (done.code, "cancelled  not needed" in done.out) == (0, True)
    assert cli("cancel", run["id"], "--json").json["cancel_reason"] == "not needed"
    cli.run()
    done = cli("cancel", "last", "--json")
    assert (done.code, json.loads(done.err)["code"]) == (5, "RUN_STATE")


def test_prune_deletes_old_runs(cli):
    """After a yes, of one tenant or of all."""
    cli.run()
    cli.run("--tenant", "acme")
    done = cli("prune", "--older-than", "0s")
    assert (done.code, "give --yes" in done.err) == (2, True)
    assert cli("prune", "--older-than", "1d", "--yes").out == "Deleted 0 runs.\n"
    assert cli("prune", "--older-than", "0ms", "--yes").out == "Deleted 1 run.\n"
    assert cli("prune", "--older-than", "0s", "--all-tenants", "--yes", "--json").json == {"deleted": 1}
    assert cli("prune", "--older-than", "a while", "--yes").code == 2


@pytest.mark.req("R-62")
def test_db_makes_and_tells_the_schema(cli):
    """Of the database of `--store`, or of the environment; the app is not asked."""
    url = {"LANGGRAPH_RUNNER_STORE": "sqlite:///new/other.db", "LANGGRAPH_RUNNER_APP": "nowhere:app"}
    assert cli("db", "current", env=url).out.split() == ["database", "none", "release", HEAD]
    assert cli("db", "upgrade", env=url).out == f"The schema was none, and is {HEAD} now.\n"
    assert cli("db", "upgrade", env=url).out == f"The schema is {HEAD} already.\n"
    assert cli("db", "current", "--json", env=url).json == {"found": HEAD, "known": HEAD}
    assert cli("db", "upgrade", "--store", "sqlite:///x.db", "--json").json["found"] == HEAD


@pytest.mark.req("R-46")
def test_runs_are_moved_to_a_file_and_back(cli):
    """Of the tenant, or of all."""
    run = cli.run()["id"]
    moved = cli("archive", "--older-than", "0s", "--to", "old").out
    assert re.fullmatch(r"Moved 1 run to old/runs-\S+\.zip \(0\.0 MB\)\.\n", moved)
    assert cli("status", run).code != 0
    (file,) = (cli.folder / "old").iterdir()
    assert cli("restore", str(file)).out == "Restored 1 run.\n"
    assert cli("status", run).code == 0
    assert cli("restore", str(file), "--json").json == {"restored": 0}
    assert cli("archive", "--older-than", "1d", "--to", "old").out == "There is no run to archive.\n"
    assert cli("archive", "--older-than", "1d", "--to", "old", "--json").json == {"path": None, "runs": 0}
    refused = cli("restore", "shop.py")
    assert (refused.code, "shop.py" in refused.err) == (8, True)


@pytest.mark.req("R-62")
def test_db_goes_back_to_an_earlier_schema(cli):
    """And forward again; a number that the database has not had is refused."""
    url = {"LANGGRAPH_RUNNER_STORE": "sqlite:///other.db"}
    cli("db", "upgrade", env=url)
    assert "give --yes" in cli("db", "downgrade", "0004", env=url).err
    assert cli("db", "downgrade", "0004", "--yes", env=url).out.endswith(": the schema is 0004 now.\n")
    assert cli("db", "current", env=url).out.split() == ["database", "0004", "release", HEAD]
    refused = cli("db", "downgrade", "0005", "--yes", env=url)
    assert (refused.code, "0001, 0002, 0003, 0004" in refused.err) == (2, True)
    assert cli("db", "upgrade", env=url).out == f"The schema was 0004, and is {HEAD} now.\n"


def test_row_security_is_for_postgresql(cli):
    """The message says why."""
    cli("db", "upgrade", env={"LANGGRAPH_RUNNER_STORE": "sqlite:///other.db"})
    refused = cli("db", "row-security", "on", env={"LANGGRAPH_RUNNER_STORE": "sqlite:///other.db"})
    assert (refused.code, "SQLite has no row-level security" in refused.err) == (2, True)


def test_row_security_is_turned_on_and_off(cli, new_postgresql):
    """And shown."""
    url = {"LANGGRAPH_RUNNER_STORE": new_postgresql()}
    assert cli("db", "row-security", env=url).out == "Row-level security is off.\n"
    assert cli("db", "row-security", "on", env=url).out == "Row-level security is on.\n"
    assert cli("db", "row-security", "show", "--json", env=url).json == {"is_on": True}
    assert cli("db", "row-security", "off", env=url).out == "Row-level security is off.\n"


def test_looking_makes_no_database(cli):
    """Somebody in the wrong folder is told so."""
    done = cli("status", "last", env={"LANGGRAPH_RUNNER_APP": None})
    assert (done.code, "There is no database at runs.db" in done.err) == (3, True)
    assert not (cli.folder / "runs.db").exists()


def test_looking_needs_no_app(cli):
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
def test_what_is_not_there_is_said_in_one_line(cli, monkeypatch, arguments, code, problem):
    """With the code of the error, and the exit code that belongs to it."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    cli.run()
    done = cli(*arguments, "--json")
    assert (done.code, done.out) == (code, "")
    error = json.loads(done.err)
    assert (error["code"], error["exit_code"]) == (problem, code)
    if problem != "USAGE":
        assert cli(*arguments).err == f"Error: {error['message']}\n"


def test_looking_into_a_database_of_somebody_else_leaves_it_as_it_is(cli):
    """It is said that there are no runs in it; a file with tables is not ours to add to."""
    with contextlib.closing(sqlite3.connect("theirs.db")) as theirs:
        theirs.execute("CREATE TABLE things (x)")
        done = cli("runs", "--store", "sqlite:///theirs.db")
        tables = theirs.execute("SELECT name FROM sqlite_master").fetchall()
    assert (done.code, done.out, tables) == (8, "", [("things",)])
    assert "no schema of langgraph-runner" in done.err


def test_a_drawing_that_cannot_be_written_is_told(cli):
    """The folder is not there."""
    done = cli("graph", "shop.v1", "--out", "no/such/folder.svg", "--format", "svg")
    assert (done.code, done.err.startswith("Error: --out: [Errno 2]")) == (8, True)


def test_a_step_is_shown_with_its_stack(cli):
    """As it is stored: sanitized, with the line of the app."""
    cli("run", "shop.v1", "--set", "fails=true")
    out = cli("steps", "last", "media").out
    assert "Traceback (most recent call last):\n" in out
    assert 'shop.py", line 40, in media\n' in out


def test_the_beginning_of_an_id_names_a_run(cli):
    """One that several runs have is refused, and the message has their whole ids."""
    first, second = cli.run(), cli.run("--set", "brand.hue=20")
    shared = os.path.commonprefix([first["id"], second["id"]])  # noqa: RUF071 - ids are text, not paths
    assert cli("status", first["id"][: len(shared) + 1], "--json").json["id"] == first["id"]
    refused = cli("status", shared, "--json")
    problem = json.loads(refused.err)
    assert (refused.code, problem["code"]) == (2, "RUN_AMBIGUOUS")
    assert first["id"] in problem["message"]
    assert second["id"] in problem["message"]
    assert cli("status", "%", "--json").code == 3


def test_a_state_has_one_word_everywhere(cli):
    """The step that could not run is blocked in each view, and the filter knows the word."""
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
def test_a_command_that_looks_needs_no_app(cli, monkeypatch, command):
    """A store is enough, also where the variable names an app that cannot be imported."""
    cli.run()
    monkeypatch.delenv("LANGGRAPH_RUNNER_APP")
    assert cli(command, "last").code == 0
    monkeypatch.setenv("LANGGRAPH_RUNNER_APP", "no_such_module:app")
    if command != "timeline":  # It takes what steps need from the app.
        assert cli(command, "last", "--store", "sqlite:///runs.db").code == 0


def test_a_timeline_without_an_app_has_bars_only(cli, monkeypatch):
    """The database does not say what a step needs; that is said."""
    cli.run()
    monkeypatch.delenv("LANGGRAPH_RUNNER_APP")
    drawn = cli("timeline", "last", "--json").json
    steps = [bar["step"] for bar in drawn["bars"]]
    assert (sorted(steps[:2]), steps[2], drawn["critical_path"]) == (["media", "theme"], "bundle", [])
    assert "give --app" in cli("timeline", "last").out


def completed(cli, words, **environment):
    """What a shell offers."""
    count = str(len(words.split(" ")) - 1)
    completion = {"_LANGGRAPH_RUNNER_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": count}
    return cli(env={**completion, **environment}).out.split()


def test_a_shell_completes_runs_steps_and_workflows(cli):
    """From the database and the app; what cannot be found completes nothing."""
    run = cli.run()["id"]
    assert completed(cli, "langgraph-runner status ") == ["last", run]
    assert completed(cli, f"langgraph-runner status {run[:8]}") == [run]
    assert completed(cli, "langgraph-runner steps last m") == ["media"]
    assert completed(cli, "langgraph-runner run ") == ["shop.v1"]
    assert completed(cli, "langgraph-runner run ", LANGGRAPH_RUNNER_APP="nowhere:app") == []


@pytest.mark.parametrize(
    ("command", "libraries"),
    [
        (["--help"], {"langgraph", "langchain_core", "sqlalchemy", "rich", "pydantic"}),
        (["status", "last", "--store", "sqlite:///runs.db"], {"langgraph", "langchain_core"}),
    ],
    ids=["help", "status"],
)
def test_a_command_imports_only_what_it_needs(cli, command, libraries):
    """LangGraph alone takes a second."""
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


@pytest.mark.req("R-56")
def test_runs_are_found_by_tag_failed_step_error_and_age(cli):
    """Filters are combined; a tag that is not NAME=VALUE is a usage error."""
    run = cli.run("--tag", "customer=acme", "--tag", "plan=a=b")
    assert run["tags"] == {"customer": "acme", "plan": "a=b"}
    found = cli("runs", "--tag", "customer=acme", "--tag", "plan=a=b", "--since", "1h", "--json").json
    assert [each["id"] for each in found] == [run["id"]]
    assert cli("runs", "--tag", "customer=other", "--json").json == []
    assert cli("runs", "--tag", "customer=acme", "--failed-step", "theme", "--json").json == []
    assert cli("runs", "--tag", "customer=acme", "--error", "down", "--json").json == []
    refused = cli("runs", "--tag", "customer")
    assert (refused.code, "is not NAME=VALUE" in refused.err) == (2, True)


def test_the_files_of_a_tenant_are_copied_out(cli):
    """Also of one that is not the default."""
    run = cli.run("--tenant", "acme")["id"]
    assert cli("artifacts", run, "--out", "files", "--tenant", "acme").code == 0
    assert (cli.folder / "files/media/ads/search.txt").read_text() == "buy"
