"""The methods of the client are those of the engine, so that code can move by changing one line."""

import inspect

import pytest

from langgraph_runner.client import RunClient, SyncRunClient
from langgraph_runner.engine import RunEngine, SyncRunEngine

pytestmark = pytest.mark.req("R-58")

OF_AN_ENGINE_ONLY = {
    "archive",
    "artifact_files",
    "artifact_path",
    "drain",
    "get_workflow",
    "list_workflows",
    "metrics_collector",
    "prune",
    "restore",
    "resume",
    "start",
    "step_cache",
    "store",
    "take_on",
    "trigger_resume",
    "workflows",
}
"""Methods that need the database or the code of the workflows. docs/client.md has a row for each."""


def public(kind):
    """Return the public names of a class."""
    return {name for name in dir(kind) if not name.startswith("_")}


@pytest.mark.parametrize(("client", "engine"), [(RunClient, RunEngine), (SyncRunClient, SyncRunEngine)])
def test_each_method_of_the_client_is_one_of_the_engine(client, engine):
    """It has the same parameters, order, defaults, annotations and result."""
    assert public(engine) - public(client) == OF_AN_ENGINE_ONLY & public(engine)
    assert public(client) - public(engine) == set()
    for name in public(client) - {"sync"}:
        of_client, of_engine = getattr(client, name), getattr(engine, name)
        assert inspect.signature(of_client) == inspect.signature(of_engine), name
        for is_kind in (inspect.iscoroutinefunction, inspect.isasyncgenfunction):
            assert is_kind(of_client) == is_kind(of_engine), name
