"""Reading exceptions that may be anything: cyclic, 500 groups deep, or with attributes that raise.

Links are read from the slots that the interpreter fills, past any property of a subclass, so reading
them runs no code of the exception. Only `str()` and `__notes__` do, each behind its own guard.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

_SLOTS: Final = vars(BaseException)
_MOST_NOTES: Final = 10
_MOST_WALKED: Final = 100


def type_name(exc: BaseException) -> str:
    """The class's own name, without its module."""
    name: object = type.__getattribute__(type(exc), "__name__")
    return name if isinstance(name, str) else "BaseException"


def full_type_name(exc: BaseException) -> str:
    """The class's name as a traceback prints it: with its module, unless it is a builtin."""
    try:
        module, name = type(exc).__module__, type(exc).__qualname__
    except Exception:  # A metaclass can answer with anything.
        return type_name(exc)
    return name if module in ("builtins", "__main__") else f"{module}.{name}"


def raw_message(exc: BaseException) -> str:
    """`str(exc)`, or the class's name when that is empty or cannot be had."""
    try:
        text = str(exc)
        # A subclass of str could answer its methods with anything; this is its plain content.
        return str.__str__(text) or type_name(exc)
    except KeyboardInterrupt:
        raise
    except BaseException:  # SystemExit and CancelledError too: they came from a message, not for us.
        return type_name(exc)


def raw_notes(exc: BaseException) -> list[str]:
    """The notes of the exception that are strings, at most ten."""
    try:
        notes = getattr(exc, "__notes__", None)
        if not isinstance(notes, list | tuple):
            return []
        return [str.__str__(note) for note in notes[:_MOST_NOTES] if isinstance(note, str)]
    except KeyboardInterrupt:
        raise
    except BaseException:
        return []


def traceback_of(exc: BaseException) -> TracebackType | None:
    """Where the exception was raised, from the outermost frame on."""
    found: TracebackType | None = _SLOTS["__traceback__"].__get__(exc)
    return found


def explicit_cause(exc: BaseException) -> BaseException | None:
    """What it was raised from."""
    found: BaseException | None = _SLOTS["__cause__"].__get__(exc)
    return found


def cause_of(exc: BaseException) -> BaseException | None:
    """What it was raised from, or while handling what; `raise ... from None` hides the latter."""
    cause = explicit_cause(exc)
    if cause is not None or _SLOTS["__suppress_context__"].__get__(exc):
        return cause
    context: BaseException | None = _SLOTS["__context__"].__get__(exc)
    return context


def members_of(exc: BaseException) -> tuple[BaseException, ...]:
    """The exceptions in a group; of any other exception none."""
    if not isinstance(exc, BaseExceptionGroup):
        return ()
    found: tuple[BaseException, ...] = vars(BaseExceptionGroup)["exceptions"].__get__(exc)
    return found


def below(exc: BaseException) -> Iterator[BaseException]:
    """What led to the exception, each once: nearest first, causes before the members of groups."""
    seen = {id(exc)}
    waiting = deque([exc])
    for _ in range(_MOST_WALKED):
        if not waiting:
            return
        current = waiting.popleft()
        cause = cause_of(current)
        nearest = () if cause is None else (cause,)
        for found in (*nearest, *members_of(current)[:_MOST_WALKED]):
            if id(found) not in seen:
                seen.add(id(found))
                waiting.append(found)
                yield found
