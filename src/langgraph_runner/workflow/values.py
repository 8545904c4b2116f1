"""Inputs and outputs as JSON and back: what is kept is what the next step, or the next process, gets."""

from __future__ import annotations

import dataclasses
import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, get_type_hints, is_typeddict

from pydantic import BaseModel, PydanticSchemaGenerationError, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, from_json

from langgraph_runner.workflow.errors import StepOutputError, WorkflowInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["InputType", "OutputType", "field_names"]

_NULL: Final = b"null"


class OutputType:
    """How the output of one step becomes JSON and comes back as its type. Immutable and thread-safe.

    Args:
        step: The step's id, for the messages.
        annotation: The declared type. `Any` for none: then only JSON values may be returned.

    Raises:
        StepOutputError: No value of that type could be kept.
    """

    def __init__(self, step: str, annotation: Any) -> None:
        self._step = step
        self._adapter = None if annotation is Any else _adapter(step, annotation)

    def dump(self, value: Any) -> bytes:
        """`value` as JSON.

        Raises:
            StepOutputError: It is not of the declared type, or no JSON.
        """
        if self._adapter is None:
            return self._dump_json(value)
        if value is None and self._takes_none:
            return _NULL
        try:
            return self._adapter.dump_json(self._adapter.validate_python(value), by_alias=True)
        except ValidationError as error:
            raise StepOutputError(
                step=self._step, problem=f"its output is not what it declares: {error}"
            ) from error
        except (PydanticSerializationError, ValueError, RecursionError) as error:
            raise StepOutputError(
                step=self._step, problem=f"its output cannot be kept as JSON: {error}"
            ) from error

    def load(self, data: bytes) -> Any:
        """What `dump` made, as the declared type.

        Raises:
            StepOutputError: The data is of another type: of an earlier release of the workflow, or one that does not
                survive JSON.
        """
        if self._adapter is None:
            return None if data == _NULL else from_json(data)
        try:
            return self._adapter.validate_json(data)
        except ValidationError as error:
            raise StepOutputError(
                step=self._step,
                problem=f"its stored output is not what it declares now; change its version. {error}",
            ) from error

    @property
    def _takes_none(self) -> bool:
        return self._adapter is not None and self._adapter.core_schema.get("type") == "none"

    def _dump_json(self, value: Any) -> bytes:
        if value is None:
            return _NULL
        try:
            _refuse_odd_keys(value)
            return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise StepOutputError(
                step=self._step,
                problem=f"its output cannot be kept as JSON ({error}). Declare its type, as in `-> Theme`, or return"
                " JSON values.",
            ) from error


def _refuse_odd_keys(value: Any) -> None:
    # json.dumps would turn 1 and None into "1" and "null", and let them meet.
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"the key {key!r:.80} is no string")


def _adapter(step: str, annotation: Any) -> TypeAdapter[Any]:
    try:
        return _known_adapter(annotation) if isinstance(annotation, type) else TypeAdapter(annotation)
    except (PydanticSchemaGenerationError, TypeError, NameError) as error:
        raise StepOutputError(
            step=step, problem=f"values of the type {annotation!r:.80} cannot be kept as JSON: {error}"
        ) from error


@lru_cache(maxsize=1024)
def _known_adapter(kind: type) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


class InputType:
    """How the inputs of a workflow are checked, kept and read. Immutable and thread-safe.

    Args:
        workflow: The workflow's id, for the messages.
        model: A pydantic model, a dataclass or a TypedDict; None for any JSON object.
    """

    def __init__(self, workflow: str, model: Any) -> None:
        self._workflow = workflow
        self._adapter: TypeAdapter[Any] = TypeAdapter(dict[str, Any] if model is None else model)
        self.fields = field_names(model)
        """The names that parameters may have; None for any."""

    def check(self, inputs: Any) -> tuple[Any, bytes]:
        """The inputs as their model, and as JSON; the model is what that JSON gives back.

        Raises:
            WorkflowInputError: They do not fit, or are no JSON.
        """
        try:
            data = self._adapter.dump_json(self._adapter.validate_python(inputs), by_alias=True)
            return self._adapter.validate_json(data), data
        except (ValidationError, PydanticSerializationError, ValueError, RecursionError) as error:
            raise WorkflowInputError(workflow=self._workflow, problem=str(error)) from error

    def load(self, data: bytes) -> Any:
        """The inputs of a run that was made before.

        Raises:
            WorkflowInputError: The model has changed since, and they do not fit any more.
        """
        try:
            return self._adapter.validate_json(data)
        except ValidationError as error:
            raise WorkflowInputError(workflow=self._workflow, problem=str(error)) from error

    @staticmethod
    def field(inputs: Any, name: str) -> Any:
        """One field of the inputs; None where there is none."""
        return inputs.get(name) if isinstance(inputs, dict) else getattr(inputs, name, None)

    def json_schema(self) -> Mapping[str, Any]:
        """What the inputs have to look like."""
        return self._adapter.json_schema()


def field_names(model: Any) -> frozenset[str] | None:
    """The fields of a model; None where any may be there."""
    if model is None or model is dict:
        return None
    if isinstance(model, type) and issubclass(model, BaseModel):
        return frozenset(model.model_fields)
    if dataclasses.is_dataclass(model):
        return frozenset(each.name for each in dataclasses.fields(model))
    return frozenset(get_type_hints(model)) if is_typeddict(model) else None
