"""The modules of a node and of its runtime build on each other in one direction."""

import grimp
import pytest

PACKAGES = ("langgraph_runner.node", "langgraph_runner.runtime")


def circles(imports):
    """Groups of modules that import each other, directly or not (Tarjan's strongly connected components)."""
    found, index, low, stack = [], {}, {}, []

    def visit(module):
        index[module] = low[module] = len(index)
        stack.append(module)
        for imported in imports[module]:
            if imported not in index:
                visit(imported)
                low[module] = min(low[module], low[imported])
            elif imported in stack:
                low[module] = min(low[module], index[imported])
        if low[module] == index[module]:
            group = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(group) > 1:
                found.append(sorted(group))

    for module in imports:
        if module not in index:
            visit(module)
    return found


@pytest.fixture(scope="module")
def graph():
    """All imports of the package, those for type checkers too."""
    return grimp.build_graph("langgraph_runner", exclude_type_checking_imports=False)


def test_a_circle_is_found():
    """Or the next test could not fail."""
    assert circles({"a": ["b"], "b": ["c"], "c": ["a"], "d": ["a"]}) == [["a", "b", "c"]]


def test_no_modules_of_node_and_runtime_import_each_other(graph):
    """Imports that only type checkers see count as well."""
    modules = sorted(module for module in graph.modules if module.startswith(PACKAGES))
    imports = {
        module: sorted(graph.find_modules_directly_imported_by(module) & set(modules)) for module in modules
    }
    assert len(modules) > 30
    assert circles(imports) == []


def test_the_runtime_does_not_know_nodes(graph):
    """It serves the engine, the client and the server, too."""
    importing = [
        (module, imported)
        for module in graph.modules
        if module.startswith("langgraph_runner.runtime")
        for imported in graph.find_modules_directly_imported_by(module)
        if imported.startswith("langgraph_runner.node")
    ]
    assert importing == []
