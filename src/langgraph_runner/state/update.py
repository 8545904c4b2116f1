"""`update_state()`: partial updates that are known to fit before LangGraph merges them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from langgraph.types import Overwrite
from pydantic import TypeAdapter, ValidationError

from langgraph_runner.errors import NodeErrorRecord, StateUpdateError
from langgraph_runner.errors.hints import did_you_mean
from langgraph_runner.state.records import ROUTING_FLAGS, EvidenceRef, GateDecision

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["update_state"]

_FIELD_TYPES: Final[dict[str, Any]] = {
    "story_id": str,
    "artifact_paths": dict[str, str],
    "routing_flags": dict[str, bool],
    "evidence_refs": list[EvidenceRef],
    "gate_decisions": dict[str, GateDecision],
    "errors": list[NodeErrorRecord],
}


def update_state(update: Mapping[str, Any] | None = None, /, **fields: Any) -> dict[str, Any]:
    """Build a partial state update, checked against the fields of `GraphState`.

    Fields of your own pass through as they are. The checked ones are copied, so that changing the result
    changes none of the arguments. LangGraph's `Overwrite`, which replaces what a reducer would add to, stands
    around the value that is checked.

    Args:
        update: Fields as a mapping, for names that are no Python identifiers or are known at run time only.
        **fields: Fields by name; these win over `update`.

    Returns:
        What a node returns: only the fields given here. `update_state()` is `{}`.

    Raises:
        StateUpdateError: A field has the wrong shape, or a routing flag is none of `proceed`, `retry`,
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
        raise StateUpdateError(field=repr(name), problem="the name of a state field must be a string.")
    if name not in _FIELD_TYPES:
        return value
    if isinstance(value, Overwrite):
        return Overwrite(_checked(name, value.value))
    if name == "routing_flags":
        _refuse_unknown_flags(value)
    try:
        # Strict, because a flag of "no" that became True would send a run down the wrong edge.
        return _adapter(name).validate_python(value, strict=True)
    except ValidationError as error:
        raise StateUpdateError(field=name, problem=_explain(error)) from None


def _refuse_unknown_flags(flags: object) -> None:
    for flag in flags if isinstance(flags, dict) else ():
        if flag not in ROUTING_FLAGS:
            known = ", ".join(ROUTING_FLAGS)
            problem = f"{flag!r} is not one of {known}.{did_you_mean(flag, ROUTING_FLAGS)}"
            raise StateUpdateError(field="routing_flags", problem=problem)


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    # Made on first use: most programs never check most fields.
    return TypeAdapter(_FIELD_TYPES[name])


def _explain(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{f'at {where}: ' if where else ''}{first['msg']}, got {first['input']!r:.80}{more}"
