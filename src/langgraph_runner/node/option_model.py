"""What the options of all policies share: a frozen pydantic model, and the kinds of its fields."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from langgraph_runner.callbacks import accept_fewer_arguments
from langgraph_runner.errors.hints import refuse_unknown_options, refused_options
from langgraph_runner.runtime.timeouts import MAX_MS

__all__ = [
    "Count",
    "ErrorPredicate",
    "Milliseconds",
    "OnDrain",
    "OnError",
    "OptionModel",
    "Ratio",
    "as_predicate",
]

OnError = Literal["capture", "record", "stop", "raise"]
OnDrain = Literal["stop", "finish"]


def _no_bool(value: Any) -> Any:
    # To pydantic True is 1, and `retry=True` would quietly mean "one attempt".
    if isinstance(value, bool):
        raise ValueError(f"must be a number, got {value}")  # noqa: TRY004 - pydantic reports ValueErrors
    return value


def as_predicate(value: Any) -> Any:
    """Return what was given as exception classes or as a predicate, as a predicate.

    Raises:
        ValueError: It is neither.
    """
    if isinstance(value, type) and issubclass(value, BaseException):
        value = (value,)
    if isinstance(value, (list, tuple)):
        kinds = tuple(value)
        if not kinds or not all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds):
            raise ValueError("must be exception classes or a predicate")
        return lambda error: isinstance(error, kinds)
    if inspect.iscoroutinefunction(value) or inspect.iscoroutinefunction(getattr(value, "__call__", None)):  # noqa: B004
        raise ValueError("a predicate decides at once; it cannot be a coroutine function")
    if not callable(value):
        raise ValueError(f"must be exception classes or a predicate, got {value!r:.80}")  # noqa: TRY004
    try:
        return accept_fewer_arguments(value, "error", field="predicate")
    except TypeError as error:
        raise ValueError(str(error)) from error  # pydantic reports ValueErrors.


Count = Annotated[int, BeforeValidator(_no_bool)]
Ratio = Annotated[float, BeforeValidator(_no_bool)]
Milliseconds = Annotated[float, BeforeValidator(_no_bool), Field(ge=0, le=MAX_MS, allow_inf_nan=False)]
ErrorPredicate = Annotated[Callable[[BaseException], bool], BeforeValidator(as_predicate)]


class OptionModel(BaseModel):
    """Options that cannot be changed, and refuse fields that they do not have."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_fields(cls, values: Any) -> Any:
        # As Python refuses an unknown keyword: a TypeError, which pydantic lets through as it is.
        if isinstance(values, Mapping):
            refuse_unknown_options(values, cls.model_fields, of=cls.__name__)
        return values

    if not TYPE_CHECKING:  # Type checkers make `__init__` of the fields.

        def __init__(self, **options: Any) -> None:
            try:
                super().__init__(**options)
            except ValidationError as error:
                raise ValueError(f"{type(self).__name__}: {refused_options(error)}.") from None
