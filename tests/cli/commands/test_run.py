"""`run`, `update`, `plan`, `retry`, `resume` and `cancel`: what they print, and how they end."""

import asyncio
import json
import sys

import pytest

from langgraph_runner.engine import PlanAction, Run, RunEngine, RunPlan
from tests.cli.conftest import SHOP

pytestmark = pytest.mark.req("R-54")


SMALL = """
from langgraph_runner.workflow import Workflow

flow = Workflow("small")

@flow.step
def only(inputs):
    return 1
"""


TEXTS = """
from enum import Enum
from typing import Literal

from pydantic import BaseModel, Field

from langgraph_runner.workflow import Workflow

class Colour(Enum):
    RED = "7"

class Plain(BaseModel):
    kind: Literal["a"]

class Brand(BaseModel):
    kind: Literal["b"] = "b"
    name: str = "ACME"

class Brief(BaseModel):
    tone: str
    brand: Plain | Brand = Field(Brand(), discriminator="kind")
    mode: Literal["a", "1"] = "a"
    colour: Colour = Colour.RED
    label: str | list[str] = ""
    count: int = 1

class Label(BaseModel):
    label: Literal["5"]

flow = Workflow("texts", inputs=Brief)
flow.step(lambda tone, label: tone, id="tell")
flow.on_change("retell")
flow.on_change("relabel", payload=Label)
"""


@pytest.fixture
def texts(cli):
    """An app whose inputs are mostly text."""
    (cli.folder / "texts.py").write_text(TEXTS)
    return lambda *arguments: cli(*arguments, "--app", "texts:flow")


def set_options(*assignments):
    """Return each assignment as a `--set` option."""
    return [word for each in assignments for word in ("--set", each)]


def test_a_pipe_gets_a_line_for_each_event(cli):
    """The output has no escape sequence."""
    done = cli("run", "shop.v1")
    assert done.code == 0
    lines = done.out.splitlines()
    assert any(line.startswith("run ") and line.endswith("of shop.v1: 3 steps") for line in lines)
    assert "theme started" in lines
    assert any(line.startswith("bundle completed (") for line in lines)
    assert lines[-2] == "run completed"
    assert lines[-1].startswith("✓ shop.v1 completed in ")
    assert "\x1b" not in done.out


def test_cached_steps_are_reported_as_cached(cli):
    """A second run with the same inputs runs nothing."""
    cli.run()
    done = cli("run", "shop.v1")
    assert "theme cached" in done.out
    assert done.out.splitlines()[-1].endswith(": 3 cached")


def test_json_is_the_run_and_nothing_else(cli):
    """What steps print goes to stderr."""
    done = cli("run", "shop.v1", "--json")
    run = Run.model_validate_json(done.out)
    assert (run.status, run.steps, done.code) == ("completed", {"completed": 3}, 0)
    assert "the theme is made" in done.err


@pytest.mark.parametrize("given", ["file", "stdin", "text"])
def test_inputs_come_from_a_file_from_stdin_or_from_the_argument(cli, given):
    """All three give the same inputs."""
    text = '{"brand": {"hue": 77}}'
    (cli.folder / "brief.json").write_text(f"\N{ZERO WIDTH NO-BREAK SPACE}{text}")
    option = {"file": "brief.json", "stdin": "-", "text": text}[given]
    run = cli.run("--input", option, input=text)
    assert run["inputs"]["brand"] == {"hue": 77, "name": "ACME"}


def test_set_changes_single_values(cli):
    """A value is JSON, or else text. A path leads into objects."""
    run = cli.run("--input", '{"budget": 3}', "--set", "brand.hue=5", "--set", "brand.name=A=B")
    assert run["inputs"] == {"brand": {"hue": 5, "name": "A=B"}, "budget": 3, "fails": False, "hangs": False}


def test_a_number_is_text_where_the_model_wants_text(texts):
    """The text is what the user typed. This also holds in unions, objects, literals and enums."""
    given = ("tone=77", "brand.kind=b", "brand.name=1.10", "mode=1", "colour=7", "label=true", "count=3")
    run = texts("run", "texts", *set_options(*given), "--json").json
    assert run["inputs"] == {
        "tone": "77",
        "brand": {"kind": "b", "name": "1.10"},
        "mode": "1",
        "colour": "7",
        "label": "true",
        "count": 3,
    }


def test_the_last_value_for_a_key_counts(texts):
    """This also holds if one of the values is read as text."""
    run = texts(
        "run", "texts", *set_options("tone=1", "brand.name=5", 'brand={"kind": "b"}', "tone=2"), "--json"
    ).json
    assert (run["inputs"]["tone"], run["inputs"]["brand"]["name"]) == ("2", "ACME")
    assert texts("run", "texts", *set_options("tone=1", "tone=[2]")).code == 4


