"""`serve` and `keys`, as far as they need no server of their own; tests/server has that."""

import json
import sys

import pytest

pytestmark = pytest.mark.req("R-54", "R-57")


def made(cli, *words):
    """A new key, as `--json` gives it."""
    return json.loads(cli("keys", "create", "ada", "--json", *words).out)


def test_a_key_is_shown_once(cli):
    """By itself in the last line, so that a script can take it."""
    shown = cli("keys", "create", "ada", "--tenant", "acme", "--role", "admin", "--expires-in", "90d")
    first, key = shown.out.splitlines()
    assert key.startswith("lgr_")
    assert "tenant 'acme', role admin" in first
    listed = cli("keys", "list", "--all-tenants").out
    assert key.split("_")[1] in listed
    assert key.split("_")[2] not in listed


def test_keys_are_listed_by_tenant(cli):
    """Also those that work no longer."""
    cli("keys", "create", "other", "--tenant", "other")
    assert cli("keys", "list").out == "No keys.\n"
    key = made(cli)
    assert cli("keys", "revoke", key["id"]).out == f"Key {key['id']} of ada is revoked.\n"
    assert "revoked" in cli("keys", "list").out
    (listed,) = json.loads(cli("keys", "list", "--json").out)
    assert (listed["id"], "key" in listed) == (key["id"], False)


def test_a_key_is_rotated(cli):
    """The old one goes on for the time that is asked for."""
    key = made(cli)
    new = cli("keys", "rotate", key["id"], "--grace", "2h").out.splitlines()[-1]
    assert new.split("_")[1] != key["id"]
    old = json.loads(cli("keys", "list", "--json").out)[0]
    assert old["expires_at"] is not None
    assert json.loads(cli("keys", "revoke", key["id"], "--json").out)["revoked_at"] is not None


@pytest.mark.parametrize("command", ["rotate", "revoke"])
def test_a_key_that_is_not_there_is_told(cli, command):
    """With a code of its own."""
    made(cli)
    refused = cli("keys", command, "nobody", "--json")
    assert (refused.code, json.loads(refused.err)["code"]) == (3, "KEY_NOT_FOUND")


def test_a_role_that_is_none_is_told(cli):
    """With those that there are."""
    refused = cli("keys", "create", "ada", "--role", "boss")
    assert (refused.code, "read, run, admin" in refused.err) == (2, True)


def test_dev_is_for_this_machine_only(cli):
    """Said before anything is opened."""
    refused = cli("serve", "--app", "x:y", "--dev", "--host", "0.0.0.0")  # noqa: S104 - refused
    assert (refused.code, "on this machine only" in refused.err) == (2, True)


def test_without_the_extra_it_is_said_what_to_install(cli, monkeypatch):
    """Not how an import failed."""
    for name in [*sys.modules]:
        if name.startswith("langgraph_runner.server"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    refused = cli("serve", "--app", "x:y")
    assert (refused.code, "pip install 'langgraph-runner[cli,server]'" in refused.err) == (8, True)


@pytest.mark.parametrize("options", [["--dev"], []])
def test_serve_says_where_and_to_whom(cli, monkeypatch, options):
    """And how to make a key."""
    from langgraph_runner.server import serving

    async def serve(engine, *, host, port, on_listening, **_options):
        on_listening(f"http://{host}:{port}")

    monkeypatch.setattr(serving, "serve_app", serve)
    (cli.folder / "shop.py").write_text(
        "from langgraph_runner import Workflow\nshop = Workflow('shop.v1')\n"
        "@shop.step\ndef price(inputs) -> int:\n    return 1\n"
    )
    told = cli("serve", "--app", "shop:shop", "--port", "8001", *options).out.splitlines()
    assert told[0] == "Serving at http://127.0.0.1:8001"
    assert ("No key is needed" in told[1]) == bool(options)
    assert ("keys create" in told[1]) != bool(options)
