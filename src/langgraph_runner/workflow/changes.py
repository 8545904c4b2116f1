"""Change requests: new inputs for a run that was completed, and which of its steps that touches."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError
from pydantic_core import from_json

from langgraph_runner.errors.hints import did_you_mean
from langgraph_runner.workflow.contained import Contained
from langgraph_runner.workflow.errors import ChangeRequestError, WorkflowInputError
from langgraph_runner.workflow.values.faults import as_plain_json, fault_in, in_words
from langgraph_runner.workflow.values.fidelity import difference
from langgraph_runner.workflow.values.output_type import adapter_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langgraph_runner.workflow.definition.blueprint import Blueprint
    from langgraph_runner.workflow.definition.spec import ChangeSpec

__all__ = ["ChangeRequest", "Impact", "impact_of", "merged"]

_MOST_DROPPED: Final = 20
"""For each the inputs are checked again. More are no slip, but keys that the model writes in another way."""


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
    forced: frozenset[str] = frozenset()
    """The steps that run even if the cache knows their results: those that the change or the call names."""


def impact_of(
    blueprint: Blueprint, change: ChangeRequest, base_inputs: bytes, force: frozenset[str] = frozenset()
) -> Impact:
    """What `change` means for a run with `base_inputs`.

    Raises:
        ChangeRequestError: The workflow does not know the type, or the payload or what comes of it does not fit.
    """
    spec = _spec_of(blueprint, change)
    payload = _payload(blueprint, spec, change)
    wanted = _applied(blueprint, spec, change, payload, base_inputs)
    try:
        after, data = blueprint.inputs.check(wanted)
    except WorkflowInputError as error:
        raise _refused(blueprint, change, f"the changed inputs do not fit. {error}") from error
    if spec.apply is None:
        _refuse_what_is_lost(blueprint, change, payload, base_inputs, wanted=wanted, data=data)
    changed = _changed_fields(blueprint, base_inputs, after)
    forced = frozenset(spec.reruns) | force
    seeds = forced | blueprint.readers_of(changed)
    return Impact(data, seeds, blueprint.dag.downstream(seeds), changed, forced)


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
    if not isinstance(change.type, str) or change.type not in changes:
        known = ", ".join(changes) or "none"
        hint = did_you_mean(change.type, changes)
        raise _refused(blueprint, change, f"the workflow does not know it. It knows: {known}.{hint}")
    return changes[change.type]


def _payload(blueprint: Blueprint, spec: ChangeSpec, change: ChangeRequest) -> dict[str, Any]:
    """The payload as JSON values, read by its model if it has one."""
    given = change.payload
    if not isinstance(given, Mapping):
        raise _refused(blueprint, change, f"the payload is a {type(given).__name__}; give a dict.")
    given = dict(given)
    try:
        # Through JSON, as it comes over the network: it is stored with the run.
        payload: dict[str, Any] = json.loads(as_plain_json(given))
    except (TypeError, ValueError, RecursionError) as error:
        words = fault_in(given, error, is_plain=True).words
        raise _refused(blueprint, change, f"the payload is no JSON: {words}.") from error
    if (changed := difference(given, payload)) is not None:
        raise _refused(blueprint, change, f"the payload is no JSON: {changed}.")
    if spec.payload is None:
        return payload
    adapter = adapter_of(spec.payload)
    try:
        with Contained(f"A validator of the payload of change '{change.type}'"):
            read: Any = adapter.dump_python(adapter.validate_python(payload), mode="json", by_alias=True)
    except (TypeError, ValueError, RecursionError) as error:
        words = in_words(error) if isinstance(error, ValidationError) else str(error)
        raise _refused(blueprint, change, f"the payload does not fit: {words}") from error
    # Merged are only things that were asked for: a default of the model is nobody's wish.
    asked_for: dict[str, Any] = read if spec.apply is not None else _asked_for(read, payload)
    return asked_for


def _asked_for(read: Any, payload: Any) -> Any:
    if not (isinstance(read, dict) and isinstance(payload, dict)):
        return read
    return {key: _asked_for(value, payload[key]) for key, value in read.items() if key in payload}


def _applied(
    blueprint: Blueprint, spec: ChangeSpec, change: ChangeRequest, payload: dict[str, Any], base_inputs: bytes
) -> Any:
    before = from_json(base_inputs)
    if spec.apply is None:
        return merged(before, payload)
    try:
        with Contained("apply()"):
            return spec.apply(before, payload)
    except Exception as error:
        raise _refused(blueprint, change, f"apply() failed: {type(error).__name__}: {error}") from error


def _refuse_what_is_lost(
    blueprint: Blueprint,
    change: ChangeRequest,
    payload: dict[str, Any],
    base_inputs: bytes,
    *,
    wanted: dict[str, Any],
    data: bytes,
) -> None:
    """A model drops what it does not know in silence, and the change would change nothing."""
    after, fields = from_json(data), blueprint.inputs.fields
    removable = {*from_json(base_inputs), *(payload if fields is None else fields)}
    dropped = (
        (place, known)
        for place, value, known in _dropped(payload, after)
        # Further in nobody knows whether there may be such a key, and that it is gone is what was asked for.
        if value is not None or (len(place) == 1 and place[0] not in removable)
    )
    for place, known in islice(dropped, _MOST_DROPPED):
        if not blueprint.inputs.takes_notice(wanted, place):
            raise _refused(blueprint, change, _no_field(place, known))


def _no_field(place: tuple[str, ...], known: list[str]) -> str:
    *outer, name = place
    there = f"'{'.'.join(outer)}' has" if outer else "They have"
    names = ", ".join(sorted(known)) or "none"
    return f"the inputs have no field '{'.'.join(place)}'. {there}: {names}.{did_you_mean(name, known)}"


def _dropped(
    patch: dict[str, Any], after: dict[str, Any], outer: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any, list[str]]]:
    """What of a patch the new inputs do not have: its place, its value, and the names that they have there."""
    for name, value in patch.items():
        if name not in after:
            yield (*outer, name), value, [*after]
        elif isinstance(value, dict) and isinstance(after[name], dict):
            yield from _dropped(value, after[name], (*outer, name))


def _changed_fields(blueprint: Blueprint, base_inputs: bytes, after: Any) -> frozenset[str]:
    try:
        return blueprint.inputs.changed(blueprint.inputs.load(base_inputs), after)
    except WorkflowInputError:
        # They were checked by a model that has changed since, so nothing is known to be the same.
        return blueprint.inputs.names_in(after)


def _refused(blueprint: Blueprint, change: ChangeRequest, problem: str) -> ChangeRequestError:
    return ChangeRequestError(workflow=blueprint.id, type=str(change.type), problem=problem)
