"""Telling others what a collector is told, without harm to the node that tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from langgraph_runner.errors.logs import get_logger

if TYPE_CHECKING:
    from langgraph_runner.errors.categories import FailureCategory


class NodeMetricsRecorder(Protocol):
    """What a collector can forward to; another collector is one.

    Called from any number of threads at once.
    """

    def record_success(self, node: str, duration_ms: float, /) -> object:
        """An execution succeeded; its duration is finite and not negative."""

    def record_failure(self, node: str, duration_ms: float, category: FailureCategory, /) -> object:
        """An execution failed, or a call was cancelled or refused by an open circuit."""

    def record_retry(self, node: str, /) -> object:
        """An attempt after the first begins."""


class Forwarding:
    """One recorder. What it raises is logged when it begins to fail, and again after it has recovered."""

    __slots__ = ("_failing", "recorder")

    def __init__(self, recorder: NodeMetricsRecorder) -> None:
        self.recorder = recorder
        self._failing = False

    def success(self, node: str, duration_ms: float) -> None:
        """Tell of a success."""
        try:
            self.recorder.record_success(node, duration_ms)
        except Exception as error:  # the node that was recorded has nothing to do with it
            self._failed(error)
        else:
            self._failing = False

    def failure(self, node: str, duration_ms: float, category: FailureCategory) -> None:
        """Tell of a failure, a cancelled call or a refused one."""
        try:
            self.recorder.record_failure(node, duration_ms, category)
        except Exception as error:  # as above
            self._failed(error)
        else:
            self._failing = False

    def retry(self, node: str) -> None:
        """Tell of a retry."""
        try:
            self.recorder.record_retry(node)
        except Exception as error:  # as above
            self._failed(error)
        else:
            self._failing = False

    def _failed(self, error: Exception) -> None:
        # A recorder that always fails would otherwise log at every call of every node.
        if not self._failing:
            self._failing = True
            get_logger("langgraph_runner.metrics").warning(
                "metrics_recorder_failed", recorder=type(self.recorder).__name__, exc_info=error
            )
