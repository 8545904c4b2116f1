"""The types of workflows; never run."""

from __future__ import annotations

from typing import Any, assert_type

from langgraph_runner import (
    AbortSignal,
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
    UnknownStepError,
    UnknownWorkflowError,
    Workflow,
    WorkflowChangedError,
    WorkflowDefinitionError,
    WorkflowError,
    WorkflowInputError,
    WorkflowRegistry,
    WorkflowSpec,
    WorkflowState,
)

WORKFLOW_ERRORS: tuple[type[WorkflowError], ...] = (
    ChangeRequestError,
    StepOutputError,
    UnknownStepError,
    UnknownWorkflowError,
    WorkflowChangedError,
    WorkflowDefinitionError,
    WorkflowInputError,
)

shop = Workflow("shop.v1")
options: StepOptions = {"timeout_ms": 500, "cache": CacheScope.NONE}


@shop.step
def price(inputs: dict[str, float], ctx: StepContext) -> float:
    """A step that saves a file."""
    assert_type(ctx.attempt, int)
    assert_type(ctx.abort_signal, AbortSignal)
    assert_type(ctx.save_artifact("note.txt", "text"), ArtifactRef)
    return inputs["net"] * 1.2


@shop.step(retry=3, timeout_ms=500, join=JoinRule.ALL_DONE)
def invoice(price: float) -> str:
    """A step with options stays a function with its types."""
    return f"{price:.2f}"


assert_type(invoice(1.2), str)
shop.step(price, **options)


class Folder:
    """A user-defined sink."""

    def save(self, step: str, name: str, data: bytes, media_type: str) -> ArtifactRef:
        """Save a file."""
        return ArtifactRef(name, f"{step}/{name}", media_type, len(data), "0" * 64)


def selects(sources: StepSources) -> Any:
    """An input selector."""
    return sources.outputs["price"]


def uses_the_rest(blueprint: Blueprint, state: WorkflowState) -> None:
    """Specs, registry, graph and scheduler."""
    sink: ArtifactSink = Folder()
    shop.as_node(max_concurrency=2, artifacts=sink)
    spec = StepSpec(id="price", run=price, input_selector=selects)
    change = ChangeSpec(type="net", reruns=("price",))
    workflow = WorkflowSpec(id="shop.v2", steps=(spec,), changes={"net": change})
    registry = WorkflowRegistry([shop, workflow])
    assert_type(registry.get_workflow("shop.v1"), Blueprint)
    assert_type(blueprint.spec, WorkflowSpec)
    assert_type(ChangeRequest("net", {"net": 2}).type, str)
    mode: FailureMode = "fail_fast"
    scheduler = Scheduler(Dag({"price": []}), {"price": JoinRule.ALL_SUCCESS}, mode)
    assert_type(scheduler.status("price"), StepStatus)
    reason: Reason | None = scheduler.ended("price", StepStatus.COMPLETED)[0].reason
    del reason
    assert_type(state.get("outputs", {}), dict[str, Any])
