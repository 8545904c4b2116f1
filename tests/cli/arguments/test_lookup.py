"""The run and the step that a user means."""

import json
import os

import pytest

pytestmark = pytest.mark.req("R-54")


def test_last_needs_a_run(cli):
    """The message names the tenant, because the tenant may be the mistake."""
    cli.run()
    done = cli("status", "last", "--tenant", "other")
    assert (done.code, done.err) == (3, "Error: Tenant 'other' has no runs yet.\n")
    problem = json.loads(cli("steps", "last", "--tenant", "other", "--json").err)
    assert (problem["code"], problem["exit_code"]) == ("RUN_NOT_FOUND", 3)


def test_the_beginning_of_an_id_names_a_run(cli):
    """An ambiguous beginning is refused, and the message lists the whole ids."""
    first, second = cli.run(), cli.run("--set", "brand.hue=20")
    shared = os.path.commonprefix([first["id"], second["id"]])  # noqa: RUF071 - ids are text, not paths
    assert cli("status", first["id"][: len(shared) + 1], "--json").json["id"] == first["id"]
    refused = cli("status", shared, "--json")
    problem = json.loads(refused.err)
    assert (refused.code, problem["code"]) == (2, "RUN_AMBIGUOUS")
    assert first["id"] in problem["message"]
    assert second["id"] in problem["message"]
    assert cli("status", "%", "--json").code == 3
