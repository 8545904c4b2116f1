"""Values that are long to read."""

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
    """Says who reads it."""

    lines: list[str]

    @field_serializer("lines")
    def told(self, lines: list[str]) -> list[str]:
        """As they are."""
        readers.append(threading.current_thread())
        return lines


readers: list[threading.Thread] = []


@pytest.mark.parametrize(("count", "is_apart"), [(10, False), (10_000, True)])
async def test_what_a_coroutine_returns_is_read_apart_from_the_loop_only_if_it_is_heavy(count, is_apart):
    """A thread costs more than to read a small value; a large one would hold up everybody."""
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
def test_long_text_many_parts_and_models_of_them_are_heavy(value):
    """However they are put together."""
    assert is_large(value)


def test_a_value_that_contains_itself_is_found_heavy():
    """It has no end, so it must not be walked to it."""
    loop: list[object] = []
    loop.append(loop)
    assert is_large(loop)


@given(
    st.recursive(
        st.integers() | st.text(max_size=20), lambda inner: st.lists(inner, max_size=5), max_leaves=30
    )
)
def test_small_values_are_not(value):
    """Or each step would go through a thread."""
    assert not is_large(value)
