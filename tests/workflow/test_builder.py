"""`Workflow`, as a user sees it."""

import pytest

from langgraph_runner.workflow import Workflow, WorkflowDefinitionError, WorkflowRegistry


@pytest.mark.req("R-5")
def test_graph_and_node_of_a_workflow_agree(mode):
    """They have the same outputs."""
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
    assert mode.invoke(flow.to_graph().compile(), {"inputs": {"x": 1}})["outputs"] == expected
    assert mode.invoke(flow.as_node(), {"x": 1}) == expected


@pytest.mark.req("R-2")
def test_all_problems_are_reported_at_once():
    """Each problem names its step, and the fix where there is one."""
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
    assert "depends_on names 'd', which is not a step" in text
    assert "parameter 'bb'" in text
    assert "Did you mean 'b'?" in text
    assert "got 'x:y'" in text
