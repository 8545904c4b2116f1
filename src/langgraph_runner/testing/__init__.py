"""For the tests of those who use the package: a clock that needs no waiting, functions that fail on cue."""

from langgraph_runner.testing.fake_runtime import FakeRuntime
from langgraph_runner.testing.flaky import Flaky

__all__ = ["FakeRuntime", "Flaky"]
