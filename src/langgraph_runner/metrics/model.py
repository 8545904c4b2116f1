"""`NodeMetrics`: the counts and durations of one node, as a value."""

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

ABANDONED_THREADS = "Blocking calls that still run although their timeout passed or their run was aborted."
"""The description of the gauge."""

COUNTERS = {
    "executions": (
        "{execution}",
        "outcome",
        "Calls of a node that ended by themselves, whatever attempts each took.",
    ),
    "failures": ("{failure}", "category", "Failed executions of a node, by cause."),
    "fallbacks": (
        "{call}",
        None,
        "Failed executions and refused calls of a node for which its fallback delivered.",
    ),
    "retries": ("{retry}", None, "Attempts of a node after the first."),
    "cancelled": ("{call}", None, "Calls of a node that its caller cancelled."),
    "circuit_open": ("{call}", None, "Calls of a node that an open circuit refused."),
    "refusals": ("{call}", "category", "Calls of a node that a policy refused, by policy."),
    "queued": ("{call}", None, "Calls of a node that waited for a policy."),
}
"""The counters that exporters show: unit, label besides the name of the node, and description."""

Count = Annotated[int, Field(ge=0)]
Milliseconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class NodeMetrics(BaseModel):
    """What one node did since it was first seen or last reset; a frozen reading, not a live view.

    Counts and the average are over that whole time.
    `last_execution_ms` and the percentiles are over the collector's rolling window of the latest executions.

    Each call of the node increases exactly one of four counts, by how the node's own function ended, however many
    attempts it took and whether or not a fallback delivered:

    - `success_count`: the function delivered.
    - `failure_count`: the function failed finally.
    - `total_refusals`: a policy refused the call, so the function did not run: an open circuit
      (`circuit_open_count`), a full bulkhead (`bulkhead_full_count`), a rate limit (`rate_limited_count`), or a
      policy of your own (`refused_count`).
    - `cancelled_count`: the call was cancelled.

    The first two are executions; their durations count. `fallback_count` overlaps with them: it counts the failed
    and refused calls for which the fallback delivered. So a fallback never hides an outage.
    """

    model_config = ConfigDict(frozen=True)

    node: str
    success_count: Count = 0
    """Executions in which the node's own function delivered; a fallback does not count here."""
    failure_count: Count = 0
    """Executions in which the node's own function failed finally; the sum of `failures_by_category`."""
    fallback_count: Count = 0
    """Calls for which the fallback delivered; each is also counted as failed or refused."""
    retry_count: Count = 0
    """Attempts after the first, over all executions."""
    cancelled_count: Count = 0
    """Calls that the caller cancelled; not executions."""
    circuit_open_count: Count = 0
    """Calls that an open circuit refused, with or without a fallback; not executions."""
    bulkhead_full_count: Count = 0
    """Calls that a full bulkhead refused; not executions."""
    rate_limited_count: Count = 0
    """Calls that a rate limit refused; not executions."""
    refused_count: Count = 0
    """Calls that policies of your own refused; not executions."""
    queued_count: Count = 0
    """Calls that waited for a bulkhead, a rate limit or a policy of yours, whatever became of them."""
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
    def total_refusals(self) -> int:
        """Calls that a policy refused."""
        return (
            self.circuit_open_count + self.bulkhead_full_count + self.rate_limited_count + self.refused_count
        )

    @computed_field  # type: ignore[prop-decorator]
    @property
    def failure_rate(self) -> float:
        """The share of executions that failed, from 0 to 1; 0 without executions.

        A failure counts whether or not a fallback delivered. Refused calls are not executions: while a circuit
        is open, `circuit_open_rate` shows the outage.
        A `MetricThreshold` on this rate or one of the next two watches the rolling window instead.
        """
        return self.failure_count / self.total_executions if self.total_executions else 0.0

    @computed_field  # type: ignore[prop-decorator]
    @property
    def fallback_rate(self) -> float:
        """The share of executions and refused calls for which the fallback delivered, from 0 to 1; 0 without any."""
        calls = self.total_executions + self.total_refusals
        return self.fallback_count / calls if calls else 0.0

    @computed_field  # type: ignore[prop-decorator]
    @property
    def circuit_open_rate(self) -> float:
        """The share of executions and refused calls that an open circuit refused, from 0 to 1; 0 without any."""
        calls = self.total_executions + self.total_refusals
        return self.circuit_open_count / calls if calls else 0.0

    @computed_field  # type: ignore[prop-decorator]
    @property
    def timeout_failures(self) -> int:
        """Failures by a timeout; `failures_by_category["timeout"]`."""
        return self.failures_by_category.get(FailureCategory.TIMEOUT, 0)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def validation_failures(self) -> int:
        """Failures by data that was not valid; `failures_by_category["validation"]`."""
        return self.failures_by_category.get(FailureCategory.VALIDATION, 0)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def network_failures(self) -> int:
        """Failures of the network or of a service; `failures_by_category["network"]`."""
        return self.failures_by_category.get(FailureCategory.NETWORK, 0)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def other_failures(self) -> int:
        """All other failures; `failures_by_category["other"]`."""
        return self.failures_by_category.get(FailureCategory.OTHER, 0)
