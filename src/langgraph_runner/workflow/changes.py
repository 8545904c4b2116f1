"""Change requests: new inputs for a run that has ended, and the steps that they affect."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError
from pydantic_core import from_json

from langgraph_runner.errors.hints import did_you_mean
from langgraph_runner.workflow.errors import ChangeRequestError, WorkflowInputError
from langgraph_runner.workflow.user_code import UserCode
from langgraph_runner.workflow.values.json_errors import describe_validation_error, find_bad_part
from langgraph_runner.workflow.values.round_trip import dump_plain_json, find_difference, type_adapter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langgraph_runner.workflow.blueprint import Blueprint
    from langgraph_runner.workflow.definition.spec import ChangeSpec

__all__ = ["ChangeRequest", "Impact", "apply_merge_patch", "impact_of"]

_MAX_CHECKED: Final = 20
"""Each dropped key costs two more checks of the inputs. More than this are no typing errors, but a model that writes
its keys in another way."""


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """How a new run shall differ from a run that has ended."""

    type: str
    """A type of change that the workflow defines."""
    payload: Mapping[str, Any] = field(default_factory=dict)
    """What to change, as JSON values."""


@dataclass(frozen=True, slots=True)
class Impact:
    """What a change means for a run."""

    inputs: bytes
    """The new inputs, as JSON."""
    seeds: frozenset[str]
    """The steps that the change names, and those that read what it changes."""
    impacted: frozenset[str]
    """The seeds and all steps that depend on them. Every other step is reused."""
    changed_fields: frozenset[str]
    """The fields of the inputs that differ."""
    forced: frozenset[str] = frozenset()
    """The steps that run even if their results are cached: those that the change or the caller names."""


def impact_of(
    blueprint: Blueprint, change: ChangeRequest, base_inputs: bytes, force: frozenset[str] = frozenset()
) -> Impact:
    """Return what a change means for a run.

    Args:
        blueprint: The workflow.
        change: The change.
        base_inputs: The inputs of the run, as JSON.
        force: Ids of further steps that must run.

    Raises:
        ChangeRequestError: The type is unknown, the payload does not fit, or the changed inputs do not fit.
    """
    spec = _spec_of(blueprint, change)
    payload = _check_payload(blueprint, spec, change)
    wanted = _apply(blueprint, spec, change, payload, base_inputs)
    try:
        after, data = blueprint.inputs.check(wanted)
    except WorkflowInputError as error:
        raise _refused(blueprint, change, f"the changed inputs do not fit. {error}") from error
    if spec.apply is None:
        _refuse_dropped_keys(blueprint, change, payload, base_inputs, wanted=wanted, data=data)
    changed = _changed_fields(blueprint, base_inputs, after)
    forced = frozenset(spec.reruns) | force
    seeds = forced | blueprint.readers_of(changed)
    return Impact(data, seeds, blueprint.dag.downstream(seeds), changed, forced)


def apply_merge_patch(target: Any, patch: Any) -> Any:
    """Return a JSON value with a JSON merge patch applied (RFC 7396). Neither argument is changed."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = apply_merge_patch(result.get(key), value)
    return result


def _spec_of(blueprint: Blueprint, change: ChangeRequest) -> ChangeSpec:
    changes = blueprint.spec.changes
    if not isinstance(change.type, str) or change.type not in changes:
        known = ", ".join(changes) or "none"
        hint = did_you_mean(change.type, changes)
        raise _refused(blueprint, change, f"the workflow does not define it. It defines: {known}.{hint}")
    return changes[change.type]