def test_a_number_in_a_change_is_text_where_the_model_wants_text(texts):
    """The plan and the run have the same value."""
    texts("run", "texts", *set_options("tone=a"))
    for command in (("plan",), ("update", "--yes")):
        done = texts(*command, "last", "retell", *set_options("tone=78"))
        assert (done.code, done.err) == (0, "")
    assert texts("status", "last", "--json").json["inputs"]["tone"] == "78"
    done = texts("plan", "last", "relabel", *set_options("label=5"))
    assert (done.code, "changed inputs: label" in done.out) == (0, True)


def test_a_value_that_fits_neither_as_number_nor_as_text_is_refused(texts):
    """The message names all faults of the inputs with text."""
    done = texts("run", "texts", *set_options("tone=5", "mode=2", "count=x"))
    assert (done.code, "mode: Input should be 'a' or '1'; count: Input should be" in done.err) == (4, True)
    assert "tone" not in done.err


def test_a_failed_run_exits_with_1_and_prints_the_next_command(cli):
    """The error is printed as text: no markup, no escape sequences."""
    done = cli("run", "shop.v1", "--set", "fails=true", "--store", "sqlite:///a b.db")
    assert done.code == 1
    assert "media failed (" in done.out
    assert "bundle blocked: a dependency failed" in done.out
    assert "NODE_EXECUTION_FAILED at media: " in done.out
    assert "[bold]at all[/bold]" in done.out
    assert "\x1b" not in done.out
    assert "langgraph-runner retry " in done.out
    assert "--store 'sqlite:///a b.db'" in done.out


def test_a_retry_continues_where_the_run_stopped(cli):
    """`last` is the newest run."""
    failed = cli.run("--set", "fails=true")
    (cli.folder / "go_on").touch()
    run = cli("retry", "last", "--json").json
    assert (run["base_run_id"], run["status"], run["trigger"]) == (failed["id"], "completed", "retry")
    assert run["steps"] == {"completed": 2, "skipped": 1}


def test_a_run_that_exceeds_its_timeout_exits_with_7(cli):
    """The message names the timeout."""
    done = cli("run", "shop.v1", "--set", "hangs=true", "--timeout", "50ms")
    assert done.code == 7
    assert "RUN_TIMEOUT of the run: The run exceeded its timeout of 50 ms" in done.out


def test_a_run_that_took_too_long_is_retried_with_more_time(cli):
    """The hint has `--timeout`, because the retry would have the same limit."""
    run = cli.run("--set", "hangs=true", "--timeout", "50ms")
    out = cli("status", "last").out
    assert f"with more time: langgraph-runner retry {run['id']} --timeout DURATION\n" in out
    (cli.folder / "go_on").touch()
    assert cli("retry", "last", "--timeout", "1m").code == 0


def test_an_error_of_the_run_is_not_shown_as_one_of_a_step(cli):
    """Its record has the name of the workflow."""
    (cli.folder / "dep.py").write_text(
        "from langgraph_runner.workflow import Workflow\nold, new = Workflow('dep'), Workflow('dep')\n"
        "@old.step\n@new.step\ndef a(inputs): ...\n@old.step\ndef b(a): ...\n"
    )
    cli("run", "dep", "--app", "dep:old", "--detach")
    done = cli("resume", "last", "--app", "dep:new")
    line = "WORKFLOW_CHANGED of the run: Workflow 'dep' has changed since the run was made: it has no step 'b' any"
    assert (done.code, line in done.out, line in cli("status", "last").out) == (1, True, True)


def test_an_error_of_a_step_is_shown_with_the_step(cli):
    """This also holds if the step has the name of the workflow."""
    (cli.folder / "dep.py").write_text(
        "from langgraph_runner.workflow import Workflow\nflow = Workflow('dep')\n"
        "@flow.step\ndef dep(inputs): raise ValueError('no')\n"
    )
    cli("run", "dep", "--app", "dep:flow")
    assert "NODE_EXECUTION_FAILED at dep: Node 'dep' failed: ValueError: no" in cli("status", "last").out


def test_one_step_is_singular(cli):
    """The summary says `1 step`, not `1 steps`."""
    (cli.folder / "small.py").write_text(SMALL)
    assert cli("run", "small", "--app", "small:flow").out.splitlines()[0].endswith(" of small: 1 step")


