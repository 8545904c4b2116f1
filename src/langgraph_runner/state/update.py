"""`update_state()`: partial updates that are checked before LangGraph merges them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, get_type_hints

from langgraph.types import Overwrite
from pydantic import TypeAdapter, ValidationError

from langgraph_runner.errors import StateUpdateError
from langgraph_runner.errors.hints import refused_value
from langgraph_runner.state.graph_state import ROUTING_FLAGS, GraphState
from langgraph_runner.state.routing import unknown_flag

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["update_state"]

# Unknown flags are refused with a message of their own.
_FIELD_TYPES: Final[dict[str, Any]] = {**get_type_hints(GraphState), "routing_flags": dict[str, bool]}


def update_state(update: Mapping[str, Any] | None = None, /, **fields: Any) -> dict[str, Any]:
    """Build a partial state update, checked against the fields of `GraphState`.

    Fields of your own are not checked. The checked ones are copied, so changing the result does not change the
    arguments. A value in LangGraph's `Overwrite`, which replaces the field instead of adding to it, is checked, too.

    Args:
        update: Fields as a mapping, for names that are not Python identifiers or are known at run time only.
        **fields: Fields by name; they take precedence over `update`.

    Returns:
        The update, for a node to return: only the fields that are given. `update_state()` is `{}`.

    Raises:
        StateUpdateError: A field has the wrong shape, or a routing flag is not one of `proceed`, `retry`,
            `blocked`, `escalate`, `skip`, `complete`. It is a `ValueError`, names the field, and is recorded
            as `VALIDATION_FAILED`.

    Example:
        >>> update_state(artifact_paths={"report": "out/report.md"}, routing_flags={"complete": True})
        {'artifact_paths': {'report': 'out/report.md'}, 'routing_flags': {'complete': True}}
    """
    merged = {**(update or {}), **fields}
    return {name: _checked(name, value) for name, value in merged.items()}


def _checked(name: object, value: Any) -> Any:
    if not isinstance(name, str):
        problem = f"The name of a state field must be a string, got {name!r:.80}."
        raise StateUpdateError(field=repr(name), problem=problem)
    if name not in _FIELD_TYPES:
        return value
    if isinstance(value, Overwrite):
        return Overwrite(_checked(name, value.value))
    if name == "routing_flags":
        _refuse_unknown_flags(value)
    try:
        # Strict, because a flag "no" would become True and send a run down the wrong edge.
        return _adapter(name).validate_python(value, strict=True)
    except ValidationError as error:
        raise StateUpdateError(field=name, problem=_problem(name, error)) from None


def _refuse_unknown_flags(flags: object) -> None:
    for flag in flags if isinstance(flags, dict) else ():
        if flag not in ROUTING_FLAGS:
            raise StateUpdateError(field="routing_flags", problem=f"routing_flags: {unknown_flag(flag)}")


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    # Made when first used, because most programs check few of the fields.
    return TypeAdapter(_FIELD_TYPES[name])


def _problem(field: str, error: ValidationError) -> str:
    more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
    first = error.errors(include_url=False, include_context=False)[0]
    return f"{refused_value(first, within=field)}{more}"
