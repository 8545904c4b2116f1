"""The engine, the graph and the node give the same results for any workflow."""

from __future__ import annotations

import asyncio
import tempfile
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from langgraph_runner.engine import RunEngine
from langgraph_runner.workflow import JoinRule, StepSpec, Workflow, WorkflowSpec
from tests.workflow.test_dag import dags


class Mark(BaseModel):
    """A typed output."""

    step: str
    saw: dict[str, Any]


class BrokenError(Exception):
    """The exception of a failing step."""


def function_of(name: str, parameters: list[str], *, is_async: bool, fails: bool, typed: bool) -> Any:
    """Return a step function that returns what it received."""

    def work(**received: Any) -> Any:
        if fails:
            raise BrokenError(name)
        saw = {each: plain(value) for each, value in sorted(received.items())}
        return Mark(step=name, saw=saw) if typed else {"step": name, "saw": saw}

    names: dict[str, Any] = {"work": work}
    passed = ", ".join(f"{each}={each}" for each in parameters)
    colour = "async " if is_async else ""
    exec(f"{colour}def {name}({', '.join(parameters)}): return work({passed})", names)  # noqa: S102
    made = names[name]
    made.__annotations__["return"] = Mark if typed else dict[str, Any]
    return made


def plain(value: Any) -> Any:
    """Return JSON values, typed or not."""
    return [type(value).__name__, value.model_dump()] if isinstance(value, Mark) else value


@st.composite
def workflows(draw: Any) -> tuple[WorkflowSpec, set[str]]:
    """Random DAGs with random join rules, in which some steps fail."""
    dependencies = draw(dags(7))
    failing = draw(st.sets(st.sampled_from([*dependencies]), max_size=2))
    steps = []
    for name, before in dependencies.items():
        named = draw(st.sets(st.sampled_from(before))) if before else set()
        function = function_of(
            name,
            [*sorted(named), *(["inputs"] if draw(st.booleans()) else [])],
            is_async=draw(st.booleans()),
            fails=name in failing,
            typed=draw(st.booleans()),
        )
        join = draw(st.sampled_from([*JoinRule]))
        steps.append(StepSpec(id=name, run=function, depends_on=tuple(before), join=join))
    return WorkflowSpec(id="w", steps=tuple(steps)), failing


async def by_engine(spec: WorkflowSpec) -> tuple[dict[str, str], dict[str, Any]]:
    """Return how each step ended in the engine, and its output."""
    with tempfile.TemporaryDirectory() as folder:
        return await in_file(spec, f"sqlite:///{folder}/runs.db")


async def in_file(spec: WorkflowSpec, store: str) -> tuple[dict[str, str], dict[str, Any]]:
    """Do the same with a store."""
    async with RunEngine([spec], store=store) as engine:
        run = await engine.run("w", {"x": 1})
        statuses = {step.step: step.status.value for step in await engine.get_run_steps(run.id)}
        return statuses, {
            step: await engine.get_output(run.id, step)
            for step, status in statuses.items()
            if status == "completed"
        }


@pytest.mark.no_cover
@pytest.mark.req("R-5")
@settings(max_examples=40, deadline=None)
@given(workflows(), st.booleans())
def test_engine_graph_and_node_agree(made: tuple[WorkflowSpec, set[str]], blocking: bool) -> None:
    """The same steps end in the same way, with outputs of the same types; or the same error is raised."""
    spec, failing = made
    statuses, outputs = asyncio.run(by_engine(spec))
    flow = Workflow.from_spec(spec)

    graph = flow.to_graph().compile()
    inputs = {"inputs": {"x": 1}}
    state = graph.invoke(inputs) if blocking else asyncio.run(graph.ainvoke(inputs))
    assert state["steps"] == statuses
    blueprint = flow.blueprint()
    assert state.get("outputs", {}) == {
        step: value.model_dump() if isinstance(value, Mark) else value for step, value in outputs.items()
    }

    node = flow.as_node()
    failed = {step for step, status in statuses.items() if status == "failed"}
    assert failed <= failing
    if failed:
        with pytest.raises(BrokenError) as raised:
            node.invoke({"x": 1}) if blocking else asyncio.run(node.ainvoke({"x": 1}))
        assert str(raised.value) in failed
    else:
        found = node.invoke({"x": 1}) if blocking else asyncio.run(node.ainvoke({"x": 1}))
        assert found == outputs
        assert found.keys() == blueprint.steps.keys()
