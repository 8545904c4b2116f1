"""`plain()` converts the output of a run to data that is comparable with another run of the same graph.

Ids and times differ between runs. They are replaced by the order of their first occurrence, so two runs are equal if
they use the same id in the same places.
"""

from __future__ import annotations

import dataclasses
import re
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable
from pydantic import BaseModel

__all__ = ["Plain", "frames_of"]

_MADE_UP: Final = re.compile(
    r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}|0x[0-9a-f]{6,}"
)
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(\+00:00|Z)?|\d+\.\d+s\b")
# A version of a channel is a counter and a random number.
_VERSION: Final = re.compile(r"^0{10,}\d+\.\d+(\.\d+)?$")
_ATOMS: Final = (bool, int, float, complex, bytes, type(None))
_LONG_AGO_MS: Final = 10**12
_DEPTH: Final = 40
HERE: Final = str(Path(__file__).parent)


class Plain:
    """Converts the output of one run to plain data.

    Args:
        numbered: Give each id a number. Without a defined order of events, ids have no numbers.
    """

    def __init__(self, *, numbered: bool = True) -> None:
        self._numbered = numbered
        self._names: dict[str, str] = {}

    def __call__(self, value: Any, depth: int = 0) -> Any:
        """Return `value` as tuples, strings and numbers."""
        if isinstance(value, int) and value > _LONG_AGO_MS:
            return "time"
        if isinstance(value, _ATOMS):
            return value
        if isinstance(value, str):
            return self._text(value)
        if depth > _DEPTH:
            return "..."
        return tuple(self._parts(value, depth + 1))

    def _parts(self, value: Any, depth: int) -> Iterator[Any]:
        yield type(value).__name__
        for part in _members(value):
            if isinstance(part, tuple) and len(part) == 2:
                yield (self(part[0], depth), self(part[1], depth))
            else:
                yield self(part, depth)

    def _text(self, text: str) -> str:
        if _VERSION.match(text):
            return "version"
        return _MADE_UP.sub(self._name, _TIME.sub("time", text)) if len(text) > 7 else text

    def _name(self, made_up: re.Match[str]) -> str:
        if not self._numbered:
            return "id"
        return self._names.setdefault(made_up[0].replace("-", ""), f"id{len(self._names)}")


def _members(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield from ((key, item) for key, item in value.items())
    elif isinstance(value, (set, frozenset)):
        yield from sorted(value, key=repr)
    elif isinstance(value, tuple) and hasattr(value, "_asdict"):
        yield from value._asdict().items()
    elif isinstance(value, (list, tuple)):
        yield from value
    elif isinstance(value, BaseException):
        yield from _of_exception(value)
    else:
        yield from _of_object(value)


def _of_object(value: Any) -> Iterator[Any]:
    if isinstance(value, Runnable):
        # The type of the action differs by design.
        yield value.get_name()
    elif isinstance(value, (BaseMessage, BaseModel)):
        yield from ((name, getattr(value, name)) for name in type(value).model_fields if name != "id")
        yield ("id", _id_of(value))
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from ((field.name, getattr(value, field.name, None)) for field in dataclasses.fields(value))
    elif isinstance(value, (type, types.FunctionType, types.MethodType)):
        yield value.__qualname__
    elif type(value).__repr__ is object.__repr__:
        yield "object"
    else:
        yield repr(value)


def _id_of(value: Any) -> Any:
    """Ignore generated ids: LangGraph sets them while another thread writes the checkpoint, so they vary."""
    known = getattr(value, "id", None)
    return None if isinstance(known, str) and _MADE_UP.fullmatch(known) else known


def _of_exception(error: BaseException) -> Iterator[Any]:
    yield str(error)
    yield from error.args
    for note in getattr(error, "__notes__", ()):
        yield ("note", note)
    yield ("frames", frames_of(error))
    for link in ("__cause__", "__context__"):
        if (linked := getattr(error, link)) is not None:
            yield (link, linked)


def frames_of(error: BaseException) -> list[str]:
    """Return the functions of these graphs in the traceback, outermost first."""
    names: list[str] = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename.startswith(HERE + "/graphs"):
            names.append(f"{code.co_qualname}:{trace.tb_lineno}")
        trace = trace.tb_next
    return names
