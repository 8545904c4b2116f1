"""The policies of a node at the steps of a workflow."""

import asyncio

import pytest

from langgraph_runner import (
    Bulkhead,
    BulkheadConfig,
    CallRefusedError,
    RateLimitConfig,
    RateLimitedError,
    Workflow,
)
from langgraph_runner.workflow import WorkflowDefinitionError

pytestmark = pytest.mark.req("N-32")


class Recording:
    """Counts the attempts."""

    made = 0

    async def run(self, attempt, proceed):
        """Count the attempt."""
        self.made += 1
        return await proceed(attempt)


def test_a_step_has_a_bulkhead_of_its_own_for_all_runs():
    """Two concurrent runs do not enter it at the same time."""
    flow, running, most = Workflow("w"), 0, 0

    @flow.step(bulkhead=BulkheadConfig(max_concurrent=1, max_queued=10))
    async def work(inputs) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return inputs["n"]

    node = flow.as_node()

    async def main():
        return await asyncio.gather(*(node.ainvoke({"n": n}) for n in range(4)))

    assert [found["work"] for found in asyncio.run(main())] == [0, 1, 2, 3]
    assert most == 1


def test_a_step_may_share_a_bulkhead():
    """Other steps may use it, too; here all of its slots are taken."""
    bulkhead = Bulkhead(BulkheadConfig(max_concurrent=1, max_queued=0))
    flow = Workflow("w")

    @flow.step(bulkhead=bulkhead)
    def outer(inputs) -> int:
        assert bulkhead.running == 1
        return 1

    assert flow.as_node().invoke({})["outer"] == 1
    assert bulkhead.running == 0


def test_a_step_has_a_rate_limit():
    """A run whose wait would be too long fails."""
    flow = Workflow("w")

    @flow.step(rate_limit=RateLimitConfig(max_calls=1, period_ms=3_600_000, max_wait_ms=0))
    def work(inputs) -> int:
        return inputs["n"]

    node = flow.as_node()
    assert node.invoke({"n": 1})["work"] == 1
    with pytest.raises(RateLimitedError):
        node.invoke({"n": 2})


def test_a_step_has_policies_of_the_user():
    """A user-defined policy runs around each attempt of the step."""
    flow, policy = Workflow("w"), Recording()

    @flow.step(policies=(policy,))
    def work(inputs) -> int:
        return 1

    assert flow.as_node().invoke({})["work"] == 1
    assert policy.made == 1


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"bulkhead": 0}, "bulkhead: BulkheadConfig: max_concurrent"),
        ({"bulkhead": "many"}, "bulkhead must be a BulkheadConfig, its fields as a dict"),
        ({"rate_limit": {"max_calls": 0}}, "rate_limit: RateLimitConfig: max_calls"),
        ({"rate_limit": 3}, "rate_limit must be a RateLimitConfig, its fields as a dict"),
        ({"policies": (CallRefusedError,)}, "policies must be instances, got the class CallRefusedError"),
    ],
)
def test_wrong_policies_are_reported_with_the_workflow(options, problem):
    """They are reported like every other problem of a step."""
    flow = Workflow("w")

    @flow.step(**options)
    def work(inputs) -> int:
        return 1

    with pytest.raises(WorkflowDefinitionError) as caught:
        flow.blueprint()
    assert problem in str(caught.value)
