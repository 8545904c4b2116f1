"""When modules are imported."""

import subprocess
import sys

import pytest

from langgraph_runner.metrics import exporters


@pytest.mark.parametrize("module", ["langgraph_runner", "langgraph_runner.metrics.exporters"])
def test_no_library_is_loaded_before_its_exporter_is_asked_for(module):
    """Except for libraries that LangGraph loads. Users without an exporter pay no import time."""
    code = (
        "import sys, langgraph.graph, langgraph.runtime\n"
        "before = set(sys.modules)\n"
        f"import {module}\n"
        "new = set(sys.modules) - before\n"
        "print(sorted(n for n in new if n.partition('.')[0] in {'opentelemetry', 'prometheus_client'}))"
    )
    done = subprocess.run(  # noqa: S603 - the code is ours
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_every_exporter_is_where_it_is_said_to_be():
    """Each public name can be imported from the package."""
    assert [name for name in exporters.__all__ if not hasattr(exporters, name)] == []


def test_another_name_is_no_attribute():
    """The lazy package raises an AttributeError, as any other does."""
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = exporters.nonsense
