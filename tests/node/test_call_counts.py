"""What a success of a node costs, counted in calls of functions: unlike a time, a count is always the same.

The node has a retry, a circuit breaker and a collector; `benchmarks/call_counts.py` counts.
"""

import sys

import pytest

from benchmarks.call_counts import Calls, of_success

# Before 3.12, asyncio.current_task() is written in Python: one call of Python, two of C.
CURRENT_TASK = Calls(1, 2) if sys.version_info < (3, 12) else Calls(0, 1)


def expected(python: int, c: int, *, is_async: bool) -> Calls:
    """The counts, with those of `asyncio.current_task()` for an awaited node."""
    return Calls(python + CURRENT_TASK.python, c + CURRENT_TASK.c) if is_async else Calls(python, c)


@pytest.mark.no_cover
@pytest.mark.parametrize("is_async", [False, True])
def test_a_success_calls_few_functions(is_async):
    """Called directly."""
    python, c = (7, 9) if is_async else (6, 8)
    assert of_success(is_async=is_async, in_graph=False) == expected(python, c, is_async=is_async)


@pytest.mark.no_cover
@pytest.mark.parametrize(("is_async", "python", "c"), [(False, 6, 4), (True, 7, 7)])
def test_a_success_in_a_graph_calls_few_functions(is_async, python, c):
    """Beside the same graph with a plain node."""
    assert of_success(is_async=is_async, in_graph=True) == expected(python, c, is_async=is_async)
