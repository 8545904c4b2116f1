"""Outputs of the steps of a run, and its result."""

import copy
import pickle
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import update

from langgraph_runner.engine import RunEngine, RunFailedError, RunNotFoundError, RunStateError
from langgraph_runner.engine.store.schema import runs
from langgraph_runner.workflow import UnknownWorkflowError, Workflow, WorkflowDefinitionError
from tests.engine.conftest import ON_SQLITE, edited

pytestmark = pytest.mark.req("R-55")


@dataclass
class Label:
    """The output of the last step."""

    text: str


def price(net: float) -> float:
    """The first step."""
    return net * 2


def label(price: float) -> Label:
    """The final one."""
    return Label(f"{price:.2f} EUR")


def stock(net: float) -> int:
    """A second final step."""
    return 3


def shop(*steps, **options):
    """A workflow of these steps."""
    workflow = Workflow("shop", inputs=None, **options)
    for step in steps:
        workflow.step(
            step, input_selector=(lambda sources: dict(sources.inputs)) if step is not label else None
        )
    return workflow


INPUTS = {"net": 2.0}


async def test_an_output_comes_as_its_type(engine_of):
    """It is found by the name of its step."""
    async with engine_of(shop(price, label)) as engine:
        run = await engine.run("shop", INPUTS)
        assert run.output("price") == 4.0
        assert run.output("label") == Label("4.00 EUR")


async def test_outputs_are_those_of_the_steps_that_delivered(engine_of):
    """Also if another step has failed."""
    workflow = shop(price)

    @workflow.step
    def broken(price: float) -> float:
        raise ConnectionError("no route")

    async with engine_of(workflow) as engine:
        run = await engine.run("shop", INPUTS)
        assert dict(run.outputs) == {"price": 4.0}
        assert len(run.outputs) == 1
        assert "broken" not in run.outputs
        with pytest.raises(KeyError, match=r"'broken' of run '.*' has the status 'failed' and no output"):
            run.outputs["broken"]
        with pytest.raises(LookupError, match=r"has no step 'prise'. Its steps: price, broken"):
            run.output("prise")


async def test_outputs_are_read_when_they_are_asked_for(engine_of):
    """Outputs that were pruned meanwhile are not found."""
    async with engine_of(shop(price, label)) as engine:
        run = await engine.run("shop", INPUTS)
        outputs = run.outputs
        with edited(engine) as connection:
            connection.execute(update(runs).values(completed_at=1))
        assert await engine.prune(older_than=timedelta(days=1)) == 1
        with pytest.raises(RunNotFoundError):
            outputs["price"]


async def test_the_result_is_the_output_of_the_only_final_step(engine_of):
    """The workflow names no result."""
    async with engine_of(shop(price, label)) as engine:
        run = await engine.run("shop", INPUTS)
        assert run.result == await engine.get_result(run.id) == Label("4.00 EUR")


async def test_the_result_can_be_named(engine_of):
    """It may be any step, not only a final one."""
    async with engine_of(shop(price, label, stock, result="price")) as engine:
        run = await engine.run("shop", INPUTS)
        assert run.result == await engine.get_result(run.id) == 4.0


async def test_several_final_steps_have_no_single_result(engine_of):
    """The error names them, and a fix."""
    async with engine_of(shop(price, label, stock)) as engine:
        run = await engine.run("shop", INPUTS)
        with pytest.raises(
            LookupError, match=r"2 final steps \(label, stock\), so it has no single result\. Name"
        ):
            run.result  # noqa: B018 - a property
        with pytest.raises(LookupError, match="no single result"):
            await engine.get_result(run.id)


async def test_a_failed_run_has_no_result(engine_of):
    """Reading it raises the same error as `raise_for_status()`."""
    workflow = Workflow("shop")

    @workflow.step
    def broken() -> int:
        raise ConnectionError("no route")

    async with engine_of(workflow) as engine:
        run = await engine.run("shop")
        with pytest.raises(RunFailedError, match="no route"):
            run.result  # noqa: B018 - a property
        with pytest.raises(RunFailedError, match="no route"):
            await engine.get_result(run.id)


async def test_a_run_that_is_not_over_has_outputs_but_no_result(engine_of):
    """Outputs are available as soon as their steps end."""
    async with engine_of(shop(price)) as engine:
        engine.take_on("none")
        run = await engine.trigger("shop", INPUTS)
        assert dict(run.outputs) == {}
        with pytest.raises(RunStateError, match="not over"):
            run.result  # noqa: B018 - a property
        engine.take_on("all")
        await engine.wait(run.id)
        assert dict(run.outputs) == {"price": 4.0}


async def test_another_engine_needs_the_workflow(engine_of):
    """It cannot know the type of an output."""
    async with engine_of(shop(price)) as engine:
        run = await engine.run("shop", INPUTS)
    async with engine_of() as engine:
        seen = await engine.get_run(run.id)
        with pytest.raises(UnknownWorkflowError):
            seen.output("price")
        with pytest.raises(UnknownWorkflowError):
            seen.result  # noqa: B018 - a property


@ON_SQLITE
async def test_a_closed_engine_reads_no_more(engine_of):
    """Otherwise it would open the database again without notice."""
    async with engine_of(shop(price)) as engine:
        run = await engine.run("shop", INPUTS)
    with pytest.raises(RuntimeError, match="The engine is closed"):
        run.output("price")


@ON_SQLITE
async def test_where_a_run_came_from_is_no_part_of_it(engine_of):
    """It equals the same run of another engine, and its copy. A pickled run says why it has no outputs."""
    async with engine_of(shop(price)) as engine, engine_of(shop(price)) as other:
        run = await engine.run("shop", INPUTS)
        assert await other.get_run(run.id) == run == copy.deepcopy(run)
        assert copy.deepcopy(run).output("price") == 4.0
        assert "source" not in run.model_dump_json()
        loaded = pickle.loads(pickle.dumps(run))  # noqa: S301 - our own
        assert loaded == run
        with pytest.raises(RuntimeError, match="pickled or built by hand"):
            loaded.output("price")


@ON_SQLITE
def test_without_async_it_is_the_same(store_url, tmp_path):
    """In the calling thread."""
    with RunEngine.sync([shop(price, label)], store=store_url, artifacts=tmp_path / "files") as engine:
        run = engine.run("shop", INPUTS)
        assert run.result == engine.get_result(run.id) == Label("4.00 EUR")
        assert run.outputs["price"] == 4.0


@pytest.mark.parametrize("result", ["labl", 3, ["label"]])
def test_a_result_that_is_no_step_is_refused(result):
    """When the workflow is registered."""
    with pytest.raises(WorkflowDefinitionError, match="result must be the id of a step"):
        shop(price, label, result=result).blueprint()


def test_a_result_outlives_the_way_through_a_spec():
    """`from_spec` keeps it."""
    workflow = shop(price, label, stock, result="stock")
    assert Workflow.from_spec(workflow.blueprint().spec).blueprint().result_step == "stock"
