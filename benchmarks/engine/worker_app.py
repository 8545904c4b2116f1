"""The app that the workers of `workers.py` run."""

from __future__ import annotations

from langgraph_runner.workflow import Workflow

job = Workflow("job.v1", cache="none")
chain = Workflow("chain.v1", cache="none")
workflows = [job, chain]

STEPS = 10


@job.step
async def work(inputs) -> int:
    """Do nothing."""
    return int(inputs["number"])


async def _next(value: int) -> int:
    return value


chain.step(work, id="s0", output=int)
for _number in range(1, STEPS):
    chain.step(
        _next,
        id=f"s{_number}",
        output=int,
        depends_on=(f"s{_number - 1}",),
        input_selector=lambda sources: {"value": next(iter(sources.outputs.values()))},
    )
