"""`--server URL`: each command works with a service as with an engine, or is refused."""

import asyncio
import json

import pytest

from langgraph_runner.client import RunClient
from tests.client.live import GATE, Live

pytestmark = pytest.mark.req("R-58", "R-54")


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """A service in a thread."""
    live = Live(tmp_path_factory.mktemp("live"))
    yield live
    live.stop()


@pytest.fixture(scope="module")
def api_key(live):
    """A key of tenant `acme` with the role `run`."""
    return asyncio.run(live.key())


@pytest.fixture(scope="module")
def priced(live, api_key):
    """The id of a completed run."""
    with RunClient.sync(live.url, api_key=api_key) as client:
        return client.run("shop.v1", {"net": 10}).id


@pytest.fixture
def remote(cli, live, api_key, monkeypatch):
    """The command line with `--server`, and the key in the environment."""
    monkeypatch.setenv("LANGGRAPH_RUNNER_API_KEY", api_key)
    return lambda *arguments, **keywords: cli("--server", live.url, *arguments, **keywords)


def test_a_run_is_followed(remote, live):
    """Its steps as they happen, its end as the exit code, and the next command."""
    done = remote("run", "shop.v1", "--set", "net=10", "--no-cache")
    assert (done.code, "bill completed" in done.out, "run completed" in done.out) == (0, True, True)
    failed = remote("run", "shop.v1", "--set", "net=-1")
    assert (failed.code, f"langgraph-runner --server {live.url} retry " in failed.out + failed.err) == (
        1,
        True,
    )
    assert remote("retry", "last").code == 1


@pytest.mark.parametrize(
    "command",
    [
        ["status", "RUN"],
        ["steps", "RUN"],
        ["steps", "RUN", "bill"],
        ["events", "RUN"],
        ["runs", "--workflow", "shop.v1", "--status", "completed", "-n", "3"],
        ["timeline", "RUN"],
        ["graph", "shop.v1", "--run", "RUN"],
        ["workflows"],
        ["workflows", "shop.v1"],
        ["plan", "RUN", "set", "--set", "customer=7"],
    ],
    ids=" ".join,
)
def test_the_answers_are_those_of_the_engine(remote, cli, live, priced, monkeypatch, command):
    """The JSON is identical."""
    words = [priced if each == "RUN" else each for each in command]
    shown = remote(*words, "--json")
    monkeypatch.setenv("LANGGRAPH_RUNNER_APP", "tests.client.live:shop")
    monkeypatch.setenv("LANGGRAPH_RUNNER_STORE", live.store)
    monkeypatch.setenv("LANGGRAPH_RUNNER_TENANT", "default" if command[0] == "workflows" else "acme")
    assert (shown.code, shown.out) == (0, cli(*words, "--json").out)


def test_a_change_is_planned_and_run(remote, priced):
    """Text that looks like a number is text where the model wants text."""
    done = remote("update", priced, "set", "--set", "customer=8", "--yes")
    assert (done.code, "reads customer, which changes" in done.out) == (0, True)
    assert remote("steps", "last", "bill", "--json").json["output"]["customer"] == "8"


def test_a_detached_run_can_be_followed_and_cancelled(remote, live):
    """`--detach` prints its id, and the command that follows it."""
    GATE.clear()
    try:
        done = remote("run", "shop.v1", "--set", "net=1000", "--detach", "--no-cache")
        run = done.out.split()[0]
        assert f"langgraph-runner --server {live.url} events {run} --follow" in done.out + done.err
        assert remote("cancel", run, "--reason", "enough").code == 0
        assert "run_cancelled" in remote("events", run, "--follow").out
    finally:
        GATE.set()


@pytest.mark.parametrize("tenant", [[], ["--tenant", "acme"]], ids=["default", "named"])
def test_files_are_copied(remote, cli, priced, tenant):
    """The copies have the content of the files."""
    assert remote("artifacts", priced, "--out", "files", *tenant).code == 0
    assert (cli.folder / "files/bill/shown/page 1.html").read_text() == "<b>12.5</b>"


def test_a_misspelled_input_is_refused(remote):
    """No run is created."""
    refused = remote("run", "shop.v1", "--set", "net=1", "--set", "custmer=Bob")
    assert (refused.code, "Did you mean 'customer'?" in refused.err) == (4, True)


