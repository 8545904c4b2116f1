"""Reducers: associative, without loss, and without changing their arguments."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.graph import START, StateGraph

from langgraph_runner import GraphState, append_bounded, append_unique, merge_mappings
from langgraph_runner.state.reducers import MAX_ERRORS

ITEM = st.recursive(
    st.integers(0, 3) | st.booleans() | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab", max_size=1), inner, max_size=2),
)
ITEMS = st.none() | st.lists(ITEM, max_size=6)
MAPPING = st.none() | st.dictionaries(st.text("abc", max_size=1), st.booleans())


@pytest.mark.req("N-8")
@given(MAPPING, MAPPING, MAPPING)
def test_merge_is_associative(a, b, c):
    """LangGraph may group the writes in any way."""
    assert merge_mappings(merge_mappings(a, b), c) == merge_mappings(a, merge_mappings(b, c))


@pytest.mark.req("N-8")
@given(ITEMS, ITEMS, ITEMS)
def test_append_unique_is_associative(a, b, c):
    """The first of equal items stays, in any grouping."""
    assert append_unique(append_unique(a, b), c) == append_unique(a, append_unique(b, c))


@pytest.mark.req("N-8")
@given(st.integers(1, 5), ITEMS, ITEMS, ITEMS)
def test_append_bounded_is_associative(limit, a, b, c):
    """Bounding early loses nothing that bounding late keeps."""
    append = append_bounded(limit)
    left, right = append(append(a, b), c), append(a, append(b, c))
    assert left == right
    assert len(left) <= limit


@pytest.mark.req("N-8")
@pytest.mark.parametrize("reducer", [append_unique, append_bounded(2)])
@given(a=ITEMS, b=ITEMS)
def test_lists_are_not_changed(reducer, a, b):
    """A reducer does not change its arguments."""
    before = copy.deepcopy((a, b))
    result = reducer(a, b)
    assert (a, b) == before
    assert result is not a
    assert result is not b


@pytest.mark.req("N-8")
def test_append_unique_compares_types_too():
    """1, True and "1" are three items; two equal lists are one."""
    assert append_unique([1, [1]], [True, "1", [1], {"k": [1]}, {"k": [1]}]) == [
        1,
        [1],
        True,
        "1",
        {"k": [1]},
    ]


@pytest.mark.req("N-8")
def test_append_unique_accepts_unhashable_items():
    """Such items are compared by their `repr()`."""
    assert append_unique([bytearray(b"a")], [bytearray(b"a"), bytearray(b"b")]) == [
        bytearray(b"a"),
        bytearray(b"b"),
    ]


@pytest.mark.req("N-8")
@pytest.mark.parametrize("bad", [5, "text", {"a": 1}])
def test_a_list_reducer_refuses_other_types(bad):
    """The message says what to write instead."""
    with pytest.raises(TypeError, match=r"must be a list, .* \[item\]"):
        append_unique([], bad)


@pytest.mark.req("N-8")
@pytest.mark.parametrize("bad", [5, [1], "text"])
def test_a_mapping_reducer_refuses_other_types(bad):
    """The message names the type of the value."""
    with pytest.raises(TypeError, match="must be a dict, got"):
        merge_mappings({}, bad)


@pytest.mark.req("N-8")
@pytest.mark.parametrize("limit", [0, -1, True, 2.5, "3"])
def test_a_bad_limit_is_refused(limit):
    """The error comes when the schema is defined."""
    with pytest.raises(ValueError, match="limit"):
        append_bounded(limit)


@pytest.mark.req("N-8")
def test_parallel_branches_merge_every_field(mode):
    """No write of a branch is lost."""

    def branch(name):
        def node(state):
            return {
                "artifact_paths": {name: f"{name}.md"},
                "routing_flags": {"blocked": True} if name == "a" else {"proceed": True},
                "evidence_refs": [{"id": name}, {"id": "shared"}],
                "gate_decisions": {name: {"decision": "approved"}},
                "errors": [{"node_id": name}],
            }

        return node

    builder = StateGraph(GraphState)
    for name in ("a", "b", "c"):
        builder.add_node(name, mode.function(branch(name)))
        builder.add_edge(START, name)
    result = mode.invoke(builder.compile(), {"story_id": "S"})
    assert result == {
        "story_id": "S",
        "artifact_paths": {"a": "a.md", "b": "b.md", "c": "c.md"},
        "routing_flags": {"blocked": True, "proceed": True},
        "evidence_refs": [{"id": "a"}, {"id": "shared"}, {"id": "b"}, {"id": "c"}],
        "gate_decisions": {n: {"decision": "approved"} for n in ("a", "b", "c")},
        "errors": [{"node_id": "a"}, {"node_id": "b"}, {"node_id": "c"}],
    }


@pytest.mark.req("N-8")
def test_the_newest_hundred_errors_are_kept():
    """A schema may keep another number."""
    graph = (
        StateGraph(GraphState)
        .add_node("n", lambda s: {"errors": [{"node_id": str(i)} for i in range(150)]})
        .add_edge(START, "n")
        .compile()
    )
    errors = graph.invoke({"story_id": "S"})["errors"]
    assert (len(errors), errors[0], errors[-1]) == (MAX_ERRORS, {"node_id": "50"}, {"node_id": "149"})


@pytest.mark.req("N-8", "N-4")
def test_a_subgraph_does_not_repeat_the_errors_that_it_was_given(mode):
    """A subgraph that shares the field returns the errors that it was given together with its own."""
    from langgraph_runner import create_node

    def fail(state):
        raise ValueError

    inner = StateGraph(GraphState).add_node("i", create_node(mode.function(fail))).add_edge(START, "i")
    outer = (
        StateGraph(GraphState)
        .add_node("a", create_node(mode.function(fail)))
        .add_node("sub", inner.compile())
        .add_edge(START, "a")
        .add_edge("a", "sub")
        .compile()
    )
    assert [e["node_id"] for e in mode.invoke(outer, {"story_id": "S"})["errors"]] == ["a", "i"]


RECORD = st.fixed_dictionaries({"error_id": st.sampled_from("abcd")})


@pytest.mark.req("N-8")
@given(st.integers(1, 4), *[st.lists(RECORD, max_size=4)] * 3)
def test_dropping_repeated_records_is_associative(limit, a, b, c):
    """Each record is in the place where it was written last."""
    append = append_bounded(limit)
    assert append(append(a, b), c) == append(a, append(b, c))


@pytest.mark.req("N-8")
def test_equal_looking_failures_are_all_kept(mode, fake):
    """Three branches fail in the same way at the same moment."""
    from langgraph.types import Send

    from langgraph_runner import create_node

    node = create_node(mode.function(lambda s: 1 / 0), on_error="record", runtime=fake)
    graph = (
        StateGraph(GraphState)
        .add_node("n", node)
        .add_conditional_edges(START, lambda s: [Send("n", {}) for _ in range(3)], ["n"])
        .compile()
    )
    assert len(mode.invoke(graph, {"story_id": "S"})["errors"]) == 3


@pytest.mark.req("N-8")
def test_schemas_that_inherit_from_graph_state_share_a_graph():
    """Their fields are the same channels with the same reducers."""

    class A(GraphState, total=False):
        x: int

    class B(GraphState, total=False):
        y: int

    graph = StateGraph(A, input_schema=B).add_node("n", lambda s: {"x": 1}).add_edge(START, "n").compile()
    assert graph.invoke({"y": 2})["x"] == 1
    assert append_bounded(5) is append_bounded(5)
