"""Fields of inputs that their model would ignore without a word. Most of them are typing errors."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from itertools import islice
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Final, Union, get_args, get_origin, get_type_hints

from pydantic import AliasChoices, AliasPath, BaseModel, RootModel, TypeAdapter
from typing_extensions import (
    is_typeddict,  # the one of `typing` does not recognise TypedDicts of typing_extensions
)

from langgraph_runner.errors.hints import did_you_mean
from langgraph_runner.workflow.errors import WorkflowInputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

    from langgraph_runner.workflow.values.input_type import InputType

__all__ = ["refuse_unknown_fields"]

_MAX_CHECKED: Final = 20
"""Each unknown field costs two more checks of the inputs, so a request with many of them must not be expensive."""


def refuse_unknown_fields(inputs: InputType, given: Any) -> None:
    """Refuse fields that the model of the inputs does not have, unless the model itself says how it treats them.

    Args:
        inputs: The input type of the workflow.
        given: Inputs that fit, as JSON values.

    Raises:
        WorkflowInputError: The model does not have a field.
    """
    for path, known in islice(_unknown_fields(inputs.model, given, ()), _MAX_CHECKED):
        if not inputs.is_affected_by(given, path):
            names = ", ".join(known) or "none"
            hint = did_you_mean(path[-1], known)
            problem = f"unknown field '{'.'.join(path)}'. The fields are: {names}.{hint}"
            raise WorkflowInputError(workflow=inputs.workflow, problem=problem)


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
            yield from _unknown_fields(_without_none(fields[name]), value, (*path, name))


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


def _without_none(annotation: Any) -> Any:
    """Return `Brand` for `Brand | None`."""
    kinds = [each for each in get_args(annotation) if each is not NoneType]
    is_optional = get_origin(annotation) in {Union, UnionType} and len(kinds) == 1
    return kinds[0] if is_optional else annotation
