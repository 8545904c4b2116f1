"""Any sequence of records and resets, compared with a model that keeps all events."""

import math

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from langgraph_runner.errors import FailureCategory
from langgraph_runner.errors.categories import REFUSALS
from langgraph_runner.metrics import NodeMetricsCollector

NODES = st.sampled_from(["a", "b"])
DURATIONS = st.integers(0, 50)
WINDOW = 3


def percentile(percent, executions):
    """Sort the latest executions and return the percentile."""
    latest = sorted(duration for duration, _ in executions[-WINDOW:])
    return latest[min(math.floor(percent * len(latest) / 100), len(latest) - 1)] if latest else None


class CollectorAgainstModel(RuleBasedStateMachine):
    """The model lists, for each node, every event since the last reset."""

    def __init__(self):
        super().__init__()
        self.collector = NodeMetricsCollector(WINDOW)
        self.events = {}
        self.fallbacks = {}

    @rule(node=NODES, duration=DURATIONS)
    def success(self, node, duration):
        """Record a success."""
        self.collector.record_success(node, duration)
        self.events.setdefault(node, []).append((duration, "success"))

    @rule(node=NODES, duration=DURATIONS, category=st.sampled_from(FailureCategory))
    def failure(self, node, duration, category):
        """Record a failure of any category."""
        self.collector.record_failure(node, duration, category)
        self.events.setdefault(node, []).append((duration, category.value))

    @rule(
        node=NODES,
        duration=DURATIONS,
        category=st.sampled_from([c for c in FailureCategory if c is not FailureCategory.CANCELLED]),
    )
    def fallback(self, node, duration, category):
        """Record a failure or refusal after which the fallback delivered."""
        self.collector.record_fallback(node, duration, category)
        self.events.setdefault(node, []).append((duration, category.value))
        self.fallbacks[node] = self.fallbacks.get(node, 0) + 1

    @rule(node=NODES)
    def retry(self, node):
        """Record a retry."""
        self.collector.record_retry(node)
        self.events.setdefault(node, []).append((0, "retry"))

    @rule(node=NODES)
    def reset_node(self, node):
        """Forget one node."""
        self.collector.reset_node_metrics(node)
        self.events.pop(node, None)
        self.fallbacks.pop(node, None)

    @rule(node=NODES)
    def queued(self, node):
        """Record a call that waited."""
        self.collector.record_queued(node)
        self.events.setdefault(node, []).append((0, "queued"))

    @rule()
    def reset_all(self):
        """Forget all."""
        self.collector.reset_node_metrics()
        self.events.clear()
        self.fallbacks.clear()

    @rule()
    def save_and_load(self):
        """Replace the collector by one that is loaded from its JSON."""
        self.collector = NodeMetricsCollector.from_json(self.collector.to_json())

    @invariant()
    def nodes_agree(self):
        """Collector and model know the same nodes, in the order of their first reports."""
        assert list(self.collector.get_all_node_metrics()) == list(self.events)

    @invariant()
    def counts_agree(self):
        """Every event is counted once, under its own name."""
        for node, events in self.events.items():
            found = self.collector.get_node_metrics(node)
            counts = {category.value: count for category, count in found.failures_by_category.items()}
            counts |= {
                "success": found.success_count,
                "retry": found.retry_count,
                "cancelled": found.cancelled_count,
                "circuit_open": found.circuit_open_count,
                "bulkhead_full": found.bulkhead_full_count,
                "rate_limited": found.rate_limited_count,
                "refused": found.refused_count,
                "queued": found.queued_count,
            }
            assert found.fallback_count == self.fallbacks.get(node, 0)
            names = [name for _, name in events]
            assert counts == {name: names.count(name) for name in counts}

    @invariant()
    def durations_agree(self):
        """Percentiles, last and average are those of the executions."""
        for node, events in self.events.items():
            found = self.collector.get_node_metrics(node)
            executions = [
                event for event in events if event[1] not in {"retry", "cancelled", "queued", *REFUSALS}
            ]
            assert found.total_executions == len(executions)
            assert found.last_execution_ms == (executions[-1][0] if executions else None)
            assert (found.p50_ms, found.p90_ms, found.p99_ms) == tuple(
                percentile(percent, executions) for percent in (50, 90, 99)
            )
            if executions:
                assert found.average_execution_ms == sum(ms for ms, _ in executions) / len(executions)


TestCollectorStates = pytest.mark.req("M-1", "M-2", "M-5", "M-8", "M-15", "M-16", "M-19")(
    CollectorAgainstModel.TestCase
)
TestCollectorStates.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
