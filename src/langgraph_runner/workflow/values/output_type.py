"""`OutputType`: what a step returns as JSON and back, so that what the next step gets is what was returned."""

from __future__ import annotations

import inspect
from contextlib import suppress
from functools import cached_property, lru_cache, partial
from types import UnionType
from typing import TYPE_CHECKING, Any, Final, Union, get_args, get_origin

from pydantic import PydanticUndefinedAnnotation, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, from_json

from langgraph_runner.errors import UnhashableInputError
from langgraph_runner.workflow.contained import Contained
from langgraph_runner.workflow.errors import StepOutputError
from langgraph_runner.workflow.hashing import content_hash
from langgraph_runner.workflow.values.faults import as_plain_json, fault_in, in_words, lost_words
from langgraph_runner.workflow.values.fidelity import difference
from langgraph_runner.workflow.values.pieces import LARGE_CHARS, Pieces

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["OutputType", "adapter_of"]

_FIX_OF_BYTES: Final = (
    "Save them with ctx.save_artifact(), or return a model whose config has ser_json_bytes='base64' and"
    " val_json_bytes='base64'."
)
_UNIONS: Final = (Union, UnionType)
_DIVISIBLE: Final = frozenset({list, dict})


class OutputType:
    """How the output of one step becomes JSON and comes back as its type. Immutable and thread-safe.

    Nothing is converted: a value has to be of the declared type, and to come back from JSON as it was (see
    `fidelity`). Whatever would not is refused when the step returns it, not when somebody misses it.

    Args:
        step: The step's id, for the messages.
        annotation: The declared type. `Any` for none: then only JSON values may be returned.

    Raises:
        StepOutputError: No value of that type could be kept.
    """

    def __init__(self, step: str, annotation: Any) -> None:
        self.step = step
        self._validators = Contained(f"A validator of the output of step '{step}'")
        self._annotation = annotation
        self._adapter: TypeAdapter[Any] | None = None
        self._write: Callable[[Any], bytes] = as_plain_json
        self._read: Callable[[bytes | str], Any] = from_json
        if annotation is not Any:
            try:
                self._adapter = adapter_of(annotation)
                self._write = partial(_write, self._adapter)
                self._read = self._adapter.validate_json
            except Exception as error:  # A type of the user's may raise anything.
                name = getattr(annotation, "__name__", repr(annotation))
                raise self._refused(
                    f"values of the type {name:.80} cannot be kept as JSON: {error}"
                ) from error

    def keep(self, value: Any) -> tuple[bytes, str]:
        """`value` as JSON, and the content hash of what `load` makes of it.

        Raises:
            StepOutputError: It is not of the declared type, would not come back from JSON as it is, or cannot be
                hashed.
        """
        if type(value) in _DIVISIBLE:
            with suppress(
                Exception
            ):  # Then the error of the whole value is raised below: it names the place.
                if (pieces := self.pieces) is not None and pieces.divides(value):
                    return pieces.keep(value)
        data, back = self._kept(value)
        try:
            return data, content_hash(back)
        except UnhashableInputError as error:
            raise self._refused(f"its output cannot be hashed: {error}") from error

    def dump(self, value: Any) -> bytes:
        """`value` as JSON, in one piece and without a hash; raises as `keep` does."""
        return self._kept(value)[0]

    def _kept(self, value: Any) -> tuple[bytes, Any]:
        data = None
        try:
            data = self._write(value)
            back = self._read(data)
        except ValidationError as error:
            if data is not None:
                raise self._refused(f"its output does not survive JSON: {lost_words(error)}") from error
            hint = ". Is a `return` missing?" if value is None else ""
            raise self._refused(f"its output is not what it declares: {in_words(error)}{hint}") from error
        except (PydanticSerializationError, TypeError, ValueError, RecursionError) as error:
            if inspect.iscoroutine(value):
                value.close()  # Or Python warns that it was never awaited.
                raise self._refused("it returns a coroutine; make it an async function.") from error
            fault = fault_in(value, error, is_plain=self._adapter is None)
            fix = _FIX_OF_BYTES if isinstance(fault.value, bytes) else self._fix
            raise self._refused(f"its output cannot be kept as JSON: {fault.words}. {fix}") from error
        if (changed := difference(value, back)) is not None:
            raise self._refused(f"its output does not survive JSON: {changed}. {self._fix}")
        return data, value if type(value) is str else back  # One copy of a large text less.

    def load(self, data: bytes) -> Any:
        """What `keep` made, as the declared type, made anew.

        Raises:
            StepOutputError: The data is of another type: of an earlier release of the workflow.
        """
        try:
            with self._validators:
                if len(data) > LARGE_CHARS:
                    with suppress(Exception):  # As in `keep`.
                        if (pieces := self.pieces) is not None:
                            return pieces.read(data)
                return self._read(data)
        except ValueError as error:
            words = in_words(error) if isinstance(error, ValidationError) else str(error)
            raise self._refused(
                f"its stored output is not what it declares now; change its version. {words}"
            ) from error

    @cached_property
    def pieces(self) -> Pieces | None:
        """How a large value is handled; None if pydantic must have it as a whole."""
        if self._adapter is None:
            return Pieces(_DIVISIBLE, self._write, self._read, "same")
        return _pieces_of(self._annotation)

    @property
    def _fix(self) -> str:
        if self._adapter is None:
            return "Declare its type, as in `-> Theme`, or return JSON values."
        return "Declare precisely what it returns, or return what it declares."

    def _refused(self, problem: str) -> StepOutputError:
        return StepOutputError(step=self.step, problem=problem)


def _write(adapter: TypeAdapter[Any], value: Any) -> bytes:
    checked = adapter.validate_python(value, strict=True)
    return adapter.dump_json(checked, by_alias=True, round_trip=True, warnings="error")


def _pieces_of(annotation: Any) -> Pieces | None:
    """How values of a declared type are handled in pieces; None if pydantic must have them as a whole."""
    kind, arguments = get_origin(annotation) or annotation, get_args(annotation)
    if kind in _UNIONS and len(arguments) == 2 and type(None) in arguments:  # noqa: PLR2004 - T | None
        return _pieces_of(next(each for each in arguments if each is not type(None)))
    if annotation is not Any and kind is not list and kind is not dict:
        return None
    if kind is dict and arguments and arguments[0] is not str:
        return None
    adapter = adapter_of(annotation)
    write, read = partial(_write, adapter), adapter.validate_json
    if annotation is Any:
        return Pieces(_DIVISIBLE, write, read, "same")
    return Pieces(
        {list if kind is list else dict}, write, read, _pieces_of(arguments[-1] if arguments else Any)
    )


def adapter_of(annotation: Any) -> TypeAdapter[Any]:
    """The adapter of a type; the same for the same type.

    Raises:
        Exception: pydantic cannot handle the type, or it names something that is not defined.
    """
    try:
        # Equal unions may name their members in another order, which matters when JSON is read.
        return _adapter(annotation, repr(annotation))
    except TypeError:  # Unhashable, such as Annotated[int, []].
        return _made(annotation)


@lru_cache(maxsize=1024)
def _adapter(annotation: Any, _text: str) -> TypeAdapter[Any]:
    return _made(annotation)


def _made(annotation: Any) -> TypeAdapter[Any]:
    try:
        adapter = TypeAdapter(annotation)
        adapter.rebuild()
    except (PydanticUserError, PydanticUndefinedAnnotation) as error:
        # Its first line says what is wrong; the rest is for those who write types for pydantic.
        raise ValueError(error.message.partition("\n")[0]) from error
    return adapter
