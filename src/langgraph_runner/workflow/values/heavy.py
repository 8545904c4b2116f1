"""Values that are long to read: off the event loop, one at a time.

To read and write JSON takes the interpreter's lock, so several threads at it would be no faster than one, and each of
them would make the event loop wait for its turn.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["HEAVY_BYTES", "apart_from_loop", "is_heavy", "read_json"]

P = ParamSpec("P")
T = TypeVar("T")
HEAVY_BYTES: Final = 32_768
"""Of JSON: to read so much takes about a millisecond."""
_HEAVY_PARTS: Final = 1_000
_BYTES_OF_PART: Final = 32
_SINGLE_PARTS: Final = frozenset({int, float, bool, type(None)})


def is_heavy(value: Any, limit: int = _HEAVY_PARTS) -> bool:
    """Whether a value takes long to read: it has more than `limit` parts, text being counted by its length."""
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


async def apart_from_loop(function: Callable[P, T], *arguments: P.args, **keywords: P.kwargs) -> T:
    """Call `function` in the one thread for such values, with the context variables of the caller."""
    call = partial(copy_context().run, partial(function, *arguments, **keywords))
    return await asyncio.get_running_loop().run_in_executor(_thread(), call)


async def read_json(load: Callable[[bytes], T], data: bytes) -> T:
    """`load(data)`, apart from the loop if that takes long."""
    return await apart_from_loop(load, data) if len(data) > HEAVY_BYTES else load(data)


@cache
def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="langgraph-runner-heavy")
