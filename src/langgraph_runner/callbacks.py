"""Callbacks of the user, which may have fewer parameters than there are arguments."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from langgraph_runner.annotations import signature_of

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["accept_fewer_arguments"]

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def accept_fewer_arguments(function: object, *offered: str, field: str) -> Callable[..., Any]:
    """Return a callable with all `offered` arguments that passes `function` the first ones, as many as it takes.

    So both `lambda: clean_up()` and `lambda error: clean_up()` work as a callback.

    Args:
        function: The callback, sync or async.
        *offered: Names of the arguments of a call, in their order, for the message.
        field: The name of the option, for the message.

    Returns:
        `function` itself if it takes all of them, or if its signature is not known.

    Raises:
        TypeError: It is not callable, or requires another argument.
    """
    if not callable(function):
        raise TypeError(f"{field} must be a function, got {function!r:.80}.")
    try:
        parameters = signature_of(function).parameters.values()
    except (TypeError, ValueError):  # Some built-in functions have no signature.
        return function
    positional = [each for each in parameters if each.kind in _POSITIONAL]
    needed = [each.name for each in positional if each.default is each.empty][len(offered) :]
    needed += [
        each.name for each in parameters if each.kind is each.KEYWORD_ONLY and each.default is each.empty
    ]
    if needed:
        raise TypeError(
            f"{field} must be callable with {' and '.join(offered)}, or with fewer of them,"
            f" got {function!r:.80}, which needs the argument '{needed[0]}'."
        )
    if len(positional) >= len(offered) or any(each.kind is each.VAR_POSITIONAL for each in parameters):
        return function
    count = len(positional)

    def call(*arguments: object) -> Any:
        return function(*arguments[:count])

    return call
