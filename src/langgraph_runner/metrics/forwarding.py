"""Forwarding what a collector records to other recorders, without harm to the node that reports."""

from __future__ import annotations

import inspect
import logging
from typing import TYPE_CHECKING, Any, Final, Protocol

from langgraph_runner.errors.logs import emit

if TYPE_CHECKING:
    from langgraph_runner.errors.categories import FailureCategory

LOGGER: Final = "langgraph_runner.metrics"
"""Name of the logger, for `emit()`."""
_REQUIRED: Final = ("record_success", "record_failure", "record_retry")


class NodeMetricsRecorder(Protocol):
    """What a collector can forward to; another collector is one.

    Called from any number of threads at once.

    A recorder may also have `record_fallback(node, duration_ms, category)`, which is then called in place of
    `record_failure` where the fallback delivered after the failure or refusal. Without it, `record_failure` is.
    It may have `record_queued(node)` for calls that waited for a policy.
    """

    def record_success(self, node: str, duration_ms: float, /) -> object:
        """An execution succeeded; its duration is finite and not negative."""

    def record_failure(self, node: str, duration_ms: float, category: FailureCategory, /) -> object:
        """An execution failed, or a call was cancelled or refused by a policy."""

    def record_retry(self, node: str, /) -> object:
        """An attempt after the first begins."""


def check_recorder(recorder: object, *, field: str) -> None:
    """Check that nodes and collectors can report to an object: it needs three plain methods.

    Raises:
        TypeError: It is a class, lacks a method, or has one that must be awaited.
    """
    if isinstance(recorder, type):
        raise TypeError(
            f"{field} must be an instance, got the class {recorder.__name__}. Pass {recorder.__name__}()."
        )
    missing = [name for name in _REQUIRED if not callable(_attribute(recorder, name))]
    if missing:
        raise TypeError(f"{field} must have {', '.join(missing)}, got {recorder!r:.80}.")
    awaited = [
        name
        for name in (*_REQUIRED, "record_fallback", "record_queued")
        if _is_async(_attribute(recorder, name))
    ]
    if awaited:
        raise TypeError(
            f"{field} must have plain methods, got coroutine functions, which nothing awaits:"
            f" {', '.join(awaited)} of {type(recorder).__name__}."
        )


def _attribute(recorder: object, name: str) -> Any:
    try:
        return getattr(recorder, name, None)
    except Exception:  # It may work later; until then, each report to it is logged as failed.
        return check_recorder


def _is_async(method: object) -> bool:
    call = getattr(method, "__call__", None)  # noqa: B004 - a callable object may have an async __call__
    return any(
        inspect.iscoroutinefunction(each) or inspect.isasyncgenfunction(each) for each in (method, call)
    )


class Forwarding:
    """One recorder. What it raises is logged when it begins to fail, and again after it has recovered."""

    __slots__ = ("_failing", "recorder")

    def __init__(self, recorder: NodeMetricsRecorder) -> None:
        self.recorder = recorder
        self._failing = False

    def report(self, method: str, *arguments: Any) -> None:
        """Call a method of the recorder, if it has it. One without `record_fallback` gets `record_failure`."""
        try:
            record = getattr(self.recorder, method, None)
            if record is None and method == "record_fallback":
                record = self.recorder.record_failure
            if record is not None:
                record(*arguments)
        except Exception as error:  # A recorder never harms the node that is recorded.
            self._log_once(error)
        else:
            self._failing = False

    def _log_once(self, error: Exception) -> None:
        # A recorder that always fails would otherwise log at every call of every node.
        if not self._failing:
            self._failing = True
            emit(
                LOGGER,
                logging.WARNING,
                "metrics.recorder_failed",
                recorder=type(self.recorder).__name__,
                exc_info=error,
            )
