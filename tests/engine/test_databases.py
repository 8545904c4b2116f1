"""Opening a database by its URL."""

import asyncio

import pytest
from sqlalchemy import URL

from langgraph_runner.engine import RunEngine
from langgraph_runner.workflow import Workflow


def test_a_path_that_would_be_cut_off_is_refused(tmp_path):
    """SQLAlchemy takes what follows a question mark for options, and would open a file of another name."""
    with pytest.raises(ValueError, match=r"URL\.create"):
        RunEngine(store=f"sqlite:///{tmp_path}/what?.db")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.req("R-60")
async def test_any_path_can_be_given_as_a_url(tmp_path):
    """The file and the artifacts are where it says."""
    flow = Workflow("w")

    @flow.step
    def note(ctx) -> None:
        ctx.save_artifact("note.txt", "x")

    path = tmp_path / "what?=1#ü %20.db"
    async with RunEngine([flow], store=URL.create("sqlite", database=str(path))) as engine:
        await engine.run("w")
    assert {each.name for each in tmp_path.iterdir()} == {path.name, f"{path.name}.artifacts"}


async def test_a_database_in_memory_serves_many_runs_at_once():
    """Each engine has its own, and its transactions do not meet on one connection."""
    flow = Workflow("w")

    @flow.step
    def one(inputs) -> int:
        return inputs["x"]

    @flow.step
    def two(one: int) -> int:
        return one + 1

    async with RunEngine([flow], store="sqlite://") as engine, RunEngine([flow], store="sqlite://") as other:
        runs = await asyncio.gather(*(engine.run("w", {"x": n}) for n in range(40)))
        assert [await engine.get_output(run.id, "two") for run in runs] == [*range(1, 41)]
        assert await other.list_runs() == []