def _check_payload(blueprint: Blueprint, spec: ChangeSpec, change: ChangeRequest) -> dict[str, Any]:
    """Return the payload as JSON values; if there is a model for it, as the model reads and writes them."""
    given = change.payload
    if not isinstance(given, Mapping):
        raise _refused(blueprint, change, f"the payload must be a dict, got a {type(given).__name__}.")
    given = dict(given)
    try:
        # Through JSON, as if it came over the network, because it is stored with the run.
        payload: dict[str, Any] = json.loads(dump_plain_json(given))
    except (TypeError, ValueError, RecursionError) as error:
        message = find_bad_part(given, error, is_plain=True).message
        raise _refused(blueprint, change, f"the payload is not JSON: {message}.") from error
    if (changed := find_difference(given, payload)) is not None:
        raise _refused(blueprint, change, f"the payload is not JSON: {changed}.")
    if spec.payload is None:
        return payload
    adapter = type_adapter(spec.payload)
    try:
        with UserCode(f"A validator of the payload of change '{change.type}'"):
            read: Any = adapter.dump_python(adapter.validate_python(payload), mode="json", by_alias=True)
    except (TypeError, ValueError, RecursionError) as error:
        message = describe_validation_error(error) if isinstance(error, ValidationError) else str(error)
        raise _refused(blueprint, change, f"the payload does not fit: {message}") from error
    checked: dict[str, Any] = _only_given_keys(read, payload) if spec.apply is None else read
    return checked


def _only_given_keys(read: Any, payload: Any) -> Any:
    """Remove the defaults that a model has added: a merge must change only what the caller asked for."""
    if not (isinstance(read, dict) and isinstance(payload, dict)):
        return read
    return {key: _only_given_keys(value, payload[key]) for key, value in read.items() if key in payload}


def _apply(
    blueprint: Blueprint, spec: ChangeSpec, change: ChangeRequest, payload: dict[str, Any], base_inputs: bytes
) -> Any:
    before = from_json(base_inputs)
    if spec.apply is None:
        return apply_merge_patch(before, payload)
    try:
        with UserCode("apply()"):
            return spec.apply(before, payload)
    except Exception as error:
        raise _refused(blueprint, change, f"apply() failed: {type(error).__name__}: {error}") from error


def _refuse_dropped_keys(
    blueprint: Blueprint,
    change: ChangeRequest,
    payload: dict[str, Any],
    base_inputs: bytes,
    *,
    wanted: dict[str, Any],
    data: bytes,
) -> None:
    """Refuse keys that the model of the inputs drops without a word: such a change would change nothing.

    Raises:
        ChangeRequestError: The model drops a key of the payload.
    """
    after, fields = from_json(data), blueprint.inputs.fields
    removable = {*from_json(base_inputs), *(payload if fields is None else fields)}
    checked = 0
    for path, value, known in _dropped_keys(payload, after):
        # A null asks to remove the key. At the top level its name must be known; at deeper levels the names that may
        # occur are not known, and the key is gone, as asked.
        *outer, name = path
        if value is None and (outer or name in removable):
            continue
        if not blueprint.inputs.is_affected_by(wanted, path):
            raise _refused(blueprint, change, _unknown_field(path, known))
        checked += 1
        if checked == _MAX_CHECKED:
            return


def _unknown_field(path: tuple[str, ...], known: list[str]) -> str:
    *outer, name = path
    owner = f"'{'.'.join(outer)}' has" if outer else "They have"
    names = ", ".join(sorted(known)) or "none"
    return f"the inputs have no field '{'.'.join(path)}'. {owner}: {names}.{did_you_mean(name, known)}"


def _dropped_keys(
    patch: dict[str, Any], after: dict[str, Any], outer: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any, list[str]]]:
    """Yield each key of a patch that the new inputs lack: its path, its value, and the keys that exist there."""
    for name, value in patch.items():
        if name not in after:
            yield (*outer, name), value, [*after]
        elif isinstance(value, dict) and isinstance(after[name], dict):
            yield from _dropped_keys(value, after[name], (*outer, name))


def _changed_fields(blueprint: Blueprint, base_inputs: bytes, after: Any) -> frozenset[str]:
    try:
        return blueprint.inputs.changed_fields(blueprint.inputs.load(base_inputs), after)
    except WorkflowInputError:
        # The model has changed since the base run, so no field is known to be the same.
        return blueprint.inputs.names_in(after)


def _refused(blueprint: Blueprint, change: ChangeRequest, problem: str) -> ChangeRequestError:
    return ChangeRequestError(workflow=blueprint.id, type=str(change.type), problem=problem)
