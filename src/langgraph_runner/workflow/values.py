"""`OutputType`: what a step returns as JSON and back, so that what the next step gets is what was returned."""

from __future__ import annotations

import inspect
from functools import lru_cache
from typing import Any, Final

from pydantic import PydanticUndefinedAnnotation, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, from_json

from langgraph_runner.workflow.contained import Contained
from langgraph_runner.workflow.errors import StepOutputError
from langgraph_runner.workflow.faults import as_plain_json, fault_in, in_words, lost_words
from langgraph_runner.workflow.fidelity import difference

__all__ = ["OutputType", "adapter_of"]

_FIX_OF_BYTES: Final = (
    "Save them with ctx.save_artifact(), or return a model whose config has ser_json_bytes='base64' and"
    " val_json_bytes='base64'."
)


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
        self._adapter: TypeAdapter[Any] | None = None
        if annotation is not Any:
            try:
                self._adapter = adapter_of(annotation)
            except Exception as error:  # A type of the user's may raise anything.
                name = getattr(annotation, "__name__", repr(annotation))
                raise self._refused(
                    f"values of the type {name:.80} cannot be kept as JSON: {error}"
                ) from error

    def keep(self, value: Any) -> tuple[bytes, Any]:
        """`value` as JSON, and what `load` makes of it.

        Raises:
            StepOutputError: It is not of the declared type, or would not come back from JSON as it is.
        """
        data = None
        try:
            data = self._as_json(value)
            back = self._of_json(data)
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
        return data, back

    def dump(self, value: Any) -> bytes:
        """`value` as JSON; raises as `keep` does."""
        return self.keep(value)[0]

    def load(self, data: bytes) -> Any:
        """What `keep` made, as the declared type, made anew.

        Raises:
            StepOutputError: The data is of another type: of an earlier release of the workflow.
        """
        try:
            with self._validators:
                return self._of_json(data)
        except ValueError as error:
            words = in_words(error) if isinstance(error, ValidationError) else str(error)
            raise self._refused(
                f"its stored output is not what it declares now; change its version. {words}"
            ) from error

    def _as_json(self, value: Any) -> bytes:
        if self._adapter is None:
            return as_plain_json(value)
        checked = self._adapter.validate_python(value, strict=True)
        return self._adapter.dump_json(checked, by_alias=True, round_trip=True, warnings="error")

    def _of_json(self, data: bytes) -> Any:
        return from_json(data) if self._adapter is None else self._adapter.validate_json(data)

    @property
    def _fix(self) -> str:
        if self._adapter is None:
            return "Declare its type, as in `-> Theme`, or return JSON values."
        return "Declare precisely what it returns, or return what it declares."

    def _refused(self, problem: str) -> StepOutputError:
        return StepOutputError(step=self.step, problem=problem)


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
