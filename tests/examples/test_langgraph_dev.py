"""The audit and the campaign under `langgraph dev`, the server behind Studio, which detects blocking calls."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from examples.campaign.workflow import campaign
from examples.package_audit.graph import builder
from tests.examples.campaign_files import sample
from tests.examples.server import Server, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Sample

GRAPH = "package_audit"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, make_sample: type[Sample]) -> Iterator[Server]:
    """A server with a damaged distribution on its path."""
    folder = tmp_path_factory.mktemp("server")
    sample = make_sample(folder / "site")
    sample.write("tiny/broken.py", "def (:\n")
    sample.record_only.append("tiny/gone.py")
    sample.install()
    with serving(folder, PYTHONPATH=str(sample.folder)) as served:
        yield served


def audit(server: Server, distribution: str, thread_id: str | None = None) -> dict[str, Any]:
    """Audit a distribution and return the final state."""
    out = str(server.folder / "out" / distribution)
    state = server.client.runs.wait(thread_id, GRAPH, input={"distribution": distribution, "out_dir": out})
    assert isinstance(state, dict)
    assert "__error__" not in state, f"{state}\n{server.log}"
    return state


@pytest.mark.req("N-2", "N-12")
def test_studio_sees_graph_and_input_form(server: Server):
    """There are the nodes, the edges, and a form with two fields."""
    assistants = server.client.assistants
    (assistant,) = assistants.search(graph_id=GRAPH)

    drawn = assistants.get_graph(assistant["assistant_id"])
    schemas = assistants.get_schemas(assistant["assistant_id"])

    assert {node["id"] for node in drawn["nodes"]} == {*builder.nodes, "__start__", "__end__"}
    conditional = {(edge["source"], edge["target"]) for edge in drawn["edges"] if edge.get("conditional")}
    assert {("resolve", "report"), ("inventory", "parse"), ("gate", "report")} <= conditional
    assert schemas["input_schema"]["required"] == ["distribution"]
    assert set(schemas["input_schema"]["properties"]) == {"distribution", "out_dir"}
    assert {"errors", "routing_flags", "figures"} <= set(schemas["output_schema"]["properties"])


@pytest.mark.req("N-2", "N-4", "N-6")
def test_one_thread_audits_good_spoilt_and_missing_distributions(server: Server):
    """The states describe a real distribution, one with two invalid files, and an unknown one.

    A node that blocks the event loop would be among the errors, because the server raises in it.
    """
    thread_id = server.client.threads.create()["thread_id"]

    missing = audit(server, "no-such-distribution", thread_id)
    real = audit(server, "idna", thread_id)
    spoilt = audit(server, "tiny-sample", thread_id)

    assert missing["routing_flags"] == {"blocked": True, "proceed": False, "complete": False}
    assert [error["node_id"] for error in missing["errors"]] == ["resolve"]
    assert "No distribution 'no-such-distribution' is installed" in missing["errors"][0]["message"]
    assert real["routing_flags"] == {"blocked": False, "proceed": True, "complete": True}
    assert real["figures"]["modules"] == len(real["inventory"]["sources"]) > 0
    assert spoilt["routing_flags"] == {"blocked": False, "proceed": True, "complete": True}
    assert [error["error_type"] for error in spoilt["errors"][1:]] == ["SyntaxError", "FileNotFoundError"]
    assert spoilt["figures"]["modules"] == 3
    for state in (missing, real, spoilt):
        assert Path(state["artifact_paths"]["report"]).is_file()


@pytest.mark.req("R-5", "R-63")
def test_studio_runs_the_campaign(server: Server):
    """Every step is a node, and none blocks the event loop."""
    (assistant,) = server.client.assistants.search(graph_id="campaign")
    drawn = server.client.assistants.get_graph(assistant["assistant_id"])
    assert {node["id"] for node in drawn["nodes"]} == {*campaign.blueprint().steps, "__start__", "__end__"}

    state = server.client.runs.wait(None, "campaign", input={"inputs": sample()})

    assert isinstance(state, dict)
    assert "__error__" not in state, f"{state}\n{server.log}"
    assert state.get("errors", []) == []
    assert state["steps"] == dict.fromkeys(campaign.blueprint().steps, "completed")
    assert state["outputs"]["bundle"]["name"] == "halden-one.zip"
