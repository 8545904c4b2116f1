"""What is known of one node, as a value."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, computed_field

from langgraph_runner.errors.categories import FailureCategory

NODE_FAILURES = (
    FailureCategory.TIMEOUT,
    FailureCategory.VALIDATION,
    FailureCategory.NETWORK,
    FailureCategory.OTHER,
)
"""The categories that count as failures of the node."""

Count = Annotated[int, Field(ge=0)]
Milliseconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class NodeMetrics(BaseModel):
    """What one node did since it was first seen or last reset; a frozen reading, not a live view.

    Counts and the average are over that whole time.
    `last_execution_ms` and the percentiles are over the collector's rolling window of the latest executions.

    An execution is one call of the node that ended by itself, whatever attempts it took: a success or a
    failure, and the duration of both counts.
    A call that was cancelled or that an open circuit refused is neither; those have counts of their own.
    """

    model_config = ConfigDict(frozen=True)

    node: str
    success_count: Count = 0
    failure_count: Count = 0
    """Failed executions; the sum of `failures_by_category`."""
    retry_count: Count = 0
    """Attempts after the first, over all executions."""
    cancelled_count: Count = 0
    circuit_open_count: Count = 0
    last_execution_ms: Milliseconds | None = None
    """None without executions, as are the average and the percentiles."""
    average_execution_ms: Milliseconds | None = None
    p50_ms: Milliseconds | None = None
    p90_ms: Milliseconds | None = None
    p99_ms: Milliseconds | None = None
    failures_by_category: dict[FailureCategory, Count] = Field(
        default_factory=lambda: dict.fromkeys(NODE_FAILURES, 0)
    )
    """Always the four categories that count as failures, with 0 for those that did not happen."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def total_executions(self) -> int:
        """Successes and failures."""
        return self.success_count + self.failure_count

    @computed_field  # type: ignore[prop-decorator]
    @property
    def failure_rate(self) -> float:
        """The share of executions that failed, from 0 to 1; 0 without executions.

        A `MetricThreshold` on `failure_rate` watches the rolling window instead.
        """
        return self.failure_count / self.total_executions if self.total_executions else 0.0
