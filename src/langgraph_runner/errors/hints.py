"""What the messages of many modules share: suggestions, articles, refusals, missing extras, the words of pydantic."""

from __future__ import annotations

from contextlib import contextmanager
from difflib import get_close_matches  # noqa: TID251 - the one place
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

__all__ = [
    "Hints",
    "as_choice",
    "did_you_mean",
    "importing_extra",
    "refuse_unknown_options",
    "refused_options",
    "refused_value",
    "validation_error_of",
    "with_article",
    "without_inputs",
]


def did_you_mean(name: object, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """Suggest the known name that is closest to `name`: `" Did you mean 'retry'?"`; empty if none is similar.

    `cutoff` is how similar two names must be, 0 to 1. Raise it where other names are allowed.
    """
    close = get_close_matches(str(name), [*known], n=1, cutoff=cutoff)
    return f" Did you mean '{close[0]}'?" if close else ""


class Hints:
    """Suggestions for the first few unknown names of many, because each is compared with all known names.

    Args:
        known: The names that exist.
        limit: For how many names to make a suggestion.
    """

    def __init__(self, known: Iterable[str], limit: int = 5) -> None:
        self._known = [*known]
        self._left = limit

    def suggest(self, name: object, *others: str) -> str:
        """Return `did_you_mean()` for the name; an empty text after `limit` names.

        `others` are further names that exist, for this name only.
        """
        if self._left <= 0:
            return ""
        self._left -= 1
        return did_you_mean(name, [*others, *self._known])


def as_choice(value: object, choices: tuple[str, ...], *, field: str) -> None:
    """Raise a ValueError for a value that is not one of `choices`."""
    if value not in choices:
        raise ValueError(f"{field} must be one of {', '.join(map(repr, choices))}, got {value!r}.")


def with_article(noun: str) -> str:
    """Return the noun with "a" or "an" before it."""
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


@contextmanager
def importing_extra(library: str, purpose: str, *, extra: str) -> Iterator[None]:
    """Around the import of a library that an extra installs: name the extra if the library is missing.

    `purpose` begins the message, such as "Metrics for Prometheus need prometheus-client".
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != library:
            raise
        raise ModuleNotFoundError(
            f"{purpose}: pip install 'langgraph-runner[{extra}]'", name=error.name
        ) from error


def refuse_unknown_options(given: Iterable[str], known: Collection[str], *, of: str) -> None:
    """Raise a TypeError for the first of `given` that is not among `known`.

    `of` is the function that takes them, such as `RunEngine.run()`.
    """
    for name in given:
        if name not in known:
            takes = f" It takes {', '.join(sorted(known))}."
            raise TypeError(f"{name}: {of} has no such option.{did_you_mean(name, known)}{takes}")


def refused_options(error: ValidationError) -> str:
    """Return why pydantic has refused options, on one line: `max_attempts must be at least 1, got 0`."""
    return "; ".join(refused_value(each) for each in error.errors(include_url=False, include_context=False))


def without_inputs(error: ValidationError) -> ValidationError:
    """Return the same error, whose text and so whose traceback do not show the values, which may hold secrets."""
    from pydantic import ValidationError  # noqa: PLC0415 - only for a message
    from pydantic_core import InitErrorDetails, PydanticCustomError  # noqa: PLC0415

    as_custom: Any = PydanticCustomError  # Its own types accept literals only.
    details = [
        InitErrorDetails(
            type=as_custom(detail["type"], detail["msg"]),
            loc=detail["loc"],
            input=detail["input"],
        )
        for detail in error.errors(include_url=False, include_context=False)
    ]
    return ValidationError.from_exception_data(error.title, details, hide_input=True)


def validation_error_of(error: BaseException) -> ValidationError | None:
    """Return `error` itself or the first of its causes that is a pydantic error; None if none of them is."""
    from pydantic import ValidationError  # noqa: PLC0415 - only for a message

    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ValidationError):
        cause = cause.__cause__
    return cause


def refused_value(detail: ErrorDetails, *, within: str = "") -> str:
    """Return one fault of a pydantic error, such as `max_attempts must be at least 1, got 0`.

    Args:
        detail: The fault, from `ValidationError.errors()`.
        within: The field that the place of the fault is relative to.
    """
    field = ".".join(map(str, [within, *detail["loc"]] if within else detail["loc"]))
    if detail["type"] == "missing":
        return f"{field} is required"
    if detail["type"] == "value_error":
        words = detail["msg"].removeprefix("Value error, ").removesuffix(".")
        return words if not field or field in words else f"{field}: {words}"
    words = detail["msg"].replace("Input should be greater than or equal to", "must be at least")
    words = words.replace("Input should be less than or equal to", "must be at most")
    words = words.replace("Input should", "must").replace("Extra inputs are", "is").replace("Input is", "is")
    return f"{field} {words}, got {detail['input']!r:.80}"
