"""How the modules of the engine import one another."""

import graphlib

import grimp

ENGINE = "langgraph_runner.engine"


def test_no_module_imports_itself_through_others():
    """There is no circle, imports for type checkers included."""
    graph = grimp.build_graph("langgraph_runner", exclude_type_checking_imports=False, cache_dir=None)
    modules = graph.find_descendants(ENGINE)
    imports = {module: graph.find_modules_directly_imported_by(module) & modules for module in modules}
    order = [*graphlib.TopologicalSorter(imports).static_order()]
    assert set(order) == modules
