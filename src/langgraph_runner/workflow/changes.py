"""Change requests: new inputs for a run that was completed, and which of its steps that touches."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from langgraph_runner.workflow.errors import ChangeRequestError, WorkflowInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langgraph_runner.workflow.blueprint import Blueprint
    from langgraph_runner.workflow.spec import ChangeSpec

__all__ = ["ChangeRequest", "Impact", "impact_of", "merged"]


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """What is to be different from a run that was completed."""

    type: str
    """One of those that the workflow knows."""
    payload: Mapping[str, Any] = field(default_factory=dict)
    """What to change, as JSON values."""


@dataclass(frozen=True, slots=True)
class Impact:
    """What a change means for a run."""

    inputs: bytes
    """The new inputs, as JSON."""
    seeds: frozenset[str]
    """The steps that the change names, or that read what it changes."""
    impacted: frozenset[str]
    """Those and all that depend on them; every other step is reused."""
    changed_fields: frozenset[str]
    """The fields of the inputs that differ."""


def impact_of(blueprint: Blueprint, change: ChangeRequest, base_inputs: bytes) -> Impact:
    """What `change` means for a run with `base_inputs`.

    Raises:
        ChangeRequestError: The workflow does not know the type, or the payload does not fit.
    """
    spec = _spec_of(blueprint, change)
    before = from_json(base_inputs)
    after = _applied(blueprint, spec, change, before)
    try:
        _, data = blueprint.inputs.check(after)
    except WorkflowInputError as error:
        raise _refused(blueprint, change, f"the changed inputs do not fit. {error}") from error
    after = from_json(data)
    changed = frozenset(
        name
        for name in {*before, *after}
        if name not in before or name not in after or before[name] != after[name]
    )
    seeds = frozenset(spec.reruns) | blueprint.readers_of(changed)
    return Impact(data, seeds, blueprint.dag.downstream(seeds), changed)


def merged(target: Any, patch: Any) -> Any:
    """A JSON value with a merge patch applied (RFC 7396). Neither is changed."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def _spec_of(blueprint: Blueprint, change: ChangeRequest) -> ChangeSpec:
    changes = blueprint.spec.changes
    if change.type not in changes:
        close = get_close_matches(str(change.type), changes, n=1)
        known = ", ".join(changes) or "none"
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise _refused(blueprint, change, f"the workflow does not know it. It knows: {known}.{hint}")
    return changes[change.type]


def _applied(blueprint: Blueprint, spec: ChangeSpec, change: ChangeRequest, before: dict[str, Any]) -> Any:
    payload: Any = dict(change.payload)
    try:
        if spec.payload is not None:
            adapter: TypeAdapter[Any] = TypeAdapter(spec.payload)
            payload = adapter.dump_python(adapter.validate_python(payload), mode="json", exclude_unset=True)
        json.dumps(payload, allow_nan=False)
    except (ValidationError, TypeError, ValueError) as error:
        raise _refused(blueprint, change, f"the payload does not fit: {error}") from error
    if spec.apply is None:
        return merged(before, payload)
    try:
        # A copy through JSON: what `apply` does to it stays its own.
        return spec.apply(json.loads(json.dumps(before)), payload)
    except Exception as error:
        raise _refused(blueprint, change, f"apply() failed: {type(error).__name__}: {error}") from error


def _refused(blueprint: Blueprint, change: ChangeRequest, problem: str) -> ChangeRequestError:
    return ChangeRequestError(workflow=blueprint.id, type=str(change.type), problem=problem)
