"""The exceptions of the package, in one tree. Every exception that reaches a user descends from its root.

    NodeRunnerError
    ├── NodeTimeoutError         also langgraph.errors.NodeTimeoutError
    ├── NodeCancellationError
    ├── RetryExhaustedError      its __cause__ is the error of the last attempt
    ├── CallRefusedError         a policy refused the call; the function was not called
    │   ├── CircuitOpenError     its __cause__ is what an attempt before raised, if there was one
    │   ├── BulkheadFullError
    │   └── RateLimitedError
    ├── InvalidNodeOutputError   also LangGraph's InvalidUpdateError
    ├── FallbackError            has the errors of both functions
    ├── StateUpdateError         also ValueError
    ├── UnhashableInputError     also TypeError
    ├── RunTimeoutError          of a whole run; also TimeoutError
    ├── RunCancelledError        of a whole run
    ├── RunBlockedError          of a whole run; given to an error handler, never raised
    ├── CheckpointError          in graph/json_saver/errors.py, with a tree of its own
    ├── WorkflowError            in workflow/errors.py
    ├── EngineError              in engine/errors.py
    └── ServiceError             in client/errors.py

`NodeTimeoutError` and `InvalidNodeOutputError` are in `langgraph_errors`, because their base classes import
LangGraph.
Each has a stable `code`, survives pickle with all its attributes, and has the attributes that a handler needs.
With `on_error="capture"`, the default of a node, the graph gets the record of an error instead of the error.
"""

from __future__ import annotations

import contextlib
from typing import Any, ClassVar, Literal

from langgraph_runner.errors.categories import FailureCategory
from langgraph_runner.errors.codes import ErrorCode, render_message

__all__ = [
    "BulkheadFullError",
    "CallRefusedError",
    "CircuitOpenError",
    "FallbackError",
    "NodeCancellationError",
    "NodeRunnerError",
    "RateLimitedError",
    "RetryExhaustedError",
    "RunBlockedError",
    "RunCancelledError",
    "RunTimeoutError",
    "StateUpdateError",
    "UnhashableInputError",
    "note_once",
    "original_error",
]

TimeoutScope = Literal["attempt", "total", "fallback"]


class NodeRunnerError(Exception):
    """The root of every error that this package raises itself.

    Attributes:
        code: The stable code of the error.
    """

    code: ClassVar[ErrorCode] = ErrorCode.NODE_EXECUTION_FAILED

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.args, dict(self.__dict__), self.__cause__)


def _restore(
    cls: type[NodeRunnerError], args: tuple[Any, ...], attributes: dict[str, Any], cause: BaseException | None
) -> NodeRunnerError:
    error = cls.__new__(cls, *args)
    error.args = args  # `OSError` and the subclasses here set them in `__init__`, which did not run.
    error.__dict__.update(attributes)
    error.__cause__ = cause
    return error


class NodeCancellationError(NodeRunnerError):
    """A node was stopped by an abort signal or by a drain request of LangGraph.

    Attributes:
        node: The name of the node.
        reason: The reason that the abort signal was given.
    """

    code = ErrorCode.NODE_CANCELLED

    def __init__(self, *, node: str, reason: str) -> None:
        super().__init__(render_message(self.code, node=node, reason=reason))
        self.node = node
        self.reason = reason


class RetryExhaustedError(NodeRunnerError):
    """Every allowed attempt has failed. `__cause__` is the error of the last attempt.

    Attributes:
        node: The name of the node.
        attempts: The number of attempts, including the first call.
        last_error: The error of the last attempt.
    """

    code = ErrorCode.RETRY_EXHAUSTED

    def __init__(self, *, node: str, attempts: int, last_error: BaseException) -> None:
        detail = type(last_error).__name__  # Its message may contain a secret.
        super().__init__(render_message(self.code, node=node, attempts=attempts, detail=detail))
        self.node = node
        self.attempts = attempts
        self.last_error = last_error
        self.__cause__ = last_error


class CallRefusedError(NodeRunnerError):
    """A policy refused the call; the function was not called.

    Such a call is not an execution of the node, and not counted as its failure. It is not retried unless
    `retry_on` names it; then the retry waits at least `retry_after_ms`. A `Policy` of yours raises it to refuse a
    call.

    Args:
        node: The name of the node, `attempt.node_name`.
        detail: Why the call was refused, such as `the service is in maintenance`.
        retry_after_ms: In how many ms a call may pass; None where that is not known.

    Attributes:
        category: Which policy refused it, for metrics and logs.
        node: The name of the node.
        retry_after_ms: In how many ms a call may pass; None where that is not known.
    """

    code = ErrorCode.CALL_REFUSED
    category: ClassVar[FailureCategory] = FailureCategory.REFUSED

    def __init__(
        self,
        *,
        node: str,
        detail: str = "a policy refused the call",
        retry_after_ms: float | None = None,
        message: str | None = None,
    ) -> None:
        super().__init__(message or render_message(self.code, node=node, detail=detail))
        self.node = node
        self.retry_after_ms = retry_after_ms


class BulkheadFullError(CallRefusedError):
    """All places of the bulkhead were taken, and its queue was full; the function was not called.

    Attributes:
        node: The name of the node.
        max_concurrent: How many calls the bulkhead lets run at once.
        max_queued: How many calls may wait.
    """

    code = ErrorCode.BULKHEAD_FULL
    category = FailureCategory.BULKHEAD_FULL

    def __init__(self, *, node: str, max_concurrent: int, max_queued: int) -> None:
        message = render_message(self.code, node=node, max_concurrent=max_concurrent, max_queued=max_queued)
        super().__init__(node=node, message=message)
        self.max_concurrent = max_concurrent
        self.max_queued = max_queued


