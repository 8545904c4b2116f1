"""No import circles, also among imports that only type checkers see."""

import grimp
import pytest

ROOT = "langgraph_runner"


def circles(graph, package):
    """The groups of modules of a package that import each other, directly or not."""
    modules = sorted(module for module in graph.modules if f"{module}.".startswith(f"{package}."))
    reachable = {module: graph.find_upstream_modules(module) for module in modules}
    found = set()
    for module in modules:
        group = {other for other in reachable[module] if module in graph.find_upstream_modules(other)}
        if group:
            found.add(tuple(sorted(group | {module})))
    return sorted(found)


@pytest.fixture(scope="module")
def graph():
    """All imports of the package."""
    return grimp.build_graph(ROOT, exclude_type_checking_imports=False, cache_dir=None)


@pytest.mark.parametrize("package", ["cli", "client"])
def test_a_package_has_no_import_circle(graph, package):
    """Each module can be read before the modules that import it."""
    assert circles(graph, f"{ROOT}.{package}") == []


def test_a_circle_is_found():
    """The check above would see one of three modules."""
    graph = grimp.ImportGraph()
    for importer, imported in (("a.x", "a.y"), ("a.y", "b.z"), ("b.z", "a.x"), ("a.w", "a.x")):
        graph.add_import(importer=importer, imported=imported)
    assert circles(graph, "a") == [("a.x", "a.y", "b.z")]
