"""Backends of the store: which one serves an address. Only they know the kind of database."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from langgraph_runner import RunEngine, SQLiteBackend, Workflow
from langgraph_runner.engine.store import backends
from langgraph_runner.engine.store.backends import ENTRY_POINTS, StoreBackend, open_database

pytestmark = pytest.mark.req("R-61")

PACKAGE = Path(backends.__file__).parents[3]
OF_ONE_DATABASE = re.compile(
    r"is_sqlite|is_postgres|dialect\.name|get_backend_name|drivername|sqlalchemy\.dialects|json_each|pg_advisory"
    r"|[!=]= \"(sqlite|postgresql)\""
)
MODULE = """
from langgraph_runner import SQLiteBackend


class Other(SQLiteBackend):
    def __init__(self, url):
        super().__init__(url.replace("other:", "sqlite:"))


def nothing(url):
    return None
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install a package that offers two backends."""
    metadata = tmp_path / "site" / "other_store-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: other-store\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        f"[{ENTRY_POINTS}]\nother = other_store_module:Other\nnothing = other_store_module:nothing\n"
    )
    (tmp_path / "site" / "other_store_module.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path / "site")


def test_only_the_backends_know_the_kind_of_database():
    """The rest of the engine, the service and the command line use the backend."""
    folders = [PACKAGE / name for name in ("engine", "server", "cli")]
    files = [file for folder in folders for file in folder.rglob("*.py")]
    outside = [file for file in files if file.parent.name != "backends" and file.name != "bullmq.py"]
    assert len(outside) > 50
    found = {str(file.relative_to(PACKAGE)) for file in outside if OF_ONE_DATABASE.search(file.read_text())}
    assert found == set()


async def test_an_engine_takes_a_backend_and_closes_it(tmp_path):
    """It may be given instead of an address."""
    flow = Workflow("w")
    flow.step(lambda: 1, id="s", output=int)
    backend = SQLiteBackend(f"sqlite:///{tmp_path / 'runs.db'}")
    async with RunEngine([flow], store=backend) as engine:
        run = await engine.run("w")
        assert engine.store.database is backend
        assert (run.status, await engine.get_output(run.id, "s")) == ("completed", 1)
        assert backend.connections()[0] > 0
    assert backend.connections()[0] == 0


async def test_an_installed_package_serves_its_addresses(installed, tmp_path):
    """It offers its backend as an entry point. The scheme of the address is the entry point's name."""
    async with RunEngine(store=f"other:///{tmp_path / 'runs.db'}") as engine:
        assert type(engine.store.database).__name__ == "Other"
        assert await engine.list_runs() == []
    assert (tmp_path / "runs.db").exists()


def test_an_unknown_address_is_refused_with_those_that_are_known(installed):
    """Including the installed ones."""
    with pytest.raises(
        ValueError, match=r"must begin with one of nothing, other, postgresql, sqlite, got 'mysql';"
    ):
        open_database("mysql://localhost/runs")


def test_an_entry_point_has_to_make_a_backend(installed):
    """The message has its name and what it returns."""
    with pytest.raises(TypeError, match=r"other_store_module:nothing must make a StoreBackend, got NoneType"):
        open_database("nothing://")


def test_what_a_backend_has_to_define_is_abstract():
    """A class with missing methods cannot be used."""
    with pytest.raises(TypeError, match=r"abstract.*as_json_object.*each_of.*insert.*is_permanent"):
        StoreBackend("", writing=None, reading=None)