class RateLimitedError(CallRefusedError):
    """The call would have had to wait too long for its turn; the function was not called.

    Attributes:
        node: The name of the node.
        retry_after_ms: In how many ms it would have had its turn.
    """

    code = ErrorCode.RATE_LIMITED
    category = FailureCategory.RATE_LIMITED

    def __init__(self, *, node: str, retry_after_ms: float) -> None:
        message = render_message(self.code, node=node, retry_after_ms=retry_after_ms)
        super().__init__(node=node, retry_after_ms=retry_after_ms, message=message)


class CircuitOpenError(CallRefusedError):
    """The circuit breaker refused the call; the function was not called.

    Attributes:
        node: The name of the node.
        retry_after_ms: In how many ms the breaker will allow a probe; 0 while it is half-open and all its probes
            run; None if it was opened by hand and waits for `reset()`.
        last_error: The error of the attempt before, where the open circuit ended the retries of a call. It is
            the `__cause__`, too. None where the function was not called at all.
    """

    code = ErrorCode.CIRCUIT_OPEN
    category = FailureCategory.CIRCUIT_OPEN

    def __init__(
        self, *, node: str, retry_after_ms: float | None, last_error: BaseException | None = None
    ) -> None:
        again = "" if last_error is None else " again"
        if retry_after_ms is None:
            when = "until reset() is called"
        elif retry_after_ms == 0:
            when = "a probe is running"
        else:
            when = f"retry in {retry_after_ms:.0f} ms"
        message = render_message(self.code, node=node, again=again, retry_after=when)
        super().__init__(node=node, retry_after_ms=retry_after_ms, message=message)
        self.last_error = last_error
        if last_error is not None:
            self.__cause__ = last_error


class FallbackError(NodeRunnerError):
    """A function failed finally, and its fallback failed, too. `__cause__` is the error of the fallback.

    Attributes:
        node: The name of the node.
        primary_error: The error of the function.
        fallback_error: The error of the fallback.
    """

    code = ErrorCode.FALLBACK_FAILED

    def __init__(self, *, node: str, primary_error: BaseException, fallback_error: BaseException) -> None:
        # The messages of the errors may contain secrets.
        primary, fallback = type(primary_error).__name__, type(fallback_error).__name__
        super().__init__(render_message(self.code, node=node, detail=primary, fallback_detail=fallback))
        self.node = node
        self.primary_error = primary_error
        self.fallback_error = fallback_error
        self.__cause__ = fallback_error


class StateUpdateError(NodeRunnerError, ValueError):
    """A state update does not fit the fields of `GraphState`.

    Attributes:
        field: The wrong field.
    """

    code = ErrorCode.VALIDATION_FAILED

    def __init__(self, *, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field


class UnhashableInputError(NodeRunnerError, TypeError):
    """A value that a step would receive cannot be hashed.

    Attributes:
        path: Its place, such as `inputs.brand.colours[3]`.
        found: What kind of value it is. The value is not shown; it may be secret.
        fix: What to do.
    """

    code = ErrorCode.VALIDATION_FAILED

    def __init__(self, *, path: str, found: str, fix: str) -> None:
        super().__init__(f"{path} cannot be hashed: it is {found}. {fix}")
        self.path = path
        self.found = found
        self.fix = fix


class RunTimeoutError(NodeRunnerError, TimeoutError):
    """A whole run took longer than its timeout.

    Attributes:
        timeout_ms: The timeout in ms.
        elapsed_ms: How long the run took in ms.
    """

    code = ErrorCode.RUN_TIMEOUT

    def __init__(self, *, timeout_ms: float, elapsed_ms: float) -> None:
        super().__init__(render_message(self.code, timeout_ms=timeout_ms, elapsed_ms=elapsed_ms))
        self.timeout_ms = timeout_ms
        self.elapsed_ms = elapsed_ms


class RunCancelledError(NodeRunnerError):
    """A whole run was stopped by an abort signal.

    Attributes:
        reason: The reason that the abort signal was given.
    """

    code = ErrorCode.RUN_CANCELLED

    def __init__(self, *, reason: str) -> None:
        super().__init__(render_message(self.code, reason=reason))
        self.reason = reason


class RunBlockedError(NodeRunnerError):
    """A run ended with the flag `blocked`: a node captured its final failure.

    A `GraphRunner` with `handle_blocked=True` gives it to the error handler. It is not raised.

    Attributes:
        nodes: The nodes that failed, in order of time; empty if the flag was set without an error record.
    """

    code = ErrorCode.RUN_BLOCKED

    def __init__(self, *, nodes: tuple[str, ...]) -> None:
        named = ", ".join(f"'{node}'" for node in nodes) or "a node"
        super().__init__(render_message(self.code, nodes=named))
        self.nodes = nodes


def note_once(error: BaseException, note: str) -> None:
    """Add a note (PEP 678) unless the exception has it already, because it is raised several times."""
    with contextlib.suppress(Exception):  # A frozen exception refuses notes.
        if note not in getattr(error, "__notes__", ()):
            error.add_note(note)


def original_error(error: BaseException) -> BaseException:
    """Return the error that the function of the user raised, where `error` is an error of the runner about it."""
    if isinstance(error, FallbackError):
        return original_error(error.primary_error)
    if isinstance(error, (RetryExhaustedError, CircuitOpenError)) and error.last_error is not None:
        return error.last_error
    return error
