"""`Session`."""

import pytest

from langgraph_runner.cli.session import Session

pytestmark = pytest.mark.req("R-54")


@pytest.mark.parametrize(
    ("store", "shown"),
    [
        ("postgresql://me:secret@there/x", "'postgresql://me:***@there/x'"),
        ("postgresql://me@there/x", "postgresql://me@there/x"),
        ("sqlite:///my runs.db", "'sqlite:///my runs.db'"),
    ],
)
def test_a_hint_names_the_database_without_its_password(store, shown):
    """Output may be logged, or copied into a chat."""
    assert Session(app=None, store=store).hint("retry", "r1") == f"langgraph-runner retry r1 --store {shown}"
