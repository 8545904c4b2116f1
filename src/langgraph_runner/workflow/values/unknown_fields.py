"""Fields of inputs that their model would drop in silence: typing errors of people, most of the time."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from itertools import islice
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Final, Union, get_args, get_origin, get_type_hints

from pydantic import AliasChoices, AliasPath, BaseModel, RootModel, TypeAdapter
from typing_extensions import is_typeddict  # that of typing does not know the others

from langgraph_runner.errors.hints import did_you_mean
from langgraph_runner.workflow.errors import WorkflowInputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

    from langgraph_runner.workflow.definition.blueprint import Blueprint

__all__ = ["refuse_unknown_fields"]

_MOST_CHECKED: Final = 20
"""For each the inputs are checked again, which a caller of the service must not make long. More are no slip."""


def refuse_unknown_fields(blueprint: Blueprint, given: Any) -> None:
    """Refuse fields that the model of the inputs does not have, unless it says itself that it takes or drops them.

    Raises:
        WorkflowInputError: There is no such field.
    """
    for path, fields in islice(_unknown(blueprint.spec.inputs, given, ()), _MOST_CHECKED):
        if not blueprint.inputs.takes_notice(given, path):
            hint = did_you_mean(path[-1], fields)
            problem = f"there is no field '{'.'.join(path)}', but {', '.join(fields) or 'none'}.{hint}"
            raise WorkflowInputError(workflow=blueprint.id, problem=problem)


def _unknown(model: Any, given: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """The fields that their model seems not to have, by their paths, with those that there are."""
    fields = _fields_of(model)
    if fields is None or not isinstance(given, dict):
        return
    for name, value in given.items():
        if name not in fields:
            yield (*path, name), [*fields]
        else:
            yield from _unknown(_without_none(fields[name]), value, (*path, name))


def _fields_of(model: Any) -> dict[str, Any] | None:
    """The names that a model knows, with their types; None if it may know others."""
    if not isinstance(model, type):
        return None
    if issubclass(model, BaseModel):
        if issubclass(model, RootModel) or model.model_config.get("extra", "forbid") != "forbid":
            return None
        validators = model.__pydantic_decorators__.model_validators.values()
        if any(each.info.mode != "after" for each in validators):  # It may drop fields on purpose.
            return None
        return {
            name: field.annotation
            for key, field in model.model_fields.items()
            for name in (key, *_aliases(field))
        }
    if dataclasses.is_dataclass(model) or is_typeddict(model):
        if getattr(model, "__pydantic_config__", {}).get("extra", "forbid") != "forbid":
            return None
        with suppress(Exception):  # Of a type of the user's, which need not have a schema.
            by_alias = dict.fromkeys(TypeAdapter(model).json_schema().get("properties", ()))
            return {**by_alias, **get_type_hints(model)}
    return None


def _aliases(field: FieldInfo) -> Iterator[str]:
    for alias in (field.alias, field.validation_alias):
        for each in alias.choices if isinstance(alias, AliasChoices) else [alias]:
            if each is not None:
                yield str(each.path[0]) if isinstance(each, AliasPath) else each


def _without_none(annotation: Any) -> Any:
    """`Brand` of `Brand | None`."""
    kinds = [each for each in get_args(annotation) if each is not NoneType]
    is_optional = get_origin(annotation) in {Union, UnionType} and len(kinds) == 1
    return kinds[0] if is_optional else annotation
