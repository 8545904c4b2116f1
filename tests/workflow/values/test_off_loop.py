"""Large values are read and written off the event loop."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, field_serializer

from langgraph_runner.workflow import Workflow
from langgraph_runner.workflow.langgraph.inline import run_inline
from langgraph_runner.workflow.values.off_loop import is_large


class Report(BaseModel):
    """Records the thread that reads it."""

    lines: list[str]

    @field_serializer("lines")
    def told(self, lines: list[str]) -> list[str]:
        """Return the value unchanged."""
        readers.append(threading.current_thread())
        return lines


readers: list[threading.Thread] = []


@pytest.mark.parametrize(("count", "is_apart"), [(10, False), (10_000, True)])
async def test_only_large_outputs_of_a_coroutine_are_written_off_the_loop(count, is_apart):
    """A thread costs more than writing a small value, but a large value would block the event loop."""
    readers.clear()
    flow = Workflow("w")

    @flow.step
    async def report() -> Report:
        return Report(lines=["a line"] * count)

    await run_inline(flow.blueprint(), {}, {})
    assert {reader is not threading.current_thread() for reader in readers} == {is_apart}


@pytest.mark.parametrize(
    "value",
    [
        "x" * 100_000,
        b"x" * 100_000,
        list(range(5_000)),
        {str(n): n for n in range(5_000)},
        [[n] * 40 for n in range(40)],
        Report(lines=["x" * 1_000] * 50),
    ],
)
def test_long_texts_many_parts_and_models_of_them_are_large(value):
    """Any combination counts."""
    assert is_large(value)


def test_a_value_that_contains_itself_is_large():
    """The count stops at the limit."""
    loop: list[object] = []
    loop.append(loop)
    assert is_large(loop)


@given(
    st.recursive(
        st.integers() | st.text(max_size=20), lambda inner: st.lists(inner, max_size=5), max_leaves=30
    )
)
def test_small_values_are_not_large(value):
    """Otherwise each step would use the thread."""
    assert not is_large(value)
