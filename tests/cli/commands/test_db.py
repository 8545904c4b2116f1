"""`db`: the schema of the database, and row-level security."""

import pytest

from langgraph_runner.engine.store.migrating import HEAD

pytestmark = pytest.mark.req("R-54")


@pytest.mark.req("R-62")
def test_db_creates_and_shows_the_schema(cli):
    """The database is that of `--store` or of the variable. The app is not loaded."""
    url = {"LANGGRAPH_RUNNER_STORE": "sqlite:///new/other.db", "LANGGRAPH_RUNNER_APP": "nowhere:app"}
    assert cli("db", "current", env=url).out.split() == ["database", "none", "release", HEAD]
    assert cli("db", "upgrade", env=url).out == f"Upgraded the schema from version none to {HEAD}.\n"
    assert cli("db", "upgrade", env=url).out == f"The schema is already at version {HEAD}.\n"
    assert cli("db", "current", "--json", env=url).json == {"found": HEAD, "known": HEAD}
    assert cli("db", "upgrade", "--store", "sqlite:///x.db", "--json").json["found"] == HEAD


@pytest.mark.req("R-62")
def test_db_downgrades_to_an_earlier_schema(cli):
    """It can be upgraded again. A version that the database never had is refused."""
    url = {"LANGGRAPH_RUNNER_STORE": "sqlite:///other.db"}
    cli("db", "upgrade", env=url)
    assert "Give --yes" in cli("db", "downgrade", "0004", env=url).err
    assert cli("db", "downgrade", "0004", "--yes", env=url).out.endswith(
        " The schema is now at version 0004.\n"
    )
    assert cli("db", "current", env=url).out.split() == ["database", "0004", "release", HEAD]
    refused = cli("db", "downgrade", "0005", "--yes", env=url)
    assert (refused.code, "0001, 0002, 0003, 0004" in refused.err) == (2, True)
    assert cli("db", "upgrade", env=url).out == f"Upgraded the schema from version 0004 to {HEAD}.\n"


def test_row_security_needs_postgresql(cli):
    """The message says that SQLite has none."""
    cli("db", "upgrade", env={"LANGGRAPH_RUNNER_STORE": "sqlite:///other.db"})
    refused = cli("db", "row-security", "on", env={"LANGGRAPH_RUNNER_STORE": "sqlite:///other.db"})
    assert (refused.code, "SQLite has no row-level security" in refused.err) == (2, True)


def test_row_security_is_turned_on_and_off(cli, new_postgresql):
    """The command also shows its state."""
    url = {"LANGGRAPH_RUNNER_STORE": new_postgresql()}
    assert cli("db", "row-security", env=url).out == "Row-level security is off.\n"
    assert cli("db", "row-security", "on", env=url).out == "Row-level security is on.\n"
    assert cli("db", "row-security", "show", "--json", env=url).json == {"is_on": True}
    assert cli("db", "row-security", "off", env=url).out == "Row-level security is off.\n"
