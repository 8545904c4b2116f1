"""Exceptions of user code that is not a step: it may fail, but cannot end the process."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pydantic import BaseModel, field_validator

from langgraph_runner.engine import RunEngine
from langgraph_runner.workflow import ChangeRequest, ChangeRequestError, Workflow
from langgraph_runner.workflow.changes import impact_of
from langgraph_runner.workflow.user_code import UserCode
from langgraph_runner.workflow.values.input_type import InputType
from langgraph_runner.workflow.values.output_type import OutputType

pytestmark = pytest.mark.req("R-1")


class Doom(BaseException):
    """A BaseException of the user."""


FATAL = [SystemExit, GeneratorExit, asyncio.CancelledError, Doom]


class Explosive(BaseModel):
    """Its validator raises a BaseException on demand."""

    fuse: bool = False

    @field_validator("fuse")
    @classmethod
    def explode(cls, fuse: bool) -> bool:
        """Raise on demand."""
        if fuse:
            raise SystemExit(3)
        return fuse


def raising(kind: type[BaseException]) -> Any:
    """Return a function that raises the exception."""

    def function(*_: Any) -> Any:
        raise kind

    return function


@pytest.mark.parametrize("kind", FATAL)
def test_a_base_exception_becomes_a_runtime_error(kind: type[BaseException]) -> None:
    """The message names its type, and it is the cause."""
    with (
        pytest.raises(
            RuntimeError, match=f"^It has raised {kind.__name__}, which is not an Exception.$"
        ) as raised,
        UserCode("It"),
    ):
        raise kind
    assert type(raised.value.__cause__) is kind


def test_an_exception_passes_unchanged() -> None:
    """It needs no conversion."""
    with pytest.raises(LookupError, match="no"), UserCode("It"):
        raise LookupError("no")


def test_ctrl_c_passes_in_the_main_thread_only() -> None:
    """In other threads Python never raises it for Ctrl-C."""

    def press() -> None:
        with UserCode("It"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        press()
    with (
        ThreadPoolExecutor(1) as thread,
        pytest.raises(RuntimeError, match="It has raised KeyboardInterrupt"),
    ):
        thread.submit(press).result()


@pytest.mark.parametrize("kind", FATAL)
async def test_a_selector_fails_its_run_and_nothing_else(kind: type[BaseException]) -> None:
    """The engine keeps running, and so would a process that takes over the run."""
    flow = Workflow("w")
    flow.step(lambda x: x, id="a", input_selector=raising(kind))
    other = Workflow("other")
    other.step(lambda: 1, id="a")
    async with RunEngine([flow, other], store="sqlite://") as engine:
        run = await engine.wait((await engine.trigger("w")).id, timeout_ms=10_000)
        assert run.status == "failed"
        assert run.error is not None
        assert f"The input_selector of step 'a' has raised {kind.__name__}" in run.error["message"]
        assert (await engine.run("other")).status == "completed"


def test_a_selector_fails_its_step_in_a_graph_and_a_node(mode: Any) -> None:
    """It is treated like any exception of the step."""
    flow = Workflow("w")
    flow.step(lambda x: x, id="a", input_selector=raising(SystemExit))
    assert mode.invoke(flow.to_graph().compile(), {})["steps"] == {"a": "failed"}
    with pytest.raises(RuntimeError, match="has raised SystemExit"):
        mode.invoke(flow.as_node(), {})


def test_a_validator_of_the_inputs_cannot_end_the_process() -> None:
    """Each process that takes over the run loads the inputs."""
    inputs = InputType("w", Explosive)
    with pytest.raises(RuntimeError, match="A validator of the inputs of workflow 'w' has raised SystemExit"):
        inputs.check({"fuse": True})
    with pytest.raises(RuntimeError, match="A validator of the inputs of workflow 'w' has raised SystemExit"):
        inputs.load(b'{"fuse":true}')


def test_a_validator_of_an_output_cannot_end_the_process() -> None:
    """It runs again when a dependent step loads the output."""
    with pytest.raises(RuntimeError, match="A validator of the output of step 's' has raised SystemExit"):
        OutputType("s", Explosive).load(b'{"fuse":true}')


def test_apply_cannot_end_the_process() -> None:
    """The change is refused, and no run is created."""
    flow = Workflow("w")
    flow.step(lambda inputs: 1, id="a")
    flow.on_change("x", apply=raising(SystemExit))
    with pytest.raises(
        ChangeRequestError, match=r"apply\(\) has raised SystemExit, which is not an Exception"
    ):
        impact_of(flow.blueprint(), ChangeRequest("x"), b"{}")


def test_a_validator_of_a_payload_cannot_end_the_process() -> None:
    """The message names the change."""
    flow = Workflow("w")
    flow.step(lambda inputs: 1, id="a")
    flow.on_change("x", payload=Explosive)
    with pytest.raises(RuntimeError, match="A validator of the payload of change 'x' has raised SystemExit"):
        impact_of(flow.blueprint(), ChangeRequest("x", {"fuse": True}), b"{}")
