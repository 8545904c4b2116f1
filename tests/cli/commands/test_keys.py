"""`keys`: the API keys of the service."""

import json

import pytest

pytestmark = pytest.mark.req("R-54", "R-57")


def new_key(cli, *words):
    """Create a key and return the JSON answer."""
    return json.loads(cli("keys", "create", "ada", "--json", *words).out)


def test_a_key_is_shown_once(cli):
    """It is alone on the last line, so that a script can read it."""
    shown = cli("keys", "create", "ada", "--tenant", "acme", "--role", "admin", "--expires-in", "90d")
    first, key = shown.out.splitlines()
    assert key.startswith("lgr_")
    assert "tenant 'acme', role admin" in first
    listed = cli("keys", "list", "--all-tenants").out
    assert key.split("_")[1] in listed
    assert key.split("_")[2] not in listed


def test_keys_are_listed_by_tenant(cli):
    """Revoked keys are listed, too."""
    cli("keys", "create", "other", "--tenant", "other")
    assert cli("keys", "list").out == "No keys.\n"
    key = new_key(cli)
    assert cli("keys", "revoke", key["id"]).out == f"Revoked key {key['id']} of ada.\n"
    assert "revoked" in cli("keys", "list").out
    (listed,) = json.loads(cli("keys", "list", "--json").out)
    assert (listed["id"], "key" in listed) == (key["id"], False)


def test_a_key_is_rotated(cli):
    """The old key works until the end of the grace period."""
    key = new_key(cli)
    new = cli("keys", "rotate", key["id"], "--grace", "2h").out.splitlines()[-1]
    assert new.split("_")[1] != key["id"]
    old = json.loads(cli("keys", "list", "--json").out)[0]
    assert old["expires_at"] is not None
    assert json.loads(cli("keys", "revoke", key["id"], "--json").out)["revoked_at"] is not None


@pytest.mark.parametrize("command", ["rotate", "revoke"])
def test_an_unknown_key_is_refused(cli, command):
    """It has its own error code."""
    new_key(cli)
    refused = cli("keys", command, "unknown", "--json")
    assert (refused.code, json.loads(refused.err)["code"]) == (3, "KEY_NOT_FOUND")


def test_an_unknown_role_is_refused(cli):
    """The message lists the roles."""
    refused = cli("keys", "create", "ada", "--role", "boss")
    assert (refused.code, "read, run, admin" in refused.err) == (2, True)
