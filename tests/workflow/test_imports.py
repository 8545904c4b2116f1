"""The imports between the modules of `workflow/`. The order of its sub-packages is a contract in pyproject.toml."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

import grimp
import pytest

PACKAGE = "langgraph_runner.workflow"


@pytest.fixture(scope="module")
def imports() -> dict[str, set[str]]:
    """The modules of the package that each of them imports, also for type checkers only."""
    graph = grimp.build_graph("langgraph_runner", cache_dir=None, exclude_type_checking_imports=False)
    modules = {PACKAGE, *graph.find_descendants(PACKAGE)}
    return {name: graph.find_modules_directly_imported_by(name) & modules for name in modules}


def test_no_modules_import_each_other(imports: dict[str, set[str]]) -> None:
    """A circle would make a reader open all its modules to understand one of them."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail(f"The imports have a circle: {' -> '.join(error.args[1])}")
