"""The pytest plugin: the fixture `fake_runtime`.

pytest imports this module in every test run of a project that has the package installed, so it imports nothing
heavier than pytest: LangGraph is loaded when a test first asks for the fixture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from langgraph_runner.testing.fake_runtime import FakeRuntime

__all__ = ["fake_runtime"]


@pytest.fixture
def fake_runtime() -> FakeRuntime:
    """A new `FakeRuntime` for each test: pass it to `runner_config(runtime=fake_runtime)`."""
    from langgraph_runner.testing.fake_runtime import FakeRuntime  # noqa: PLC0415 - see the module docstring

    return FakeRuntime()
