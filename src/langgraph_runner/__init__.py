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
    from langgraph_runner.engine import ArtifactError as ArtifactError
    from langgraph_runner.engine import EngineError as EngineError
    from langgraph_runner.engine import HotTier as HotTier
    from langgraph_runner.engine import LeaseLostError as LeaseLostError
    from langgraph_runner.engine import MemoryTier as MemoryTier
    from langgraph_runner.engine import PlanAction as PlanAction
    from langgraph_runner.engine import PlannedStep as PlannedStep
    from langgraph_runner.engine import Run as Run
    from langgraph_runner.engine import RunEngine as RunEngine
    from langgraph_runner.engine import RunEvent as RunEvent
    from langgraph_runner.engine import RunNotFoundError as RunNotFoundError
    from langgraph_runner.engine import RunPlan as RunPlan
    from langgraph_runner.engine import RunStateError as RunStateError
    from langgraph_runner.engine import RunStatus as RunStatus
    from langgraph_runner.engine import RunStep as RunStep
    from langgraph_runner.engine import SchemaVersionError as SchemaVersionError
    from langgraph_runner.engine import SyncRunEngine as SyncRunEngine
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
        GraphRunStatus,
        JsonFileSaver,
        NodeRun,
        RunListener,
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
    from langgraph_runner.workflow import (
        ArtifactRef,
        ArtifactSink,
        Blueprint,
        CacheScope,
        ChangeRequest,
        ChangeRequestError,
        ChangeSpec,
        Dag,
        FailureMode,
        JoinRule,
        Reason,
        Scheduler,
        StepContext,
        StepOptions,
        StepOutputError,
        StepSources,
        StepSpec,
        StepStatus,
        UnknownWorkflowError,
        Workflow,
        WorkflowDefinitionError,
        WorkflowError,
        WorkflowInputError,
        WorkflowRegistry,
        WorkflowSpec,
        WorkflowState,
    )

__all__ = [
    "DEFAULT_SANITIZER",
    "MESSAGE_TEMPLATES",
    "AbortController",
    "AbortSignal",
    "ArtifactRef",
    "ArtifactSink",
    "AsyncNode",
    "Blueprint",
    "CacheScope",
    "ChangeRequest",
    "ChangeRequestError",
    "ChangeSpec",
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
    "Dag",
    "ErrorCode",
    "EvidenceRef",
    "ExecutionOptions",
    "Failure",
    "FailureCategory",
    "FailureMode",
    "FallbackError",
    "GateDecision",
    "GraphRunResult",
    "GraphRunStatus",
    "GraphRunner",
    "GraphState",
    "InvalidNodeOutputError",
    "JoinRule",
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
    "Reason",
    "RetryAttempt",
    "RetryConfig",
    "RetryExhaustedError",
    "RoutingFlag",
    "RoutingFlags",
    "RunCancelledError",
    "RunListener",
    "RunTimeoutError",
    "RunnableNode",
    "Sanitizer",
    "Scheduler",
    "StateUpdateError",
    "StepContext",
    "StepOptions",
    "StepOutputError",
    "StepSources",
    "StepSpec",
    "StepStatus",
    "Success",
    "SyncNode",
    "ThresholdEvent",
    "UnhashableInputError",
    "UnknownWorkflowError",
    "Workflow",
    "WorkflowDefinitionError",
    "WorkflowError",
    "WorkflowInputError",
    "WorkflowRegistry",
    "WorkflowSpec",
    "WorkflowState",
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

_ENGINE = "langgraph_runner.engine"
_ENGINE_NEEDS = {"alembic", "sqlalchemy"}

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
            "GraphRunStatus",
            "GraphRunner",
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
    **dict.fromkeys(
        (
            "ArtifactRef",
            "ArtifactSink",
            "Blueprint",
            "CacheScope",
            "ChangeRequest",
            "ChangeRequestError",
            "ChangeSpec",
            "Dag",
            "FailureMode",
            "JoinRule",
            "Reason",
            "Scheduler",
            "StepContext",
            "StepOptions",
            "StepOutputError",
            "StepSources",
            "StepSpec",
            "StepStatus",
            "UnknownWorkflowError",
            "Workflow",
            "WorkflowDefinitionError",
            "WorkflowError",
            "WorkflowInputError",
            "WorkflowRegistry",
            "WorkflowSpec",
            "WorkflowState",
        ),
        "langgraph_runner.workflow",
    ),
    **dict.fromkeys(
        (
            "ArtifactError",
            "EngineError",
            "HotTier",
            "LeaseLostError",
            "MemoryTier",
            "PlanAction",
            "PlannedStep",
            "Run",
            "RunEngine",
            "RunEvent",
            "RunNotFoundError",
            "RunPlan",
            "RunStateError",
            "RunStatus",
            "RunStep",
            "SchemaVersionError",
            "SyncRunEngine",
        ),
        _ENGINE,
    ),
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = import_module(_LATER[name])
    except ModuleNotFoundError as error:
        if _LATER[name] != _ENGINE or (error.name or "").partition(".")[0] not in _ENGINE_NEEDS:
            raise
        raise ModuleNotFoundError(
            f"{name} needs the extra 'engine': pip install 'langgraph-runner[engine]'", name=error.name
        ) from error
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
