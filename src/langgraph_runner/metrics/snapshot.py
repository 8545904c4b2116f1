"""The JSON form of a collector, and the checks before it is read."""

from threading import Lock
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from langgraph_runner.metrics.model import NODE_FAILURES, Milliseconds, NodeMetrics
from langgraph_runner.metrics.window import MAX_WINDOW_SIZE

FORMAT = "langgraph_runner.metrics"
VERSION = 1

# Most programs never read a snapshot, so the validators are built by the first `parse()`. It takes a lock, because
# pydantic before 2.14 fails now and then when two threads are the first to use a model.
_DEFERRED = ConfigDict(defer_build=True)
_building = Lock()


class NodeSnapshot(BaseModel):
    """One node: its metrics for readers, and what is needed to continue counting.

    Of the metrics, the averages and percentiles are for readers only; they follow from the other two fields.
    """

    model_config = _DEFERRED

    metrics: NodeMetrics
    duration_sum_ms: Milliseconds
    window: list[tuple[Milliseconds, bool]]
    """The latest executions, oldest first: duration and whether it failed."""
    calls: list[tuple[bool, bool]] | None = None
    """The latest executions and refused calls, oldest first: whether it was refused, and whether the fallback
    delivered. None in snapshots of 0.1, which do not have it."""

    @property
    def latest_calls(self) -> list[tuple[bool, bool]]:
        """`calls`; in a snapshot without them its executions, none of which is known to have used a fallback."""
        return [(False, False)] * len(self.window) if self.calls is None else self.calls

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        metrics = self.metrics
        if not set(metrics.failures_by_category) <= set(NODE_FAILURES):
            raise ValueError("failures_by_category has a category that is not a failure of the node")
        if sum(metrics.failures_by_category.values()) != metrics.failure_count:
            raise ValueError("failures_by_category does not add up to failure_count")
        failures = sum(failed for _, failed in self.window)
        if failures > metrics.failure_count or len(self.window) - failures > metrics.success_count:
            raise ValueError("window has more executions than were counted")
        if metrics.fallback_count > metrics.failure_count + metrics.circuit_open_count:
            raise ValueError("fallback_count is more than the failed and refused calls")
        refusals = sum(refused for refused, _ in self.latest_calls)
        fallbacks = sum(fell_back for _, fell_back in self.latest_calls)
        executions = len(self.latest_calls) - refusals
        if (
            refusals > metrics.circuit_open_count
            or fallbacks > metrics.fallback_count
            or executions > metrics.total_executions
        ):
            raise ValueError("calls has more than were counted")
        return self


class CollectorSnapshot(BaseModel):
    """A whole collector."""

    model_config = _DEFERRED

    format: Literal["langgraph_runner.metrics"]
    version: Literal[1]
    window_size: Annotated[int, Field(ge=1, le=MAX_WINDOW_SIZE)]
    nodes: dict[str, NodeSnapshot]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for name, node in self.nodes.items():
            if node.metrics.node != name:
                raise ValueError(f"the metrics of node {name!r} are those of {node.metrics.node!r}")
            if len(node.window) != min(self.window_size, node.metrics.total_executions):
                raise ValueError(f"the window of node {name!r} does not have the latest executions")
            if len(node.latest_calls) > self.window_size:
                raise ValueError(f"calls of node {name!r} has more than window_size ({self.window_size})")
        return self

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text that `NodeMetricsCollector.to_json()` wrote.

        Raises:
            ValueError: The text is anything else; the message says what is wrong and where.
        """
        with _building:
            cls.model_rebuild()
        try:
            return cls.model_validate_json(text, strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the text"
            raise ValueError(
                f"not a metrics snapshot of version {VERSION}: {where}: {first['msg']}"
            ) from error
