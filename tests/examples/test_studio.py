"""How LangGraph Studio draws graphs in which every node is wrapped: `examples/studio` under the real server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from langgraph_runner import GraphState
from tests.examples.studio import STUDIO_CONFIG, TEXT, assistant


def test_the_configuration_is_valid():
    """The server's own check passes, and each graph has a description."""
    checked = subprocess.run(  # noqa: S603 - the command is written here
        [Path(sys.executable).with_name("langgraph"), "validate", "--config", STUDIO_CONFIG],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, "3 graphs found" in checked.stdout) == (0, True), checked.stdout


def test_each_graph_has_an_assistant(studio):
    """Studio lists them with names and descriptions, and each can be fetched by its id."""
    found = {one["name"]: one for one in studio.assistants.search()}
    assert found.keys() >= {"package_audit", "release_notes", "digest"}
    assert studio.assistants.get(found["digest"]["assistant_id"])["graph_id"] == "digest"
    assert "asks you" in found["release_notes"]["description"]


@pytest.mark.req("N-12")
def test_the_edges_of_a_command_are_drawn(studio):
    """The wrapped review keeps its return annotation, so both targets are drawn."""
    drawn = studio.assistants.get_graph(assistant(studio, "release_notes"))
    assert [node["id"] for node in drawn["nodes"]] == [
        *("__start__", "begin", "draft", "review", "publish", "__end__")
    ]
    ways = {edge["target"] for edge in drawn["edges"] if edge["source"] == "review" and edge["conditional"]}
    assert ways == {"publish", "__end__"}


@pytest.mark.req("N-12")
def test_xray_draws_the_nodes_of_subgraphs(studio):
    """These are wrapped graphs, two levels deep, and the graph that a node calls."""
    drawn = studio.assistants.get_graph(assistant(studio, "digest"), xray=True)
    assert {node["id"] for node in drawn["nodes"]} == {
        *("__start__", "begin", "split", "merge", "__end__"),
        *(f"analyse:{name}" for name in ("read", "count", "readability", "report")),
        *("analyse:links:find", "analyse:links:follow"),
        *("summarise:score", "summarise:pick"),
    }
    edges = {(edge["source"], edge["target"]) for edge in drawn["edges"]}
    assert {("split", "analyse:read"), ("analyse:read", "analyse:links:find")} <= edges
    assert {("analyse:report", "merge"), ("merge", "summarise:score"), ("summarise:pick", "__end__")} <= edges


def test_without_xray_a_subgraph_is_one_node(studio):
    """Studio draws graphs this way by default."""
    drawn = studio.assistants.get_graph(assistant(studio, "digest"))
    assert [node["id"] for node in drawn["nodes"]] == [
        *("__start__", "begin", "split", "analyse", "merge", "summarise", "__end__")
    ]


@pytest.mark.req("N-12")
def test_schemas_make_the_forms(studio):
    """The input form has one field, the context has a schema, and the state has the fields of `GraphState`."""
    schemas = studio.assistants.get_schemas(assistant(studio, "digest"))
    assert set(schemas["input_schema"]["properties"]) == {"text"}
    own = {"text", "sections", "reports", "total", "messages"}
    for kind in ("state_schema", "output_schema"):
        assert set(schemas[kind]["properties"]) == {*GraphState.__annotations__, *own}
    for kind in ("context_schema", "config_schema"):
        assert schemas[kind]["properties"]["seconds_per_section"]["type"] == "number"


@pytest.mark.req("N-12")
def test_subgraphs_are_found_at_any_depth(studio):
    """Each has its schemas."""
    found = studio.assistants.get_subgraphs(assistant(studio, "digest"), recurse=True)
    assert found.keys() == {"analyse", "analyse|links", "summarise"}
    assert set(found["analyse|links"]["output_schema"]["properties"]) == {"links"}
    assert set(found["analyse"]["context_schema"]["properties"]) == {"seconds_per_section"}


def test_a_saved_assistant_keeps_its_context(studio, thread):
    """Studio saves a context as an assistant; the nodes of a wrapped subgraph receive it."""
    slow = studio.assistants.create("digest", context={"seconds_per_section": "nonsense"}, name="slow")
    state = studio.runs.wait(thread, slow["assistant_id"], input={"text": TEXT})
    assert {error["node_id"] for error in state["errors"]} == {"read", "readability"}
    assert {error["error_type"] for error in state["errors"]} == {"TypeError", "ValueError"}


def test_the_log_has_no_warnings(studio_server, studio, thread):
    """No field was dropped, and no graph was slow to load."""
    studio.runs.wait(thread, "digest", input={"text": TEXT})
    log = (studio_server.folder / "log").read_text(errors="replace")
    assert "node.completed" in log
    for trouble in ("unknown_fields_dropped", "cannot_hold_errors", "Slow graph load"):
        assert trouble not in log
