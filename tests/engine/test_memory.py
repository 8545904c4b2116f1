"""Outputs that a run keeps in memory."""

import pytest

from langgraph_runner.engine import RunStatus
from langgraph_runner.engine.run.results import Results
from langgraph_runner.workflow import Workflow
from tests.engine.conftest import ON_SQLITE


@pytest.fixture
def held(monkeypatch):
    """The number of outputs in memory after the end of each step."""
    seen, ended = [], Results.note_end

    def counted(results, step):
        ended(results, step)
        seen.append(len(results._data))

    monkeypatch.setattr(Results, "note_end", counted)
    return seen


def chain(length, deliver):
    """A chain of steps; each gets the output of the previous one."""
    workflow = Workflow("chain")
    workflow.step(lambda inputs: deliver(0), id="s0", output=str)
    for number in range(1, length):
        workflow.step(
            lambda before, number=number: deliver(number),
            id=f"s{number}",
            depends_on=[f"s{number - 1}"],
            input_selector=lambda sources, number=number: {"before": sources.outputs[f"s{number - 1}"]},
            output=str,
        )
    return workflow


@ON_SQLITE
@pytest.mark.parametrize("deliver", [str, lambda _: "the same"], ids=["different", "equal"])
async def test_an_output_goes_when_its_last_dependent_has_it(engine_of, held, deliver):
    """A long run with large outputs holds only a few of them, also if some outputs are equal."""
    async with engine_of(chain(20, deliver)) as engine:
        assert (await engine.run("chain")).status is RunStatus.COMPLETED
    assert max(held) <= 1


@ON_SQLITE
async def test_an_output_stays_for_all_that_receive_it(engine_of, held):
    """It stays until the last of them has ended."""
    workflow = Workflow("fan")
    workflow.step(lambda inputs: "first", id="first", output=str)
    for number in range(3):
        workflow.step(lambda first: first, id=f"s{number}", output=str)
    workflow.step(lambda s0, s1, s2: s0 + s1 + s2, id="last", output=str)
    async with engine_of(workflow) as engine:
        run = await engine.run("fan")
        assert await engine.get_output(run.id, "last") == "first" * 3
    assert held[-1] == 0


@ON_SQLITE
async def test_an_equal_output_is_kept_for_a_step_that_still_needs_it(engine_of):
    """Two steps share one output. The dependent of one step ends while that of the other retries."""
    workflow, attempts = Workflow("shared"), []
    workflow.step(lambda inputs: "same", id="a", output=str)
    workflow.step(lambda inputs: "same", id="b", output=str)
    workflow.step(lambda a: "quick", id="quick", output=str)

    @workflow.step(retry={"max_attempts": 3, "backoff_ms": 30})
    async def patient(b: str) -> str:
        attempts.append(b)
        if len(attempts) < 3:
            raise ConnectionError
        return b

    async with engine_of(workflow) as engine:
        assert (await engine.run("shared")).status is RunStatus.COMPLETED
    assert attempts == ["same"] * 3