@pytest.mark.parametrize(
    ("fields", "given"),
    [
        ("    model_config = ConfigDict(extra='ignore')\n", "a=1"),
        ("    model_config = ConfigDict(extra='allow')\n", "a=1"),
        ("    b: int = Field(1, validation_alias=AliasChoices('a', AliasPath('c', 0)))\n", "a=1"),
        ("    b: int = Field(1, validation_alias=AliasChoices('a', AliasPath('c', 0)))\n", "c=[1]"),
        ("    b: int = Field(1, alias='a')\n", "b=1"),
        ("    b: dict[str, int] | None = None\n", "b.x=1"),
        ("    @model_validator(mode='before')\n    def old(cls, values): return {}\n", "a=1"),
    ],
    ids=["ignored", "allowed", "choice", "path", "alias", "free", "validator"],
)
def test_fields_that_a_model_takes_are_accepted(cli, fields, given):
    """Aliases and names are accepted; so is any field if the model configures extra fields."""
    (cli.folder / "taking.py").write_text(
        "from pydantic import *\nfrom langgraph_runner.workflow import Workflow\n"
        f"class Brief(BaseModel):\n{fields}\n"
        "flow = Workflow('taking', inputs=Brief)\n@flow.step\ndef a(inputs): ...\n"
    )
    done = cli("run", "taking", "--app", "taking:flow", "--set", given)
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize("model", ["dataclass", "typed dict"])
def test_a_misspelled_input_is_refused_by_dataclasses_and_typed_dicts(cli, model):
    """The message suggests the right field."""
    head = "class Brief(TypedDict, total=False):" if model == "typed dict" else "@dataclass\nclass Brief:"
    (cli.folder / "plain.py").write_text(
        "from dataclasses import dataclass\nfrom typing_extensions import TypedDict\n"
        "from langgraph_runner.workflow import Workflow\n"
        f"{head}\n    budget: int{' = 1' if model == 'dataclass' else ''}\n"
        "flow = Workflow('plain', inputs=Brief)\n@flow.step\ndef a(inputs): ...\n"
    )
    done = cli("run", "plain", "--app", "plain:flow", "--set", "budgt=1")
    assert (done.code, "Did you mean 'budget'?" in done.err) == (4, True)
    assert cli("run", "plain", "--app", "plain:flow", "--set", "budget=1").code == 0


def test_a_detached_run_waits_until_it_is_resumed(cli):
    """No step runs before."""
    done = cli("run", "shop.v1", "--detach")
    run_id = done.out.splitlines()[0]
    assert (done.code, f"langgraph-runner resume {run_id}" in done.out) == (0, True)
    waiting = cli("status", run_id, "--json").json
    assert (waiting["status"], waiting["steps"]) == ("pending", {"pending": 3})
    assert "The run is waiting." in cli("status", run_id).out
    assert cli("resume", run_id, "--json").json["status"] == "completed"


def test_detach_prints_the_run_as_json(cli):
    """The run is pending."""
    assert cli.run("--detach")["status"] == "pending"


def test_an_idempotency_key_gives_one_run(cli):
    """The second call runs the detached run of the first."""
    first = cli.run("--idempotency-key", "k", "--detach")
    second = cli.run("--idempotency-key", "k")
    assert (second["id"], second["status"]) == (first["id"], "completed")


def test_the_key_of_an_ended_run_gives_its_result(cli):
    """Nothing runs again; the exit code is that of the run."""
    first = cli.run("--idempotency-key", "k", "--set", "fails=true")
    (cli.folder / "go_on").touch()
    done = cli("run", "shop.v1", "--idempotency-key", "k", "--set", "fails=true")
    assert (done.code, f"langgraph-runner retry {first['id']}" in done.out) == (1, True)
    assert len(cli("runs", "--json").json) == 1


def test_a_cancelled_run_exits_with_6(cli):
    """Its idempotency key does not run it again."""
    cli.run("--idempotency-key", "k", "--detach")
    cli("cancel", "last")
    done = cli("run", "shop.v1", "--idempotency-key", "k")
    assert (done.code, "■ shop.v1 cancelled" in done.out) == (6, True)


def test_run_options_reach_the_engine(cli):
    """Priority, failure mode and limits."""
    run = cli.run(
        "--priority", "7", "--failure-mode", "fail_fast", "--max-concurrency", "1", "--timeout", "1m"
    )
    assert (run["priority"], run["status"]) == (7, "completed")


def test_a_tenant_has_its_own_runs(cli):
    """Other tenants do not see them."""
    run = cli.run("--tenant", "acme")
    assert cli("status", run["id"]).code == 3
    assert cli("status", run["id"], env={"LANGGRAPH_RUNNER_TENANT": "acme"}).code == 0
    failed = cli("run", "shop.v1", "--tenant", "acme", "--set", "fails=true")
    assert "--tenant acme" in failed.out


