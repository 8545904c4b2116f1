"""`update_state()`: checked updates of the state."""

import copy
from typing import Annotated

import pytest
from langgraph.graph import START, StateGraph
from langgraph.types import Overwrite
from pydantic import BaseModel

from langgraph_runner import (
    GraphState,
    NodeError,
    NodeErrorRecord,
    StateUpdateError,
    append_bounded,
    create_node,
    update_state,
)

UPDATE = {
    "story_id": "S",
    "artifact_paths": {"a": "a.md"},
    "routing_flags": {"proceed": True},
    "evidence_refs": [{"id": "e", "kind": "log", "metadata": {"n": 1}}],
    "gate_decisions": {"review": {"decision": "approved", "reason": "fine"}},
    "own": object(),
}


@pytest.mark.req("N-7", "N-8")
def test_every_field_is_accepted():
    """Fields are given by mapping or by keyword; fields of the user are not checked."""
    assert update_state(UPDATE) == UPDATE
    assert update_state(**UPDATE) == UPDATE
    assert update_state({"story_id": "old"}, story_id="new") == {"story_id": "new"}
    assert update_state() == {}


@pytest.mark.req("N-7")
def test_the_input_is_neither_changed_nor_shared():
    """Changing the result does not change the arguments."""
    before = copy.copy(UPDATE)
    result = update_state(UPDATE)
    result["artifact_paths"]["b"] = "b"
    result["evidence_refs"].append({})
    result["routing_flags"].clear()
    assert before == UPDATE
    assert UPDATE["artifact_paths"] == {"a": "a.md"}
    assert len(UPDATE["evidence_refs"]) == 1


@pytest.mark.req("N-7")
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"story_id": 7}, "story_id must be a valid string, got 7"),
        ({"artifact_paths": ["a"]}, "artifact_paths must be a valid dictionary, got"),
        ({"artifact_paths": {"a": 1}}, "artifact_paths.a must be a valid string, got 1"),
        ({"routing_flags": {"blocked": "no"}}, "routing_flags.blocked must be .*, got 'no'"),
        (
            {"routing_flags": {"blockd": True}},
            r"routing_flags: unknown flag 'blockd'\. Did you mean 'blocked'\?",
        ),
        (
            {"routing_flags": {"xyz": True}},
            r"unknown flag 'xyz'\. The flags are proceed, retry, .*complete\.$",
        ),
        ({"routing_flags": 5}, "routing_flags must be a valid dictionary, got 5"),
        ({"evidence_refs": {"id": "e"}}, "evidence_refs must be a valid list, got"),
        ({"evidence_refs": [{"kind": "log"}]}, "evidence_refs.0.id is required"),
        ({"evidence_refs": [{"id": "e", "url": "x"}]}, "evidence_refs.0.url is not permitted, got 'x'"),
        (
            {"gate_decisions": {"g": {"decision": "maybe"}}},
            "gate_decisions.g.decision must be .*, got 'maybe'",
        ),
        ({"errors": [{"node_id": "n"}]}, r"errors.0.message is required \(\d+ more\)"),
    ],
)
def test_a_bad_field_is_named_with_the_place_and_the_value(fields, message):
    """The error has the place, what the value must be, and the value."""
    with pytest.raises(StateUpdateError, match=message) as refused:
        update_state(**fields)
    assert refused.value.field == next(iter(fields))
    assert refused.value.code == "VALIDATION_FAILED"


@pytest.mark.req("N-7")
def test_an_overwrite_of_a_field_is_checked(mode):
    """A wrong value is refused, although the reducer does not see it."""

    def replace(state: GraphState) -> dict:
        return update_state(errors=Overwrite([]), routing_flags=Overwrite({"proceed": True}))

    graph = StateGraph(GraphState).add_node("n", create_node(mode.function(replace)))
    state = mode.invoke(
        graph.add_edge(START, "n").compile(), {"errors": [{}], "routing_flags": {"blocked": True}}
    )
    assert (state["errors"], state["routing_flags"]) == ([], {"proceed": True})
    with pytest.raises(StateUpdateError, match="unknown flag 'blockd'"):
        update_state(routing_flags=Overwrite({"blockd": True}))


@pytest.mark.req("N-7")
def test_a_key_that_is_not_a_string_is_refused():
    """The message shows the key."""
    with pytest.raises(StateUpdateError, match="The name of a state field must be a string, got 1"):
        update_state({1: "x"})


@pytest.mark.req("N-7", "N-4")
def test_a_bad_update_inside_a_node_is_recorded_as_invalid(mode):
    """The code is VALIDATION_FAILED, and the graph continues."""
    node = create_node(mode.function(lambda s: update_state(routing_flags={"nope": True})))
    graph = StateGraph(GraphState).add_node("n", node).add_edge(START, "n").compile()
    record = mode.invoke(graph, {"story_id": "S"})["errors"][0]
    assert (record["code"], record["error_type"]) == ("VALIDATION_FAILED", "StateUpdateError")


@pytest.mark.req("N-7")
def test_records_of_the_runner_are_valid_errors(mode):
    """A node may write a record that another node captured."""
    errors = mode.call(create_node(mode.function(lambda s: 1 / 0)), {"story_id": "S"})["errors"]
    assert update_state(errors=errors)["errors"] == errors


SIX_FIELDS = {
    "node_id": "stock",
    "message": "Sold out",
    "code": "OUT_OF_STOCK",
    "timestamp": "2026-01-01T00:00:00+00:00",
    "stack": "",
    "recoverable": False,
}


@pytest.mark.req("N-4", "N-7")
@pytest.mark.parametrize("missing", [set(), {"stack"}])
def test_a_record_of_a_program_needs_only_what_a_reader_needs(missing):
    """Also in a graph whose state is a model. The code may be one of the program."""

    class Model(BaseModel):
        errors: Annotated[list[NodeErrorRecord], append_bounded()] = []

    record = {name: value for name, value in SIX_FIELDS.items() if name not in missing}
    graph = StateGraph(Model).add_node("n", lambda _: update_state(errors=[record])).add_edge(START, "n")
    graph.add_node("next", lambda _: {}).add_edge("n", "next")
    errors = graph.compile().invoke({})["errors"]
    assert errors == [record]
    error = NodeError.model_validate(errors[0])
    assert (error.code, error.stack) == ("OUT_OF_STOCK", "")
