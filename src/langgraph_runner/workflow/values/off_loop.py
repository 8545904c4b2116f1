"""Large values, handled in one thread beside the event loop.

Reading and writing JSON holds the interpreter's lock. So several threads would not be faster than one, and each would
make the event loop wait for its turn.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LARGE_BYTES", "MANY_ROWS", "is_large", "read_json", "run_off_loop"]

P = ParamSpec("P")
T = TypeVar("T")
LARGE_BYTES: Final = 32_768
"""Size of JSON above which it is read off the event loop: this much takes about a millisecond."""
MANY_ROWS: Final = 50
"""Number of rows above which they are made into models off the event loop: this many take about a millisecond."""
_LARGE_PARTS: Final = 1_000
_BYTES_OF_PART: Final = 32
_SINGLE_PARTS: Final = frozenset({int, float, bool, type(None)})


def is_large(value: Any, limit: int = _LARGE_PARTS) -> bool:
    """Return whether a value has more than `limit` parts. A text counts as one part for each 32 characters."""
    parts, stack = 0, [value]
    while stack and parts <= limit:
        each = stack.pop()
        parts += 1
        if type(each) in _SINGLE_PARTS:
            continue
        if isinstance(each, (str, bytes)):
            parts += len(each) // _BYTES_OF_PART
        elif isinstance(each, (dict, list, tuple, set, frozenset)):
            parts += len(each)
            if parts <= limit:
                stack.extend(each.values() if isinstance(each, dict) else each)
        elif hasattr(each, "__dict__"):
            stack.extend(vars(each).values())
    return parts > limit


async def run_off_loop(function: Callable[P, T], *arguments: P.args, **keywords: P.kwargs) -> T:
    """Call `function` in the one thread for large values, with the context variables of the caller."""
    call = partial(copy_context().run, partial(function, *arguments, **keywords))
    return await asyncio.get_running_loop().run_in_executor(_thread(), call)


async def read_json(load: Callable[[bytes], T], data: bytes) -> T:
    """Return `load(data)`; if `data` is large, call it off the event loop."""
    return await run_off_loop(load, data) if len(data) > LARGE_BYTES else load(data)


@cache
def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="langgraph-runner-large-values")
