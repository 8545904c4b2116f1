"""Annotations may name types that exist for type checkers only: quoted, and on Python 3.14 as they are (PEP 649)."""

import sys

import pytest

from langgraph_runner import Workflow, create_node
from langgraph_runner.callbacks import accept_fewer_arguments

ABSENT = "Absent" if sys.version_info >= (3, 14) else "'Absent'"


@pytest.fixture
def work():
    """A function with a parameter of a type that does not exist at run time."""
    names = {}
    source = f"def work(subject: {ABSENT} = None) -> dict:\n    return {{'x': 1}}\n"
    exec(compile(source, __file__, "exec", dont_inherit=True), names)  # noqa: S102
    return names["work"]


def test_a_node_of_such_a_function_can_be_made_and_called(work):
    """LangGraph is not asked."""
    assert create_node(work)({}) == {"x": 1}


def test_a_step_of_such_a_function_is_registered(work):
    """Only its return annotation is evaluated."""
    workflow = Workflow("shop.v1")
    workflow.step(work)
    assert [step.id for step in workflow.spec.steps] == ["work"]


def test_such_a_function_can_be_a_callback(work):
    """The number of its parameters is read, not their types."""
    assert accept_fewer_arguments(work, "error", "node", field="on_error")("error", "node") == {"x": 1}
