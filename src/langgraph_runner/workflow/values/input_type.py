"""`InputType`: the inputs of a workflow, checked once, kept as JSON, and read field by field."""

from __future__ import annotations

import copy
import dataclasses
from functools import reduce
from operator import getitem
from typing import TYPE_CHECKING, Any, Final, get_type_hints

from pydantic import BaseModel, RootModel, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, from_json
from typing_extensions import is_typeddict  # that of typing does not know the others

from langgraph_runner.workflow.contained import Contained
from langgraph_runner.workflow.errors import WorkflowInputError
from langgraph_runner.workflow.hashing import content_hash
from langgraph_runner.workflow.values.faults import fault_in, in_words, lost_words
from langgraph_runner.workflow.values.fidelity import difference
from langgraph_runner.workflow.values.output_type import adapter_of

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["InputType"]

_SOMETHING_ELSE: Final = ["\U000f0000"]
"""No value that anybody gives."""
_PARSED_LEVELS: Final = 201
"""pydantic reads no JSON that is nested deeper."""
_MAX_LEVELS: Final = 192
"""Fewer, since the inputs are a part of other JSON, such as a page of runs."""


class InputType:
    """How the inputs of a workflow are checked, kept and read. Immutable and thread-safe.

    Inputs come from outside, so they are converted as pydantic converts JSON: "3" becomes 3 where an int is declared.
    What would be lost on the way to the database and back (NaN, a `SecretStr`, a tuple where nothing is declared) is
    refused.

    Args:
        workflow: The workflow's id, for the messages.
        model: A pydantic model, a dataclass or a TypedDict; None for any JSON object.

    Raises:
        Exception: The model is none, or names something that is not defined.
    """

    def __init__(self, workflow: str, model: Any) -> None:
        self._workflow = workflow
        self._validators = Contained(f"A validator of the inputs of workflow '{workflow}'")
        self.fields = _field_names(model)
        """The names that parameters may have; None where nothing is declared."""
        self._adapter: TypeAdapter[Any] = adapter_of(dict[str, Any] if model is None else model)

    def check(self, inputs: Any) -> tuple[Any, bytes]:
        """The inputs as their model, and as JSON; the model is what that JSON gives back.

        Args:
            inputs: As their model, or as JSON values, by alias or by name. None means no inputs: `{}`.

        Raises:
            WorkflowInputError: They do not fit, or would not come back from JSON as they are.
        """
        with self._validators:
            return self._checked(inputs)

    def _checked(self, inputs: Any) -> tuple[Any, bytes]:
        given = {} if inputs is None else inputs
        try:
            given = self._adapter.validate_python(given, by_alias=True, by_name=True)
            data = self._adapter.dump_json(given, by_alias=True, round_trip=True, warnings="error")
        except ValidationError as error:
            raise self._refused(in_words(error, fields=self.fields or ())) from error
        except (PydanticSerializationError, TypeError, ValueError, RecursionError) as error:
            words = fault_in(given, error, is_plain=False).words
            raise self._refused(f"they cannot be kept as JSON: {words}.") from error
        if _is_too_deep(data):
            raise self._refused(
                f"they are nested more than {_MAX_LEVELS} levels deep; flatten them, or pass a part as text."
            )
        try:
            back = self._adapter.validate_json(data)
        except ValidationError as error:
            raise self._refused(f"they do not survive JSON: {lost_words(error)}") from error
        if (changed := difference(given, back)) is not None:
            raise self._refused(f"they do not survive JSON: {changed}.")
        return back, data

    def load(self, data: bytes) -> Any:
        """The inputs of a run that was made before.

        Raises:
            WorkflowInputError: The model has changed since, and they do not fit any more.
        """
        try:
            with self._validators:
                return self._adapter.validate_json(data)
        except ValidationError as error:
            raise self._refused(in_words(error)) from error

    def takes_notice(self, given: dict[str, Any], path: tuple[str, ...]) -> bool:
        """Whether another value at `path` makes a difference: a model may have ways of its own to read and to write.

        Args:
            given: Inputs that fit, as JSON values.
            path: The keys that lead to one that is there.
        """
        other: Any = copy.deepcopy(given)
        reduce(getitem, path[:-1], other)[path[-1]] = _SOMETHING_ELSE
        try:
            return self.check(given)[1] != self.check(other)[1]
        except WorkflowInputError:
            return True

    @staticmethod
    def field(inputs: Any, name: str) -> Any:
        """One field of the inputs; None where there is none."""
        return inputs.get(name) if isinstance(inputs, dict) else getattr(inputs, name, None)

    def names_in(self, inputs: Any) -> frozenset[str]:
        """The names of all that these inputs hold."""
        if isinstance(inputs, dict):
            return frozenset(inputs)
        extra = inputs.model_extra if isinstance(inputs, BaseModel) else None
        return frozenset((*(self.fields or ()), *(extra or ())))

    def changed(self, before: Any, after: Any) -> frozenset[str]:
        """The names of the fields that a step would see a difference in."""
        one, other = self.names_in(before), self.names_in(after)
        return frozenset(
            name
            for name in one | other
            if (name in one) is not (name in other)
            or content_hash(self.field(before, name)) != content_hash(self.field(after, name))
        )

    def json_schema(self) -> Mapping[str, Any]:
        """What the inputs have to look like."""
        return self._adapter.json_schema()

    def _refused(self, problem: str) -> WorkflowInputError:
        return WorkflowInputError(workflow=self._workflow, problem=problem)


def _field_names(model: Any) -> frozenset[str] | None:
    """The fields of a model; None where there is no model."""
    if model is None:
        return None
    if isinstance(model, type) and issubclass(model, BaseModel) and not issubclass(model, RootModel):
        return frozenset(model.model_fields)
    if isinstance(model, type) and dataclasses.is_dataclass(model):
        return frozenset(each.name for each in dataclasses.fields(model))
    if is_typeddict(model):
        return frozenset(get_type_hints(model))
    raise TypeError("give a pydantic model, a dataclass or a TypedDict, or None for any JSON object")


def _is_too_deep(data: bytes) -> bool:
    around = _PARSED_LEVELS - _MAX_LEVELS
    if data.count(b"{") + data.count(b"[") <= _MAX_LEVELS:
        return False
    try:
        from_json(b"[" * around + data + b"]" * around)
    except ValueError:
        return True
    return False
