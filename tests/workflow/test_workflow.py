"""Workflows, from the outside."""

import pytest

from langgraph_runner.workflow import Workflow, WorkflowDefinitionError, WorkflowRegistry


@pytest.mark.req("R-5")
def test_a_graph_and_a_node_give_the_same(colour):
    """Of the same workflow."""
    flow = Workflow("w")

    @flow.step
    def a(inputs) -> int:
        return inputs["x"]

    @flow.step
    async def b(a: int) -> int:
        return a + 1

    @flow.step
    def c(a: int, b: int) -> list[int]:
        return [a, b]

    expected = {"a": 1, "b": 2, "c": [1, 2]}
    assert colour.invoke(flow.to_graph().compile(), {"inputs": {"x": 1}})["outputs"] == expected
    assert colour.invoke(flow.as_node(), {"x": 1}) == expected


@pytest.mark.req("R-2")
def test_everything_that_is_wrong_is_said_at_once():
    """With the offender, and the fix where there is one."""
    flow = Workflow("w")
    flow.step(lambda b: b, id="a")
    flow.step(lambda a: a, id="b")
    flow.step(lambda bb: bb, id="c", depends_on=["d"])
    flow.step(lambda: 1, id="x:y")
    with pytest.raises(WorkflowDefinitionError) as refused:
        WorkflowRegistry([flow])
    text = str(refused.value)
    assert len(refused.value.problems) == 4
    assert "'a' -> 'b' -> 'a'" in text or "'b' -> 'a' -> 'b'" in text
    assert "depends on 'd', which is no step" in text
    assert "parameter 'bb'" in text
    assert "Did you mean 'b'?" in text
    assert "'x:y' is unusable" in text
