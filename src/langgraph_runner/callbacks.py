"""Callbacks of the user's: they take as many of the arguments that are offered as they want."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["taking_a_prefix"]

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def taking_a_prefix(function: object, *offered: str, field: str) -> Callable[..., Any]:
    """Make `function` callable with all arguments that are offered; it gets the first ones, as many as it takes.

    So `lambda: clean_up()` is as good a callback as `lambda error: clean_up()`.

    Args:
        function: The callback, sync or async.
        *offered: Names of the arguments it will be called with, in their order, for the message.
        field: What the user calls it, for the message.

    Returns:
        `function` itself if it takes all of them, or if its signature is not known.

    Raises:
        TypeError: It cannot be called, or it needs more than is offered.
    """
    if not callable(function):
        raise TypeError(f"{field}: expected a function, got {function!r:.80}.")
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # Of something built in.
        return function
    positional = [each for each in parameters if each.kind in _POSITIONAL]
    needed = [each.name for each in positional if each.default is each.empty][len(offered) :]
    needed += [
        each.name for each in parameters if each.kind is each.KEYWORD_ONLY and each.default is each.empty
    ]
    if needed:
        raise TypeError(
            f"{field}: {function!r:.80} needs the argument '{needed[0]}'; it is called with"
            f" {' and '.join(offered)}, or with fewer of them."
        )
    if len(positional) >= len(offered) or any(each.kind is each.VAR_POSITIONAL for each in parameters):
        return function
    count = len(positional)

    def call(*arguments: object) -> Any:
        return function(*arguments[:count])

    return call
