"""`OutputType`: how the output of a step becomes JSON and comes back unchanged."""

from __future__ import annotations

import inspect
from contextlib import suppress
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final, get_args, get_origin

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, from_json

from langgraph_runner.errors import UnhashableInputError
from langgraph_runner.errors.hints import without_inputs
from langgraph_runner.workflow.errors import StepOutputError
from langgraph_runner.workflow.hashing import content_hash
from langgraph_runner.workflow.user_code import UserCode
from langgraph_runner.workflow.values.chunked import CHUNKED_CHARS, ChunkedCodec
from langgraph_runner.workflow.values.input_type import without_none
from langgraph_runner.workflow.values.json_errors import (
    describe_invalid_json,
    describe_validation_error,
    find_bad_part,
)
from langgraph_runner.workflow.values.round_trip import dump_plain_json, find_difference, type_adapter

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["OutputType"]

_FIX_OF_BYTES: Final = (
    "Save them with ctx.save_artifact(), or return a model whose config has ser_json_bytes='base64' and"
    " val_json_bytes='base64'."
)
_CONTAINERS: Final = frozenset({list, dict})


class OutputType:
    """How the output of one step becomes JSON and comes back as its type. Immutable and thread-safe.

    Nothing is converted: a value must be of the declared type and come back from JSON unchanged (see `round_trip`).
    Any other value is refused when the step returns it, so that the error points to that step and not to the next
    one.

    Args:
        step: The step's id, for the messages.
        annotation: The declared type. `Any` if none is declared: then only JSON values may be returned.

    Raises:
        StepOutputError: No value of that type can be stored.
    """

    def __init__(self, step: str, annotation: Any) -> None:
        self.step = step
        self._validators = UserCode(f"A validator of the output of step '{step}'")
        self._annotation = annotation
        self._adapter: TypeAdapter[Any] | None = None
        self._write: Callable[[Any], bytes] = dump_plain_json
        self._read: Callable[[bytes | str], Any] = from_json
        if annotation is not Any:
            try:
                self._adapter = type_adapter(annotation)
                self._write = partial(_validate_and_dump, self._adapter)
                self._read = self._adapter.validate_json
            except Exception as error:  # A type of the user may raise anything.
                name = getattr(annotation, "__name__", repr(annotation))
                raise self._refused(
                    f"values of the type {name:.80} cannot be stored as JSON: {error}"
                ) from error

    def dump_with_hash(self, value: Any) -> tuple[bytes, str]:
        """Return `value` as JSON, and the content hash of what `load` makes of it.

        Raises:
            StepOutputError: The value is not of the declared type, would not come back from JSON unchanged, or cannot
                be hashed.
        """
        if type(value) in _CONTAINERS:
            # If a chunk is refused, the value is handled as a whole below: that error names the place.
            with suppress(Exception):
                codec = self.chunked
                if codec is not None and codec.handles(value):
                    return codec.dump_with_hash(value)
        data, back = self._round_trip(value)
        try:
            return data, content_hash(back)
        except UnhashableInputError as error:
            raise self._refused(f"its output cannot be hashed: {error}") from error

    def dump(self, value: Any) -> bytes:
        """Return `value` as JSON, never in chunks and without a hash. Raises what `dump_with_hash` raises."""
        return self._round_trip(value)[0]

    def _round_trip(self, value: Any) -> tuple[bytes, Any]:
        """Return `value` as JSON, and what comes back from it; both are checked."""
        data = None
        try:
            data = self._write(value)
            back = self._read(data)
        except ValidationError as error:
            if data is not None:
                reason = describe_invalid_json(error)
                raise self._refused(f"its output does not survive JSON: {reason}") from without_inputs(error)
            hint = ". Is a `return` missing?" if value is None else ""
            reason = describe_validation_error(error)
            raise self._refused(
                f"its output is not of the declared type: {reason}{hint}"
            ) from without_inputs(error)
        except (PydanticSerializationError, TypeError, ValueError, RecursionError) as error:
            if inspect.iscoroutine(value):
                value.close()  # Otherwise Python warns that it was never awaited.
                raise self._refused("it returns a coroutine; make it an async function.") from error
            part = find_bad_part(value, error, is_plain=self._adapter is None)
            fix = _FIX_OF_BYTES if isinstance(part.value, bytes) else self._fix
            raise self._refused(f"its output cannot be stored as JSON: {part.message}. {fix}") from error
        if (changed := find_difference(value, back)) is not None:
            raise self._refused(f"its output does not survive JSON: {changed}. {self._fix}")
        # A text is immutable, so `value` itself is safe to hand on. This saves a copy of a large text.
        return data, value if type(value) is str else back

    def load(self, data: bytes) -> Any:
        """Return a new value of the declared type from stored JSON.

        Raises:
            StepOutputError: The data does not fit the type, because an earlier release of the workflow stored it.
        """
        try:
            with self._validators:
                if len(data) > CHUNKED_CHARS:
                    with suppress(Exception):  # As in `dump_with_hash`.
                        if self.chunked is not None:
                            return self.chunked.load(data)
                return self._read(data)
        except ValueError as error:
            reason = describe_validation_error(error) if isinstance(error, ValidationError) else str(error)
            raise self._refused(
                f"its stored output is not of the type that it declares now; change its version. {reason}"
            ) from error

    @cached_property
    def chunked(self) -> ChunkedCodec | None:
        """The codec for large values; None if pydantic must handle values of this type as a whole."""
        if self._adapter is None:
            return ChunkedCodec(_CONTAINERS, self._write, self._read, "same")
        return _chunked_codec(self._annotation)

    @cached_property
    def json_schema(self) -> dict[str, Any] | None:
        """The JSON schema of the output; None if no type is declared, or if its type has no schema."""
        if self._adapter is None:
            return None
        try:
            return self._adapter.json_schema(mode="serialization")
        except Exception:  # A type of the user may raise anything.
            return None

    @property
    def _fix(self) -> str:
        if self._adapter is None:
            return "Declare its type, as in `-> Theme`, or return JSON values."
        return "Declare precisely what it returns, or return what it declares."

    def _refused(self, problem: str) -> StepOutputError:
        return StepOutputError(step=self.step, problem=problem)


def _validate_and_dump(adapter: TypeAdapter[Any], value: Any) -> bytes:
    checked = adapter.validate_python(value, strict=True)
    return adapter.dump_json(checked, by_alias=True, round_trip=True, warnings="error")


def _chunked_codec(annotation: Any) -> ChunkedCodec | None:
    """Return the codec for large values of a declared type; None if pydantic must handle them as a whole."""
    annotation = without_none(annotation)
    kind, arguments = get_origin(annotation) or annotation, get_args(annotation)
    if annotation is not Any and kind is not list and kind is not dict:
        return None
    if kind is dict and arguments and arguments[0] is not str:
        return None
    adapter = type_adapter(annotation)
    write, read = partial(_validate_and_dump, adapter), adapter.validate_json
    if annotation is Any:
        return ChunkedCodec(_CONTAINERS, write, read, "same")
    item_codec = _chunked_codec(arguments[-1] if arguments else Any)
    return ChunkedCodec({list if kind is list else dict}, write, read, item_codec)