def test_an_update_shows_the_plan_and_runs_it(cli):
    """Only steps that the change affects run."""
    base = cli.run()
    done = cli("update", base["id"], "change_theme", "--payload", '{"brand": {"hue": 99}}', "--yes")
    assert done.code == 0
    assert "changed inputs: brand" in done.out
    assert "+  theme   runs    reads brand, which changes" in done.out
    assert "media reused" not in done.out.partition("run created")[2]
    assert done.out.splitlines()[-1].endswith("2 completed, 1 reused")


def test_an_update_needs_a_confirmation(cli):
    """Without a terminal `--yes` is required."""
    cli.run()
    done = cli("update", "last", "change_theme", "--set", "brand.hue=99")
    assert (done.code, "Give --yes" in done.err) == (2, True)
    assert len(cli("runs", "--json").json) == 1


def test_an_update_in_json_is_the_new_run(cli):
    """The plan is not on stdout."""
    base = cli.run()
    run = cli("update", "last", "change_theme", "--set", "brand.hue=99", "--yes", "--json").json
    assert (run["base_run_id"], run["change"]["type"]) == (base["id"], "change_theme")


@pytest.mark.parametrize(
    ("arguments", "code", "problem", "words"),
    [
        (["run", "shop.v2"], 3, "WORKFLOW_UNKNOWN", "Did you mean 'shop.v1'?"),
        (["run", "shop.v1", "--set", "budget=much"], 4, "VALIDATION_FAILED", "budget: Input should be"),
        (["run", "shop.v1", "--input", "[1]"], 4, "VALIDATION_FAILED", "do not fit workflow"),
        (["run", "shop.v1", "--input", '{"a": '], 4, "JSON_INVALID", "line 1, column 7"),
        (["run", "shop.v1", "--input", '{"a": NaN}'], 4, "JSON_INVALID", "NaN is not a JSON value"),
        (
            ["run", "shop.v1", "--input", "no.json"],
            2,
            "USAGE",
            "--input must be JSON, the name of a file, or -, got 'no.json'",
        ),
        (["run", "shop.v1", "--input", "shop.pyc"], 4, "JSON_INVALID", "is not UTF-8"),
        (["run", "shop.v1", "--set", "budget"], 2, "USAGE", "--set must be KEY=VALUE"),
        (
            ["run", "shop.v1", "--set", "a=1", "--set", "a.b=1"],
            2,
            "USAGE",
            "--set 'a.b=1' needs a JSON object at 'a'.",
        ),
        (["run", "shop.v1", "--timeout", "soon"], 2, "USAGE", "--timeout must be a duration"),
        (["run", "shop.v1", "--timeout", "0s"], 2, "USAGE", "--timeout must be more than 0, got '0s'"),
        (
            ["run", "shop.v1", "--priority", "99999999999"],
            2,
            "USAGE",
            "--priority must be from -2,147,483,647",
        ),
        (["run", "shop.v1", "--max-concurrency", "0"], 2, "USAGE", "--max-concurrency"),
        (["run", "shop.v1", "--failure-mode", "stop"], 2, "USAGE", "--failure-mode"),
        (["run", "shop.v1", "--max-concurrency", "100001"], 2, "USAGE", "--max-concurrency"),
        (["run", "shop.v1", "--idempotency-key", ""], 2, "USAGE", "--idempotency-key"),
        (["run", "shop.v1", "--tenant", "x" * 129], 2, "USAGE", "--tenant"),
        (["run", "shop.v1", "--set", "budgt=3"], 4, "VALIDATION_FAILED", "Did you mean 'budget'?"),
        (["run", "shop.v1", "--input", '{"brand": {"hu": 3}}'], 4, "VALIDATION_FAILED", "field 'brand.hu'"),
        (["run"], 2, "USAGE", "Missing argument"),
        (["walk"], 2, "USAGE", "No such command"),
        (["retry", "last"], 5, "RUN_STATE", "there is nothing to retry"),
        (["retry", "nope"], 3, "RUN_NOT_FOUND", "There is no run 'nope'"),
        (["resume", "last"], 5, "RUN_STATE", "has the status 'completed': it has ended"),
        (["update", "last", "change_them", "--yes"], 4, "VALIDATION_FAILED", "Did you mean 'change_theme'?"),
        (
            ["update", "last", "change_theme", "--set", "budget=x", "--yes"],
            4,
            "VALIDATION_FAILED",
            "budget: Input",
        ),
        (["update", "last", "change_theme", "--payload", "[]", "--yes"], 4, "VALIDATION_FAILED", "payload"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_an_error_is_one_line_with_a_code(cli, arguments, code, problem, words):
    """The error is on stderr, as text or as JSON. Stdout stays empty."""
    cli.run()
    (cli.folder / "shop.pyc").write_bytes(b"\xff\xfe\xfa")
    for options in ([], ["--json"]):
        done = cli(*arguments, *options)
        assert (done.code, done.out) == (code, "")
        assert words in done.err
    assert done.err.count("\n") == 1
    error = json.loads(done.err)
    assert (error["code"], error["exit_code"]) == (problem, code)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--force", "theme"], {"completed": 1, "skipped": 2}),
        (["--no-cache"], {"completed": 3}),
    ],
)
def test_cached_steps_can_be_run_again(cli, options, expected):
    """One step by name, or all."""
    cli.run()
    assert cli.run(*options)["steps"] == expected


@pytest.mark.parametrize(
    "command",
    [["run", "shop.v1"], ["update", "last", "change_theme", "-y"], ["plan", "last", "change_theme"]],
)
def test_an_unknown_step_to_force_is_refused(cli, command):
    """The message suggests the closest step."""
    cli.run()
    done = cli(*command, "--force", "thme")
    assert (done.code, "has no step 'thme'. Did you mean 'theme'?" in done.err) == (3, True)


def let_the_change_name_no_step(cli):
    """Change the app: the change then affects only steps that read the changed inputs."""
    (cli.folder / "shop.py").write_text(SHOP.replace("reruns=[theme], ", ""))


@pytest.mark.req("R-34")
def test_a_plan_is_a_diff_with_reasons(cli):
    """With `--exit-code` the exit code says whether a step would run."""
    let_the_change_name_no_step(cli)
    cli.run()
    arguments = ("plan", "last", "change_theme", "--set", "brand.hue=99")
    done = cli(*arguments)
    assert done.code == 0
    assert done.out.splitlines()[2:] == [
        "+  theme   runs    reads brand, which changes",
        "=  media   reused  its inputs do not change",
        "~  bundle  maybe   depends on the output of theme",
        "1 to run, 1 may run, 1 reused",
    ]
    assert cli(*arguments, "--exit-code").code == 9
    assert cli("plan", "last", "change_theme", "--exit-code").code == 0
    plan = RunPlan.model_validate(cli(*arguments, "--json").json)
    assert (plan.of(PlanAction.RUN), len(cli("runs", "--json").json)) == (["theme"], 1)


def test_a_plan_shows_cached_steps(cli):
    """A change back to the former inputs runs nothing."""
    let_the_change_name_no_step(cli)
    cli.run()
    cli("update", "last", "change_theme", "--set", "brand.hue=99", "--yes")
    out = cli("plan", "last", "change_theme", "--set", "brand.hue=10").out
    assert "◆  theme   cached  " in out
    assert out.splitlines()[-1] == "1 reused, 2 cached"


@pytest.mark.req("R-51")
def test_cancel_ends_a_waiting_run(cli):
    """A second call changes nothing. A completed run is refused."""
    run = cli.run("--detach")
    done = cli("cancel", run["id"], "--reason", "not needed")
    assert (done.code, "cancelled  not needed" in done.out) == (0, True)
    assert cli("cancel", run["id"], "--json").json["cancel_reason"] == "not needed"
    cli.run()
    done = cli("cancel", "last", "--json")
    assert (done.code, json.loads(done.err)["code"]) == (5, "RUN_STATE")


def test_a_command_leaves_other_runs_alone(cli):
    """A command that reads runs nothing; a command that runs something runs only that."""
    waiting = cli.run("--detach")
    cli("status", "last")
    cli.run("--set", "budget=3")
    assert cli("status", waiting["id"], "--json").json["status"] == "pending"


def test_a_run_of_another_process_is_asked_to_stop(cli):
    """It ends when that process reads the request."""

    async def scenario():
        import importlib

        shop = importlib.import_module("shop").shop
        async with RunEngine([shop], store="sqlite:///runs.db") as engine:
            run = await engine.trigger("shop.v1", {"hangs": True})
            done = await asyncio.to_thread(cli, "cancel", run.id, env={"LANGGRAPH_RUNNER_APP": None})
            engine._worker.cancel(run.id, "heard")
            return done, await engine.wait(run.id, timeout_ms=20_000)

    (cli.folder / "__init__.py").touch()

    sys.path.insert(0, str(cli.folder))
    done, ended = asyncio.run(scenario())
    assert (done.code, "Asked run " in done.out) == (0, True)
    assert ended.status == "cancelled"