@pytest.mark.parametrize(
    ("command", "fix"),
    [
        (["prune", "--older-than", "1d", "--yes"], "Run it on the machine of the server."),
        (["db", "upgrade"], "Run it on the machine of the server."),
        (["db", "current"], "Run it on the machine of the server."),
        (["keys", "create", "ada"], "Run it on the machine of the server."),
        (["keys", "list"], "Run it on the machine of the server."),
        (["keys", "rotate", "x"], "Run it on the machine of the server."),
        (["keys", "revoke", "x"], "Run it on the machine of the server."),
        (["serve"], "Leave out --server and LANGGRAPH_RUNNER_SERVER."),
        (["worker"], "Leave out --server and LANGGRAPH_RUNNER_SERVER."),
        (["resume", "last"], "The service resumes its runs itself."),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else "",
)
def test_commands_that_need_the_database_refuse_a_service(remote, cli, command, fix):
    """They create no database here instead."""
    before = {*cli.folder.iterdir()}
    refused = remote(*command)
    assert (refused.code, fix in refused.err) == (2, True)
    assert "which needs the database itself" in refused.err
    assert {*cli.folder.iterdir()} == before


def test_the_service_and_the_key_come_from_options_or_variables(cli, live, api_key, monkeypatch):
    """The option may be before or behind the command; the key comes from a file or a variable."""
    key_file = cli.folder / "key"
    key_file.write_text(f"{api_key}\n")
    for words, variables in (
        (["--server", live.url, "--api-key-file", key_file, "runs"], {}),
        (["runs", f"--server={live.url}", f"--api-key-file={key_file}"], {}),
        (["runs"], {"LANGGRAPH_RUNNER_SERVER": live.url, "LANGGRAPH_RUNNER_API_KEY": api_key}),
    ):
        assert cli(*words, env=variables).code == 0
    hinted = cli("run", "shop.v1", "--set", "net=-1", "--server", live.url, "--api-key-file", key_file)
    assert f"--server {live.url} --api-key-file {key_file} retry" in hinted.out + hinted.err
    refused = cli("status", "last", "--server", "", "--store", "sqlite:///none.db")
    assert "There is no database at none.db" in refused.err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (
            ["--server", "http://127.0.0.1:1", "runs"],
            8,
            "The service at http://127.0.0.1:1 cannot be reached: Conn",
        ),
        (
            ["--server", "URL", "runs", "--store", "sqlite://"],
            2,
            "which has its own database and workflows. Leave --store out.",
        ),
        (
            ["--server", "URL", "runs", "--app", "x:y"],
            2,
            "which has its own database and workflows. Leave --app out.",
        ),
        (
            ["--server", "URL", "runs", "--tenant", "other"],
            8,
            "tenant must be that of the API key, 'acme', got 'other'",
        ),
        (
            ["--server", "runs.example.com", "runs"],
            2,
            "--server must be a URL with http:// or https:// and a host, got 'runs.example.com'",
        ),
        (["--server", "http://runs.example.com", "runs"], 2, "--allow-insecure"),
        (["--server", "URL", "--api-key-file", "none", "runs"], 8, "--api-key-file cannot be read: "),
        (["--server", "URL", "steps", "last", "nope"], 3, "The run has no step 'nope'"),
    ],
)
@pytest.mark.usefixtures("priced")
def test_an_error_of_a_service_is_one_line(cli, live, api_key, monkeypatch, words, code, message):
    """It names the option to fix, and never shows the key."""
    monkeypatch.setattr("langgraph_runner.client.requester._BACKOFF_MS", 0)
    words = [live.url if each == "URL" else each for each in words]
    refused = cli(*words, env={"LANGGRAPH_RUNNER_API_KEY": api_key})
    assert (refused.code, message in refused.err) == (code, True)
    assert api_key not in refused.err + refused.out


def test_a_missing_key_is_refused(cli, live):
    """The message says how to give one. The problem has a stable code."""
    refused = cli("--server", live.url, "runs", "--json")
    problem = json.loads(refused.err)
    assert (refused.code, problem["code"]) == (8, "SERVICE_REFUSED")
    assert (
        "Give the key in LANGGRAPH_RUNNER_API_KEY, or give a file that holds it with --api-key-file."
        in problem["message"]
    )


def test_a_shell_completes_from_the_service(cli, live, api_key, priced):
    """Runs, steps and workflows."""

    def offered(words):
        variables = {
            "_LANGGRAPH_RUNNER_COMPLETE": "complete_bash",
            "COMP_WORDS": f"langgraph-runner {words}",
            "COMP_CWORD": str(len(words.split(" "))),
            "LANGGRAPH_RUNNER_SERVER": live.url,
            "LANGGRAPH_RUNNER_API_KEY": api_key,
        }
        return cli(env=variables).out.split()

    assert priced in offered("status ")
    assert offered(f"steps {priced} b") == ["bill"]
    assert offered("run ") == ["shop.v1"]
