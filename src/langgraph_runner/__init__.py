"""LangGraph nodes that survive production: `graph.add_node("x", create_node(fn, retry=3))`."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from langgraph_runner.errors import (
    DEFAULT_SANITIZER,
    MESSAGE_TEMPLATES,
    CircuitOpenError,
    ErrorCode,
    FailureCategory,
    FallbackError,
    InvalidNodeOutputError,
    NodeCancellationError,
    NodeError,
    NodeErrorRecord,
    NodeRunnerError,
    NodeTimeoutError,
    RetryExhaustedError,
    RunCancelledError,
    RunTimeoutError,
    Sanitizer,
    StateUpdateError,
    UnhashableInputError,
    failure_category,
    is_retryable_node_error,
    retry_after_ms,
)
from langgraph_runner.metrics import (
    MetricThreshold,
    NodeMetrics,
    NodeMetricsCollector,
    ThresholdEvent,
)
from langgraph_runner.node import (
    AbortController,
    AbortSignal,
    AsyncNode,
    CircuitBreakerConfig,
    CircuitState,
    CircuitTransition,
    Failure,
    NodeCircuitBreaker,
    NodeContext,
    Outcome,
    RetryAttempt,
    RetryConfig,
    RunnableNode,
    Success,
    SyncNode,
    abandoned_threads,
    add_node_context,
    create_node,
    get_node_context,
    runner_config,
)
from langgraph_runner.state import (
    EvidenceRef,
    GateDecision,
    GraphState,
    RoutingFlag,
    RoutingFlags,
    append_bounded,
    append_unique,
    merge_mappings,
    route_by_flags,
    update_state,
)

if TYPE_CHECKING:
    from langgraph_runner.graph import (
        CheckpointCorruptedError,
        CheckpointError,
        CheckpointErrorCode,
        CheckpointForeignError,
        CheckpointLockError,
        CheckpointNotAFileError,
        CheckpointReadError,
        CheckpointSerializationError,
        CheckpointTooLargeError,
        CheckpointVersionError,
        CheckpointWriteError,
        ExecutionOptions,
        GraphRunner,
        GraphRunResult,
        JsonFileSaver,
        NodeRun,
        RunListener,
        RunStatus,
        wrap_graph,
    )
    from langgraph_runner.metrics.exporters import (
        NodeMetricsPrometheusCollector as NodeMetricsPrometheusCollector,
    )
    from langgraph_runner.metrics.exporters import (
        NodeSpans as NodeSpans,
    )
    from langgraph_runner.metrics.exporters import (
        export_to_opentelemetry as export_to_opentelemetry,
    )

__all__ = [
    "DEFAULT_SANITIZER",
    "MESSAGE_TEMPLATES",
    "AbortController",
    "AbortSignal",
    "AsyncNode",
    "CheckpointCorruptedError",
    "CheckpointError",
    "CheckpointErrorCode",
    "CheckpointForeignError",
    "CheckpointLockError",
    "CheckpointNotAFileError",
    "CheckpointReadError",
    "CheckpointSerializationError",
    "CheckpointTooLargeError",
    "CheckpointVersionError",
    "CheckpointWriteError",
    "CircuitBreakerConfig",
    "CircuitOpenError",
    "CircuitState",
    "CircuitTransition",
    "ErrorCode",
    "EvidenceRef",
    "ExecutionOptions",
    "Failure",
    "FailureCategory",
    "FallbackError",
    "GateDecision",
    "GraphRunResult",
    "GraphRunner",
    "GraphState",
    "InvalidNodeOutputError",
    "JsonFileSaver",
    "MetricThreshold",
    "NodeCancellationError",
    "NodeCircuitBreaker",
    "NodeContext",
    "NodeError",
    "NodeErrorRecord",
    "NodeMetrics",
    "NodeMetricsCollector",
    "NodeRun",
    "NodeRunnerError",
    "NodeTimeoutError",
    "Outcome",
    "RetryAttempt",
    "RetryConfig",
    "RetryExhaustedError",
    "RoutingFlag",
    "RoutingFlags",
    "RunCancelledError",
    "RunListener",
    "RunStatus",
    "RunTimeoutError",
    "RunnableNode",
    "Sanitizer",
    "StateUpdateError",
    "Success",
    "SyncNode",
    "ThresholdEvent",
    "UnhashableInputError",
    "abandoned_threads",
    "add_node_context",
    "append_bounded",
    "append_unique",
    "create_node",
    "failure_category",
    "get_node_context",
    "is_retryable_node_error",
    "merge_mappings",
    "retry_after_ms",
    "route_by_flags",
    "runner_config",
    "update_state",
    "wrap_graph",
]

# Imported when somebody asks: what runs whole graphs costs time to load, and the exporters need their extras.
_LATER = {
    **dict.fromkeys(
        (
            "CheckpointCorruptedError",
            "CheckpointError",
            "CheckpointErrorCode",
            "CheckpointForeignError",
            "CheckpointLockError",
            "CheckpointNotAFileError",
            "CheckpointReadError",
            "CheckpointSerializationError",
            "CheckpointTooLargeError",
            "CheckpointVersionError",
            "CheckpointWriteError",
            "ExecutionOptions",
            "GraphRunResult",
            "GraphRunner",
            "RunStatus",
            "JsonFileSaver",
            "NodeRun",
            "RunListener",
            "wrap_graph",
        ),
        "langgraph_runner.graph",
    ),
    **dict.fromkeys(
        ("NodeMetricsPrometheusCollector", "NodeSpans", "export_to_opentelemetry"),
        "langgraph_runner.metrics.exporters",
    ),
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
