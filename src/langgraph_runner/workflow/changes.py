"""Change requests: new inputs for a run that has ended, and the steps that they affect."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError
from pydantic_core import from_json

from langgraph_runner.errors.hints import did_you_mean, without_inputs
from langgraph_runner.workflow.errors import ChangeRequestError, WorkflowInputError
from langgraph_runner.workflow.user_code import UserCode
from langgraph_runner.workflow.values.input_type import MAX_LEVELS, is_too_deep
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
    request = _Request(blueprint, change, base_inputs)
    after, data = request.new_inputs()
    changed = request.changed_fields(after)
    forced = frozenset(request.spec.reruns) | force
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


class _Request:
    """A change request for one run, while it is being checked."""

    def __init__(self, blueprint: Blueprint, change: ChangeRequest, base_inputs: bytes) -> None:
        self._blueprint = blueprint
        self._inputs = blueprint.inputs
        self._change = change
        self._base_inputs = base_inputs
        self.spec = self._find_spec()

    def _find_spec(self) -> ChangeSpec:
        changes, type_ = self._blueprint.spec.changes, self._change.type
        if not isinstance(type_, str) or type_ not in changes:
            known = ", ".join(changes) or "none"
            hint = did_you_mean(type_, changes)
            raise self._refused(f"the workflow does not define it. It defines: {known}.{hint}")
        return changes[type_]

    def new_inputs(self) -> tuple[Any, bytes]:
        """Return the changed inputs as their model, and as JSON."""
        payload = self._check_payload()
        wanted = self._apply(payload)
        try:
            after, data = self._inputs.check(wanted)
        except WorkflowInputError as error:
            raise self._refused(f"the changed inputs do not fit. {error}") from error
        if self.spec.apply is None:
            self._refuse_dropped_keys(payload, wanted, from_json(data))
        return after, data

    def changed_fields(self, after: Any) -> frozenset[str]:
        """Return the names of the fields in which the new inputs differ."""
        try:
            return self._inputs.changed_fields(self._inputs.load(self._base_inputs), after)
        except WorkflowInputError:
            # The model has changed since the base run, so no field is known to be the same.
            return self._inputs.names_in(after)

    def _check_payload(self) -> dict[str, Any]:
        """Return the payload as JSON values; if there is a model for it, as the model reads and writes them."""
        given: Any = self._change.payload
        if not isinstance(given, Mapping):
            raise self._refused(f"the payload must be a dict, got a {type(given).__name__}.")
        given = dict(given)
        try:
            # Through JSON, as if it came over the network, because it is stored with the run.
            data = dump_plain_json(given)
            too_deep = is_too_deep(data)
            payload: dict[str, Any] = {} if too_deep else json.loads(data)
        except (TypeError, ValueError, RecursionError) as error:
            message = find_bad_part(given, error, is_plain=True).message
            raise self._refused(f"the payload is not JSON: {message}.") from error
        if too_deep:
            raise self._refused(
                f"the payload is nested more than {MAX_LEVELS} levels deep; flatten it, or pass a part as text."
            )
        if (changed := find_difference(given, payload)) is not None:
            raise self._refused(f"the payload is not JSON: {changed}.")
        if self.spec.payload is None:
            return payload
        adapter = type_adapter(self.spec.payload)
        try:
            with UserCode(f"A validator of the payload of change '{self._change.type}'"):
                read: Any = adapter.dump_python(adapter.validate_python(payload), mode="json", by_alias=True)
        except ValidationError as error:
            message = describe_validation_error(error)
            raise self._refused(f"the payload does not fit: {message}") from without_inputs(error)
        except (TypeError, ValueError, RecursionError) as error:
            raise self._refused(f"the payload does not fit: {error}") from error
        checked: dict[str, Any] = _only_given_keys(read, payload) if self.spec.apply is None else read
        return checked

    def _apply(self, payload: dict[str, Any]) -> Any:
        before = from_json(self._base_inputs)
        if self.spec.apply is None:
            return apply_merge_patch(before, payload)
        try:
            with UserCode("apply()"):
                return self.spec.apply(before, payload)
        except Exception as error:
            raise self._refused(f"apply() failed: {type(error).__name__}: {error}") from error

    def _refuse_dropped_keys(self, payload: dict[str, Any], wanted: Any, after: dict[str, Any]) -> None:
        """Refuse keys of the payload that the inputs drop without a word: such a change would change nothing."""
        fields = self._inputs.fields
        removable = {*from_json(self._base_inputs), *(payload if fields is None else fields)}
        checked = 0
        for path, value, known in _dropped_keys(payload, after):
            # A null asks to remove the key. At the top level its name must be known; at deeper levels the names that
            # may occur are not known, and the key is gone, as asked.
            *outer, name = path
            if value is None and (outer or name in removable):
                continue
            if not self._inputs.is_affected_by(wanted, path):
                owner = f"'{'.'.join(outer)}' has" if outer else "They have"
                names = ", ".join(sorted(known)) or "none"
                hint = did_you_mean(name, known)
                raise self._refused(f"the inputs have no field '{'.'.join(path)}'. {owner}: {names}.{hint}")
            checked += 1
            if checked == _MAX_CHECKED:
                return

    def _refused(self, problem: str) -> ChangeRequestError:
        return ChangeRequestError(workflow=self._blueprint.id, type=str(self._change.type), problem=problem)


def _only_given_keys(read: Any, payload: Any) -> Any:
    """Remove the defaults that a model has added: a merge must change only what the caller asked for."""
    if not (isinstance(read, dict) and isinstance(payload, dict)):
        return read
    return {key: _only_given_keys(value, payload[key]) for key, value in read.items() if key in payload}


def _dropped_keys(
    patch: dict[str, Any], after: dict[str, Any], outer: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any, list[str]]]:
    """Yield each key of a patch that the new inputs lack: its path, its value, and the keys that exist there."""
    for name, value in patch.items():
        if name not in after:
            yield (*outer, name), value, [*after]
        elif isinstance(value, dict) and isinstance(after[name], dict):
            yield from _dropped_keys(value, after[name], (*outer, name))
