"""The public API is complete, sorted and documented, and the examples in docstrings are correct."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import subprocess
import sys
from enum import Enum
from types import ModuleType
from typing import Any

import pytest

import langgraph_runner
import langgraph_runner.engine
import langgraph_runner.errors
import langgraph_runner.graph
import langgraph_runner.metrics
import langgraph_runner.metrics.exporters
import langgraph_runner.node
import langgraph_runner.state
import langgraph_runner.testing
import langgraph_runner.workflow

MODULES = [
    importlib.import_module(found.name)
    for found in pkgutil.walk_packages(langgraph_runner.__path__, prefix="langgraph_runner.")
    if ".migrations." not in found.name  # Alembic runs those
]
FOLDERS = [
    langgraph_runner.errors,
    langgraph_runner.graph,
    langgraph_runner.metrics,
    langgraph_runner.node,
    langgraph_runner.state,
    langgraph_runner.workflow,
]

EXTRAS = {
    "anthropic",
    "fsspec",
    "httpx",
    "matplotlib",
    "openai",
    "opentelemetry",
    "requests",
    "rich",
    "structlog",
}


def objects(module: ModuleType) -> list[tuple[str, Any]]:
    """The public names of a module, with their objects."""
    return [(name, getattr(module, name)) for name in getattr(module, "__all__", ())]


@pytest.mark.req("N-10")
@pytest.mark.parametrize(
    "module", [langgraph_runner, langgraph_runner.testing, *FOLDERS], ids=lambda m: m.__name__
)
def test_names_are_sorted_and_there(module: ModuleType) -> None:
    """`__all__` has the order of ruff and no duplicates, and each name can be imported."""
    constants = sorted(name for name in module.__all__ if name.isupper())
    classes = sorted(name for name in module.__all__ if name[0].isupper() and not name.isupper())
    functions = sorted(name for name in module.__all__ if name[0].islower())
    assert list(module.__all__) == [*constants, *classes, *functions]
    assert len(set(module.__all__)) == len(module.__all__)
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


@pytest.mark.req("N-10", "M-9")
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda m: m.__name__)
def test_what_a_folder_exports_is_importable_from_the_top(folder: ModuleType) -> None:
    """So users need only `import langgraph_runner`."""
    assert set(folder.__all__) - set(langgraph_runner.__all__) == set()
    assert [name for name in langgraph_runner.__all__ if hasattr(folder, name)] != []


@pytest.mark.req("N-10")
def test_the_top_has_the_very_objects_of_the_folders() -> None:
    """Each name means the same object in both places."""
    for folder in FOLDERS:
        for name in set(folder.__all__) & set(langgraph_runner.__all__):
            assert getattr(langgraph_runner, name) is getattr(folder, name)


@pytest.mark.req("N-10", "M-18")
@pytest.mark.parametrize("name", sorted(langgraph_runner.metrics.exporters.__all__))
def test_an_exporter_is_importable_from_the_top(name: str) -> None:
    """It is loaded then, with its extra; `import *` asks for none."""
    assert getattr(langgraph_runner, name) is getattr(langgraph_runner.metrics.exporters, name)
    assert name in dir(langgraph_runner)
    assert name not in langgraph_runner.__all__


@pytest.mark.req("N-10")
@pytest.mark.parametrize("name", sorted(langgraph_runner.engine.__all__))
def test_the_engine_is_importable_from_the_top(name: str) -> None:
    """It is loaded then, with its extra; `import *` asks for none."""
    assert getattr(langgraph_runner, name) is getattr(langgraph_runner.engine, name)
    assert name not in langgraph_runner.__all__


def test_without_its_extra_the_engine_says_how_to_install_it() -> None:
    """Everything else works, including `import *`."""
    code = (
        "import sys; sys.modules['sqlalchemy'] = None; sys.modules['alembic'] = None\n"
        "from langgraph_runner import *\n"
        "import langgraph_runner\n"
        "Workflow('w')\n"
        "try:\n    langgraph_runner.RunEngine\n"
        "except ModuleNotFoundError as error:\n    print(error)\n"
    )
    done = subprocess.run(  # noqa: S603 - the code is ours
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "RunEngine needs the extra 'engine': pip install 'langgraph-runner[engine]'"


@pytest.mark.req("N-10")
@pytest.mark.parametrize("module", [langgraph_runner, *MODULES], ids=lambda m: m.__name__)
def test_everything_public_has_a_docstring(module: ModuleType) -> None:
    """Each module, each public class and function, and each public method that a class defines itself."""
    assert module.__doc__
    silent = []
    for name, value in objects(module):
        if not (inspect.isclass(value) or inspect.isfunction(value)):
            continue
        if not (value.__doc__ or "").strip():
            silent.append(name)
        if inspect.isclass(value) and not issubclass(value, Enum):
            silent += [
                f"{name}.{method}"
                for method, function in vars(value).items()
                if inspect.isfunction(function) and not method.startswith("_") and not function.__doc__
            ]
    assert silent == []


@pytest.mark.parametrize("module", [langgraph_runner, *MODULES], ids=lambda m: m.__name__)
def test_examples_in_docstrings_are_true(module: ModuleType) -> None:
    """Each example has the result that it shows."""
    assert doctest.testmod(module).failed == 0


def test_some_docstrings_have_examples() -> None:
    """So the test above has examples to check."""
    assert sum(len(test.examples) for module in MODULES for test in doctest.DocTestFinder().find(module)) > 10


def test_making_a_node_loads_no_extra() -> None:
    """The base install is enough: apart from LangGraph's own imports, no extra and no client library is loaded."""
    code = (
        "import sys, langgraph.graph, langgraph.runtime\n"
        "before = set(sys.modules)\n"
        "from langgraph_runner import create_node\n"
        "after = set(sys.modules) - before\n"
        f"print(sorted(after & {EXTRAS!r}), 'langgraph_runner.graph' in after)"
    )
    done = subprocess.run(  # noqa: S603 - the code is ours
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[] False"
