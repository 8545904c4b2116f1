"""`InputType`: how the inputs of a workflow are checked once, stored as JSON, and read field by field."""

from __future__ import annotations

import copy
import dataclasses
from contextlib import suppress
from functools import reduce
from itertools import islice
from operator import getitem
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Final, Union, get_args, get_origin, get_type_hints

from pydantic import AliasChoices, AliasPath, BaseModel, RootModel, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, from_json
from typing_extensions import (
    is_typeddict,  # the one of `typing` does not recognise TypedDicts of typing_extensions
)

from langgraph_runner.errors.hints import did_you_mean, without_inputs
from langgraph_runner.workflow.errors import WorkflowInputError
from langgraph_runner.workflow.hashing import content_hash
from langgraph_runner.workflow.user_code import UserCode
from langgraph_runner.workflow.values.json_errors import (
    describe_invalid_json,
    describe_validation_error,
    find_bad_part,
)
from langgraph_runner.workflow.values.round_trip import find_difference, type_adapter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic.fields import FieldInfo

__all__ = ["MAX_LEVELS", "InputType", "is_too_deep", "without_none"]

_UNLIKELY_VALUE: Final = ["\U000f0000"]
"""A value that no inputs have: a list with a character for private use."""
_PARSER_LEVELS: Final = 201
"""pydantic reads no JSON that is nested deeper than this."""
MAX_LEVELS: Final = 192
"""Less than the parser allows, because the inputs become part of other JSON, such as a page of runs."""
_MAX_CHECKED: Final = 20
"""Each unknown field costs two more checks of the inputs, so a request with many of them must not be expensive."""


class InputType:
    """How the inputs of a workflow are checked, stored and read. Immutable and thread-safe.

    Inputs come from outside, so they are converted as pydantic converts JSON: "3" becomes 3 where an int is declared.
    Inputs that would change on the way to the database and back (NaN, a `SecretStr`, a tuple without a declared type)
    are refused.

    Args:
        workflow: The workflow's id, for the messages.
        model: A pydantic model, a dataclass or a TypedDict; None for any JSON object.

    Attributes:
        workflow: As given.
        model: As given.
        fields: The names of the fields, which parameters of steps may have; None without a model.

    Raises:
        Exception: `model` is none of these, or names something that is not defined.
    """

    def __init__(self, workflow: str, model: Any) -> None:
        self.workflow = workflow
        self.model = model
        self.fields = _field_names(model)
        self._validators = UserCode(f"A validator of the inputs of workflow '{workflow}'")
        self._adapter: TypeAdapter[Any] = type_adapter(dict[str, Any] if model is None else model)

    def check(self, inputs: Any) -> tuple[Any, bytes]:
        """Return the inputs as their model, and as JSON. The model is read from that JSON.

        Args:
            inputs: A value of the model, or JSON values, by alias or by name. None means no inputs: `{}`.

        Raises:
            WorkflowInputError: They do not fit the model, or would not come back from JSON unchanged.
        """
        with self._validators:
            return self._check(inputs)

    def _check(self, inputs: Any) -> tuple[Any, bytes]:
        given = {} if inputs is None else inputs
        try:
            given = self._adapter.validate_python(given, by_alias=True, by_name=True)
            data = self._adapter.dump_json(given, by_alias=True, round_trip=True, warnings="error")
        except ValidationError as error:
            raise self._refused(
                describe_validation_error(error, fields=self.fields or ())
            ) from without_inputs(error)
        except (PydanticSerializationError, TypeError, ValueError, RecursionError) as error:
            message = find_bad_part(given, error, is_plain=False).message
            raise self._refused(f"they cannot be stored as JSON: {message}.") from error
        if is_too_deep(data):
            raise self._refused(
                f"they are nested more than {MAX_LEVELS} levels deep; flatten them, or pass a part as text."
            )
        try:
            back = self._adapter.validate_json(data)
        except ValidationError as error:
            raise self._refused(
                f"they do not survive JSON: {describe_invalid_json(error)}"
            ) from without_inputs(error)
        if (changed := find_difference(given, back)) is not None:
            raise self._refused(f"they do not survive JSON: {changed}.")
        return back, data

    def load(self, data: bytes) -> Any:
        """Return the stored inputs of a run as their model.

        Raises:
            WorkflowInputError: The model has changed since, and they no longer fit.
        """
        try:
            with self._validators:
                return self._adapter.validate_json(data)
        except ValidationError as error:
            raise self._refused(describe_validation_error(error)) from without_inputs(error)

    def is_affected_by(self, given: dict[str, Any], path: tuple[str, ...]) -> bool:
        """Return whether another value at `path` changes the inputs. A validator may read keys that are not fields.

        `given` are inputs that fit, as JSON values; they have a value at `path`.
        """
        other: Any = copy.deepcopy(given)
        reduce(getitem, path[:-1], other)[path[-1]] = _UNLIKELY_VALUE
        try:
            return self.check(given)[1] != self.check(other)[1]
        except WorkflowInputError:
            return True

    def refuse_unknown_fields(self, given: Any) -> None:
        """Refuse fields that the model does not have and ignores without a word. Most are typing errors.

        `given` are inputs that fit, as JSON values. A model may itself say how it treats other fields.

        Raises:
            WorkflowInputError: The model does not have a field.
        """
        for path, known in islice(_unknown_fields(self.model, given, ()), _MAX_CHECKED):
            if not self.is_affected_by(given, path):
                names = ", ".join(known) or "none"
                hint = did_you_mean(path[-1], known)
                raise self._refused(f"unknown field '{'.'.join(path)}'. The fields are: {names}.{hint}")

    @staticmethod
    def field(inputs: Any, name: str) -> Any:
        """Return one field of the inputs; None if they do not have it."""
        return inputs.get(name) if isinstance(inputs, dict) else getattr(inputs, name, None)

    def names_in(self, inputs: Any) -> frozenset[str]:
        """Return the names of all fields that these inputs have, extra fields included."""
        if isinstance(inputs, dict):
            return frozenset(inputs)
        extra = inputs.model_extra if isinstance(inputs, BaseModel) else None
        return frozenset((*(self.fields or ()), *(extra or ())))

    def changed_fields(self, before: Any, after: Any) -> frozenset[str]:
        """Return the names of the fields that differ for a step."""
        old, new = self.names_in(before), self.names_in(after)
        changed = old ^ new
        for name in old & new:
            if content_hash(self.field(before, name)) != content_hash(self.field(after, name)):
                changed |= {name}
        return changed

    def json_schema(self) -> Mapping[str, Any]:
        """Return the JSON schema of the inputs."""
        return self._adapter.json_schema()

    def _refused(self, problem: str) -> WorkflowInputError:
        return WorkflowInputError(workflow=self.workflow, problem=problem)


