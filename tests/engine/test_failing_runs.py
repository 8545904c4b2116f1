"""A failed run is returned, or raised if the caller asks for that."""

from __future__ import annotations

import pickle

import pytest

from langgraph_runner.engine import RunEngine
from langgraph_runner.engine.errors import RunFailedError, RunStateError
from langgraph_runner.errors import ErrorCode
from langgraph_runner.workflow import ChangeRequest, Workflow


@pytest.fixture
def shop():
    """A workflow whose step fails for a net price below 0."""
    shop = Workflow("shop")

    @shop.step
    def price(inputs) -> int:
        if inputs["net"] < 0:
            raise ValueError("below 0")
        return inputs["net"]

    shop.on_change("net")
    return shop


async def test_every_method_that_waits_raises_on_failure_when_asked(shop):
    """`run`, `update` and `retry` raise an error with the record of the failed step. It survives pickle."""
    async with RunEngine([shop], store="sqlite://") as engine:
        good = await engine.run("shop", {"net": 1}, raise_on_failure=True)
        assert good.raise_for_status() is good
        bad = await engine.run("shop", {"net": -1})
        with pytest.raises(
            RunFailedError, match=r"of workflow '.*' failed: step 'price': .*below 0"
        ) as caught:
            bad.raise_for_status()
        error = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - made here
        assert (error.code, error.run_id, error.status) == (ErrorCode.RUN_FAILED, bad.id, "failed")
        assert error.record == bad.error
        with pytest.raises(RunFailedError):
            await engine.run("shop", {"net": -2}, raise_on_failure=True)
        with pytest.raises(RunFailedError):
            await engine.update(good.id, ChangeRequest("net", {"net": -3}), raise_on_failure=True)
        with pytest.raises(RunFailedError):
            await engine.retry(bad.id, raise_on_failure=True)


async def test_a_run_that_is_not_completed_raises(shop):
    """The error of a waiting run names its state; that of a cancelled run has the reason and no record."""
    async with RunEngine([shop], store="sqlite://") as engine:
        engine.take_on("none")
        run = await engine.trigger("shop", {"net": 1})
        with pytest.raises(RunStateError, match="has the status 'pending': it is not over"):
            run.raise_for_status()
        with pytest.raises(RunFailedError, match="was cancelled: too late") as caught:
            (await engine.cancel(run.id, reason="too late")).raise_for_status()
    assert caught.value.record is None
