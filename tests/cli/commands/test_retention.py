"""`prune`, `archive` and `restore`."""

import re

import pytest

pytestmark = pytest.mark.req("R-54")


def test_prune_deletes_old_runs(cli):
    """It needs a confirmation, and prunes one tenant or all."""
    cli.run()
    cli.run("--tenant", "acme")
    done = cli("prune", "--older-than", "0s")
    assert (done.code, "Give --yes" in done.err) == (2, True)
    assert cli("prune", "--older-than", "1d", "--yes").out == "Deleted 0 runs.\n"
    assert cli("prune", "--older-than", "0ms", "--yes").out == "Deleted 1 run.\n"
    assert cli("prune", "--older-than", "0s", "--all-tenants", "--yes", "--json").json == {"deleted": 1}
    assert cli("prune", "--older-than", "a while", "--yes").code == 2


@pytest.mark.req("R-46")
def test_runs_are_moved_to_a_file_and_back(cli):
    """A restored run can be read again."""
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