def _field_names(model: Any) -> frozenset[str] | None:
    if model is None:
        return None
    if isinstance(model, type) and issubclass(model, BaseModel) and not issubclass(model, RootModel):
        return frozenset(model.model_fields)
    if isinstance(model, type) and dataclasses.is_dataclass(model):
        return frozenset(each.name for each in dataclasses.fields(model))
    if is_typeddict(model):
        return frozenset(get_type_hints(model))
    raise TypeError("give a pydantic model, a dataclass or a TypedDict, or None for any JSON object")


def is_too_deep(data: bytes) -> bool:
    """Return whether JSON is nested more than `MAX_LEVELS` levels deep."""
    if data.count(b"{") + data.count(b"[") <= MAX_LEVELS:
        return False
    # Brackets may be part of a text, so the parser decides: it refuses the data inside this many lists.
    around = _PARSER_LEVELS - MAX_LEVELS
    try:
        from_json(b"[" * around + data + b"]" * around)
    except ValueError:
        return True
    return False


def _unknown_fields(
    model: Any, given: Any, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Yield the path of each field that its model seems not to have, with the fields that the model has."""
    fields = _fields_of(model)
    if fields is None or not isinstance(given, dict):
        return
    for name, value in given.items():
        if name not in fields:
            yield (*path, name), [*fields]
        else:
            yield from _unknown_fields(without_none(fields[name]), value, (*path, name))


def _fields_of(model: Any) -> dict[str, Any] | None:
    """Return the type of each field, by name and by alias; None if the model may accept other names as well."""
    if not isinstance(model, type):
        return None
    if issubclass(model, BaseModel):
        return _fields_of_pydantic_model(model)
    if dataclasses.is_dataclass(model) or is_typeddict(model):
        if getattr(model, "__pydantic_config__", {}).get("extra", "forbid") != "forbid":
            return None
        with suppress(Exception):  # A type of the user may have no JSON schema.
            by_alias = dict.fromkeys(TypeAdapter(model).json_schema().get("properties", ()))
            return {**by_alias, **get_type_hints(model)}
    return None


def _fields_of_pydantic_model(model: type[BaseModel]) -> dict[str, Any] | None:
    if issubclass(model, RootModel) or model.model_config.get("extra", "forbid") != "forbid":
        return None
    validators = model.__pydantic_decorators__.model_validators.values()
    # A validator that runs before the fields are read may remove fields on purpose.
    if any(each.info.mode != "after" for each in validators):
        return None
    fields: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        for each in (name, *_aliases(field)):
            fields[each] = field.annotation
    return fields


def _aliases(field: FieldInfo) -> Iterator[str]:
    for alias in (field.alias, field.validation_alias):
        for each in alias.choices if isinstance(alias, AliasChoices) else [alias]:
            if each is not None:
                yield str(each.path[0]) if isinstance(each, AliasPath) else each


def without_none(annotation: Any) -> Any:
    """Return `Brand` for `Brand | None`."""
    kinds = [each for each in get_args(annotation) if each is not NoneType]
    is_optional = get_origin(annotation) in {Union, UnionType} and len(kinds) == 1
    return kinds[0] if is_optional else annotation
