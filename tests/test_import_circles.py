"""The package has no import cycles, even with the imports for type checkers."""

from graphlib import CycleError, TopologicalSorter

import grimp
import pytest

ROOT = "langgraph_runner"


@pytest.fixture(scope="module")
def imports():
    """The modules that each module imports."""
    graph = grimp.build_graph(ROOT, exclude_type_checking_imports=False, cache_dir=None)
    return {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}


def test_no_modules_import_each_other(imports):
    """So each module can be read before the modules that import it. The error shows the cycle."""
    assert len(imports) > 300
    TopologicalSorter(imports).prepare()


def test_a_circle_is_found(imports):
    """The check above finds cycles, also across several modules."""
    circle = {**imports, f"{ROOT}.errors.codes": {ROOT + ".engine.engine"}}
    with pytest.raises(CycleError, match=r"engine\.engine"):
        TopologicalSorter(circle).prepare()
